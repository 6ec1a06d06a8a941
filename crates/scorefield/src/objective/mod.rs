//! Objectives: what a score network minimises. One file each; the body of a file is its formula.

mod denoising;

pub use denoising::Denoising;

use crate::key::Key;
use crate::registry::Entry;
use crate::score::Score;
use crate::tensor::Tensor;

/// What one training step works on.
#[derive(Clone, Debug)]
pub struct Batch {
    /// x₀, `[n, d]`.
    pub clean: Tensor<2>,
    /// σ of each row, `[n]`.
    pub sigma: Tensor<1>,
    /// λ(σ) of each row, `[n]`.
    pub weight: Tensor<1>,
}

/// A loss on a score.
pub trait Objective: Send + Sync {
    /// The loss of each row, `[n]`, weighted and not reduced; random directions and noise come from `key`.
    fn loss(&self, score: &dyn Score, batch: &Batch, key: Key) -> Tensor<1>;
}

/// Makes an objective.
pub type Build = fn() -> Box<dyn Objective>;

/// The objectives a user may name.
pub static OBJECTIVES: &[Entry<Build>] = &[denoising::ENTRY];
