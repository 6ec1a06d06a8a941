//! One vector register of an instruction set, as the few operations that the matrix kernels are made of.
//!
//! A kernel is written once, over [`Lanes`]; `registers!` compiles it for each instruction set with fused multiply-add and picks one
//! copy by a [`Simd`](crate::dispatch::Simd), or the portable twin, which is written apart, in plain safe loops.

/// A register of f32 numbers.
///
/// # Safety
/// Every method must only be called where the processor has the register's instruction set.
pub(crate) trait Lanes: Copy {
    /// Numbers in a register.
    const WIDTH: usize;
    /// Rows of the largest tile: with the columns of a panel, its sums fill most of the registers there are.
    const ROWS: usize;

    /// `x` in every lane.
    unsafe fn splat(x: f32) -> Self;
    /// The `WIDTH` numbers from `from` on, which must be readable; no alignment is asked for.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes the lanes to `to` on, which must be writable for `WIDTH` numbers.
    unsafe fn store(self, to: *mut f32);
    /// `self`·`b` + `c`, rounded once where the instruction set can.
    unsafe fn multiply_add(self, b: Self, c: Self) -> Self;
    /// `self`·`b`.
    unsafe fn multiply(self, b: Self) -> Self;
    /// `self` + `b`.
    unsafe fn add(self, b: Self) -> Self;
    /// `self` − `b`.
    unsafe fn subtract(self, b: Self) -> Self;
    /// The sum of the lanes, in an order that only the register's kind fixes.
    unsafe fn sum(self) -> f32;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    /// AVX-512: 16 numbers, 32 registers.
    #[derive(Clone, Copy)]
    pub(crate) struct Zmm(__m512);

    impl Zmm {
        /// `c` + `self`·`b` in pairs of bfloat16.
        ///
        /// # Safety
        /// The processor has AVX512-BF16.
        #[inline(always)]
        pub(crate) unsafe fn pairs_multiply_add(self, b: Self, c: Self) -> Self {
            // SAFETY: the caller promises it; every bit pattern is a register of pairs.
            unsafe {
                let pairs = |x: Self| std::mem::transmute::<__m512, __m512bh>(x.0);
                Self(_mm512_dpbf16_ps(c.0, pairs(self), pairs(b)))
            }
        }
    }

    // SAFETY (of each block): the trait's callers promise AVX-512F, and memory for `WIDTH` numbers behind pointers.
    impl Lanes for Zmm {
        const WIDTH: usize = 16;
        const ROWS: usize = 12;

        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_set1_ps(x) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { _mm512_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        unsafe fn multiply_add(self, b: Self, c: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_fmadd_ps(self.0, b.0, c.0) })
        }

        #[inline(always)]
        unsafe fn multiply(self, b: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_mul_ps(self.0, b.0) })
        }

        #[inline(always)]
        unsafe fn add(self, b: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_add_ps(self.0, b.0) })
        }

        #[inline(always)]
        unsafe fn subtract(self, b: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm512_sub_ps(self.0, b.0) })
        }

        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            // SAFETY: as above.
            unsafe { _mm512_reduce_add_ps(self.0) }
        }
    }

    /// AVX2 with FMA: 8 numbers, 16 registers.
    #[derive(Clone, Copy)]
    pub(crate) struct Ymm(__m256);

    // SAFETY (of each block): the trait's callers promise AVX2 and FMA, and memory for `WIDTH` numbers behind pointers.
    impl Lanes for Ymm {
        const WIDTH: usize = 8;
        const ROWS: usize = 6;

        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_set1_ps(x) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { _mm256_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        unsafe fn multiply_add(self, b: Self, c: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_fmadd_ps(self.0, b.0, c.0) })
        }

        #[inline(always)]
        unsafe fn multiply(self, b: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_mul_ps(self.0, b.0) })
        }

        #[inline(always)]
        unsafe fn add(self, b: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_add_ps(self.0, b.0) })
        }

        #[inline(always)]
        unsafe fn subtract(self, b: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { _mm256_sub_ps(self.0, b.0) })
        }

        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            // SAFETY: as above.
            unsafe {
                let four = _mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0));
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Ymm, Zmm};

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::Lanes;
    use std::arch::aarch64::*;

    /// NEON: 4 numbers, 32 registers.
    #[derive(Clone, Copy)]
    pub(crate) struct Quad(float32x4_t);

    // SAFETY (of each block): the trait's callers promise NEON, and memory for `WIDTH` numbers behind pointers.
    impl Lanes for Quad {
        const WIDTH: usize = 4;
        const ROWS: usize = 6;

        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: as above.
            Self(unsafe { vdupq_n_f32(x) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: as above.
            Self(unsafe { vld1q_f32(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: as above.
            unsafe { vst1q_f32(to, self.0) }
        }

        #[inline(always)]
        unsafe fn multiply_add(self, b: Self, c: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { vfmaq_f32(c.0, self.0, b.0) })
        }

        #[inline(always)]
        unsafe fn multiply(self, b: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { vmulq_f32(self.0, b.0) })
        }

        #[inline(always)]
        unsafe fn add(self, b: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { vaddq_f32(self.0, b.0) })
        }

        #[inline(always)]
        unsafe fn subtract(self, b: Self) -> Self {
            // SAFETY: as above.
            Self(unsafe { vsubq_f32(self.0, b.0) })
        }

        #[inline(always)]
        unsafe fn sum(self) -> f32 {
            // SAFETY: as above.
            unsafe { vaddvq_f32(self.0) }
        }
    }
}

