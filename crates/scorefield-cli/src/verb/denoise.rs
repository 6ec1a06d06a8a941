//! `denoise`: what noisy points were, by Tweedie's formula and its relatives of the exponential family.
//!
//! Noise that the model was trained to know is removed at its level σ. A model of data that were noisy from the start knows p(y) itself:
//! with --noise the kind of that noise is named, and the score at the model's smallest level is all that the formulas ask for.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use scorefield::error::{Error, Result};
use scorefield::plot::Cloud;
use scorefield::posterior::{Given, OBSERVATIONS, Observation};
use scorefield::recipe::Target;
use scorefield::registry::lookup;

use crate::args::Offered;
use crate::output::Answer;
use crate::record::{Record, by_reference};
use crate::session::Session;
use crate::sink::{Show, Sink, check_shape};
use crate::target::Which;
use crate::{level, points, target};
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield denoise runs/digits noisy.npy --sigma 0.3 -o clean.png
  scorefield denoise runs/table noisy.csv --sigma 0.1 -o clean.csv
  scorefield denoise density:mixture noisy.npy --sigma 1 -o exact.npy
Data that were noisy from the start, as those the model learnt from:
  scorefield denoise runs/counts counts.csv --noise poisson --gain 0.1 -o clean.csv
  scorefield denoise runs/radar radar.npy --noise gamma --shape 4 -o clean.npy";

/// Remove noise of a known kind: Gaussian noise of known σ by default (the posterior mean, by Tweedie's formula).
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Denoise {
    /// A run folder, or density:NAME, or density:FILE.toml
    #[arg(value_name = "RUN|density:…")]
    target: String,
    #[command(flatten)]
    which: Which,
    /// A file of noisy points, one a row: .npy, .csv, .parquet, or a folder of pictures
    #[arg(value_name = "NOISY")]
    noisy: String,
    /// Standard deviation of the noise, in data units (in standard deviations of the columns for a model of standardised tables)
    /// [default: the model's only one]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    sigma: Option<f64>,
    /// The noise that the data the model learnt from had already; gaussian, for a model of noisy levels, is the default
    #[arg(long, value_name = "NAME", value_parser = Offered::of(OBSERVATIONS))]
    noise: Option<String>,
    /// ζ of poisson: what one count adds to a value
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    gain: Option<f64>,
    /// α of gamma: the shape of the factor, of mean 1 and variance 1/α
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    shape: Option<f64>,
    /// File to write, in the order of the points: .npy, .csv, .parquet, or a picture of images or of points in the plane: .png, .svg
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
}

/// Which noise is removed.
enum Removed {
    /// That of a level which the model knows.
    Level(f64),
    /// That which the data had: its kind, and the level at which the score of the data is taken.
    Already(Observation, f64),
}

/// Does it.
///
/// # Errors
/// Noise of a kind that has no formula, a number of it that is missing or out of range, points that cannot be read, have another
/// dimension or cannot be of that noise, a file that cannot be written.
pub fn run(args: &Denoise, session: &Session) -> Result<Answer> {
    let target = target::open(&args.target, args.which, session)?;
    let removed = removed(args, &target, session)?;
    let event = target.event();
    let sink = Sink::new(&args.out, &event, 1)?;
    let noisy = points::read(&args.noisy, &target, session)?;
    check_shape(&args.out, &event, noisy.n)?;
    if let Removed::Already(noise, _) = &removed {
        check_values(args, noise, &noisy.values, event.len())?;
    }

    let began = Instant::now();
    let clean = match &removed {
        Removed::Level(sigma) => points::denoised(&target, &noisy.values, *sigma),
        Removed::Already(noise, level) => {
            let (clean, left) = points::clean(&target, &noisy.values, noise, *level);
            if left > 0 {
                session.warn(&format!(
                    "{left} of {} values stay as they were: the score there is not one of such noise",
                    clean.len()
                ));
            }
            clean
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    let squares = clean.iter().zip(&noisy.values).map(|(a, b)| f64::from(a - b).powi(2));
    let moved = (squares.sum::<f64>() / clean.len().max(1) as f64).sqrt();

    let (said, settings) = match &removed {
        Removed::Level(sigma) => (format!("at σ = {}", words::number(*sigma)), ("sigma", sigma.to_string())),
        Removed::Already(noise, _) => (format!("of {}", noise.words()), ("noise", noise.words())),
    };
    let density = target.exact(0.0);
    let record = Record::new("denoise", &args.target, &target, "--out", session).with(settings.0, settings.1);
    let record = record.points(&noisy.values).done();
    sink.write(&Show {
        event: &event,
        clouds: &[Cloud { name: "noisy", points: &noisy.values }, Cloud { name: "denoised", points: &clean }],
        columns: noisy.columns.as_deref().or(target.columns()),
        exact: density.as_deref().filter(|_| matches!(removed, Removed::Level(_))).map(|density| (density, 0.0)),
        values: target.values(),
        title: &format!("{} denoised {said}", args.noisy),
        across: None,
        metadata: &by_reference(&record),
    })?;
    let text = format!(
        "denoised {} points {said}; they moved by {} per dimension (root mean square)\nwritten to {}\n",
        words::count(noisy.n as u64),
        words::number(moved),
        args.out.display()
    );
    let answer = Answer::new(text).with("target", &args.target).with("model", target.hash()).with("n", noisy.n);
    let answer = match &removed {
        Removed::Level(sigma) => answer.with("sigma", sigma),
        Removed::Already(noise, level) => answer.with("noise", noise.words()).with("score_sigma", level),
    };
    Ok(answer.with("rms_change", moved).with("points_per_second", noisy.n as f64 / seconds).with("out", &args.out))
}

fn removed(args: &Denoise, target: &Target, session: &Session) -> Result<Removed> {
    let kind = args.noise.as_deref().map(|name| lookup(OBSERVATIONS, "--noise", name)).transpose()?;
    let given = Given { sigma: args.sigma, gain: args.gain, shape: args.shape };
    // Gaussian noise on a model of noisy levels is what its levels are for.
    if let Some(kind) = kind.filter(|kind| kind.name != "gaussian" || target.is_clean() || target.knows_no_noise()) {
        return Ok(Removed::Already((kind.value)(&given)?, level::of_score(None, target, session)?));
    }
    for (flag, value, its) in [("--gain", given.gain, "poisson"), ("--shape", given.shape, "gamma")] {
        if let Some(value) = value {
            return Err(Error::setting(flag, format!("--noise {its} beside it"), value));
        }
    }
    let noise = target.noise();
    if !noise.is_gaussian() && !target.is_clean() {
        return Err(Error::setting("RUN", "a model of Gaussian noise", format!("one of {} noise", noise.name())).with_hint(
            "x + σ²·s is the posterior mean under Gaussian noise alone (Tweedie's formula): train with --noise gaussian",
        ));
    }
    let hint =
        "if the data it learnt from were noisy themselves, name their noise: --noise gaussian --sigma X, or poisson, or gamma";
    let sigma = level::of_noise(args.sigma, target, session);
    Ok(Removed::Level(sigma.map_err(|e| if target.is_clean() { e.with_hint(hint) } else { e })?))
}

fn check_values(args: &Denoise, noise: &Observation, values: &[f32], d: usize) -> Result<()> {
    match noise.first_impossible(values) {
        None => Ok(()),
        Some(i) => {
            let place = format!("row {}, column {}", i / d + 1, i % d + 1);
            Err(Error::file_at(&args.noisy, place, format!("{} is negative, which no {} makes", values[i], noise.words())))
        }
    }
}
