//! Where a sampler's points begin.

use crate::error::{Error, Result};
use crate::key::Key;
use std::sync::Arc;

/// See the head of this file.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// N(μ, σ_d² + σ²) in every dimension: the data blurred by the first noise level, but for its shape.
    Normal {
        /// μ, `[d]`.
        mean: Vec<f32>,
        /// σ_d.
        sigma_data: f32,
    },
    /// Uniform in a cube.
    Uniform {
        /// Lower bound of each coordinate.
        low: f32,
        /// Upper bound of each coordinate.
        high: f32,
    },
    /// At given points `[n, d]`, of which row i is the start of sample i; what lies beyond them begins at the last.
    Points(Arc<[f64]>),
}

impl Start {
    /// `uniform:LOW:HIGH` as the command line gives it.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse_uniform(text: &str) -> Result<Self> {
        let wrong = || Error::setting("--start", "normal or uniform:LOW:HIGH (as uniform:-8:8)", text);
        let (low, high) = text.strip_prefix("uniform:").and_then(|r| r.split_once(':')).ok_or_else(wrong)?;
        match (low.parse::<f32>(), high.parse::<f32>()) {
            (Ok(low), Ok(high)) if low.is_finite() && high.is_finite() && low < high => Ok(Self::Uniform { low, high }),
            _ => Err(wrong()),
        }
    }

    /// Rows `first_row..first_row + n`, `[n, d]`, for a first noise level σ.
    pub fn rows(&self, key: Key, first_row: u64, n: usize, d: usize, sigma: f64) -> Vec<f64> {
        match self {
            Self::Normal { mean, sigma_data } => {
                let std = f64::from(*sigma_data).hypot(sigma);
                let z = key.normal(first_row, n, d);
                z.chunks(d).flat_map(|row| row.iter().zip(mean).map(|(z, m)| f64::from(*m) + std * f64::from(*z))).collect()
            }
            Self::Uniform { low, high } => {
                let (low, width) = (f64::from(*low), f64::from(*high) - f64::from(*low));
                key.uniform(first_row, n, d).into_iter().map(|u| low + width * f64::from(u)).collect()
            }
            Self::Points(points) => {
                let given = points.len() / d;
                let row = |i: u64| &points[(i as usize).min(given - 1) * d..][..d];
                (first_row..first_row + n as u64).flat_map(|i| row(i).iter().copied()).collect()
            }
        }
    }
}
