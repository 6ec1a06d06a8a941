//! Gaussian noise: n ~ N(0, 1) in each coordinate, ψ(n) = −n.

use super::Noise;
use crate::key::Key;
use crate::registry::Entry;
use std::f64::consts::TAU;
use std::sync::Arc;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Gaussian;

impl Noise for Gaussian {
    fn name(&self) -> &'static str {
        "gaussian"
    }

    fn is_gaussian(&self) -> bool {
        true
    }

    fn sample(&self, key: Key, first_row: u64, n: usize, d: usize) -> Vec<f32> {
        key.normal(first_row, n, d)
    }

    fn log_density(&self, n: f64) -> f64 {
        -0.5 * (n * n + TAU.ln())
    }

    fn score(&self, n: f32) -> f32 {
        -n
    }

    fn information(&self) -> f64 {
        1.0
    }
}

/// The registry's row.
pub(super) const ENTRY: Entry<super::MakeNoise> = Entry {
    name: "gaussian",
    aliases: &["normal"],
    summary: "standard normal noise: what Tweedie's formula, samplers and likelihoods need",
    formula: "ψ(n) = −n, so ∇ log q_σ(x̃|x) = (x − x̃)/σ²",
    source: "Vincent 2011",
    value: || Arc::new(Gaussian),
};
