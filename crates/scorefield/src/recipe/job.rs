//! `train` as one call: a recipe and a folder in, a run out.

use super::assemble::Assembled;
use super::{Layers, RawRecipe, Resolved};
use super::{memory, weights};
use crate::error::{Error, Result};
use crate::net::parameter_count;
use crate::observe::Observer;
use crate::run::{Card, CheckpointFiles, MetricsWriter, Row, RunWriter, State};
use crate::tensor::Device;
use crate::train::{Checkpoint, LogRecord, Outcome, Snapshot, Task, TrainState, train};
use scorefield_kernels::machine;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What a training run did.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The run folder.
    pub run: PathBuf,
    /// The loop's figures.
    pub outcome: Outcome,
    /// Steps that had been done before, where a run was resumed.
    pub resumed_from: u64,
    /// Numbers in the network.
    pub parameters: usize,
    /// Rows in a batch.
    pub batch: usize,
    /// Things the user should know: constant columns, steps left out, damaged checkpoints passed over, old ones that could not be removed.
    pub warnings: Vec<String>,
}

/// Trains into a new run folder.
///
/// # Errors
/// Settings, data or a folder that will not do; a loss that is not finite; an interruption. A run that fails before its first checkpoint
/// leaves no folder behind.
pub fn train_new(mut resolved: Resolved, path: &Path, device: &Device, observer: &mut dyn Observer) -> Result<Trained> {
    let parts = Assembled::new(&mut resolved)?;
    memory::check(&parts, device)?;
    let writer = RunWriter::create(path, &resolved.recipe.to_toml())?;
    go(parts, &resolved, writer, None, Vec::new(), device, observer)
}

/// Goes on with a run, to the same weights that an uninterrupted run reaches. Settings in `layers` may name those that may change.
///
/// # Errors
/// As [`train_new`]; besides, a setting that may not change on resume (named), a run with other data, a damaged checkpoint.
pub fn train_resumed(layers: Layers, path: &Path, device: &Device, observer: &mut dyn Observer) -> Result<Trained> {
    let recipe_path = path.join("recipe.toml");
    let saved = match std::fs::exists(&recipe_path) {
        Ok(true) => Some(Layers::new().recipe_file(&recipe_path)?.build()?.recipe),
        // A run that was killed before its recipe was written is begun anew.
        _ => None,
    };
    let mut resolved = match &saved {
        None => layers.recommended()?.build()?,
        Some(saved) => {
            let mut resolved = layers.over(&recipe_path)?.build()?;
            resolved.read_net_config()?;
            resolved.check_resume(saved)?;
            resolved
        }
    };
    let parts = Assembled::new(&mut resolved)?;
    memory::check(&parts, device)?;
    let resumed = RunWriter::resume(path)?;
    resumed.writer.write_recipe(&resolved.recipe.to_toml())?;
    let (found, warnings) = match resumed.found {
        Some(found) => (Some(found.checkpoint), found.warnings),
        None => (None, Vec::new()),
    };
    go(parts, &resolved, resumed.writer, found, warnings, device, observer)
}

