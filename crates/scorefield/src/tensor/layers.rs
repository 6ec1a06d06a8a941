//! The layers of [`perceptron`](fn@super::perceptron) with weights that no longer change, from plain numbers to plain numbers.

use super::fused::has_kernels;
use super::{Tensor, numbers};
use scorefield_kernels::mlp::{Activation, Inputs, Lines, Order, Plan, forward, forward_alone};

/// Operations, half a millisecond of one core, up to which an evaluation stays on it: as a rule it is of one of many blocks of a sample, and the
/// other cores are at the others.
const ALONE: usize = 1 << 25;

/// SiLU layers of some widths d₀, …, d_L with all their weights in one piece: what a sampler evaluates thousands of times.
#[derive(Clone, Debug)]
pub struct Layers {
    widths: Vec<usize>,
    params: Vec<f32>,
}

impl Layers {
    /// From weights as [`perceptron`](fn@super::perceptron) takes them; `None` where it has no kernel for them.
    pub fn new(widths: Vec<usize>, params: Vec<Tensor<1>>) -> Option<Self> {
        params.iter().all(has_kernels).then(|| Self { widths, params: numbers(Tensor::cat(params, 0)) })
    }

    /// The outputs `[n, d_L]` at `x` `[n, d₀]`, with `level` `[d₁]` added before the first activation of each row (empty: nothing).
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn at(&self, x: &[f32], level: &[f32]) -> Vec<f32> {
        let rows = x.len() / self.widths[0];
        let plan = Plan {
            widths: &self.widths,
            activation: Activation::Silu,
            order: Order::Value,
            directions: 0,
            lines: Lines::Given,
            rows,
        };
        let mut out = vec![0.0; plan.output_len()];
        let inputs = Inputs { params: &self.params, x, v: &[], level: &level.repeat(rows) };
        if plan.forward_flops() < ALONE {
            forward_alone(&plan, &inputs, &mut out);
        } else {
            forward(&plan, &inputs, &mut out, None);
        }
        out
    }
}
