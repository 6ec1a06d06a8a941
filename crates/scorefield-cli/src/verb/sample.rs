//! `sample`: draws from a model or an exact density, into a file or as statistics.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use scorefield::error::{Error, Result};
use scorefield::plot::Cloud;
use scorefield::recipe::Target;
use scorefield::sample::{Draw, Drawn, Ready, SAMPLERS, Start, draw};

use crate::args::{Offered, SamplerArgs};
use crate::output::Answer;
use crate::session::{Session, variable};
use crate::sink::{Show, Sink};
use crate::statistics::{MANY, ModeWeights, Moments};
use crate::target;
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield sample runs/digits -n 100 -o digits.png
  scorefield sample runs/moons -n 10000 --sampler annealed --seed 7 -o moons.npy
  scorefield sample runs/moons -n 10000 --from 10000 --seed 7 -o more.npy        ten thousand others
  scorefield sample density:mixture -n 1280 --sampler annealed --sigma-max 20 --sigma-min 1 --levels 10 --start uniform:-8:8

Sample i depends only on the model, the sampler's settings, the seed and i. Without -o, statistics are printed and nothing is written.";

/// Draw samples from a trained model or an exact density.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Sample {
    /// A run folder, or density:NAME, or density:FILE.toml
    #[arg(value_name = "RUN|density:…")]
    target: String,
    /// Which average of the weights to use, by its half-life in steps [default: the first that the run keeps]
    #[arg(long, value_name = "STEPS")]
    ema: Option<f64>,
    /// How many
    #[arg(short, long = "number", value_name = "N", default_value_t = 64, allow_negative_numbers = true)]
    n: usize,
    /// File to write: .npy, .csv, .parquet, or a picture of images or of points in the plane: .png, .svg
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The sampler [default: heun for a model of many levels of Gaussian noise, langevin otherwise]
    #[arg(long, value_name = "NAME", value_parser = Offered::of(SAMPLERS), help_heading = "Sampler")]
    sampler: Option<String>,
    #[command(flatten)]
    asked: SamplerArgs,
    /// Where chains begin: normal (the data blurred by the first noise level) or uniform:LOW:HIGH
    #[arg(long, value_name = "START", default_value = "normal", allow_hyphen_values = true, help_heading = "Sampler")]
    start: String,
    /// Number of the first sample: extends a set that was drawn before
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: u64,
}

/// Beyond this row number no set goes.
const MOST_ROWS: u64 = 1 << 40;

/// Does it.
///
/// # Errors
/// Settings that a sampler refuses, a file that cannot be written, samples that all diverged, an interruption.
pub fn run(args: &Sample, session: &Session) -> Result<Answer> {
    let target = target::open(&args.target, args.ema, session)?;
    check_size(args, target.event().len())?;
    let sink = args.out.as_ref().map(|path| Sink::new(path, &target.event(), args.n)).transpose()?;
    let name = args.sampler.clone().or_else(|| variable("SCOREFIELD_SAMPLER"));
    let asked = args.asked.asked(target.sampler_entry(name.as_deref())?)?;
    let (sampler, ready) = target.sampler(name.as_deref(), &asked)?;
    let start = if args.start == "normal" { target.start() } else { Start::parse_uniform(&args.start)? };

    let mut progress = session.progress();
    let request = Draw { n: args.n, from: args.from, seed: session.seed(), start, start_sigma: ready.start_sigma };
    let began = Instant::now();
    let mut drawn = draw(target.score(), &*ready.sampler, &request, &mut progress)?;
    let seconds = began.elapsed().as_secs_f64();
    progress.clear();
    let mut points = drawn.single();
    if let Some(map) = target.standardise() {
        map.invert(&mut points);
    }
    // Finite in standard units and double precision need not be finite in data units and single.
    drawn.diverged = not_finite(&points, target.event().len(), args.from);
    check_divergence(&drawn, args, session)?;
    let set = Set { args, target: &target, sampler, ready: &ready, drawn: &drawn, points: &points, seconds };
    if let Some(sink) = &sink {
        set.write(sink, session)?;
    }
    Ok(set.answer())
}