fn go(
    parts: Assembled,
    resolved: &Resolved,
    writer: RunWriter,
    from: Option<crate::run::Checkpoint>,
    warnings: Vec<String>,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Trained> {
    let begun = prepare(&parts, &writer, from, device);
    let (mut state, mut keeper) = match begun {
        Ok((state, saved, metrics)) => {
            let warnings = parts.warnings.iter().cloned().chain(warnings).collect();
            (state, Keeper::new(&parts, &writer, saved, metrics, warnings))
        }
        Err(e) => {
            writer.abandon();
            return Err(e);
        }
    };
    let resumed_from = state.step;
    let parameters = parameter_count(state.model.net());
    let task = Task {
        source: &*parts.source,
        schedule: &*parts.schedule,
        noise: parts.noise.clone(),
        objective: &*parts.objective,
        validation: parts.validation(device)?,
    };
    let done = train(&mut state, &task, &parts.config, &mut keeper, observer);
    let (mut warnings, saved) = (std::mem::take(&mut keeper.warnings), keeper.state.clone());
    drop(keeper);
    let run = writer.folder().path().to_path_buf();
    match done {
        Ok(outcome) => {
            warnings.extend(outcome.left_out.map(|(count, first)| {
                format!(
                    "{count} of {} steps were left out, the first at step {first}: their loss or gradient was not finite",
                    outcome.steps
                )
            }));
            writer.write_card(&card(&parts, &resolved.recipe, &saved, parameters, &writer)?.to_markdown())?;
            Ok(Trained { run, outcome, resumed_from, parameters, batch: parts.config.batch, warnings })
        }
        Err(e) => {
            if saved.step == 0 {
                writer.abandon();
            }
            Err(e)
        }
    }
}

type Begun = (TrainState, State, MetricsWriter);

fn prepare(parts: &Assembled, writer: &RunWriter, from: Option<crate::run::Checkpoint>, device: &Device) -> Result<Begun> {
    let device = device.clone().autodiff();
    let mut state = TrainState::new(parts.fresh_model(&device)?, &parts.config.ema);
    let fingerprint = &parts.dataset.fingerprint;
    let saved = match from {
        None => State::start(parts.recipe.seed, fingerprint),
        Some(checkpoint) => {
            checkpoint.state.check_resume(fingerprint)?;
            state.restore(&weights::read_snapshot(&checkpoint, &parts.config.ema, &device.without_autodiff())?)?;
            checkpoint.state
        }
    };
    if state.step > parts.config.steps {
        let expected = format!("at least the {} steps that are done", state.step);
        return Err(Error::setting("train.steps (--steps)", expected, parts.config.steps));
    }
    let metrics = writer.metrics(state.step)?;
    Ok((state, saved, metrics))
}

/// Writes checkpoints and metrics.
struct Keeper<'a> {
    parts: &'a Assembled,
    writer: &'a RunWriter,
    state: State,
    seconds_before: f64,
    began: Instant,
    metrics: MetricsWriter,
    warnings: Vec<String>,
}

impl<'a> Keeper<'a> {
    fn new(parts: &'a Assembled, writer: &'a RunWriter, state: State, metrics: MetricsWriter, warnings: Vec<String>) -> Self {
        Self { parts, writer, seconds_before: state.seconds, state, began: Instant::now(), metrics, warnings }
    }
}

impl Checkpoint for Keeper<'_> {
    fn save(&mut self, snapshot: &Snapshot) -> Result<()> {
        self.metrics.sync()?;
        let mut state = self.state.clone();
        state.step = snapshot.step;
        state.samples_seen = snapshot.step * self.parts.config.batch as u64;
        state.seconds = self.seconds_before + self.began.elapsed().as_secs_f64();
        let keep = self.parts.recipe.train.keep;
        let save = |files: CheckpointFiles<'_>| self.writer.write_checkpoint(&state, files, keep);
        let written = weights::write_snapshot(snapshot, self.parts, save)?;
        self.warnings.extend(written.warnings);
        self.state = state;
        Ok(())
    }

    fn log(&mut self, r: &LogRecord) -> Result<()> {
        let seconds = self.seconds_before + r.seconds;
        let numbers = [("loss", r.loss), ("lr", r.lr), ("grad_norm", r.grad_norm), ("seconds", seconds)];
        let held_out = r.held_out.map(|loss| ("held_out_loss", loss));
        let left_out = (r.left_out > 0).then_some(("left_out", r.left_out as f64));
        self.metrics.append(&Row::new(r.step, numbers.into_iter().chain(held_out).chain(left_out)))
    }
}

fn card(parts: &Assembled, recipe: &RawRecipe, state: &State, parameters: usize, writer: &RunWriter) -> Result<Card> {
    let rows = writer.folder().metrics()?;
    let loss = |row: Option<&Row>| row.and_then(|r| r.number("loss"));
    let held_out = rows.iter().filter_map(|r| Some((r.step, r.number("held_out_loss")?)));
    let best = held_out.min_by(|a, b| a.1.total_cmp(&b.1));
    let mut notes = parts.dataset.note.clone();
    if let Some(standardise) = &parts.standardise {
        notes.extend(standardise.notes(parts.dataset.columns.as_deref()));
        notes.push("Noise levels are in units of each column's standard deviation.".to_owned());
    }
    if let Some((step, lowest)) = best {
        notes.push(format!("The weights are those of step {step}, where the loss on held-out points was lowest ({lowest:.4}); training went on to step {}.", state.step));
    }
    Ok(Card {
        run: writer.folder().path().display().to_string(),
        data: recipe.data.source.clone(),
        points: parts.dataset.train.len(),
        shape: parts.dataset.train.event().dims(),
        objective: recipe.objective.name.clone(),
        net: recipe.net.name.clone(),
        parameters: parameters as u64,
        schedule: recipe.schedule.name.clone(),
        sigma: parts.schedule.range(),
        step: state.step,
        steps: recipe.train.steps,
        loss: loss(rows.first()).zip(loss(rows.last())),
        seconds: state.seconds,
        seed: recipe.seed,
        scorefield: env!("CARGO_PKG_VERSION").to_owned(),
        notes,
    })
}

