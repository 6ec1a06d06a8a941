//! Drawing samples: one driver, and samplers that each read like their algorithm box.
//!
//! A [`Sampler`] moves one block of points; the driver cuts the rows into blocks, gives each its own random numbers, counts network
//! evaluations, tells the observer, and finds rows that diverged. Row i of a result depends only on (score, sampler, seed, i).

pub mod chain;
pub mod solver;

mod advice;
mod annealed;
mod divergence;
mod drive;
mod heun;
mod hmc;
mod kept;
mod langevin;
mod mala;
mod start;
mod tally;
mod tempering;
mod tune;
mod underdamped;
mod walk;

pub use advice::{Advice, Level, advise};
pub use annealed::Annealed;
pub use divergence::divergence;
pub use drive::{Draw, Drawn, Sampler, draw};
pub use heun::Heun;
pub use hmc::{Hmc, Path};
pub use kept::Kept;
pub use langevin::Langevin;
pub use mala::Mala;
pub use start::Start;
pub use tally::StepSizes;
pub use tempering::{Rung, Tempering};
pub use tune::{Kind, Tuned, tune};
pub use underdamped::Underdamped;
pub use walk::Walk;

use crate::error::Result;
use crate::levels::Levels;
use crate::registry::Entry;

/// What a user may ask of a sampler; `None`: the sampler's own choice. Each sampler reads what it has a use for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Asked {
    /// Steps: a chain's length, steps a level (`annealed`), or a solver's levels.
    pub steps: Option<usize>,
    /// Step size ε of a chain (at the last level, for `annealed`).
    pub epsilon: Option<f64>,
    /// The one noise level of a chain.
    pub sigma: Option<f64>,
    /// Largest and smallest level of a ladder.
    pub range: (Option<f64>, Option<f64>),
    /// Number of levels of a ladder.
    pub levels: Option<usize>,
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

/// The samplers a user may name.
pub static SAMPLERS: &[Entry<Build>] =
    &[langevin::ENTRY, mala::ENTRY, underdamped::ENTRY, hmc::ENTRY, tempering::ENTRY, annealed::ENTRY, heun::ENTRY];
