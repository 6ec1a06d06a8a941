//! A run folder as its trainer sees it: locked, cleared of what a killed process left, and written so that nothing is lost.

use std::fs;
use std::path::{Path, PathBuf};

use super::checkpoint::{self, CheckpointFiles};
use super::folder::{CARD, Look, METRICS, RECIPE, RunFolder, look};
use super::lock::{LOCK_FILE, Lock};
use super::metrics::MetricsWriter;
use super::newest::{self, CHECKPOINTS, Found, LATEST};
use super::state::State;
use crate::atomic::{atomic_write, sync_folder_of};
use crate::error::{Error, Result};

/// A run folder that this process writes; no other can until it is dropped.
#[derive(Debug)]
pub struct RunWriter {
    folder: RunFolder,
    /// The folders that were made for this run, outermost first.
    made: Vec<PathBuf>,
    _lock: Lock,
}

/// A run to go on with.
#[derive(Debug)]
pub struct Resumed {
    /// The folder, locked.
    pub writer: RunWriter,
    /// The checkpoint to go on from; `None`: training begins at step 0, because the run was stopped before its first checkpoint, or
    /// was never begun.
    pub found: Option<Found>,
}

/// A checkpoint that is safe on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its folder.
    pub path: PathBuf,
    /// Old checkpoints that could not be removed.
    pub warnings: Vec<String>,
}

impl RunWriter {
    /// Makes a new run folder with its recipe. The folder may be there if it is empty, or if a killed process left it before its
    /// recipe was written.
    ///
    /// # Errors
    /// A run that is there already, a folder with other things in it, a place that cannot be written; nothing is left behind then.
    pub fn create(path: impl AsRef<Path>, recipe: &str) -> Result<Self> {
        let path = path.as_ref();
        if look(path)? == Look::Run {
            return Err(
                Error::file(path, "a run is there already").with_hint("continue it with --resume, or choose another --out")
            );
        }
        let writer = Self::take(path)?;
        // Another process may have begun a run here before the lock was ours.
        if look(path)? == Look::Run {
            return Err(Error::file(path, "another process has just begun a run here").with_hint("choose another --out"));
        }
        match writer.write_recipe(recipe) {
            Ok(()) => Ok(writer),
            Err(e) => {
                writer.abandon();
                Err(e)
            }
        }
    }

    /// Opens a run to go on with it, from its newest complete checkpoint. Where there is no run yet, or only the beginning of one,
    /// the folder is made and training starts at step 0; the recipe is then still to be written.
    ///
    /// # Errors
    /// A run that another process trains (with its number), a folder that is no run, checkpoints that are all damaged, a place that
    /// cannot be written.
    pub fn resume(path: impl AsRef<Path>) -> Result<Resumed> {
        let writer = Self::take(path.as_ref())?;
        let found = newest::find(writer.folder.path())?;
        Ok(Resumed { writer, found })
    }

    /// Makes the folder if need be, locks it and clears what a killed process left.
    fn take(path: &Path) -> Result<Self> {
        match look(path)? {
            Look::NotAFolder => return Err(Error::file(path, "a file, not a folder").with_hint("choose another --out")),
            Look::Foreign => {
                return Err(Error::file(path, "a folder that is not empty and not a run").with_hint("choose another --out"));
            }
            Look::Missing | Look::Empty | Look::Begun | Look::Run => {}
        }
        let mut made = Vec::new();
        let lock = make_folders(path, &mut made).and_then(|()| Lock::take(path)).inspect_err(|_| {
            // Whatever is in the folder is another's, its lock file above all.
            remove_empty(&made);
        })?;
        let taken = checkpoint::clear_leftovers(path).and_then(|()| {
            let checkpoints = path.join(CHECKPOINTS);
            match fs::create_dir(&checkpoints) {
                Ok(()) => {}
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => checkpoint::clear_leftovers(&checkpoints)?,
                Err(e) => return Err(Error::write(checkpoints, e)),
            }
            Ok(())
        });
        match taken {
            Ok(()) => Ok(Self { folder: RunFolder::at(path), made, _lock: lock }),
            Err(e) => {
                unmake(path, &made);
                Err(e)
            }
        }
    }

