//! A run folder as its readers see it; nothing here changes anything.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::claim::is_claim;
use super::lock::LOCK_FILE;
use super::metrics::{Row, read_metrics};
use super::newest::{self, CHECKPOINTS, Found};
use crate::atomic::is_unfinished;
use crate::error::{Error, Result};

pub(super) const RECIPE: &str = "recipe.toml";
pub(super) const METRICS: &str = "metrics.jsonl";
pub(super) const CARD: &str = "README.md";
/// The largest recipe that is read, in bytes.
const MAX_RECIPE_BYTES: u64 = 1 << 20;

/// A folder that holds a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Opens a run for reading, also while it is being trained.
    ///
    /// # Errors
    /// A path that does not exist, is a file, or has no recipe in it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        match look(path)? {
            Look::Run => Ok(Self::at(path)),
            Look::Missing => {
                Err(Error::file(path, "no such run folder").with_hint("scorefield runs DIR lists the runs in a folder"))
            }
            Look::NotAFolder => Err(Error::file(path, "a file, not a run folder")),
            Look::Empty | Look::Begun | Look::Foreign => Err(Error::file(path, format!("not a run folder: it has no {RECIPE}"))),
        }
    }

    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `recipe.toml`: every setting of the run.
    pub fn recipe_path(&self) -> PathBuf {
        self.path.join(RECIPE)
    }

    /// `metrics.jsonl`: one line a logged step.
    pub fn metrics_path(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    /// `README.md`: the model card.
    pub fn card_path(&self) -> PathBuf {
        self.path.join(CARD)
    }

    pub(super) fn checkpoints_path(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }

    /// The text of the recipe.
    ///
    /// # Errors
    /// A file that cannot be read, is too large or is not text.
    pub fn recipe_text(&self) -> Result<String> {
        let path = self.recipe_path();
        let mut text = String::new();
        let file = File::open(&path).map_err(|e| Error::read(&path, &e))?;
        file.take(MAX_RECIPE_BYTES + 1).read_to_string(&mut text).map_err(|e| Error::read(&path, &e))?;
        match text.len() as u64 > MAX_RECIPE_BYTES {
            true => Err(Error::file(path, format!("larger than {MAX_RECIPE_BYTES} bytes: this is not a recipe"))),
            false => Ok(text),
        }
    }

    /// The checkpoint that `latest` names, else the newest complete one. Lengths and hashes are compared, so every byte is read
    /// once; a damaged checkpoint is passed over with a warning.
    ///
    /// # Errors
    /// A run without a checkpoint, or one whose checkpoints are all damaged.
    pub fn latest(&self) -> Result<Found> {
        newest::require(&self.path)
    }

    /// Whether `latest` names a checkpoint: the last thing that is written of one.
    pub fn names_checkpoint(&self) -> bool {
        newest::named(&self.path).is_some()
    }

    /// The rows of `metrics.jsonl`.
    ///
    /// # Errors
    /// A file that cannot be read, a garbled line before the last.
    pub fn metrics(&self) -> Result<Vec<Row>> {
        read_metrics(self.metrics_path())
    }
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Missing,
    NotAFolder,
    Empty,
    /// A run that was killed before its recipe was written: nothing in it is worth keeping.
    Begun,
    Run,
    /// A folder with other things in it.
    Foreign,
}

pub(super) fn look(path: &Path) -> Result<Look> {
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => return Ok(Look::NotAFolder),
        Ok(_) => {}
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Look::Missing);
        }
        Err(e) => return Err(Error::read(path, &e)),
    }
    if path.join(RECIPE).is_file() {
        return Ok(Look::Run);
    }
    let mut look = Look::Empty;
    for entry in fs::read_dir(path).map_err(|e| Error::read(path, &e))? {
        let entry = entry.map_err(|e| Error::read(path, &e))?;
        let name = entry.file_name();
        let ours = match name.to_str() {
            Some(LOCK_FILE) => true,
            Some(CHECKPOINTS) => fs::read_dir(entry.path()).is_ok_and(|mut inside| inside.next().is_none()),
            Some(name) => is_unfinished(name) || is_claim(name),
            None => false,
        };
        if !ours {
            return Ok(Look::Foreign);
        }
        look = Look::Begun;
    }
    Ok(look)
}
