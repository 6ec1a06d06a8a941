//! From settings to objects: the data, the schedule, the network and the objective that a recipe names.
//!
//! What a recipe leaves open (the ends of the noise range, for one) is chosen here from the data and written back into the resolved
//! settings, so that the recipe in a run folder says everything.

use super::centre::{MEASURED_ROWS, centred, check_scales, measure};
use super::raw::{self, Switch};
use super::raw::{Decay as RawDecay, Dequantise as RawDequantise, OnNan as RawOnNan, Optimizer, Standardise as RawStandardise};
use super::weights::{About, UNIT_VALUES};
use super::{Recipe, Resolved, Value};
use crate::data::{self, Dataset, Dequantise, First, Origin, Source, Standardise, Standardised};
use crate::density;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::model::{Conditioning, Model, Precondition};
use crate::net::unet::UNetConfig;
use crate::net::unet::config::TimeEmbedding;
use crate::net::{Least, LevelCount, NETS, NetSettings, Network, Precision, Takes};
use crate::noise::{NOISES, Noise, SCHEDULES, Schedule, ScheduleSettings};
use crate::objective::{Implicit, Needs, OBJECTIVES, Objective, ObjectiveSettings, Projection, SlicedVr, Variate};
use crate::registry::lookup;
use crate::score::Score;
use crate::tensor::{Device, device_name, is_cpu};
use crate::train::{Batches, Decay, OnNan, TrainConfig, Validation};
use std::path::PathBuf;
use std::sync::Arc;

/// Held-out rows that judge the weights, at most, and how many of them are evaluated together.
const JUDGED_ROWS: u64 = 4096;
const JUDGED_AT_ONCE: u64 = 1024;
/// The largest dimension at which held-out points are judged with the exact trace.
const JUDGED_EXACTLY: usize = 64;

/// Everything that training needs, made from a recipe.
pub struct Assembled {
    /// The settings, now complete and checked.
    pub recipe: Recipe,
    /// Training and held-out points.
    pub dataset: Dataset,
    /// The training points as the network sees them: standardised, if they are.
    pub source: Arc<dyn Source>,
    /// How columns are standardised, if they are.
    pub standardise: Option<Standardise>,
    /// Mean and spread of the data, after standardisation.
    pub precondition: Precondition,
    /// The noise levels.
    pub schedule: Box<dyn Schedule>,
    /// The kind of noise.
    pub noise: Arc<dyn Noise>,
    /// The loss.
    pub objective: Box<dyn Objective>,
    /// The loss that judges weights on held-out points, where that is wanted.
    judge: Option<Box<dyn Objective>>,
    /// Settings of the loop.
    pub config: TrainConfig,
    /// What the user should know of the data.
    pub warnings: Vec<String>,
}

