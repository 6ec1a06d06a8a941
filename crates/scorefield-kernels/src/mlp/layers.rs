//! The weights of a call, packed once for all of its blocks.

use super::layout::Layout;
use crate::dispatch::Simd;
use crate::matrix::dots::{FEW, dots};
use crate::matrix::pack::{Panels, pack, pack_transposed};
use crate::matrix::product::product;
use crate::matrix::rows::{Rows, RowsMut};
use std::ops::Range;

/// One layer, ready to be applied to rows.
#[derive(Clone, Copy)]
pub(super) struct Layer<'a> {
    simd: Simd,
    weights: Weights<'a>,
    /// The bias, padded with zeros.
    bias: &'a [f32],
    zeros: &'a [f32],
}

#[derive(Clone, Copy)]
enum Weights<'a> {
    Wide(Panels<'a>),
    /// Wᵀ, its rows padded with zeros.
    Few(Rows<'a>),
}

/// What the rows that a layer is applied to are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Values, to which the bias belongs.
    Values,
    /// Derivatives of any order, to which it does not.
    Derivatives,
}

/// Whether `layer` has so few outputs that they are scalar products. Layer 1 is not among them: a row of its input is not padded.
pub(super) fn is_few(layout: &Layout<'_>, layer: usize) -> bool {
    layer > 1 && layout.width(layer) <= FEW
}

fn packed(layout: &Layout<'_>, layer: usize) -> usize {
    if is_few(layout, layer) {
        layout.width(layer) * layout.padded(layer - 1)
    } else {
        layout.width(layer - 1) * layout.padded(layer)
    }
}

/// Numbers that [`pack_layers`] needs space for.
pub(super) fn packed_len(layout: &Layout<'_>, layers: Range<usize>) -> usize {
    layers.map(|l| packed(layout, l) + layout.padded(l)).sum::<usize>() + layout.widest_padded()
}

/// Some of the layers, in `space`.
pub(super) fn pack_layers<'a>(
    simd: Simd,
    layout: &Layout<'_>,
    layers: Range<usize>,
    params: &[f32],
    space: &'a mut [f32],
) -> Vec<Layer<'a>> {
    let (zeros, mut rest) = space.split_at_mut(layout.widest_padded());
    zeros.fill(0.0);
    let zeros = &*zeros;
    let layer = |l: usize| {
        let (w, after) = std::mem::take(&mut rest).split_at_mut(packed(layout, l));
        let (bias, after) = after.split_at_mut(layout.padded(l));
        rest = after;
        let (wide, narrow) = (layout.padded(l), layout.width(l));
        bias[..narrow].copy_from_slice(&params[layout.bias(l)]);
        bias[narrow..].fill(0.0);
        let from = &params[layout.weights(l)];
        let weights = if is_few(layout, l) {
            let inner = layout.padded(l - 1);
            for (j, row) in w.chunks_exact_mut(inner).enumerate() {
                row.fill(0.0);
                row.iter_mut().zip(from[j..].iter().step_by(narrow)).for_each(|(to, w)| *to = *w);
            }
            Weights::Few(Rows::new(w, narrow, inner, inner))
        } else {
            pack(simd, from, narrow, wide, w);
            Weights::Wide(Panels::new(simd, w, layout.width(l - 1), wide))
        };
        Layer { simd, weights, bias, zeros: &zeros[..wide] }
    };
    layers.map(layer).collect()
}

impl Layer<'_> {
    /// u = hW (+ b) for `rows` rows. Rows of `h` are `h_stride` apart, those of `u` `u_stride`, which is the padded width or more.
    pub(super) fn apply(&self, kind: Kind, rows: usize, h: &[f32], h_stride: usize, u: &mut [f32], u_stride: usize) {
        let start = if kind == Kind::Values { self.bias } else { self.zeros };
        match self.weights {
            Weights::Wide(w) => {
                product(self.simd, Rows::new(h, rows, w.inner(), h_stride), w, start, RowsMut::new(u, rows, w.width(), u_stride));
            }
            Weights::Few(w) => {
                dots(self.simd, Rows::new(h, rows, w.cols(), h_stride), w, start, RowsMut::new(u, rows, w.rows(), u_stride));
            }
        }
    }
}

/// Numbers that [`pack_transposes`] needs space for.
pub(super) fn transposed_len(layout: &Layout<'_>) -> usize {
    (1..=layout.layers()).map(|l| layout.width(l) * layout.padded(l - 1)).sum::<usize>() + layout.widest_padded()
}

/// The transposes of the layers, from the first to the last, in `space`; those before `from` are left out.
pub(super) fn pack_transposes<'a>(
    simd: Simd,
    layout: &Layout<'_>,
    from: usize,
    params: &[f32],
    space: &'a mut [f32],
) -> Vec<Layer<'a>> {
    let (zeros, mut rest) = space.split_at_mut(layout.widest_padded());
    zeros.fill(0.0);
    let zeros = &*zeros;
    let layer = |l: usize| {
        let (inner, width) = (layout.width(l), layout.padded(l - 1));
        let (w, after) = std::mem::take(&mut rest).split_at_mut(inner * width);
        rest = after;
        if l >= from {
            pack_transposed(simd, &params[layout.weights(l)], inner, width, w);
        }
        Layer { simd, weights: Weights::Wide(Panels::new(simd, w, inner, width)), bias: &zeros[..width], zeros: &zeros[..width] }
    };
    (1..=layout.layers()).map(layer).collect()
}
