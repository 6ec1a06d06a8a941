//! SiLU and its derivatives: y = x·σ(x), σ(x) = 1/(1 + e⁻ˣ) (Elfwing, Uchibe & Doya 2018; "swish").
//!
//! With s = σ(x), 1 − s = σ(−x) and t = tanh(x/2) = 2s − 1:
//!
//! silu′(x) = s·(1 + x(1 − s)),  silu″(x) = s(1 − s)·(2 − x·t).
//!
//! Accuracy against the exact value, for finite x and with m = |x|/20, which counts only where e⁻ˣ or eˣ is tiny: silu within 4 + m ulp; silu′ and
//! silu″ within (4 + m)·2⁻²³ of the larger of the value and the terms that make it up, which shows only near their zeros (x ≈ −1.278 and
//! x ≈ ±2.399). Where the true value is below the smallest normal number the error is below 2⁻¹²⁶·(2 + |x|). Instruction sets that fuse multiply and
//! add give the same bits as each other, and are within 3 + m ulp, or as many times 2⁻²³ of that larger term, of the portable twin.

use crate::dispatch::{Granted, active, simd};
use crate::exponentials::TOGETHER;
use crate::pointwise::{FEW, Pointwise, Silu, SiluJet, each, over};
use crate::share::{SPAN, shares};
use rayon::prelude::*;

/// `y` = silu(`x`).
///
/// # Panics
/// If the lengths differ.
pub fn silu(x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "silu: x and y");
    if !shares(x.len(), 300) {
        return silu_span(active(), x, y);
    }
    x.par_chunks(SPAN).zip(y.par_chunks_mut(SPAN)).for_each(|(x, y)| silu_span(active(), x, y));
}

/// `gx` = `g`·silu′(`x`): the gradient by x, given that by y.
///
/// # Panics
/// If the lengths differ.
pub fn silu_backward(x: &[f32], g: &[f32], gx: &mut [f32]) {
    assert!(x.len() == g.len() && x.len() == gx.len(), "silu_backward: x {}, g {}, gx {}", x.len(), g.len(), gx.len());
    if !shares(x.len(), 400) {
        return backward_span(active(), x, g, gx);
    }
    (x.par_chunks(SPAN), g.par_chunks(SPAN), gx.par_chunks_mut(SPAN))
        .into_par_iter()
        .for_each(|(x, g, gx)| backward_span(active(), x, g, gx));
}

/// `d1` = silu′(`x`) and `d2` = silu″(`x`).
///
/// # Panics
/// If the lengths differ.
pub fn silu_derivatives(x: &[f32], d1: &mut [f32], d2: &mut [f32]) {
    assert!(x.len() == d1.len() && x.len() == d2.len(), "silu_derivatives: x {}, d1 {}, d2 {}", x.len(), d1.len(), d2.len());
    if !shares(x.len(), 500) {
        return derivatives_span(active(), x, d1, d2);
    }
    (x.par_chunks(SPAN), d1.par_chunks_mut(SPAN), d2.par_chunks_mut(SPAN))
        .into_par_iter()
        .for_each(|(x, d1, d2)| derivatives_span(active(), x, d1, d2));
}

simd! {
    fn silu_span(x: &[f32], y: &mut [f32]) = |x, y| each(x, y, Silu::<FUSED, 0>(GRANTED));
    fn backward_span(x: &[f32], g: &[f32], gx: &mut [f32]) = |x, g, gx| over([x, g], gx, |[x, _]| x, Silu::<FUSED, 1>(GRANTED), |[_, g], slope| g * slope);
    fn derivatives_span(x: &[f32], d1: &mut [f32], d2: &mut [f32]) =
        |x, d1, d2| derivatives_body(GRANTED, x, d1, d2);
}

#[inline(always)]
fn derivatives_body<const FUSED: bool>(granted: Granted<FUSED>, x: &[f32], d1: &mut [f32], d2: &mut [f32]) {
    let (x, d1, d2) = derivatives_of::<FUSED, TOGETHER>(granted, x, d1, d2);
    let (x, d1, d2) = derivatives_of::<FUSED, FEW>(granted, x, d1, d2);
    for ((x, d1), d2) in x.iter().zip(d1).zip(d2) {
        [_, *d1, *d2, _] = SiluJet(granted).one(*x);
    }
}

