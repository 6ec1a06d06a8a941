//! Kinds of noise with a closed-form score. So far one: n ~ N(0, I), ∇ log q_σ(x̃ given x) = (x − x̃)/σ² = −n/σ.

use crate::registry::Entry;

/// The law of n in x̃ = x + σ·n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// Standard normal.
    Gaussian,
}

/// The noises a user may name.
pub static NOISES: &[Entry<Noise>] = &[Entry {
    name: "gaussian",
    aliases: &["normal"],
    summary: "standard normal noise: what Tweedie's formula, samplers and likelihoods need",
    formula: "∇ log q_σ(x̃|x) = (x − x̃)/σ²",
    source: "Vincent 2011",
    value: Noise::Gaussian,
}];
