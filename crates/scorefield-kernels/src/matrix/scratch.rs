//! Work space that a thread keeps between calls, cut into pieces that start on cache lines.

use std::cell::RefCell;

/// Numbers in a cache line.
const LINE: usize = 16;

thread_local! {
    /// One for each depth of calls inside one another, the outermost last.
    static KEPT: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with `N` slices of the given lengths, whose contents are whatever was there before.
pub(crate) fn with<const N: usize, R>(lengths: [usize; N], work: impl FnOnce([&mut [f32]; N]) -> R) -> R {
    let padded = lengths.map(|n| n.next_multiple_of(LINE));
    let needed = padded.iter().sum::<usize>() + LINE;
    // Taken, not borrowed: a call inside `work` finds the next one.
    let mut space = KEPT.with_borrow_mut(Vec::pop).unwrap_or_default();
    if space.len() < needed {
        space = vec![0.0; needed];
    }
    let skip = space.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
    let mut rest = &mut space[skip..];
    let mut index = 0;
    let pieces = lengths.map(|n| {
        let (piece, after) = std::mem::take(&mut rest).split_at_mut(padded[index]);
        (rest, index) = (after, index + 1);
        &mut piece[..n]
    });
    let result = work(pieces);
    KEPT.with_borrow_mut(|kept| kept.push(space));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_their_lengths_and_start_on_cache_lines_also_inside_one_another() {
        with([3, 0, 100], |[a, b, c]| {
            assert_eq!([a.len(), b.len(), c.len()], [3, 0, 100]);
            assert!([a.as_ptr(), c.as_ptr()].iter().all(|p| p.addr().is_multiple_of(64)));
            a.fill(1.0);
            with([50], |[inner]| inner.fill(2.0));
            assert_eq!(a, [1.0; 3]);
        });
    }
}
