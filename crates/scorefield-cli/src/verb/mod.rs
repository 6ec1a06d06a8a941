//! The verbs: one file each, with its arguments and what it does with them.

pub mod bench;
pub mod completions;
pub mod decode;
pub mod demo;
pub mod denoise;
pub mod diagnose;
pub mod doctor;
pub mod encode;
pub mod evaluate;
pub mod export;
pub mod fisher;
pub mod import;
pub mod lecture;
pub mod likelihood;
pub mod list;
pub mod reference;
pub mod reproduce;
pub mod runs;
pub mod sample;
pub mod score;
pub mod train;
pub mod verify;

use scorefield::error::Result;

use crate::args::Verb;
use crate::output::Answer;
use crate::session::Session;

/// The verbs as they are typed.
pub const NAMES: &[&str] = &[
    "demo",
    "train",
    "sample",
    "score",
    "denoise",
    "likelihood",
    "encode",
    "decode",
    "fisher",
    "evaluate",
    "diagnose",
    "export",
    "import",
    "lecture",
    "verify",
    "list",
    "reproduce",
    "runs",
    "doctor",
    "bench",
    "completions",
];

/// Does what a verb says.
///
/// # Errors
/// Those of the verb.
pub fn run(verb: &Verb, session: &Session) -> Result<Answer> {
    match verb {
        Verb::Demo(args) => demo::run(args, session),
        Verb::Train(args) => train::run(args, session),
        Verb::Sample(args) => sample::run(args, session),
        Verb::Score(args) => score::run(args, session),
        Verb::Denoise(args) => denoise::run(args, session),
        Verb::Likelihood(args) => likelihood::run(args, session),
        Verb::Encode(args) => encode::run(args, session),
        Verb::Decode(args) => decode::run(args, session),
        Verb::Fisher(args) => fisher::run(args, session),
        Verb::Evaluate(args) => evaluate::run(args, session),
        Verb::Diagnose(args) => diagnose::run(args, session),
        Verb::Export(args) => export::run(args, session),
        Verb::Import(args) => import::run(args, session),
        Verb::Lecture(args) => lecture::run(args, session),
        Verb::Verify(args) => verify::run(args, session),
        Verb::List(args) => list::run(args, session),
        Verb::Reproduce(args) => reproduce::run(args, session),
        Verb::Runs(args) => runs::run(args),
        Verb::Doctor(args) => doctor::run(args, session),
        Verb::Bench(args) => bench::run(args, session),
        Verb::Completions(args) => completions::run(args),
        Verb::Reference(args) => reference::run(args),
    }
}
