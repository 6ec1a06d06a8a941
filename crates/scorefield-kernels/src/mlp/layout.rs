//! Where everything lies: parameters, blocks of points, chunks of directions, and the tape.
//!
//! Points are taken in blocks of at most 64, whose numbers stay in a core's own cache from the first layer to the last. Within a block
//! the values come first; then the directions in chunks, each again through all layers. Widths are padded to a multiple of 16.
//!
//! The tape holds uₗ of the hidden layers: block after block, in each the values of all layers, then chunk after chunk u̇ₗ (and üₗ) of
//! all layers. Activations and their derivatives are computed again from it: that is faster than to fetch them from memory.

use super::Plan;
use std::ops::Range;

/// Rows that a product should have to run at full speed.
const ROWS: usize = 64;

/// A plan with its sizes worked out. Layers count from 1; layer 0 is the input.
#[derive(Clone, Copy)]
pub(super) struct Layout<'a> {
    widths: &'a [usize],
    /// Number of derivatives.
    pub order: usize,
    /// Directions; 0 if there are no derivatives.
    pub directions: usize,
    pub points: usize,
    /// Points of a block.
    pub block: usize,
    /// Directions of a chunk.
    pub chunk: usize,
    /// Σ of the padded widths of the hidden layers.
    pub hidden: usize,
}

impl<'a> Layout<'a> {
    pub(super) fn new(plan: &Plan<'a>) -> Self {
        let widths = plan.widths;
        assert!(widths.len() >= 2 && widths.iter().all(|&d| d > 0), "an MLP has at least two widths, none of them 0: {widths:?}");
        let order = plan.order.derivatives();
        let directions = if order == 0 { 0 } else { plan.directions };
        let jets = 1 + order * directions;
        // By the number of points only, never by that of the threads: four blocks or more, unless they became too small.
        let most = plan.rows.div_ceil(4).clamp((ROWS / 4).div_ceil(jets), ROWS);
        let block = plan.rows.div_ceil(plan.rows.div_ceil(most).max(1)).max(1);
        let chunk = ROWS.div_ceil(block).min(directions.max(1));
        let hidden = widths[1..widths.len() - 1].iter().map(|d| d.next_multiple_of(16)).sum();
        Self { widths, order, directions, points: plan.rows, block, chunk, hidden }
    }

    pub(super) fn layers(&self) -> usize {
        self.widths.len() - 1
    }

    pub(super) fn width(&self, layer: usize) -> usize {
        self.widths[layer]
    }

    pub(super) fn padded(&self, layer: usize) -> usize {
        self.widths[layer].next_multiple_of(16)
    }

    /// Numbers from row to row in work space: an odd number of cache lines, so that rows do not compete for the same few sets.
    pub(super) fn stride(&self, layer: usize) -> usize {
        (self.widths[layer].div_ceil(16) | 1) * 16
    }

    pub(super) fn widest_padded(&self) -> usize {
        (0..=self.layers()).map(|l| self.padded(l)).max().unwrap_or(0)
    }

    pub(super) fn widest_stride(&self) -> usize {
        (0..=self.layers()).map(|l| self.stride(l)).max().unwrap_or(0)
    }

    /// Values and derivatives of a point.
    pub(super) fn jets(&self) -> usize {
        1 + self.order * self.directions
    }

    /// Rows of the largest product in a block of `points`.
    pub(super) fn most_rows(&self) -> usize {
        self.block * self.chunk
    }

    /// Wₗ among the parameters.
    pub(super) fn weights(&self, layer: usize) -> Range<usize> {
        let first = super::parameter_count(&self.widths[..layer]);
        first..first + self.widths[layer - 1] * self.widths[layer]
    }

    /// bₗ among the parameters.
    pub(super) fn bias(&self, layer: usize) -> Range<usize> {
        let first = self.weights(layer).end;
        first..first + self.widths[layer]
    }

    /// Numbers that the tape holds for `points`.
    pub(super) fn tape(&self, points: usize) -> usize {
        points * self.hidden * self.jets()
    }

    /// Padded widths of the hidden layers below `layer`.
    pub(super) fn below(&self, layer: usize) -> usize {
        (1..layer).map(|l| self.padded(l)).sum()
    }

    /// uₗ on the tape of a block of `points`.
    pub(super) fn on_tape(&self, points: usize, layer: usize) -> Range<usize> {
        let first = points * self.below(layer);
        first..first + points * self.padded(layer)
    }

    /// u̇ₗ, followed by üₗ, of `directions` on the tape of a block of `points`.
    pub(super) fn derivatives_on_tape(&self, points: usize, directions: &Range<usize>, layer: usize) -> Range<usize> {
        let rows = points * directions.len() * self.order;
        let first = points * self.hidden * (1 + self.order * directions.start) + rows * self.below(layer);
        first..first + rows * self.padded(layer)
    }

    /// The chunks of directions, in order.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (directions, chunk) = (self.directions, self.chunk);
        (0..directions).step_by(chunk).map(move |m| m..(m + chunk).min(directions))
    }

    /// Multiply-adds of a pass through all layers.
    pub(super) fn multiply_adds(&self) -> usize {
        let one: usize = self.widths.windows(2).map(|d| d[0] * d[1]).sum();
        one.saturating_mul(self.points).saturating_mul(self.jets())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::{Activation, Order};

    #[test]
    fn the_tape_is_filled_without_gaps_or_overlaps() {
        for (rows, directions, order) in
            [(1, 1, Order::First), (37, 5, Order::Second), (700, 3, Order::First), (5, 70, Order::Second)]
        {
            let plan = Plan { widths: &[3, 20, 16, 33, 2], activation: Activation::Silu, order, directions, rows };
            let layout = Layout::new(&plan);
            let mut seen = vec![false; layout.tape(layout.block)];
            let mut mark = |range: Range<usize>| {
                for seen in &mut seen[range] {
                    assert!(!std::mem::replace(seen, true));
                }
            };
            (1..4).for_each(|l| mark(layout.on_tape(layout.block, l)));
            for m in layout.chunks() {
                (1..4).for_each(|l| mark(layout.derivatives_on_tape(layout.block, &m, l)));
            }
            assert!(seen.into_iter().all(|seen| seen));
        }
    }

    #[test]
    fn parameters_follow_one_another_layer_by_layer() {
        let plan = Plan { widths: &[2, 5, 3], activation: Activation::Silu, order: Order::Value, directions: 0, rows: 1 };
        let layout = Layout::new(&plan);
        assert_eq!([layout.weights(1), layout.bias(1), layout.weights(2), layout.bias(2)], [0..10, 10..15, 15..30, 30..33]);
        assert_eq!(crate::mlp::parameter_count(plan.widths), 33);
    }
}
