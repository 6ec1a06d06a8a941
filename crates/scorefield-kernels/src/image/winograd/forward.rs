//! Y = Aᵀ [U ⊙ (Bᵀ d B)] A over a block of images, a group of tiles at a time.

use super::tiles::{Tiles, from_frame, to_outputs};
use super::weights::Weights;
use super::{POINTS, plane};
use crate::dispatch::Simd;
use crate::image::Frame;
use crate::matrix::product::product;
use crate::matrix::rows::{Rows, RowsMut};
use crate::matrix::scratch;

/// Tiles at a time: what they need stays in a core's own cache next to the weights, where that is possible.
fn group(c_in: usize, c_out: usize) -> usize {
    let _ = (c_in, c_out);
    std::env::var("WG").map_or(64, |s| s.parse().unwrap())
}

/// `out` `[images, h, w, c_out]` = `weights` ∗ `a`, where `a` are images in their [`frame`](super::frame), zero outside them, and c_out
/// is rounded up to a multiple of 16. `weights` are those of [`Weights::forward`]. On the calling thread.
///
/// # Panics
/// If the shapes differ.
pub(crate) fn forward(simd: Simd, frame: Frame, h: usize, w: usize, a: &[f32], weights: Weights<'_>, out: &mut [f32]) {
    let tiles = Tiles::new(frame, h, w);
    let (c_in, c_out) = (frame.channels, weights.width());
    assert!(weights.inner() == c_in, "weights for {} channels, not {c_in}", weights.inner());
    let most = group(c_in, c_out).min(tiles.count());
    scratch::with([POINTS * plane(most, c_in), POINTS * plane(most, c_out), c_out], |[v, m, zeros]| {
        zeros.fill(0.0);
        let mut first = 0;
        while first < tiles.count() {
            let some = first..(first + most).min(tiles.count());
            let (n, from, to) = (some.len(), plane(some.len(), c_in), plane(some.len(), c_out));
            from_frame(simd, tiles, some.clone(), a, v);
            for k in 0..POINTS {
                let (v, m) = (&v[k * from..], &mut m[k * to..]);
                // M_k = V_k·U_k
                product(simd, Rows::new(v, n, c_in, c_in), weights.matrix(simd, k), zeros, RowsMut::new(m, n, c_out, c_out));
            }
            first = some.end;
            to_outputs(simd, tiles, some, c_out, m, out);
        }
    });
}
