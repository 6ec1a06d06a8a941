//! Habits of a file: it opens with its idea, has a name that says something, and holds nothing unfinished.

use super::files::SourceFile;
use super::finding::Finding;
use super::scrub::lines_with;

/// Names that say nothing about what is inside.
const NAMELESS: &[&str] = &["utils.rs", "util.rs", "common.rs", "helpers.rs", "helper.rs", "misc.rs"];
const NAMELESS_FOLDERS: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc"];
/// Notes to oneself.
const NOTES: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];
const UNFINISHED: &[&str] = &["todo", "unimplemented", "dbg"];

/// Files without an opening, with an empty name, or unfinished.
pub fn check(sources: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let mut at = |line: usize, message: String| findings.push(Finding::new(&source.path, line, message));
        let mut parts = source.path.rsplit('/');
        let file = parts.next().unwrap_or_default();
        if NAMELESS.contains(&file) || parts.any(|folder| NAMELESS_FOLDERS.contains(&folder)) {
            at(1, "a name that says nothing: name the file after its idea".to_owned());
        }
        if !source.content.starts_with("//! ") {
            at(1, "the first line says the file's idea: `//! …`".to_owned());
        }
        for note in NOTES {
            for line in lines_with(&source.scrubbed.comments, note) {
                at(line, format!("{note}: finish it, or open an issue"));
            }
        }
        let code: Vec<&str> = source.scrubbed.code.lines().collect();
        for name in UNFINISHED {
            let lines = lines_with(&source.scrubbed.code, name).into_iter();
            for line in lines.filter(|line| code[line - 1].contains(&format!("{name}!"))) {
                at(line, format!("`{name}!` is left in the code"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        check(&[SourceFile::new(path, text)]).into_iter().map(|f| f.line).collect()
    }

    #[test]
    fn a_file_opens_with_its_idea_and_is_named_after_it() {
        assert!(found("crates/a/src/key.rs", "//! Keys.\n").is_empty());
        assert_eq!(found("crates/a/src/key.rs", "use x;\n"), [1]);
        assert_eq!(found("crates/a/src/utils.rs", "//! Odds and ends.\n"), [1]);
        assert_eq!(found("crates/a/tests/common/mod.rs", "//! Odds and ends.\n"), [1]);
    }

    #[test]
    fn unfinished_things_are_found_in_comments_and_code_and_not_in_strings() {
        let text = "//! Idea.\n// TODO: more\nfn f() { todo!() }\nlet a = \"TODO todo!()\"; // TODOS\ndbg!(a);";
        assert_eq!(found("src/a.rs", text), [2, 3, 5]);
    }
}
