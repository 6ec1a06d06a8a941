//! What `RUN` or `density:…` on the command line stands for: something with a score that can be sampled.

use super::weights::UNIT_VALUES;
use super::{Layers, Recipe, assemble, weights};
use crate::data::{EventShape, Standardise};
use crate::density::{self, Constant, Exact, Smoothing};
use crate::error::{Error, Result};
use crate::levels::Levels;
use crate::levels::Regime;
use crate::model::{Model, Precondition};
use crate::net::{NetSettings, Output, unflatten};
use crate::noise::{Gaussian, NOISES, Noise, Schedule};
use crate::registry::{Entry, lookup};
use crate::run::RunFolder;
use crate::sample::{self, Asked, Method, Ready, SAMPLERS, SamplerSettings, Start};
use crate::score::ScoreJvp;
use crate::tensor::Device;
use std::path::Path;
use std::sync::Arc;

/// A trained model with what surrounds it.
pub struct TrainedModel {
    /// The model, with averaged weights.
    pub model: Model,
    /// The levels it was trained on.
    pub schedule: Box<dyn Schedule>,
    /// The kind of noise it was trained on.
    pub noise: Arc<dyn Noise>,
    /// What black and white are, for images.
    pub values: (f32, f32),
    /// How its columns were standardised, if they were.
    pub standardise: Option<Standardise>,
    /// The names of its columns, if it was trained on a table.
    pub columns: Option<Vec<String>>,
    /// The `scheduler_config.json` of diffusers that it came with, if it did.
    pub scheduler: Option<String>,
    /// The run's settings.
    pub recipe: Recipe,
    /// The step of the checkpoint.
    pub step: u64,
    /// SHA-256 of the weight file.
    pub hash: String,
    /// Damaged checkpoints that were passed over.
    pub warnings: Vec<String>,
}

/// Which of the weights that a run keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Pick {
    /// Those of the lowest held-out loss, where one was watched; the recipe's first average otherwise.
    #[default]
    Usual,
    /// The average of this half-life, in steps.
    Average(f64),
    /// The first average as it was early in training: a guide.
    Early,
}

/// By the half-life of an average, where one is named.
impl From<Option<f64>> for Pick {
    fn from(half_life: Option<f64>) -> Self {
        half_life.map_or(Self::Usual, Self::Average)
    }
}

/// Something with a score.
pub enum Target {
    /// A run folder's model.
    Trained(Box<TrainedModel>),
    /// A density known in closed form.
    Exact {
        /// The name it was opened by.
        name: String,
        /// The density.
        density: Arc<dyn Exact>,
    },
}

impl Target {
    /// Opens `RUN` or `density:…`.
    ///
    /// # Errors
    /// A folder that is not a run or has no complete checkpoint, weights that do not fit the recipe, an unknown density.
    pub fn open(spec: &str, device: &Device) -> Result<Self> {
        Self::open_picked(spec, Pick::Usual, device)
    }

    /// As [`Target::open`], with other weights of the run.
    ///
    /// # Errors
    /// As [`Target::open`]; besides, weights that the run does not keep, or some asked of a density.
    pub fn open_picked(spec: &str, pick: Pick, device: &Device) -> Result<Self> {
        match (spec.strip_prefix("density:"), pick) {
            (Some(name), Pick::Usual) => Ok(Self::Exact { name: spec.to_owned(), density: density::open(name)? }),
            (Some(_), Pick::Average(_)) => {
                Err(Error::setting("--ema", "a trained model: a density has no weights to average", spec))
            }
            (Some(_), Pick::Early) => {
                Err(Error::setting("--guidance", "a --guide beside it: a density has no early weights", spec))
            }
            (None, _) => Ok(Self::Trained(Box::new(TrainedModel::open(Path::new(spec), pick, device)?))),
        }
    }

    /// Its score. For a model of standardised columns, in standardised units.
    pub fn score(&self) -> &dyn ScoreJvp {
        match self {
            Self::Trained(t) => &t.model,
            Self::Exact { density, .. } => &**density,
        }
    }

    /// Whether it is a model of the data themselves, trained without noise.
    pub fn is_clean(&self) -> bool {
        matches!(self, Self::Trained(t) if t.schedule.regime() == Regime::Clean)
    }

