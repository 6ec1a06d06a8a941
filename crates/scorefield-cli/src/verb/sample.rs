//! `sample`: draws from a model or an exact density, into a file or as statistics.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use scorefield::data::write::ArrayWriter;
use scorefield::diagnostic::chains::{Draws, Trace};
use scorefield::error::{Error, Result};
use scorefield::plot::Cloud;
use scorefield::recipe::Target;
use scorefield::sample::{
    self, Asked, Draw, Kind, Ready, SAMPLERS, Start, StepSizes, Totals, Tuned, advise, divergence, draw_parts, tune, tune_ladder,
};

use crate::args::{Offered, SamplerArgs};
use crate::chains::Chains;
use crate::gathered::{Gathered, Kept};
use crate::output::Answer;
use crate::record::{Record, by_reference};
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

Sample i depends only on the model, the sampler's settings, the seed and i. A .npy, .csv or .parquet file is written as the samples come: a
million need no more memory than a thousand, and Ctrl-C leaves a file of those that are there. Without -o, statistics are printed.";

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
    /// Of tempering and annealed: measure the ladder of levels, and say where it is too coarse
    #[arg(long, help_heading = "Chains")]
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
/// Settings that a sampler refuses, a file that cannot be written, samples that all diverged, an interruption (what was drawn is kept).
pub fn run(args: &Sample, session: &Session) -> Result<Answer> {
    let target = target::open(&args.target, args.ema, session)?;
    let sink = args.out.as_ref().map(|path| Sink::new(path, &target.event(), args.n)).transpose()?;
    check_size(args, target.event().len(), sink.as_ref())?;
    let name = args.sampler.clone().or_else(|| variable("SCOREFIELD_SAMPLER"));
    let asked = args.asked.asked(target.sampler_entry(name.as_deref())?)?;
    let (sampler, ready) = target.sampler(name.as_deref(), &asked)?;
    let start = if args.start == "normal" { target.start() } else { Start::parse_uniform(&args.start)? };

    let mut request = Draw { n: args.n, from: args.from, seed: session.seed(), start, start_sigma: ready.start_sigma };
    args.check_chains(sampler, ready.sampler.kept())?;
    let found = tuned(args, &target, sampler, &asked, &request)?;
    let asked = Asked { epsilon: asked.epsilon.or(found.map(|found| found.epsilon)), ..asked };
    let (sampler, ready) = target.sampler(name.as_deref(), &asked)?;
    request.start_sigma = ready.start_sigma;
    let advice = args.advise.then(|| advise(target.score(), &*ready.sampler, &request)).transpose()?;

    let mut progress = session.progress();
    let mut drawn = Gathered::new(&target, sink.as_ref(), args.n)?;
    // Fewer draws than four say nothing of a chain.
    let course = ready.sampler.kept().filter(|kept| kept.steps >= 4);
    let began = Instant::now();
    let mut trace = Trace::new(course.unwrap_or_default(), args.from, args.n, target.event().len(), &mut progress);
    let (totals, ended) =
        draw_parts(target.score(), &*ready.sampler, &request, &mut trace, |part, first| drawn.take(&target, &part, first));
    let steps = trace.steps();
    let course = course.map(|_| trace.draws());
    let seconds = began.elapsed().as_secs_f64();
    progress.clear();
    let stopped = matches!(ended, Err(Error::Interrupted { .. })) && totals.rows > 0;
    if !stopped {
        ended?;
    }
    check_divergence(&drawn, &totals, args, session, &|row| divergence(target.score(), &*ready.sampler, &request, row))?;
    let sigma = totals.sigma;
    let Gathered { kept, moments, modes, diverged, first_diverged } = drawn;
    let set = Set { args, target: &target, sampler, ready: &ready, totals, seconds, epsilon: asked.epsilon };
    match (&sink, kept) {
        (Some(sink), Kept::Points(points)) => set.draw(sink, &points, session)?,
        (_, Kept::File(writer)) => set.finish(*writer, session)?,
        _ => {}
    }
    if stopped {
        return Err(set.interrupted());
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
        None => Ok(answer),
        Some(draws) => args.with_chains(answer, look(draws?, steps, &target, sigma, args.n, seconds)?, &target, session),
    }
}

