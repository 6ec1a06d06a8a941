//! The public face of the library as text: `docs/api.txt`, so that a change of it is seen in review and is never an accident.
//!
//! Read off the source, by file: every item, method, field and trait function that is marked `pub`, and the variants of public enums, each on
//! one line without its body. Items that are public in a private module and exported by no other are listed too: more, never less, than
//! a user can reach. A line that goes or changes needs a new major version, by the rules of semantic versioning; one that comes needs a minor one.

use crate::tidy::{SourceFile, before_tests, read, sources};
use std::path::Path;
use std::process::ExitCode;

const LIST: &str = "docs/api.txt";
const CRATES: &[&str] = &["crates/scorefield/src/", "crates/scorefield-kernels/src/"];
const HEAD: &str = "# What is public in the library, by file. Made by `cargo run -p xtask -- api`; CI compares.\n";

/// What is done with the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It is written.
    Write,
    /// It is compared with what is there.
    Check,
}

/// Makes the list, and writes or compares it.
pub fn run(wish: Wish) -> ExitCode {
    match list_and(wish) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("api: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn list_and(wish: Wish) -> Result<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace has no folder")?;
    let list = list(&sources(&read(root)?));
    let lines = list.lines().filter(|line| line.starts_with("  ")).count();
    let path = root.join(LIST);
    if wish == Wish::Write {
        std::fs::write(&path, &list).map_err(|e| format!("{LIST}: {e}"))?;
        return Ok(format!("api: {lines} lines written to {LIST}"));
    }
    let there = std::fs::read_to_string(&path).map_err(|e| format!("{LIST}: {e}"))?;
    match there == list {
        true => Ok(format!("api: {lines} lines, as in {LIST}")),
        false => Err(format!(
            "{}\n{LIST} is not what the source says: look at the change, then cargo run -p xtask -- api",
            difference(&there, &list)
        )),
    }
}

/// Lines that are in one and not in the other, the first few.
fn difference(old: &str, new: &str) -> String {
    let only = |a: &str, b: &str, sign: char| {
        let there: std::collections::HashSet<&str> = b.lines().collect();
        a.lines().filter(|line| !there.contains(line)).take(10).map(|line| format!("{sign}{line}")).collect::<Vec<_>>()
    };
    [only(old, new, '-'), only(new, old, '+')].concat().join("\n")
}

fn list(sources: &[SourceFile]) -> String {
    let mut text = HEAD.to_owned();
    for source in sources.iter().filter(|s| !s.is_test() && CRATES.iter().any(|folder| s.path.starts_with(folder))) {
        let found = public(before_tests(&source.scrubbed.code));
        if !found.is_empty() {
            text += &format!("\n{}\n", source.path);
            found.iter().for_each(|line| text += &format!("  {line}\n"));
        }
    }
    text
}

/// What is inside what, by the indentation that rustfmt gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    /// An inherent `impl` or a struct: what is marked.
    Marked,
    /// A public enum or trait: everything.
    All,
}

fn public(code: &str) -> Vec<String> {
    let lines: Vec<&str> = code.lines().collect();
    let (mut found, mut inside, mut owner) = (Vec::new(), Inside::Nothing, String::new());
    for (i, line) in lines.iter().enumerate() {
        let (indent, text) = (line.len() - line.trim_start().len(), line.trim());
        let word = |at: usize| text.split_whitespace().nth(at).unwrap_or_default();
        match indent {
            0 if text.starts_with("pub ") => {
                found.push(signature(&lines[i..]));
                inside = if matches!(word(1), "enum" | "trait") { Inside::All } else { Inside::Marked };
                owner = String::new();
            }
            0 if text.starts_with("impl") => {
                inside = if text.contains(" for ") { Inside::Nothing } else { Inside::Marked };
                owner = signature(&lines[i..]) + ": ";
            }
            // A closing bracket ends a header of several lines as well as a body.
            0 if text == "}" => inside = Inside::Nothing,
            4 if inside != Inside::Nothing && text.starts_with("pub ") => {
                found.push(format!("{owner}{}", signature(&lines[i..])));
            }
            4 if inside == Inside::All && text.starts_with(|c: char| c.is_alphabetic()) => {
                found.push(format!("    {}", signature(&lines[i..])));
            }
            _ => {}
        }
    }
    found
}

/// One declaration on one line, without its body.
fn signature(lines: &[&str]) -> String {
    let (mut text, mut depth) = (String::new(), 0i32);
    for line in lines {
        for c in line.trim().chars() {
            depth += i32::from(matches!(c, '(' | '[')) - i32::from(matches!(c, ')' | ']'));
            // Groups of imports are part of what is declared; bodies are not.
            let import = text.starts_with("pub use");
            if depth == 0 && (matches!(c, ';' | ',') && !text.contains('<') || c == '{' || c == ';') && !import
                || (import && c == ';')
            {
                return text.trim().to_owned();
            }
            text.push(c);
        }
        text.push(' ');
        // A field or a variant whose type has commas ends with its line.
        if depth == 0 && line.trim_end().ends_with(',') && !text.starts_with("pub use") && !text.contains(" fn ") {
            break;
        }
    }
    text.trim().trim_end_matches(',').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public_is_listed_on_one_line_each_and_bodies_and_private_things_are_not() {
        let code = "pub struct A {\n    pub x: Vec<(u8, u8)>,\n    y: u8,\n}\nimpl A {\n    pub fn f(\n        &self,\n        n: [u8; 3],\n    ) -> Result<u8> {\n        pub_in_body();\n    }\n    fn g() {}\n}\nimpl B for A {\n    fn h() {}\n}\npub enum E {\n    One,\n    Two { a: u8 },\n}\npub(crate) fn hidden() {}\npub use a::{b, c};\npub const N: usize = 3;\n";
        assert_eq!(
            public(code),
            [
                "pub struct A",
                "pub x: Vec<(u8, u8)>",
                "impl A: pub fn f( &self, n: [u8; 3], ) -> Result<u8>",
                "pub enum E",
                "    One",
                "    Two",
                "pub use a::{b, c}",
                "pub const N: usize = 3",
            ]
        );
    }
}