impl Assembled {
    /// Opens the data and makes the rest; fills in `resolved` what only the data could tell.
    ///
    /// # Errors
    /// A setting out of range or a name that no registry has, data that cannot be read.
    pub fn new(resolved: &mut Resolved) -> Result<Self> {
        resolved.read_net_config()?;
        let recipe = resolved.check()?;
        // Names first: a misspelt one must not wait for a download.
        let named = |key: &str, name: &str| (resolved.place(key), name.to_owned());
        let (place, name) = named("net.name", &recipe.net.name);
        let takes = lookup(NETS, &place, &name)?.value.takes;
        let rounds = recipe.net.precision == raw::Precision::Bf16;
        if rounds && takes != Takes::Images {
            let problem = format!("it is convolutions that multiply in bf16, and net {name} has none");
            return Err(Error::recipe(problem, resolved.place("net.precision")).with_hint("--net unet has them"));
        }
        let (place, name) = named("noise.name", &recipe.noise.name);
        let noise = (lookup(NOISES, &place, &name)?.value)();
        let (place, name) = named("objective.name", &recipe.objective.name);
        let method = lookup(OBJECTIVES, &place, &name)?;
        if rounds && method.value.needs == Needs::Derivatives {
            let problem = format!("derivatives of the network, which {name} needs, are not computed in bf16");
            return Err(Error::recipe(problem, resolved.place("net.precision")).with_hint("--objective denoising needs none"));
        }
        let (place, name) = named("schedule.name", &recipe.schedule.name);
        let schedule = lookup(SCHEDULES, &place, &name)?;

        if let Some(sigma) = recipe.schedule.sigma.filter(|_| schedule.name != "single") {
            let problem = format!("sigma = {sigma} is the one level of schedule single, but the schedule is {}", schedule.name);
            return Err(Error::recipe(problem, resolved.place("schedule.sigma")).with_hint("add --schedule single"));
        }

        let dataset = open_data(&recipe)?;
        if dataset.train.len() == Some(0) {
            return Err(Error::setting("data.held_out", "something left to train on", recipe.data.held_out));
        }
        let standardise = match recipe.data.standardise {
            RawStandardise::Off => None,
            RawStandardise::Auto if dataset.origin != Origin::Table => None,
            RawStandardise::Auto | RawStandardise::On => Some(Standardise::fit(&*dataset.train, MEASURED_ROWS)?),
        };
        let source: Arc<dyn Source> = match &standardise {
            Some(map) => Arc::new(Standardised::new(dataset.train.clone(), map.clone())),
            None => dataset.train.clone(),
        };
        let (precondition, constant) = measure(&dataset, standardise.as_ref())?;
        let slow = rounds && !scorefield_kernels::image::multiplies_bf16();
        let slow =
            slow.then(|| "this processor has no dot products of bf16: convolutions round to it and gain nothing".to_owned());
        let warnings = constant.warning(&dataset).into_iter().chain(slow).collect();
        let precondition = centred(precondition, takes, dataset.origin);

        let mut levels = level_settings(&recipe);
        if schedule.name == "single" && levels.sigma.is_none() && method.value.needs != Needs::Noise {
            levels.sigma = Some(0.0);
            resolved.derive("schedule.sigma", &Value::Number(0.0), &format!("{} needs no noise", method.name));
        }
        if levels.sigma == Some(0.0) && method.value.needs == Needs::Noise {
            let problem = format!("{} needs noise: sigma must be positive, got 0", method.name);
            return Err(Error::recipe(problem, resolved.place("schedule.sigma")));
        }
        let schedule = (schedule.value)(&mut levels, f64::from(precondition.sigma_data))?;
        check_scales(precondition.sigma_data, schedule.range())?;
        let how = format!("from the data: sigma_data = {}", precondition.sigma_data);
        let numbers = [
            ("schedule.sigma_min", levels.sigma_min),
            ("schedule.sigma_max", levels.sigma_max),
            ("schedule.p_mean", levels.p_mean),
            ("schedule.p_std", levels.p_std),
        ];
        for (key, value) in numbers {
            if let Some(value) = value {
                resolved.derive(key, &Value::Number(value), &how);
            }
        }
        if let Some(n) = levels.levels {
            resolved.derive("schedule.levels", &Value::Count(n as u64), "the schedule's default");
        }
        let recipe = resolved.check()?;
        let config = config(&recipe);
        let precondition = Precondition { regime: schedule.regime(), ..precondition };
        let objective =
            (method.value.build)(&objective_settings(&recipe, &*schedule, &precondition, &*noise, standardise.is_some())?)?;
        let judge = judge(&recipe, method.value.needs, &dataset, precondition.mean.len(), resolved)?;
        Ok(Self { recipe, dataset, source, standardise, precondition, schedule, noise, objective, judge, config, warnings })
    }

