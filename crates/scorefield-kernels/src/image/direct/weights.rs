//! Weights `[c_out, c_in, k, k]` as the products read them, and their gradient back in that order.

use crate::dispatch::Simd;
use crate::matrix::lanes::panel_width;
use rayon::prelude::*;

/// How the numbers of a matrix, made of taps one below the other, lie in the weights: row q of a tap's part and column j is at
/// tap + q·`rows` + j·`cols`.
#[derive(Clone, Copy)]
pub(super) struct Order {
    /// Rows of one tap's part and columns.
    pub(super) size: (usize, usize),
    pub(super) rows: usize,
    pub(super) cols: usize,
}

/// Panels of the matrix whose parts are `taps` of `w`, with zeros in the columns up to `width`.
pub(super) fn pack(simd: Simd, w: &[f32], taps: &[usize], order: Order, width: usize, into: &mut [f32]) {
    let Order { size: (inner, real), rows, cols } = order;
    let (panel, height) = (panel_width(simd), taps.len() * inner);
    assert!(into.len() == height * width && width >= real, "pack: {} for {height}×{width}", into.len());
    if into.is_empty() {
        return;
    }
    let fill = |(i, into): (usize, &mut [f32])| {
        let first = i * panel;
        let wide = panel.min(width - first);
        let real = wide.min(real.saturating_sub(first));
        // Numbers of one tap lie k² apart; all taps of a row are read while they are in the cache.
        for q in 0..inner {
            for (t, tap) in taps.iter().enumerate() {
                let into = &mut into[(t * inner + q) * wide..][..wide];
                let from = &w[tap + q * rows + first.min(order.size.1.saturating_sub(1)) * cols..];
                for (j, to) in into[..real].iter_mut().enumerate() {
                    *to = from[j * cols];
                }
                into[real..].fill(0.0);
            }
        }
    };
    if into.len() > 1 << 16 {
        into.par_chunks_mut(height * panel).enumerate().for_each(fill);
    } else {
        into.chunks_mut(height * panel).enumerate().for_each(fill);
    }
}

/// The transpose of that matrix, row after row.
pub(super) fn pack_few(w: &[f32], taps: &[usize], order: Order, into: &mut [f32]) {
    let Order { size: (inner, few), rows, cols } = order;
    assert!(into.len() == few * taps.len() * inner, "pack: {} for {few}×{}×{inner}", into.len(), taps.len());
    let starts = (0..few).flat_map(|j| taps.iter().map(move |tap| tap + j * cols));
    for (into, start) in into.chunks_exact_mut(inner.max(1)).zip(starts) {
        for (q, to) in into.iter_mut().enumerate() {
            *to = w[start + q * rows];
        }
    }
}

/// `gw` `[c_out, c_in, k, k]` from `sum` `[k, c_out, k, c_in]`.
pub(super) fn unpack_few(sum: &[f32], [outputs, inputs]: [usize; 2], kernel: usize, gw: &mut [f32]) {
    for (row, sum) in sum.chunks_exact(inputs).enumerate() {
        let (i, o, j) = (row / kernel / outputs, row / kernel % outputs, row % kernel);
        for (q, sum) in sum.iter().enumerate() {
            gw[((o * inputs + q) * kernel + i) * kernel + j] = *sum;
        }
    }
}

/// `gw` `[c_out, c_in, k²]` from `sum` `[k², c_in, width]`.
pub(super) fn unpack(sum: &[f32], inputs: usize, width: usize, taps: usize, gw: &mut [f32]) {
    let each = |(j, gw): (usize, &mut [f32])| {
        for (q, gw) in gw.chunks_exact_mut(taps).enumerate() {
            for (t, to) in gw.iter_mut().enumerate() {
                *to = sum[(t * inputs + q) * width + j];
            }
        }
    };
    if gw.len() > 1 << 16 {
        gw.par_chunks_mut(inputs * taps).enumerate().for_each(each);
    } else {
        gw.chunks_mut(inputs * taps).enumerate().for_each(each);
    }
}
