//! What a layer may do to a value that depends on the network's input.

use super::convolution::{self, Layer, Norm};
use super::{Function, Image, composite};
use crate::net::Linear;
use crate::tensor::Tensor;
use crate::tensor::Weights;

/// An `[n, d]` value inside a network. Arguments of type `Tensor` do not depend on the network's input (they may on σ and on the
/// parameters).
pub trait Value: Clone {
    /// The value itself, `[n, d]`.
    fn primal(&self) -> &Tensor<2>;

    /// L x for a map that is linear in each row: `f` sees any number of rows, and treats each alone.
    fn linear_map(self, f: impl Fn(Tensor<2>) -> Tensor<2>) -> Self;

    /// x + c with `c` of the same shape or one that broadcasts to it.
    fn shift(self, c: Tensor<2>) -> Self;

    /// c·x, `c` being `[n, d]`, `[n, 1]`, `[1, d]` or `[1, 1]`.
    fn scale(self, c: Tensor<2>) -> Self;

    /// x + y.
    fn plus(self, other: Self) -> Self;

    /// B(x, y) for a map that is linear in each row of either argument.
    fn bilinear(self, other: Self, f: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<2>) -> Self;

    /// f(x), number by number.
    fn apply(self, f: Function) -> Self;

    /// The features of several values side by side, `[n, d₁ + d₂ + …]`.
    fn concat(parts: Vec<Self>) -> Self;

    /// Each row to mean 0 and variance 1.
    fn layer_norm(self) -> Self;

    /// x·y, number by number.
    fn times(self, other: Self) -> Self {
        self.bilinear(other, |x, y| x * y)
    }

    /// x W + b.
    fn linear(self, layer: &Linear) -> Self {
        let y = self.linear_map(|x| layer.apply_linear_part(x));
        match layer.bias_row() {
            Some(bias) => y.shift(bias),
            None => y,
        }
    }

    /// SiLU(x + c).
    fn add_silu(self, c: Tensor<2>) -> Self {
        self.shift(c).apply(Function::Silu)
    }

    /// y = (W ∗ r(a(norm(x)·scale + offset)) + bias + residual)·factor of the images x.
    fn layer(self, layer: &Layer, weights: &Weights, residual: Option<Self>) -> Self {
        convolution::layer(self, layer, weights, residual)
    }

    /// a(norm(x)·scale + offset) of the images x, `scale` and `offset` being `[1, c]` or `[n, c]`: where no convolution follows.
    fn image_norm(self, image: Image, norm: Norm, [scale, offset]: [Tensor<2>; 2], activation: Function) -> Self {
        convolution::image_norm(self, image, norm, [scale, offset], activation)
    }

    /// [`attention`](super::attention) of heads of `channels` features each: `self` are the queries, all `[n, tokens·heads·channels]`, token by
    /// token.
    fn attend(self, keys: Self, values: Self, tokens: usize, heads: usize, channels: usize) -> Self {
        composite::heads(self, keys, values, tokens, heads, channels)
    }
}