/// What the end of training takes besides, whatever was trained: reading the model back and drawing the losses. Measured
/// (scripts/reliability/memory.py).
const AFTERWARDS: u64 = 14 << 20;

/// What `train --dry-run` tells before anything is written.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The dataset in words.
    pub dataset: String,
    /// Rows to train on; `None` for an endless source.
    pub rows: Option<u64>,
    /// The event shape.
    pub shape: Vec<usize>,
    /// Parameters, by name.
    pub parameters: Vec<(String, Vec<usize>)>,
    /// Numbers in the network.
    pub parameter_count: usize,
    /// Bytes that weights, moments, averages and gradients take.
    pub state_bytes: u64,
    /// The most memory that the process will hold, as it was after a few steps, a look at the held-out points and a checkpoint that was not
    /// written; `None` where the system does not tell.
    pub peak_bytes: Option<u64>,
    /// What is free for it.
    pub free_bytes: Option<u64>,
    /// What the user should know of the data.
    pub warnings: Vec<String>,
    /// Mean seconds of a training step, measured on a few.
    pub seconds_per_step: f64,
    /// Seconds for all steps at that rate.
    pub seconds: f64,
    /// The noise levels' range.
    pub sigma: (f64, f64),
    /// Standard deviation of the data.
    pub sigma_data: f32,
}

/// Makes everything that training would make and times a few steps; writes nothing.
///
/// # Errors
/// Settings or data that will not do.
pub fn plan(resolved: &mut Resolved, device: &Device) -> Result<Plan> {
    let mut parts = Assembled::new(resolved)?;
    memory::check(&parts, device)?;
    let steps = parts.config.steps;
    let mut state = TrainState::new(parts.fresh_model(&device.clone().autodiff())?, &parts.config.ema);
    let mut parameters = Vec::new();
    state.model.net().visit(&mut |name, p| parameters.push((name.to_owned(), p.shape().to_vec())));
    let parameter_count = parameter_count(state.model.net());
    let mut timed = |more: u64| -> Result<f64> {
        parts.config.steps = state.step + more;
        let (noise, objective) = (parts.noise.clone(), &*parts.objective);
        let task = Task { source: &*parts.source, schedule: &*parts.schedule, noise, objective, validation: None };
        Ok(train(&mut state, &task, &parts.config, &mut (), &mut ())?.seconds / more as f64)
    };
    timed(3)?;
    let seconds_per_step = timed(10)?;
    if let Some(watch) = parts.validation(device)? {
        watch.look(&mut state)?;
    }
    weights::write_snapshot(&state.snapshot(), &parts, |_| Ok(()))?;
    // Weights, gradients, two moments, the averages, and early weights.
    let copies = 4 + parts.config.ema.len() as u64 + u64::from(parts.config.early_step().is_some());
    Ok(Plan {
        dataset: parts.dataset.name.clone(),
        rows: parts.dataset.train.len(),
        shape: parts.dataset.train.event().dims(),
        parameters,
        parameter_count,
        state_bytes: 4 * copies * parameter_count as u64,
        peak_bytes: machine::resident().map(|resident| resident.peak + AFTERWARDS),
        free_bytes: machine::memory().map(|memory| memory.available),
        warnings: parts.warnings.clone(),
        seconds_per_step,
        seconds: seconds_per_step * steps as f64,
        sigma: parts.schedule.range(),
        sigma_data: parts.precondition.sigma_data,
    })
}
