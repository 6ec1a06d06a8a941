//! SiLU of a sum, y = silu(a + b): a conditioned layer's addition and activation in one pass over memory.
//!
//! The sum is rounded once, as the separate addition would round it, so the result equals `silu` of the rounded sum to the bit.

use crate::dispatch::{active, simd};
use crate::pointwise::{Silu, over};
use crate::share::{SPAN, shares};
use rayon::prelude::*;

/// `y` = silu(`a` + `b`).
///
/// # Panics
/// If the lengths differ.
pub fn forward(a: &[f32], b: &[f32], y: &mut [f32]) {
    assert!(a.len() == b.len() && a.len() == y.len(), "add_silu: a {}, b {}, y {}", a.len(), b.len(), y.len());
    if !shares(a.len(), 350) {
        return forward_span(active(), a, b, y);
    }
    (a.par_chunks(SPAN), b.par_chunks(SPAN), y.par_chunks_mut(SPAN))
        .into_par_iter()
        .for_each(|(a, b, y)| forward_span(active(), a, b, y));
}

/// `gx` = `g`·silu′(`a` + `b`): the gradient by a and, equally, by b.
///
/// # Panics
/// If the lengths differ.
pub fn backward(a: &[f32], b: &[f32], g: &[f32], gx: &mut [f32]) {
    assert!(a.len() == b.len() && a.len() == g.len() && a.len() == gx.len(), "add_silu: slices of different lengths");
    if !shares(a.len(), 450) {
        return backward_span(active(), a, b, g, gx);
    }
    (a.par_chunks(SPAN), b.par_chunks(SPAN), g.par_chunks(SPAN), gx.par_chunks_mut(SPAN))
        .into_par_iter()
        .for_each(|(a, b, g, gx)| backward_span(active(), a, b, g, gx));
}

simd! {
    fn forward_span(a: &[f32], b: &[f32], y: &mut [f32]) = |a, b, y| over([a, b], y, |[a, b]| a + b, Silu::<FUSED, 0>(GRANTED), |_, y| y);
    fn backward_span(a: &[f32], b: &[f32], g: &[f32], gx: &mut [f32]) =
        |a, b, g, gx| over([a, b, g], gx, |[a, b, _]| a + b, Silu::<FUSED, 1>(GRANTED), |[_, _, g], slope| g * slope);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::{silu, silu_backward};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_equals_adding_first_and_activating_after(values in prop::collection::vec((-30f32..30.0, -30f32..30.0, -3f32..3.0), 0..600)) {
            let (a, rest): (Vec<f32>, Vec<(f32, f32)>) = values.into_iter().map(|(a, b, g)| (a, (b, g))).unzip();
            let (b, g): (Vec<f32>, Vec<f32>) = rest.into_iter().unzip();
            let sum: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + b).collect();
            let (mut fused, mut separate) = (vec![0.0; a.len()], vec![0.0; a.len()]);
            forward(&a, &b, &mut fused);
            silu(&sum, &mut separate);
            prop_assert_eq!(&fused, &separate);
            backward(&a, &b, &g, &mut fused);
            silu_backward(&sum, &g, &mut separate);
            prop_assert_eq!(&fused, &separate);
        }
    }
}
