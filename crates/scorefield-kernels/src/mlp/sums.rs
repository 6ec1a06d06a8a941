//! Gradients of the parameters, summed within groups of blocks, and the groups added up in order.
//!
//! A group's sum has, layer after layer, Wₗ with rows padded to a multiple of 16, or its padded transpose if the layer has few
//! outputs or is the last one along axes, and then bₗ, padded.

use super::layers::is_few;
use super::layout::Layout;
use crate::dispatch::{active, simd};
use crate::share::SPAN;
use rayon::prelude::*;
use std::ops::Range;

/// Most numbers that the sums of all groups together should take.
const MOST: usize = 1 << 23;

/// Groups of blocks: at most 32, and fewer if there are few blocks or many parameters.
pub(super) fn groups(layout: &Layout<'_>) -> usize {
    let blocks = layout.points.div_ceil(layout.block);
    let groups = blocks.div_ceil(2).clamp(blocks.min(4), 32).min((MOST / len(layout)).max(4)).min(blocks);
    // As many as there are when each but the last has as many blocks as the first.
    blocks.div_ceil(blocks.div_ceil(groups))
}

/// Whether the sum of a layer's weights is their transpose.
pub(super) fn is_transposed(layout: &Layout<'_>, layer: usize) -> bool {
    is_few(layout, layer) || (layout.axes.is_some() && layer > 1 && layer == layout.layers())
}

fn weights_len(layout: &Layout<'_>, layer: usize) -> usize {
    if is_transposed(layout, layer) {
        layout.width(layer) * layout.padded(layer - 1)
    } else {
        layout.width(layer - 1) * layout.padded(layer)
    }
}

/// Numbers of a group's sum.
pub(super) fn len(layout: &Layout<'_>) -> usize {
    bias(layout, layout.layers()).end
}

/// Where the weights of a layer are in a group's sum.
pub(super) fn weights(layout: &Layout<'_>, layer: usize) -> Range<usize> {
    let first: usize = (1..layer).map(|l| weights_len(layout, l) + layout.padded(l)).sum();
    first..first + weights_len(layout, layer)
}

/// Where the bias of a layer is.
pub(super) fn bias(layout: &Layout<'_>, layer: usize) -> Range<usize> {
    let first = weights(layout, layer).end;
    first..first + layout.padded(layer)
}

simd! {
    /// Adds `rows` rows of `g`, `stride` apart, to `sum`.
    pub(super) fn add_rows(g: &[f32], rows: usize, stride: usize, sum: &mut [f32]) = add_rows_body;
    fn add(part: &[f32], sum: &mut [f32]) = add_body;
}

#[inline(always)]
fn add_rows_body(g: &[f32], rows: usize, stride: usize, sum: &mut [f32]) {
    for g in g.chunks(stride).take(rows) {
        for (g, sum) in g.iter().zip(&mut *sum) {
            *sum += g;
        }
    }
}

#[inline(always)]
fn add_body(part: &[f32], sum: &mut [f32]) {
    for (part, sum) in part.iter().zip(sum) {
        *sum += part;
    }
}

/// `params` = the groups' sums, one after the other in `partial`, added up in order.
pub(super) fn add_up(layout: &Layout<'_>, partial: &[f32], params: &mut [f32], shared: bool) {
    let len = len(layout);
    // Rows of `width` in `to` from rows of `padded`, which begin at `first` in each sum.
    let add_rows = |to: &mut [f32], width: usize, padded: usize, first: usize| {
        let rows = to.len() / width;
        for (g, part) in partial.chunks_exact(len).enumerate() {
            let rows = to.chunks_exact_mut(width).zip(part[first..first + rows * padded].chunks_exact(padded));
            if g == 0 {
                rows.for_each(|(to, from)| to.copy_from_slice(&from[..width]));
            } else {
                rows.for_each(|(to, from)| add(active(), from, to));
            }
        }
    };
    for l in 1..=layout.layers() {
        let (width, padded, from) = (layout.width(l), layout.padded(l), weights(layout, l).start);
        add_rows(&mut params[layout.bias(l)], width, padded, bias(layout, l).start);
        let to = &mut params[layout.weights(l)];
        if is_transposed(layout, l) {
            let inner = layout.padded(l - 1);
            // Some rows of the weights from as long a part of each row of the transpose.
            let some = |first: usize, to: &mut [f32]| {
                let rows = to.len() / width;
                let mut column = vec![0.0; rows];
                for j in 0..width {
                    add_rows(&mut column, rows, rows, from + j * inner + first);
                    to[j..].iter_mut().step_by(width).zip(&column).for_each(|(to, from)| *to = *from);
                }
            };
            if shared && to.len() > SPAN / 4 {
                let rows = (SPAN / 4).div_ceil(width);
                to.par_chunks_mut(rows * width).enumerate().for_each(|(i, to)| some(i * rows, to));
            } else {
                some(0, to);
            }
        } else if shared && to.len() > SPAN / 4 {
            let rows = (SPAN / 4).div_ceil(width);
            to.par_chunks_mut(rows * width).enumerate().for_each(|(i, to)| add_rows(to, width, padded, from + i * rows * padded));
        } else {
            add_rows(to, width, padded, from);
        }
    }
}
