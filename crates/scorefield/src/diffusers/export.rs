//! A run of a U-Net → a folder that diffusers opens as a model, as a scheduler and as a pipeline.
//!
//! ```text
//! DIR/
//!   model_index.json                      DiffusionPipeline.from_pretrained(DIR)
//!   config.json                           UNet2DModel.from_pretrained(DIR)
//!   diffusion_pytorch_model.safetensors
//!   scheduler_config.json                 EDMEulerScheduler.from_pretrained(DIR)
//!   unet/, scheduler/                     the same files, where a pipeline looks for them
//! ```
//!
//! A model trained here sees pictures in [0, 1] about 0.5, and its level is ¼ ln(σ/σ_d). diffusers has x_d = 2x − 1, so that σ and σ_d
//! double and their ratio stays, and c = ¼ ln σ; the difference ¼ ln σ_d goes into the first layer of the level's embedding.

use super::folder::{CONFIG, INDEX, SCHEDULER, WEIGHTS};
use super::rotation::shift_level;
use super::scheduler::{Scheduler, VERSION};
use crate::atomic::{sync_folder, sync_folder_of, unfinished_sibling, write_synced, write_synced_by};
use crate::data::EventShape;
use crate::error::{Error, Result};
use crate::levels::Regime;
use crate::model::Conditioning;
use crate::net::unet::UNetConfig;
use crate::net::unet::config::{SampleSize, TimeEmbedding};
use crate::net::{NETS, flatten};
use crate::recipe::{Target, TrainedModel};
use crate::registry::lookup;
use crate::run::{Array, Content, Tensors};
use crate::tensor::Device;
use crate::train::Named;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What was exported.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The folder.
    pub dir: PathBuf,
    /// The class of its pipeline.
    pub pipeline: &'static str,
    /// The class of its scheduler.
    pub scheduler: &'static str,
    /// Numbers in the network.
    pub parameters: usize,
    /// Smallest and largest noise level, in diffusers' units.
    pub sigma: (f64, f64),
    /// Things the user should know.
    pub warnings: Vec<String>,
}

/// The layer that takes a shift of the level in.
const FIRST_LAYER: &str = "time_embedding.linear_1.weight";

