//! Nothing of one machine stands in the repository: no absolute paths into somebody's folders, no private registry.

use super::files::Text;
use super::finding::Finding;

/// Folders that exist on one machine. Spelt in two pieces, because this file is read too.
const FOLDERS: &[&str] = &[concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];
/// Words by which cargo, pip and apt are pointed at another registry.
const REGISTRIES: &[&str] = &[
    concat!("sparse", "+http"),
    concat!("replace", "-with"),
    concat!("index", "-url"),
    concat!("trusted", "-host"),
    concat!("[regis", "tries"),
    concat!("CARGO_REGIS", "TRIES"),
];

/// Lines that name a folder of one machine or a registry of one network.
pub fn check(texts: &[Text]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for text in texts {
        for (i, line) in text.content.lines().enumerate() {
            if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
                findings.push(Finding::new(&text.path, i + 1, format!("a path of one machine: {folder}…")));
            }
            if let Some(word) = REGISTRIES.iter().find(|word| line.contains(**word)) {
                findings.push(Finding::new(&text.path, i + 1, format!("a registry of one network: {word}…")));
            }
        }
    }
    findings
}

/// Whether the folder begins a path: `docs/home/` and `example.org/home/` do not count.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(i, _)| {
        let before = line[..i].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '~' | '}' | ')'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> usize {
        check(&[Text { path: "a.md".to_owned(), content: format!("fine\n{line}\n") }]).iter().filter(|f| f.line == 2).count()
    }

    #[test]
    fn machine_paths_and_registries_are_found() {
        for (planted, count) in [
            (format!("see {}me/x", concat!("/ho", "me/")), 1),
            (format!("\"{}x\"", concat!("/ro", "ot/")), 1),
            (format!("{} = 'mirror'", concat!("replace", "-with")), 1),
            ("https://example.org/home/page".to_owned(), 0),
            (format!("a network{}x", concat!("/wo", "rk/")), 0),
            ("frame/worker".to_owned(), 0),
        ] {
            assert_eq!(found(&planted), count, "{planted}");
        }
    }
}
