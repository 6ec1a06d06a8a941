//! Drawing samples: one driver, and samplers that each read like their algorithm box.
//!
//! A [`Sampler`] moves one block of points; the driver cuts the rows into blocks, gives each its own random numbers, counts network
//! evaluations, tells the observer, and finds rows that diverged. Row i of a result depends only on (score, sampler, seed, i).

pub mod chain;
pub mod solver;

mod advice;
mod annealed;
mod ddim;
mod divergence;
mod dpmpp_2m;
mod drive;
mod euler_maruyama;
mod heun;
mod hmc;
mod kept;
mod ladder;
mod langevin;
mod mala;
mod pf_ode;
mod predictor_corrector;
mod rule;
mod spacing;
mod start;
mod stream;
mod tally;
mod tempering;
pub mod tolerance;
mod tune;
mod underdamped;
mod walk;

pub use advice::{Advice, Level, advise};
pub use annealed::Annealed;
pub use ddim::Ddim;
pub use divergence::divergence;
pub use dpmpp_2m::Dpmpp2M;
pub use drive::{Draw, Drawn, Sampler, draw};
pub use euler_maruyama::EulerMaruyama;
pub use heun::{Churn, Heun};
pub use hmc::{Hmc, Path};
pub use kept::Kept;
pub use langevin::{Decreasing, Langevin};
pub use mala::Mala;
pub use pf_ode::{End, PfOde};
pub use predictor_corrector::PredictorCorrector;
pub use spacing::{SPACINGS, Space, Spacing};
pub use start::Start;
pub use stream::{Totals, draw_parts};
pub use tally::StepSizes;
pub use tempering::{Rung, Tempering};
pub use tune::{Kind, Tuned, tune, tune_ladder};
pub use underdamped::Underdamped;
pub use walk::Walk;

use crate::error::{Error, Result};
use crate::levels::Levels;
use crate::registry::Entry;

/// What a user may ask of a sampler; `None`: the sampler's own choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Steps: a chain's length, steps a level (`annealed`), or a solver's levels.
    pub steps: Option<usize>,
    /// Step size ε of a chain (at the last level, for `annealed`).
    pub epsilon: Option<f64>,
    /// ε of the last step of `langevin`, where steps decrease.
    pub last_epsilon: Option<f64>,
    /// The one noise level of a chain.
    pub sigma: Option<f64>,
    /// Largest and smallest level of a ladder.
    pub range: (Option<f64>, Option<f64>),
    /// Number of levels of a ladder.
    pub levels: Option<usize>,
    /// How the levels are spaced: a name of [`SPACINGS`].
    pub spacing: Option<String>,
    /// ρ of the spacing.
    pub rho: Option<f64>,
    /// The levels themselves.
    pub sigmas: Option<Vec<f64>>,
    /// η of `ddim`.
    pub eta: Option<f64>,
    /// S_churn of `heun`.
    pub churn: Option<f64>,
    /// S_tmin and S_tmax of `heun`.
    pub churn_range: (Option<f64>, Option<f64>),
    /// S_noise of `heun`.
    pub churn_noise: Option<f64>,
    /// Relative tolerance of `pf-ode`.
    pub rtol: Option<f64>,
    /// Absolute tolerance of `pf-ode`.
    pub atol: Option<f64>,
    /// r of `predictor-corrector`.
    pub snr: Option<f64>,
    /// Corrections a level of `predictor-corrector`.
    pub corrections: Option<usize>,
    /// Whether `annealed` ends with a denoising step.
    pub denoise: bool,
    /// Steps before those that count, in which `mala`, `hmc` and `tempering` find their step sizes.
    pub warmup: Option<usize>,
    /// Leapfrog steps of a path of `hmc`.
    pub leapfrog: Option<usize>,
    /// Length of a path of `hmc`, in data units.
    pub path: Option<f64>,
    /// Friction γ of `underdamped`.
    pub friction: Option<f64>,
}

impl Asked {
    /// The steps in which step sizes adapt: as asked, else none where a step size was asked for, and half as many as `steps` where not.
    pub(crate) fn warmup(&self, steps: usize) -> usize {
        self.warmup.unwrap_or(if self.epsilon.is_some() { 0 } else { steps.div_ceil(2) })
    }
}

impl Default for Asked {
    /// Nothing; a denoising step at the end is usual.
    fn default() -> Self {
        Self {
            steps: None,
            epsilon: None,
            last_epsilon: None,
            sigma: None,
            range: (None, None),
            levels: None,
            spacing: None,
            rho: None,
            sigmas: None,
            eta: None,
            churn: None,
            churn_range: (None, None),
            churn_noise: None,
            rtol: None,
            atol: None,
            snr: None,
            corrections: None,
            denoise: true,
            warmup: None,
            leapfrog: None,
            path: None,
            friction: None,
        }
    }
}