    /// The kind of noise that it knows.
    pub fn noise(&self) -> Arc<dyn Noise> {
        match self {
            Self::Trained(t) => t.noise.clone(),
            Self::Exact { .. } => Arc::new(Gaussian),
        }
    }

    /// Whether log p comes with the score, up to a constant for a model: for an energy network, and for a density.
    pub fn has_log_density(&self) -> bool {
        match self {
            Self::Trained(t) => t.model.output() == Output::Energy,
            Self::Exact { .. } => true,
        }
    }

    /// σ_data: the standard deviation of the data in one dimension, in its own units.
    pub fn spread(&self) -> f64 {
        match self {
            Self::Trained(t) => f64::from(t.model.precondition().sigma_data),
            Self::Exact { density, .. } => density.moments().1.sqrt(),
        }
    }

    /// The shape of one sample.
    pub fn event(&self) -> EventShape {
        match self {
            Self::Trained(t) => t.model.event().clone(),
            Self::Exact { density, .. } => EventShape::Vector(density.dim()),
        }
    }

    /// How columns were standardised, if they were.
    pub fn standardise(&self) -> Option<&Standardise> {
        match self {
            Self::Trained(t) => t.standardise.as_ref(),
            Self::Exact { .. } => None,
        }
    }

    /// What black and white are, for images.
    pub fn values(&self) -> (f32, f32) {
        match self {
            Self::Trained(t) => t.values,
            Self::Exact { .. } => UNIT_VALUES,
        }
    }

    /// The names of the columns, if the target is a table's.
    pub fn columns(&self) -> Option<&[String]> {
        match self {
            Self::Trained(t) => t.columns.as_deref(),
            Self::Exact { .. } => None,
        }
    }

    /// The exact density, if the target is one or was trained on one, where it is known in closed form at σ: under Gaussian noise, or none.
    pub fn exact(&self, sigma: f64) -> Option<Arc<dyn Exact>> {
        let density = match self {
            Self::Trained(t) if sigma > 0.0 && !t.noise.is_gaussian() => None,
            Self::Trained(t) => t.recipe.data.source.strip_prefix("density:").and_then(|name| density::open(name).ok()),
            Self::Exact { density, .. } => Some(density.clone()),
        };
        density.filter(|density| density.knows(sigma))
    }

    /// Whether it is a density that is known without noise alone.
    pub fn knows_no_noise(&self) -> bool {
        matches!(self, Self::Exact { density, .. } if density.smoothing() == Smoothing::Unknown)
    }

    /// Whether log p, where it has one, is normalised.
    pub fn constant(&self) -> Constant {
        match self {
            Self::Trained(_) => Constant::Unknown,
            Self::Exact { density, .. } => density.constant(),
        }
    }

    /// What identifies it in files that it makes: the weight file's hash, or the density's fingerprint.
    pub fn hash(&self) -> String {
        match self {
            Self::Trained(t) => t.hash.clone(),
            Self::Exact { density, .. } => density.fingerprint(),
        }
    }

    /// Smallest and largest noise level; the smallest is 0 for a density known without noise.
    pub fn sigma_range(&self) -> (f64, f64) {
        match self {
            Self::Trained(t) => t.schedule.range(),
            Self::Exact { density, .. } => (0.0, 20.0 * density.moments().1.sqrt()),
        }
    }

    /// A start blurred by the first level: N(μ, σ_d² + σ²).
    pub fn start(&self) -> Start {
        let (mean, sigma_data) = match self {
            Self::Trained(t) => (t.model.precondition().mean.clone(), t.model.precondition().sigma_data),
            Self::Exact { density, .. } => {
                let (mean, variance) = density.moments();
                (mean.iter().map(|m| *m as f32).collect(), variance.sqrt() as f32)
            }
        };
        Start::Normal { mean, sigma_data }
    }

    /// The level at which `denoise` and `score` work if none is given.
    pub fn only_sigma(&self) -> Option<f64> {
        match self {
            Self::Trained(t) => {
                let (low, high) = t.schedule.range();
                (low == high).then_some(low)
            }
            Self::Exact { .. } => None,
        }
    }

