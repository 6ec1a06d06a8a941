//! What a written file says of its making, so that `reproduce` can make it again: the verb with its arguments, the model's hash, the seed.
//!
//! The arguments are those that were typed, but for what says where the answer goes, and with what came from the environment or from a
//! default that depends on the target. In place of the file's own name stands `{}`.

use clap::parser::ValueSource;
use clap::{ArgAction, CommandFactory};
use scorefield::recipe::Target;
use sha2::{Digest, Sha256};

use crate::args::Cli;
use crate::session::Session;

/// The file's name in the arguments.
pub const SELF: &str = "{}";
/// What is not part of the making (where answers go), and what the verb adds by itself, typed or not: so the order is always the same.
const APART: &[&str] = &[
    "out",
    "picture",
    "json",
    "quiet",
    "seed",
    "device",
    "data_dir",
    "n",
    "from",
    "sampler",
    "epsilon",
    "trace",
    "chains_plot",
    "animate",
    "advise",
];

/// Pairs of a key and a text.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pairs: Vec<(&'static str, String)>,
    arguments: Vec<String>,
}

impl Record {
    /// Of a file that `verb` makes from `target` (opened as `spec`), under the flag `out` (`-o`, `--picture`).
    pub fn new(verb: &'static str, spec: &str, target: &Target, out: &str, session: &Session) -> Self {
        let mut arguments = typed(verb, session);
        arguments.extend(["--seed".to_owned(), session.seed().to_string(), out.to_owned(), SELF.to_owned()]);
        let record = Self { pairs: Vec::new(), arguments };
        record
            .with("scorefield", env!("CARGO_PKG_VERSION"))
            .with("verb", verb)
            .with("target", spec)
            .with("model", target.hash())
            .with("seed", session.seed())
            .with("device", session.device_name())
    }

    /// With one more pair.
    pub fn with(mut self, key: &'static str, value: impl ToString) -> Self {
        self.pairs.push((key, value.to_string()));
        self
    }

    /// With a flag of those that are not taken from what was typed; before the file's name.
    pub fn flag(mut self, flag: &str, value: impl ToString) -> Self {
        let end = self.arguments.len() - 2;
        self.arguments.splice(end..end, [flag.to_owned(), value.to_string()]);
        self
    }

    /// With what identifies the points that went in.
    pub fn points(self, values: &[f32]) -> Self {
        let mut hash = Sha256::new();
        values.iter().for_each(|v| hash.update(v.to_le_bytes()));
        let hash: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        self.with("points", hash)
    }

    /// As files take them.
    pub fn done(mut self) -> Vec<(&'static str, String)> {
        // A list of texts always has a JSON form.
        let arguments = serde_json::to_string(&self.arguments).unwrap_or_default();
        self.pairs.push(("arguments", arguments));
        self.pairs
    }
}

/// Pairs by reference.
pub fn by_reference<'a>(pairs: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    pairs.iter().map(|(key, value)| (*key, value.as_str())).collect()
}

/// The verb and what was typed after it.
fn typed(verb: &str, session: &Session) -> Vec<String> {
    let command = Cli::command();
    let mut words = vec![verb.to_owned()];
    // They have been parsed once, so they can be again.
    let Ok(matches) = command.clone().try_get_matches_from(session.arguments()) else { return words };
    let (Some(known), Some(given)) = (command.find_subcommand(verb), matches.subcommand_matches(verb)) else { return words };
    for argument in known.get_arguments().filter(|a| !APART.contains(&a.get_id().as_str())) {
        let id = argument.get_id().as_str();
        if given.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let name = argument.get_long().map(|long| format!("--{long}"));
        match argument.get_action() {
            ArgAction::SetTrue | ArgAction::SetFalse | ArgAction::Count => words.extend(name),
            _ => {
                for value in given.get_raw(id).into_iter().flatten() {
                    words.extend(name.clone());
                    words.push(value.to_string_lossy().into_owned());
                }
            }
        }
    }
    words
}