/// The chains in data units, measured.
fn look(mut draws: Draws, steps: (usize, usize), target: &Target, sigma: f64, n: usize, seconds: f64) -> Result<Chains> {
    if let Some(map) = target.standardise() {
        for row in draws.values.chunks_exact_mut(draws.d) {
            let columns = row.iter_mut().zip(&map.std).zip(&map.mean);
            columns.for_each(|((x, std), mean)| *x = f64::from(*mean) + f64::from(*std) * *x);
        }
    }
    let density = target.exact(sigma);
    let mixture = density.as_deref().and_then(|density| density.as_mixture()).map(|mixture| (mixture, sigma));
    Chains::new(draws, steps, n, seconds, mixture)
}

/// What `--epsilon auto` finds, for samplers that do not find their step themselves.
fn tuned(args: &Sample, target: &Target, sampler: &str, asked: &Asked, request: &Draw) -> Result<Option<Tuned>> {
    if !args.asked.is_auto() || ADAPTING.contains(&sampler) {
        return Ok(None);
    }
    let Some(kind) = Kind::of(sampler) else {
        return Err(Error::setting(
            "--epsilon auto",
            "a chain: langevin, mala, underdamped, hmc, tempering or annealed",
            sampler,
        ));
    };
    if kind == Kind::Annealed {
        let levels = target.sampler(Some(sampler), asked)?.1.sampler.levels();
        return tune_ladder(target.score(), &levels, request).map(Some);
    }
    tune(target.score(), kind, asked.sigma.unwrap_or(target.sigma_range().0), request).map(Some)
}

/// Samplers that find their step size by themselves.
const ADAPTING: [&str; 3] = ["mala", "hmc", "tempering"];

impl Sample {
    /// Refuses what only chains have where there are none, and places that cannot be written, before the work.
    fn check_chains(&self, sampler: &str, kept: Option<sample::Kept>) -> Result<()> {
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

    /// The answer with what is said of the chains, and their files.
    fn with_chains(&self, mut answer: Answer, chains: Chains, target: &Target, session: &Session) -> Result<Answer> {
        let name = |j: usize| target.columns().and_then(|c| c.get(j).cloned()).unwrap_or_else(|| format!("x{j}"));
        if let Some(warning) = chains.warning(&name) {
            session.warn(&warning);
        }
        answer.text += &chains.text();
        answer = chains.fields(answer);
        if let Some(path) = &self.trace {
            chains.write(path)?;
            answer.text += &format!("the chains' course is in {}\n", path.display());
        }
        if let Some(folder) = &self.chains_plot {
            let written: Vec<String> = chains.pictures(folder, &name)?.iter().map(|p| p.display().to_string()).collect();
            answer.text += &format!("pictures of the chains: {}\n", written.join(", "));
            answer = answer.with("chains_plot", written);
        }
        Ok(answer)
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
    if k == totals.rows {
        return Err(Error::failed("sampling", format!("all {k} samples diverged: none is finite"))
            .with_hint("take a smaller --epsilon, more --steps, or a --start where the density is not 0; nothing was written"));
    }
    if k > 0 {
        let named = |row: &u64| -> Result<String> {
            Ok(match step(*row)? {
                Some(step) => format!("{row} at step {step}"),
                None => row.to_string(),
            })
        };
        let first: Vec<String> = drawn.first_diverged.iter().take(5).map(named).collect::<Result<_>>()?;
        let more = if k > first.len() as u64 { ", …" } else { "" };
        let kept = if args.out.is_some() { "; the file holds them as they are" } else { "" };
        session.warn(&format!("{k} of {} samples diverged and are not finite: {}{more}{kept}", totals.rows, first.join(", ")));
    }
    Ok(())
}

/// A set of samples, with how it was made.
struct Set<'a> {
    args: &'a Sample,
    target: &'a Target,
    sampler: &'static str,
    ready: &'a Ready,
    totals: Totals,
    seconds: f64,
    /// The step that was asked for.
    epsilon: Option<f64>,
}

impl Set<'_> {
    /// The picture of the points.
    fn draw(&self, sink: &Sink, points: &[f32], session: &Session) -> Result<()> {
        let (args, target, sigma) = (self.args, self.target, self.totals.sigma);
        let density = target.exact(sigma);
        let record = self.record(session).done();
        let title = format!("{} samples of {}, by {}", words::count(self.totals.rows), args.target, self.sampler);
        sink.write(&Show {
            event: &target.event(),
            clouds: &[Cloud { name: "", points }],
            columns: target.columns(),
            exact: density.as_deref().map(|density| (density, sigma)),
            values: target.values(),
            title: &title,
            across: None,
            metadata: &by_reference(&record),
        })
    }