    /// The watch on held-out points, where the recipe wants one.
    ///
    /// # Errors
    /// Held-out points that cannot be read.
    pub fn validation(&self, device: &Device) -> Result<Option<Validation<'_>>> {
        let Some(objective) = self.judge.as_deref() else { return Ok(None) };
        let held_out: Arc<dyn Source> = match &self.standardise {
            Some(map) => Arc::new(Standardised::new(self.dataset.held_out.clone(), map.clone())),
            None => self.dataset.held_out.clone(),
        };
        let rows = held_out.len().unwrap_or(JUDGED_ROWS).clamp(1, JUDGED_ROWS);
        // Equal pieces, so that hardly a row is left over.
        let pieces = rows.div_ceil(JUDGED_AT_ONCE);
        let at_once = rows / pieces;
        // Other random numbers than those of training.
        let seed = !self.recipe.seed;
        let batches = Batches::new(&*held_out, &*self.schedule, &self.noise, at_once as usize, seed);
        let device = device.clone().without_autodiff();
        let batches = (0..pieces).map(|i| batches.at(i, &device)).collect::<Result<_>>()?;
        let every = self.recipe.train.validate_every;
        Ok(Some(Validation { batches, objective, every, key: Key::new(seed, Purpose::Metric) }))
    }

    /// What weight files say of the data.
    pub(super) fn about(&self) -> About {
        About {
            event: self.dataset.train.event().clone(),
            columns: self.dataset.columns.clone(),
            precondition: self.precondition.clone(),
            standardise: self.standardise.clone(),
            values: UNIT_VALUES,
            scheduler: None,
        }
    }

    /// A fresh model with this recipe's network, on `device` (give it the device with gradients to train).
    ///
    /// # Errors
    /// Sizes that the network refuses.
    pub fn fresh_model(&self, device: &Device) -> Result<Model> {
        if self.recipe.net.precision == raw::Precision::Bf16 && !is_cpu(device) {
            let expected = "--device cpu: it is its kernels that multiply in bf16";
            return Err(Error::setting("net.precision bf16 (--precision)", expected, device_name(device)));
        }
        if let Some(text) = &self.recipe.net.config {
            check_trainable(&UNetConfig::parse(text, "net.config")?)?;
        }
        build_model(&self.recipe, self.precondition.clone(), self.dataset.train.event().clone(), device)
    }
}

/// Refuses settings that a model may come with, but that training here has nothing for.
fn check_trainable(config: &UNetConfig) -> Result<()> {
    let refuse = |expected: &str, got: String| Err(Error::setting("net.config", expected, got));
    if config.dropout != 0.0 {
        return refuse("dropout 0, which is all that training has", format!("dropout {}", config.dropout));
    }
    if config.num_class_embeds.is_some() || config.class_embed_type.is_some() {
        let got = config.num_class_embeds.map_or("class_embed_type".to_owned(), |n| format!("num_class_embeds {n}"));
        return refuse("a network without classes: there are no labels to train them by", got);
    }
    Ok(())
}

/// A model of the recipe's network with fresh parameters.
pub(super) fn build_model(
    recipe: &Recipe,
    precondition: Precondition,
    event: data::EventShape,
    device: &Device,
) -> Result<Model> {
    let key = Key::new(recipe.seed, Purpose::Init);
    if let Some(text) = &recipe.net.config {
        let net = configured(text, recipe, &event, &precondition.conditioning, key, device)?;
        return Ok(Model::new(net, precondition, event, device));
    }
    let build = lookup(NETS, "net.name", &recipe.net.name)?.value.build;
    let net = build(&net_settings(recipe), &event, key, device)?;
    Ok(Model::new(net, precondition, event, device))
}

/// What its network takes at least, for points of this shape.
pub(super) fn least(recipe: &Recipe, event: &data::EventShape) -> Result<Least> {
    Ok(match (&recipe.net.config, event) {
        (Some(text), data::EventShape::Image { height, width, .. }) => {
            UNetConfig::parse(text, "net.config")?.least(*height, *width)
        }
        _ => (lookup(NETS, "net.name", &recipe.net.name)?.value.least)(&net_settings(recipe), event),
    })
}

/// What convolutions multiply, as the network is told it.
fn precision(recipe: &Recipe) -> Precision {
    match recipe.net.precision {
        raw::Precision::F32 => Precision::F32,
        raw::Precision::Bf16 => Precision::Bf16,
    }
}

/// The sizes that a recipe names.
pub(super) fn net_settings(recipe: &Recipe) -> NetSettings {
    let levels = if recipe.schedule.name == "single" { LevelCount::One } else { LevelCount::Many };
    NetSettings {
        width: recipe.net.width,
        depth: recipe.net.depth,
        embedding: recipe.net.embedding,
        precision: precision(recipe),
        levels,
    }
}

