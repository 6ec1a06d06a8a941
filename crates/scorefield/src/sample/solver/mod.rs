//! Solvers: moves from one noise level to the next along the probability-flow ODE, dx/dσ = −σ·∇log p_σ(x) = (x − D(x, σ))/σ.

mod dormand_prince;

pub use dormand_prince::{Slope, Spent, Tolerance, dormand_prince, equal_steps};

use super::Walk;

/// The ODE's slope dx/dσ at rows `x` and level σ, into `out`; counted.
pub fn slope(walk: &Walk<'_, '_>, x: &[f64], sigma: f64, out: &mut [f64]) {
    walk.score(x, sigma, out);
    out.iter_mut().for_each(|s| *s *= -sigma);
}
