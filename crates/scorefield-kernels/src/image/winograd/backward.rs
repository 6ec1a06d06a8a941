//! The adjoint of the forward pass: Ū_k += V_kᵀ·(A ȳ Aᵀ)_k and d̄ = B V̄ Bᵀ with V̄_k = (A ȳ Aᵀ)_k·U_kᵀ, a group of tiles at a time.

use super::tiles::{Tiles, from_frame, from_outputs, to_frame};
use super::weights::{Pass, Weights};
use super::{GROUP, POINTS, plane};
use crate::dispatch::Simd;
use crate::image::Frame;
use crate::matrix::outer::{Begin, outer};
use crate::matrix::rows::{Rows, RowsMut};
use crate::matrix::scratch;

/// Gradients from `g` `[images, h, w, c_out]`, that of the outputs: by the weights, added to `du` `[36, c_in, c_out]`, of which
/// [`weight_gradient`](super::weight_gradient) makes the weights' own; and by the images, written to `da`, all of it. Outside the images
/// `da` holds the gradients by the zeros there. Channels are rounded up to multiples of 16. `a` is as in [`forward`](super::forward()),
/// `weights` those of [`Weights::backward`]. On the calling thread.
///
/// # Panics
/// If the shapes differ.
#[allow(clippy::too_many_arguments, reason = "shapes, two inputs, two outputs")]
pub(crate) fn backward(
    simd: Simd,
    frame: Frame,
    h: usize,
    w: usize,
    a: &[f32],
    g: &[f32],
    weights: Weights<'_>,
    mut da: Option<&mut [f32]>,
    du: &mut [f32],
) {
    let tiles = Tiles::new(frame, h, w);
    let [c_out, c_in] = weights.sides(simd, Pass::Backward);
    assert!(frame.channels == c_in, "weights for {c_in} channels, not {}", frame.channels);
    assert!(du.len() == POINTS * c_in * c_out, "gradient of {} for {c_in}×{c_out}", du.len());
    let most = GROUP.min(tiles.count());
    scratch::with([POINTS * plane(most, c_in), POINTS * plane(most, c_out), c_in], |[v, m, zeros]| {
        zeros.fill(0.0);
        let mut first = 0;
        while first < tiles.count() {
            let some = first..(first + most).min(tiles.count());
            let (n, from, to) = (some.len(), plane(some.len(), c_in), plane(some.len(), c_out));
            from_frame(simd, tiles, some.clone(), a, v);
            from_outputs(simd, tiles, some.clone(), c_out, g, m);
            for (k, du) in du.chunks_exact_mut(c_in * c_out).enumerate() {
                let (v, m) = (&mut v[k * from..], Rows::new(&m[k * to..], n, c_out, c_out));
                // Ū_k += V_kᵀ·M̄_k
                outer(simd, Begin::There, Rows::new(v, n, c_in, c_in), m, RowsMut::new(du, c_in, c_out, c_out));
                if da.is_some() {
                    // V̄_k = M̄_k·U_kᵀ, in the place of V_k
                    weights.multiply(k, m, zeros, v);
                }
            }
            first = some.end;
            if let Some(da) = da.as_deref_mut() {
                to_frame(simd, tiles, some, v, da);
            }
        }
    });
}