/// Writes the model of `run`, with the averaged weights that sampling uses, as a new folder `dir`.
///
/// # Errors
/// A run that cannot be opened, or whose network, noise or data diffusers has no form for; a `dir` that is there or cannot be written.
pub fn export(run: &Path, dir: &Path, device: &Device) -> Result<Exported> {
    if fs::symlink_metadata(dir).is_ok() {
        return Err(Error::file(dir, "something is there already").with_hint("choose another DIR"));
    }
    let Target::Trained(trained) = Target::open(&run.display().to_string(), device)? else {
        return Err(Error::setting("RUN", "a run folder", run.display()));
    };
    let config = config_of(&trained, run)?;
    let mut weights = flatten(trained.model.net());
    let mut warnings = trained.warnings.clone();
    let scheduler = scheduler_of(&trained, &config, &mut weights, run, &mut warnings)?;
    let parameters = weights.iter().map(|(_, _, values)| values.len()).sum();
    let (pipeline, class, settings) = scheduler.to_json();
    let index = json!({
        "_class_name": pipeline,
        "_diffusers_version": VERSION,
        "scheduler": ["diffusers", class],
        "unet": ["diffusers", "UNet2DModel"],
    });
    let arrays = weights.iter().map(|(name, shape, values)| Array { name: name.into(), shape, values });
    // diffusers asks which program's arrays these are.
    let tensors = Tensors::new(arrays, &BTreeMap::from([("format".to_owned(), "pt".to_owned())]))?;
    write(dir, &[(INDEX, pretty(&index)), (CONFIG, config.to_json() + "\n"), (SCHEDULER, pretty(&settings))], &tensors)?;
    Ok(Exported { dir: dir.to_path_buf(), pipeline, scheduler: class, parameters, sigma: scheduler.sigma, warnings })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// The settings of a run's U-Net.
fn config_of(trained: &TrainedModel, run: &Path) -> Result<UNetConfig> {
    let recipe = &trained.recipe;
    let name = lookup(NETS, "net.name", &recipe.net.name)?.name;
    let refuse = |what: &str, problem: String| Err(Error::file_at(run, what.to_owned(), problem));
    if name != "unet" {
        return Err(Error::file_at(run, "net.name", format!("{name} has no form in diffusers; a unet has"))
            .with_hint("train one with --net unet"));
    }
    if !trained.noise.is_gaussian() {
        return refuse("noise.name", format!("{} noise has no form in diffusers; gaussian noise has", trained.noise.name()));
    }
    let (low, high) = trained.schedule.range();
    if trained.schedule.regime() == Regime::Clean || low >= high {
        return refuse("schedule.name", "a model of one noise level has no form in diffusers; one of many has".to_owned());
    }
    if trained.standardise.is_some() {
        return refuse("data.standardise", "standardised columns have no form in diffusers; pictures have".to_owned());
    }
    let &EventShape::Image { channels, height, width } = trained.model.event() else {
        let problem = format!("data of shape {} have no form in diffusers; pictures have", trained.model.event());
        return refuse("net.name", problem);
    };
    let config = match &recipe.net.config {
        Some(text) => UNetConfig::parse(text, "net.config")?,
        None => UNetConfig::of(&trained.net_settings(), channels, height, width),
    };
    // The settings of a trained run may say nothing of the size, or another one than its data had.
    let size = if height == width { SampleSize::Square(height) } else { SampleSize::Sides([height, width]) };
    Ok(UNetConfig { sample_size: Some(size), ..config })
}

/// What the scheduler says of the model, with the weights changed to it.
fn scheduler_of(
    trained: &TrainedModel,
    config: &UNetConfig,
    weights: &mut [Named],
    run: &Path,
    warnings: &mut Vec<String>,
) -> Result<Scheduler> {
    let precondition = trained.model.precondition();
    let (sigma, values, sigma_data) = (trained.schedule.range(), trained.values, f64::from(precondition.sigma_data));
    if precondition.conditioning != Conditioning::Relative {
        let said = trained.scheduler.as_deref().and_then(|text| serde_json::from_str(text).ok());
        return Ok(Scheduler { conditioning: precondition.conditioning.clone(), sigma, sigma_data, values, said });
    }
    if config.time_embedding_type == TimeEmbedding::Fourier {
        let problem = "a fourier embedding has no form in diffusers for levels ¼ ln σ; positional has";
        return Err(Error::file_at(run, "net.config: time_embedding_type", problem));
    }
    let centre = precondition.mean[0];
    if precondition.mean.iter().any(|m| *m != centre) {
        let problem = "its pixels have a mean each, which has no form in diffusers; one for all pixels has";
        return Err(Error::file_at(run, "data.mean", problem));
    }
    // x_d = (x − μ)·scale.
    let scale = 2.0 / (f64::from(values.1) - f64::from(values.0));
    let middle = 0.5 * (values.0 + values.1);
    if (centre - middle).abs() > 1e-6 {
        warnings.push(format!("diffusers' mid-grey 0 stands for {centre} of these data, not for {middle}"));
    }
    let scheduler = Scheduler {
        conditioning: Conditioning::Edm,
        sigma: (sigma.0 * scale, sigma.1 * scale),
        sigma_data: sigma_data * scale,
        values: (-1.0, 1.0),
        said: None,
    };
    let features = config.block_out_channels[0];
    for (_, _, values) in weights.iter_mut().filter(|(name, _, _)| name == FIRST_LAYER) {
        let shift = 0.25 * scheduler.sigma_data.ln();
        shift_level(values, features, &config.frequencies(), config.flip_sin_to_cos, shift);
    }
    Ok(scheduler)
}

/// Writes the folder under a hidden name, flushed to the disk, and then gives it its own.
fn write(dir: &Path, texts: &[(&str, String)], weights: &dyn Content) -> Result<()> {
    let hidden = unfinished_sibling(dir);
    let written = (|| {
        fs::create_dir(&hidden)?;
        let (unet, scheduler) = (hidden.join("unet"), hidden.join("scheduler"));
        fs::create_dir(&unet)?;
        fs::create_dir(&scheduler)?;
        for (name, text) in texts {
            write_synced(&hidden.join(name), text.as_bytes())?;
            match *name {
                CONFIG => write_synced(&unet.join(name), text.as_bytes())?,
                SCHEDULER => write_synced(&scheduler.join(name), text.as_bytes())?,
                _ => {}
            }
        }
        write_synced_by(&hidden.join(WEIGHTS), |file| weights.write_to(file))?;
        // One file under two names, where the file system has such.
        if fs::hard_link(hidden.join(WEIGHTS), unet.join(WEIGHTS)).is_err() {
            write_synced_by(&unet.join(WEIGHTS), |file| weights.write_to(file))?;
        }
        [&unet, &scheduler, &hidden].into_iter().try_for_each(|folder| sync_folder(folder))?;
        fs::rename(&hidden, dir)?;
        // What is not known to be on the disk is not there: or trying again would be refused.
        sync_folder_of(dir).inspect_err(|_| drop(fs::rename(dir, &hidden)))
    })();
    written.map_err(|e| {
        let _ = fs::remove_dir_all(&hidden);
        Error::write(dir, e)
    })
}
