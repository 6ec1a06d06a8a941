//! What Markov chains are worth, from their draws alone: whether they agree with each other (R̂), how many independent draws they stand
//! for (effective sample size, ESS), and what error a mean, a spread or a quantile taken from them has.
//!
//! The definitions are those of Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021, "Rank-normalization, folding, and localization: an
//! improved R̂ for assessing convergence of MCMC"); the numbers are ArviZ's to rounding, pathological chains included. What is not defined
//! (R̂ of one chain, anything of fewer than four draws, draws that are not finite) is NaN.

mod autocovariance;
mod draws;
mod effective;
mod mode_weights;
mod rank;
mod rhat;
mod standard_error;
mod stein;
mod summary;
mod trace;

pub use autocovariance::autocovariance;
pub use draws::{Draws, Variable};
pub use mode_weights::{Share, mode_shares};
pub use rank::{normal_scores, ranks};
pub use stein::{Stein, stein_discrepancy, stein_of_chains};
pub use summary::{MIXED, Summary, summary};
pub use trace::Trace;

pub(super) use effective::ENTRY as ESS;
pub(super) use rhat::ENTRY as RHAT;
pub(super) use standard_error::ENTRY as MCSE;
