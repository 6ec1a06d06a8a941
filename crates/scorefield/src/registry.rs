//! Names that a user may type, each with what it is, its formula and its source.
//!
//! A room that offers a choice (objectives, samplers, schedules, …) keeps one `static` slice of [`Entry`]; help, `list`, completions
//! and error messages all read it. Adding a method is one file and one row.

use crate::error::{Error, Result};

/// One row of a registry.
#[derive(Debug)]
pub struct Entry<T: 'static> {
    /// The public name (contract: lower case, hyphens).
    pub name: &'static str,
    /// Other spellings that are accepted.
    pub aliases: &'static [&'static str],
    /// One line for `list` and help.
    pub summary: &'static str,
    /// The formula, in the symbols of the notation page.
    pub formula: &'static str,
    /// Author, year, equation.
    pub source: &'static str,
    /// What the row stands for.
    pub value: T,
}

/// Finds a row by name or alias; an unknown name is an error that offers the nearest one.
///
/// `what` names the choice in the error ("sampler", "--objective").
pub fn lookup<'a, T>(entries: &'a [Entry<T>], what: &str, name: &str) -> Result<&'a Entry<T>> {
    entries.iter().find(|e| e.name == name || e.aliases.contains(&name)).ok_or_else(|| {
        let names: Vec<&str> = entries.iter().map(|e| e.name).collect();
        let error = Error::setting(what, format!("one of {}", names.join(", ")), format!("{name:?}"));
        match nearest(name, entries.iter().flat_map(|e| e.aliases.iter().copied().chain([e.name]))) {
            Some(near) => error.with_hint(format!("did you mean {near}?")),
            None => error,
        }
    })
}

/// The error for a name that is none of a few, with the nearest of them.
pub fn unknown(what: &str, name: &str, names: &[&str]) -> Error {
    let error = Error::setting(what, format!("one of {}", names.join(", ")), format!("{name:?}"));
    match nearest(name, names.iter().copied()) {
        Some(near) => error.with_hint(format!("did you mean {near}?")),
        None => error,
    }
}

/// The candidate most like `name`, if one is close enough to be a misspelling of it.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|c| (strsim::jaro_winkler(name, c), c))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}
