//! Kinds of noise: the law of n in x̃ = x + σ·n, with a closed-form score.
//!
//! The coordinates of n are independent, with mean 0 and variance 1 whatever the kind, so that σ is a standard deviation throughout. With
//! ψ = (log q)′ of one coordinate, ∇ log q_σ(x̃ given x) = ψ(n)/σ: all that denoising score matching asks of a noise (Vincent 2011, eq. 11).
//! What is learned is the score of the noisy distribution, ∇ log p_σ(x̃) = E[ψ(n)/σ given x̃], for every kind; that D = x̃ + σ²s is
//! E[x given x̃] (Tweedie) holds for Gaussian noise alone.

use super::gaussian;
use crate::key::Key;
use crate::registry::Entry;
use std::fmt::Debug;
use std::sync::Arc;

/// A law of independent coordinates with mean 0 and variance 1.
pub trait Noise: Debug + Send + Sync {
    /// Rows `first_row..first_row + n` of d coordinates, row-major; row i is a function of the key and of its number alone.
    fn sample(&self, key: Key, first_row: u64, n: usize, d: usize) -> Vec<f32>;

    /// ψ(n) = (log q)′(n) of one coordinate.
    fn score(&self, n: f32) -> f32;

    /// E ψ(n)², the Fisher information of one coordinate's location.
    fn information(&self) -> f64;
}

/// Makes a noise.
pub type MakeNoise = fn() -> Arc<dyn Noise>;

/// The noises a user may name.
pub static NOISES: &[Entry<MakeNoise>] = &[gaussian::ENTRY];
