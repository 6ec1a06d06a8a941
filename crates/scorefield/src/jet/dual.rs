//! First-order jets: a value x(τ) with its derivative ẋ = J·v along a direction v of the network's input.
//!
//! Forward-mode differentiation (Griewank & Walther 2008, chapter 3): every operation carries the pair (x, ẋ). Several directions at
//! once are several rows: repeat the input and give each copy its own v.

use super::Value;
use crate::net::Linear;
use crate::tensor::{Tensor, add_silu, layer_norm};

/// A value `[n, d]` and its directional derivative `[n, d]`.
#[derive(Clone, Debug)]
pub struct Dual {
    /// x.
    pub primal: Tensor<2>,
    /// ẋ = J·v.
    pub tangent: Tensor<2>,
}

impl Value for Dual {
    fn primal(&self) -> &Tensor<2> {
        &self.primal
    }

    fn linear(self, layer: &Linear) -> Self {
        Self { primal: layer.apply(self.primal), tangent: layer.apply_linear_part(self.tangent) }
    }

    fn add_silu(self, c: Tensor<2>) -> Self {
        // SiLU′(u) = σ(u)·(1 + u·(1 − σ(u))).
        let u = self.primal.clone() + c.clone();
        let gate = burn::tensor::activation::sigmoid(u.clone());
        let slope = gate.clone() * (u * (gate.neg() + 1.0) + 1.0);
        Self { primal: add_silu(self.primal, c), tangent: self.tangent * slope }
    }

    fn layer_norm(self) -> Self {
        // y = (x − μ)/s; ẏ = (ẋ − mean ẋ − y·mean(y·ẋ))/s.
        let centred = self.primal.clone() - self.primal.clone().mean_dim(1);
        let s = (centred.powi_scalar(2).mean_dim(1) + crate::tensor::EPSILON).sqrt();
        let y = layer_norm(self.primal);
        let along = (y.clone() * self.tangent.clone()).mean_dim(1);
        let tangent = (self.tangent.clone() - self.tangent.mean_dim(1) - y.clone() * along) / s;
        Self { primal: y, tangent }
    }

    fn plus(self, other: Self) -> Self {
        Self { primal: self.primal + other.primal, tangent: self.tangent + other.tangent }
    }

    fn scale_rows(self, c: Tensor<2>) -> Self {
        Self { primal: self.primal * c.clone(), tangent: self.tangent * c }
    }

    fn shift(self, c: Tensor<2>) -> Self {
        Self { primal: self.primal + c, tangent: self.tangent }
    }
}
