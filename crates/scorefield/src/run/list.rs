//! The run folders in a folder, for the verb `runs`: a quick look, nothing is verified.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use super::checkpoint;
use super::folder::RunFolder;
use super::metrics::Row;
use super::newest::{self, LATEST};
use crate::error::{Error, Result};

/// What a list of runs shows of one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunSummary {
    /// The run folder.
    pub path: PathBuf,
    /// Its data source; `None` if the recipe cannot be read.
    pub data: Option<String>,
    /// The steps its recipe asks for.
    pub steps: Option<u64>,
    /// The step of its newest checkpoint; `None` before the first.
    pub step: Option<u64>,
    /// The last logged loss.
    pub last_loss: Option<f64>,
    /// The size of all its files, in bytes.
    pub bytes: u64,
    /// When it was last written to.
    pub modified: Option<SystemTime>,
}

/// The runs in `dir`: itself, the folders in it, and the folders in those; by path. Hidden folders and links are passed over.
///
/// # Errors
/// A `dir` that is not a folder or cannot be read.
pub fn list_runs(dir: impl AsRef<Path>) -> Result<Vec<RunSummary>> {
    let dir = dir.as_ref();
    let entries = fs::read_dir(dir).map_err(|e| Error::read(dir, &e))?;
    let mut runs = Vec::new();
    if let Ok(run) = RunFolder::open(dir) {
        runs.push(summary(&run));
        return Ok(runs);
    }
    for child in folders(entries) {
        match RunFolder::open(&child) {
            Ok(run) => runs.push(summary(&run)),
            Err(_) => {
                let inside = fs::read_dir(&child).into_iter().flat_map(folders);
                runs.extend(inside.filter_map(|path| RunFolder::open(path).ok()).map(|run| summary(&run)));
            }
        }
    }
    runs.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(runs)
}

fn folders(entries: fs::ReadDir) -> Vec<PathBuf> {
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .collect()
}

fn summary(run: &RunFolder) -> RunSummary {
    let recipe: Option<toml::Table> = run.recipe_text().ok().and_then(|text| text.parse().ok());
    let setting = |section: &str, key: &str| recipe.as_ref()?.get(section)?.get(key).cloned();
    let newest_of = |path: PathBuf| fs::metadata(path).and_then(|found| found.modified()).ok();
    let step = newest::named(run.path()).and_then(|path| checkpoint::step_of(&path));
    RunSummary {
        path: run.path().to_path_buf(),
        data: setting("data", "source").and_then(|v| v.as_str().map(str::to_owned)),
        steps: setting("train", "steps").and_then(|v| v.as_integer()).and_then(|n| n.try_into().ok()),
        step: step.or_else(|| checkpoint::list(&run.checkpoints_path()).first().map(|(step, _)| *step)),
        last_loss: last_loss(&run.metrics_path()),
        bytes: size(run.path(), 3),
        modified: [run.recipe_path(), run.metrics_path(), run.path().join(LATEST)].into_iter().filter_map(newest_of).max(),
    }
}

/// The loss of the last whole row that has one, from the end of the file.
fn last_loss(path: &Path) -> Option<f64> {
    const TAIL: u64 = 1 << 16;
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    bytes.split(|b| *b == b'\n').rev().find_map(|line| serde_json::from_slice::<Row>(line).ok()?.number("loss"))
}

/// The size of the files in a folder, `depth` folders deep: a run has no more.
fn size(folder: &Path, depth: usize) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| match entry.metadata().ok()? {
            found if found.is_dir() && depth > 0 => Some(size(&entry.path(), depth - 1)),
            found if found.is_file() => Some(found.len()),
            _ => None,
        })
        .sum()
}
