//! Every crate that any feature or platform may bring in: its licence is one we can pass on, its source the crates registry.

use super::finding::Finding;
use super::spdx::satisfied;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Licences that a binary under MIT OR Apache-2.0 may contain. MPL-2.0 asks only that changes to its own files stay open; we use those
/// crates as they are.
const ALLOWED: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "0BSD",
    "ISC",
    "Zlib",
    "BSL-1.0",
    "NCSA",
    "Unlicense",
    "CC0-1.0",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
    "MPL-2.0",
];
/// Crates that name no licence in their manifest, with what their licence file says.
const BY_FILE: &[(&str, &str)] = &[("cfg_block", "Apache-2.0")];
/// Crates of which two versions cost minutes of building, or would not understand each other's types.
const HEAVY: &[&str] = &[
    "burn-core",
    "burn-tensor",
    "cubecl-core",
    "image",
    "naga",
    "parquet",
    "png",
    "rayon",
    "rustls",
    "serde",
    "wgpu",
    "zstd-sys",
];
/// How many crates may be there in several versions: as many as Burn's own dependencies disagree on today.
const MOST_TWICE: usize = 58;
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Crates that may not be here, and one line on the rest.
///
/// # Errors
/// `cargo metadata` does not answer.
pub fn check(root: &Path) -> Result<(Vec<Finding>, Vec<String>), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Without the network first: what is in the lock file has as a rule been fetched before.
    let ask = |more: &[&str]| {
        let words = [&["metadata", "--format-version", "1", "--all-features", "--locked"], more].concat();
        Command::new(&cargo).args(words).current_dir(root).output().map_err(|e| format!("cannot run cargo metadata: {e}"))
    };
    let mut answer = ask(&["--offline"])?;
    if !answer.status.success() {
        answer = ask(&[])?;
    }
    if !answer.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&answer.stderr).trim()));
    }
    let metadata: Value = serde_json::from_slice(&answer.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    let packages = packages(&metadata).ok_or("cargo metadata: packages without a name, version or manifest")?;
    Ok(examine(&packages))
}

#[derive(Clone, Debug)]
struct Package {
    name: String,
    version: String,
    /// `None` for a crate of this workspace.
    source: Option<String>,
    licence: Option<String>,
}

fn packages(metadata: &Value) -> Option<Vec<Package>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    metadata["packages"]
        .as_array()?
        .iter()
        .map(|p| {
            let (name, version) = (text(&p["name"])?, text(&p["version"])?);
            Some(Package { name, version, source: text(&p["source"]), licence: text(&p["license"]) })
        })
        .collect()
}

fn examine(packages: &[Package]) -> (Vec<Finding>, Vec<String>) {
    let mut findings = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for p in packages {
        let mut wrong = |problem: String| {
            findings.push(Finding::new("Cargo.lock", 1, format!("{} {}: {problem}", p.name, p.version)));
        };
        versions.entry(&p.name).or_default().push(&p.version);
        if p.source.as_deref().is_some_and(|source| source != REGISTRY) {
            wrong(format!("comes from {}, not from the crates registry", p.source.as_deref().unwrap_or_default()));
        }
        let by_file = BY_FILE.iter().find(|(name, _)| *name == p.name).map(|(_, licence)| *licence);
        match p.licence.as_deref().or(by_file) {
            None => wrong("names no licence".to_owned()),
            Some(licence) => match satisfied(licence, &|name| ALLOWED.contains(&name)) {
                Ok(true) => {}
                Ok(false) => wrong(format!("licence {licence} is not in the list of xtask/src/tidy/licences.rs")),
                Err(problem) => wrong(problem),
            },
        }
    }
    let twice = versions.iter().filter(|(_, found)| found.len() > 1);
    for (name, found) in twice.clone().filter(|(name, _)| HEAVY.contains(name)) {
        let problem =
            format!("{name} is there in {} versions: {}; choose dependencies that agree on one", found.len(), found.join(", "));
        findings.push(Finding::new("Cargo.lock", 1, problem));
    }
    let twice = twice.count();
    if twice > MOST_TWICE {
        let problem =
            format!("{twice} crates are there in several versions, at most {MOST_TWICE} may be: cargo tree --duplicates");
        findings.push(Finding::new("Cargo.lock", 1, problem));
    }
    (findings, vec![format!("crates: {} with every feature and platform, {twice} of them in several versions", packages.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str) -> Vec<String> {
        let packages = packages(&serde_json::from_str(json).unwrap()).unwrap();
        let (findings, notes) = examine(&packages);
        findings.into_iter().map(|f| f.message).chain(notes.into_iter().skip(1)).collect()
    }

    #[test]
    fn foreign_sources_licences_and_missing_licences_are_found() {
        let messages = found(
            r#"{"packages": [
                {"name": "ours", "version": "0.1.0", "source": null, "license": "MIT OR Apache-2.0"},
                {"name": "fine", "version": "1.0.0", "source": "registry+https://github.com/rust-lang/crates.io-index", "license": "Zlib"},
                {"name": "left", "version": "1.0.0", "source": "git+https://example.org/left", "license": "GPL-3.0"},
                {"name": "bare", "version": "1.0.0", "source": "registry+https://github.com/rust-lang/crates.io-index", "license": null}
            ]}"#,
        );
        assert_eq!(messages.len(), 3, "{messages:?}");
        assert!(messages[0].starts_with("left 1.0.0: comes from git+") && messages[1].starts_with("left 1.0.0: licence GPL-3.0"));
        assert_eq!(messages[2], "bare 1.0.0: names no licence");
    }

    #[test]
    fn two_versions_of_a_heavy_crate_are_told() {
        let messages = found(
            r#"{"packages": [{"name": "wgpu", "version": "1.0.0", "source": null, "license": "MIT"},
                             {"name": "wgpu", "version": "2.0.0", "source": null, "license": "MIT"}]}"#,
        );
        assert_eq!(messages, ["wgpu is there in 2 versions: 1.0.0, 2.0.0; choose dependencies that agree on one"]);
    }
}
