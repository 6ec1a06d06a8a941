//! What a clean value was, from the score of the noisy data themselves: numbers in, numbers out.

mod exponential_family;

pub use exponential_family::{Given, MakeObservation, OBSERVATIONS, Observation};
