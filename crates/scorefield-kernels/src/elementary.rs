//! exp, ln, sine and cosine as straight-line f32 arithmetic, which a compiler can run over any number of lanes.
//!
//! Additions, multiplications and divisions are those of IEEE 754, in the order written, so the same argument gives the same bits on every
//! machine; the exponential comes in two forms, one whose multiply-adds are fused; SiLU has a faster one in `exponentials.rs`. The polynomials of ln, sine and cosine are Cephes' (Moshier 1989, `logf`, `sinf`). exp and ln are within
//! 2 ulp, sine and cosine within 1.2·10⁻⁷ (one ulp of 1).

use std::f32::consts::{LOG2_E, SQRT_2, TAU};

/// ln 2 in two parts: the first has nine bits, so that its product with an exponent is exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// (eʳ − 1 − r)/r² on [−½ ln 2, ½ ln 2], highest power first: eʳ to 3.1·10⁻⁹ by this polynomial, the best one with coefficients of 24 bits.
const EXP: [f32; 5] = [1.382_073_4e-3, 8.368_677e-3, 4.166_826_6e-2, 1.666_652e-1, 4.999_999_4e-1];

/// 127 ln 2. From here on e⁻ᵃ is 0.
pub(crate) const HIGHEST: f32 = 88.029_69;

/// Adding 1.5·2²³ to a number below 2²² leaves its nearest integer in the low bits.
pub(crate) const ROUND: f32 = 12_582_912.0;

