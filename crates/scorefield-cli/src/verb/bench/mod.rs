//! `bench`: how fast this machine trains, and how noisy the gradients are that it trains on.

mod kernels;
mod samplers;
mod unet;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use scorefield::bench::{self, Extent, Measured, Plan, Row};
use scorefield::error::{Error, Result};
use scorefield::net::Precision;
use scorefield::registry::unknown;
use scorefield_kernels::machine;
use serde_json::{Value, json};

use crate::args::Offered;
use crate::output::Answer;
use crate::session::Session;
use crate::sink;
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield bench                                                        the network alone, then every objective
  scorefield bench --only objectives --quick
  scorefield bench --only objectives --picture cost.png --markdown cost.md
  scorefield bench --only objectives-peers --case sliced-1024 --json      one step as other libraries take it
  scorefield bench --only unet --case small                               a U-Net's forward pass and training step
  scorefield bench --only mcmc                                            effective draws a second of Markov chains
  scorefield bench --only unet,kernels,mlp                                against the processor's peak and its memory's";

/// What may be measured.
const PARTS: &[&str] = &["mlp", "objectives", "objectives-peers", "unet", "langevin", "mcmc", "kernels"];
/// What `--precision` may name.
const PRECISIONS: [Precision; 2] = [Precision::F32, Precision::Bf16];
/// A look at the peak, and how many are taken: other programs only ever take away from it, so the highest counts.
const PEAK: Duration = Duration::from_millis(50);
const PEAKS: usize = 4;
/// Seconds of a cell of the grid, and of a pass through the network.
const SECONDS: f64 = 1.0;
const SECONDS_QUICK: f64 = 0.12;

/// Measure speed: training steps of every objective and the noise of their gradients, the network against the processor's peak.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Bench {
    /// Measure only this, or these, with commas between [default: mlp,objectives]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = Offered::new(PARTS.iter().copied()))]
    only: Vec<String>,
    /// Of objectives-peers: which step; of unet: which size [default: small]; of mcmc: which chains [default: all]
    #[arg(long, value_name = "CASE", value_parser = Offered::new(cases()))]
    case: Option<String>,
    /// Of unet: what convolutions multiply [default: f32]
    #[arg(long, value_name = "NAME", value_parser = Offered::new(PRECISIONS.map(Precision::word)))]
    precision: Option<String>,
    /// Of objectives-peers: how many steps [default: a second and a half of them]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Seconds a measurement, about [default: 1, or 0.12 with --quick]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    seconds: Option<f64>,
    /// Dimensions up to 32, and little time for each
    #[arg(long)]
    quick: bool,
    /// Of objectives: draw time and noise against dimension; .png or .svg
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Of objectives: write the tables as Markdown, in a file that has them already in their place
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// A name that is none, flags that do not go together, a step that fails, a place that cannot be written.
pub fn run(args: &Bench, session: &Session) -> Result<Answer> {
    let seconds = args.seconds.unwrap_or(if args.quick { SECONDS_QUICK } else { SECONDS });
    if !(seconds.is_finite() && seconds > 0.0 && seconds <= 3600.0) {
        return Err(Error::setting("--seconds", "a positive number, at most 3600", seconds));
    }
    args.check()?;
    let parts = args.parts();
    let mut all = Answer::default();
    for (done, part) in parts.iter().enumerate() {
        if done > 0 {
            // Each part's memory is its own.
            machine::forget_peak();
        }
        let answer = one(part, args, seconds, session)?;
        if !all.text.is_empty() {
            all.text.push('\n');
        }
        all.text += &answer.text;
        all.fields.extend(answer.fields);
    }
    Ok(if parts.len() > 1 { all.with("only", parts.join(",")) } else { all })
}

fn one(part: &str, args: &Bench, seconds: f64, session: &Session) -> Result<Answer> {
    match part {
        "mlp" => passes(seconds, session),
        "objectives" => objectives(args, seconds, session),
        "objectives-peers" => peers(args, session),
        "unet" => unet::run(args.case.as_deref().unwrap_or(unet::DEFAULT), args.precision()?, seconds, session),
        "langevin" | "mcmc" => samplers::run(part, args.case.as_deref(), session),
        "kernels" => Ok(kernels::run(seconds)),
        other => Err(unknown("--only", other, PARTS)),
    }
}

