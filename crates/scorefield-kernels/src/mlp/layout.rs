//! Where everything lies: parameters, blocks of points, and the tape.
//!
//! Points are taken in blocks whose rows stay in a core's own cache from the first layer to the last. The rows of a block of n points
//! are, at every layer, its n values, then n first derivatives along each direction in turn, then likewise the second ones. Rows are
//! padded to a multiple of 16 numbers.
//!
//! The tape holds u of the hidden layers, block after block, layer after layer. Activations and their derivatives are computed again
//! from it, and u₁ itself from an input of few numbers: that is faster than to fetch them from memory.

use super::{Lines, Order, Plan, chain};
use std::ops::Range;

/// Rows of a block, if it has more than one point: enough for a product to run at full speed, few enough for the cache.
const ROWS: usize = 128;

/// Inputs of no more numbers have their u₁ computed twice.
const NARROW: usize = 4;

/// A plan with its sizes worked out. Layers count from 1; layer 0 is the input.
#[derive(Clone, Copy)]
pub(super) struct Layout<'a> {
    widths: &'a [usize],
    /// Number of derivatives.
    pub order: usize,
    /// Directions; 0 if there are no derivatives.
    pub directions: usize,
    /// The first coordinate, if directions are unit vectors.
    pub axes: Option<usize>,
    pub points: usize,
    /// Points of a block.
    pub block: usize,
    /// Σ of the padded widths of the layers on the tape.
    taped: usize,
}

