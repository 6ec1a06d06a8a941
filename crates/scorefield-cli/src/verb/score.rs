//! `score`: ∇ log p_σ at given points, as numbers and as a field of arrows.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use scorefield::data::EventShape;
use scorefield::data::write::write_recorded;
use scorefield::density::Constant;
use scorefield::error::{Error, Result};
use scorefield::plot::{Backdrop, ScoreField, field};
use scorefield::recipe::Target;

use crate::output::Answer;
use crate::record::{Record, by_reference};
use crate::session::Session;
use crate::sink::{Sink, check_place, is_picture};
use crate::target::Which;
use crate::{level, plane, points, target};
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield score runs/moons points.npy --sigma 0.1 -o scores.npy
  scorefield score density:mixture points.csv -o exact.npy               the exact score, without noise
  scorefield score runs/moons --sigma 0.2 --picture field.png            arrows over the plane
  scorefield score runs/energy points.npy --energy -o log_density.npy    an energy network's log p, up to a constant";

/// Evaluate the score ∇ log p_σ at points.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("out_or_picture").args(["out", "picture"]).multiple(true))]
pub struct Score {
    /// A run folder, or density:NAME, or density:FILE.toml
    #[arg(value_name = "RUN|density:…")]
    target: String,
    #[command(flatten)]
    which: Which,
    /// A file of points, one a row: .npy, .csv or .parquet
    #[arg(value_name = "POINTS", required_unless_present = "picture", requires = "out_or_picture")]
    points: Option<String>,
    /// Noise level, in data units (in standard deviations of the columns for a model of standardised tables) [default: the model's only
    /// one, or 0 for an exact density]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    sigma: Option<f64>,
    /// File to write, [n, d] (with --energy [n, 1]) in the order of the points: .npy, .csv or .parquet
    #[arg(short, long, value_name = "OUT", requires = "points")]
    out: Option<PathBuf>,
    /// Give log p_σ up to a constant, one number a point, instead of the score; a picture shows it as shades under the arrows. For
    /// energy networks (--net energy-mlp), and for density:…, whose constant is right
    #[arg(long)]
    energy: bool,
    /// Picture of the score over the plane: .png or .svg
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

/// Arrows in each direction.
const ARROWS: usize = 24;
/// Points shown over the arrows, at most.
const MOST_POINTS: usize = 2000;

/// Does it.
///
/// # Errors
/// A level that is missing or not positive, points that cannot be read or have another dimension, a file that cannot be written.
pub fn run(args: &Score, session: &Session) -> Result<Answer> {
    let target = target::open(&args.target, args.which, session)?;
    let sigma = level::of_score(args.sigma, &target, session)?;
    let sink = args.out.as_deref().map(Sink::numbers).transpose()?;
    if let Some(picture) = &args.picture {
        check_picture(picture, &target)?;
    }
    if args.energy && !target.has_log_density() {
        return Err(Error::setting(
            "--energy",
            "an energy network or density:…",
            format!("{}, whose score is no gradient", args.target),
        )
        .with_hint("train one with --net energy-mlp"));
    }
    let points = args.points.as_ref().map(|spec| points::read(spec, &target, session)).transpose()?;
    let mut text = String::new();
    let mut answer = Answer::default().with("target", &args.target).with("model", target.hash()).with("sigma", sigma);
    if let Some(points) = points.as_ref().filter(|_| args.energy) {
        let logs = points::log_densities(&target, &points.values, sigma).unwrap_or_default();
        let mean = logs.iter().map(|log| f64::from(*log)).sum::<f64>() / points.n.max(1) as f64;
        let n = words::count(points.n as u64);
        let constant = if target.constant() == Constant::Known { "" } else { ", up to one constant" };
        text += &format!("log p of {n} points at σ = {}{constant}: mean {}\n", words::number(sigma), words::number(mean));
        answer = answer.with("n", points.n).with("mean_log_density", mean);
        if let Some(sink) = &sink {
            let record = record(args, &target, sigma, "--out", &points.values, session);
            let columns = ["log_density".to_owned()];
            write_recorded(sink.path(), &logs, &[points.n, 1], Some(&columns), &by_reference(&record))?;
            text += &format!("written to {}\n", sink.path().display());
            answer = answer.with("out", sink.path());
        }
    } else if let Some(points) = &points {
        let began = Instant::now();
        let scores = points::scores(&target, &points.values, sigma);
        let seconds = began.elapsed().as_secs_f64();
        let d = target.event().len();
        let norms = scores.chunks_exact(d).map(|row| row.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>().sqrt());
        let mean_norm = norms.sum::<f64>() / points.n.max(1) as f64;
        let n = words::count(points.n as u64);
        text += &format!("score of {n} points at σ = {}: mean norm {}\n", words::number(sigma), words::number(mean_norm));
        answer = answer.with("n", points.n).with("mean_norm", mean_norm).with("points_per_second", points.n as f64 / seconds);
        if let Some(sink) = &sink {
            let record = record(args, &target, sigma, "--out", &points.values, session);
            write_recorded(sink.path(), &scores, &[points.n, d], points.columns.as_deref(), &by_reference(&record))?;
            text += &format!("written to {}\n", sink.path().display());
            answer = answer.with("out", sink.path());
        }
    }
    if let Some(path) = &args.picture {
        draw(args, path, &target, sigma, points.as_ref().map_or(&[], |points| &points.values), session)?;
        text += &format!("field of arrows drawn to {}\n", path.display());
        answer = answer.with("picture", path);
    }
    Ok(Answer { text, ..answer })
}

fn check_picture(path: &Path, target: &Target) -> Result<()> {
    if !is_picture(path) {
        return Err(Error::setting("--picture", "a name that ends in .png or .svg", path.display()));
    }
    if target.event() != EventShape::Vector(2) {
        return Err(Error::setting("--picture", "a target in the plane", format!("one of shape {}", target.event())));
    }
    check_place(path)
}

fn draw(args: &Score, path: &Path, target: &Target, sigma: f64, points: &[f32], session: &Session) -> Result<()> {
    let density = target.exact(sigma);
    let exact = density.as_deref().map(|density| (density, sigma));
    let range @ [x, y] = match (points, exact) {
        // Where no points and no draws say where it lies.
        ([], exact) if exact.is_none() || target.knows_no_noise() => around(target, sigma),
        _ => plane::range(points, exact),
    };
    let scores = points::scores(target, &ScoreField::nodes(x, y, ARROWS, ARROWS), sigma);
    let behind = match exact {
        Some((density, sigma)) if !args.energy => Some(plane::log_density(density, sigma, range)),
        _ if args.energy => plane::field(range, |nodes| points::log_densities(target, nodes, sigma)),
        _ => None,
    };
    let [x_label, y_label] = plane::labels(target.columns());
    let record = record(args, target, sigma, "--picture", points, session);
    let picture = field(&ScoreField {
        title: &format!(
            "{} of {} at σ = {}",
            if args.energy { "Log-density" } else { "Score" },
            args.target,
            words::number(sigma)
        ),
        caption: "",
        x,
        y,
        nx: ARROWS,
        ny: ARROWS,
        scores: &scores,
        backdrop: behind.as_ref().map(Backdrop::Shades),
        points: &points[..points.len().min(2 * MOST_POINTS)],
        paths: &[],
        x_label: &x_label,
        y_label: &y_label,
    })?;
    picture.save(path, &by_reference(&record))
}

/// What the file that is written under the flag `out` says of its making.
fn record(
    args: &Score,
    target: &Target,
    sigma: f64,
    out: &str,
    points: &[f32],
    session: &Session,
) -> Vec<(&'static str, String)> {
    Record::new("score", &args.target, target, out, session).with("sigma", sigma).points(points).done()
}

/// Three standard deviations about the mean of what the target learned from, which its start knows.
fn around(target: &Target, sigma: f64) -> plane::Range {
    let (mean, std) = match target.start() {
        scorefield::sample::Start::Normal { mean, sigma_data } => (mean, f64::from(sigma_data)),
        _ => (vec![0.0; 2], 1.0),
    };
    let reach = 2.5 * std.hypot(sigma);
    let at = |axis: usize| {
        let middle = mean.get(axis).map_or(0.0, |m| f64::from(*m));
        match target.standardise() {
            Some(map) => {
                let (m, s) = (f64::from(map.mean[axis]), f64::from(map.std[axis]));
                (m + s * (middle - reach), m + s * (middle + reach))
            }
            None => (middle - reach, middle + reach),
        }
    };
    [at(0), at(1)]
}
