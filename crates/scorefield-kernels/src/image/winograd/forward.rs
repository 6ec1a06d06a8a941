//! Y = Aᵀ [U ⊙ (Bᵀ d B)] A over a block of images, a group of tiles at a time.

use super::tiles::{Tiles, from_frame, to_outputs};
use super::weights::{Pass, Weights};
use super::{GROUP, POINTS, plane};
use crate::dispatch::Simd;
use crate::image::Frame;
use crate::matrix::rows::Rows;
use crate::matrix::scratch;

/// `out` `[images, h, w, c_out]` = `weights` ∗ `a`, where `a` are images in their [`frame`](super::frame), zero outside them, and c_out
/// is rounded up to a multiple of 16. `weights` are those of [`Weights::forward`]. On the calling thread.
///
/// # Panics
/// If the shapes differ.
pub(crate) fn forward(simd: Simd, frame: Frame, h: usize, w: usize, a: &[f32], weights: Weights<'_>, out: &mut [f32]) {
    let tiles = Tiles::new(frame, h, w);
    let [c_in, c_out] = weights.sides(simd, Pass::Forward);
    assert!(frame.channels == c_in, "weights for {c_in} channels, not {}", frame.channels);
    assert!(out.len() == tiles.pixels(c_out), "{} outputs, not {}", out.len(), tiles.pixels(c_out));
    let most = GROUP.min(tiles.count());
    scratch::with([POINTS * plane(most, c_in), POINTS * plane(most, c_out), c_out], |[v, m, zeros]| {
        zeros.fill(0.0);
        let mut first = 0;
        while first < tiles.count() {
            let some = first..(first + most).min(tiles.count());
            let (n, from, to) = (some.len(), plane(some.len(), c_in), plane(some.len(), c_out));
            from_frame(simd, tiles, some.clone(), a, v);
            for k in 0..POINTS {
                // M_k = V_k·U_k
                weights.multiply(k, Rows::new(&v[k * from..], n, c_in, c_in), zeros, &mut m[k * to..]);
            }
            first = some.end;
            to_outputs(simd, tiles, some, c_out, m, out);
        }
    });
}
