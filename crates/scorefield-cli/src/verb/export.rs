//! `export`: a run becomes a folder that other programs open.

use std::path::PathBuf;

use clap::Args;
use scorefield::diffusers;
use scorefield::error::Result;
use scorefield::words;

use crate::args::Offered;
use crate::output::Answer;
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  scorefield export runs/mnist --format diffusers mnist-diffusers

and in Python:
  UNet2DModel.from_pretrained(\"mnist-diffusers\")
  DiffusionPipeline.from_pretrained(\"mnist-diffusers\")(num_inference_steps=18).images[0]

The weights are the averaged ones that sampling uses. Pictures are in [-1, 1] there, and noise levels twice what they are here.";

/// Write a run's U-Net as a model of Hugging Face diffusers (UNet2DModel with its scheduler).
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Export {
    /// A run folder of a unet
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The folder to make
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// What to write
    #[arg(long, value_name = "NAME", default_value = "diffusers", value_parser = Offered::new(["diffusers"]))]
    format: String,
}

/// Does it.
///
/// # Errors
/// A run that cannot be opened or that diffusers has no form for; a folder that is there or cannot be written.
pub fn run(args: &Export, session: &Session) -> Result<Answer> {
    let done = diffusers::export(&args.run, &args.dir, session.device())?;
    done.warnings.iter().for_each(|warning| session.warn(warning));
    let text = format!(
        "{} parameters as UNet2DModel with {}, a {}; σ from {} to {} in its units\nwritten to {}\n",
        words::count(done.parameters as u64),
        done.scheduler,
        done.pipeline,
        words::number(done.sigma.0),
        words::number(done.sigma.1),
        done.dir.display()
    );
    Ok(Answer::new(text)
        .with("run", &args.run)
        .with("format", &args.format)
        .with("out", &done.dir)
        .with("pipeline", done.pipeline)
        .with("scheduler", done.scheduler)
        .with("parameters", done.parameters)
        .with("sigma_min", done.sigma.0)
        .with("sigma_max", done.sigma.1))
}
