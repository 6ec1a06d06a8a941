//! Monte Carlo standard errors (MCSE): the error of a mean, a standard deviation or a quantile taken from correlated draws.

use super::Variable;
use super::effective::autoregressive;
use crate::diagnostic::Diagnostic;
use crate::error::Result;
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;
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

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "mcse",
    aliases: &["monte-carlo-standard-error"],
    summary: "the error of a mean or a standard deviation that is taken from the draws of chains",
    formula: "sd/√ESS",
    source: "Vehtari et al. 2021, section 4.4",
    value: Diagnostic { verb: "chains", oracle },
};

/// The mean of S autoregressive draws of variance 1 has variance (1 + φ)/(1 − φ)/S: what is stated, over that.
fn oracle(seed: u64) -> Result<Vec<Check>> {
    let (phi, size) = (0.6, 8.0 * 20_000.0);
    let stated = autoregressive(seed, phi, 8, 20_000).mcse_mean();
    let truth = ((1.0 + phi) / (1.0 - phi) / size).sqrt();
    // Half of the relative error of τ, as of [`super::effective`], and of the variance.
    let standard_error = 0.5 * (2.0 * (20.0 * (1.0 + phi) / (1.0 - phi) + 1.0) / size).sqrt();
    let measured = Estimate { mean: stated / truth, standard_error };
    Ok(vec![Check::statistical("mcse: of the mean of an autoregressive chain, over what it is", 1.0, measured, 0.5)])
}
