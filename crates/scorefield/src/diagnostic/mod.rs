//! What is right and wrong with a score, measured.

pub mod chains;
pub mod density;
pub mod manifold;
pub mod mixing;

mod convolved;
mod fisher;
mod quadrature;

pub use convolved::{Convolved, truth};
pub use fisher::{Fisher, Question, fisher, losses};
pub use quadrature::Quadrature;

use crate::error::Result;
use crate::oracle::Check;
use crate::registry::Entry;

/// What a row of [`DIAGNOSTICS`] holds.
#[derive(Clone, Copy, Debug)]
pub struct Diagnostic {
    /// The word after `diagnose` that measures it.
    pub verb: &'static str,
    /// Measures it where the answer is known, with the random numbers of a seed.
    pub oracle: fn(u64) -> Result<Vec<Check>>,
}

/// The diagnostics that there are.
pub static DIAGNOSTICS: &[Entry<Diagnostic>] = &[
    manifold::PCA,
    manifold::TWO_NN,
    manifold::LEVINA_BICKEL,
    manifold::NORMAL_SPACE,
    manifold::FLIPD,
    manifold::SCORE_NORM,
    mixing::MODES,
    mixing::PROPORTIONS,
    mixing::TRANSITIONS,
    mixing::BARRIER,
    density::ERROR_BY_DENSITY,
    density::BETWEEN_MODES,
    density::LOSS_BY_DENSITY,
    chains::RHAT,
    chains::ESS,
    chains::MCSE,
];
