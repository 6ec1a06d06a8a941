//! A folder of diffusers → a run folder.

use super::folder::Files;
use super::names::fill;
use super::scheduler::Scheduler;
use crate::data::EventShape;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::levels::Regime;
use crate::model::{Conditioning, Precondition};
use crate::net::unet::UNetConfig;
use crate::net::unet::config::TimeEmbedding;
use crate::net::{Forward, flatten, parameter_count};
use crate::recipe::{About, Foreign, RawRecipe, read_text, write_foreign};
use crate::run::TensorReader;
use crate::tensor::Device;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What was imported.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The run folder.
    pub run: PathBuf,
    /// Where it is from, as a word.
    pub name: String,
    /// Numbers in the network.
    pub parameters: usize,
    /// Channels, height and width.
    pub shape: Vec<usize>,
    /// What the network takes and gives.
    pub conditioning: &'static str,
    /// Classes that it knows, if it knows any.
    pub classes: Option<u32>,
    /// Smallest and largest noise level.
    pub sigma: (f64, f64),
    /// What black and white are.
    pub values: (f32, f32),
}

/// The levels of Song et al. 2021 for pictures, where no scheduler says others.
const VE_RANGE: (f64, f64) = (0.01, 1348.0);

/// Makes a run folder `out` of the model in `dir`.
///
/// # Errors
/// A folder without a model, settings that are not supported (by name), weights that do not fit them; an `out` that is there already.
pub fn import(dir: &Path, out: &Path, device: &Device) -> Result<Imported> {
    let files = Files::find(dir)?;
    let config = UNetConfig::parse(&read_text(&files.config)?, &files.config.display().to_string())?;
    let Some((height, width)) = config.size() else {
        return Err(Error::file_at(&files.config, "sample_size", "missing: the size of the pictures in pixels")
            .with_hint("add \"sample_size\": N, or [HEIGHT, WIDTH]"));
    };
    let scheduler = match &files.scheduler {
        Some(path) => Scheduler::read(path)?,
        None if config.time_embedding_type == TimeEmbedding::Fourier => Scheduler::ve(VE_RANGE),
        None => {
            let problem = "no scheduler_config.json beside it, which says what noise levels the time steps are";
            return Err(Error::file(&files.config, problem)
                .with_hint("add the one that the model was trained with, as DDPMScheduler().save_pretrained(DIR) writes it"));
        }
    };
    check_levels(&config, &scheduler, &files.config)?;
    let event = EventShape::new(&[config.in_channels, height, width])
        .map_err(|e| Error::file_at(&files.config, "sample_size", e.to_string()))?;
    let mut weights = TensorReader::open(&files.weights)?;
    weights.check_holds(config.least(height, width).parameters)?;
    let device = device.clone().without_autodiff();
    let mut net =
        config.init(height, width, Key::new(0, Purpose::Init), &device).map_err(|e| Error::file(&files.config, e.to_string()))?;
    fill(&mut net, &mut weights, &device)?;
    let classes = Forward::classes(&net);

    let mut recipe = RawRecipe::default();
    recipe.net.name = "unet".to_owned();
    recipe.net.config = Some(config.to_json() + "\n");
    recipe.schedule.name = scheduler.schedule().to_owned();
    (recipe.schedule.sigma_min, recipe.schedule.sigma_max) = (Some(scheduler.sigma.0), Some(scheduler.sigma.1));
    let conditioning = match &scheduler.conditioning {
        Conditioning::Ve => "takes sigma, gives the score",
        Conditioning::Discrete(_) => "takes numbered time steps",
        Conditioning::Edm | Conditioning::Relative => "takes ln(sigma)/4 (EDM)",
    };
    let (low, high) = scheduler.values;
    let mut notes = vec![
        format!("Imported from a folder of diffusers, `{}`; the network {conditioning}.", files.name),
        format!("Black is {low} and white is {high}; noise levels are in the same units."),
    ];
    if classes.is_some() {
        notes.push("The network knows classes: --class K chooses one, 0 if nothing is said.".to_owned());
    }
    let about = About {
        columns: None,
        precondition: Precondition {
            mean: vec![0.0; event.len()],
            sigma_data: scheduler.sigma_data as f32,
            regime: Regime::Noisy,
            conditioning: scheduler.conditioning.clone(),
        },
        standardise: None,
        values: scheduler.values,
        scheduler: scheduler.said.clone().map(|said| Value::Object(said).to_string()),
        event,
    };
    let (shape, parameters, weights) = (about.event.dims(), parameter_count(&net), flatten(&net));
    let run = write_foreign(Foreign { name: files.name.clone(), recipe, about, weights, sigma: scheduler.sigma, notes }, out)?;
    let (sigma, values) = (scheduler.sigma, scheduler.values);
    Ok(Imported { run, name: files.name, parameters, shape, conditioning, classes, sigma, values })
}

/// A Fourier embedding takes the logarithm of what it is given, and the network divides by it: only σ itself will do.
fn check_levels(config: &UNetConfig, scheduler: &Scheduler, path: &Path) -> Result<()> {
    if config.time_embedding_type == TimeEmbedding::Fourier && scheduler.conditioning != Conditioning::Ve {
        let problem = "fourier is supported with ScoreSdeVeScheduler alone: it takes the logarithm of the level, which is not positive for others";
        return Err(Error::file_at(path, "time_embedding_type", problem));
    }
    Ok(())
}