    /// The sampler of a name. `None`: `heun` for a model of many levels of Gaussian noise, `langevin` otherwise.
    ///
    /// # Errors
    /// An unknown name.
    pub fn sampler_entry(&self, name: Option<&str>) -> Result<&'static Entry<Method>> {
        let many = matches!(self, Self::Trained(_)) && self.only_sigma().is_none();
        let usual = if many && self.noise().is_gaussian() { "heun" } else { "langevin" };
        lookup(SAMPLERS, "--sampler", name.unwrap_or(usual))
    }

    /// Makes a sampler by name for this target. `None`: `heun` for a model of many levels of Gaussian noise, `langevin` otherwise.
    ///
    /// # Errors
    /// An unknown name, settings that the sampler refuses, a sampler that needs Gaussian noise where the model knows another.
    pub fn sampler(&self, name: Option<&str>, asked: &Asked) -> Result<(&'static str, Ready)> {
        let noise = self.noise();
        let entry = self.sampler_entry(name)?;
        if self.is_clean() && !WITHOUT_NOISE.contains(&entry.name) {
            let expected =
                format!("{}: a model without noise (sigma = 0) has no noise levels to descend", WITHOUT_NOISE.join(", "));
            return Err(Error::setting("--sampler", expected, entry.name)
                .with_hint("train with --schedule geometric or edm to sample by levels: any objective takes them"));
        }
        if entry.name == "tempering" && !self.has_log_density() {
            let expected = "a density or an energy network: exchanges compare log p, which a network of the score does not give";
            return Err(Error::setting("--sampler tempering", expected, "a network of the score")
                .with_hint("train with --net energy-mlp, or sample with annealed"));
        }
        if self.knows_no_noise() {
            self.check_without_noise(entry.name, asked)?;
        }
        if !noise.is_gaussian() && !self.is_clean() {
            check_noise(&*noise, entry.name, asked)?;
        }
        for (what, value) in [("--sigma-min", asked.range.1), ("--sigma-max", asked.range.0), ("--sigma", asked.sigma)] {
            if let Some(v) = value.filter(|v| !(v.is_finite() && *v > 0.0)) {
                return Err(Error::setting(what, "a positive number", v));
            }
        }
        let ladder = |n: usize| match self {
            Self::Trained(t) => t.schedule.levels(n),
            Self::Exact { .. } => Levels::geometric(self.sigma_range().1, 0.01, n),
        };
        let target_range = if self.knows_no_noise() { (0.0, 0.0) } else { self.sigma_range() };
        let (dim, spread) = (self.score().dim(), self.spread());
        let settings = SamplerSettings { asked: asked.clone(), ladder: &ladder, target_range, dim, spread };
        Ok((entry.name, sample::build(entry, &settings)?))
    }

    /// Refuses what needs noise levels, of a density that is known without noise alone.
    fn check_without_noise(&self, sampler: &str, asked: &Asked) -> Result<()> {
        if !WITHOUT_NOISE.contains(&sampler) {
            let expected = format!(
                "{}: this density is known without noise alone, and {sampler} needs noise levels",
                WITHOUT_NOISE.join(", ")
            );
            return Err(Error::setting("--sampler", expected, sampler));
        }
        match asked.sigma {
            Some(sigma) => Err(Error::setting("--sigma", "no noise level: this density is known without noise alone", sigma)),
            None => Ok(()),
        }
    }
}

/// Samplers that can do with the score at σ = 0 alone: chains.
const WITHOUT_NOISE: &[&str] = &["langevin", "mala", "underdamped", "hmc", "tempering"];

/// Chains draw from p_σ whatever the noise; the probability flow from level to level and the denoising step
/// are those of Gaussian noise.
fn check_noise(noise: &dyn Noise, sampler: &str, asked: &Asked) -> Result<()> {
    match sampler {
        name if WITHOUT_NOISE.contains(&name) => Ok(()),
        "annealed" if !asked.denoise => Ok(()),
        "annealed" => {
            Err(Error::setting("--sampler annealed", format!("--no-denoise, for a model of {} noise", noise.name()), "nothing")
                .with_hint("the denoising step is Tweedie's formula, which holds for Gaussian noise alone"))
        }
        other => Err(Error::setting(
            "--sampler",
            format!("{}, for a model of {} noise", WITHOUT_NOISE.join(", "), noise.name()),
            other,
        )
        .with_hint("the other samplers follow Gaussian noise from level to level; annealed --no-denoise will do too")),
    }
}

