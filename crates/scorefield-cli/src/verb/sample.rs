//! `sample`: draws from a model or an exact density, into a file or as statistics.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use scorefield::error::{Error, Result};
use scorefield::plot::Cloud;
use scorefield::recipe::Target;
use scorefield::sample::{Asked, Draw, Drawn, Ready, SAMPLERS, Start, draw};

use crate::args::Offered;
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
    /// Steps: levels of a solver, length of a chain, steps a level of annealed
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Sampler")]
    steps: Option<usize>,
    /// Step size of a chain (of annealed at its last level)
    #[arg(long, value_name = "X", allow_negative_numbers = true, help_heading = "Sampler")]
    epsilon: Option<f64>,
    /// The one noise level of a chain
    #[arg(long, value_name = "X", allow_negative_numbers = true, help_heading = "Sampler")]
    sigma: Option<f64>,
    /// The smallest noise level of a ladder
    #[arg(long, value_name = "X", allow_negative_numbers = true, help_heading = "Sampler")]
    sigma_min: Option<f64>,
    /// The largest noise level of a ladder
    #[arg(long, value_name = "X", allow_negative_numbers = true, help_heading = "Sampler")]
    sigma_max: Option<f64>,
    /// Noise levels of annealed
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Sampler")]
    levels: Option<usize>,
    /// Leave out the denoising step at the end of annealed
    #[arg(long, help_heading = "Sampler")]
    no_denoise: bool,
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
    let asked = asked(args)?;
    let target = target::open(&args.target, args.ema, session)?;
    check_size(args, target.event().len())?;
    let sink = args.out.as_ref().map(|path| Sink::new(path, &target.event(), args.n)).transpose()?;
    let name = args.sampler.clone().or_else(|| variable("SCOREFIELD_SAMPLER"));
    let (sampler, ready) = target.sampler(name.as_deref(), &asked)?;
    let start = if args.start == "normal" { target.start() } else { Start::parse_uniform(&args.start)? };

    let mut progress = session.progress();
    let request = Draw { n: args.n, from: args.from, seed: session.seed(), start, start_sigma: ready.start_sigma };
    let began = Instant::now();
    let mut drawn = draw(target.score(), &*ready.sampler, &request, &mut progress)?;
    let seconds = began.elapsed().as_secs_f64();
    progress.clear();
    if let Some(map) = target.standardise() {
        map.invert(&mut drawn.points);
        find_overflow(&mut drawn, map.std.len(), args.from);
    }
    check_divergence(&drawn, args, session)?;
    let last_sigma = progress.last_sigma().unwrap_or(0.0);
    let set = Set { args, target: &target, sampler, ready: &ready, drawn: &drawn, seconds, last_sigma };
    if let Some(sink) = &sink {
        set.write(sink, session)?;
    }
    Ok(set.answer())
}

fn asked(args: &Sample) -> Result<Asked> {
    let epsilon = match (args.epsilon, variable("SCOREFIELD_EPSILON")) {
        (Some(epsilon), _) => Some(epsilon),
        (None, Some(text)) => {
            Some(text.trim().parse().map_err(|_| Error::setting("SCOREFIELD_EPSILON", "a number", format!("{text:?}")))?)
        }
        (None, None) => None,
    };
    Ok(Asked {
        steps: args.steps,
        epsilon,
        sigma: args.sigma,
        range: (args.sigma_max, args.sigma_min),
        levels: args.levels,
        denoise: !args.no_denoise,
    })
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

/// Finite in standard units need not be finite in data units.
fn find_overflow(drawn: &mut Drawn, d: usize, from: u64) {
    let rows = drawn.points.chunks_exact(d).zip(from..);
    drawn.diverged = rows.filter(|(row, _)| row.iter().any(|v| !v.is_finite())).map(|(_, i)| i).collect();
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
    seconds: f64,
    /// The noise level that the samples ended at.
    last_sigma: f64,
}

impl Set<'_> {
    fn write(&self, sink: &Sink, session: &Session) -> Result<()> {
        let (args, target) = (self.args, self.target);
        let density = target.exact(self.last_sigma);
        let (seed, from, n, hash) = (session.seed().to_string(), args.from.to_string(), args.n.to_string(), target.hash());
        let title = format!("{} samples of {}, by {}", words::count(args.n as u64), args.target, self.sampler);
        sink.write(&Show {
            event: &target.event(),
            clouds: &[Cloud { name: "", points: &self.drawn.points }],
            columns: target.columns(),
            exact: density.as_deref().map(|density| (density, self.last_sigma)),
            values: target.values(),
            title: &title,
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
        let moments = Moments::of(&self.drawn.points, d);
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
        let density = self.target.exact(self.last_sigma);
        let mixture = density.as_deref().and_then(|density| density.as_mixture());
        if let Some(weights) = mixture.and_then(|mixture| ModeWeights::of(&self.drawn.points, mixture, self.last_sigma)) {
            text += &weights.text();
            answer = answer.with_all(&weights);
        }
        if let Some(out) = &self.args.out {
            text += &format!("written to {}\n", out.display());
        }
        Answer { text, ..answer }
    }
}