impl<'a> Layout<'a> {
    pub(super) fn new(plan: &Plan<'a>) -> Self {
        let widths = plan.widths;
        assert!(widths.len() >= 2 && widths.iter().all(|&d| d > 0), "an MLP has at least two widths, none of them 0: {widths:?}");
        let order = plan.order.derivatives();
        let directions = if order == 0 { 0 } else { plan.directions };
        let axes = match plan.lines {
            Lines::Given => None,
            Lines::Axes { first } => {
                let d = widths[0];
                let fits = plan.order == Order::First && d == widths[widths.len() - 1] && first <= d && directions <= d - first;
                assert!(fits, "mlp: {:?} along {directions} axes from {first} on, {widths:?}", plan.order);
                Some(first)
            }
        };
        let jets = 1 + order * directions;
        // By the shape only, never by the number of threads: four blocks or more, unless they became too small.
        let most = plan.rows.div_ceil(4).clamp((ROWS / 8).div_ceil(jets), ROWS.div_ceil(jets));
        let block = plan.rows.div_ceil(plan.rows.div_ceil(most).max(1)).max(1);
        let layout = Self { widths, order, directions, axes, points: plan.rows, block, taped: 0 };
        let taped = (1..layout.layers()).filter(|&l| layout.is_taped(l)).map(|l| layout.padded(l)).sum();
        Self { taped, ..layout }
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

    /// How many of them layer l multiplies: the second derivatives are 0 before the first layer, and along axes the first ones enter
    /// and leave without a product.
    pub(super) fn multiplied(&self, layer: usize) -> usize {
        match self.axes {
            Some(_) if layer == 1 || layer == self.layers() => 1,
            None if layer == 1 => 1 + self.order.min(1) * self.directions,
            _ => self.jets(),
        }
    }

    /// Numbers of a value (section 0) or of a derivative (the sections after it) in the output.
    pub(super) fn output_width(&self, section: usize) -> usize {
        if section > 0 && self.axes.is_some() { 1 } else { self.width(self.layers()) }
    }

    /// Some points' values or derivatives along one direction in the output.
    pub(super) fn output(&self, section: usize, points: &Range<usize>) -> Range<usize> {
        let (value, width) = (self.output_width(0), self.output_width(section));
        let first = if section == 0 { 0 } else { self.points * (value + (section - 1) * width) };
        first + points.start * width..first + points.end * width
    }

    /// Numbers of the output.
    pub(super) fn output_len(&self) -> usize {
        self.points * (self.output_width(0) + (self.jets() - 1) * self.output_width(1))
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

    /// Whether u of a hidden layer is on the tape.
    pub(super) fn is_taped(&self, layer: usize) -> bool {
        layer > 1 || self.widths[0] > NARROW
    }

    /// Numbers that the tape holds for `points`.
    pub(super) fn tape(&self, points: usize) -> usize {
        points * self.taped * self.jets()
    }

    /// The rows of uₗ on the tape of a block of `points`.
    pub(super) fn on_tape(&self, points: usize, layer: usize) -> Range<usize> {
        let rows = points * self.jets();
        let first = rows * (1..layer).filter(|&l| self.is_taped(l)).map(|l| self.padded(l)).sum::<usize>();
        first..first + rows * self.padded(layer)
    }

    /// The rows of a block of `points` at a hidden layer, for the chain rule.
    pub(super) fn rows_at(&self, points: usize, layer: usize) -> chain::Rows {
        let bend = match (self.order, layer) {
            (..=1, _) => chain::Bend::First,
            (_, 1) => chain::Bend::Flat,
            _ => chain::Bend::Second,
        };
        chain::Rows { points, directions: self.directions, width: self.padded(layer), stride: self.stride(layer), bend }
    }

    /// Multiply-adds of a pass through all layers.
    pub(super) fn multiply_adds(&self) -> usize {
        let one: usize = (1..).zip(self.widths.windows(2)).map(|(l, d)| (d[0] * d[1]).saturating_mul(self.multiplied(l))).sum();
        one.saturating_mul(self.points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlp::Activation;

    #[test]
    fn the_tape_is_filled_without_gaps_or_overlaps_block_by_block() {
        let shapes = [(1, 1, Order::First), (37, 5, Order::Second), (700, 3, Order::First), (5, 70, Order::Second)];
        for (d0, (rows, directions, order)) in [2, 9].into_iter().flat_map(|d0| shapes.map(|shape| (d0, shape))) {
            let plan =
                Plan { widths: &[d0, 20, 16, 33, 2], activation: Activation::Silu, order, directions, lines: Lines::Given, rows };
            let layout = Layout::new(&plan);
            let mut end = 0;
            for first in (0..rows).step_by(layout.block) {
                let points = layout.block.min(rows - first);
                assert_eq!(layout.tape(first), end);
                for l in (1..4).filter(|&l| layout.is_taped(l)) {
                    let here = layout.on_tape(points, l);
                    assert_eq!((layout.tape(first) + here.start, here.len()), (end, points * layout.jets() * layout.padded(l)));
                    end += here.len();
                }
            }
            assert_eq!(crate::mlp::tape_len(&plan), end);
        }
    }

    #[test]
    fn blocks_are_of_some_hundred_rows_and_a_small_batch_is_four_of_them() {
        let block = |rows, directions, order| {
            Layout::new(&Plan { widths: &[2, 16, 2], activation: Activation::Silu, order, directions, lines: Lines::Given, rows })
                .block
        };
        assert_eq!([block(1024, 1, Order::First), block(128, 1, Order::First), block(4, 1, Order::First)], [64, 32, 4]);
        assert_eq!([block(100, 900, Order::First), block(100, 5, Order::Second), block(1, 0, Order::Value)], [1, 12, 1]);
    }

    #[test]
    fn parameters_follow_one_another_layer_by_layer() {
        let plan = Plan {
            widths: &[2, 5, 3],
            activation: Activation::Silu,
            order: Order::Value,
            directions: 0,
            lines: Lines::Given,
            rows: 1,
        };
        let layout = Layout::new(&plan);
        assert_eq!([layout.weights(1), layout.bias(1), layout.weights(2), layout.bias(2)], [0..10, 10..15, 15..30, 30..33]);
        assert_eq!(crate::mlp::parameter_count(plan.widths), 33);
    }
}