/// What `--case` may name, whatever the part; the part then says which of them are its own.
fn cases() -> impl Iterator<Item = &'static str> {
    let chains = bench::LANGEVIN.iter().chain(bench::MCMC).map(|c| c.name);
    bench::CASES.iter().map(|c| c.name).chain(bench::UNETS.iter().map(|c| c.name)).chain(chains)
}

impl Bench {
    fn precision(&self) -> Result<Precision> {
        let Some(word) = self.precision.as_deref() else { return Ok(Precision::default()) };
        let found = PRECISIONS.into_iter().find(|p| p.word() == word);
        found.ok_or_else(|| unknown("--precision", word, &PRECISIONS.map(Precision::word)))
    }

    fn parts(&self) -> Vec<&str> {
        if self.only.is_empty() { vec!["mlp", "objectives"] } else { self.only.iter().map(String::as_str).collect() }
    }

    /// Before the work: flags of another part, files that could not be written.
    fn check(&self) -> Result<()> {
        let parts = self.parts();
        let peers = parts.contains(&"objectives-peers");
        let with_cases = parts.iter().filter(|part| ["objectives-peers", "unet", "langevin", "mcmc"].contains(part)).count();
        // Each of these parts has cases of its own.
        let has_cases = with_cases == 1;
        let grid = parts.contains(&"objectives");
        let given = [
            ("--case", self.case.is_some(), has_cases, "one of --only objectives-peers, unet, langevin and mcmc"),
            ("--precision", self.precision.is_some(), parts.contains(&"unet"), "--only unet"),
            ("--steps", self.steps.is_some(), peers, "--only objectives-peers"),
            ("--picture", self.picture.is_some(), grid, "--only objectives"),
            ("--markdown", self.markdown.is_some(), grid, "--only objectives"),
        ];
        if let Some(part) = parts.iter().find(|part| !PARTS.contains(part)) {
            return Err(unknown("--only", part, PARTS));
        }
        if let Some((flag, .., part)) = given.iter().find(|(_, given, belongs, _)| *given && !belongs) {
            return Err(Error::setting(
                *flag,
                format!("{part} beside it"),
                if self.only.is_empty() { "no --only".to_owned() } else { format!("--only {}", self.only.join(",")) },
            ));
        }
        self.precision()?;
        if let Some(path) = &self.picture {
            if !sink::is_picture(path) {
                return Err(Error::setting("--picture", "a name that ends in .png or .svg", path.display()));
            }
            sink::check_place(path)?;
        }
        if let Some(path) = &self.markdown {
            sink::check_place(path)?;
            bench::check_markdown(path)?;
        }
        Ok(())
    }
}

fn peers(args: &Bench, session: &Session) -> Result<Answer> {
    let Some(name) = &args.case else {
        let names: Vec<&str> = bench::CASES.iter().map(|c| c.name).collect();
        return Err(Error::setting("--case", format!("one of {}", names.join(", ")), "nothing"));
    };
    let case = bench::case(name)?;
    peak();
    let pace = bench::pace(case, args.steps, session.seed(), session.device())?;
    let peak = peak();
    let share = pace.gflops / peak;
    let rows = [
        ("a step", words::seconds(pace.seconds_per_step)),
        ("steps", words::count(pace.steps)),
        ("parameters", words::count(pace.parameters as u64)),
        ("peak memory", pace.peak_rss_bytes.map_or("unknown".to_owned(), words::bytes)),
        ("arithmetic", format!("{} GFLOP/s of {} ({:.0}%)", words::number(pace.gflops), words::rate(peak), 100.0 * share)),
    ];
    let rows: Vec<Vec<String>> = rows.map(|(what, value)| vec![what.to_owned(), value]).to_vec();
    Ok(Answer::new(words::table(&rows))
        .with("only", "objectives-peers")
        .with("case", name)
        .with_all(pace)
        .with("fma_peak_gflops", peak)
        .with("share_of_peak", share))
}

/// 10⁹ operations a second of multiply-adds alone, on all threads: the most that was seen since the program began.
fn peak() -> f64 {
    static HIGHEST: Mutex<f64> = Mutex::new(0.0);
    let look = |_| machine::fma_peak_gflops(rayon::current_num_threads(), PEAK);
    let mut highest = HIGHEST.lock().unwrap_or_else(PoisonError::into_inner);
    *highest = (0..PEAKS).map(look).fold(*highest, f64::max);
    *highest
}