/// The U-Net of a `net.config`.
fn configured(
    text: &str,
    recipe: &Recipe,
    event: &data::EventShape,
    conditioning: &Conditioning,
    key: Key,
    device: &Device,
) -> Result<Box<dyn Network>> {
    let config = UNetConfig { precision: precision(recipe), ..UNetConfig::parse(text, "net.config")? };
    if config.time_embedding_type == TimeEmbedding::Fourier && *conditioning != Conditioning::Ve {
        let hint = "a fourier embedding takes the logarithm of the noise level, and training here passes ¼ ln σ/σ_data";
        return Err(Error::setting("net.config", "time_embedding_type positional", "fourier").with_hint(hint));
    }
    match *event {
        data::EventShape::Image { channels, height, width } if channels == config.in_channels => {
            Ok(Box::new(config.init(height, width, key, device)?))
        }
        _ => Err(Error::setting("net.config", format!("in_channels of data of shape {event}"), config.in_channels)),
    }
}

/// The recipe's schedule, whose open ends must have been filled in.
pub(super) fn build_schedule(recipe: &Recipe, sigma_data: f32) -> Result<Box<dyn Schedule>> {
    let build = lookup(SCHEDULES, "schedule.name", &recipe.schedule.name)?.value;
    build(&mut level_settings(recipe), f64::from(sigma_data))
}

fn level_settings(recipe: &Recipe) -> ScheduleSettings {
    let raw = &recipe.schedule;
    ScheduleSettings {
        sigma: raw.sigma,
        sigma_min: raw.sigma_min,
        sigma_max: raw.sigma_max,
        levels: raw.levels,
        p_mean: raw.p_mean,
        p_std: raw.p_std,
    }
}

/// The recipe's data.
///
/// # Errors
/// Data that cannot be read or fetched.
pub fn open_data(recipe: &Recipe) -> Result<Dataset> {
    let raw = &recipe.data;
    let options = data::Options {
        data_dir: raw.data_dir.as_ref().map(PathBuf::from),
        held_out: raw.held_out,
        split_seed: raw.split_seed,
        dequantise: match raw.dequantise {
            RawDequantise::Auto => Dequantise::Auto,
            RawDequantise::Uniform => Dequantise::Uniform,
            RawDequantise::None => Dequantise::None,
        },
        size: raw.size,
        ..Default::default()
    };
    let dataset = open_source(&raw.source, &options)?;
    match raw.rows {
        None => Ok(dataset),
        Some(rows) => limited(dataset, rows, raw.held_out),
    }
}

/// A data set of `rows` points in all, the first of each part in their usual proportion.
fn limited(mut dataset: Dataset, rows: u64, share: f64) -> Result<Dataset> {
    let held_out = (rows as f64 * share).round() as u64;
    if held_out >= rows {
        return Err(Error::setting("data.rows", format!("something left to train on with held_out = {share}"), rows));
    }
    dataset.train = Arc::new(First::new(dataset.train, rows - held_out));
    dataset.held_out = Arc::new(First::new(dataset.held_out, held_out));
    dataset.fingerprint = format!("{}, the first {rows} rows", dataset.fingerprint);
    dataset.note.push(format!("Only {rows} points were used, {held_out} of them held out."));
    Ok(dataset)
}

fn objective_settings(
    recipe: &Recipe,
    schedule: &dyn Schedule,
    precondition: &Precondition,
    noise: &dyn Noise,
    standardised: bool,
) -> Result<ObjectiveSettings> {
    let raw = &recipe.objective;
    let scale = f64::from(precondition.sigma_data);
    let (low, high) = schedule.range();
    // One level well below the data's own scale is where the variate pays for its second evaluation.
    let small = low == high && high < 0.25 * scale;
    Ok(ObjectiveSettings {
        projection: Projection { law: raw.projection, count: raw.projections },
        step: raw.fd_step * scale,
        variate: match raw.control_variate {
            Switch::On => Variate::On,
            Switch::Auto if small => Variate::On,
            Switch::Auto | Switch::Off => Variate::Off,
        },
        exact: match recipe.data.source.strip_prefix("density:") {
            Some(name) if !standardised && (noise.is_gaussian() || high == 0.0) => Some(density::open(name)? as Arc<dyn Score>),
            _ => None,
        },
    })
}

