//! The training loop.

use super::batches::Batches;
use super::config::TrainConfig;
use super::misstep::{Missteps, diverged};
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
    /// Mean loss of the steps since the last record; not a number if none of them had a finite one.
    pub loss: f64,
    /// Steps since the last record that were left out, because their loss or gradient was not finite.
    pub left_out: u64,
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
    /// First loss of this process; `None` if no step had a finite one.
    pub loss_first: Option<f64>,
    /// Mean loss of the last logged window.
    pub loss_last: f64,
    /// Steps done by this process.
    pub steps: u64,
    /// Seconds spent in the loop.
    pub seconds: f64,
    /// Steps left out because their loss or gradient was not finite: how many, and the first of them.
    pub left_out: Option<(u64, u64)>,
    /// The last held-out loss, where one is measured.
    pub held_out_last: Option<f64>,
    /// The step and the held-out loss of the best weights.
    pub held_out_best: Option<(u64, f64)>,
    /// The step of the early weights that are kept.
    pub early: Option<u64>,
}

/// Trains `state` up to `config.steps`.
///
/// # Errors
/// Data that cannot be read, a checkpoint that cannot be written, a loss that is not finite (unless such steps are skipped), or [`Error::Interrupted`] when the observer
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
    let (mut outcome, mut missteps) = (Outcome::default(), Missteps::default());
    let mut saved = state.step;
    while state.step < config.steps {
        let key = Key::new(config.seed, Purpose::Noise).at(state.step as u32);
        let batch = batches.at(state.step, &device)?;
        let step = state.step(task.objective, &batch, key, config);
        let Step { loss: value, grad_norm } = step;
        let left_out = missteps.look(step, (state, task.objective, &batch, key), config.on_nan, saved)?;
        outcome.steps += 1;
        if !left_out {
            outcome.loss_first.get_or_insert(value);
            state.window = (state.window.0 + value, state.window.1 + 1);
        }
        config.early_step().into_iter().for_each(|from| state.keep_early(from));
        let last = state.step == config.steps;
        let logged = (state.step.is_multiple_of(config.log_every) || last).then(|| state.window.0 / state.window.1 as f64);
        let held_out = match &task.validation {
            Some(watch) if watch.is_due(state.step, last) => Some(watch.look(state)?),
            _ => None,
        };
        outcome.held_out_last = held_out.or(outcome.held_out_last);
        if let Some(loss) = logged {
            let seconds = begun.elapsed().as_secs_f64();
            let since = state.step - state.step.saturating_sub(1) / config.log_every * config.log_every;
            let left_out = since.saturating_sub(state.window.1);
            keep.log(&LogRecord { step: state.step, loss, left_out, lr: config.rate(state.step), grad_norm, seconds, held_out })?;
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
    outcome.left_out = missteps.first.map(|first| (missteps.count, first));
    outcome.held_out_best = state.best.as_ref().map(|best| (best.step, best.loss));
    outcome.early = state.early.as_ref().map(|early| early.step);
    outcome.seconds = begun.elapsed().as_secs_f64();
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::EventShape;
    use crate::density;
    use crate::levels::Regime;
    use crate::model::{Conditioning, Model, Precondition};
    use crate::net::{LevelCount, NETS, NetSettings, Precision};
    use crate::noise::{Gaussian, SCHEDULES, ScheduleSettings};
    use crate::objective::Batch;
    use crate::objective::{Denoising, Variate};
    use crate::score::ScoreJvp;
    use crate::tensor::{Device, Tensor, numbers, vector};
    use crate::train::{Decay, OnNan};

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
            muon: None,
            eps: 1e-8,
            weight_decay: 0.0,
            clip: 1.0,
            ema: vec![20.0, 5.0],
            early: 0.2,
            on_nan: OnNan::Stop,
            log_every: 7,
            checkpoint_every: 1000,
            seed: 2,
        }
    }

    fn fresh() -> TrainState {
        let device = Device::flex().autodiff();
        let sizes = NetSettings { width: 64, depth: 1, embedding: 16, precision: Precision::F32, levels: LevelCount::Many };
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
        second.restore(&first.snapshot()).unwrap();
        run(&mut second, u64::MAX, 30).unwrap();
        assert_eq!(whole.snapshot().plain(), second.snapshot().plain());
    }

    /// `denoising` whose loss is not a number in rows of σ above 1, at some steps.
    struct Faulty(fn(Key) -> bool);

    impl Objective for Faulty {
        fn loss(&self, score: &dyn ScoreJvp, batch: &Batch, key: Key) -> Tensor<1> {
            let losses = Denoising { variate: Variate::Off }.loss(score, batch, key);
            if !(self.0)(key) {
                return losses;
            }
            let high: Vec<f32> = numbers(batch.sigma.clone()).iter().map(|s| if *s > 1.0 { f32::NAN } else { 1.0 }).collect();
            let device = losses.device();
            losses * vector(high, &device)
        }
    }

    /// Trains on a faulty objective; what was logged and saved comes with the result.
    fn faulty(
        state: &mut TrainState,
        steps: u64,
        on_nan: OnNan,
        at: fn(Key) -> bool,
    ) -> (Result<Outcome>, Vec<LogRecord>, Vec<u64>) {
        #[derive(Default)]
        struct Seen(Vec<LogRecord>, Vec<u64>);
        impl Checkpoint for Seen {
            fn save(&mut self, snapshot: &Snapshot) -> Result<()> {
                self.1.push(snapshot.step);
                Ok(())
            }
            fn log(&mut self, record: &LogRecord) -> Result<()> {
                self.0.push(*record);
                Ok(())
            }
        }
        let p = density::mixture("gaussian").unwrap();
        let schedule = (SCHEDULES[5].value)(&mut ScheduleSettings::default(), 1.22).unwrap();
        let objective = &Faulty(at);
        let config = TrainConfig { on_nan, checkpoint_every: 2, ..config(steps) };
        let mut seen = Seen::default();
        let task = Task { objective, ..task(&p, &*schedule) };
        let done = train(state, &task, &config, &mut seen, &mut ());
        (done, seen.0, seen.1)
    }

    fn third_or_fourth(key: Key) -> bool {
        [2, 3].map(|step| Key::new(2, Purpose::Noise).at(step)).contains(&key)
    }

    #[test]
    fn the_error_of_a_loss_that_is_no_number_names_step_levels_and_checkpoint_and_the_weights_stay() {
        let mut state = fresh();
        let (done, _, saved) = faulty(&mut state, 10, OnNan::Stop, third_or_fourth);
        let said = done.unwrap_err().to_string();
        assert!(said.starts_with("training, step 3: the loss is NaN, in "), "{said}");
        let low: f32 = said.split("σ from ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!((1.0..3.0).contains(&low), "{said}");
        assert!(said.contains("of 256 rows") && said.ends_with("the last good checkpoint, of step 2, is intact"), "{said}");
        assert_eq!(saved, [2]);
        assert_eq!(state.snapshot().not_finite(), None);
    }

    #[test]
    fn a_step_that_is_skipped_leaves_everything_but_the_count_as_it_was() {
        let (mut before, mut after) = (fresh(), fresh());
        faulty(&mut before, 2, OnNan::Stop, |_| false).0.unwrap();
        let (done, logged, _) = faulty(&mut after, 4, OnNan::Skip, third_or_fourth);
        // The learning rate of the two is the same: both are inside the warm-up.
        assert_eq!(done.unwrap().left_out, Some((2, 3)));
        let (before, after) = (before.snapshot(), after.snapshot());
        assert_eq!(before.plain(), after.plain());
        assert_eq!((logged.len(), logged[0].step, logged[0].left_out), (1, 4, 2));
    }

    #[test]
    fn a_run_that_skips_is_resumed_to_the_same_bits() {
        let mut whole = fresh();
        faulty(&mut whole, 9, OnNan::Skip, third_or_fourth).0.unwrap();
        // Stopped between the two bad steps; the cosine is that of nine steps.
        let mut parts = fresh();
        let p = density::mixture("gaussian").unwrap();
        let schedule = (SCHEDULES[5].value)(&mut ScheduleSettings::default(), 1.22).unwrap();
        let objective = &Faulty(third_or_fourth);
        let task = Task { objective, ..task(&p, &*schedule) };
        let config = TrainConfig { on_nan: OnNan::Skip, ..config(9) };
        struct Third;
        impl Observer for Third {
            fn trained(&mut self, step: &TrainStep) -> Flow {
                if step.step == 3 { Flow::Stop } else { Flow::Continue }
            }
        }
        assert!(matches!(train(&mut parts, &task, &config, &mut (), &mut Third), Err(Error::Interrupted { .. })));
        let mut second = fresh();
        second.restore(&parts.snapshot()).unwrap();
        train(&mut second, &task, &config, &mut (), &mut ()).unwrap();
        assert_eq!(whole.snapshot().plain(), second.snapshot().plain());
    }

    #[test]
    fn a_loss_that_is_never_finite_ends_training_though_steps_may_be_skipped() {
        let mut state = fresh();
        let (done, logged, _) = faulty(&mut state, 500, OnNan::Skip, |_| true);
        let said = done.unwrap_err().to_string();
        assert!(said.starts_with("training, step 100: ") && said.contains("100th step in a row"), "{said}");
        assert!(logged.iter().all(|r| r.loss.is_nan() && r.left_out == 7), "{logged:?}");
    }

    #[test]
    fn a_loss_that_is_not_finite_stops_training_and_names_the_step() {
        let mut state = fresh();
        let broken = TrainConfig { lr: 1e30, clip: 0.0, warmup: 0, ..config(50) };
        let p = density::mixture("gaussian").unwrap();
        let schedule = (SCHEDULES[5].value)(&mut ScheduleSettings::default(), 1.22).unwrap();
        let task = task(&p, &*schedule);
        let e = train(&mut state, &task, &broken, &mut (), &mut ()).unwrap_err();
        assert!(e.to_string().contains("step") && e.to_string().contains("σ from") && e.exit_code() == 1, "{e}");
    }
}
