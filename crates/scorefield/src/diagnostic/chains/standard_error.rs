//! Monte Carlo standard errors (MCSE): the error of a mean, a standard deviation or a quantile taken from correlated draws.

use super::Variable;
use statrs::distribution::{Beta, ContinuousCDF};

/// Φ(−1) and Φ(1): half the distance between the quantiles there is one standard error.
const ONE_SIGMA: [f64; 2] = [0.158_655_3, 0.841_344_7];

impl Variable {
    /// Of the mean: sd/√ESS.
    pub fn mcse_mean(&self) -> f64 {
        self.sd() / self.ess_mean().sqrt()
    }

    /// Of the standard deviation, by the ESS of the squared distances from the mean (Vehtari et al. 2021, section 4.4; the delta method).
    pub fn mcse_sd(&self) -> f64 {
        let mean = self.mean();
        let squares = self.map(|v| (v - mean).powi(2));
        let variance = squares.mean();
        let of_variance = (squares.map(|s| s * s).mean() - variance * variance) / squares.ess_mean();
        (of_variance / variance / 4.0).sqrt()
    }

    /// Of the p-quantile: half the distance between the order statistics that bracket it (Vehtari et al. 2021, eq. 16).
    pub fn mcse_quantile(&self, p: f64) -> f64 {
        let ess = self.ess_quantile(p);
        let Ok(beta) = Beta::new(ess * p + 1.0, ess * (1.0 - p) + 1.0) else { return f64::NAN };
        let sorted = self.sorted();
        let last = sorted.len() - 1;
        let [low, high] = ONE_SIGMA.map(|share| beta.inverse_cdf(share) * sorted.len() as f64 - 1.0);
        let (low, high) = (low.max(0.0).floor() as usize, high.max(0.0).ceil() as usize);
        (sorted[high.min(last)] - sorted[low.min(last)]) / 2.0
    }
}
