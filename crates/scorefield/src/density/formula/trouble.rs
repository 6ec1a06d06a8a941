//! What is wrong with a formula, and at which character of it.

use crate::error::Error;
use std::path::Path;

/// One thing wrong, at a character of the formula.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trouble {
    /// Character, counted from 0; `None`: the formula as a whole.
    pub at: Option<usize>,
    /// What is wrong.
    pub problem: String,
    /// The nearest right name, or what to do.
    pub hint: Option<String>,
}

/// What the formula's functions return.
pub(super) type Outcome<T> = Result<T, Trouble>;

impl Trouble {
    pub fn new(at: usize, problem: impl Into<String>) -> Self {
        Self { at: Some(at), problem: problem.into(), hint: None }
    }

    /// Of the formula as a whole.
    pub fn whole(problem: impl Into<String>) -> Self {
        Self { at: None, problem: problem.into(), hint: None }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the nearest of some names, if one is near.
    pub fn near(self, name: &str, names: impl IntoIterator<Item = String>) -> Self {
        let names: Vec<String> = names.into_iter().collect();
        match crate::registry::nearest(name, names.iter().map(String::as_str)) {
            Some(near) => self.hint(format!("did you mean {near}?")),
            None => self,
        }
    }

    /// The error of the file that holds the formula: line and column, and below the message the line itself with a caret.
    pub fn in_file(self, path: &Path, field: &str, text: &str) -> Error {
        let error = match self.at {
            None => Error::file_at(path, field, self.problem),
            Some(at) => {
                let before: String = text.chars().take(at).collect();
                let line = before.matches('\n').count();
                let column = before.chars().rev().take_while(|c| *c != '\n').count();
                let place = match text.trim_end().contains('\n') {
                    true => format!("{field}, line {}, column {}", line + 1, column + 1),
                    false => format!("{field}, column {}", column + 1),
                };
                let shown = excerpt(text.split('\n').nth(line).unwrap_or_default(), column);
                Error::file_at(path, place, format!("{}\n{shown}", self.problem))
            }
        };
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

/// Characters of a long line that are shown on either side of the place.
const AROUND: usize = 60;

/// Two lines that begin with `|`: the text about the place, and a caret under it.
fn excerpt(line: &str, column: usize) -> String {
    let plain: Vec<char> = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let first = column.saturating_sub(AROUND);
    let shown: String = plain.iter().skip(first).take(2 * AROUND).collect();
    let (before, after) = (if first > 0 { "…" } else { "" }, if plain.len() > first + 2 * AROUND { "…" } else { "" });
    let indent = " ".repeat(column - first + before.chars().count());
    format!("| {before}{}{after}\n| {indent}^", shown.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_character() {
        let trouble = Trouble::new(12, "wrong").in_file(Path::new("f.toml"), "log_density", "let a = 1;\n  b + c");
        assert_eq!(trouble.to_string(), "f.toml (log_density, line 2, column 2): wrong\n|   b + c\n|  ^");
        let long = format!("{}!{}", "x".repeat(200), "y".repeat(200));
        let shown = excerpt(&long, 200);
        let (line, caret) = shown.split_once('\n').unwrap();
        assert_eq!(line.chars().nth(caret.chars().count() - 1), Some('!'));
        assert!(line.chars().count() < 130);
    }
}