/// What judges the weights on held-out points: the implicit loss, which all losses of its family estimate, exactly where d allows.
fn judge(recipe: &Recipe, needs: Needs, dataset: &Dataset, d: usize, resolved: &Resolved) -> Result<Option<Box<dyn Objective>>> {
    let held_out = dataset.held_out.len() != Some(0);
    let wanted = match recipe.train.keep_best {
        Switch::Off => false,
        // An endless source is never learnt by heart.
        Switch::Auto => needs == Needs::Derivatives && held_out && dataset.train.len().is_some(),
        Switch::On if !held_out => {
            let problem = "keep_best needs held-out points, and there are none";
            return Err(Error::recipe(problem, resolved.place("train.keep_best")).with_hint("--held-out 0.1 holds a tenth out"));
        }
        Switch::On => true,
    };
    if !wanted {
        return Ok(None);
    }
    if needs == Needs::Noise {
        let method = lookup(OBJECTIVES, "objective.name", &recipe.objective.name)?;
        let projection = Projection { law: recipe.objective.projection, count: 1 };
        let settings = ObjectiveSettings { projection, step: 1.0, variate: Variate::Off, exact: None };
        return Ok(Some((method.value.build)(&settings)?));
    }
    Ok(Some(if d <= JUDGED_EXACTLY {
        Box::new(Implicit)
    } else {
        Box::new(SlicedVr { projection: Projection { law: recipe.objective.projection, count: 4 } })
    }))
}

/// What the source of a model from elsewhere begins with: its data are not known here.
pub const IMPORTED: &str = "imported:";

/// Any DATA of the contract, `density:…` included.
///
/// # Errors
/// Data that cannot be read or fetched; the data of an imported model, which are not here.
pub fn open_source(spec: &str, options: &data::Options) -> Result<Dataset> {
    if spec.starts_with(IMPORTED) {
        return Err(Error::setting(
            "DATA",
            "points to learn from",
            format!("{spec}: the data of an imported model are not here"),
        )
        .with_hint(
            "an imported model can be used, not trained further; train a new one: scorefield train DATA --net unet --net-config config.json",
        ));
    }
    let Some(name) = spec.strip_prefix("density:") else {
        return data::open(spec, options);
    };
    let density = density::open(name)?;
    let (train, held_out) = density::Fresh::new(&density, spec)?;
    Ok(Dataset {
        name: spec.to_owned(),
        fingerprint: density.fingerprint(),
        train: Arc::new(train),
        held_out: Arc::new(held_out),
        origin: Origin::Synthetic,
        columns: None,
        dequantised: false,
        note: vec!["Drawn fresh from a density known in closed form; held-out points are other draws.".to_owned()],
    })
}

fn config(recipe: &Recipe) -> TrainConfig {
    let t = &recipe.train;
    TrainConfig {
        steps: t.steps,
        batch: t.batch,
        lr: t.lr,
        warmup: t.warmup,
        decay: match t.decay {
            RawDecay::Cosine => Decay::Cosine,
            RawDecay::Constant => Decay::Constant,
        },
        lr_final: t.lr_final,
        beta1: t.beta1,
        beta2: t.beta2,
        muon: (t.optimizer == Optimizer::Muon).then_some(t.momentum),
        eps: t.eps,
        weight_decay: t.weight_decay,
        clip: t.clip,
        ema: t.ema.clone(),
        early: t.early,
        on_nan: match t.on_nan {
            RawOnNan::Stop => OnNan::Stop,
            RawOnNan::Skip => OnNan::Skip,
        },
        log_every: t.log_every,
        checkpoint_every: t.checkpoint_every,
        seed: recipe.seed,
    }
}
