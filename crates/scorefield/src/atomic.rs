//! Writing so that a file is there complete or not at all: a hidden sibling, flushed to the disk, then renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// What the hidden names of unfinished files and folders contain.
const UNFINISHED: &str = ".tmp-";

/// Replaces a file by `bytes`; whoever reads it, now or after a power cut, finds the old content or the new one.
///
/// # Errors
/// [`Error::Write`] naming `path`, with the old content in place and nothing left behind.
pub fn atomic_write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let temporary = unfinished_sibling(path);
    let written = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, path)).and_then(|()| sync_folder_of(path));
    written.map_err(|source| {
        // After a successful rename there is nothing of that name to remove.
        let _ = fs::remove_file(&temporary);
        Error::write(path, source)
    })
}

/// A file that grows under a hidden name. [`AtomicFile::commit`] gives it its own; dropping it removes it.
pub struct AtomicFile {
    path: PathBuf,
    temporary: PathBuf,
    file: Option<BufWriter<File>>,
}

impl AtomicFile {
    /// Begins a file that will be `path`.
    ///
    /// # Errors
    /// A folder that does not exist or cannot be written; a `path` that is a folder.
    pub fn create(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::write(path, io::ErrorKind::IsADirectory.into()));
        }
        let temporary = unfinished_sibling(path);
        let file = File::options().write(true).create_new(true).open(&temporary).map_err(|e| Error::write(path, e))?;
        Ok(Self { path: path.to_path_buf(), temporary, file: Some(BufWriter::with_capacity(1 << 18, file)) })
    }

    /// The name the file will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// A full disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(|e| Error::write(&self.path, e))
    }

    /// Writes bytes over the file's first.
    ///
    /// # Errors
    /// A full disk.
    pub fn rewrite_start(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(file) = self.file.as_mut() else { return Ok(()) };
        let done = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(bytes)).and_then(|()| file.seek(SeekFrom::End(0)));
        done.map(drop).map_err(|e| Error::write(&self.path, e))
    }

    /// Puts the file on the disk and gives it its name, replacing what was there.
    ///
    /// # Errors
    /// A full disk; a target that cannot be replaced.
    pub fn commit(mut self) -> Result<()> {
        self.seal()?;
        self.take_name()?;
        self.settle()
    }

    /// The first part of [`AtomicFile::commit`]: puts the content on the disk.
    pub(crate) fn seal(&mut self) -> Result<()> {
        let Some(file) = self.file.as_mut() else { return Ok(()) };
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(|e| Error::write(&self.path, e))
    }

    /// The second part: replaces what has the name. After an error that is still there.
    pub(crate) fn take_name(&mut self) -> Result<()> {
        self.file = None;
        fs::rename(&self.temporary, &self.path).map_err(|e| {
            let _ = fs::remove_file(&self.temporary);
            Error::write(&self.path, e)
        })
    }

    /// The last part: puts the name on the disk.
    pub(crate) fn settle(self) -> Result<()> {
        sync_folder_of(&self.path).map_err(|e| Error::write(&self.path, e))
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // What is still buffered belongs to a file that nobody wants.
            drop(file.into_parts());
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

/// Writes a new file and flushes it to the disk.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_synced_by(path, |file| file.write_all(bytes))
}

/// The same for what `content` writes, which is not buffered.
pub(crate) fn write_synced_by(path: &Path, content: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    content(&mut file)?;
    file.sync_all()
}

/// Flushes a folder's list of names to the disk, so that a rename in it outlives a power cut.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file, and the file system keeps renames in order.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Flushes the folder that holds `path`.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    sync_folder(match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    })
}

/// A hidden name beside `path` that no other process or thread uses: `.NAME.tmp-PID-COUNT`.
pub(crate) fn unfinished_sibling(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}{UNFINISHED}{}-{count}", std::process::id()))
}

/// Whether a file name is one of [`unfinished_sibling`]'s.
pub(crate) fn is_unfinished(name: &str) -> bool {
    name.starts_with('.') && name.contains(UNFINISHED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("latest");
        atomic_write(&path, b"one").unwrap();
        atomic_write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_parent_that_is_a_file_is_a_write_error_that_names_the_path() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), b"").unwrap();
        let error = atomic_write(folder.path().join("file/latest"), b"x").unwrap_err();
        assert!(matches!(&error, Error::Write { path, .. } if path.ends_with("file/latest")), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn an_unfinished_file_leaves_nothing_and_a_finished_one_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.npy");
        let mut dropped = AtomicFile::create(&path).unwrap();
        dropped.write(b"half").unwrap();
        drop(dropped);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let mut file = AtomicFile::create(&path).unwrap();
        file.write(b"whole").unwrap();
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_target_that_is_a_folder_leaves_no_hidden_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("latest")).unwrap();
        atomic_write(folder.path().join("latest"), b"x").unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
