//! `sample`: draws from a model or an exact density, into a file or as statistics.

mod animate;
mod chain;
mod set;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use scorefield::diagnostic::chains::Trace;
use scorefield::error::{Error, Result};
use scorefield::sample::{Asked, Draw, SAMPLERS, Start, Totals, advise, divergence, draw_parts};
use scorefield::words;

use self::animate::Course;
use self::chain::{look, tuned};
use self::set::Set;
use crate::args::{Offered, SamplerArgs};
use crate::gathered::{Gathered, Kept};
use crate::guide::{Field, GuideArgs};
use crate::output::Answer;
use crate::session::{Session, variable};
use crate::sink::Sink;
use crate::target::{self, Which};

const EXAMPLES: &str = "\
Examples:
  scorefield sample runs/digits -n 100 -o digits.png
  scorefield sample runs/moons -n 10000 --sampler annealed --seed 7 -o moons.npy
  scorefield sample runs/moons -n 10000 --from 10000 --seed 7 -o more.npy        ten thousand others
  scorefield sample density:mixture -n 1280 --sampler tempering --start uniform:-8:8
  scorefield sample density:funnel -n 64 --sampler hmc --path 3 --chains-plot funnel
  scorefield sample runs/mnist -n 100 --guidance 2 -o digits.png                 led away from the run's own early weights
  scorefield sample runs/moons -n 1000 --steps 40 --animate moons.png            the samples on their way
  scorefield sample density:mixture -n 1280 --sampler annealed --sigma-max 20 --sigma-min 1 --levels 10 --start uniform:-8:8

Sample i depends only on the model, the sampler's settings, the seed and i. A .npy, .csv or .parquet file is written as the samples come: a
million need no more memory than a thousand, and Ctrl-C leaves a file of those that are there. Without -o, statistics are printed.";

/// Draw samples from a trained model or an exact density.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Sample {
    /// A run folder, or density:NAME, or density:FILE.toml
    #[arg(value_name = "RUN|density:…")]
    target: String,
    #[command(flatten)]
    which: Which,
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
    #[command(flatten)]
    guide: GuideArgs,
    /// Of tempering and annealed: measure the ladder of levels, and say where it is too coarse
    #[arg(long, help_heading = "Chains")]
    advise: bool,
    /// Write the course of the first chains, at most 64, as [chains, draws, d]: .npy
    #[arg(long, value_name = "FILE", help_heading = "Chains")]
    trace: Option<PathBuf>,
    /// Folder for pictures of the chains: traces, ranks, autocorrelation
    #[arg(long, value_name = "DIR", help_heading = "Chains")]
    chains_plot: Option<PathBuf>,
    /// Show the first samples on their way, at most 1000, as an animated picture of the plane: .png, which browsers play
    #[arg(long, value_name = "FILE")]
    animate: Option<PathBuf>,
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
/// Settings that a sampler refuses, a file that cannot be written, samples that all diverged, an interruption (what was drawn is kept).
pub fn run(args: &Sample, session: &Session) -> Result<Answer> {
    let target = target::open(&args.target, args.which, session)?;
    let guide = args.guide.open(&args.target, args.which.class, session)?;
    let field = Field::new(&target, guide.as_ref())?;
    let sink = args.out.as_ref().map(|path| Sink::new(path, &target.event(), args.n)).transpose()?;
    check_size(args, target.event().len(), sink.as_ref())?;
    let name = args.sampler.clone().or_else(|| variable("SCOREFIELD_SAMPLER"));
    let asked = args.asked.asked(target.sampler_entry(name.as_deref())?)?;
    let (sampler, ready) = target.sampler(name.as_deref(), &asked)?;
    let start = if args.start == "normal" { target.start() } else { Start::parse_uniform(&args.start)? };

    let mut request = Draw { n: args.n, from: args.from, seed: session.seed(), start, start_sigma: ready.start_sigma };
    args.check_chains(sampler, ready.sampler.kept())?;
    args.check_film(&target)?;
    let found = tuned(args, &target, field.score(), sampler, &asked, &request)?;
    let asked = Asked { epsilon: asked.epsilon.or(found.map(|found| found.epsilon)), ..asked };
    let (sampler, ready) = target.sampler(name.as_deref(), &asked)?;
    request.start_sigma = ready.start_sigma;
    let advice = args.advise.then(|| advise(field.score(), &*ready.sampler, &request)).transpose()?;

    let mut progress = session.progress();
    let mut drawn = Gathered::new(&target, sink.as_ref(), args.n)?.of_another(matches!(field, Field::Guided(_)));
    // Fewer draws than four say nothing of a chain.
    let course = ready.sampler.kept().filter(|kept| kept.steps >= 4);
    let began = Instant::now();
    let d = target.event().len();
    let mut film = args.watch(&*ready.sampler, d, &mut progress);
    let mut trace = Trace::new(course.unwrap_or_default(), args.from, args.n, d, &mut film);
    let (totals, ended) =
        draw_parts(field.score(), &*ready.sampler, &request, &mut trace, |part, first| drawn.take(&target, &part, first));
    let steps = trace.steps();
    let course = course.map(|_| trace.draws());
    let frames = film.steps();
    let film = args.animate.as_ref().map(|path| (path, film.draws()));
    let seconds = began.elapsed().as_secs_f64();
    progress.clear();
    let stopped = matches!(ended, Err(Error::Interrupted { .. })) && totals.rows > 0;
    if !stopped {
        ended?;
    }
    check_divergence(&drawn, &totals, args, session, &|row| divergence(field.score(), &*ready.sampler, &request, row))?;
    let sigma = totals.sigma;
    let Gathered { kept, moments, modes, diverged, first_diverged, .. } = drawn;
    let set = Set {
        args,
        target: &target,
        field: &field,
        guide: guide.as_ref(),
        sampler,
        ready: &ready,
        totals,
        seconds,
        epsilon: asked.epsilon,
    };
    match (&sink, kept) {
        (Some(sink), Kept::Points(points)) => set.draw(sink, &points, session)?,
        (_, Kept::File(writer)) => set.finish(*writer, session)?,
        _ => {}
    }
    if stopped {
        return Err(set.interrupted());
    }
    if let Some((path, draws)) = film {
        Course { draws: draws?, steps: frames, target: &target, exact: field.exact(&target, sigma), sigma, sampler }
            .write(path, session)?;
    }
    let mut answer = set.answer(&moments, modes.and_then(|modes| modes.weights()), diverged, &first_diverged);
    if let Some(found) = found {
        answer.text += &format!("{found}\n");
        answer = answer.with("tuning", found);
    }
    if let Some(advice) = advice {
        answer.text += &advice.to_string();
        answer = answer.with("advice", advice);
    }
    match course {
        None => {
            if ready.sampler.kept().is_some() {
                session.warn("chains of fewer than 8 steps: nothing can be said of how they mix; take more --steps");
            }
            Ok(answer)
        }
        Some(draws) => args.with_chains(answer, look(draws?, steps, &target, &field, sigma, args.n, seconds)?, &target, session),
    }
}

