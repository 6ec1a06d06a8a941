//! One noise level: plain denoising score matching (Vincent 2011). Level 0 is no noise: plain score matching (Hyvärinen 2005).

use super::edm;
use super::schedule::{Build, Schedule, ScheduleSettings};
use crate::error::{Error, Result};
use crate::levels::Levels;
use crate::registry::Entry;

/// σ and nothing else.
#[derive(Debug)]
pub struct Single {
    sigma: f64,
    sigma_data: f64,
}

impl Schedule for Single {
    fn sigma(&self, _t: f64) -> f64 {
        self.sigma
    }

    /// Without noise σ_data²: like the others, it makes the loss a number without units.
    fn weight(&self, sigma: f64) -> f64 {
        if sigma == 0.0 { self.sigma_data * self.sigma_data } else { edm::weight(sigma, self.sigma_data) }
    }

    fn levels(&self, n: usize) -> Result<Levels> {
        match n {
            _ if self.sigma == 0.0 => {
                Err(Error::setting("a ladder of noise levels", "a model of noisy data", "one without noise (sigma = 0)")
                    .with_hint("--sampler langevin needs no ladder"))
            }
            0 => Levels::new(vec![]),
            _ => Levels::new(vec![self.sigma]),
        }
    }
}

fn build(settings: &mut ScheduleSettings, sigma_data: f64) -> Result<Box<dyn Schedule>> {
    match settings.sigma {
        Some(sigma) if sigma.is_finite() && sigma >= 0.0 => Ok(Box::new(Single { sigma, sigma_data })),
        Some(sigma) => Err(Error::setting("schedule.sigma (--sigma)", "zero or a positive number", sigma)),
        None => Err(Error::setting("schedule.sigma (--sigma)", "the one noise level of --schedule single", "nothing")),
    }
}

/// The registry's row.
pub(super) const ENTRY: Entry<Build> = Entry {
    name: "single",
    aliases: &["fixed"],
    summary: "one noise level, given by --sigma; 0 is no noise",
    formula: "σ(t) = σ",
    source: "Vincent 2011",
    value: build,
};
