//! Training that writes no run: a recipe in, a model out. For experiments, of which only the outcome is of interest.

use super::Resolved;
use super::assemble::Assembled;
use crate::error::Result;
use crate::model::Model;
use crate::noise::Schedule;
use crate::observe::Observer;
use crate::tensor::Device;
use crate::train::{Checkpoint, Task, TrainState, train};

/// A model and what it was trained on.
pub struct Learned {
    /// The model, with averaged weights.
    pub model: Model,
    /// The noise levels.
    pub schedule: Box<dyn Schedule>,
}

/// Trains as the recipe says; `keep` is told what is logged, and need keep nothing.
///
/// # Errors
/// Settings or data that will not do, a loss that is not finite, an interruption.
pub fn learn(mut resolved: Resolved, keep: &mut dyn Checkpoint, device: &Device, observer: &mut dyn Observer) -> Result<Learned> {
    let parts = Assembled::new(&mut resolved)?;
    let mut state = TrainState::new(parts.fresh_model(&device.clone().autodiff())?, &parts.config.ema);
    let task = Task {
        source: &*parts.source,
        schedule: &*parts.schedule,
        noise: parts.noise.clone(),
        objective: &*parts.objective,
        validation: parts.validation(device)?,
    };
    train(&mut state, &task, &parts.config, keep, observer)?;
    Ok(Learned { model: state.averaged(0), schedule: parts.schedule })
}
