//! Y = Aᵀ [U ⊙ (Bᵀ d B)] A over a block of images, a group of tiles at a time.

use super::POINTS;
use super::inputs::from_inputs;
use super::outputs::to_outputs;
use super::planes::Planes;
use super::tiles::Tiles;
use super::weights::{Pass, Weights};
use crate::dispatch::Simd;
use crate::image::ahead;
use crate::image::leave::Ending;
use crate::matrix::rows::Rows;
use crate::matrix::scratch;
use std::mem::MaybeUninit;

/// All of `out` `[images, h, w, c_out]` = `ending` of `weights` ∗ `a`, the images that are cut into `tiles`. Channels are rounded up to
/// multiples of 16. `weights` are those of [`Weights::forward`] for the same stride. Meanwhile `next` is fetched. On the calling thread.
///
/// # Panics
/// If the shapes differ.
pub(crate) fn forward(
    simd: Simd,
    tiles: Tiles,
    a: &[f32],
    weights: Weights<'_>,
    next: &[f32],
    ending: Ending<'_>,
    out: &mut [MaybeUninit<f32>],
) {
    let Tiles { stride, frame, .. } = tiles;
    let [c_in, c_out] = weights.sides(simd, stride, Pass::Forward);
    assert!(frame.channels == c_in, "weights for {c_in} channels, not {}", frame.channels);
    assert!(out.len() == tiles.pixels(c_out), "{} outputs, not {}", out.len(), tiles.pixels(c_out));
    let most = stride.group().min(tiles.count());
    let planes = |tiles, channels| Planes { stride, tiles, channels };
    scratch::with([planes(most, c_in).len(), planes(most, c_out).len(), c_out], |[v, m, zeros]| {
        zeros.fill(0.0);
        let mut first = 0;
        while first < tiles.count() {
            let some = first..(first + most).min(tiles.count());
            let (from, to) = (planes(some.len(), c_in), planes(some.len(), c_out));
            from_inputs(simd, tiles, some.clone(), a, v);
            for k in 0..POINTS {
                if some.end == tiles.count() {
                    ahead::fetch(&next[next.len() * k / POINTS..next.len() * (k + 1) / POINTS]);
                }
                // M_k = V_k·U_k
                weights.multiply(k, Rows::new(&v[from.start(k)..], from.rows(k), c_in, c_in), zeros, &mut m[to.start(k)..]);
            }
            first = some.end;
            to_outputs(simd, tiles, some, c_out, m, ending, out);
        }
    });
}
