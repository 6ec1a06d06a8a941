//! What a schedule is, and the list of them.

use super::{edm, geometric, single, variance_exploding, variance_preserving};
use crate::error::{Error, Result};
use crate::levels::{Levels, Regime};
use crate::registry::Entry;
use std::fmt::Debug;

/// Pairs (s(t), σ(t)) for t in [0, 1], the law of σ in training and its loss weight, and the ladder that samplers descend.
pub trait Schedule: Debug + Send + Sync {
    /// σ(t), increasing in t ∈ [0, 1].
    fn sigma(&self, t: f64) -> f64;

    /// s(t): 1 unless the schedule scales its data.
    fn scale(&self, _t: f64) -> f64 {
        1.0
    }

    /// Smallest and largest σ of training and sampling.
    fn range(&self) -> (f64, f64) {
        (self.sigma(0.0), self.sigma(1.0))
    }

    /// The noise level at quantile `u` ∈ (0, 1) of the law that training draws σ from.
    fn quantile(&self, u: f64) -> f64 {
        self.sigma(u)
    }

    /// λ(σ), what training multiplies ½‖s_θ − ∇ log q_σ‖² by. σ² (Song & Ermon 2019) unless the schedule says otherwise.
    fn weight(&self, sigma: f64) -> f64 {
        sigma * sigma
    }

    /// Whether there is noise at all.
    fn regime(&self) -> Regime {
        if self.range().1 > 0.0 { Regime::Noisy } else { Regime::Clean }
    }

    /// `n` levels from the largest to the smallest.
    ///
    /// # Errors
    /// `n` = 0.
    fn levels(&self, n: usize) -> Result<Levels> {
        let last = n.saturating_sub(1).max(1) as f64;
        Levels::new((0..n).map(|i| self.sigma(1.0 - i as f64 / last)).collect())
    }
}

/// What a user may set; each schedule reads what it has and fills the rest from σ_data.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScheduleSettings {
    /// The one level of `single`.
    pub sigma: Option<f64>,
    /// Smallest level.
    pub sigma_min: Option<f64>,
    /// Largest level.
    pub sigma_max: Option<f64>,
    /// Number of levels of a ladder.
    pub levels: Option<usize>,
    /// Mean of ln σ in training (`edm`).
    pub p_mean: Option<f64>,
    /// Standard deviation of ln σ in training (`edm`).
    pub p_std: Option<f64>,
}

/// Makes a schedule for data of standard deviation σ_data, and writes into the settings what it chose.
pub type Build = fn(&mut ScheduleSettings, f64) -> Result<Box<dyn Schedule>>;

/// The schedules a user may name.
pub static SCHEDULES: &[Entry<Build>] = &[
    single::ENTRY,
    geometric::ENTRY,
    variance_exploding::ENTRY,
    variance_preserving::VP,
    variance_preserving::SUB_VP,
    edm::ENTRY,
];

/// Fills the ends of the range and checks them.
pub(super) fn ends(settings: &mut ScheduleSettings, low: f64, high: f64) -> Result<(f64, f64)> {
    let low = *settings.sigma_min.get_or_insert(low);
    let high = *settings.sigma_max.get_or_insert(high);
    for (what, sigma) in [("schedule.sigma_min", low), ("schedule.sigma_max", high)] {
        if !(sigma.is_finite() && sigma > 0.0) {
            return Err(Error::setting(what, "a positive number", sigma));
        }
    }
    if low >= high {
        return Err(Error::setting("schedule.sigma_min", format!("less than sigma_max = {high}"), low));
    }
    Ok((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_rises_in_time_and_falls_along_its_ladder() {
        for entry in SCHEDULES {
            let mut settings = ScheduleSettings { sigma: Some(0.4), ..Default::default() };
            let schedule = (entry.value)(&mut settings, 2.0).unwrap();
            let (low, high) = schedule.range();
            assert!(low > 0.0 && high >= low, "{}: {low} to {high}", entry.name);
            if entry.name == "single" {
                continue;
            }
            let sigmas: Vec<f64> = (0..=100).map(|i| schedule.sigma(i as f64 / 100.0)).collect();
            assert!(sigmas.windows(2).all(|w| w[0] < w[1]), "{}", entry.name);
            let levels = schedule.levels(12).unwrap();
            assert!((levels.first() / high - 1.0).abs() < 1e-9 && (levels.last() / low - 1.0).abs() < 1e-9, "{}", entry.name);
            assert!((1..100).map(|i| schedule.quantile(i as f64 / 100.0)).all(|s| s > 0.0 && s.is_finite()), "{}", entry.name);
        }
    }

    #[test]
    fn a_range_upside_down_is_refused() {
        let mut settings = ScheduleSettings { sigma_min: Some(2.0), sigma_max: Some(1.0), ..Default::default() };
        assert!(ends(&mut settings, 0.1, 10.0).is_err());
    }
}
