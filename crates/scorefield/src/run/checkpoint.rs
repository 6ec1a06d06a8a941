//! One checkpoint folder: four files that appear together or not at all.
//!
//! It is written under a hidden name in `checkpoints/`, every file flushed to the disk, and then renamed to `step-NNNNNNNN`. A
//! folder of that name is therefore whole; what can still harm it afterwards (a failing disk, a careless copy) is found by the
//! lengths and hashes in its `state.json`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::state::{FileMark, Marked, State};
use super::tensor_reader::TensorReader;
use super::tensors::Content;
use crate::atomic::{is_unfinished, sync_folder, sync_folder_of, unfinished_sibling, write_synced, write_synced_by};
use crate::error::{Error, Result};

pub(super) const STATE: &str = "state.json";
/// What a checkpoint of the same step is called while it is being replaced.
const ASIDE: &str = ".aside-";

/// The contents of a checkpoint's weight files, each a safetensors file.
#[derive(Clone, Copy)]
pub struct CheckpointFiles<'a> {
    /// `model.safetensors`: the weights.
    pub model: &'a dyn Content,
    /// `ema.safetensors`: their averages.
    pub ema: &'a dyn Content,
    /// `optimizer.safetensors`: the optimiser's moments.
    pub optimizer: &'a dyn Content,
}

/// Writes one file's content.
type Writing<'a> = dyn FnMut(&mut dyn Write) -> io::Result<()> + 'a;

impl<'a> CheckpointFiles<'a> {
    /// The names of the files beside `state.json`.
    pub const NAMES: [&'static str; 3] = ["model.safetensors", "ema.safetensors", "optimizer.safetensors"];

    fn named(self) -> [(&'static str, &'a dyn Content); 3] {
        let [model, ema, optimizer] = Self::NAMES;
        [(model, self.model), (ema, self.ema), (optimizer, self.optimizer)]
    }

    /// Writes each file to where `place` says, and notes its length and hash on the way.
    fn write(self, mut place: impl FnMut(&str, &mut Writing<'_>) -> io::Result<()>) -> io::Result<BTreeMap<String, FileMark>> {
        let mut marks = BTreeMap::new();
        for (name, content) in self.named() {
            place(name, &mut |out| {
                let mut out = Marked::new(out);
                content.write_to(&mut out)?;
                marks.insert(name.to_owned(), out.mark());
                Ok(())
            })?;
        }
        Ok(marks)
    }
}

/// A checkpoint that was found complete: every file there, with the length and the hash it was written with.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Its folder.
    pub path: PathBuf,
    /// Where training stood.
    pub state: State,
}

impl Checkpoint {
    /// Looks a checkpoint folder over.
    ///
    /// # Errors
    /// The first file that is missing or is not what was written.
    pub fn verify(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let state = State::read(&path.join(STATE))?;
        if step_of(&path) != Some(state.step) {
            return Err(Error::file(path.join(STATE), format!("it is of step {}, its folder is not", state.step)));
        }
        for name in CheckpointFiles::NAMES {
            let Some(mark) = state.files.get(name) else {
                return Err(Error::file(path.join(STATE), format!("it does not list {name}")));
            };
            mark.verify(&path.join(name))?;
        }
        Ok(Self { path, state })
    }

    /// One of the checkpoint's files, whose arrays are read one at a time.
    ///
    /// # Errors
    /// A name that is not of the checkpoint; as [`TensorReader::open`].
    pub fn tensors(&self, name: &str) -> Result<TensorReader<File>> {
        let path = self.path.join(name);
        match self.state.files.contains_key(name) {
            true => TensorReader::open(path),
            false => Err(Error::file(path, "no file of this checkpoint")),
        }
    }
}

/// Writes a checkpoint into the folder `checkpoints` and makes its name durable.
///
/// If the step is there already, a whole checkpoint of the same bytes stays as it is; any other is replaced, and is put back by
/// [`clear_leftovers`] if the process dies in between.
pub(super) fn write(checkpoints: &Path, mut state: State, files: CheckpointFiles<'_>) -> Result<PathBuf> {
    let path = checkpoints.join(folder_name(state.step));
    if let Some(there) = path.exists().then(|| Checkpoint::verify(&path).ok()).flatten() {
        let marks = files.write(|_, content| content(&mut io::sink())).map_err(|e| Error::write(&path, e))?;
        if marks == there.state.files {
            return Ok(path);
        }
    }
    let unfinished = unfinished_sibling(&path);
    let written = (|| {
        fs::create_dir(&unfinished)?;
        state.files = files.write(|name, content| write_synced_by(&unfinished.join(name), |file| content(file)))?;
        write_synced(&unfinished.join(STATE), &state.to_json())?;
        sync_folder(&unfinished)?;
        let aside = checkpoints.join(format!(".{}{ASIDE}{}", folder_name(state.step), std::process::id()));
        let replaced = path.exists();
        if replaced {
            fs::rename(&path, &aside)?;
        }
        if let Err(e) = fs::rename(&unfinished, &path) {
            if replaced {
                let _ = fs::rename(&aside, &path);
            }
            return Err(e);
        }
        sync_folder_of(&path)?;
        if replaced {
            let _ = fs::remove_dir_all(&aside);
        }
        Ok(())
    })();
    written.map_err(|source| {
        let _ = fs::remove_dir_all(&unfinished);
        Error::write(&path, source)
    })?;
    Ok(path)
}

/// Removes a checkpoint so that no half of it is ever seen under its name.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let hidden = unfinished_sibling(path);
    fs::rename(path, &hidden)?;
    fs::remove_dir_all(hidden)
}

