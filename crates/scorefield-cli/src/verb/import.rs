//! `import`: a model of diffusers becomes a run folder.

use std::path::PathBuf;

use clap::Args;
use scorefield::diffusers;
use scorefield::error::Result;
use scorefield::words;

use crate::output::Answer;
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  scorefield import ddpm-cat-256 --out runs/cat
  scorefield sample runs/cat -n 4 -o cats.png

DIR holds config.json, diffusion_pytorch_model.safetensors and scheduler_config.json, or a pipeline's model_index.json, unet/ and
scheduler/. Nothing is downloaded. Points, noise levels and scores are in the model's own units: for most, black is -1 and white is 1.";

/// Make a run folder of a Hugging Face diffusers model (UNet2DModel with its scheduler).
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Import {
    /// The folder that save_pretrained made
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The run folder to make
    #[arg(short, long, value_name = "RUN")]
    out: PathBuf,
}

/// Does it.
///
/// # Errors
/// A folder without a model, a network or a scheduler that is not supported, weights that do not fit; a place that cannot be written.
pub fn run(args: &Import, session: &Session) -> Result<Answer> {
    let done = diffusers::import(&args.dir, &args.out, session.device())?;
    let shape: Vec<String> = done.shape.iter().map(usize::to_string).collect();
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    let mut text = words::table(&[
        row("model", format!("{}, a network that {}", done.name, done.conditioning)),
        row("pictures", format!("{}, black is {}, white is {}", shape.join(" × "), done.values.0, done.values.1)),
        row("parameters", words::count(done.parameters as u64)),
        row("noise", format!("σ from {} to {}", words::number(done.sigma.0), words::number(done.sigma.1))),
    ]);
    if let Some(classes) = done.classes {
        let last = words::count(u64::from(classes) - 1);
        text += &format!("the network knows classes 0 to {last}: --class K draws from one, 0 if nothing is said\n");
    }
    text += &format!("written to {}\n", done.run.display());
    Ok(Answer::new(text)
        .with("model", &done.name)
        .with("run", &done.run)
        .with("parameters", done.parameters)
        .with("shape", &done.shape)
        .with("conditioning", done.conditioning)
        .with("classes", done.classes)
        .with("sigma_min", done.sigma.0)
        .with("sigma_max", done.sigma.1)
        .with("values", [done.values.0, done.values.1]))
}
