//! `denoise`: the posterior mean of noisy points, by Tweedie's formula.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use scorefield::error::Result;
use scorefield::plot::Cloud;

use crate::output::Answer;
use crate::session::Session;
use crate::sink::{Show, Sink, check_shape};
use crate::{level, points, target};
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield denoise runs/digits noisy.npy --sigma 0.3 -o clean.png
  scorefield denoise runs/table noisy.csv --sigma 0.1 -o clean.csv
  scorefield denoise density:mixture noisy.npy --sigma 1 -o exact.npy";

/// Remove Gaussian noise of known σ: the mean of what the clean points may have been (Tweedie's formula).
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Denoise {
    /// A run folder, or density:NAME, or density:FILE.toml
    #[arg(value_name = "RUN|density:…")]
    target: String,
    /// Which average of the weights to use, by its half-life in steps [default: the first that the run keeps]
    #[arg(long, value_name = "STEPS")]
    ema: Option<f64>,
    /// A file of noisy points, one a row: .npy, .csv, .parquet, or a folder of pictures
    #[arg(value_name = "NOISY")]
    noisy: String,
    /// Standard deviation of the noise, in data units (in standard deviations of the columns for a model of standardised tables)
    /// [default: the model's only one]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    sigma: Option<f64>,
    /// File to write, in the order of the points: .npy, .csv, .parquet, or a picture of images or of points in the plane: .png, .svg
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
}

/// Does it.
///
/// # Errors
/// A level that is missing or not positive, points that cannot be read or have another dimension, a file that cannot be written.
pub fn run(args: &Denoise, session: &Session) -> Result<Answer> {
    let target = target::open(&args.target, args.ema, session)?;
    let sigma = level::of_noise(args.sigma, &target, session)?;
    let event = target.event();
    let sink = Sink::new(&args.out, &event, 1)?;
    let noisy = points::read(&args.noisy, &target, session)?;
    check_shape(&args.out, &event, noisy.n)?;

    let began = Instant::now();
    let clean = points::denoised(&target, &noisy.values, sigma);
    let seconds = began.elapsed().as_secs_f64();
    let squares = clean.iter().zip(&noisy.values).map(|(a, b)| f64::from(a - b).powi(2));
    let moved = (squares.sum::<f64>() / clean.len().max(1) as f64).sqrt();

    let (level, hash) = (sigma.to_string(), target.hash());
    let density = target.exact();
    sink.write(&Show {
        event: &event,
        clouds: &[Cloud { name: "noisy", points: &noisy.values }, Cloud { name: "denoised", points: &clean }],
        columns: noisy.columns.as_deref().or(target.columns()),
        exact: density.as_ref().map(|density| (density, 0.0)),
        title: &format!("{} denoised at σ = {}", args.noisy, words::number(sigma)),
        metadata: &[
            ("scorefield", env!("CARGO_PKG_VERSION")),
            ("verb", "denoise"),
            ("target", &args.target),
            ("model", &hash),
            ("sigma", &level),
        ],
    })?;
    let text = format!(
        "denoised {} points at σ = {}; they moved by {} per dimension (root mean square)\nwritten to {}\n",
        words::count(noisy.n as u64),
        words::number(sigma),
        words::number(moved),
        args.out.display()
    );
    Ok(Answer::new(text)
        .with("target", &args.target)
        .with("model", target.hash())
        .with("n", noisy.n)
        .with("sigma", sigma)
        .with("rms_change", moved)
        .with("points_per_second", noisy.n as f64 / seconds)
        .with("out", &args.out))
}