/// Removes what a killed process left unfinished in `folder`, and puts back a checkpoint that was being replaced. Only for the
/// holder of the lock: a living trainer's unfinished files look the same.
pub(super) fn clear_leftovers(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|e| Error::read(folder, &e))? {
        let entry = entry.map_err(|e| Error::read(folder, &e))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let aside_of = name.strip_prefix('.').and_then(|name| name.split_once(ASIDE)).map(|(name, _)| folder.join(name));
        let done = match aside_of {
            Some(original) if !original.exists() => fs::rename(&path, original),
            None if !is_unfinished(&name) => Ok(()),
            _ if path.is_dir() => fs::remove_dir_all(&path),
            _ => fs::remove_file(&path),
        };
        done.map_err(|e| Error::write(&path, e))?;
    }
    Ok(())
}

/// The folder's name: eight digits, more only beyond a hundred million steps.
pub(super) fn folder_name(step: u64) -> String {
    format!("step-{step:08}")
}

/// The step that a checkpoint folder's name says, `None` for any other name.
pub(super) fn step_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    let step = name.strip_prefix("step-")?.parse().ok()?;
    (folder_name(step) == name).then_some(step)
}

/// The checkpoint folders in `checkpoints`, newest first, not looked into; none if the folder is not there.
pub(super) fn list(checkpoints: &Path) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(checkpoints).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<_> = entries.filter_map(|path| Some((step_of(&path)?, path))).collect();
    found.sort_by_key(|(step, _)| std::cmp::Reverse(*step));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(model: &dyn Content) -> CheckpointFiles<'_> {
        CheckpointFiles { model, ema: b"averages", optimizer: b"" }
    }

    fn state(step: u64) -> State {
        State { step, ..State::start(0, "data") }
    }

    #[test]
    fn a_checkpoint_reads_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), state(1000), files(b"weights")).unwrap();
        assert!(path.ends_with("step-00001000"));
        let checkpoint = Checkpoint::verify(&path).unwrap();
        assert_eq!(fs::read(checkpoint.path.join("model.safetensors")).unwrap(), b"weights");
        assert_eq!(fs::read(checkpoint.path.join("optimizer.safetensors")).unwrap(), b"");
        assert!(checkpoint.tensors("../../secret").is_err_and(|e| e.to_string().contains("no file of this checkpoint")));
        let mut names: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["ema.safetensors", "model.safetensors", "optimizer.safetensors", "state.json"]);
    }

    #[test]
    fn damage_to_any_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["model.safetensors", "ema.safetensors", "state.json"] {
            let path = write(folder.path(), state(5), files(b"weights")).unwrap();
            let whole = fs::read(path.join(name)).unwrap();
            let mut flipped = whole.clone();
            flipped[0] ^= 1;
            for bad in [&whole[..whole.len() - 3], &flipped, &[]] {
                fs::write(path.join(name), bad).unwrap();
                assert!(Checkpoint::verify(&path).is_err(), "{name}");
            }
            fs::remove_file(path.join(name)).unwrap();
            assert!(Checkpoint::verify(&path).is_err(), "{name}");
        }
    }

    #[test]
    fn the_same_step_again_keeps_equal_weights_and_replaces_others() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), State { seconds: 1.0, ..state(5) }, files(b"one")).unwrap();
        let path = write(folder.path(), State { seconds: 2.0, ..state(5) }, files(b"one")).unwrap();
        assert_eq!(Checkpoint::verify(&path).unwrap().state.seconds, 1.0);
        write(folder.path(), state(5), files(b"two")).unwrap();
        assert_eq!(fs::read(Checkpoint::verify(&path).unwrap().path.join("model.safetensors")).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_of_a_kill_are_cleared_and_a_checkpoint_set_aside_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(folder.path(), state(5), files(b"one")).unwrap();
        fs::rename(&path, folder.path().join(".step-00000005.aside-77")).unwrap();
        fs::create_dir(folder.path().join(".step-00000006.tmp-77-0")).unwrap();
        fs::write(folder.path().join(".step-00000006.tmp-77-0/model.safetensors"), b"half").unwrap();
        fs::write(folder.path().join(".latest.tmp-77-1"), b"").unwrap();
        clear_leftovers(folder.path()).unwrap();
        assert_eq!(list(folder.path()), [(5, path.clone())]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::create_dir(folder.path().join(".step-00000005.aside-78")).unwrap();
        clear_leftovers(folder.path()).unwrap();
        Checkpoint::verify(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_names_that_the_program_writes_are_checkpoints() {
        assert_eq!(step_of(Path::new("checkpoints/step-00001000")), Some(1000));
        assert_eq!(step_of(Path::new("step-123456789")), Some(123_456_789));
        for other in ["step-1000", "step-+0001000", "step-", "step-00001000.tmp", ".step-00001000", "..", "step-0000100x"] {
            assert_eq!(step_of(Path::new(other)), None, "{other}");
        }
    }
}
