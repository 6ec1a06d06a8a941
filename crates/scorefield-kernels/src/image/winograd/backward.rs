//! The adjoint of the forward pass: Ū_k += V_kᵀ·(A ȳ Aᵀ)_k and d̄ = B V̄ Bᵀ with V̄_k = (A ȳ Aᵀ)_k·U_kᵀ, a group of tiles at a time.

use super::POINTS;
use super::inputs::{Overlapping, from_inputs};
use super::outputs::from_outputs;
use super::planes::Planes;
use super::tiles::Tiles;
use super::weights::{Pass, Weights};
use crate::dispatch::Simd;
use crate::matrix::outer::{Begin, outer};
use crate::matrix::rows::{Rows, RowsMut};
use crate::matrix::scratch;
use std::mem::MaybeUninit;

/// Gradients from `g` `[images, h, w, c_out]`, that of the outputs: by the weights, added to `du` `[36, c_in, c_out]`, of which
/// [`weight_gradient`](super::weight_gradient) makes the weights' own; and by the images, written to `da`, all of it. Channels are
/// rounded up to multiples of 16. `a` is as in [`forward`](super::forward()), `weights` those of [`Weights::backward`]. On the calling thread.
///
/// # Panics
/// If the shapes differ.
pub(crate) fn backward(
    simd: Simd,
    tiles: Tiles,
    a: &[f32],
    g: &[f32],
    weights: Weights<'_>,
    da: Option<&mut [MaybeUninit<f32>]>,
    du: &mut [f32],
) {
    let Tiles { stride, frame, .. } = tiles;
    let [c_out, c_in] = weights.sides(simd, stride, Pass::Backward);
    assert!(frame.channels == c_in, "weights for {c_in} channels, not {}", frame.channels);
    assert!(du.len() == POINTS * c_in * c_out, "gradient of {} for {c_in}×{c_out}", du.len());
    let mut da = da.map(|da| Overlapping::new(simd, tiles, da));
    let most = stride.group().min(tiles.count());
    let planes = |tiles, channels| Planes { stride, tiles, channels };
    scratch::with([planes(most, c_in).len(), planes(most, c_out).len(), c_in], |[v, m, zeros]| {
        zeros.fill(0.0);
        let mut first = 0;
        while first < tiles.count() {
            let some = first..(first + most).min(tiles.count());
            let (from, to) = (planes(some.len(), c_in), planes(some.len(), c_out));
            from_inputs(simd, tiles, some.clone(), a, v);
            from_outputs(simd, tiles, some.clone(), c_out, g, m);
            for (k, du) in du.chunks_exact_mut(c_in * c_out).enumerate() {
                let (n, v) = (from.rows(k), &mut v[from.start(k)..]);
                let m = Rows::new(&m[to.start(k)..], n, c_out, c_out);
                // Ū_k += V_kᵀ·M̄_k
                outer(simd, Begin::There, Rows::new(v, n, c_in, c_in), m, RowsMut::new(du, c_in, c_out, c_out));
                if da.is_some() {
                    // V̄_k = M̄_k·U_kᵀ, in the place of V_k
                    weights.multiply(k, m, zeros, v);
                }
            }
            first = some.end;
            if let Some(da) = &mut da {
                da.add(some, v);
            }
        }
    });
}
