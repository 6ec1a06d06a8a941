//! One trainer a run folder: an advisory lock that the operating system releases when the process ends, however it ends.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// The lock file's name in the run folder. It stays there; only holding it means something.
pub(super) const LOCK_FILE: &str = ".lock";

/// Holds a run folder for this process until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _held: File,
}

impl Lock {
    /// Takes the lock of a folder.
    ///
    /// # Errors
    /// A folder that another process holds (with its number), one that cannot be written.
    pub fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK_FILE);
        let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|e| Error::write(&path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.take(32).read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    pid => format!("process {pid}"),
                };
                return Err(Error::file(folder, format!("{holder} is training in this run folder"))
                    .with_hint("wait for it, stop it, or choose another --out"));
            }
            // Some network file systems have no locks; there the user alone keeps two trainers apart.
            Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(e)) => return Err(Error::write(&path, e)),
        }
        let pid = std::process::id().to_string();
        let written = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).and_then(|_| file.write_all(pid.as_bytes()));
        written.map_err(|e| Error::write(&path, e))?;
        Ok(Self { _held: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_with_the_number_of_the_first_until_it_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let message = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(message.contains(&format!("process {} is training", std::process::id())), "{message}");
        drop(first);
        Lock::take(folder.path()).unwrap();
    }
}
