//! When work is shared among threads, and in what pieces.
//!
//! Handing work to other threads costs about ten microseconds, so a kernel says what a number costs it and small calls stay on the
//! calling thread. Neither choice changes a result.

/// Numbers that one task works on: its inputs and outputs fit in a core's own cache.
pub(crate) const SPAN: usize = 1 << 14;

/// Whether `numbers` that take about `picoseconds` each are enough work for several threads.
pub(crate) const fn is_worth_sharing(numbers: usize, picoseconds: usize) -> bool {
    numbers > SPAN && numbers.saturating_mul(picoseconds) > 20_000_000
}
