//! The activations with their first three derivatives, all from one exponential.
//!
//! With s = σ(x), c = 1 − s, t = tanh(x/2) = s − c, and φ, Φ the density and distribution function of the standard normal law:
//!
//! | a | a′ | a″ | a‴ |
//! |---|---|---|---|
//! | silu = x·s | s + xsc | sc(2 − xt) | sc(x(t² − 2sc) − 3t) |
//! | softplus = ln(1 + eˣ) | s | sc | −sct |
//! | tanh | d = 1 − tanh² | −2·tanh·d | d(4·tanh² − 2d) |
//! | gelu = x·Φ | Φ + xφ | φ(2 − x²) | xφ(x² − 4) |
//!
//! Each is within 8·2⁻²³ of the sum of the absolute values of its terms (t being the two terms s and −c in a‴), so that digits are
//! lost only near a zero of a derivative.

use super::Activation;
use super::normal::normal;
use crate::dispatch::{Simd, simd};
use crate::elementary::{exp_of_nonpositive, ln_1p, multiply_add, sigmoid};
use crate::exponentials::TOGETHER;
use crate::pointwise::{FEW, Pointwise, SiluJet};

/// Where an activation's value and its derivatives go, for rows of one width. What is not wanted may be empty.
pub(super) struct Jet<'a> {
    /// Values, row after row `stride` apart.
    pub values: &'a mut [f32],
    pub stride: usize,
    /// Derivatives, without gaps between rows.
    pub first: &'a mut [f32],
    pub second: &'a mut [f32],
    pub third: &'a mut [f32],
}

/// The activation and `derivatives` ≤ 3 of its derivatives at `u` `[r, width]`.
pub(super) fn activate(simd: Simd, activation: Activation, derivatives: usize, u: &[f32], width: usize, to: Jet<'_>) {
    let Jet { values, stride, first, second, third } = to;
    let run = match (activation, derivatives) {
        (Activation::Silu, 0) => silu_0,
        (Activation::Silu, 1) => silu_1,
        (Activation::Silu, 2) => silu_2,
        (Activation::Silu, _) => silu_3,
        (Activation::Softplus, 0) => softplus_0,
        (Activation::Softplus, 1) => softplus_1,
        (Activation::Softplus, 2) => softplus_2,
        (Activation::Softplus, _) => softplus_3,
        (Activation::Tanh, 0) => tanh_0,
        (Activation::Tanh, 1) => tanh_1,
        (Activation::Tanh, 2) => tanh_2,
        (Activation::Tanh, _) => tanh_3,
        (Activation::Gelu, 0) => gelu_0,
        (Activation::Gelu, 1) => gelu_1,
        (Activation::Gelu, 2) => gelu_2,
        (Activation::Gelu, _) => gelu_3,
    };
    run(simd, u, width, stride, values, first, second, third);
}

/// The functions `NAME_D` that write the value and D derivatives.
macro_rules! spans {
    ($($name:ident = $f:expr, $derivatives:literal;)*) => {
        simd! {$(
            fn $name(
                u: &[f32], width: usize, stride: usize, values: &mut [f32], first: &mut [f32], second: &mut [f32], third: &mut [f32],
            ) = |u, width, stride, values, first, second, third| {
                span::<$derivatives>(u, width, stride, values, first, second, third, $f)
            };
        )*}
    };
}

