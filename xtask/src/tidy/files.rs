//! The files of the workspace: those that git tracks, and new ones that it does not ignore.

use super::scrub::{Scrubbed, scrub};
use std::path::Path;
use std::process::Command;

/// A text file.
#[derive(Clone, Debug)]
pub struct Text {
    /// Path from the root, with forward slashes.
    pub path: String,
    /// Its content.
    pub content: String,
}

/// A Rust file, cut into code and comments.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Path from the root.
    pub path: String,
    /// The text as written.
    pub content: String,
    /// Its code and its comments, line for line.
    pub scrubbed: Scrubbed,
}

impl SourceFile {
    /// Cuts a text.
    pub fn new(path: &str, content: &str) -> Self {
        Self { path: path.to_owned(), content: content.to_owned(), scrubbed: scrub(content) }
    }

    /// Whether the file is a test module of its own.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs")
    }
}

/// Every text file of the workspace; files that are not UTF-8 (fonts, pictures, packed data) are left out.
pub fn read(root: &Path) -> Result<Vec<Text>, String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("cannot run git: {e}"))?;
    if !listed.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr).trim()));
    }
    let mut texts = Vec::new();
    for path in String::from_utf8_lossy(&listed.stdout).split('\0').filter(|p| !p.is_empty()) {
        // A file that was deleted but not yet from the index is listed and not there.
        let Ok(bytes) = std::fs::read(root.join(path)) else { continue };
        if let Ok(content) = String::from_utf8(bytes) {
            texts.push(Text { path: path.to_owned(), content });
        }
    }
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    texts.dedup_by(|a, b| a.path == b.path);
    Ok(texts)
}

/// The Rust files among them.
pub fn sources(texts: &[Text]) -> Vec<SourceFile> {
    texts.iter().filter(|t| t.path.ends_with(".rs")).map(|t| SourceFile::new(&t.path, &t.content)).collect()
}
