//! Φ and φ, the distribution function and the density of the standard normal law.
//!
//! For a ≥ 0 the tail is 1 − Φ(a) = e^{−a²/2}·m(a), and m(a)·(1 + a·7/20) is a polynomial in 1/(1 + a·7/20), fitted at Chebyshev
//! points for 0 ≤ a ≤ 14 to a relative error of 4·10⁻⁸; Φ(−a) is the tail itself, without cancellation.

use crate::elementary::{exp_of_nonpositive, multiply_add};

/// 1/√(2π).
const PEAK: f32 = 0.398_942_3;

/// In powers of 1/(1 + 0.35·a) − ½, highest first.
const TAIL: [f32; 9] = [
    -2.967_952_2e-2,
    2.782_774_2e-2,
    4.419_252_4e-2,
    -5.622_373_4e-2,
    -8.173_363e-2,
    8.187_563e-2,
    2.843_954e-1,
    3.429_915_4e-1,
    2.532_442_8e-1,
];

/// (Φ(x), φ(x)).
#[inline(always)]
pub(super) fn normal<const FUSED: bool>(x: f32) -> (f32, f32) {
    let a = x.abs();
    // Beyond 40 both are 0 or 1 anyway, and squares overflow later on; written so that NaN passes through.
    let a = if a > 40.0 { 40.0 } else { a };
    // −a²/2 and, as a is the sum of two halves of twelve bits, what the rounding of a² took off: for a = 10 that is 10⁻⁶ of the
    // exponential.
    let high = f32::from_bits(a.to_bits() & 0xFFFF_F000);
    let low = a - high;
    let square = a * a;
    let lost = (high * high - square) + 2.0 * high * low + low * low;
    let gauss = exp_of_nonpositive::<FUSED>(-0.5 * square);
    let gauss = gauss - gauss * (0.5 * lost);
    let t = 1.0 / (1.0 + 0.35 * a);
    let s = t - 0.5;
    let mut p = TAIL[0];
    p = multiply_add::<FUSED>(p, s, TAIL[1]);
    p = multiply_add::<FUSED>(p, s, TAIL[2]);
    p = multiply_add::<FUSED>(p, s, TAIL[3]);
    p = multiply_add::<FUSED>(p, s, TAIL[4]);
    p = multiply_add::<FUSED>(p, s, TAIL[5]);
    p = multiply_add::<FUSED>(p, s, TAIL[6]);
    p = multiply_add::<FUSED>(p, s, TAIL[7]);
    p = multiply_add::<FUSED>(p, s, TAIL[8]);
    let tail = gauss * (t * p);
    (if x < 0.0 { tail } else { 1.0 - tail }, PEAK * gauss)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementary::tests::ulps;

    /// 1 − Φ(a) for a ≥ 0: e^{−a²/2} times Simpson's rule for ∫₀^∞ φ(u)e^{−au} du, cut where the integrand is below 10⁻²⁰ of its
    /// start.
    fn tail(a: f64) -> f64 {
        let steps = 4000;
        let width = 9.5 / f64::from(steps);
        let f = |i: i32| {
            let u = f64::from(i) * width;
            (-0.5 * u * u - a * u).exp()
        };
        let inner: f64 = (1..steps).map(|i| f(i) * if i % 2 == 0 { 2.0 } else { 4.0 }).sum();
        (-0.5 * a * a).exp() * (f(0) + inner + f(steps)) * width / 3.0 / std::f64::consts::TAU.sqrt()
    }

    #[test]
    fn both_are_within_six_ulp_of_the_integral_far_into_the_tail() {
        within_six_ulp(normal::<false>);
        within_six_ulp(normal::<true>);
    }

    fn within_six_ulp(normal: impl Fn(f32) -> (f32, f32)) {
        for i in 0..2600 {
            let x = i as f32 * 5e-3;
            let exact = tail(x.into());
            let density = (-0.5 * f64::from(x).powi(2)).exp() / std::f64::consts::TAU.sqrt();
            let (below, at) = normal(-x);
            assert!(ulps(below, exact) <= 6.0, "normal(-{x}) = {below}, not {exact}: {} ulp", ulps(below, exact));
            assert!(ulps(at, density) <= 6.0, "density({x}) = {at}, not {density}: {} ulp", ulps(at, density));
            assert!(ulps(normal(x).0, 1.0 - exact) <= 2.0, "normal({x}) = {}", normal(x).0);
        }
    }

    #[test]
    fn huge_arguments_give_the_limits_and_what_is_not_a_number_stays_so() {
        for normal in [normal::<false>, normal::<true>] {
            assert_eq!((normal(-1e30), normal(f32::MAX)), ((0.0, 0.0), (1.0, 0.0)));
            assert!(normal(f32::NAN).0.is_nan());
        }
    }
}
