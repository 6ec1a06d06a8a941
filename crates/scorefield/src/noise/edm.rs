//! The EDM schedule (Karras et al. 2022, Table 1): s = 1, σ = t, ln σ normal in training, ρ = 7 spacing in sampling.
//!
//! The paper's constants are for σ_data = 0.5; here they are multiples of σ_data, so that rescaling the data rescales everything:
//! P_mean = −1.2 + ln(σ_data/0.5), P_std = 1.2, σ_min = 0.004·σ_data, σ_max = 160·σ_data. With σ_data = 0.5 these are the paper's numbers.

use super::schedule::{Build, Schedule, ScheduleSettings, ends};
use crate::error::{Error, Result};
use crate::levels::Levels;
use crate::registry::Entry;
use statrs::distribution::{ContinuousCDF, Normal};

/// See the head of this file.
#[derive(Debug)]
pub struct Edm {
    sigma_data: f64,
    sigma_min: f64,
    sigma_max: f64,
    log_sigma: Normal,
}

/// The spacing's exponent.
const RHO: f64 = 7.0;

impl Schedule for Edm {
    fn sigma(&self, t: f64) -> f64 {
        let (a, b) = (self.sigma_min.powf(1.0 / RHO), self.sigma_max.powf(1.0 / RHO));
        (a + t * (b - a)).powf(RHO)
    }

    fn range(&self) -> (f64, f64) {
        (self.sigma_min, self.sigma_max)
    }

    fn quantile(&self, u: f64) -> f64 {
        self.log_sigma.inverse_cdf(u).exp()
    }

    /// The paper's λ on the denoiser, (σ² + σ_data²)/(σ·σ_data)², times σ⁴ because here the loss is on the score, D − x = σ²·s.
    fn weight(&self, sigma: f64) -> f64 {
        weight(sigma, self.sigma_data)
    }

    fn levels(&self, n: usize) -> Result<Levels> {
        Levels::karras(self.sigma_max, self.sigma_min, n, RHO)
    }
}

/// λ(σ) = σ²(σ² + σ_data²)/σ_data²: every level then contributes about as much to the loss of a preconditioned network.
pub(super) fn weight(sigma: f64, sigma_data: f64) -> f64 {
    sigma * sigma * (sigma * sigma + sigma_data * sigma_data) / (sigma_data * sigma_data)
}

fn build(settings: &mut ScheduleSettings, sigma_data: f64) -> Result<Box<dyn Schedule>> {
    let (sigma_min, sigma_max) = ends(settings, 0.004 * sigma_data, 160.0 * sigma_data)?;
    let mean = *settings.p_mean.get_or_insert(-1.2 + (sigma_data / 0.5).ln());
    let std = *settings.p_std.get_or_insert(1.2);
    let log_sigma = Normal::new(mean, std).map_err(|_| {
        Error::setting("schedule.p_mean, schedule.p_std", "finite, the second positive", format!("{mean}, {std}"))
    })?;
    Ok(Box::new(Edm { sigma_data, sigma_min, sigma_max, log_sigma }))
}

/// The registry's row.
pub(super) const ENTRY: Entry<Build> = Entry {
    name: "edm",
    aliases: &["karras"],
    summary: "ln σ normal in training, ρ = 7 spacing in sampling: the default",
    formula: "ln σ ~ N(P_mean, P_std²), λ = σ²(σ² + σ_d²)/σ_d²",
    source: "Karras et al. 2022, Table 1",
    value: build,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_sigma_data_one_half_the_constants_are_the_papers() {
        let mut settings = ScheduleSettings::default();
        let edm = build(&mut settings, 0.5).unwrap();
        assert_eq!((settings.p_mean, settings.p_std), (Some(-1.2), Some(1.2)));
        assert_eq!(edm.range(), (0.002, 80.0));
        assert!((edm.quantile(0.5) - (-1.2f64).exp()).abs() < 1e-9);
        // Table 1: λ = (σ² + σ_d²)/(σ σ_d)² on the denoiser; times σ⁴ on the score.
        let (s, d) = (0.3f64, 0.5f64);
        assert!((edm.weight(s) - (s * s + d * d) / (s * d).powi(2) * s.powi(4)).abs() < 1e-12);
    }
}
