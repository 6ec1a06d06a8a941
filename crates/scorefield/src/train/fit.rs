//! The training loop.

use super::batches::Batches;
use super::config::TrainConfig;
use super::state::{Snapshot, TrainState};
use crate::data::Source;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::noise::Schedule;
use crate::objective::Objective;
use crate::observe::{Flow, Observer, TrainStep};
use crate::tensor::numbers;
use std::time::Instant;

/// What training is for.
pub struct Task<'a> {
    /// Where the points come from.
    pub source: &'a dyn Source,
    /// The noise levels.
    pub schedule: &'a dyn Schedule,
    /// What is minimised.
    pub objective: &'a dyn Objective,
}

/// One line of `metrics.jsonl`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct LogRecord {
    /// Steps done.
    pub step: u64,
    /// Mean loss of the steps since the last record.
    pub loss: f64,
    /// Learning rate of this step.
    pub lr: f64,
    /// Norm of this step's gradient, before clipping.
    pub grad_norm: f64,
    /// Seconds since this process began training.
    pub seconds: f64,
}

/// Where training leaves what it must not lose.
pub trait Checkpoint {
    /// Saves a state, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    fn save(&mut self, snapshot: &Snapshot) -> Result<()>;

    /// Appends one record.
    ///
    /// # Errors
    /// It cannot be written.
    fn log(&mut self, record: &LogRecord) -> Result<()>;
}

/// Keeps nothing: for tests and short experiments.
impl Checkpoint for () {
    fn save(&mut self, _: &Snapshot) -> Result<()> {
        Ok(())
    }

    fn log(&mut self, _: &LogRecord) -> Result<()> {
        Ok(())
    }
}

/// What a run of the loop did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// First loss of this process.
    pub loss_first: f64,
    /// Mean loss of the last logged window.
    pub loss_last: f64,
    /// Steps done by this process.
    pub steps: u64,
    /// Seconds spent in the loop.
    pub seconds: f64,
}

/// Trains `state` up to `config.steps`.
///
/// # Errors
/// Data that cannot be read, a checkpoint that cannot be written, a loss that is not finite, or [`Error::Interrupted`] when the observer
/// said stop (the state is saved first).
pub fn train(
    state: &mut TrainState,
    task: &Task<'_>,
    config: &TrainConfig,
    keep: &mut dyn Checkpoint,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    let begun = Instant::now();
    let device = crate::score::Score::device(&state.model);
    let batches = Batches::new(task.source, task.schedule, config.batch, config.seed);
    let mut outcome = Outcome::default();
    let mut saved = state.step;
    while state.step < config.steps {
        let key = Key::new(config.seed, Purpose::Noise).at(state.step as u32);
        let batch = batches.at(state.step, &device)?;
        let loss = task.objective.loss(&state.model, &batch, key).mean();
        let value = f64::from(numbers(loss.clone().inner())[0]);
        if !value.is_finite() {
            let e = Error::failed(format!("training, step {}", state.step + 1), format!("the loss is {value}"));
            return Err(e.with_hint(format!("the last checkpoint, step {saved}, is intact; try a smaller --lr")));
        }
        let grads = loss.backward();
        drop(loss);
        let grad_norm = state.descend(grads, config);
        if outcome.steps == 0 {
            outcome.loss_first = value;
        }
        outcome.steps += 1;
        state.window = (state.window.0 + value, state.window.1 + 1);
        let last = state.step == config.steps;
        let logged = (state.step.is_multiple_of(config.log_every) || last).then(|| state.window.0 / state.window.1 as f64);
        if let Some(loss) = logged {
            let seconds = begun.elapsed().as_secs_f64();
            keep.log(&LogRecord { step: state.step, loss, lr: config.rate(state.step), grad_norm, seconds })?;
            outcome.loss_last = loss;
            state.window = (0.0, 0);
        }
        let step = TrainStep { step: state.step, steps: config.steps, loss: logged, batch: config.batch };
        let flow = observer.trained(&step);
        if state.step.is_multiple_of(config.checkpoint_every) || last || flow == Flow::Stop {
            keep.save(&state.snapshot())?;
            saved = state.step;
        }
        if flow == Flow::Stop && !last {
            return Err(Error::Interrupted { saved: format!("step {} of {} is saved; --resume goes on", state.step, config.steps) });
        }
    }
    outcome.seconds = begun.elapsed().as_secs_f64();
    Ok(outcome)
}