spans! {
    silu_0 = SiluJet(GRANTED), 0;
    silu_1 = SiluJet(GRANTED), 1;
    silu_2 = SiluJet(GRANTED), 2;
    silu_3 = SiluJet(GRANTED), 3;
    softplus_0 = softplus::<FUSED>, 0;
    softplus_1 = softplus::<FUSED>, 1;
    softplus_2 = softplus::<FUSED>, 2;
    softplus_3 = softplus::<FUSED>, 3;
    tanh_0 = tanh::<FUSED>, 0;
    tanh_1 = tanh::<FUSED>, 1;
    tanh_2 = tanh::<FUSED>, 2;
    tanh_3 = tanh::<FUSED>, 3;
    gelu_0 = gelu::<FUSED>, 0;
    gelu_1 = gelu::<FUSED>, 1;
    gelu_2 = gelu::<FUSED>, 2;
    gelu_3 = gelu::<FUSED>, 3;
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "one slice for each derivative")]
fn span<const DERIVATIVES: usize>(
    u: &[f32],
    width: usize,
    stride: usize,
    values: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    third: &mut [f32],
    of: impl Pointwise<[f32; 4]>,
) {
    for (i, u) in u.chunks_exact(width).enumerate() {
        let values = &mut values[i * stride..][..width];
        let first = if DERIVATIVES >= 1 { &mut first[i * width..][..width] } else { &mut [] };
        let second = if DERIVATIVES >= 2 { &mut second[i * width..][..width] } else { &mut [] };
        let third = if DERIVATIVES >= 3 { &mut third[i * width..][..width] } else { &mut [] };
        let mut put = |j: usize, [a, d1, d2, d3]: [f32; 4]| {
            // What is not stored is not computed either: the compiler sees that it has no use.
            values[j] = a;
            if DERIVATIVES >= 1 {
                first[j] = d1;
            }
            if DERIVATIVES >= 2 {
                second[j] = d2;
            }
            if DERIVATIVES >= 3 {
                third[j] = d3;
            }
        };
        let (blocks, rest) = u.as_chunks::<TOGETHER>();
        for (k, u) in blocks.iter().enumerate() {
            of.many(u, |i, terms| put(k * TOGETHER + i, terms));
        }
        let (few, rest) = rest.as_chunks::<FEW>();
        for (k, u) in few.iter().enumerate() {
            of.many(u, |i, terms| put(blocks.len() * TOGETHER + k * FEW + i, terms));
        }
        for (i, u) in rest.iter().enumerate() {
            put(width - rest.len() + i, of.one(*u));
        }
    }
}

/// The first row of the table, at x with (s, sc, t).
#[inline(always)]
pub(crate) fn silu_terms<const FUSED: bool>(x: f32, (s, sc, t): (f32, f32, f32)) -> [f32; 4] {
    [x * s, multiply_add::<FUSED>(x, sc, s), sc * (2.0 - x * t), sc * (x * (t * t - 2.0 * sc) - 3.0 * t)]
}

#[inline(always)]
pub(crate) fn softplus<const FUSED: bool>(x: f32) -> [f32; 4] {
    let (s, sc, t) = sigmoid::<FUSED>(x);
    let e = exp_of_nonpositive::<FUSED>(-x.abs());
    let positive = if x < 0.0 { 0.0 } else { x };
    [positive + ln_1p(e), s, sc, -(sc * t)]
}

/// (tanh x − x)/x³ for |x| ≤ 0.625 in powers of x², highest first (Cephes, Moshier 1989, `tanhf`).
const TANH: [f32; 5] = [-5.704_988_7e-3, 2.063_908_8e-2, -5.373_971_6e-2, 1.333_144_3e-1, -3.333_328e-1];

#[inline(always)]
pub(crate) fn tanh<const FUSED: bool>(x: f32) -> [f32; 4] {
    let (_, sc, far) = sigmoid::<FUSED>(2.0 * x);
    let xx = x * x;
    let near = ((((TANH[0] * xx + TANH[1]) * xx + TANH[2]) * xx + TANH[3]) * xx + TANH[4]) * (xx * x) + x;
    let t = if x.abs() < 0.625 { near } else { far };
    let d = 4.0 * sc;
    [t, d, -2.0 * t * d, d * (4.0 * t * t - 2.0 * d)]
}

