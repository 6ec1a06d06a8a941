//! The oldest compiler that builds the workspace is stated once, in Cargo.toml, and what readers are told agrees with it.

use super::files::Text;
use super::finding::Finding;

const MANIFEST: &str = "Cargo.toml";
const README: &str = "README.md";

/// A workspace without `rust-version`, members that do not take it over, a README that says another.
pub fn check(texts: &[Text]) -> Vec<Finding> {
    let find = |path: &str| texts.iter().find(|text| text.path == path).map(|text| text.content.as_str());
    let manifest = find(MANIFEST).unwrap_or_default();
    let stated = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'));
    let Some(stated) = stated else {
        return vec![Finding::new(MANIFEST, 1, "states no rust-version: the oldest compiler that builds it")];
    };
    let mut findings = Vec::new();
    let members = texts.iter().filter(|text| text.path.ends_with("/Cargo.toml") && !text.path.starts_with("fuzz/"));
    for member in members.filter(|text| !text.content.contains("rust-version.workspace = true")) {
        findings.push(Finding::new(&member.path, 1, "does not take over the workspace's rust-version"));
    }
    if !find(README).unwrap_or_default().contains(&format!("Rust {stated} or newer")) {
        findings.push(Finding::new(README, 1, format!("does not say \"Rust {stated} or newer\", as Cargo.toml does")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(texts: &[(&str, &str)]) -> usize {
        let texts: Vec<Text> =
            texts.iter().map(|(path, content)| Text { path: (*path).into(), content: (*content).into() }).collect();
        check(&texts).len()
    }

    #[test]
    fn manifest_members_and_readme_say_the_same() {
        let root = ("Cargo.toml", "[workspace.package]\nrust-version = \"1.95\"\n");
        let member = ("a/Cargo.toml", "rust-version.workspace = true\n");
        let readme = ("README.md", "With Rust 1.95 or newer:");
        assert_eq!(found(&[root, member, readme]), 0);
        assert_eq!(found(&[root, member, ("README.md", "With Rust 1.90 or newer:")]), 1);
        assert_eq!(found(&[root, ("a/Cargo.toml", ""), readme]), 1);
        assert_eq!(found(&[("Cargo.toml", ""), readme]), 1);
    }
}