/// As many blocks of `B` as there are. Returns what is left.
#[inline(always)]
fn derivatives_of<'a, 'b, const FUSED: bool, const B: usize>(
    granted: Granted<FUSED>,
    x: &'a [f32],
    d1: &'b mut [f32],
    d2: &'b mut [f32],
) -> (&'a [f32], &'b mut [f32], &'b mut [f32]) {
    let ((xs, x), (d1s, d1), (d2s, d2)) = (x.as_chunks::<B>(), d1.as_chunks_mut::<B>(), d2.as_chunks_mut::<B>());
    for ((x, d1), d2) in xs.iter().zip(d1s).zip(d2s) {
        SiluJet(granted).many(x, |i, [_, slope, bend, _]| (d1[i], d2[i]) = (slope, bend));
    }
    (x, d1, d2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{Simd, available};
    use crate::elementary::tests::ulps;
    use proptest::prelude::*;

    fn sigmoid_exact(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    /// From −105 to 105, and tiny numbers of both signs.
    fn arguments() -> Vec<f32> {
        let wide = (-210_000..=210_000).map(|i| i as f32 * 5e-4);
        let tiny = (0..40).flat_map(|i| [2.0f32.powi(-i), -2.0f32.powi(-i)]);
        wide.chain(tiny).collect()
    }

    #[test]
    fn silu_is_within_four_ulp_and_a_twentieth_of_the_argument() {
        let x = arguments();
        let mut y = vec![0.0; x.len()];
        silu(&x, &mut y);
        for (&x, &y) in x.iter().zip(&y) {
            let want = f64::from(x) * sigmoid_exact(x.into());
            // For x below −87, eˣ is less than the smallest normal number, and 0.
            let slack = -f64::from(x) * f64::from(f32::MIN_POSITIVE);
            let units = 4.0 + f64::from(x.abs()) / 20.0;
            assert!(ulps(y, want) <= units || (f64::from(y) - want).abs() <= slack, "silu({x}) = {y}, not {want}");
        }
    }

    #[test]
    fn derivatives_are_within_as_many_units_of_their_larger_term() {
        let x = arguments();
        let (mut d1, mut d2) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        silu_derivatives(&x, &mut d1, &mut d2);
        for i in 0..x.len() {
            let x = f64::from(x[i]);
            let (s, c) = (sigmoid_exact(x), sigmoid_exact(-x));
            let t = (x / 2.0).tanh();
            let first = s * (1.0 + x * c);
            let second = s * c * (2.0 - x * t);
            let unit = (4.0 + x.abs() / 20.0) * f64::from(f32::EPSILON);
            let slack = f64::from(f32::MIN_POSITIVE) * (2.0 + x.abs());
            assert!((f64::from(d1[i]) - first).abs() <= unit * s * (1.0 + (x * c).abs()) + slack, "silu′({x}) = {}", d1[i]);
            assert!((f64::from(d2[i]) - second).abs() <= unit * s * c * (2.0 + (x * t).abs()) + slack, "silu″({x}) = {}", d2[i]);
        }
    }

    #[test]
    fn the_backward_pass_is_the_gradient_times_the_first_derivative() {
        let x = arguments();
        let g: Vec<f32> = (0..x.len()).map(|i| (i % 7) as f32 - 3.0).collect();
        let (mut gx, mut d1, mut d2) = (vec![0.0; x.len()], vec![0.0; x.len()], vec![0.0; x.len()]);
        silu_backward(&x, &g, &mut gx);
        silu_derivatives(&x, &mut d1, &mut d2);
        for i in 0..x.len() {
            let x = f64::from(x[i]);
            let terms = sigmoid_exact(x) * (1.0 + (x * sigmoid_exact(-x)).abs()) * f64::from(g[i].abs());
            let off = f64::from(gx[i]) - f64::from(g[i] * d1[i]);
            assert!(off.abs() <= 4.0 * f64::from(f32::EPSILON) * terms + 1e-37, "at {x}: {}, not {}", gx[i], g[i] * d1[i]);
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so_and_huge_arguments_do_not_overflow() {
        let mut y = [0.0; 4];
        silu(&[f32::NAN, f32::INFINITY, f32::MAX, -1e30], &mut y);
        assert!(y[0].is_nan());
        assert_eq!(y[1..], [f32::INFINITY, f32::MAX, 0.0]);
    }

    fn bits(x: &[f32]) -> Vec<u32> {
        x.iter().map(|x| x.to_bits()).collect()
    }

    proptest! {
        #[test]
        fn every_variant_is_within_three_ulp_of_the_portable_twin_and_those_that_fuse_agree(
            pairs in prop::collection::vec((-120.0f32..120.0, -10.0f32..10.0), 0..160)
        ) {
            let (x, g): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let run = |simd| {
                let mut out = [(); 4].map(|()| vec![0.0; x.len()]);
                let [y, gx, d1, d2] = &mut out;
                silu_span(simd, &x, y);
                backward_span(simd, &x, &g, gx);
                derivatives_span(simd, &x, d1, d2);
                out
            };
            let portable = run(Simd::PORTABLE);
            for &simd in &available()[1..] {
                let got = run(simd);
                prop_assert_eq!(got.clone().map(|v| bits(&v)), run(available()[1]).map(|v| bits(&v)), "{}", simd);
                for i in 0..x.len() {
                    let (s, c) = (sigmoid_exact(x[i].into()), sigmoid_exact((-x[i]).into()));
                    let size = f64::from(x[i].abs());
                    let terms = [size * s, f64::from(g[i].abs()) * s * (1.0 + size * c), s * (1.0 + size * c), s * c * (2.0 + size)];
                    for ((got, want), terms) in got.iter().zip(&portable).zip(terms) {
                        let off = f64::from(got[i]) - f64::from(want[i]);
                        let units = 3.0 + size / 20.0;
                        let slack = f64::from(f32::MIN_POSITIVE) * (2.0 + size) * f64::from(1.0 + g[i].abs());
                        prop_assert!(off.abs() <= units * f64::from(f32::EPSILON) * terms + slack, "{}: {} not {}", simd, got[i], want[i]);
                    }
                }
            }
        }
    }
}