#[inline(always)]
pub(crate) fn gelu<const FUSED: bool>(x: f32) -> [f32; 4] {
    let (below, density) = normal::<FUSED>(x);
    // Beyond ±20 the density is 0, and its products with powers of x are too.
    let near = if x.abs() > 20.0 { 20.0 } else { x };
    let xx = near * near;
    [x * below, below + near * density, density * (2.0 - xx), near * density * (xx - 4.0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::available;

    const ALL: [Activation; 4] = [Activation::Silu, Activation::Softplus, Activation::Tanh, Activation::Gelu];

    /// Values and derivatives by the formulas above in f64, each with the sum of the absolute values of its terms.
    fn exact(activation: Activation, x: f64) -> [(f64, f64); 4] {
        let (s, c, t) = (1.0 / (1.0 + (-x).exp()), 1.0 / (1.0 + x.exp()), (x / 2.0).tanh());
        let sc = s * c;
        let sum = |terms: &[f64]| (terms.iter().sum(), terms.iter().map(|t| t.abs()).sum());
        match activation {
            Activation::Silu => [
                sum(&[x * s]),
                sum(&[s, s * x * c]),
                sum(&[2.0 * sc, -sc * x * t]),
                sum(&[sc * x * t * t, -2.0 * sc * sc * x, -3.0 * sc * s, 3.0 * sc * c]),
            ],
            Activation::Softplus => {
                let value = x.max(0.0) + (-x.abs()).exp().ln_1p();
                [sum(&[value]), sum(&[s]), sum(&[sc]), sum(&[-sc * s, sc * c])]
            }
            Activation::Tanh => {
                let (t, d) = (x.tanh(), 1.0 / x.cosh().powi(2));
                [sum(&[t]), sum(&[d]), sum(&[-2.0 * t * d]), sum(&[4.0 * t * t * d, -2.0 * d * d])]
            }
            Activation::Gelu => {
                // Simpson's rule for Φ(−|x|), as in `normal`.
                let a = x.abs();
                let f = |i: i32| (-0.5 * (f64::from(i) * 5e-3).powi(2) - a * f64::from(i) * 5e-3).exp();
                let inner: f64 = (1..2000).map(|i| f(i) * if i % 2 == 0 { 2.0 } else { 4.0 }).sum();
                let phi = (-0.5 * a * a).exp() / std::f64::consts::TAU.sqrt();
                let tail = phi * (f(0) + inner + f(2000)) * 5e-3 / 3.0;
                let below = if x < 0.0 { tail } else { 1.0 - tail };
                [
                    sum(&[x * below]),
                    sum(&[below, x * phi]),
                    sum(&[2.0 * phi, -phi * x * x]),
                    sum(&[phi * x * x * x, -4.0 * phi * x]),
                ]
            }
        }
    }

    fn run(simd: Simd, activation: Activation, derivatives: usize, u: &[f32], width: usize, stride: usize) -> [Vec<f32>; 4] {
        let mut out = [(); 4].map(|()| vec![7.0; u.len() / width * stride]);
        let [values, first, second, third] = &mut out;
        activate(simd, activation, derivatives, u, width, Jet { values, stride, first, second, third });
        out
    }

    #[test]
    fn values_and_derivatives_are_those_of_the_formulas_in_f64() {
        let u: Vec<f32> =
            (-9000..9000).map(|i| i as f32 * 1e-2).chain((-20i32..20).map(|i| 2.0f32.powi(-i.abs()) * i as f32)).collect();
        for (activation, &simd) in ALL.into_iter().flat_map(|a| available().iter().map(move |simd| (a, simd))) {
            let got = run(simd, activation, 3, &u, 8, 8);
            for (i, &u) in u.iter().enumerate() {
                // What an exponential loses below the smallest normal number, times the polynomial before it.
                let slack = f64::from(f32::MIN_POSITIVE) * (1.0 + f64::from(u).abs()).powi(3);
                for (d, (want, size)) in exact(activation, u.into()).into_iter().enumerate() {
                    let error = (f64::from(got[d][i]) - want).abs();
                    let bound = 8.0 * f64::from(f32::EPSILON) * size + slack;
                    assert!(error <= bound, "{simd}, {activation:?}, derivative {d}, at {u}: {}, not {want}", got[d][i]);
                }
            }
        }
    }

    #[test]
    fn huge_arguments_give_the_limits() {
        for activation in ALL {
            let got = run(Simd::PORTABLE, activation, 3, &[-1e30, 1e30], 2, 2);
            let bounded = activation == Activation::Tanh;
            assert_eq!(got[0], if bounded { [-1.0, 1.0] } else { [0.0, 1e30] });
            assert_eq!(got[1], if bounded { [0.0; 2] } else { [0.0, 1.0] });
            assert_eq!((&got[2][..], &got[3][..]), (&[0.0; 2][..], &[0.0; 2][..]));
        }
    }

    #[test]
    fn bits_do_not_depend_on_what_else_is_computed_nor_on_which_variant_fuses() {
        let u: Vec<f32> = (-320..320).map(|i| i as f32 * 3e-2).collect();
        for activation in ALL {
            for &simd in available() {
                let like = if simd == Simd::PORTABLE { simd } else { available()[1] };
                let want = run(like, activation, 3, &u, 16, 16);
                for derivatives in 0..4 {
                    let got = run(simd, activation, derivatives, &u, 16, 16);
                    assert_eq!(got[..=derivatives], want[..=derivatives], "{simd}, {activation:?}");
                }
                // A block of 64 and two of 8, and single numbers.
                for width in [80, 5] {
                    assert_eq!(run(simd, activation, 3, &u, width, width), want, "{simd}, {activation:?}, {width}");
                }
                let gaps = run(simd, activation, 0, &u, 16, 48);
                for (row, want) in gaps[0].chunks(48).zip(want[0].chunks(16)) {
                    assert_eq!((&row[..16], &row[16..]), (want, &[7.0; 32][..]));
                }
            }
        }
    }
}
