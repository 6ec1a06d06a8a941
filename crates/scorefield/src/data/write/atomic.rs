//! A file that appears complete or not at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// A file under a temporary name in the target's folder. [`AtomicFile::commit`] gives it the target's name; dropping it removes it.
pub struct AtomicFile {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl AtomicFile {
    /// Begins a file that will be `path`.
    ///
    /// # Errors
    /// A folder that does not exist or cannot be written; a `path` that is a folder.
    pub fn create(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::write(path, std::io::ErrorKind::IsADirectory.into()));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".scorefield-").suffix(".part");
        // The file should be as readable as any other the user makes; temporary files are private by default.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder(path)).map_err(|e| Error::write(path, plain(e)))?;
        Ok(Self { path: path.to_path_buf(), file: BufWriter::with_capacity(1 << 18, file) })
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
        self.file.write_all(bytes).map_err(|e| Error::write(&self.path, plain(e)))
    }

    /// Puts the file on disk and gives it its name, replacing what was there.
    ///
    /// # Errors
    /// A full disk; a target that cannot be replaced.
    pub fn commit(self) -> Result<()> {
        let Self { path, file } = self;
        let failed = |e: std::io::Error| Error::write(&path, plain(e));
        let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|e| failed(e.error))?;
        // The new name is on disk once the folder is; where folders cannot be synchronised the rename alone has to do.
        if cfg!(unix) {
            let _ = File::open(folder(&path)).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The operating system's reason without the temporary name, which means nothing to the user.
fn plain(error: std::io::Error) -> std::io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), std::io::Error::from_raw_os_error)
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
