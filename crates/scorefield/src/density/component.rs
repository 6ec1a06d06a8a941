//! One Gaussian of a mixture, as it is given and as it is computed with: its covariance diagonalised once, Σ = Q Λ Qᵀ, so that at any σ the
//! smoothed one is Q (Λ + σ²) Qᵀ.

use crate::error::{Error, Result};
use nalgebra::{DMatrix, SymmetricEigen};

/// One Gaussian of a mixture, as it is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Its share; the shares of a mixture are normalised to sum to 1.
    pub weight: f64,
    /// m, `[d]`.
    pub mean: Vec<f64>,
    /// Σ, `[d][d]`, symmetric positive definite.
    pub cov: Vec<Vec<f64>>,
}

impl Component {
    /// Covariance std²·I.
    pub fn isotropic(weight: f64, mean: Vec<f64>, std: f64) -> Self {
        let d = mean.len();
        let cov = (0..d).map(|i| (0..d).map(|j| if i == j { std * std } else { 0.0 }).collect()).collect();
        Self { weight, mean, cov }
    }
}

/// A component made ready.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub weight: f64,
    pub mean: Vec<f64>,
    /// Eigenvalues Λ.
    pub variances: Vec<f64>,
    /// Rows are eigenvectors: Qᵀ, row-major `[d, d]`.
    pub axes: Vec<f64>,
}

impl Part {
    pub fn new(number: usize, c: Component, dim: usize, total: f64) -> Result<Self> {
        let what = |field: &str| format!("component {number}, {field}");
        if !(c.weight.is_finite() && c.weight > 0.0) {
            return Err(Error::setting(what("weight"), "a positive number", c.weight));
        }
        if c.mean.len() != dim || c.mean.iter().any(|m| !m.is_finite()) {
            return Err(Error::setting(what("mean"), format!("{dim} finite numbers"), format!("{:?}", c.mean)));
        }
        if c.cov.len() != dim || c.cov.iter().any(|row| row.len() != dim) {
            return Err(Error::setting(what("cov"), format!("{dim} rows of {dim} numbers"), format!("{:?}", c.cov)));
        }
        let cov = DMatrix::from_fn(dim, dim, |i, j| c.cov[i][j]);
        if (&cov - cov.transpose()).amax() > 1e-9 * cov.amax() || cov.iter().any(|v| !v.is_finite()) {
            return Err(Error::setting(what("cov"), "a symmetric matrix", format!("{:?}", c.cov)));
        }
        let eigen = SymmetricEigen::new(cov);
        if let Some(bad) = eigen.eigenvalues.iter().find(|v| **v <= 0.0) {
            return Err(Error::setting(what("cov"), "a positive definite matrix", format!("one with eigenvalue {bad:.3e}")));
        }
        let axes = eigen.eigenvectors.column_iter().flat_map(|q| q.iter().copied().collect::<Vec<_>>()).collect();
        Ok(Self { weight: c.weight / total, mean: c.mean, variances: eigen.eigenvalues.iter().copied().collect(), axes })
    }

    /// log w + log N(x; m, Σ + variance·I); Qᵀ(x − m) into `along` `[d]`.
    pub fn log_density(&self, row: &[f64], variance: f64, along: &mut [f64]) -> f64 {
        let d = self.mean.len();
        let (mut square, mut volume) = (0.0, 1.0);
        let mut log = self.weight.ln();
        for ((a, axis), v) in along.iter_mut().zip(self.axes.chunks(d)).zip(&self.variances) {
            *a = axis.iter().zip(row).zip(&self.mean).map(|((q, x), m)| q * (x - m)).sum();
            let total = v + variance;
            square += *a * *a / total;
            volume *= std::f64::consts::TAU * total;
            // One logarithm for several factors, before their product can leave the range of numbers.
            if !(1e-100..1e100).contains(&volume) {
                log -= 0.5 * volume.ln();
                volume = 1.0;
            }
        }
        log - 0.5 * (square + volume.ln())
    }

    /// Turns standard normal numbers into a draw: m + Q (Λ + σ²)^½ z.
    pub fn place(&self, row: &mut [f32], sigma: f64) {
        let d = self.mean.len();
        let scaled: Vec<f64> = row.iter().zip(&self.variances).map(|(z, v)| f64::from(*z) * (v + sigma * sigma).sqrt()).collect();
        for (j, x) in row.iter_mut().enumerate() {
            let along: f64 = (0..d).map(|i| self.axes[i * d + j] * scaled[i]).sum();
            *x = (self.mean[j] + along) as f32;
        }
    }
}