impl Asked {
    /// The flags that stand for what was asked.
    pub fn given(&self) -> Vec<&'static str> {
        let all = [
            ("--steps", self.steps.is_some()),
            ("--epsilon", self.epsilon.is_some()),
            ("--last-epsilon", self.last_epsilon.is_some()),
            ("--sigma", self.sigma.is_some()),
            ("--sigma-max", self.range.0.is_some()),
            ("--sigma-min", self.range.1.is_some()),
            ("--levels", self.levels.is_some()),
            ("--spacing", self.spacing.is_some()),
            ("--rho", self.rho.is_some()),
            ("--sigmas", self.sigmas.is_some()),
            ("--eta", self.eta.is_some()),
            ("--s-churn", self.churn.is_some()),
            ("--s-tmin", self.churn_range.0.is_some()),
            ("--s-tmax", self.churn_range.1.is_some()),
            ("--s-noise", self.churn_noise.is_some()),
            ("--rtol", self.rtol.is_some()),
            ("--atol", self.atol.is_some()),
            ("--snr", self.snr.is_some()),
            ("--corrector-steps", self.corrections.is_some()),
            ("--no-denoise", !self.denoise),
            ("--warmup", self.warmup.is_some()),
            ("--leapfrog", self.leapfrog.is_some()),
            ("--path", self.path.is_some()),
            ("--friction", self.friction.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect()
    }
}

/// What a sampler is made from: what the user asked, and what the target offers.
pub struct SamplerSettings<'a> {
    /// What the user asked.
    pub asked: Asked,
    /// The target's ladder of a given length.
    pub ladder: &'a dyn Fn(usize) -> Result<Levels>,
    /// The target's smallest and largest level; (0, _) for a density known without noise, (0, 0) where no noise is known.
    pub target_range: (f64, f64),
    /// The standard deviation of the data in one dimension.
    pub spread: f64,
    /// d.
    pub dim: usize,
}

/// A sampler made ready: the moves, and where they begin.
pub struct Ready {
    /// The moves.
    pub sampler: Box<dyn Sampler>,
    /// The noise level of the start.
    pub start_sigma: f64,
    /// The settings as they were chosen, for reports.
    pub settings: String,
}

/// Makes a sampler.
pub type Build = fn(&SamplerSettings<'_>) -> Result<Ready>;

/// A registered sampler.
pub struct Method {
    /// The flags that it reads; any other is refused.
    pub reads: &'static [&'static str],
    /// Makes it.
    pub build: Build,
}

/// Makes a registered sampler.
///
/// # Errors
/// A flag that it does not read; settings that it refuses.
pub fn build(entry: &Entry<Method>, settings: &SamplerSettings<'_>) -> Result<Ready> {
    if let Some(flag) = settings.asked.given().into_iter().find(|flag| !entry.value.reads.contains(flag)) {
        let readers: Vec<&str> = SAMPLERS.iter().filter(|e| e.value.reads.contains(&flag)).map(|e| e.name).collect();
        let expected = format!("a sampler that reads it: {}", readers.join(", "));
        return Err(Error::setting(flag, expected, entry.name).with_hint(format!(
            "{} reads {}",
            entry.name,
            entry.value.reads.join(", ")
        )));
    }
    (entry.value.build)(settings)
}