    /// The folder, for reading.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Writes `recipe.toml`.
    ///
    /// # Errors
    /// A place that cannot be written; the former recipe is then in place.
    pub fn write_recipe(&self, recipe: &str) -> Result<()> {
        atomic_write(self.folder.recipe_path(), recipe.as_bytes())
    }

    /// Writes `README.md`, the model card.
    ///
    /// # Errors
    /// A place that cannot be written; the former card is then in place.
    pub fn write_card(&self, card: &str) -> Result<()> {
        atomic_write(self.folder.card_path(), card.as_bytes())
    }

    /// Opens `metrics.jsonl` for a run that stands at `step`; rows after it are cut off.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn metrics(&self, step: u64) -> Result<MetricsWriter> {
        MetricsWriter::at_step(self.folder.metrics_path(), step)
    }

    /// Writes the checkpoint of `state.step`, then names it in `latest`, then removes old ones: it and the `keep − 1` newest before
    /// it stay. Checkpoints of later steps belong to a continuation that was given up, and go too.
    ///
    /// A step that is there already with the same weights stays as it is; with others it is replaced.
    ///
    /// # Errors
    /// [`Error::Write`] for a full disk or a folder that cannot be written; the former checkpoint is then still complete and named by
    /// `latest`, and nothing half-written is left.
    pub fn write_checkpoint(&self, state: &State, files: CheckpointFiles<'_>, keep: usize) -> Result<Written> {
        let checkpoints = self.folder.checkpoints_path();
        let path = checkpoint::write(&checkpoints, state.clone(), files)?;
        let name = format!("{}\n", checkpoint::folder_name(state.step));
        atomic_write(self.folder.path().join(LATEST), name.as_bytes())?;
        let all = checkpoint::list(&checkpoints);
        let (later, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|(step, _)| *step > state.step);
        let old = later.into_iter().chain(rest.into_iter().skip(keep.max(1)));
        let warnings = old
            .filter_map(|(_, path)| checkpoint::remove(&path).err().map(|e| format!("cannot remove {}: {e}", path.display())))
            .collect();
        Ok(Written { path, warnings })
    }

    /// Takes back a run that failed before its first checkpoint: removes what this library wrote and the folders it made. A run with
    /// a checkpoint stays as it is, and so does anything else that is in the folder.
    pub fn abandon(self) {
        if !checkpoint::list(&self.folder.checkpoints_path()).is_empty() {
            return;
        }
        for name in [RECIPE, METRICS, CARD, LATEST] {
            let _ = fs::remove_file(self.folder.path().join(name));
        }
        unmake(self.folder.path(), &self.made);
    }
}

/// Makes a folder and the missing ones above it, and makes their names durable; `made` gets those it made, outermost first.
fn make_folders(path: &Path, made: &mut Vec<PathBuf>) -> Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folders(parent, made)?;
    }
    match fs::create_dir(path) {
        Ok(()) => made.push(path.to_path_buf()),
        // Somebody else made it meanwhile, which is as good, or it is a file.
        Err(_) if path.is_dir() => return Ok(()),
        Err(_) if path.exists() => return Err(Error::write(path, std::io::ErrorKind::NotADirectory.into())),
        Err(e) => return Err(Error::write(path, e)),
    }
    sync_folder_of(path).map_err(|e| Error::write(path, e))
}

/// Removes the beginnings of a run and the folders that were made for it, as far as they are empty. Only for the holder of the lock, since its
/// file goes too.
fn unmake(path: &Path, made: &[PathBuf]) {
    if look(path).is_ok_and(|look| look == Look::Begun) && made.iter().any(|folder| folder == path) {
        let _ = fs::remove_file(path.join(LOCK_FILE));
        let _ = fs::remove_dir(path.join(CHECKPOINTS));
    }
    remove_empty(made);
}

/// Removes folders, outermost first in the list, as far as they are empty.
fn remove_empty(made: &[PathBuf]) {
    for folder in made.iter().rev() {
        let _ = fs::remove_dir(folder);
    }
}

#[cfg(test)]
mod tests;
