//! `sample`: draws from a model or an exact density, into a file or as statistics.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use scorefield::diagnostic::chains::{Draws, Trace};
use scorefield::error::{Error, Result};
use scorefield::plot::Cloud;
use scorefield::recipe::Target;
use scorefield::sample::{
    Asked, Draw, Drawn, Kept, Kind, Ready, SAMPLERS, Start, StepSizes, Tuned, advise, divergence, draw, tune,
};

use crate::args::Offered;
use crate::chains::Chains;
use crate::output::Answer;
use crate::progress::Progress;
use crate::session::{Session, variable};
use crate::sink::{self, Show, Sink};
use crate::statistics::{MANY, ModeWeights, Moments};
use crate::target;
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield sample runs/digits -n 100 -o digits.png
  scorefield sample runs/moons -n 10000 --sampler annealed --seed 7 -o moons.npy
  scorefield sample runs/moons -n 10000 --from 10000 --seed 7 -o more.npy        ten thousand others
  scorefield sample density:mixture -n 1280 --sampler tempering --start uniform:-8:8
  scorefield sample density:funnel -n 64 --sampler hmc --path 3 --chains-plot funnel
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
    /// Step size of a chain (of annealed at its last level), or `auto`: found by short runs with a Metropolis test
    #[arg(long, value_name = "X|auto", allow_negative_numbers = true, help_heading = "Sampler")]
    epsilon: Option<String>,
    /// The one noise level of a chain
    #[arg(long, value_name = "X", allow_negative_numbers = true, help_heading = "Sampler")]
    sigma: Option<f64>,
    /// The smallest noise level of a ladder
    #[arg(long, value_name = "X", allow_negative_numbers = true, help_heading = "Sampler")]
    sigma_min: Option<f64>,
    /// The largest noise level of a ladder
    #[arg(long, value_name = "X", allow_negative_numbers = true, help_heading = "Sampler")]
    sigma_max: Option<f64>,
    /// Noise levels of annealed, replicas of tempering
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Sampler")]
    levels: Option<usize>,
    /// Leave out the denoising step at the end of annealed
    #[arg(long, help_heading = "Sampler")]
    no_denoise: bool,
    /// Steps before those that count, in which mala, hmc and tempering find step sizes [default: half of --steps; 0 with --epsilon]
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = "Sampler")]
    warmup: Option<usize>,
    /// Leapfrog steps of a path of hmc [default: 10]
    #[arg(long, value_name = "L", allow_negative_numbers = true, help_heading = "Sampler")]
    leapfrog: Option<usize>,
    /// Length of a path of hmc, instead of --leapfrog
    #[arg(long, value_name = "X", allow_negative_numbers = true, help_heading = "Sampler")]
    path: Option<f64>,
    /// Friction of underdamped [default: 0.15/epsilon]
    #[arg(long, value_name = "X", allow_negative_numbers = true, help_heading = "Sampler")]
    friction: Option<f64>,
    /// Of tempering and annealed: measure the ladder of levels, and say where it is too coarse
    #[arg(long, help_heading = "Sampler")]
    advise: bool,
    /// Write the course of the first chains, at most 64, as [chains, draws, d]: .npy
    #[arg(long, value_name = "FILE", help_heading = "Chains")]
    trace: Option<PathBuf>,
    /// Folder for pictures of the chains: traces, ranks, autocorrelation
    #[arg(long, value_name = "DIR", help_heading = "Chains")]
    chains_plot: Option<PathBuf>,
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

    let mut request = Draw { n: args.n, from: args.from, seed: session.seed(), start, start_sigma: ready.start_sigma };
    let kept = ready.sampler.kept();
    args.check_chains(sampler, kept)?;
    let found = tuned(args, &target, sampler, &asked, &request)?;
    let ready = match &found {
        Some(found) => target.sampler(Some(sampler), &Asked { epsilon: Some(found.epsilon), ..asked })?.1,
        None => ready,
    };
    request.start_sigma = ready.start_sigma;
    let advice = args.advise.then(|| advise(target.score(), &*ready.sampler, &request)).transpose()?;

    let mut progress = session.progress();
    let began = Instant::now();
    let (mut drawn, trace) = drawn(&target, &ready, &request, &mut progress)?;
    let seconds = began.elapsed().as_secs_f64();
    progress.clear();
    let mut points = drawn.single();
    if let Some(map) = target.standardise() {
        map.invert(&mut points);
    }
    // Finite in standard units and double precision need not be finite in data units and single.
    drawn.diverged = not_finite(&points, target.event().len(), args.from);
    check_divergence(&drawn, args, session, &|row| divergence(target.score(), &*ready.sampler, &request, row))?;
    let chains = trace.map(|(draws, steps)| look(draws, steps, &target, &drawn, args.n, seconds)).transpose()?;
    let set = Set { args, target: &target, sampler, ready: &ready, drawn: &drawn, points: &points, seconds };
    if let Some(sink) = &sink {
        set.write(sink, session)?;
    }
    let mut answer = set.answer();
    if let Some(found) = found {
        answer.text += &format!("{found}\n");
        answer = answer.with("tuning", found);
    }
    if let Some(advice) = advice {
        answer.text += &advice.to_string();
        answer = answer.with("advice", advice);
    }
    if let Some(chains) = chains {
        let name = |j: usize| coordinate(&target, j);
        if let Some(warning) = chains.warning(&name) {
            session.warn(&warning);
        }
        answer.text += &chains.text();
        answer = chains.fields(answer);
        if let Some(path) = &args.trace {
            chains.write(path)?;
            answer.text += &format!("the chains' course is in {}\n", path.display());
        }
        if let Some(folder) = &args.chains_plot {
            let written: Vec<String> = chains.pictures(folder, &name)?.iter().map(|p| p.display().to_string()).collect();
            answer.text += &format!("pictures of the chains: {}\n", written.join(", "));
            answer = answer.with("chains_plot", written);
        }
    }
    Ok(answer)
}