impl TrainedModel {
    /// The sizes that its network was made from, where no `net.config` says more.
    pub fn net_settings(&self) -> NetSettings {
        assemble::net_settings(&self.recipe)
    }

    /// Takes the score of one class from now on.
    ///
    /// # Errors
    /// A network that knows no classes, or fewer.
    pub fn set_class(&mut self, class: u32) -> Result<()> {
        let expected = match self.model.net().classes() {
            None => "a model of a network that knows classes".to_owned(),
            Some(classes) if class >= classes => format!("a class from 0 to {}", classes - 1),
            Some(_) => {
                self.model.net_mut().set_class(class);
                return Ok(());
            }
        };
        Err(Error::setting("--class", expected, class))
    }

    /// Loads averaged weights of the newest complete checkpoint.
    ///
    /// # Errors
    /// A folder that is not a run or has no complete checkpoint; weights that are damaged or do not fit the recipe; some that
    /// the run does not keep.
    pub fn open(path: &Path, pick: Pick, device: &Device) -> Result<Self> {
        let folder = RunFolder::open(path)?;
        let found = folder.latest()?;
        let recipe = Layers::new().recipe_file(folder.recipe_path())?.build()?.check()?;
        let kept = &recipe.train.ema;
        let name = "ema.safetensors";
        let mut file = found.checkpoint.tensors(name)?;
        let about = weights::read_about(&mut file)?;
        let prefix = match pick {
            Pick::Usual if weights::best_of(&file).is_some() => weights::BEST.to_owned(),
            Pick::Usual => weights::prefix(0, kept[0]),
            Pick::Average(h) => kept.iter().position(|k| *k == h).map(|i| weights::prefix(i, h)).ok_or_else(|| {
                let kept: Vec<String> = kept.iter().map(f64::to_string).collect();
                Error::setting("--ema", format!("a half-life that the run keeps: {}", kept.join(", ")), h)
            })?,
            Pick::Early if weights::early_of(&file).is_some() => {
                let (early, best) = (weights::early_of(&file), weights::best_of(&file).map(|(step, _)| step));
                if let (Some(early), Some(best)) = (early, best.filter(|best| Some(*best) <= early)) {
                    let expected = format!("early weights from before step {best}, whose held-out loss was the lowest");
                    return Err(Error::setting("--guidance", expected, format!("those of step {early}")));
                }
                weights::EARLY.to_owned()
            }
            Pick::Early => {
                let expected = "a --guide beside it, or a run that keeps early weights";
                return Err(Error::setting("--guidance", expected, format!("{} without any", path.display()))
                    .with_hint("train with --early 0.125 keeps those of an eighth of the steps; --guide names another run"));
            }
        };
        file.check_holds(assemble::least(&recipe, &about.event)?.parameters)?;
        let schedule = assemble::build_schedule(&recipe, about.precondition.sigma_data)?;
        let precondition = Precondition { regime: schedule.regime(), ..about.precondition };
        let mut model = assemble::build_model(&recipe, precondition, about.event, device)?;
        unflatten(model.net_mut(), device, |name, shape| {
            let name = format!("{prefix}{name}");
            match file.shape(&name) {
                Some(found) if found != shape => {
                    let problem = format!("shape {found:?}, the recipe's network wants {shape:?}");
                    Err(Error::file_at(file.path(), name, problem))
                }
                _ => file.values(&name).map_err(|e| e.with_hint("training diverged; lower --lr")),
            }
        })?;
        Ok(Self {
            model,
            noise: (lookup(NOISES, "noise.name", &recipe.noise.name)?.value)(),
            schedule,
            values: about.values,
            standardise: about.standardise,
            columns: about.columns,
            scheduler: about.scheduler,
            recipe,
            step: found.checkpoint.state.step,
            hash: found.checkpoint.state.files[name].sha256.clone(),
            warnings: found.warnings,
        })
    }
}
