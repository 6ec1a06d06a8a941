//! Logistic noise of variance 1: q(n) = 1/(4s·cosh²(n/2s)) with s = √3/π, ψ(n) = −tanh(n/2s)/s.
//!
//! Bounded like Laplace's score, and smooth. Draws are by the inverse distribution function: n = s·ln(u/(1 − u)).

use super::Noise;
use super::unit::inside;
use crate::key::Key;
use crate::registry::Entry;
use std::f64::consts::PI;
use std::sync::Arc;

/// s = √3/π: the variance of the logistic law of scale s is s²π²/3.
const SCALE: f64 = 0.551_328_895_421_792;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Logistic;

impl Noise for Logistic {
    fn name(&self) -> &'static str {
        "logistic"
    }

    fn sample(&self, key: Key, first_row: u64, n: usize, d: usize) -> Vec<f32> {
        inside(key, first_row, n, d).map(|u| (SCALE * (u / (1.0 - u)).ln()) as f32).collect()
    }

    /// −|z| − 2 ln(1 + e^{−|z|}) − ln s with z = n/s: no overflow on either side.
    fn log_density(&self, n: f64) -> f64 {
        let z = (n / SCALE).abs();
        -z - 2.0 * (-z).exp().ln_1p() - SCALE.ln()
    }

    fn score(&self, n: f32) -> f32 {
        ((-f64::from(n) / (2.0 * SCALE)).tanh() / SCALE) as f32
    }

    /// 1/(3s²).
    fn information(&self) -> f64 {
        PI * PI / 9.0
    }
}

/// The registry's row.
pub(super) const ENTRY: Entry<super::MakeNoise> = Entry {
    name: "logistic",
    aliases: &[],
    summary: "logistic noise of variance 1: a bounded target, smooth",
    formula: "ψ(n) = −tanh(n/2s)/s, s = √3/π",
    source: "Vincent 2011, eq. 11",
    value: || Arc::new(Logistic),
};
