//! Solvers: moves from one noise level to the next along the probability-flow ODE, dx/dσ = −σ·∇log p_σ(x) = (x − D(x, σ))/σ.

use crate::tensor::Tensor;

/// The ODE's slope dx/dσ at (x, σ) from the score there.
pub fn slope(score: Tensor<2>, sigma: f64) -> Tensor<2> {
    score * (-sigma) as f32
}
