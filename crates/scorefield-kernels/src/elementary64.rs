//! exp and ln as straight-line f64 arithmetic, which a compiler can run over any number of lanes.
//!
//! exp: x = k ln 2 + r with |r| ≤ ½ ln 2, and the Taylor series of eʳ to r¹³ (remainder below 5·10⁻¹⁸). ln: m·2ᵏ with m in [√½, √2), and
//! 2 artanh((m − 1)/(m + 1)) by its series to the 21st power. Multiply-adds are fused, so the bits are the same on every machine; both are within
//! 2 ulp.

use std::f64::consts::LOG2_E;

/// ln 2 in two parts: the first has 32 bits, so that its product with an exponent is exact.
const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Adding 1.5·2⁵² to a number below 2⁵¹ leaves its nearest integer in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// 1/n! from n = 13 down to 2.
const EXP: [f64; 12] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
];

/// eˣ for x ≤ 0; below −708, where the result would be subnormal, 0. NaN for NaN.
#[inline(always)]
pub(crate) fn exp_of_nonpositive(x: f64) -> f64 {
    // Written so that NaN passes through.
    let clamped = if x < -708.0 { -708.0 } else { x };
    let shifted = clamped.mul_add(LOG2_E, ROUND);
    let k = shifted - ROUND;
    let r = k.mul_add(-LN2_LOW, k.mul_add(-LN2_HIGH, clamped));
    // In pairs (Estrin's scheme), so that fewer operations wait for each other.
    let (r2, r4) = (r * r, (r * r) * (r * r));
    let a = EXP[0].mul_add(r, EXP[1]).mul_add(r2, EXP[2].mul_add(r, EXP[3]));
    let c = EXP[4].mul_add(r, EXP[5]).mul_add(r2, EXP[6].mul_add(r, EXP[7]));
    let e = EXP[8].mul_add(r, EXP[9]).mul_add(r2, EXP[10].mul_add(r, EXP[11]));
    let y = a.mul_add(r4, c).mul_add(r4, e).mul_add(r2, 1.0 + r);
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(1023) << 52;
    let y = y * f64::from_bits(power);
    if x < -708.0 { 0.0 } else { y }
}

const SQRT_HALF_BITS: u64 = 0x3FE6_A09E_667F_3BCD;

/// ln u for positive normal u.
#[inline(always)]
pub(crate) fn ln(u: f64) -> f64 {
    // u = 2ᵏ m with m in [√½, √2): the offset moves the cut between two exponents from 1 to √½.
    let bits = u.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let k = ((bits as i64) >> 52) as i32 as f64;
    let f = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) + SQRT_HALF_BITS) - 1.0;
    // 2 artanh z = ln((1 + z)/(1 − z)), z = f/(2 + f), |z| ≤ 0.172.
    let z = f / (2.0 + f);
    let w = z * z;
    let mut p: f64 = 2.0 / 21.0;
    for n in [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        p = p.mul_add(w, 2.0 / n);
    }
    // 2z = f − f²/(2 + f) = f − z f: the leading term is exact.
    let small = (p * w).mul_add(z, k * LN2_LOW) - z * f;
    k.mul_add(LN2_HIGH, f + small)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ulps(got: f64, want: f64) -> f64 {
        (got - want).abs() / (f64::from_bits(want.abs().to_bits() + 1) - want.abs())
    }

    #[test]
    fn exp_is_within_two_ulp_and_ends_in_zero() {
        for i in 0..400_000 {
            let x = -708.0 * (f64::from(i) / 400_000.0).powi(2);
            assert!(ulps(exp_of_nonpositive(x), x.exp()) <= 2.0, "exp({x}) = {}", exp_of_nonpositive(x));
        }
        assert_eq!([0.0, -0.0, -709.0, f64::NEG_INFINITY].map(exp_of_nonpositive), [1.0, 1.0, 0.0, 0.0]);
        assert!(exp_of_nonpositive(f64::NAN).is_nan());
    }

    #[test]
    fn ln_is_within_two_ulp() {
        for i in 1..400_000 {
            let t = f64::from(i) / 400_000.0;
            for u in [1.0 + 7.0 * t, t, 1.0 + 1e-6 * t, 1.0 - 1e-6 * t, (600.0 * (t - 0.5)).exp()] {
                assert!(ulps(ln(u), u.ln()) <= 2.0, "ln({u}) = {}, not {}", ln(u), u.ln());
            }
        }
        assert_eq!(ln(1.0), 0.0);
    }
}
