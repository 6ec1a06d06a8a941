//! Numbers that are wanted soon, asked for while the processor computes with others.

/// Asks for `numbers` to be brought into the second-level cache. Changes nothing but the time that their reading takes.
#[inline]
pub(super) fn fetch(numbers: &[f32]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for line in numbers.chunks(16) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch reads nothing that the program sees, and faults nowhere; SSE is part of x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = numbers;
}
