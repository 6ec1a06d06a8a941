//! A multilayer perceptron on jets, forward and backward: values together with first and second derivatives along directions.
//!
//! With hₗ₋₁ the input of layer l, a the activation, and h_L = u_L at the last layer:
//!
//! - uₗ = hₗ₋₁Wₗ + bₗ (+ c, the noise level's part, at layer 1),  hₗ = a(uₗ);
//! - u̇ₗ = ḣₗ₋₁Wₗ,  ḣₗ = a′(uₗ)u̇ₗ, along each direction v, with ḣ₀ = v;
//! - üₗ = ḧₗ₋₁Wₗ,  ḧₗ = a″(uₗ)u̇ₗ² + a′(uₗ)üₗ, with ḧ₀ = 0.
//!
//! uₗ is computed once a point, for all of its directions. A block of points goes through all layers before the next one begins, so
//! that it stays in a core's own cache; blocks are shared among threads.
//!
//! Products here use fused multiply-add where there is one, and so differ in the last bits from one instruction set to another. On one
//! instruction set a result depends neither on the number of threads nor, forward, on the other points: every number of a product is
//! one sum in order. Gradients of parameters are summed in groups that only the shapes fix.

use crate::share::attend;

mod axes;
mod backward;
mod chain;
mod forward;
mod layers;
mod layout;
mod normal;
pub(crate) mod smooth;
mod sums;
#[cfg(test)]
mod tests;

pub use backward::backward;
pub use forward::{forward, forward_alone};

/// Multiply-adds from which on a pass is shared among threads: some thirty microseconds.
const SHARED: usize = 1 << 20;

/// Runs `work`, which forks several times: on the pool if it is to be shared, so that a thread from outside waits once only.
fn on_pool(shared: bool, work: impl FnOnce() + Send) {
    if shared {
        rayon::scope(|_| {
            attend();
            work();
        });
    } else {
        work();
    }
}

/// The activation between layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x·σ(x) (Elfwing, Uchibe & Doya 2018; "swish").
    Silu,
    /// ln(1 + eˣ).
    Softplus,
    /// Hyperbolic tangent.
    Tanh,
    /// x·Φ(x) with the exact normal distribution function (Hendrycks & Gimpel 2016).
    Gelu,
}

/// Which derivatives along directions are computed beside the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// None.
    Value,
    /// The first.
    First,
    /// The first and the second.
    Second,
}

impl Order {
    pub(crate) fn derivatives(self) -> usize {
        match self {
            Self::Value => 0,
            Self::First => 1,
            Self::Second => 2,
        }
    }
}

/// Which directions the derivatives are along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Those of [`Inputs::v`].
    Given,
    /// For [`Order::First`] and d_L = d₀: the unit vectors e_j of M coordinates j from `first` on, the same for all points. Of each
    /// derivative only ∂y_j/∂x_j is computed, which takes first and last layer a fraction of the work.
    Axes {
        /// The first of the M coordinates.
        first: usize,
    },
}

/// The shape of one evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan<'a> {
    /// d₀, d₁, …, d_L: at least two, none of them 0.
    pub widths: &'a [usize],
    /// Between layers; the last layer is affine.
    pub activation: Activation,
    /// Derivatives beside the values.
    pub order: Order,
    /// Directions M of each point; without meaning for [`Order::Value`].
    pub directions: usize,
    /// What these are.
    pub lines: Lines,
    /// Points n.
    pub rows: usize,
}

/// What an evaluation reads. Slices are row-major.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// W₁ `[d₀, d₁]`, b₁ `[d₁]`, W₂, b₂, …, W_L, b_L, one after the other.
    pub params: &'a [f32],
    /// Points `[n, d₀]`.
    pub x: &'a [f32],
    /// Directions `[M·n, d₀]`: direction m of point i is row m·n + i. Empty for [`Order::Value`] and along
    /// [`Lines::Axes`].
    pub v: &'a [f32],
    /// What is added to u₁, `[n, d₁]`, or empty.
    pub level: &'a [f32],
}

/// Where the gradients go. What is not wanted may be empty, and is then not computed.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// By the parameters, in their order.
    pub params: &'a mut [f32],
    /// By the level's part, `[n, d₁]`.
    pub level: &'a mut [f32],
    /// By the points, `[n, d₀]`.
    pub x: &'a mut [f32],
}

impl Plan<'_> {
    /// Numbers of the output: n values, n·M first derivatives, n·M second ones, of d_L numbers each; but derivatives along
    /// [`Lines::Axes`] are of one.
    pub fn output_len(&self) -> usize {
        layout::Layout::new(self).output_len()
    }

    /// Floating-point operations of [`forward`], a multiply-add counted as two, without those of the activations.
    pub fn forward_flops(&self) -> usize {
        layout::Layout::new(self).multiply_adds().saturating_mul(2)
    }

    /// Likewise of [`backward`] without the gradient by x: each product has two that go back through it, but for the first layer's.
    pub fn backward_flops(&self) -> usize {
        let layout = layout::Layout::new(self);
        let first = layout.points.saturating_mul(layout.multiplied(1)).saturating_mul(layout.width(0) * layout.width(1));
        layout.multiply_adds().saturating_mul(4).saturating_sub(first.saturating_mul(2))
    }
}

/// Numbers of W₁ `[d₀, d₁]`, b₁, W₂, b₂, …, W_L, b_L together.
pub fn parameter_count(widths: &[usize]) -> usize {
    widths.windows(2).map(|d| (d[0] + 1) * d[1]).sum()
}

/// Numbers that [`forward`] leaves for [`backward`].
pub fn tape_len(plan: &Plan<'_>) -> usize {
    let layout = layout::Layout::new(plan);
    layout.tape(layout.points)
}