/// Whether chains are to be looked at, with their draws and the steps of these.
type Course = Option<(Draws, (usize, usize))>;

/// Draws, and keeps the course of the first chains where the sampler makes chains.
fn drawn(target: &Target, ready: &Ready, request: &Draw, progress: &mut Progress) -> Result<(Drawn, Course)> {
    // Fewer draws than four say nothing.
    let Some(kept) = ready.sampler.kept().filter(|kept| kept.steps >= 4) else {
        return Ok((draw(target.score(), &*ready.sampler, request, progress)?, None));
    };
    let mut trace = Trace::new(kept, request.from, request.n, target.event().len(), progress);
    let drawn = draw(target.score(), &*ready.sampler, request, &mut trace)?;
    let steps = trace.steps();
    Ok((drawn, Some((trace.draws()?, steps))))
}

/// The chains in data units, measured.
fn look(mut draws: Draws, steps: (usize, usize), target: &Target, drawn: &Drawn, n: usize, seconds: f64) -> Result<Chains> {
    if let Some(map) = target.standardise() {
        for row in draws.values.chunks_exact_mut(draws.d) {
            let columns = row.iter_mut().zip(&map.std).zip(&map.mean);
            columns.for_each(|((x, std), mean)| *x = f64::from(*mean) + f64::from(*std) * *x);
        }
    }
    let density = target.exact(drawn.sigma);
    let mixture = density.as_deref().and_then(|density| density.as_mixture()).map(|mixture| (mixture, drawn.sigma));
    Chains::new(draws, steps, n, seconds, mixture)
}

/// What `--epsilon auto` finds, for samplers that do not find their step themselves.
fn tuned(args: &Sample, target: &Target, sampler: &str, asked: &Asked, request: &Draw) -> Result<Option<Tuned>> {
    if !args.is_auto() || ADAPTING.contains(&sampler) {
        return Ok(None);
    }
    let Some(kind) = Kind::of(sampler) else {
        return Err(Error::setting(
            "--epsilon auto",
            "a chain: langevin, mala, underdamped, hmc, tempering or annealed",
            sampler,
        ));
    };
    let (low, _) = target.sigma_range();
    let sigma = asked.range.1.filter(|_| kind == Kind::Annealed).or(asked.sigma).unwrap_or(low);
    tune(target.score(), kind, sigma, request).map(Some)
}

/// Samplers that find their step size by themselves.
const ADAPTING: [&str; 3] = ["mala", "hmc", "tempering"];

fn coordinate(target: &Target, j: usize) -> String {
    target.columns().and_then(|c| c.get(j).cloned()).unwrap_or_else(|| format!("x{j}"))
}

impl Sample {
    fn is_auto(&self) -> bool {
        self.epsilon.as_deref().is_some_and(|e| e.trim() == "auto")
    }