/// a·b + c, rounded once if `FUSED`, else twice.
#[inline(always)]
pub(crate) fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    // Without the instruction `mul_add` is a call of a function, which is why not everybody fuses.
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// eˣ for x ≤ 0, down to the smallest normal number and then 0; NaN for NaN.
#[inline(always)]
pub(crate) fn exp_of_nonpositive<const FUSED: bool>(x: f32) -> f32 {
    let fma = multiply_add::<FUSED>;
    // −x = −k ln 2 − r. Written so that NaN passes through, and of −x, not of x: this is the instruction for minima.
    let a = if -x > HIGHEST { HIGHEST } else { -x };
    let shifted = fma(a, -LOG2_E, ROUND);
    let k = shifted - ROUND;
    let r = fma(k, -LN2_LOW, fma(k, -LN2_HIGH, -a));
    // In pairs (Estrin's scheme): a processor has only so many operations under way, and so does the more the fewer of them wait.
    let rr = r * r;
    let [q, u] = [fma(EXP[1], r, EXP[2]), fma(EXP[3], r, EXP[4])];
    let y = fma(fma(fma(EXP[0], rr, q), rr, u), rr, 1.0 + r);
    // 2ᵏ by its bits, which for k = −127 are those of 0. k stands in the lowest bits of `shifted`: of those of ROUND itself none is left after
    // the shift.
    y * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// (σ, σ(1 − σ), tanh(x/2)) with σ = σ(x) = 1/(1 + e⁻ˣ), none of them by cancellation where it is small, except tanh near 0.
#[inline(always)]
pub(crate) fn sigmoid<const FUSED: bool>(x: f32) -> (f32, f32, f32) {
    let e = exp_of_nonpositive::<FUSED>(-x.abs());
    sigmoid_of(x, e, 1.0 / (1.0 + e))
}

/// [`sigmoid`] of x, `e` being e^{−|x|} and `large` 1/(1 + e).
#[inline(always)]
pub(crate) fn sigmoid_of(x: f32, e: f32, large: f32) -> (f32, f32, f32) {
    let small = e * large;
    let slope = large * small;
    let tanh = (1.0 - e) * large;
    // By the sign's bit, which is one instruction less than a comparison; at −0 both are the same.
    if x.is_sign_negative() { (small, slope, -tanh) } else { (large, slope, tanh) }
}

const SQRT_HALF_BITS: u32 = 0x3F35_04F3;

/// (ln(1+x) − x + x²/2)/x³ on [√½ − 1, √2 − 1], highest power first.
const LN: [f32; 9] = [
    7.037_683_6e-2,
    -1.151_461e-1,
    1.167_699_9e-1,
    -1.242_014_1e-1,
    1.424_932_3e-1,
    -1.666_805_8e-1,
    2.000_071_5e-1,
    -2.499_999_4e-1,
    3.333_333e-1,
];

/// ln u for positive normal u.
#[inline(always)]
pub(crate) fn ln(u: f32) -> f32 {
    // u = 2ᵏ(1 + x) with 1 + x in [√½, √2): the offset moves the cut between two exponents from 1 to √½.
    let bits = u.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let k = ((bits as i32) >> 23) as f32;
    let x = f32::from_bits((bits & 0x007F_FFFF) + SQRT_HALF_BITS) - 1.0;
    ln_of_reduced(x, k)
}

/// ln(1 + e) for e in [0, 1], to the last digits of a small e too.
#[inline(always)]
pub(crate) fn ln_1p(e: f32) -> f32 {
    // 1 + e = 2ᵏ(1 + x) with k 0 or 1, and x exact in both cases.
    let (x, k) = if e < SQRT_2 - 1.0 { (e, 0.0) } else { (0.5 * (e - 1.0), 1.0) };
    ln_of_reduced(x, k)
}

/// ln(2ᵏ(1 + x)) for x in [√½ − 1, √2 − 1].
#[inline(always)]
fn ln_of_reduced(x: f32, k: f32) -> f32 {
    let mut p = LN[0];
    p = p * x + LN[1];
    p = p * x + LN[2];
    p = p * x + LN[3];
    p = p * x + LN[4];
    p = p * x + LN[5];
    p = p * x + LN[6];
    p = p * x + LN[7];
    p = p * x + LN[8];
    let xx = x * x;
    let y = p * x * xx + k * LN2_LOW - 0.5 * xx;
    (x + y) + k * LN2_HIGH
}

/// (x − sin x)/x³ and (cos x − 1 + x²/2)/x⁴ on [−π/4, π/4] in powers of x², highest first; the first with the sign turned.
const SIN: [f32; 3] = [-1.951_529_6e-4, 8.332_161e-3, -1.666_665_5e-1];
const COS: [f32; 3] = [2.443_315_7e-5, -1.388_731_6e-3, 4.166_664_6e-2];

/// Sine and cosine of `turn`·2π/2³².
#[inline(always)]
pub(crate) fn sin_cos_turns(turn: u32) -> (f32, f32) {
    // The nearest quarter turn is taken off in integers, hence exactly; what is left lies in [−π/4, π/4].
    let quarter = turn.wrapping_add(1 << 29) >> 30;
    let rest = turn.wrapping_sub(quarter << 30) as i32;
    let x = rest as f32 * (TAU / 4_294_967_296.0);
    let xx = x * x;
    let sin = ((SIN[0] * xx + SIN[1]) * xx + SIN[2]) * xx * x + x;
    let cos = ((COS[0] * xx + COS[1]) * xx + COS[2]) * (xx * xx) - 0.5 * xx + 1.0;
    let (s, c) = if quarter & 1 == 0 { (sin, cos) } else { (cos, sin) };
    let s_sign = (quarter & 2) << 30;
    let c_sign = (quarter.wrapping_add(1) & 2) << 30;
    (f32::from_bits(s.to_bits() ^ s_sign), f32::from_bits(c.to_bits() ^ c_sign))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The error of `got` in units of the last place of the f32 nearest to `want`.
    pub(crate) fn ulps(got: f32, want: f64) -> f64 {
        let near = (want as f32).abs().max(f32::MIN_POSITIVE);
        let ulp = f64::from(f32::from_bits(near.to_bits() + 1)) - f64::from(near);
        (f64::from(got) - want).abs() / ulp
    }

    #[test]
    fn exp_is_within_two_ulp_down_to_the_smallest_normal_number() {
        for exp in [exp_of_nonpositive::<false>, exp_of_nonpositive::<true>] {
            for i in 0..200_000 {
                let x = -104.5 * i as f32 / 200_000.0;
                let (got, want) = (exp(x), f64::from(x).exp());
                let is_small = want < f64::from(f32::MIN_POSITIVE) && (0.0..=f32::MIN_POSITIVE).contains(&got);
                assert!(is_small || ulps(got, want) <= 2.0, "exp({x}) = {got}, not {want}");
            }
            assert_eq!([0.0, -0.0, f32::NEG_INFINITY, f32::MIN].map(exp), [1.0, 1.0, 0.0, 0.0]);
            assert!(exp(f32::NAN).is_nan());
        }
    }

    #[test]
    fn ln_is_within_two_ulp_on_the_uniforms_it_is_used_for() {
        for i in 0..200_000u32 {
            let u = (i.wrapping_mul(0x9E37_79B9) as f32 + 1.0) / 4_294_967_296.0;
            assert!(ulps(ln(u), f64::from(u).ln()) <= 2.0, "ln({u}) = {}", ln(u));
        }
        for i in 0..1000 {
            let u = 1.0 - i as f32 / 16_777_216.0;
            assert!(ulps(ln(u), f64::from(u).ln()) <= 2.0, "ln({u}) = {}", ln(u));
        }
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn ln_1p_is_within_two_ulp_down_to_the_smallest_numbers() {
        for i in 0..200_000 {
            let e = i as f32 / 200_000.0;
            for e in [e, e * 1e-3, e * 1e-12] {
                assert!(ulps(ln_1p(e), f64::from(e).ln_1p()) <= 2.0, "ln(1 + {e}) = {}", ln_1p(e));
            }
        }
        assert_eq!((ln_1p(0.0), ln_1p(1.0)), (0.0, std::f32::consts::LN_2));
    }

    #[test]
    fn sine_and_cosine_are_within_one_ulp_of_one_and_exact_at_quarter_turns() {
        for i in 0..200_000u32 {
            let turn = i.wrapping_mul(0x9E37_79B9);
            let angle = f64::from(turn) / 4_294_967_296.0 * std::f64::consts::TAU;
            let (s, c) = sin_cos_turns(turn);
            assert!((f64::from(s) - angle.sin()).abs() < 1.2e-7, "sin({angle}) = {s}");
            assert!((f64::from(c) - angle.cos()).abs() < 1.2e-7, "cos({angle}) = {c}");
        }
        assert_eq!([0, 1 << 30, 2 << 30, 3 << 30].map(sin_cos_turns), [(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)]);
    }
}
