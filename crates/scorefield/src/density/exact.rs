//! What every density known in closed form offers, whatever it was written as, and what only some offer.
//!
//! A Gaussian mixture stays one under Gaussian noise, so it is known at every noise level, and it can be drawn from. A density given by its
//! logarithm alone is known without noise only, often up to a constant, and drawing from it is what samplers are for.

use super::Mixture;
use crate::key::Key;
use crate::score::{LogDensity, ScoreJvp};

/// At which noise levels a density is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Smoothing {
    /// At every σ: p_σ has a closed form.
    Known,
    /// At σ = 0 alone. At any other level scores and log-densities are NaN: whoever offers a choice of levels refuses them before.
    Unknown,
}

/// Whether log p is right as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constant {
    /// p integrates to 1.
    Known,
    /// log p lacks a constant: its differences and its score are right, its values say nothing.
    Unknown,
}

/// A density on ℝᵈ whose score is known exactly.
pub trait Exact: ScoreJvp + LogDensity {
    /// At which noise levels it is known.
    fn smoothing(&self) -> Smoothing;

    /// Whether log p is normalised.
    fn constant(&self) -> Constant;

    /// Changes when the density does.
    fn fingerprint(&self) -> String;

    /// Where it lies: its mean `[d]`, and its variance per dimension averaged over dimensions. Where these are not known, where chains do
    /// well to begin.
    fn moments(&self) -> (Vec<f64>, f64);

    /// `n` independent draws from p_σ, row-major `[n, d]`, row i by the key and `first_row + i` alone; `None` where there is no way to draw.
    fn draws(&self, key: Key, first_row: u64, n: usize, sigma: f64) -> Option<Vec<f32>>;

    /// The mixture that it is, with components, weights and means.
    fn as_mixture(&self) -> Option<&Mixture> {
        None
    }

    /// Whether p_σ is known at this level.
    fn knows(&self, sigma: f64) -> bool {
        sigma == 0.0 || self.smoothing() == Smoothing::Known
    }
}

impl std::fmt::Debug for dyn Exact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "density in {} dimensions, {}", self.dim(), self.fingerprint())
    }
}
