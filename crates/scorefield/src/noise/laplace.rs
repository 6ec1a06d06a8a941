//! Laplace noise of variance 1: q(n) = e^{−√2|n|}/√2, ψ(n) = −√2·sign n.
//!
//! The score of the noise is bounded, so one far point cannot pull the fit far; q has a kink at 0, where ψ jumps. Draws are by the inverse
//! distribution function (Devroye 1986, chapter 2): n = −sign(v)·ln(1 − 2|v|)/√2 with v uniform on (−½, ½).

use super::Noise;
use super::unit::inside;
use crate::key::Key;
use crate::registry::Entry;
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};
use std::sync::Arc;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Laplace;

impl Noise for Laplace {
    fn name(&self) -> &'static str {
        "laplace"
    }

    fn sample(&self, key: Key, first_row: u64, n: usize, d: usize) -> Vec<f32> {
        let draw = |u: f64| {
            let v = u - 0.5;
            (-v.signum() * (1.0 - 2.0 * v.abs()).ln() * FRAC_1_SQRT_2) as f32
        };
        inside(key, first_row, n, d).map(draw).collect()
    }

    fn log_density(&self, n: f64) -> f64 {
        -SQRT_2 * n.abs() + FRAC_1_SQRT_2.ln()
    }

    fn score(&self, n: f32) -> f32 {
        if n == 0.0 { 0.0 } else { -n.signum() * SQRT_2 as f32 }
    }

    /// 1/b² for the scale b = 1/√2.
    fn information(&self) -> f64 {
        2.0
    }
}

/// The registry's row.
pub(super) const ENTRY: Entry<super::MakeNoise> = Entry {
    name: "laplace",
    aliases: &["double-exponential"],
    summary: "double exponential noise of variance 1: a bounded target, with a jump at 0",
    formula: "ψ(n) = −√2·sign n",
    source: "Vincent 2011, eq. 11; Devroye 1986",
    value: || Arc::new(Laplace),
};
