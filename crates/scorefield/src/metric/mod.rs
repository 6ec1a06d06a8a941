//! Distances between sets of samples, and other figures of how good samples are.

mod classifier;
mod energy;
mod neighbours;

pub use classifier::{Classifier, ClassifierConfig};
pub use energy::energy_distance;
pub use neighbours::{nearest_distances, nearest_within};