fn check_size(args: &Sample, d: usize) -> Result<()> {
    if args.n == 0 {
        return Err(Error::setting("-n", "at least 1", 0));
    }
    let rows = args.from.checked_add(args.n as u64).filter(|rows| *rows <= MOST_ROWS);
    if rows.is_none() {
        return Err(Error::setting("--from, -n", "together at most 2^40", format!("{}, {}", args.from, args.n)));
    }
    // The points, and once more on their way to a file.
    let bytes = args.n as u64 * d as u64 * 8;
    match scorefield_kernels::machine::memory() {
        Some(memory) if bytes > memory.available => Err(Error::setting(
            "-n",
            format!("a set that fits into memory ({} are free)", words::bytes(memory.available)),
            format!("{}, which takes {}", args.n, words::bytes(bytes)),
        )
        .with_hint("draw it in parts with --from")),
        _ => Ok(()),
    }
}

fn not_finite(points: &[f32], d: usize, from: u64) -> Vec<u64> {
    let rows = points.chunks_exact(d).zip(from..);
    rows.filter(|(row, _)| row.iter().any(|v| !v.is_finite())).map(|(_, i)| i).collect()
}

/// Names the samples that are not finite. They stay in the file, so that sample i is at its place.
fn check_divergence(drawn: &Drawn, args: &Sample, session: &Session) -> Result<()> {
    let k = drawn.diverged.len();
    if k == args.n {
        return Err(Error::failed("sampling", format!("all {k} samples diverged: none is finite"))
            .with_hint("take a smaller --epsilon or more --steps; nothing was written"));
    }
    if k > 0 {
        let first: Vec<String> = drawn.diverged.iter().take(5).map(u64::to_string).collect();
        let more = if k > first.len() { ", …" } else { "" };
        let kept = if args.out.is_some() { "; the file holds them as they are" } else { "" };
        session.warn(&format!("{k} of {} samples diverged and are not finite: {}{more}{kept}", args.n, first.join(", ")));
    }
    Ok(())
}

/// A set of samples, with how it was made.
struct Set<'a> {
    args: &'a Sample,
    target: &'a Target,
    sampler: &'static str,
    ready: &'a Ready,
    drawn: &'a Drawn,
    /// What was drawn, in data units and single precision.
    points: &'a [f32],
    seconds: f64,
}

impl Set<'_> {
    fn write(&self, sink: &Sink, session: &Session) -> Result<()> {
        let (args, target) = (self.args, self.target);
        let density = target.exact(self.drawn.sigma);
        let (seed, from, n, hash) = (session.seed().to_string(), args.from.to_string(), args.n.to_string(), target.hash());
        let title = format!("{} samples of {}, by {}", words::count(args.n as u64), args.target, self.sampler);
        sink.write(&Show {
            event: &target.event(),
            clouds: &[Cloud { name: "", points: self.points }],
            columns: target.columns(),
            exact: density.as_ref().map(|density| (density, self.drawn.sigma)),
            values: target.values(),
            title: &title,
            across: None,
            metadata: &[
                ("scorefield", env!("CARGO_PKG_VERSION")),
                ("verb", "sample"),
                ("target", &args.target),
                ("model", &hash),
                ("sampler", self.sampler),
                ("settings", &self.ready.settings),
                ("start", &args.start),
                ("seed", &seed),
                ("from", &from),
                ("n", &n),
            ],
        })
    }

    fn answer(&self) -> Answer {
        let (n, d) = (self.args.n, self.target.event().len());
        let rate = n as f64 / self.seconds;
        let evaluations = self.drawn.evaluations;
        let mut text = format!(
            "{} samples by {} in {} ({}/s, {evaluations} network evaluations each)\n{}: {}\n",
            words::count(n as u64),
            self.sampler,
            words::seconds(self.seconds),
            words::rate(rate),
            self.sampler,
            self.ready.settings
        );
        let moments = Moments::of(self.points, d);
        text += &moments.text(self.target);
        let mut answer = Answer::default()
            .with("target", &self.args.target)
            .with("model", self.target.hash())
            .with("n", n)
            .with("from", self.args.from)
            .with("shape", self.target.event().dims())
            .with("sampler", self.sampler)
            .with("settings", &self.ready.settings)
            .with("network_evaluations", evaluations)
            .with("samples_per_second", rate)
            .with("diverged", self.drawn.diverged.len())
            .with("diverged_rows", &self.drawn.diverged[..self.drawn.diverged.len().min(100)])
            .with("out", &self.args.out);
        if d <= MANY {
            answer = answer.with("mean", &moments.mean).with("std", &moments.std);
        }
        if let Some(weights) =
            self.target.exact(self.drawn.sigma).and_then(|density| ModeWeights::of(self.points, &density, self.drawn.sigma))
        {
            text += &weights.text();
            answer = answer.with_all(&weights);
        }
        if let Some(out) = &self.args.out {
            text += &format!("written to {}\n", out.display());
        }
        Answer { text, ..answer }
    }
}
