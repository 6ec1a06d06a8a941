//! `diagnose chains`: what draws of Markov chains from anywhere are worth.

use std::path::PathBuf;

use clap::Args;
use scorefield::data::read_draws;
use scorefield::diagnostic::chains::{Draws, MIXED};
use scorefield::error::{Error, Result};
use serde_json::json;

use super::findings::Findings;
use crate::chains::{COLUMNS, Chains};
use crate::output::Answer;
use crate::session::Session;
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield sample density:mixture -n 64 --trace chains.npy
  scorefield diagnose chains chains.npy
  scorefield diagnose chains posterior.npy --names alpha,beta,sigma

An array of [chains, draws, d], or of [draws, d]: one chain, whose two halves are then held against each other.";

/// Have these chains mixed, and what are their draws worth?
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct OfChains {
    /// Draws, [chains, draws, d] or [draws, d]: .npy
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Names of the coordinates [default: x0, x1, …]
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    names: Vec<String>,
    /// Draws of each chain to leave out at its beginning
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    skip: usize,
    /// Folder for the report [default: scorefield-diagnose/chains]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Coordinates in the table on the terminal; the document has all.
const SHOWN: usize = 30;
/// The least number of draws of a chain.
const LEAST: usize = 8;
/// Effective draws below which errors themselves are not to be relied on, a chain.
const ENOUGH: f64 = 100.0;
/// What helps.
const HELP: [&str; 2] = [
    "Run them longer where they are slow, from other places, or with other steps; where modes are far apart no length helps: temper them, \
     or come down from noise",
    "run them longer",
];

/// Does it.
///
/// # Errors
/// A file that is no array of draws, too few draws, names that are not as many as coordinates, chains none of which is finite.
pub fn run(args: &OfChains, session: &Session) -> Result<Answer> {
    let name = args.file.display().to_string();
    let mut findings = Findings::new("chains", &name, args.out.as_deref())?;
    let (values, [chains, draws, d]) = read_draws(&args.file)?;
    if !args.names.is_empty() && args.names.len() != d {
        return Err(Error::setting("--names", format!("{d}, one for each coordinate"), args.names.len()));
    }
    let left = draws.saturating_sub(args.skip);
    if left < LEAST {
        let expected =
            format!("at least {LEAST} draws a chain{}", if args.skip > 0 { " after those that are left out" } else { "" });
        return Err(Error::setting("FILE", expected, left));
    }
    let kept: Vec<f64> = values.chunks_exact(draws * d).flat_map(|chain| &chain[args.skip * d..]).copied().collect();
    // One chain says of itself only whether its halves agree.
    let halves = chains == 1;
    let (n, length) = if halves { (2, left / 2) } else { (chains, left) };
    let kept = if halves { [&kept[..length * d], &kept[(left - length) * d..]].concat() } else { kept };
    let chains = Chains::new(Draws::new(kept, n, length, d)?, (1, args.skip + 1), n, None, None)?;
    let column = |j: usize| args.names.get(j).cloned().unwrap_or_else(|| format!("x{j}"));

    findings.section("What the draws are worth");
    let (summary, kept) = chains.summary();
    let mut order: Vec<usize> = (0..d).collect();
    let rhat = |j: &usize| if summary.rhat[*j].is_nan() { f64::INFINITY } else { summary.rhat[*j] };
    if d > SHOWN {
        order.sort_by(|a, b| rhat(b).total_cmp(&rhat(a)));
        order.truncate(SHOWN);
    }
    findings.table(&COLUMNS, &order.into_iter().map(|j| chains.row(j, &column)).collect::<Vec<_>>());
    if d > SHOWN {
        findings.say(&format!("Of {d} coordinates the {SHOWN} of greatest R̂; diagnosis.json has all."));
    }
    if halves {
        findings.say(
            "One chain: its first and its last half stand for two, so R̂ says whether it drifts, not whether others would agree.",
        );
    }
    findings.say(chains.overview().trim_end());
    let warning = chains.warning(&column, HELP);
    let least = summary.least_bulk().into_iter().chain(summary.least_tail()).fold(f64::INFINITY, f64::min);
    let wanted = ENOUGH * kept.chains as f64;
    match &warning {
        Some(warning) => findings.say(&format!("Warning: {warning}.")),
        None if summary.worst_rhat().is_none() => findings.say("R̂ is not defined: the draws do not move, or are too few."),
        None => findings.say(&format!(
            "No sign that they have not mixed: R̂ is at most {MIXED} in every coordinate{}.",
            if chains.still().is_empty() { "" } else { " that moves" }
        )),
    }
    let still: Vec<String> = chains.still().into_iter().map(&column).collect();
    if !still.is_empty() && summary.worst_rhat().is_some() {
        findings.say(&format!(
            "No chain moves in {}: constants, or chains that are stuck; R̂ says nothing of them.",
            still.join(", ")
        ));
    }
    if chains.diverged() > 0 {
        findings.say(&format!(
            "Of {n} chains {} are not finite: what made them fails at times, whatever the others say.",
            chains.diverged()
        ));
    }
    if least < wanted {
        findings.say(&format!(
            "The least effective sample size is {}, and the errors above are themselves uncertain below {ENOUGH} a chain, {} in all: draw more.",
            words::number(least),
            words::number(wanted)
        ));
    }
    findings.section("Pictures");
    for (file, picture) in chains.drawn(&column)? {
        findings.picture(file, &picture)?;
    }
    let fields = chains.fields(Answer::default()).fields;
    fields.into_iter().filter(|(name, _)| name != "ess_per_second").for_each(|(name, value)| findings.field(&name, value));
    findings.field("coordinates", summary);
    findings.field("names", (0..d).map(column).collect::<Vec<_>>());
    findings.field("shape", json!([n, kept.draws, d]));
    findings.field("constant", still);
    findings.field("warning", warning);
    findings.finish(session)
}
