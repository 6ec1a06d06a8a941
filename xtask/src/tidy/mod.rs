//! The rules of the house, read off the source text: rooms, boundaries, habits, licences.
//!
//! Each rule is a file with a `check` that returns [`Finding`]s; the texts it reads come from [`files`], cut into code and comments by
//! [`scrub`]. A rule's tests plant a violation and expect it to be found.

mod boundaries;
mod files;
mod finding;
mod habits;
mod length;
mod licences;
mod minimum;
mod places;
mod rooms;
mod scrub;
mod spdx;

pub use files::{SourceFile, read, sources};
pub use scrub::before_tests;

use finding::Finding;
use std::path::Path;
use std::process::ExitCode;

/// Checks the workspace; prints each finding as `file:line: message`.
pub fn run() -> ExitCode {
    match examine() {
        Ok((findings, notes)) => {
            for note in notes {
                println!("{note}");
            }
            for finding in &findings {
                println!("{finding}");
            }
            println!("tidy: {} {}", findings.len(), if findings.len() == 1 { "finding" } else { "findings" });
            ExitCode::from(u8::from(!findings.is_empty()))
        }
        Err(problem) => {
            eprintln!("tidy: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn examine() -> Result<(Vec<Finding>, Vec<String>), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace has no folder")?;
    let texts = read(root)?;
    let sources = sources(&texts);
    let mut findings = Vec::new();
    findings.extend(rooms::check(&sources));
    findings.extend(rooms::check_map(&texts));
    findings.extend(boundaries::check(&sources));
    findings.extend(habits::check(&sources));
    findings.extend(places::check(&texts));
    findings.extend(minimum::check(&texts));
    let (long, lengths) = length::check(&sources);
    findings.extend(long);
    let (unlicensed, crates) = licences::check(root)?;
    findings.extend(unlicensed);
    findings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Ok((findings, [lengths, crates].concat()))
}
