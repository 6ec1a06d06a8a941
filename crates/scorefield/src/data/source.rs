//! The one view of data that training and diagnostics have: rows by index.

use super::shape::EventShape;
use crate::error::{Error, Result};
use crate::key::Key;

/// Where points come from. Row i is a function of (source, the key's seed and step where it is random, i) alone.
pub trait Source: Send + Sync {
    /// The number of rows; `None` means endless.
    fn len(&self) -> Option<u64>;

    /// The shape of one row.
    fn event(&self) -> &EventShape;

    /// Writes rows `indices` to `out`, `[indices.len(), d]` row-major, in data units.
    ///
    /// # Errors
    /// An index beyond the last row, an `out` of the wrong length, a file that can no longer be read.
    fn fill(&self, indices: &[u64], key: Key, out: &mut [f32]) -> Result<()>;

    /// The class of each row, where classes are known.
    fn labels(&self) -> Option<&[u8]> {
        None
    }

    /// Whether there are no rows at all.
    fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

/// Rows read in one go when a whole source is visited.
pub(super) const CHUNK: u64 = 1024;

/// The first `limit` rows (all of them if there are fewer), `[rows, d]` row-major.
///
/// # Errors
/// As [`Source::fill`]; also if that many rows do not fit into memory.
pub fn all(source: &dyn Source, limit: usize, key: Key) -> Result<Vec<f32>> {
    let mut rows = Vec::new();
    visit(source, limit as u64, key, |chunk| {
        rows.try_reserve(chunk.len()).map_err(|_| {
            Error::failed("reading data", format!("{} rows of shape {} do not fit into memory", limit, source.event()))
        })?;
        rows.extend_from_slice(chunk);
        Ok(())
    })?;
    Ok(rows)
}

/// Calls `see` with the first `limit` rows, some at a time; returns how many there were.
pub(super) fn visit(source: &dyn Source, limit: u64, key: Key, mut see: impl FnMut(&[f32]) -> Result<()>) -> Result<u64> {
    let n = source.len().map_or(limit, |n| n.min(limit));
    let d = source.event().len();
    let mut buffer = Vec::new();
    let mut at = 0;
    while at < n {
        let indices: Vec<u64> = (at..n.min(at + CHUNK)).collect();
        buffer.resize(indices.len() * d, 0.0);
        source.fill(&indices, key, &mut buffer)?;
        see(&buffer)?;
        at += indices.len() as u64;
    }
    Ok(n)
}

/// Refuses what [`Source::fill`] refuses before any row is read.
pub(super) fn check(source: &dyn Source, indices: &[u64], out: &[f32]) -> Result<()> {
    let d = source.event().len();
    if indices.len().checked_mul(d) != Some(out.len()) {
        return Err(Error::setting(
            "rows to fill",
            format!("{} rows of {d} numbers", indices.len()),
            format!("room for {}", out.len()),
        ));
    }
    if let Some(n) = source.len()
        && let Some(beyond) = indices.iter().find(|i| **i >= n)
    {
        return Err(Error::setting("row index", format!("below {n}"), beyond));
    }
    Ok(())
}
