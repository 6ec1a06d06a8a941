//! `diagnose`: what is wrong with data, a score or a chain, as figures with intervals, pictures, and what to do about it.

mod chains;
mod density;
mod findings;
mod manifold;
mod mixing;
mod sliced_loss;
mod subject;

use clap::{Args, Subcommand};
use scorefield::error::Result;

use crate::output::Answer;
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  scorefield diagnose manifold digits                  how many dimensions the data fill
  scorefield diagnose manifold runs/digits             and what the learned score says of it
  scorefield diagnose mixing density:mixture           which modes samplers find, and what lies between
  scorefield diagnose density runs/mixture             where the learned score is wrong
  scorefield diagnose chains chains.npy                what draws from anywhere are worth

Each writes a folder with report.html, its pictures and diagnosis.json.";

/// Measure what can go wrong: data on a manifold, low density, slow mixing, chains.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Diagnose {
    #[command(subcommand)]
    what: What,
}

/// What is looked at.
#[derive(Debug, Subcommand)]
enum What {
    Manifold(manifold::Manifold),
    Density(density::Density),
    Mixing(mixing::Mixing),
    Chains(chains::OfChains),
}

/// Does it.
///
/// # Errors
/// Those of the diagnosis.
pub fn run(args: &Diagnose, session: &Session) -> Result<Answer> {
    match &args.what {
        What::Manifold(args) => manifold::run(args, session),
        What::Density(args) => density::run(args, session),
        What::Mixing(args) => mixing::run(args, session),
        What::Chains(args) => chains::run(args, session),
    }
}
