//! Files stay readable in one sitting.

use super::files::SourceFile;
use super::finding::Finding;

/// Lines a file may have without a reason.
const MOST: usize = 500;
/// Longer files, each with its reason.
const LONGER: &[(&str, &str)] = &[];

/// Files that are too long, and one line on the lengths of all.
pub fn check(sources: &[SourceFile]) -> (Vec<Finding>, Vec<String>) {
    examine(sources, LONGER)
}

fn examine(sources: &[SourceFile], longer: &[(&str, &str)]) -> (Vec<Finding>, Vec<String>) {
    let mut findings = Vec::new();
    let mut lengths: Vec<(usize, &str)> = sources.iter().map(|s| (s.content.lines().count(), s.path.as_str())).collect();
    for (lines, path) in &lengths {
        let listed = longer.iter().any(|(file, _)| file == path);
        if *lines > MOST && !listed {
            findings.push(Finding::new(
                path,
                MOST + 1,
                format!("{lines} lines: over {MOST} needs a reason in xtask/src/tidy/length.rs"),
            ));
        }
        if *lines <= MOST && listed {
            findings.push(Finding::new(
                path,
                1,
                format!("{lines} lines: no longer needs its exception in xtask/src/tidy/length.rs"),
            ));
        }
    }
    lengths.sort_unstable();
    let note = lengths.last().map(|(most, longest)| {
        let median = lengths[lengths.len() / 2].0;
        format!("files: {} of Rust, median {median} lines, longest {most} ({longest})", lengths.len())
    });
    (findings, note.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_needs_a_reason_and_a_short_one_none() {
        let long = SourceFile::new("a.rs", &"x\n".repeat(501));
        let short = SourceFile::new("b.rs", "x\n");
        let all = [long, short];
        let (findings, notes) = examine(&all, &[]);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].file.as_str(), findings[0].line), ("a.rs", 501));
        assert!(notes[0].contains("longest 501 (a.rs)"));
        assert!(examine(&all, &[("a.rs", "a table")]).0.is_empty());
        assert_eq!(examine(&all, &[("a.rs", "a table"), ("b.rs", "habit")]).0.len(), 1);
    }
}