    /// Completes the file of numbers.
    fn finish(&self, mut writer: ArrayWriter, session: &Session) -> Result<()> {
        if self.totals.rows < self.args.n as u64 {
            writer.cut()?;
        }
        writer.finish_recorded(&by_reference(&self.record(session).done()))
    }

    fn interrupted(&self) -> Error {
        let (rows, n) = (self.totals.rows, self.args.n as u64);
        let (done, all) = (words::count(rows), words::count(n));
        let saved = match &self.args.out {
            Some(out) => format!(
                "{done} of {all} samples are in {}; the others: --from {} -n {} into another file",
                out.display(),
                self.args.from + rows,
                n - rows
            ),
            None => format!("{done} of {all} samples were drawn, and there was no file to write them to"),
        };
        Error::Interrupted { saved }
    }

    fn record(&self, session: &Session) -> Record {
        let args = self.args;
        let record = Record::new("sample", &args.target, self.target, "--out", session);
        let record = record.with("sampler", self.sampler).with("settings", &self.ready.settings).with("start", &args.start);
        let record = record.with("from", args.from).with("n", self.totals.rows).flag("--sampler", self.sampler);
        // It may have come from the environment.
        let record = match self.epsilon {
            Some(epsilon) => record.flag("--epsilon", epsilon),
            None => record,
        };
        record.flag("--from", args.from).flag("--number", self.totals.rows)
    }

    /// Acceptance, step sizes and exchanges, where the sampler has them.
    fn moves(&self) -> String {
        let mut text = String::new();
        if let Some(acceptance) = self.totals.acceptance {
            text += &format!("acceptance {acceptance:.3}");
            if let Some(StepSizes { least, mean, greatest }) = self.totals.step_sizes {
                let [least, mean, greatest] = [least, mean, greatest].map(words::number);
                text += &format!(", ε {mean} ({least} to {greatest} among the chains)");
            }
            text.push('\n');
        }
        if !self.totals.exchange_rates.is_empty() {
            let rates: Vec<String> = self.totals.exchange_rates.iter().map(|r| format!("{r:.2}")).collect();
            text += &format!("exchanges between neighbouring levels: {}\n", rates.join(", "));
        }
        text
    }

    fn answer(&self, moments: &Moments, modes: Option<ModeWeights>, diverged: u64, first_diverged: &[u64]) -> Answer {
        let (n, d) = (self.totals.rows, self.target.event().len());
        let rate = n as f64 / self.seconds;
        let evaluations = self.totals.evaluations;
        let mut text = format!(
            "{} samples by {} in {} ({}/s, {evaluations} network evaluations each)\n{}: {}\n",
            words::count(n),
            self.sampler,
            words::seconds(self.seconds),
            words::rate(rate),
            self.sampler,
            self.ready.settings
        );
        text += &self.moves();
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
            .with("diverged", diverged)
            .with("diverged_rows", first_diverged)
            .with("out", &self.args.out);
        if let Some(acceptance) = self.totals.acceptance {
            answer = answer.with("acceptance", acceptance).with("step_sizes", self.totals.step_sizes);
        }
        if !self.totals.exchange_rates.is_empty() {
            answer = answer.with("exchange_rates", &self.totals.exchange_rates);
        }
        if d <= MANY {
            answer = answer.with("mean", moments.mean()).with("std", moments.std());
        }
        if let Some(weights) = modes {
            text += &weights.text();
            answer = answer.with_all(&weights);
        }
        if let Some(out) = &self.args.out {
            text += &format!("written to {}\n", out.display());
        }
        Answer { text, ..answer }
    }
}