    /// Refuses what only chains have where there are none, and places that cannot be written, before the work.
    fn check_chains(&self, sampler: &str, kept: Option<Kept>) -> Result<()> {
        let given = [("--trace", self.trace.is_some()), ("--chains-plot", self.chains_plot.is_some())];
        if let Some((flag, _)) = given.iter().find(|(_, given)| *given && kept.is_none_or(|k| k.steps < 4)) {
            return Err(Error::setting(*flag, "a Markov chain of at least 8 steps, as --sampler langevin", sampler));
        }
        if self.advise && !["tempering", "annealed"].contains(&sampler) {
            return Err(Error::setting("--advise", "a sampler with a ladder of levels: tempering or annealed", sampler));
        }
        if let Some(path) = &self.trace {
            if path.extension().is_none_or(|e| e != "npy") {
                return Err(Error::setting("--trace", "a name that ends in .npy", path.display()));
            }
            sink::check_place(path)?;
        }
        Ok(())
    }
}

fn asked(args: &Sample) -> Result<Asked> {
    let number = |what: &str, text: &str| {
        let text = text.trim();
        match text {
            "auto" => Ok(None),
            _ => text.parse().map(Some).map_err(|_| Error::setting(what, "a number, or auto", format!("{text:?}"))),
        }
    };
    let epsilon = match (&args.epsilon, variable("SCOREFIELD_EPSILON")) {
        (Some(text), _) => number("--epsilon", text)?,
        (None, Some(text)) => number("SCOREFIELD_EPSILON", &text)?,
        (None, None) => None,
    };
    Ok(Asked {
        steps: args.steps,
        epsilon,
        sigma: args.sigma,
        range: (args.sigma_max, args.sigma_min),
        levels: args.levels,
        denoise: !args.no_denoise,
        warmup: args.warmup,
        leapfrog: args.leapfrog,
        path: args.path,
        friction: args.friction,
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

fn not_finite(points: &[f32], d: usize, from: u64) -> Vec<u64> {
    let rows = points.chunks_exact(d).zip(from..);
    rows.filter(|(row, _)| row.iter().any(|v| !v.is_finite())).map(|(_, i)| i).collect()
}

/// Names the samples that are not finite. They stay in the file, so that sample i is at its place.
fn check_divergence(drawn: &Drawn, args: &Sample, session: &Session, step: &dyn Fn(u64) -> Result<Option<usize>>) -> Result<()> {
    let k = drawn.diverged.len();
    if k == args.n {
        return Err(Error::failed("sampling", format!("all {k} samples diverged: none is finite"))
            .with_hint("take a smaller --epsilon or more --steps; nothing was written"));
    }
    if k > 0 {
        let named = |row: &u64| -> Result<String> {
            Ok(match step(*row)? {
                Some(step) => format!("{row} at step {step}"),
                None => row.to_string(),
            })
        };
        let first: Vec<String> = drawn.diverged.iter().take(5).map(named).collect::<Result<_>>()?;
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
            exact: density.as_deref().map(|density| (density, self.drawn.sigma)),
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

    /// Acceptance, step sizes and exchanges, where the sampler has them.
    fn moves(&self) -> String {
        let mut text = String::new();
        if let Some(acceptance) = self.drawn.acceptance {
            text += &format!("acceptance {acceptance:.3}");
            if let Some(StepSizes { least, mean, greatest }) = self.drawn.step_sizes {
                let [least, mean, greatest] = [least, mean, greatest].map(words::number);
                text += &format!(", ε {mean} ({least} to {greatest} among the chains)");
            }
            text.push('\n');
        }
        if !self.drawn.exchange_rates.is_empty() {
            let rates: Vec<String> = self.drawn.exchange_rates.iter().map(|r| format!("{r:.2}")).collect();
            text += &format!("exchanges between neighbouring levels: {}\n", rates.join(", "));
        }
        text
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
        text += &self.moves();
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
            .with("acceptance", self.drawn.acceptance)
            .with("step_sizes", self.drawn.step_sizes)
            .with("exchange_rates", &self.drawn.exchange_rates)
            .with("diverged", self.drawn.diverged.len())
            .with("diverged_rows", &self.drawn.diverged[..self.drawn.diverged.len().min(100)])
            .with("out", &self.args.out);
        if d <= MANY {
            answer = answer.with("mean", &moments.mean).with("std", &moments.std);
        }
        let density = self.target.exact(self.drawn.sigma);
        let mixture = density.as_deref().and_then(|density| density.as_mixture());
        if let Some(weights) = mixture.and_then(|mixture| ModeWeights::of(self.points, mixture, self.drawn.sigma)) {
            text += &weights.text();
            answer = answer.with_all(&weights);
        }
        if let Some(out) = &self.args.out {
            text += &format!("written to {}\n", out.display());
        }
        Answer { text, ..answer }
    }
}
