//! Functions of one number with their first and second derivatives, as tensor operations that Burn can differentiate once more.

use crate::tensor::{Activation, Tensor, activation};
use burn::tensor::activation::{log_sigmoid, sigmoid, silu};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// A smooth function f of one number, applied to each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// u·σ(u), σ the logistic function (Elfwing, Uchibe & Doya 2018).
    Silu,
    /// ln(1 + eᵘ).
    Softplus,
    /// tanh u.
    Tanh,
    /// u·Φ(u), Φ the normal distribution function (Hendrycks & Gimpel 2016), not its tanh approximation.
    Gelu,
    /// eᵘ.
    Exp,
    /// √u, u > 0.
    Sqrt,
    /// 1/u.
    Reciprocal,
}

impl Function {
    /// Every function, for tests and sweeps.
    pub const ALL: [Self; 7] = [Self::Silu, Self::Softplus, Self::Tanh, Self::Gelu, Self::Exp, Self::Sqrt, Self::Reciprocal];

    /// The kernel that computes it, if there is one.
    pub(crate) fn kernel(self) -> Option<Activation> {
        match self {
            Self::Silu => Some(Activation::Silu),
            Self::Softplus => Some(Activation::Softplus),
            Self::Tanh => Some(Activation::Tanh),
            Self::Gelu => Some(Activation::Gelu),
            Self::Exp | Self::Sqrt | Self::Reciprocal => None,
        }
    }

    /// Its derivative of an order up to 2 by the kernel, where there is one for these tensors.
    fn fused(self, u: &Tensor<2>, order: usize) -> Option<Tensor<2>> {
        self.kernel().and_then(|f| activation(u.clone(), f, order))
    }

    /// f(u).
    pub fn value(self, u: Tensor<2>) -> Tensor<2> {
        if let Some(y) = self.fused(&u, 0) {
            return y;
        }
        match self {
            Self::Silu => silu(u),
            // As −ln σ(−u): neither overflows nor loses its gradient at 0.
            Self::Softplus => log_sigmoid(u.neg()).neg(),
            Self::Tanh => u.tanh(),
            Self::Gelu => u.clone() * normal_cdf(u),
            Self::Exp => u.exp(),
            Self::Sqrt => u.sqrt(),
            Self::Reciprocal => u.recip(),
        }
    }

    /// f′(u).
    pub fn slope(self, u: Tensor<2>) -> Tensor<2> {
        if let Some(y) = self.fused(&u, 1) {
            return y;
        }
        match self {
            Self::Silu => {
                let s = sigmoid(u.clone());
                s.clone() * (u * (s.neg() + 1.0) + 1.0)
            }
            Self::Softplus => sigmoid(u),
            Self::Tanh => u.tanh().powi_scalar(2).neg() + 1.0,
            Self::Gelu => normal_cdf(u.clone()) + u.clone() * normal_pdf(u),
            Self::Exp => u.exp(),
            Self::Sqrt => u.sqrt().recip() * 0.5,
            Self::Reciprocal => u.powi_scalar(2).recip().neg(),
        }
    }

    /// f″(u).
    pub fn bend(self, u: Tensor<2>) -> Tensor<2> {
        if let Some(y) = self.fused(&u, 2) {
            return y;
        }
        match self {
            Self::Silu => {
                // σ(1 − σ)·(2 + u(1 − 2σ)).
                let s = sigmoid(u.clone());
                s.clone() * (s.clone().neg() + 1.0) * (u * (s * -2.0 + 1.0) + 2.0)
            }
            Self::Softplus => {
                let s = sigmoid(u);
                s.clone() * (s.neg() + 1.0)
            }
            Self::Tanh => {
                let t = u.tanh();
                (t.clone().powi_scalar(2) + -1.0) * t * 2.0
            }
            Self::Gelu => normal_pdf(u.clone()) * (u.powi_scalar(2).neg() + 2.0),
            Self::Exp => u.exp(),
            Self::Sqrt => (u.clone() * u.sqrt()).recip() * -0.25,
            Self::Reciprocal => u.powi_scalar(3).recip() * 2.0,
        }
    }
}

fn normal_cdf(u: Tensor<2>) -> Tensor<2> {
    ((u * FRAC_1_SQRT_2).erf() + 1.0) * 0.5
}

fn normal_pdf(u: Tensor<2>) -> Tensor<2> {
    (u.powi_scalar(2) * -0.5).exp() * (1.0 / (2.0 * PI).sqrt())
}
