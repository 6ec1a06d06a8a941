//! `encode`: the latents of data, by the probability-flow ODE.

use std::path::PathBuf;

use clap::Args;
use scorefield::data::write::write_recorded;
use scorefield::error::{Error, Result};
use scorefield::oracle::Estimate;
use scorefield::sample::tolerance;
use scorefield::words;

use crate::output::Answer;
use crate::record::{Record, by_reference};
use crate::session::Session;
use crate::sink::Sink;
use crate::target::Which;
use crate::{points, target};

const EXAMPLES: &str = "\
Examples:
  scorefield encode runs/digits some.npy -o z.npy
  scorefield decode runs/digits z.npy -o again.png

Latents are standard normal where the model is right. decode carries them back to the same points, nearer
by a smaller --tolerance: between modes that are far apart the flow stretches each error a thousandfold.";

/// Turn data into latents, which decode turns back.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Encode {
    /// A run folder, or density:NAME, or density:FILE.toml
    #[arg(value_name = "RUN|density:…")]
    target: String,
    #[command(flatten)]
    which: Which,
    /// A file of points, one a row: .npy, .csv, .parquet, a folder of pictures, or digits
    #[arg(value_name = "DATA")]
    data: String,
    /// File to write, [n, d] in the order of the rows: .npy, .csv or .parquet
    #[arg(short, long, value_name = "Z")]
    out: PathBuf,
    /// Relative and absolute tolerance of the ODE
    #[arg(long, value_name = "X", default_value_t = 1e-5, allow_negative_numbers = true)]
    tolerance: f64,
    /// Upper end of the flow; decode must be given the same [default: the model's largest level; far out for density:…]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    sigma_max: Option<f64>,
}

/// Does it.
///
/// # Errors
/// A model without noise levels or of other noise than Gaussian, data that cannot be read or have another dimension, settings out of range.
pub fn run(args: &Encode, session: &Session) -> Result<Answer> {
    let target = target::open(&args.target, args.which, session)?;
    let flow = target.flow(args.sigma_max, tolerance::both("--tolerance", args.tolerance)?)?;
    let sink = Sink::numbers(&args.out)?;
    let data = points::read(&args.data, &target, session)?;
    let mut progress = session.progress();
    let z = flow.encode(&points::to_target(&target, &data.values), &mut progress)?;
    progress.clear();
    let squares: Vec<f64> = z.iter().filter(|z| z.is_finite()).map(|z| z * z).collect();
    if squares.is_empty() {
        return Err(Error::failed("encode", format!("the ODE came to no end for any of {} rows", data.n)));
    }
    let single: Vec<f32> = z.iter().map(|z| *z as f32).collect();
    let record = Record::new("encode", &args.target, &target, "--out", session).points(&data.values).done();
    write_recorded(sink.path(), &single, &[data.n, target.event().len()], None, &by_reference(&record))?;
    let square = Estimate::mean(&squares).mean;
    let text = format!(
        "{} latents, mean square {} (1 where the model is right)\nwritten to {}\n",
        words::count(data.n as u64),
        words::number(square),
        args.out.display()
    );
    Ok(Answer::new(text)
        .with("target", &args.target)
        .with("model", target.hash())
        .with("n", data.n)
        .with("latent_mean_square", square)
        .with("sigma_min", flow.span.0)
        .with("sigma_max", flow.span.1)
        .with("out", &args.out))
}
