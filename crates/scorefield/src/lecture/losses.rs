//! An objective's loss at given points, row by row, and what is asked of a score for it.

use super::counted::Counted;
use crate::density::{Component, Mixture};
use crate::error::Result;
use crate::key::Key;
use crate::levels::Regime;
use crate::noise::{Gaussian, Noise};
use crate::objective::{Batch, Objective};
use crate::score::ScoreJvp;
use crate::tensor::{matrix, numbers, repeated};
use std::sync::Arc;

/// Points, and the noise that is added to them.
pub(super) struct Points<'a> {
    /// `[n, d]`.
    pub clean: &'a [f32],
    /// d.
    pub d: usize,
    /// σ; 0 for none.
    pub sigma: f64,
    /// The kind of noise.
    pub noise: Arc<dyn Noise>,
}

impl<'a> Points<'a> {
    /// Points without noise.
    pub fn clean(clean: &'a [f32], d: usize) -> Self {
        Self { clean, d, sigma: 0.0, noise: Arc::new(Gaussian) }
    }

    /// As a batch of weight 1.
    pub fn batch(&self, device: &crate::tensor::Device) -> Batch {
        let n = self.clean.len() / self.d;
        Batch {
            clean: matrix(self.clean.to_vec(), n, self.d, device),
            sigma: repeated(self.sigma as f32, n, device),
            weight: repeated(1.0, n, device),
            regime: if self.sigma > 0.0 { Regime::Noisy } else { Regime::Clean },
            noise: self.noise.clone(),
        }
    }

    /// The loss of each point, `[n]`.
    pub fn losses(&self, objective: &dyn Objective, score: &dyn ScoreJvp, key: Key) -> Vec<f64> {
        wide(numbers(objective.loss(score, &self.batch(&score.device()), key)))
    }
}

/// Single precision as double.
pub(super) fn wide(values: Vec<f32>) -> Vec<f64> {
    values.into_iter().map(f64::from).collect()
}

/// Points that are asked for a count.
const COUNTED: usize = 16;

/// Derivatives along a direction that an objective takes for each point, and values without a derivative, counted on the standard normal in d
/// dimensions.
///
/// # Errors
/// None that this density has.
pub(super) fn asked(objective: &dyn Objective, d: usize, sigma: f64, key: Key) -> Result<(f64, f64)> {
    let normal = Mixture::new(vec![Component::isotropic(1.0, vec![0.0; d], 1.0)])?;
    let counted = Counted::new(&normal);
    let clean = normal.sample(key, 0, COUNTED, 0.0);
    Points { sigma, ..Points::clean(&clean, d) }.losses(objective, &counted, key);
    Ok((counted.directions() as f64 / COUNTED as f64, counted.values() as f64 / COUNTED as f64))
}
