//! Student's t noise with ν = 5 degrees of freedom, scaled to variance 1: q(n) ∝ (1 + n²/(ν − 2))^{−(ν+1)/2}, ψ(n) = −(ν + 1)n/(ν − 2 + n²).
//!
//! Heavy tails: far noise is common, and the score of the noise goes back to 0 there. ν is fixed; 5 is the smallest whole number whose
//! fourth moment is finite, so that measured variances have a standard error. The variance of t is ν/(ν − 2); n = c·t with
//! c² = (ν − 2)/ν. Draws are by Bailey's polar method (Bailey 1994, Math. Comp. 62): t = √(ν(u^{−2/ν} − 1))·cos 2πv, u and v uniform.

use super::Noise;
use super::unit::inside;
use crate::key::Key;
use crate::registry::Entry;
use std::f64::consts::{PI, TAU};
use std::sync::Arc;

/// ν.
const FREEDOM: f64 = 5.0;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct StudentT;

impl Noise for StudentT {
    fn name(&self) -> &'static str {
        "student-t"
    }

    /// Each number of a row takes two uniform ones of the same row: u from its first half, v from its second.
    fn sample(&self, key: Key, first_row: u64, n: usize, d: usize) -> Vec<f32> {
        let uniform: Vec<f64> = inside(key, first_row, n, 2 * d).collect();
        let draw = |(u, v): (&f64, &f64)| {
            let radius = ((FREEDOM - 2.0) * (u.powf(-2.0 / FREEDOM) - 1.0)).sqrt();
            (radius * (TAU * v).cos()) as f32
        };
        uniform.chunks_exact(2 * d).flat_map(|row| row[..d].iter().zip(&row[d..]).map(draw)).collect()
    }

    /// Γ(3)/(Γ(5/2)·√(3π)) = 8/(3√3·π) is the density at 0.
    fn log_density(&self, n: f64) -> f64 {
        (8.0 / (3.0 * 3f64.sqrt() * PI)).ln() - 0.5 * (FREEDOM + 1.0) * (n * n / (FREEDOM - 2.0)).ln_1p()
    }

    fn score(&self, n: f32) -> f32 {
        let n = f64::from(n);
        (-(FREEDOM + 1.0) * n / (FREEDOM - 2.0 + n * n)) as f32
    }

    /// ν(ν + 1)/((ν − 2)(ν + 3)): (ν + 1)/(ν + 3) at scale 1, over c².
    fn information(&self) -> f64 {
        FREEDOM * (FREEDOM + 1.0) / ((FREEDOM - 2.0) * (FREEDOM + 3.0))
    }
}

/// The registry's row.
pub(super) const ENTRY: Entry<super::MakeNoise> = Entry {
    name: "student-t",
    aliases: &["t", "student"],
    summary: "Student's t noise with ν = 5, variance 1: heavy tails, a target that falls to 0 far out",
    formula: "ψ(n) = −6n/(3 + n²)",
    source: "Vincent 2011, eq. 11; Bailey 1994",
    value: || Arc::new(StudentT),
};
