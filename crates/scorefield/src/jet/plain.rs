//! A plain tensor as a [`Value`]: no derivatives, and the fused kernels where there are some.

use super::{Function, Value, composite};
use crate::net::Linear;
use crate::tensor::{Tensor, add_silu, attention, layer_norm};

impl Value for Tensor<2> {
    fn primal(&self) -> &Tensor<2> {
        self
    }

    fn linear_map(self, f: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        f(self)
    }

    fn shift(self, c: Tensor<2>) -> Self {
        self + c
    }

    fn scale(self, c: Tensor<2>) -> Self {
        self * c
    }

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn bilinear(self, other: Self, f: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<2>) -> Self {
        f(self, other)
    }

    fn apply(self, f: Function) -> Self {
        f.value(self)
    }

    fn concat(parts: Vec<Self>) -> Self {
        Tensor::cat(parts, 1)
    }

    fn layer_norm(self) -> Self {
        layer_norm(self)
    }

    fn linear(self, layer: &Linear) -> Self {
        layer.apply(self)
    }

    fn attend(self, keys: Self, values: Self, tokens: usize, heads: usize, channels: usize) -> Self {
        match attention(self.clone(), keys.clone(), values.clone(), [tokens, heads, channels]) {
            Some(mixed) => mixed,
            None => composite::heads(self, keys, values, tokens, heads, channels),
        }
    }

    fn add_silu(self, c: Tensor<2>) -> Self {
        add_silu(self, c)
    }
}