fn check_size(args: &Sample, d: usize, sink: Option<&Sink>) -> Result<()> {
    if args.n == 0 {
        return Err(Error::setting("-n", "at least 1", 0));
    }
    let rows = args.from.checked_add(args.n as u64).filter(|rows| *rows <= MOST_ROWS);
    if rows.is_none() {
        return Err(Error::setting("--from, -n", "together at most 2^40", format!("{}, {}", args.from, args.n)));
    }
    if sink.is_none_or(|sink| !sink.is_picture()) {
        return Ok(());
    }
    // The points of a picture, and once more as what is drawn of them.
    let bytes = args.n as u64 * d as u64 * 8;
    match scorefield_kernels::machine::memory() {
        Some(memory) if bytes > memory.available => Err(Error::setting(
            "-n",
            format!("a picture that fits into memory ({} are free)", words::bytes(memory.available)),
            format!("{}, which takes {}", args.n, words::bytes(bytes)),
        )
        .with_hint("write that many to a .npy file")),
        _ => Ok(()),
    }
}

/// Names the samples that are not finite. They stay in the file, so that sample i is at its place.
fn check_divergence(
    drawn: &Gathered,
    totals: &Totals,
    args: &Sample,
    session: &Session,
    step: &dyn Fn(u64) -> Result<Option<usize>>,
) -> Result<()> {
    let k = drawn.diverged;
    let named = |row: &u64| -> Result<String> {
        Ok(match step(*row)? {
            Some(step) => format!("{row} at step {step}"),
            None => row.to_string(),
        })
    };
    if k == totals.rows {
        let first = drawn.first_diverged.first().map(named).transpose()?.unwrap_or_default();
        return Err(Error::failed("sampling", format!("all {k} samples diverged: none is finite, the first is {first}"))
            .with_hint("take a smaller --epsilon, more --steps, or a --start where the density is not 0; nothing was written"));
    }
    if k > 0 {
        let first: Vec<String> = drawn.first_diverged.iter().take(5).map(named).collect::<Result<_>>()?;
        let more = if k > first.len() as u64 { ", …" } else { "" };
        let kept = if args.out.is_some() { "; the file holds them as they are" } else { "" };
        session.warn(&format!("{k} of {} samples diverged and are not finite: {}{more}{kept}", totals.rows, first.join(", ")));
    }
    Ok(())
}
