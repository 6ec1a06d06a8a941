//! Results that are written once, without being filled with zeros first: for arrays larger than the caches that is a pass less.

use std::mem::MaybeUninit;

/// A vector of `len` numbers, all of which `write` writes.
///
/// # Safety
/// `write` writes every number of the slice it is given, unless it panics.
pub(super) unsafe fn vector(len: usize, write: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(len);
    write(&mut numbers.spare_capacity_mut()[..len]);
    // SAFETY: the capacity is at least `len`, and the caller promises that all these numbers are written.
    unsafe { numbers.set_len(len) };
    numbers
}
