//! Weights laid out as a product reads them: panels of columns, and within a panel row after row without gaps.
//!
//! A panel so packed fills consecutive cache lines; in the matrix itself its rows would be a power of two apart and compete for the
//! same few lines of the first cache. Columns past the matrix, up to a multiple of 16, are zero.

use crate::dispatch::Simd;
use rayon::prelude::*;
use std::ops::Range;

/// A packed matrix `[inner, width]`.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a> {
    data: &'a [f32],
    inner: usize,
    width: usize,
    panel: usize,
}

impl<'a> Panels<'a> {
    /// A view of what [`pack`] or [`pack_transposed`] made for `simd`, of `inner` rows and `width` columns, a multiple of 16.
    pub(crate) fn new(simd: Simd, data: &'a [f32], inner: usize, width: usize) -> Self {
        assert!(data.len() == inner * width && width.is_multiple_of(16), "panels: {} for {inner}×{width}", data.len());
        Self { data, inner, width, panel: super::lanes::panel_width(simd) }
    }

    pub(crate) fn inner(&self) -> usize {
        self.inner
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Columns and numbers of each panel.
    #[inline(always)]
    pub(crate) fn panels(self) -> impl Iterator<Item = (Range<usize>, &'a [f32])> {
        (0..self.width).step_by(self.panel).map(move |first| {
            let last = (first + self.panel).min(self.width);
            (first..last, &self.data[first * self.inner..last * self.inner])
        })
    }
}

/// Calls `fill` for each panel of `size` numbers, large matrices on several threads.
fn for_panels(into: &mut [f32], size: usize, fill: impl Fn(usize, &mut [f32]) + Sync) {
    if into.len() > 1 << 18 {
        into.par_chunks_mut(size).enumerate().for_each(|(i, into)| fill(i, into));
    } else {
        into.chunks_mut(size).enumerate().for_each(|(i, into)| fill(i, into));
    }
}

/// Packs `w` `[k, n]` into `into` `[k, width]`, width ≥ n a multiple of 16.
pub(crate) fn pack(simd: Simd, w: &[f32], n: usize, width: usize, into: &mut [f32]) {
    let (k, panel) = (w.len() / n, super::lanes::panel_width(simd));
    assert!(into.len() == k * width && width >= n, "pack: {} for {k}×{width}", into.len());
    for_panels(into, k * panel, |i, into| {
        let first = i * panel;
        let cols = panel.min(width - first);
        let real = cols.min(n.saturating_sub(first));
        for (into, row) in into.chunks_exact_mut(cols).zip(w.chunks_exact(n)) {
            if real == 32 {
                into.copy_from_slice(&row[first..first + 32]);
            } else {
                into[..real].copy_from_slice(&row[first..first + real]);
                into[real..].fill(0.0);
            }
        }
    });
}

/// Packs the transpose of `w` `[k, n]` into `into` `[n, width]`, width ≥ k a multiple of 16.
pub(crate) fn pack_transposed(simd: Simd, w: &[f32], n: usize, width: usize, into: &mut [f32]) {
    let (k, panel) = (w.len() / n, super::lanes::panel_width(simd));
    assert!(into.len() == n * width && width >= k, "pack_transposed: {} for {n}×{width}", into.len());
    for_panels(into, n * panel, |i, into| {
        let first = i * panel;
        let cols = panel.min(width - first);
        let real = cols.min(k.saturating_sub(first));
        // Four rows of w at a time become four neighbours in each row of the panel.
        for i in (0..cols).step_by(4) {
            if i + 4 <= real {
                let [a, b, c, d] = [0, 1, 2, 3].map(|r| &w[(first + i + r) * n..][..n]);
                for (j, into) in into.chunks_exact_mut(cols).enumerate() {
                    into[i..i + 4].copy_from_slice(&[a[j], b[j], c[j], d[j]]);
                }
            } else {
                for (j, into) in into.chunks_exact_mut(cols).enumerate() {
                    let from = |r: usize| if r < real { w[(first + r) * n + j] } else { 0.0 };
                    into[i..i + 4].copy_from_slice(&[0, 1, 2, 3].map(|r| from(i + r)));
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::available;

    #[test]
    fn every_number_is_in_its_place_and_the_rest_is_zero() {
        for &simd in available() {
            for (k, n) in [(1, 1), (5, 3), (128, 2), (2, 130), (50, 47), (64, 96), (530, 500)] {
                let w: Vec<f32> = (1..=k * n).map(|i| i as f32).collect();
                let check = |rows: usize, cols: usize, transposed: bool| {
                    let width = cols.next_multiple_of(16);
                    let mut into = vec![f32::NAN; rows * width];
                    let fill = if transposed { pack_transposed } else { pack };
                    fill(simd, &w, n, width, &mut into);
                    for (columns, panel) in Panels::new(simd, &into, rows, width).panels() {
                        let (first, wide) = (columns.start, columns.len());
                        for (at, &got) in panel.iter().enumerate() {
                            let (i, j) = (at / wide, first + at % wide);
                            let from = if transposed { j * n + i } else { i * n + j };
                            assert_eq!(got, if j < cols { w[from] } else { 0.0 }, "{simd}: {i}, {j} of {rows}×{cols}");
                        }
                    }
                };
                check(k, n, false);
                check(n, k, true);
            }
        }
    }
}
