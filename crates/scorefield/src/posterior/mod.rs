//! Scores made of scores, and what a clean value was, from the score of the noisy data themselves.

mod exponential_family;
mod guided;

pub use exponential_family::{Given, MakeObservation, OBSERVATIONS, Observation};
pub use guided::Guided;
