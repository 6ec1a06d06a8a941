//! One step of training, and the gradient it goes down.

use super::config::TrainConfig;
use super::state::TrainState;
use crate::key::Key;
use crate::net::Parameters;
use crate::objective::{Batch, Objective};
use crate::tensor::{Tensor, numbers};

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Mean loss of the batch, before the step.
    pub loss: f64,
    /// Norm of the gradient, before clipping; not a number if the loss was none. Where either is not finite, the step was counted and has
    /// changed nothing else.
    pub grad_norm: f64,
}

/// The loss of a batch and its gradient, as numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Slope {
    /// The loss of each row, `[n]`.
    pub losses: Vec<f32>,
    /// The gradient of their mean by all parameters, flat, in visiting order.
    pub gradient: Vec<f32>,
}

impl TrainState {
    /// The mean loss of a batch, its gradient by the parameters, and one step of AdamW.
    pub fn step(&mut self, objective: &dyn Objective, batch: &Batch, key: Key, config: &TrainConfig) -> Step {
        let mean = objective.loss(&self.model, batch, key).mean();
        let loss = f64::from(numbers(mean.clone().inner())[0]);
        if !loss.is_finite() {
            self.pass();
            return Step { loss, grad_norm: f64::NAN };
        }
        let grads = mean.backward();
        drop(mean);
        Step { loss, grad_norm: self.descend(grads, config) }
    }

    /// The same without the step.
    pub fn slope(&self, objective: &dyn Objective, batch: &Batch, key: Key) -> Slope {
        let losses = objective.loss(&self.model, batch, key);
        let values = numbers(losses.clone().inner());
        Slope { losses: values, gradient: gradient(self.model.net(), losses.mean()) }
    }
}

/// The gradient of a scalar `[1]` by all parameters, flat, in visiting order; 0 for those it does not depend on.
pub fn gradient(parameters: &dyn Parameters, scalar: Tensor<1>) -> Vec<f32> {
    let mut grads = scalar.backward();
    let mut flat = Vec::new();
    parameters.visit(&mut |_, p| match p.flat().grad_remove(&mut grads) {
        Some(g) => flat.extend(numbers(g)),
        None => flat.resize(flat.len() + p.len(), 0.0),
    });
    flat
}
