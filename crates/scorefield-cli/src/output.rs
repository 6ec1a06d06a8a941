//! What a verb answers, as text for people and as one JSON document for programs; errors likewise.

use std::io::{ErrorKind, IsTerminal, Write};

use scorefield::error::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::session::Session;

const SCHEMA: &str = "scorefield/1";

/// What a verb found or did.
#[derive(Debug, Default)]
pub struct Answer {
    /// For people.
    pub text: String,
    /// For programs: the fields besides those of every document.
    pub fields: Map<String, Value>,
    /// The seed that was used, where it is not the session's.
    pub seed: Option<u64>,
    /// What the exit code says.
    pub verdict: Verdict,
}

/// Whether what was found is what should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Exit code 0.
    #[default]
    Good,
    /// Exit code 1, with the answer printed all the same.
    Bad,
}

impl Answer {
    /// An answer in words.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Adds a field; a number that is not finite is null.
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        // What is given here are numbers, texts and lists of them, which always have a JSON form.
        self.fields.insert(name.to_owned(), serde_json::to_value(value).unwrap_or(Value::Null));
        self
    }

    /// Adds the fields of a struct.
    pub fn with_all(mut self, value: impl Serialize) -> Self {
        if let Ok(Value::Object(fields)) = serde_json::to_value(value) {
            self.fields.extend(fields);
        }
        self
    }
}

/// Prints an answer on stdout.
///
/// # Errors
/// A stdout that cannot be written. One that nobody reads any more is no error: the work is done.
pub fn print(answer: &Answer, verb: &str, session: &Session) -> Result<()> {
    if !session.json() {
        return write_out(&answer.text);
    }
    write_out(&format!("{}\n", document(answer, verb, session)))
}

/// The document of an answer.
pub fn document(answer: &Answer, verb: &str, session: &Session) -> Value {
    let mut document = Map::new();
    document.insert("schema".to_owned(), SCHEMA.into());
    document.insert("verb".to_owned(), verb.into());
    document.insert("seed".to_owned(), answer.seed.unwrap_or(session.seed()).into());
    document.insert("device".to_owned(), session.device_name().into());
    document.insert("seconds".to_owned(), session.seconds().into());
    document.extend(answer.fields.clone());
    Value::Object(document)
}

fn write_out(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::write("stdout", e)),
        _ => Ok(()),
    }
}

/// An error on its way to the user.
#[derive(Debug)]
pub struct Complaint {
    pub kind: &'static str,
    pub message: String,
    pub hint: Option<String>,
}

impl Complaint {
    /// An error of the library.
    pub fn of(error: &Error) -> Self {
        Self { kind: error.kind(), message: error.to_string(), hint: error.hint().map(str::to_owned) }
    }
}

/// One line on stderr and one for the hint; under `--json` one document on stdout. Lines of the message that begin with `|` show a place in
/// a text, and stay lines of their own for people.
pub fn complain(complaint: &Complaint, json: bool) {
    let one_line = |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    let (shown, said): (Vec<&str>, Vec<&str>) = complaint.message.lines().partition(|line| line.starts_with('|'));
    let message = one_line(&said.join("\n"));
    let hint = complaint.hint.as_deref().map(one_line);
    if json {
        let error = json!({ "kind": complaint.kind, "message": message, "hint": hint });
        let _ = write_out(&format!("{}\n", json!({ "schema": SCHEMA, "error": error })));
        return;
    }
    say("error", "31", &message);
    for line in shown {
        // Nobody may be listening.
        let _ = writeln!(std::io::stderr(), "     {}", plain(line));
    }
    if let Some(hint) = hint {
        say("hint", "36", &hint);
    }
}

/// One line on stderr that matters although the work goes on.
pub fn warn(text: &str) {
    say("warning", "33", text);
}

/// One line on stderr of the settings that are used.
pub fn recipe(text: &str) {
    say("recipe", "36", text);
}

/// What a file says, shown without moving the cursor about: a name may hold any byte.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

fn say(label: &str, colour: &str, text: &str) {
    let text = plain(text);
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let coloured = std::io::stderr().is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
    let label = if coloured { format!("\x1b[1;{colour}m{label}:\x1b[0m") } else { format!("{label}:") };
    // Nobody may be listening.
    let _ = writeln!(std::io::stderr(), "{label} {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_says_does_not_reach_the_terminal_as_commands() {
        assert_eq!(plain("column \u{1b}[2Jx\u{7}\u{9b}31m\ty: é"), "column \u{fffd}[2Jx\u{fffd}\u{fffd}31m\ty: é");
    }
}
