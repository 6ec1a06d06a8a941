//! The main job end to end on real digits: train, draw, denoise, check, and say how it went.
//!
//! Everything is done through the same calls that the verbs use, so each picture can be remade by hand with the commands in the report.

mod figures;
mod page;
mod pictures;

pub use figures::{DemoFigure, Judge};

use crate::data::all;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::observe::Observer;
use crate::recipe::{Layers, Origin, Target, open_data, train_new, train_resumed};
use crate::sample::{Asked, Draw, draw};
use crate::tensor::{Device, matrix, numbers, repeated};
use std::path::PathBuf;
use std::time::Instant;

/// What the demo is asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder for everything it makes.
    pub out: PathBuf,
    /// Seed of training and sampling.
    pub seed: u64,
    /// Training steps; `None`: as recommended for digits.
    pub steps: Option<u64>,
}

/// What the demo made.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Demo {
    /// The folder.
    pub out: PathBuf,
    /// The run folder inside it.
    pub run: PathBuf,
    /// `report.html`.
    pub report: PathBuf,
    /// The pictures.
    pub pictures: Vec<PathBuf>,
    /// How good it is, figure by figure.
    pub figures: Vec<DemoFigure>,
    /// Seconds spent.
    pub seconds: f64,
}

/// Samples that are drawn and judged.
const SAMPLES: usize = 1000;
/// Levels of the sampler.
const LEVELS: usize = 24;
/// The noise level of the denoising task, in units of the pixels' range [0, 1].
pub(super) const SIGMA: f64 = 0.3;

/// Held-out digits, clean, noisy and denoised; each `[n, d]`.
struct Denoised {
    clean: Vec<f32>,
    noisy: Vec<f32>,
    denoised: Vec<f32>,
}

/// Runs the demo. A folder in which it has been run before is continued: a finished model is not trained again.
///
/// # Errors
/// A folder that cannot be written, or one whose run has other settings; an interruption (the run can be continued).
pub fn run(options: &Options, device: &Device, observer: &mut dyn Observer) -> Result<Demo> {
    let begun = Instant::now();
    let out = &options.out;
    std::fs::create_dir_all(out).map_err(|e| Error::write(out, e))?;
    let run = out.join("run");
    let mut layers = Layers::new().set("data.source", "digits", Origin::Flag("demo".to_owned()))?.set(
        "seed",
        &options.seed.to_string(),
        Origin::Flag("--seed".to_owned()),
    )?;
    if let Some(steps) = options.steps {
        layers = layers.set("train.steps", &steps.to_string(), Origin::Flag("--steps".to_owned()))?;
    }
    let trained = if run.exists() {
        train_resumed(layers, &run, device, observer)
    } else {
        train_new(layers.recommended()?.build()?, &run, device, observer)
    }?;

    let spec = run.display().to_string();
    let target = Target::open(&spec, device)?;
    let Target::Trained(model) = &target else {
        return Err(Error::failed("demo", "the run it made is not a model"));
    };
    let dataset = open_data(&model.recipe)?;
    let key = Key::new(options.seed, Purpose::Data);
    let rows = |source: &dyn crate::data::Source| all(source, usize::MAX, key);
    let (train, held_out) = (rows(&*dataset.train)?, rows(&*dataset.held_out)?);

    let asked = Asked { steps: Some(LEVELS), ..Default::default() };
    let (_, ready) = target.sampler(Some("heun"), &asked)?;
    let request = Draw { n: SAMPLES, from: 0, seed: options.seed, start: target.start(), start_sigma: ready.start_sigma };
    let mut both = pictures::Trajectory::new(observer);
    let drawn = draw(target.score(), &*ready.sampler, &request, &mut both)?;
    let (trajectory, samples) = (both.seen, drawn.single());

    let denoised = denoise(&target, held_out.clone(), options.seed)?;
    let judge = Judge { train: &train, held_out: &held_out, dataset: &dataset, samples: &samples, denoised: &denoised };
    let figures = judge.figures()?;

    let metadata = pictures::metadata(&target, options.seed, &ready.settings);
    let made = pictures::Pictures {
        target: &target,
        samples: &samples,
        trajectory: &trajectory,
        denoised: &denoised,
        metrics: &crate::run::RunFolder::open(&run)?.metrics()?,
    }
    .save(out, &metadata)?;
    let seconds = begun.elapsed().as_secs_f64();
    let report = out.join("report.html");
    page::Page {
        spec: &spec,
        trained: &trained,
        model,
        figures: &figures,
        pictures: &made,
        seconds,
        evaluations: drawn.evaluations,
    }
    .save(&report)?;
    Ok(Demo { out: out.clone(), run, report, pictures: made, figures, seconds })
}

fn denoise(target: &Target, clean: Vec<f32>, seed: u64) -> Result<Denoised> {
    let score = target.score();
    let (d, device) = (score.dim(), score.device());
    let n = clean.len() / d;
    let noise = Key::new(seed, Purpose::Corrupt).normal(0, n, d);
    let noisy: Vec<f32> = clean.iter().zip(noise).map(|(x, z)| x + SIGMA as f32 * z).collect();
    let levels = repeated(SIGMA as f32, n, &device);
    let denoised = numbers(score.denoise(matrix(noisy.clone(), n, d, &device), &levels));
    Ok(Denoised { clean, noisy, denoised })
}
