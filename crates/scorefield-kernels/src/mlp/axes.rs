//! Derivatives along unit directions of which only the diagonal is wanted, ∂y_j/∂x_j: first and last layer without a product.
//!
//! Along e_j the first layer has u̇₁ = W₁[j, :], the same for all points, and of the last one only column j counts:
//! ∂y_j/∂x_j = ḣ_{L−1}·W_L[:, j]. Backward, from the gradients g by ∂y_j/∂x_j:
//!
//! g(ḣ_{L−1}) = g·W_L[:, j],  g(W_L[:, j]) = Σ over points of g·ḣ_{L−1},  g(W₁[j, :]) = Σ over points of g(u̇₁).
//!
//! So each direction costs these two layers as many multiply-adds as they have hidden features, and not d times as many. With one layer
//! only, ∂y_j/∂x_j = W₁[j, j].

use super::layout::Layout;
use super::sums;
use crate::dispatch::{Simd, simd};
use crate::matrix::dots::dots;
use crate::matrix::rows::{Rows, RowsMut};
use std::ops::Range;

/// The unit directions of a call: e_first, e_first+1, …
pub(super) struct Axes<'a> {
    simd: Simd,
    layout: Layout<'a>,
    first: usize,
    params: &'a [f32],
    /// Of each axis the column W_L[:, j], padded with zeros; nothing if there is one layer only.
    columns: &'a [f32],
}

/// Numbers that [`Axes::new`] needs space for.
pub(super) fn columns_len(layout: &Layout<'_>) -> usize {
    if layout.axes.is_some() && layout.layers() > 1 { layout.directions * layout.padded(layout.layers() - 1) } else { 0 }
}

/// The rows of u̇₁ of `points` points.
pub(super) fn enter(layout: &Layout<'_>, params: &[f32], points: usize, u: &mut [f32]) {
    let Some(first) = layout.axes else { return };
    let (width, padded) = (layout.width(1), layout.padded(1));
    let weights = params[layout.weights(1)].chunks_exact(width).skip(first).take(layout.directions);
    for (w, u) in weights.zip(u.chunks_exact_mut(points * padded)) {
        for u in u.chunks_exact_mut(padded) {
            u[..width].copy_from_slice(w);
            u[width..].fill(0.0);
        }
    }
}

impl<'a> Axes<'a> {
    /// `None` if the directions are given ones. `space` holds [`columns_len`] numbers.
    pub(super) fn new(simd: Simd, layout: Layout<'a>, params: &'a [f32], space: &'a mut [f32]) -> Option<Self> {
        let first = layout.axes?;
        let last = layout.layers();
        if last > 1 {
            let (weights, width, inner) = (&params[layout.weights(last)], layout.width(last), layout.width(last - 1));
            for (j, column) in (first..).zip(space.chunks_exact_mut(layout.padded(last - 1))) {
                column[inner..].fill(0.0);
                column.iter_mut().zip(weights[j..].iter().step_by(width)).for_each(|(to, w)| *to = *w);
            }
        }
        Some(Self { simd, layout, first, params, columns: space })
    }

    /// W₁[j, j] of direction m, among the parameters of the only layer.
    fn only(&self, m: usize) -> f32 {
        self.params[(self.first + m) * (self.layout.width(1) + 1)]
    }

    fn column(&self, m: usize) -> &[f32] {
        let width = self.layout.padded(self.layout.layers() - 1);
        &self.columns[m * width..][..width]
    }

    /// Row by row those of direction m at the layer before the last, of a block of `points`.
    fn section(&self, m: usize, points: usize) -> Range<usize> {
        let size = points * self.layout.stride(self.layout.layers() - 1);
        (1 + m) * size..(2 + m) * size
    }

    /// The derivatives along direction m, from the block's rows of h at the layer before the last.
    pub(super) fn leave(&self, m: usize, h: &[f32], out: &mut [f32]) {
        if self.layout.layers() == 1 {
            return out.fill(self.only(m));
        }
        let (n, w) = (out.len(), self.column(m));
        let h = Rows::new(&h[self.section(m, n)], n, w.len(), self.layout.stride(self.layout.layers() - 1));
        dots(self.simd, h, Rows::new(w, 1, w.len(), w.len()), &[0.0], RowsMut::new(out, n, 1, 1));
    }

    /// The gradients by the block's rows of ḣ at the layer before the last, from `by` that by the derivatives along direction m.
    pub(super) fn back(&self, m: usize, by: &[f32], g: &mut [f32]) {
        let stride = self.layout.stride(self.layout.layers() - 1);
        scaled(self.simd, by, self.column(m), stride, &mut g[self.section(m, by.len())]);
    }

    /// Adds to the gradient of the last layer, transposed in `sum`, that from the derivatives along direction m.
    pub(super) fn add_last(&self, m: usize, by: &[f32], h: &[f32], sum: &mut [f32]) {
        let (layout, j) = (&self.layout, self.first + m);
        if layout.layers() == 1 {
            let sum = &mut sum[sums::weights(layout, 1)][j * layout.padded(1) + j];
            return by.iter().for_each(|by| *sum += by);
        }
        let last = layout.layers();
        let inner = layout.padded(last - 1);
        let sum = &mut sum[sums::weights(layout, last)][j * inner..][..inner];
        add_scaled(self.simd, by, &h[self.section(m, by.len())], layout.stride(last - 1), sum);
    }

    /// Adds to the gradient of the first of several layers that from the gradients `g` by the rows of u̇₁.
    pub(super) fn add_first(&self, points: usize, g: &[f32], sum: &mut [f32]) {
        let (padded, stride) = (self.layout.padded(1), self.layout.stride(1));
        let to = &mut sum[sums::weights(&self.layout, 1)][self.first * padded..];
        for (g, to) in g.chunks_exact(points * stride).skip(1).zip(to.chunks_exact_mut(padded)).take(self.layout.directions) {
            sums::add_rows(self.simd, g, points, stride, to);
        }
    }
}

simd! {
    /// Rows of `g`, `stride` apart: each its number in `by`, times `w`.
    fn scaled(by: &[f32], w: &[f32], stride: usize, g: &mut [f32]) = scaled_body;
    /// Adds to `sum` the rows of `h`, `stride` apart, each times its number in `by`.
    fn add_scaled(by: &[f32], h: &[f32], stride: usize, sum: &mut [f32]) = add_scaled_body;
}

#[inline(always)]
fn scaled_body(by: &[f32], w: &[f32], stride: usize, g: &mut [f32]) {
    for (by, g) in by.iter().zip(g.chunks_mut(stride)) {
        for (g, w) in g.iter_mut().zip(w) {
            *g = by * w;
        }
    }
}

#[inline(always)]
fn add_scaled_body(by: &[f32], h: &[f32], stride: usize, sum: &mut [f32]) {
    for (by, h) in by.iter().zip(h.chunks(stride)) {
        for (sum, h) in sum.iter_mut().zip(h) {
            *sum += by * h;
        }
    }
}
