//! Finding the newest complete checkpoint, whatever has happened to the folder.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::checkpoint::{self, Checkpoint};
use crate::error::{Error, Result};

/// The file that names the newest complete checkpoint.
pub(super) const LATEST: &str = "latest";
pub(super) const CHECKPOINTS: &str = "checkpoints";

/// A complete checkpoint, and what was wrong on the way to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// One line for each thing that was not as it should be: a damaged newer checkpoint, a pointer that names nothing.
    pub warnings: Vec<String>,
}

/// The checkpoint that `latest` names, else the newest one that is complete; `None` if there is none at all.
///
/// # Errors
/// Checkpoints that are all damaged: the newest one's damage.
pub(super) fn find(run: &Path) -> Result<Option<Found>> {
    let there = checkpoint::list(&run.join(CHECKPOINTS));
    let mut warnings = Vec::new();
    let named = named(run);
    let mut candidates: Vec<&Path> = there.iter().map(|(_, path)| path.as_path()).collect();
    match candidates.iter().position(|path| named.as_deref() == Some(path)) {
        Some(at) => candidates[..=at].rotate_right(1),
        None if candidates.is_empty() => return Ok(None),
        None => warnings.push(format!("{} does not name a checkpoint of this run", run.join(LATEST).display())),
    }
    let mut first_damage = None;
    for path in candidates {
        match Checkpoint::verify(path) {
            Ok(checkpoint) => return Ok(Some(Found { checkpoint, warnings })),
            Err(damage) => {
                warnings.push(format!("damaged checkpoint passed over: {damage}"));
                first_damage.get_or_insert(damage);
            }
        }
    }
    first_damage.map_or(Ok(None), |damage| {
        Err(damage.with_hint("no checkpoint of this run is complete; start a new one with another --out, or restore the folder"))
    })
}

/// The checkpoint folder that `latest` names, if it says a name that the program writes.
pub(super) fn named(run: &Path) -> Option<PathBuf> {
    let mut text = String::new();
    File::open(run.join(LATEST)).ok()?.take(256).read_to_string(&mut text).ok()?;
    let path = run.join(CHECKPOINTS).join(text.trim());
    // A name with a path in it would lead out of the run folder.
    (path.parent() == Some(&run.join(CHECKPOINTS)) && checkpoint::step_of(&path).is_some()).then_some(path)
}

/// Whoever reads a run needs a checkpoint.
pub(super) fn require(run: &Path) -> Result<Found> {
    let found = match find(run) {
        Ok(Some(found)) if found.warnings.is_empty() => return Ok(found),
        // Readers hold no lock: a trainer may have replaced what was being looked at. What is truly wrong is so a second time.
        _ => find(run)?,
    };
    found.ok_or_else(|| {
        Error::file(run, "no checkpoint in this run folder: training stopped before the first one")
            .with_hint(format!("continue it: scorefield train DATA --out {} --resume", run.display()))
    })
}
