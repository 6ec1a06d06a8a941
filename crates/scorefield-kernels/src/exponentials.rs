//! e^{−|x|} of numbers side by side, and what SiLU and its derivatives make of it.
//!
//! Where multiply and add are fused, −|x| = n·(ln 2)/8 + r, and 2^{n/8} comes from a table of eight numbers, which lies in a register: then a
//! polynomial of the third degree is enough for eʳ, where [`exp_of_nonpositive`], which takes no table, needs one of the sixth. ln 2 has 24 bits
//! there, which saves a multiply-add: it is within 2 + |x|/20 ulp, of which the second matters where the number is tiny. Elsewhere it is that function.
//!
//! It is done in stages over all of the numbers: each has its constants in registers and is a short chain of operations, of which a processor has
//! many under way at a time. One loop for everything takes a third as long again.

use crate::dispatch::Granted;
use crate::elementary::{HIGHEST, ROUND, exp_of_nonpositive, multiply_add};
use std::f32::consts::{LN_2, LOG2_E, SQRT_2};

/// Numbers that are taken together.
pub(crate) const TOGETHER: usize = 64;

/// `N` numbers on whole cache lines: what is stored across the border of two takes twice as long.
#[repr(align(64))]
pub(crate) struct Together<const N: usize>(pub(crate) [f32; N]);

impl<const N: usize> Together<N> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self([0.0; N])
    }
}

/// 2^{j/8}.
const ROOTS: [f32; 8] = [1.0, 1.090_507_8, 1.189_207_1, 1.296_839_6, SQRT_2, 1.542_210_8, 1.681_792_9, 1.834_008_1];

/// The bits of them, less j at the bit of an eighth of a power of two: where n = 8k + j is added there, 2ᵏ⁺ʲᐟ⁸ comes out.
const TABLE: [u32; 8] = {
    let (mut table, mut j) = ([0; 8], 0);
    while j < 8 {
        table[j] = ROOTS[j].to_bits() - ((j as u32) << EIGHTH);
        j += 1;
    }
    table
};

/// The bit of an eighth of a power of two: the exponent of an f32 begins at bit 23.
const EIGHTH: u32 = 20;

/// eʳ = 1 + r + ar² + br³ to 2.6·10⁻⁸ for |r| ≤ (ln 2)/16.
const EXP: [f32; 2] = [0.500_064_8, 0.166_682_3];

/// n, added to ROUND, and r.
#[inline(always)]
fn reduced(x: f32) -> (f32, f32) {
    // Written so that NaN passes through.
    let a = if x.abs() > HIGHEST { HIGHEST } else { x.abs() };
    let shifted = a.mul_add(-8.0 * LOG2_E, ROUND);
    // The product is not rounded, and LN_2 happens to be exact to 3·10⁻⁹ of itself.
    (shifted, (shifted - ROUND).mul_add(-0.125 * LN_2, -a))
}

/// 2^{n/8}, `shifted` being n added to ROUND, or less than the smallest normal number where that is.
#[inline(always)]
fn power(shifted: f32) -> f32 {
    // n stands in the lowest bits: of those of ROUND itself none is left after the shift.
    let bits = shifted.to_bits();
    f32::from_bits((bits << EIGHTH).wrapping_add(TABLE[(bits & 7) as usize]))
}

/// Numbers of a register of AVX2.
const EIGHT: usize = 8;