fn passes(seconds: f64, session: &Session) -> Result<Answer> {
    peak();
    let passes = bench::passes(seconds, session.seed(), session.device())?;
    let peak = peak();
    let memory = machine::resident().map(|resident| resident.peak);
    let head = ["plain-mlp 2→128→128→128→2", "rows", "forward", "backward", "rows/s", "forward GFLOP/s", "backward GFLOP/s"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let mut listed: Vec<Value> = Vec::new();
    for pass in &passes {
        let shares = [pass.forward_gflops / peak, pass.backward_gflops / peak];
        let arithmetic = |gflops: f64, share: f64| format!("{} ({:.0}%)", words::number(gflops.round()), 100.0 * share);
        let (forward, backward) = (arithmetic(pass.forward_gflops, shares[0]), arithmetic(pass.backward_gflops, shares[1]));
        let rate = pass.rows as f64 / (pass.forward_seconds + pass.backward_seconds);
        let what = if pass.what == "jet" { "value and one derivative" } else { "value" };
        let [ahead, back] = [pass.forward_seconds, pass.backward_seconds].map(words::seconds);
        rows.push(vec![what.to_owned(), pass.rows.to_string(), ahead, back, words::rate(rate), forward, backward]);
        let mut row = json!(pass);
        row["rows_per_second"] = rate.into();
        row["forward_share_of_peak"] = shares[0].into();
        row["backward_share_of_peak"] = shares[1].into();
        listed.push(row);
    }
    let text = format!(
        "{}of {} GFLOP/s of multiply-adds; peak memory {}\n",
        words::table(&rows),
        words::rate(peak),
        memory.map_or("unknown".to_owned(), words::bytes)
    );
    Ok(Answer::new(text).with("mlp", listed).with("fma_peak_gflops", peak).with("mlp_peak_rss_bytes", memory))
}

fn objectives(args: &Bench, seconds: f64, session: &Session) -> Result<Answer> {
    let extent = if args.quick { Extent::Quick } else { Extent::Whole };
    let plan = Plan { extent, seconds, seed: session.seed() };
    let mut progress = session.progress();
    let measured = bench::objectives(&plan, session.device(), &mut progress)?;
    progress.clear();
    let machine = machine(session);
    if let Some(path) = &args.picture {
        bench::picture(&measured)?.save(path, &[("machine", &machine), ("seed", &session.seed().to_string())])?;
    }
    if let Some(path) = &args.markdown {
        let quick = if args.quick { " --quick" } else { "" };
        let command = format!("scorefield bench --only objectives{quick}");
        bench::write_markdown(path, &bench::markdown(&measured, &machine, &command))?;
    }
    Ok(Answer::new(text(&measured)).with("machine", machine).with("rows", &measured.rows).with("slopes", measured.slopes))
}

/// What kind of machine it is, without names.
fn machine(session: &Session) -> String {
    let (features, threads) = (machine::features(), rayon::current_num_threads());
    match session.device_name().as_str() {
        "cpu" => {
            format!("{} with {}, {threads} thread{}", features.architecture, features.active, if threads == 1 { "" } else { "s" })
        }
        device => device.to_owned(),
    }
}

fn text(measured: &Measured) -> String {
    let head = [
        "objective",
        "d",
        "M",
        "σ",
        "variate",
        "a step",
        "a number",
        "loss",
        "± given x",
        "±",
        "noise given x",
        "noise",
        "left out",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(measured.rows.iter().map(line));
    let mut text = words::table(&rows);
    text += "noise: tr Cov of the gradient over its squared mean, at one batch of points and from batch to batch\n";
    for said in bench::slopes(measured) {
        text += &format!("{said}\n");
    }
    text
}

fn line(row: &Row) -> Vec<String> {
    let number = |x: Option<f64>| x.map_or("–".to_owned(), words::number);
    let time = |x: Option<f64>| x.map_or("–".to_owned(), words::seconds);
    vec![
        row.objective.to_owned(),
        row.d.to_string(),
        row.projections.map_or("–".to_owned(), |m| m.to_string()),
        words::number(row.sigma),
        row.control_variate.unwrap_or("–").to_owned(),
        time(row.seconds_per_step),
        time(row.seconds_per_element),
        number(row.loss_mean),
        number(row.loss_variance_given_point.map(f64::sqrt)),
        number(row.loss_variance.map(f64::sqrt)),
        number(row.gradient_noise),
        number(row.gradient_noise_of_batches),
        row.skipped.clone().unwrap_or_default(),
    ]
}