#[cfg(target_arch = "aarch64")]
pub(crate) use arm::Quad;

/// Sixteen numbers and no instruction set: the portable twin of a body that is nothing but these operations. Not fused.
#[derive(Clone, Copy)]
pub(crate) struct Plain([f32; 16]);

impl Plain {
    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], b.0[i])))
    }

    #[inline(always)]
    pub(crate) fn bits(self, f: impl Fn(u32) -> u32) -> Self {
        Self(self.0.map(|x| f32::from_bits(f(x.to_bits()))))
    }
}

impl Lanes for Plain {
    const WIDTH: usize = 16;
    const ROWS: usize = 6;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; 16])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises 16 numbers there, of any alignment above that of one.
        Self(unsafe { from.cast::<[f32; 16]>().read() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { to.cast::<[f32; 16]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn multiply_add(self, b: Self, c: Self) -> Self {
        self.zip(b, |a, b| a * b).zip(c, |ab, c| ab + c)
    }

    #[inline(always)]
    unsafe fn multiply(self, b: Self) -> Self {
        self.zip(b, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        self.zip(b, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn subtract(self, b: Self) -> Self {
        self.zip(b, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        self.0.iter().sum()
    }
}

/// Columns of a panel: two registers of AVX-512 and of AVX2, four of NEON. A multiple of 16 is a whole number of panels, but for
/// AVX-512 possibly with half a panel at the end.
pub(crate) fn panel_width(simd: crate::dispatch::Simd) -> usize {
    match simd.variant() {
        #[cfg(target_arch = "x86_64")]
        crate::dispatch::Variant::Avx512 => 32,
        _ => 16,
    }
}

/// `registers! { fn name(args) = body, or twin; }` makes `name(simd, args)`, which runs `body::<V>(args)` compiled for the register
/// kind `V` of `simd`, or `twin(args)`. `body` is an `unsafe fn`, `#[inline(always)]`, that asks for nothing but V's instruction set.
macro_rules! registers {
    ($($(#[$attr:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) = $body:ident, or $twin:ident;)*) => {$(
        #[allow(clippy::too_many_arguments, reason = "the arguments of the body and one more")]
        $(#[$attr])*
        $vis fn $name(simd: $crate::dispatch::Simd, $($arg: $ty),*) {
            use $crate::dispatch::Variant;
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn avx512($($arg: $ty),*) {
                // SAFETY: the body asks for AVX-512F only, which this function is compiled for.
                unsafe { $body::<$crate::matrix::lanes::Zmm>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn avx2($($arg: $ty),*) {
                // SAFETY: the body asks for AVX2 and FMA only, which this function is compiled for.
                unsafe { $body::<$crate::matrix::lanes::Ymm>($($arg),*) }
            }
            #[cfg(target_arch = "aarch64")]
            #[target_feature(enable = "neon")]
            fn neon($($arg: $ty),*) {
                // SAFETY: the body asks for NEON only, which this function is compiled for.
                unsafe { $body::<$crate::matrix::lanes::Quad>($($arg),*) }
            }
            match simd.variant() {
                Variant::Portable => $twin($($arg),*),
                // SAFETY: the only thing asked of the caller is that the processor has the features above. `detect` is the only
                // maker of this `Simd`, and makes it only where they were all found.
                #[cfg(target_arch = "x86_64")]
                Variant::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Variant::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "aarch64")]
                Variant::Neon => unsafe { neon($($arg),*) },
            }
        }
    )*};
}
pub(crate) use registers;
