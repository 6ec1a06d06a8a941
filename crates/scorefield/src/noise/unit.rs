//! Uniform numbers strictly inside (0, 1), for inverse distribution functions, which are infinite at the ends.

use crate::key::Key;

/// The midpoints of the 2²⁴ cells that uniform numbers come in: as far from 0 as from 1, so that symmetric laws stay symmetric.
pub(super) fn inside(key: Key, first_row: u64, n: usize, cols: usize) -> impl Iterator<Item = f64> {
    key.uniform(first_row, n, cols).into_iter().map(|u| f64::from(u) + 0.5 * f64::from(f32::EPSILON / 2.0))
}
