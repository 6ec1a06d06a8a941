//! The loss on held-out points while training, and the weights that had the lowest.
//!
//! The implicit and sliced losses have no floor on a finite sample: a network may make tr J at the training points as negative as it has
//! room for. Held-out points show when that begins. The loss is that of the averaged weights, at the same points with the same random
//! numbers each time, so that what is compared is the weights alone.

use super::state::TrainState;
use crate::error::Result;
use crate::key::Key;
use crate::objective::{Batch, Objective};
use crate::tensor::{Tensor, numbers};

/// What is looked at, and how often.
pub struct Validation<'a> {
    /// Held-out points, in pieces that fit into memory, on the device without gradients.
    pub batches: Vec<Batch>,
    /// The loss that judges.
    pub objective: &'a dyn Objective,
    /// Steps from one look to the next.
    pub every: u64,
    /// The random numbers of every look.
    pub key: Key,
}

/// The weights of the lowest held-out loss.
#[derive(Clone, Debug)]
pub struct Best {
    /// Steps they had been trained for.
    pub step: u64,
    /// Their loss.
    pub loss: f64,
    /// The weights, flat, in visiting order.
    pub values: Vec<Tensor<1>>,
}

impl Validation<'_> {
    /// Whether a step is one of those after which it looks.
    pub fn is_due(&self, step: u64, last: bool) -> bool {
        last || step.is_multiple_of(self.every)
    }

    /// The held-out loss of the first average of the weights, and keeps them if there was none lower.
    ///
    /// # Errors
    /// None so far; a loss that is not finite is never the best.
    pub fn look(&self, state: &mut TrainState) -> Result<f64> {
        let model = state.averaged(0);
        let (mut sum, mut n) = (0.0, 0usize);
        for (i, batch) in self.batches.iter().enumerate() {
            let losses = numbers(self.objective.loss(&model, batch, self.key.at(i as u32)));
            n += losses.len();
            sum += losses.into_iter().map(f64::from).sum::<f64>();
        }
        let loss = sum / n.max(1) as f64;
        if loss.is_finite() && state.best.as_ref().is_none_or(|best| loss < best.loss) {
            state.keep_best(loss);
        }
        Ok(loss)
    }
}
