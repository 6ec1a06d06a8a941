//! What may stand only in certain places: Burn, `unsafe`, printing.

use super::files::SourceFile;
use super::finding::Finding;
use super::scrub::{before_tests, lines_with};

/// The rooms that may name Burn: it breaks with each minor release.
const BURN: &[&str] = &[
    "crates/scorefield/src/tensor/",
    "crates/scorefield/src/jet/",
    "crates/scorefield/src/net/",
    "crates/scorefield/src/train/",
];
const BURN_NAMES: &[&str] = &["burn", "burn_flex", "burn_store"];
/// The crate that may be unsafe.
const UNSAFE: &str = "crates/scorefield-kernels/";
/// The crate whose code never prints: what is seen of its work goes through an observer.
const SILENT: &str = "crates/scorefield/src/";
const PRINTING: &[&str] = &["println", "print", "eprintln", "eprint"];

/// Burn outside its rooms, `unsafe` outside the kernels, printing inside the library.
pub fn check(sources: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let code = &source.scrubbed.code;
        let mut at = |lines: Vec<usize>, message: &str| {
            findings.extend(lines.into_iter().map(|line| Finding::new(&source.path, line, message)));
        };
        if !BURN.iter().any(|room| source.path.starts_with(room)) {
            for name in BURN_NAMES {
                at(paths_from(code, name), "Burn is named only in tensor/, jet/, net/ and train/");
            }
        }
        if !source.path.starts_with(UNSAFE) {
            at(lines_with(code, "unsafe"), "`unsafe` stands only in scorefield-kernels");
        }
        // A test may say that it skips itself.
        if source.path.starts_with(SILENT) && !source.is_test() {
            let library = before_tests(code);
            for name in PRINTING {
                at(calls(library, name), "the library does not print: tell an observer");
            }
        }
    }
    findings
}

/// Lines on which a path begins with `name::`, or that import `name` itself.
fn paths_from(code: &str, name: &str) -> Vec<usize> {
    let text: Vec<&str> = code.lines().collect();
    let lines = lines_with(code, name).into_iter();
    lines
        .filter(|line| text[line - 1].contains(&format!("{name}::")) || text[line - 1].trim_start().starts_with("use "))
        .collect()
}

fn calls(code: &str, name: &str) -> Vec<usize> {
    let text: Vec<&str> = code.lines().collect();
    lines_with(code, name).into_iter().filter(|line| text[line - 1].contains(&format!("{name}!"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&[SourceFile::new(path, text)]).len()
    }

    #[test]
    fn burn_stays_in_its_rooms() {
        let text = "use burn::tensor::Tensor;\nlet x = burn::tensor::f();\nuse burn as b;\nlet burn = 1;";
        assert_eq!(found("crates/scorefield/src/sample/drive.rs", text), 3);
        assert_eq!(found("crates/scorefield-cli/src/main.rs", text), 3);
        assert_eq!(found("crates/scorefield/src/net/mlp.rs", text), 0);
        assert_eq!(found("crates/scorefield/src/run/list.rs", "//! not burn::tensor\nlet a = \"burn::x\";"), 0);
    }

    #[test]
    fn unsafe_stays_in_the_kernels() {
        let text = "// unsafe is forbidden\n#![forbid(unsafe_code)]\nunsafe { f() }";
        assert_eq!(found("crates/scorefield/src/key.rs", text), 1);
        assert_eq!(found("crates/scorefield-kernels/src/lanes.rs", text), 0);
    }

    #[test]
    fn the_library_is_silent_and_the_command_is_not() {
        let text = "println!(\"x\");\n#[cfg(test)]\nmod tests { fn f() { eprintln!(\"skipped\") } }";
        assert_eq!(found("crates/scorefield/src/sample/drive.rs", text), 1);
        assert_eq!(found("crates/scorefield-cli/src/main.rs", text), 0);
    }
}
