//! What a layer may do to a value that depends on the network's input.

use crate::net::Linear;
use crate::tensor::{Tensor, add_silu, layer_norm};

/// An `[n, d]` value inside a network. Arguments of type `Tensor` do not depend on the network's input (they may on σ).
pub trait Value: Clone {
    /// The value itself, `[n, d]`.
    fn primal(&self) -> &Tensor<2>;
    /// x W + b.
    fn linear(self, layer: &Linear) -> Self;
    /// SiLU(x + c), elementwise.
    fn add_silu(self, c: Tensor<2>) -> Self;
    /// Each row to mean 0 and variance 1.
    fn layer_norm(self) -> Self;
    /// x + y.
    fn plus(self, other: Self) -> Self;
    /// Each row times one number, `c` being `[n, 1]`.
    fn scale_rows(self, c: Tensor<2>) -> Self;
    /// x + c with a constant c of the same shape (or one that broadcasts to it).
    fn shift(self, c: Tensor<2>) -> Self;
}

impl Value for Tensor<2> {
    fn primal(&self) -> &Tensor<2> {
        self
    }

    fn linear(self, layer: &Linear) -> Self {
        layer.apply(self)
    }

    fn add_silu(self, c: Tensor<2>) -> Self {
        add_silu(self, c)
    }

    fn layer_norm(self) -> Self {
        layer_norm(self)
    }

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn scale_rows(self, c: Tensor<2>) -> Self {
        self * c
    }

    fn shift(self, c: Tensor<2>) -> Self {
        self + c
    }
}
