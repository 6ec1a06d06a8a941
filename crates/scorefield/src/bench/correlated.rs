//! The points of the measurements: a Gaussian of unit variances whose neighbouring coordinates are correlated, Σ_ij = ρ^|i−j|.

use super::cell::ROWS;
use crate::density::{Component, Mixture};
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::tensor::{Device, Tensor, matrix};
use std::sync::Arc;

const RHO: f64 = 0.5;
/// Batches that are drawn beforehand.
const BATCHES: usize = 33;

/// The density, and batches of it.
pub(super) struct Correlated {
    /// In d dimensions.
    pub density: Arc<Mixture>,
    points: Vec<f32>,
}

impl Correlated {
    /// In `d` dimensions.
    ///
    /// # Errors
    /// None that this covariance has.
    pub fn new(d: usize, seed: u64) -> Result<Self> {
        let cov = (0..d).map(|i| (0..d).map(|j| RHO.powi(i.abs_diff(j) as i32)).collect()).collect();
        let density = Mixture::new(vec![Component { weight: 1.0, mean: vec![0.5; d], cov }])?;
        let points = density.sample(Key::new(seed, Purpose::Data), 0, BATCHES * ROWS, 0.0);
        Ok(Self { density: Arc::new(density), points })
    }

    /// Batch `index`, `[n, d]`; after the last comes the first.
    pub fn batch(&self, index: usize, device: &Device) -> Tensor<2> {
        let numbers = self.points.len() / BATCHES;
        let first = index % BATCHES * numbers;
        matrix(self.points[first..first + numbers].to_vec(), ROWS, numbers / ROWS, device)
    }
}
