//! `bench`: how fast this machine trains, and how noisy what it trains on is.

use std::time::Duration;

use clap::Args;
use scorefield::bench;
use scorefield::error::{Error, Result};
use scorefield::registry::unknown;
use scorefield_kernels::machine;

use crate::args::Offered;
use crate::output::Answer;
use crate::session::Session;
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield bench --only objectives-peers --case sliced-1024 --json      one step as other libraries take it";

/// What may be measured.
const PARTS: &[&str] = &["objectives-peers"];
/// Long enough for the processor to reach its speed.
const PEAK: Duration = Duration::from_millis(250);

/// Measure speed: training steps of every objective, the network against the processor's peak.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Bench {
    /// Measure only this
    #[arg(long, value_name = "NAME", value_parser = Offered::new(PARTS.iter().copied()))]
    only: Option<String>,
    /// Of objectives-peers: which step
    #[arg(long, value_name = "CASE", value_parser = Offered::new(bench::CASES.iter().map(|c| c.name)))]
    case: Option<String>,
    /// Of objectives-peers: how many steps [default: a second and a half of them]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
}

/// Does it.
///
/// # Errors
/// A name that is none, a step that fails.
pub fn run(args: &Bench, session: &Session) -> Result<Answer> {
    let only = args.only.as_deref().unwrap_or("objectives");
    match only {
        "objectives-peers" => peers(args, session),
        other => Err(unknown("--only", other, PARTS)),
    }
}

fn peers(args: &Bench, session: &Session) -> Result<Answer> {
    let names: Vec<&str> = bench::CASES.iter().map(|c| c.name).collect();
    let Some(name) = &args.case else {
        return Err(Error::setting("--case", format!("one of {}", names.join(", ")), "nothing"));
    };
    let pace = bench::pace(bench::case(name)?, args.steps, session.seed(), session.device())?;
    let peak = machine::fma_peak_gflops(rayon::current_num_threads(), PEAK);
    let share = pace.gflops / peak;
    let memory = pace.peak_rss_bytes.map_or("unknown".to_owned(), words::bytes);
    let rows = [
        ("a step", words::seconds(pace.seconds_per_step)),
        ("steps", words::count(pace.steps)),
        ("parameters", words::count(pace.parameters as u64)),
        ("peak memory", memory),
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
