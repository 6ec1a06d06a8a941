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

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    #[test]
    fn every_diagnostic_finds_the_answer_that_its_row_knows() {
        let asked: Vec<_> = DIAGNOSTICS.iter().flat_map(|entry| (0..3).map(move |seed| (entry, seed))).collect();
        asked.into_par_iter().for_each(|(entry, seed)| {
            let checks = (entry.value.oracle)(seed).unwrap();
            assert!(!checks.is_empty(), "{}", entry.name);
            checks.iter().for_each(|check| assert!(check.pass, "{}, seed {seed}: {check:?}", entry.name));
        });
    }
}
