//! The probability flow of a target: between which levels, and what lies at its upper end.

use super::Target;
use crate::error::{Error, Result};
use crate::likelihood::{Flow, Prior};
use crate::sample::Start;
use crate::sample::solver::Tolerance;

/// The upper end of the flow of a density known without noise, in its standard deviations: there the prior is right to 10⁻⁴ nats.
const FAR: f64 = 100.0;

impl Target {
    /// The flow from the smallest level (0 for a density known without noise) to `high`; `None`: the model's largest, or far out for a
    /// density.
    ///
    /// # Errors
    /// A model without noise levels, or of other noise than Gaussian; an upper end that is not above the lower.
    pub fn flow(&self, high: Option<f64>, tolerance: Tolerance) -> Result<Flow<'_>> {
        let refuse = |expected: &str, got: String, hint: &str| Err(Error::setting("RUN", expected, got).with_hint(hint));
        let hint = "train with --schedule edm, ve, vp, sub-vp or geometric";
        if self.is_clean() {
            return refuse("a model of many noise levels", "one of the data themselves, without noise".to_owned(), hint);
        }
        if self.knows_no_noise() {
            let hint = "latents need noise levels; likelihood gives log p as it is written";
            return refuse("a target that is known under noise", "a density known without noise alone".to_owned(), hint);
        }
        if let Some(sigma) = self.only_sigma() {
            return refuse("a model of many noise levels", format!("one of the level {sigma} alone"), hint);
        }
        let noise = self.noise();
        if !noise.is_gaussian() {
            let hint = "the flow from level to level is that of Gaussian noise";
            return refuse("a model of Gaussian noise", format!("one of {} noise", noise.name()), hint);
        }
        let low = self.sigma_range().0;
        let usual = if low > 0.0 { self.sigma_range().1 } else { FAR * self.spread() };
        let high = high.unwrap_or(usual);
        if !(high.is_finite() && high > low) {
            return Err(Error::setting("--sigma-max", format!("more than the smallest level, {low}"), high));
        }
        let (mean, spread) = match self.start() {
            Start::Normal { mean, sigma_data } => (mean.iter().map(|m| f64::from(*m)).collect(), f64::from(sigma_data)),
            Start::Uniform { .. } | Start::Points(_) => (vec![0.0; self.score().dim()], self.spread()),
        };
        let prior = Prior { mean, variance: spread * spread + high * high };
        Ok(Flow { score: self.score(), span: (low, high), prior, tolerance })
    }
}
