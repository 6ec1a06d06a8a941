//! The choice of instruction set, made once at run time for all kernels.
//!
//! A kernel is written once, as an `#[inline(always)]` body over slices, in safe Rust but for what `GRANTED` allows (`exponentials.rs`). `simd!` compiles that body several times, each
//! time with other target features, and picks one of the copies by a [`Simd`]. No copy lets the compiler reorder a sum or fuse a
//! multiply-add, so every one gives the same bits; the copy without extra features is the portable twin. The exception are bodies that ask
//! for `FUSED`, which is true in every copy but the portable one: exponentials, and what is made of them, fuse multiply and add there, which
//! halves their time; those copies give the same bits as each other, and the portable twin's to a few ulp. (The products in `matrix` and
//! [`image`](crate::image) fuse too, and are dispatched by `registers!`.)
//!
//! `SCOREFIELD_SIMD=portable|avx2|avx512|neon` overrides the choice; what the machine lacks is ignored.

use std::fmt;
use std::sync::OnceLock;

/// An instruction set that this machine has. Only this module makes one, after having asked the processor: a `Simd` is the proof that
/// its instructions may be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Simd(Variant);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Simd {
    /// What every machine of this architecture has.
    pub const PORTABLE: Self = Self(Variant::Portable);

    pub(crate) fn variant(self) -> Variant {
        self.0
    }

    /// The name that `SCOREFIELD_SIMD` takes.
    pub fn name(self) -> &'static str {
        match self.0 {
            Variant::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Variant::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Variant::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Variant::Neon => "neon",
        }
    }
}

impl fmt::Display for Simd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The instruction sets of this machine, slowest first; the first is always [`Simd::PORTABLE`].
pub fn available() -> &'static [Simd] {
    static AVAILABLE: OnceLock<Vec<Simd>> = OnceLock::new();
    AVAILABLE.get_or_init(detect)
}

/// The instruction set that the kernels use: the best available one, unless `SCOREFIELD_SIMD` names another.
pub fn active() -> Simd {
    static ACTIVE: OnceLock<Simd> = OnceLock::new();
    *ACTIVE.get_or_init(|| choose(std::env::var("SCOREFIELD_SIMD").ok().as_deref(), available()))
}

fn choose(wish: Option<&str>, available: &[Simd]) -> Simd {
    let best = available.last().copied().unwrap_or(Simd::PORTABLE);
    let Some(wish) = wish else { return best };
    available.iter().copied().find(|s| s.name().eq_ignore_ascii_case(wish.trim())).unwrap_or(best)
}

// Under Miri nothing is detected: it then interprets the portable copies.
#[allow(unused_mut, reason = "nothing is added on other architectures")]
fn detect() -> Vec<Simd> {
    let mut found = vec![Simd::PORTABLE];
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::is_x86_feature_detected as has;
        let avx2 = has!("avx2") && has!("fma") && has!("bmi1") && has!("bmi2") && has!("lzcnt") && has!("popcnt");
        if avx2 {
            found.push(Simd(Variant::Avx2));
        }
        if avx2 && has!("avx512f") && has!("avx512bw") && has!("avx512cd") && has!("avx512dq") && has!("avx512vl") {
            found.push(Simd(Variant::Avx512));
        }
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    if std::arch::is_aarch64_feature_detected!("neon") {
        found.push(Simd(Variant::Neon));
    }
    found
}

/// Proof that a copy made by `simd!` is being run whose `FUSED` is this one.
#[derive(Clone, Copy)]
pub(crate) struct Granted<const FUSED: bool>(());

impl<const FUSED: bool> Granted<FUSED> {
    /// # Safety
    /// If `FUSED`, whoever has this runs on a processor that has AVX2 and FMA, or NEON.
    pub(crate) const unsafe fn new() -> Self {
        Self(())
    }
}

/// `simd! { fn name(args) -> ret = body; }` makes `name(simd: Simd, args) -> ret`, which runs the copy of `body` compiled for `simd`. In `body`
/// the constant `FUSED` says whether that copy may fuse multiply and add, and `GRANTED` is the proof of it.
macro_rules! simd {
    ($($(#[$attr:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? = $body:expr;)*) => {$(
        $(#[$attr])*
        #[allow(clippy::too_many_arguments, reason = "the arguments of the body and one more")]
        $vis fn $name(simd: $crate::dispatch::Simd, $($arg: $ty),*) $(-> $ret)? {
            use $crate::dispatch::Variant;
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                $crate::dispatch::granted!(true);
                $body($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                $crate::dispatch::granted!(true);
                $body($($arg),*)
            }
            #[cfg(target_arch = "aarch64")]
            #[target_feature(enable = "neon")]
            fn neon($($arg: $ty),*) $(-> $ret)? {
                $crate::dispatch::granted!(true);
                $body($($arg),*)
            }
            match simd.variant() {
                Variant::Portable => {
                    $crate::dispatch::granted!(false);
                    $body($($arg),*)
                }
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
pub(crate) use simd;

/// `FUSED` and `GRANTED` of a copy; for `simd!` only.
macro_rules! granted {
    ($fused:literal) => {
        #[allow(dead_code, reason = "most bodies do not ask")]
        const FUSED: bool = $fused;
        // SAFETY: `simd!` says `true` in copies that are compiled for the instructions and run where they are, else `false`.
        #[allow(dead_code, reason = "most bodies do not ask")]
        const GRANTED: $crate::dispatch::Granted<FUSED> = unsafe { $crate::dispatch::Granted::new() };
    };
}
pub(crate) use granted;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portable_set_is_always_there_and_comes_first() {
        assert_eq!(available()[0], Simd::PORTABLE);
        assert!(available().contains(&active()));
    }

    #[test]
    fn a_wish_is_granted_if_the_machine_has_it_and_else_ignored() {
        let best = available()[available().len() - 1];
        for &simd in available() {
            assert_eq!(choose(Some(simd.name()), available()), simd);
        }
        assert_eq!(choose(Some(" Portable "), available()), Simd::PORTABLE);
        assert_eq!(choose(Some("sse9"), available()), best);
        assert_eq!(choose(Some("avx512"), &[Simd::PORTABLE]), Simd::PORTABLE);
        assert_eq!(choose(None, available()), best);
    }
}
