//! Where a sampler's points begin.

use crate::error::{Error, Result};
use crate::key::Key;

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
    pub fn rows(&self, key: Key, first_row: u64, n: usize, d: usize, sigma: f64) -> Vec<f32> {
        match self {
            Self::Normal { mean, sigma_data } => {
                let std = f64::from(*sigma_data).hypot(sigma) as f32;
                let mut x = key.normal(first_row, n, d);
                x.chunks_mut(d).for_each(|row| row.iter_mut().zip(mean).for_each(|(x, m)| *x = m + std * *x));
                x
            }
            Self::Uniform { low, high } => {
                let mut x = key.uniform(first_row, n, d);
                x.iter_mut().for_each(|x| *x = low + (high - low) * *x);
                x
            }
        }
    }
}
