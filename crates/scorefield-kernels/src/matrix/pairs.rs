//! Products of numbers rounded to bfloat16 (8 significant bits, the range of f32), summed in f32.
//!
//! Two such numbers make a *pair*, in the place of one f32: the first in the lower half of its bits. A lane of a product adds two terms at a
//! time, c + a₁·b₁ + a₀·b₀ in this order, rounded after each; a product of two bfloat16 numbers has 16 bits, so f32 holds it as it is. That is what AVX512-BF16's
//! VDPBF16PS computes, but for numbers below 2⁻¹²⁶, which it takes for zeros.

use super::lanes::{Lanes, Plain};
use crate::dispatch::{Simd, simd};

/// How two registers are multiplied and added to a third.
pub(crate) trait Dot<V: Lanes> {
    /// `a`·`b` + `c`.
    ///
    /// # Safety
    /// The processor has V's instruction set, and what the implementation asks for besides.
    unsafe fn dot(a: V, b: V, c: V) -> V;
}

/// Number by number.
pub(crate) struct Single;

impl<V: Lanes> Dot<V> for Single {
    #[inline(always)]
    unsafe fn dot(a: V, b: V, c: V) -> V {
        // SAFETY: the caller promises V's instruction set.
        unsafe { a.multiply_add(b, c) }
    }
}

/// Pair by pair.
pub(crate) struct Pair;