/// The samplers a user may name.
pub static SAMPLERS: &[Entry<Method>] = &[
    langevin::ENTRY,
    mala::ENTRY,
    underdamped::ENTRY,
    hmc::ENTRY,
    tempering::ENTRY,
    annealed::ENTRY,
    predictor_corrector::ENTRY,
    euler_maruyama::ENTRY,
    ddim::ENTRY,
    heun::ENTRY,
    dpmpp_2m::ENTRY,
    pf_ode::ENTRY,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;
    use crate::noise::{SCHEDULES, ScheduleSettings};

    #[test]
    fn every_flag_has_a_reader_and_no_sampler_is_given_what_it_does_not_read() {
        let all = Asked {
            steps: Some(3),
            epsilon: Some(0.1),
            last_epsilon: Some(0.05),
            sigma: Some(1.0),
            range: (Some(2.0), Some(1.0)),
            levels: Some(3),
            spacing: Some("karras".to_owned()),
            rho: Some(7.0),
            sigmas: Some(vec![2.0, 1.0]),
            eta: Some(0.0),
            churn: Some(1.0),
            churn_range: (Some(0.1), Some(1.0)),
            churn_noise: Some(1.0),
            rtol: Some(0.1),
            atol: Some(0.1),
            snr: Some(0.1),
            corrections: Some(1),
            denoise: false,
            warmup: Some(1),
            leapfrog: Some(1),
            path: Some(1.0),
            friction: Some(1.0),
        };
        for flag in all.given() {
            assert!(SAMPLERS.iter().any(|e| e.value.reads.contains(&flag)), "{flag}");
        }
        for entry in SAMPLERS {
            assert!(entry.value.reads.iter().all(|flag| all.given().contains(flag)), "{}", entry.name);
            let settings = SamplerSettings {
                asked: all.clone(),
                ladder: &|_| unreachable!(),
                target_range: (0.0, 20.0),
                dim: 2,
                spread: 4.0,
            };
            assert!(build(entry, &settings).err().unwrap().to_string().starts_with("--"), "{}", entry.name);
        }
    }

    /// Draws the lecture's mixture by every sampler of levels, from the defaults for a target of such levels.
    fn draws_the_mixture(n: usize, of: &str, ladder: &dyn Fn(usize) -> Result<Levels>, target_range: (f64, f64)) {
        let p = density::mixture("mixture").unwrap();
        let (mean, variance) = p.moments();
        let start = Start::Normal { mean: mean.iter().map(|m| *m as f32).collect(), sigma_data: variance.sqrt() as f32 };
        for entry in SAMPLERS.iter().filter(|e| !["langevin", "mala", "underdamped", "hmc"].contains(&e.name)) {
            let settings = SamplerSettings { asked: Asked::default(), ladder, target_range, dim: 2, spread: variance.sqrt() };
            let ready = build(entry, &settings).unwrap();
            let request = Draw { n, from: 0, seed: 1, start: start.clone(), start_sigma: ready.start_sigma };
            let drawn = draw(&p, &*ready.sampler, &request, &mut ()).unwrap();
            // Tempering draws from the lowest level as it is.
            let last = if entry.name == "tempering" { target_range.0 } else { 0.0 };
            assert_eq!((drawn.sigma, drawn.diverged.len()), (last, 0), "{of}, {}", entry.name);
            let share = p.assign(&drawn.single(), 0.0).iter().filter(|k| **k == 0).count() as f64 / n as f64;
            // The steps of a default ladder may leave 0.01.
            let tolerance = 0.01 + 3.0 * (0.16 / n as f64).sqrt();
            assert!((share - 0.8).abs() < tolerance, "{of}, {}: {share}", entry.name);
            for j in 0..2 {
                let found = drawn.points.iter().skip(j).step_by(2).sum::<f64>() / n as f64;
                // A mode's share moves the mean by its distance, 10.
                assert!((found - 3.0).abs() < 10.0 * tolerance, "{of}, {}: {found}", entry.name);
            }
        }
    }

    #[test]
    fn a_row_of_every_sampler_is_the_same_in_any_set() {
        let p = density::mixture("mixture").unwrap();
        for entry in SAMPLERS {
            let ladder = &|_| unreachable!("a density known without noise has no ladder of its own");
            let settings = SamplerSettings { asked: Asked::default(), ladder, target_range: (0.0, 100.0), dim: 2, spread: 4.0 };
            let ready = build(entry, &settings).unwrap();
            let rows = |from: u64, n: usize| {
                let start = Start::Uniform { low: -8.0, high: 8.0 };
                draw(&p, &*ready.sampler, &Draw { n, from, seed: 1, start, start_sigma: ready.start_sigma }, &mut ())
                    .unwrap()
                    .points
            };
            assert_eq!(rows(0, 40), [rows(0, 17), rows(17, 1), rows(18, 22)].concat(), "{}", entry.name);
        }
    }

    #[test]
    fn every_sampler_of_levels_draws_a_density_by_its_defaults() {
        let high = 20.0 * density::mixture("mixture").unwrap().moments().1.sqrt();
        draws_the_mixture(
            4000,
            "a density",
            &|_| unreachable!("a density known without noise has no ladder of its own"),
            (0.0, high),
        );
    }

    #[test]
    fn every_sampler_of_levels_works_down_every_schedule() {
        let spread = density::mixture("mixture").unwrap().moments().1.sqrt();
        for entry in SCHEDULES.iter().filter(|e| e.name != "single") {
            let schedule = (entry.value)(&mut ScheduleSettings::default(), spread).unwrap();
            draws_the_mixture(1500, entry.name, &|n| schedule.levels(n), schedule.range());
        }
    }
}