/// [`power`] of each number.
#[inline(always)]
fn powers<const FUSED: bool>(_: Granted<FUSED>, shifted: [f32; EIGHT]) -> [f32; EIGHT] {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    if FUSED {
        use std::arch::x86_64::*;
        // SAFETY: where it is granted to fuse, the processor has AVX2; eight numbers are a register, of any bits.
        return unsafe {
            let table = _mm256_loadu_si256(TABLE.as_ptr().cast());
            let bits = std::mem::transmute::<[f32; EIGHT], __m256i>(shifted);
            // Of each index the lowest three bits count.
            let root = _mm256_permutevar8x32_epi32(table, bits);
            std::mem::transmute::<__m256i, [f32; EIGHT]>(_mm256_add_epi32(_mm256_slli_epi32::<{ EIGHTH as i32 }>(bits), root))
        };
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    if FUSED {
        use std::arch::aarch64::*;
        // SAFETY: where it is granted to fuse, the processor has NEON; four numbers are a register, of any bits, and the table is eight.
        return unsafe {
            let table = vld1q_u8_x2(TABLE.as_ptr().cast());
            let power = |bits: uint32x4_t| {
                // The four bytes of number j are 4j to 4j + 3.
                let j = vandq_u32(bits, vdupq_n_u32(7));
                let bytes = vmlaq_u32(vdupq_n_u32(0x0302_0100), j, vdupq_n_u32(0x0404_0404));
                let root = vreinterpretq_u32_u8(vqtbl2q_u8(table, vreinterpretq_u8_u32(bytes)));
                vaddq_u32(vshlq_n_u32::<{ EIGHTH as i32 }>(bits), root)
            };
            let halves = std::mem::transmute::<[f32; EIGHT], [uint32x4_t; 2]>(shifted);
            std::mem::transmute::<[uint32x4_t; 2], [f32; EIGHT]>(halves.map(power))
        };
    }
    shifted.map(power)
}

/// `power`·eʳ.
#[inline(always)]
fn times_exp(power: f32, r: f32) -> f32 {
    let above = (r * r).mul_add(EXP[1].mul_add(r, EXP[0]), r);
    power.mul_add(above, power)
}

/// e^{−|x|}.
#[inline(always)]
pub(crate) fn exponential<const FUSED: bool>(x: f32) -> f32 {
    if !FUSED {
        return exp_of_nonpositive::<false>(-x.abs());
    }
    let (shifted, r) = reduced(x);
    times_exp(power(shifted), r)
}

/// [`exponential`] of many numbers, to the same bits.
#[inline(always)]
fn exponentials<const FUSED: bool, const N: usize>(granted: Granted<FUSED>, x: &[f32; N]) -> Together<N> {
    const { assert!(N.is_multiple_of(EIGHT)) };
    let (mut e, mut rest) = (Together::new(), Together::<N>::new());
    if !FUSED {
        for (e, x) in e.0.iter_mut().zip(x) {
            *e = exponential::<false>(*x);
        }
        return e;
    }
    for (i, x) in x.iter().enumerate() {
        (e.0[i], rest.0[i]) = reduced(*x);
    }
    for (e, r) in e.0.as_chunks_mut::<EIGHT>().0.iter_mut().zip(rest.0.as_chunks::<EIGHT>().0) {
        let power = powers(granted, *e);
        for i in 0..EIGHT {
            e[i] = times_exp(power[i], r[i]);
        }
    }
    e
}

/// x·σ(x), `e` being e^{−|x|}. At −∞ it is −∞, where the formula has ∞·0.
#[inline(always)]
pub(crate) fn silu(x: f32, e: f32) -> f32 {
    // x where that is positive, which makes it the larger one; in this order also for ∞.
    let product = x * e;
    (if product > x { product } else { x }) / (1.0 + e)
}

/// The derivative of [`silu`]: σ(x)(1 + x·σ(−x)), `e` being e^{−|x|} and `large` 1/(1 + e).
#[inline(always)]
pub(crate) fn silu_slope<const FUSED: bool>(x: f32, e: f32, large: f32) -> f32 {
    large * multiply_add::<FUSED>(x, e * large, if x.is_sign_negative() { e } else { 1.0 })
}

/// [`silu`] of each of many numbers, told one after the other as `told(i, silu(x_i))`.
#[inline(always)]
pub(crate) fn silus<const FUSED: bool, const N: usize>(granted: Granted<FUSED>, x: &[f32; N], mut told: impl FnMut(usize, f32)) {
    let e = exponentials(granted, x);
    for (i, &x) in x.iter().enumerate() {
        told(i, silu(x, e.0[i]));
    }
}

/// f(x, e, 1/(1 + e)), e being e^{−|x|}.
#[inline(always)]
pub(crate) fn with_exponential<const FUSED: bool, T>(x: f32, f: impl Fn(f32, f32, f32) -> T) -> T {
    let e = exponential::<FUSED>(x);
    f(x, e, 1.0 / (1.0 + e))
}

/// [`with_exponential`] for each of many numbers, told one after the other as `told(i, with_exponential(x_i, f))`.
#[inline(always)]
pub(crate) fn with_exponentials<const FUSED: bool, const N: usize, T>(
    granted: Granted<FUSED>,
    x: &[f32; N],
    f: impl Fn(f32, f32, f32) -> T,
    mut told: impl FnMut(usize, T),
) {
    let e = exponentials(granted, x);
    for (i, &x) in x.iter().enumerate() {
        told(i, f(x, e.0[i], 1.0 / (1.0 + e.0[i])));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{Simd, available, simd};
    use crate::elementary::tests::ulps;

    simd! {
        fn of_blocks(x: &[[f32; 16]], e: &mut Vec<f32>) = |x: &[[f32; 16]], e: &mut Vec<f32>| for x in x { e.extend(exponentials(GRANTED, x).0) };
        fn of_each(x: &[[f32; 16]], e: &mut Vec<f32>) = |x: &[[f32; 16]], e: &mut Vec<f32>| e.extend(x.as_flattened().iter().map(|x| exponential::<FUSED>(*x)));
    }

    fn bits(simd: Simd, of: fn(Simd, &[[f32; 16]], &mut Vec<f32>), x: &[[f32; 16]]) -> Vec<u32> {
        let mut e = Vec::new();
        of(simd, x, &mut e);
        // Which bits a NaN has is nobody's promise.
        e.iter().map(|e| if e.is_nan() { f32::NAN.to_bits() } else { e.to_bits() }).collect()
    }

    #[test]
    fn the_roots_are_the_nearest_numbers() {
        for (j, root) in ROOTS.iter().enumerate() {
            assert_eq!(*root, 2f64.powf(j as f64 / 8.0) as f32);
        }
    }

    #[test]
    fn it_is_within_two_ulp_and_a_twentieth_of_the_argument_and_many_are_as_one() {
        let arguments = (0..320_000).map(|i| (i as f32 - 160_000.0) / 1600.0).collect::<Vec<_>>();
        let special = [
            0.0,
            -0.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            f32::MIN,
            f32::NAN,
            1e-30,
            -1e-30,
            88.029_69,
            88.0,
            -87.5,
            87.34,
            -87.33,
            127.0,
            1e9,
        ];
        let (x, _) = arguments.as_chunks::<16>();
        let mut x = x.to_vec();
        x.push(special);
        for &simd in available() {
            let e = bits(simd, of_blocks, &x);
            for (&e, x) in e.iter().zip(x.as_flattened()) {
                let e = f32::from_bits(e);
                let (size, want) = (x.abs(), (-f64::from(x.abs())).exp());
                let is_small = want < f64::from(f32::MIN_POSITIVE) && (0.0..=f32::MIN_POSITIVE).contains(&e);
                let is_near = ulps(e, want) <= 2.0 + f64::from(size) / 20.0;
                assert!(is_small || is_near || x.is_nan() && e.is_nan(), "{simd}: {e} at {x}, not {want}");
            }
            let at = |x: f32| f32::from_bits(e[e.len() - 16 + special.iter().position(|s| s.to_bits() == x.to_bits()).unwrap()]);
            assert_eq!([0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MIN, 127.0].map(at), [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
            let fused = |simd: &Simd| *simd != Simd::PORTABLE;
            assert_eq!(e, bits(simd, of_each, &x), "{simd}");
            assert!(!fused(&simd) || e == bits(available()[1], of_blocks, &x), "{simd}");
        }
    }
}