impl Dot<Plain> for Pair {
    #[inline(always)]
    unsafe fn dot(a: Plain, b: Plain, c: Plain) -> Plain {
        // SAFETY: no instruction set is asked for.
        unsafe {
            let (first, second) = (|x: Plain| x.bits(|x| x << 16), |x: Plain| x.bits(|x| x & 0xFFFF_0000));
            first(a).multiply_add(first(b), second(a).multiply_add(second(b), c))
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Dot<super::lanes::Zmm> for Pair {
    #[inline(always)]
    unsafe fn dot(a: super::lanes::Zmm, b: super::lanes::Zmm, c: super::lanes::Zmm) -> super::lanes::Zmm {
        // SAFETY: the caller promises AVX512-BF16 besides.
        unsafe { a.pairs_multiply_add(b, c) }
    }
}

/// A way to multiply pairs on this machine. Only this module makes one, after having asked the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dots(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    #[cfg_attr(not(test), allow(dead_code, reason = "the twin that tests hold the others against"))]
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Dots {
    /// In plain loops: for tests.
    #[cfg(test)]
    pub(crate) const PORTABLE: Self = Self(Kind::Portable);

    /// The instructions for it, if `simd` has them.
    pub(crate) fn of(simd: Simd) -> Option<Self> {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if simd.variant() == crate::dispatch::Variant::Avx512 && std::arch::is_x86_feature_detected!("avx512bf16") {
            return Some(Self(Kind::Avx512));
        }
        let _ = simd;
        None
    }

    pub(crate) fn kind(self) -> Kind {
        self.0
    }
}

/// `pairs! { fn name(args) = body; }` makes `name(dots, args)`, which runs `body::<V>(args)` compiled for the registers of `dots`. `body` is an
/// `unsafe fn`, `#[inline(always)]`, that asks for nothing but what `Dot<V>` of [`Pair`] asks for.
macro_rules! pairs {
    ($($(#[$attr:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) = $body:ident;)*) => {$(
        #[allow(clippy::too_many_arguments, reason = "the arguments of the body and one more")]
        $(#[$attr])*
        $vis fn $name(dots: $crate::matrix::pairs::Dots, $($arg: $ty),*) {
            use $crate::matrix::pairs::Kind;
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512bf16,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn avx512($($arg: $ty),*) {
                // SAFETY: the body asks for AVX-512F and AVX512-BF16 only, which this function is compiled for.
                unsafe { $body::<$crate::matrix::lanes::Zmm>($($arg),*) }
            }
            match dots.kind() {
                // SAFETY: plain numbers ask for no instruction set.
                Kind::Portable => unsafe { $body::<$crate::matrix::lanes::Plain>($($arg),*) },
                // SAFETY: the only thing asked of the caller is that the processor has the features above. `Dots::of` is the only
                // maker of this kind, and makes it only where they were all found.
                #[cfg(target_arch = "x86_64")]
                Kind::Avx512 => unsafe { avx512($($arg),*) },
            }
        }
    )*};
}
pub(crate) use pairs;

/// The nearest bfloat16 to `x`, of two as near the even one, in the upper half of the bits.
#[inline(always)]
fn nearest(x: f32) -> u32 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1));
    // What is not a number stays so.
    (if x.is_nan() { bits | 0x0040_0000 } else { rounded }) & 0xFFFF_0000
}

#[inline(always)]
fn pair(first: f32, second: f32) -> f32 {
    f32::from_bits(nearest(first) >> 16 | nearest(second))
}

simd! {
    /// Each number becomes the nearest bfloat16.
    pub(crate) fn round(numbers: &mut [f32]) = |numbers: &mut [f32]| {
        numbers.iter_mut().for_each(|x| *x = f32::from_bits(nearest(*x)));
    };
    /// `to` = the pairs of `first` and `second`, place by place; past the end of `second` there are zeros.
    pub(crate) fn zip(first: &[f32], second: &[f32], to: &mut [f32]) = |first: &[f32], second: &[f32], to: &mut [f32]| {
        assert!(first.len() == to.len() && second.len() <= to.len(), "zip: {}, {}, {}", first.len(), second.len(), to.len());
        let (both, rest) = first.split_at(second.len());
        let (to, to_rest) = to.split_at_mut(second.len());
        both.iter().zip(second).zip(to).for_each(|((first, second), to)| *to = pair(*first, *second));
        rest.iter().zip(to_rest).for_each(|(first, to)| *to = pair(*first, 0.0));
    };
    /// `to` = the pairs of neighbours in `from`.
    pub(crate) fn neighbours(from: &[f32], to: &mut [f32]) = |from: &[f32], to: &mut [f32]| {
        let (from, rest) = from.as_chunks::<2>();
        assert!(rest.is_empty() && from.len() == to.len(), "neighbours: {} for {} pairs", 2 * from.len() + rest.len(), to.len());
        from.iter().zip(to).for_each(|([first, second], to)| *to = pair(*first, *second));
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::available;

    #[test]
    fn numbers_round_to_the_nearest_and_halves_to_even() {
        let of = |x: f32| f32::from_bits(nearest(x));
        // One has bfloat16 neighbours 1 + 2⁻⁷ and 1 − 2⁻⁸.
        let e = 2f32.powi(-8);
        for (x, want) in [(1.0, 1.0), (1.0 + e, 1.0), (1.0 + 1.01 * e, 1.0 + 2.0 * e), (1.0 + 3.0 * e, 1.0 + 4.0 * e)] {
            assert_eq!((of(x), of(-x)), (want, -want));
        }
        assert_eq!((of(f32::MAX), of(f32::INFINITY), of(-0.0).to_bits()), (f32::INFINITY, f32::INFINITY, 1 << 31));
        assert!(
            [f32::NAN, -f32::NAN, f32::from_bits(0x7F80_0001), f32::from_bits(0xFFFF_FFFF)].map(of).iter().all(|x| x.is_nan())
        );
        // Every bfloat16 is its own nearest one.
        for bits in (0..=0xFFFFu32).map(|high| high << 16) {
            let x = f32::from_bits(bits);
            assert!(of(x).to_bits() == bits || x.is_nan() && of(x).is_nan(), "{x}");
        }
    }

    #[test]
    fn all_copies_round_and_pair_alike() {
        let x: Vec<f32> = crate::philox::tests::normals(3, 100);
        let halves = |pair: &f32| [f32::from_bits(pair.to_bits() << 16), f32::from_bits(pair.to_bits() & 0xFFFF_0000)];
        let rounded: Vec<f32> = x.iter().map(|x| f32::from_bits(nearest(*x))).collect();
        for &simd in available() {
            let mut got = x.clone();
            round(simd, &mut got);
            assert_eq!(got, rounded);
            let mut pairs = vec![f32::NAN; 50];
            neighbours(simd, &x, &mut pairs);
            assert_eq!(pairs.iter().flat_map(halves).collect::<Vec<_>>(), rounded);
            zip(simd, &x[..50], &x[50..97], &mut pairs);
            for (k, [first, second]) in pairs.iter().map(halves).enumerate() {
                assert_eq!((first, second), (rounded[k], if k < 47 { rounded[50 + k] } else { 0.0 }));
            }
        }
    }
}
