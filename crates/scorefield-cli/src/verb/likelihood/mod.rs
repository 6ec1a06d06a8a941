//! `likelihood`: log p of data, by the probability-flow ODE where there are noise levels, and as it is written where a density is known without.

mod by_flow;
mod by_formula;

use std::path::PathBuf;

use clap::Args;
use scorefield::data::write::write_recorded;
use scorefield::error::{Error, Result};
use scorefield::objective::Law;
use scorefield::recipe::Target;

use crate::args::Offered;
use crate::output::Answer;
use crate::points::{self, Points};
use crate::record::{Record, by_reference};
use crate::session::Session;
use crate::sink::Sink;
use crate::target::{self, Which};

const EXAMPLES: &str = "\
Examples:
  scorefield likelihood runs/moons toy:two-moons -n 2000                     two thousand points that training did not see
  scorefield likelihood runs/table test.csv -o log_prob.npy
  scorefield likelihood runs/digits digits -n 200 --divergence hutchinson --probes 20
  scorefield likelihood density:mixture points.npy                           beside the exact value
  scorefield likelihood density:funnel points.npy                            no flow: log p as it is written

log p is that of the data under the model's smallest noise. Images' levels become numbers by uniform noise, and bits/dim are those of the
levels: an upper bound on the bits that a code for them takes (Theis, van den Oord & Bethge 2016). Train for it with --dequantise uniform.";

/// Measure log p of data, in nats and bits per dimension.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Likelihood {
    /// A run folder, or density:NAME, or density:FILE.toml
    #[arg(value_name = "RUN|density:…")]
    target: String,
    #[command(flatten)]
    which: Which,
    /// The data
    #[arg(value_name = "DATA")]
    data: String,
    /// Rows, at most [default: all of a file, 1,000 draws of an endless source]
    #[arg(short, long = "number", value_name = "N", allow_negative_numbers = true)]
    n: Option<usize>,
    /// File to write, log p in nats in the order of the rows, [n, 1]: .npy, .csv or .parquet; a table of hutchinson also has half_width
    #[arg(short, long, value_name = "OUT")]
    out: Option<PathBuf>,
    /// The divergence of the flow: exact, or hutchinson's estimate with its error bar [default: exact up to 128 dimensions]
    #[arg(long, value_name = "HOW", value_parser = Offered::new(["exact", "hutchinson"]))]
    divergence: Option<String>,
    /// Directions a row of hutchinson, each with a trajectory's integral of its own [default: 10]
    #[arg(long, value_name = "M", allow_negative_numbers = true)]
    probes: Option<usize>,
    /// Law of the directions [default: rademacher]
    #[arg(long, value_name = "WORD", value_parser = Offered::new(Law::WORDS.iter().copied()))]
    projection: Option<String>,
    /// Relative and absolute tolerance of the ODE [default: 0.00001]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    tolerance: Option<f64>,
    /// Upper end of the flow, where points are taken to be normal [default: the model's largest level; far out for density:…]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    sigma_max: Option<f64>,
}

/// Draws of an endless source, if not said.
const USUAL: usize = 1000;

/// Does it.
///
/// # Errors
/// A model without noise levels or of other noise than Gaussian, a formula up to a constant, data that cannot be read or have another dimension,
/// settings out of range.
pub fn run(args: &Likelihood, session: &Session) -> Result<Answer> {
    if args.n == Some(0) {
        return Err(Error::setting("-n", "at least 1", 0));
    }
    let target = target::open(&args.target, args.which, session)?;
    if target.knows_no_noise() { by_formula::run(args, &target, session) } else { by_flow::run(args, &target, session) }
}

/// The file that is asked for, and the rows.
fn ready(args: &Likelihood, target: &Target, session: &Session) -> Result<(Option<Sink>, Points)> {
    let sink = args.out.as_deref().map(Sink::numbers).transpose()?;
    Ok((sink, points::sample(&args.data, target, session, args.n, USUAL)?))
}

/// Writes log p, and beside it the error bars where there are some and the file is a table.
fn write(
    (args, target, session): (&Likelihood, &Target, &Session),
    sink: &Sink,
    points: &Points,
    log_prob: &[f64],
    half_width: Option<&[f64]>,
) -> Result<()> {
    let record = Record::new("likelihood", &args.target, target, "--out", session).points(&points.values);
    let record = record.flag("--number", points.n).done();
    let bars = half_width.filter(|_| sink.path().extension().is_none_or(|e| !e.eq_ignore_ascii_case("npy")));
    let mut columns = vec!["log_prob".to_owned()];
    columns.extend(bars.map(|_| "half_width".to_owned()));
    let rows = log_prob.iter().enumerate();
    let single: Vec<f32> = rows.flat_map(|(i, log)| [Some(*log as f32), bars.map(|bars| bars[i] as f32)]).flatten().collect();
    let far = log_prob.iter().filter(|log| log.is_finite() && !(**log as f32).is_finite()).count();
    if far > 0 {
        session.warn(&format!("log p of {far} rows is below what 32-bit numbers hold, and stands in the file as -inf"));
    }
    write_recorded(sink.path(), &single, &[points.n, columns.len()], Some(&columns), &by_reference(&record))
}
