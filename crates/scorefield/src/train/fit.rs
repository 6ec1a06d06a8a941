//! The training loop.

use super::batches::Batches;
use super::config::TrainConfig;
use super::state::{Snapshot, TrainState};
use super::step::Step;
use super::validation::Validation;
use crate::data::Source;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::noise::{Noise, Schedule};
use crate::objective::Objective;
use crate::observe::{Flow, Observer, TrainStep};
use std::sync::Arc;
use std::time::Instant;

/// What training is for.
pub struct Task<'a> {
    /// Where the points come from.
    pub source: &'a dyn Source,
    /// The noise levels.
    pub schedule: &'a dyn Schedule,
    /// The kind of noise.
    pub noise: Arc<dyn Noise>,
    /// What is minimised.
    pub objective: &'a dyn Objective,
    /// The watch on held-out points, if there is one.
    pub validation: Option<Validation<'a>>,
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
    /// The loss on held-out points, where it was measured at this step.
    pub held_out: Option<f64>,
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
    /// The last held-out loss, where one is measured.
    pub held_out_last: Option<f64>,
    /// The step and the held-out loss of the best weights.
    pub held_out_best: Option<(u64, f64)>,
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
    let batches = Batches::new(task.source, task.schedule, &task.noise, config.batch, config.seed);
    let mut outcome = Outcome::default();
    let mut saved = state.step;
    while state.step < config.steps {
        let key = Key::new(config.seed, Purpose::Noise).at(state.step as u32);
        let batch = batches.at(state.step, &device)?;
        let Step { loss: value, grad_norm } = state.step(task.objective, &batch, key, config);
        if !value.is_finite() {
            return Err(diverged(state.step + 1, &format!("the loss is {value}"), saved));
        }
        if !grad_norm.is_finite() {
            return Err(diverged(state.step, &format!("the gradient's norm is {grad_norm}"), saved));
        }
        if outcome.steps == 0 {
            outcome.loss_first = value;
        }
        outcome.steps += 1;
        state.window = (state.window.0 + value, state.window.1 + 1);
        let last = state.step == config.steps;
        let logged = (state.step.is_multiple_of(config.log_every) || last).then(|| state.window.0 / state.window.1 as f64);
        let held_out = match &task.validation {
            Some(watch) if watch.is_due(state.step, last) => Some(watch.look(state)?),
            _ => None,
        };
        outcome.held_out_last = held_out.or(outcome.held_out_last);
        if let Some(loss) = logged {
            let seconds = begun.elapsed().as_secs_f64();
            keep.log(&LogRecord { step: state.step, loss, lr: config.rate(state.step), grad_norm, seconds, held_out })?;
            outcome.loss_last = loss;
            state.window = (0.0, 0);
        }
        let step = TrainStep { step: state.step, steps: config.steps, loss: logged, batch: config.batch };
        let flow = observer.trained(&step);
        if state.step.is_multiple_of(config.checkpoint_every) || last || flow == Flow::Stop {
            let snapshot = state.snapshot();
            if let Some(name) = snapshot.not_finite() {
                return Err(diverged(state.step, &format!("{name} is no longer finite"), saved));
            }
            keep.save(&snapshot)?;
            saved = state.step;
        }
        if flow == Flow::Stop && !last {
            return Err(Error::Interrupted {
                saved: format!("step {} of {} is saved; --resume goes on", state.step, config.steps),
            });
        }
    }
    outcome.held_out_best = state.best.as_ref().map(|best| (best.step, best.loss));
    outcome.seconds = begun.elapsed().as_secs_f64();
    Ok(outcome)
}

fn diverged(step: u64, problem: &str, saved: u64) -> Error {
    let kept = if saved > 0 { format!("the checkpoint of step {saved} is intact; ") } else { String::new() };
    Error::failed(format!("training, step {step}"), problem).with_hint(format!("{kept}try a smaller --lr, or --clip 1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::EventShape;
    use crate::density;
    use crate::levels::Regime;
    use crate::model::{Conditioning, Model, Precondition};
    use crate::net::{LevelCount, NETS, NetSettings};
    use crate::noise::{Gaussian, SCHEDULES, ScheduleSettings};
    use crate::objective::{Denoising, Variate};
    use crate::tensor::Device;
    use crate::train::Decay;

    fn config(steps: u64) -> TrainConfig {
        TrainConfig {
            steps,
            batch: 256,
            lr: 3e-3,
            warmup: 20,
            decay: Decay::Cosine,
            lr_final: 0.0,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-8,
            weight_decay: 0.0,
            clip: 1.0,
            ema: vec![20.0, 5.0],
            log_every: 7,
            checkpoint_every: 1000,
            seed: 2,
        }
    }

    fn fresh() -> TrainState {
        let device = Device::flex().autodiff();
        let sizes = NetSettings { width: 64, depth: 1, embedding: 16, levels: LevelCount::Many };
        let event = EventShape::Vector(2);
        let net = (NETS[0].value.build)(&sizes, &event, Key::new(2, Purpose::Init), &device).unwrap();
        let precondition =
            Precondition { mean: vec![1.0, -2.0], sigma_data: 1.22, regime: Regime::Noisy, conditioning: Conditioning::Relative };
        TrainState::new(Model::new(net, precondition, event, &device), &config(1).ema)
    }

    fn task<'a>(source: &'a dyn Source, schedule: &'a dyn Schedule) -> Task<'a> {
        let objective = &Denoising { variate: Variate::Off };
        Task { source, schedule, noise: Arc::new(Gaussian), objective, validation: None }
    }

    fn run(state: &mut TrainState, until: u64, of: u64) -> Result<Outcome> {
        let p = density::mixture("gaussian").unwrap();
        let edm = SCHEDULES.iter().find(|e| e.name == "edm").unwrap();
        let schedule = (edm.value)(&mut ScheduleSettings::default(), 1.22).unwrap();
        let task = task(&p, &*schedule);
        struct Until(u64);
        impl Observer for Until {
            fn trained(&mut self, step: &TrainStep) -> Flow {
                if step.step == self.0 { Flow::Stop } else { Flow::Continue }
            }
        }
        train(state, &task, &config(of), &mut (), &mut Until(until))
    }

    #[test]
    fn a_run_stopped_and_restored_reaches_the_same_state_to_the_bit() {
        let mut whole = fresh();
        run(&mut whole, u64::MAX, 30).unwrap();
        let mut first = fresh();
        assert!(matches!(run(&mut first, 11, 30), Err(Error::Interrupted { .. })));
        let mut second = fresh();
        second.restore(&first.snapshot(), &Device::flex()).unwrap();
        run(&mut second, u64::MAX, 30).unwrap();
        assert_eq!(whole.snapshot(), second.snapshot());
    }

    #[test]
    fn a_loss_that_is_not_finite_stops_training_and_names_the_step() {
        let mut state = fresh();
        let broken = TrainConfig { lr: 1e30, clip: 0.0, warmup: 0, ..config(50) };
        let p = density::mixture("gaussian").unwrap();
        let schedule = (SCHEDULES[5].value)(&mut ScheduleSettings::default(), 1.22).unwrap();
        let task = task(&p, &*schedule);
        let e = train(&mut state, &task, &broken, &mut (), &mut ()).unwrap_err();
        assert!(e.to_string().contains("step") && e.exit_code() == 1, "{e}");
    }
}
