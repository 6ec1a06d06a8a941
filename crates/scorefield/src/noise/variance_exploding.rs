//! The variance-exploding schedule: s = 1, σ(t) = σ_min·(σ_max/σ_min)^t, t uniform (Song et al. 2021, section 3.4 and appendix C).

use super::schedule::{Build, Schedule, ScheduleSettings, ends};
use crate::error::Result;
use crate::registry::Entry;

/// See the head of this file.
#[derive(Debug)]
pub struct VarianceExploding {
    sigma_min: f64,
    sigma_max: f64,
}

impl Schedule for VarianceExploding {
    fn sigma(&self, t: f64) -> f64 {
        self.sigma_min * (self.sigma_max / self.sigma_min).powf(t)
    }
}

fn build(settings: &mut ScheduleSettings, sigma_data: f64) -> Result<Box<dyn Schedule>> {
    let (sigma_min, sigma_max) = ends(settings, 0.02 * sigma_data, 100.0 * sigma_data)?;
    Ok(Box::new(VarianceExploding { sigma_min, sigma_max }))
}

/// The registry's row.
pub(super) const ENTRY: Entry<Build> = Entry {
    name: "ve",
    aliases: &["variance-exploding"],
    summary: "σ geometric in a uniform time, data unscaled",
    formula: "s = 1, σ(t) = σ_min·(σ_max/σ_min)^t, λ = σ²",
    source: "Song et al. 2021, appendix C",
    value: build,
};
