//! One trainer a run folder: an advisory lock that the operating system releases when the process ends, however it ends.
//!
//! The lock file says who holds it; only holding the lock means something, so a name that a dead process left is no obstacle and no number
//! of a process is ever looked up. Two who take it over at once are told apart by the operating system. Where a file system has no locks,
//! the names alone must do: [`claim`](super::claim).

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::claim::Claim;
use super::holder::{Holder, MAX_HOLDER_BYTES};
use crate::error::{Error, Result};

/// The lock file's name in the run folder. It stays there; only holding it means something.
pub(super) const LOCK_FILE: &str = ".lock";
/// How often the file may vanish under the hand that has just locked it.
const TRIES: usize = 100;

/// Holds a run folder for this process until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _held: Held,
}

/// By what it is held.
#[derive(Debug)]
#[expect(dead_code, reason = "both are held for what dropping them does")]
enum Held {
    File(File),
    Claim(Claim),
}

impl Lock {
    /// Takes the lock of a folder.
    ///
    /// # Errors
    /// A folder that another process holds (which, on which machine, since when), one that cannot be written.
    pub fn take(folder: &Path) -> Result<Self> {
        Self::take_by(folder, File::try_lock)
    }

    fn take_by(folder: &Path, try_lock: impl Fn(&File) -> Result<(), TryLockError>) -> Result<Self> {
        let path = folder.join(LOCK_FILE);
        for _ in 0..TRIES {
            let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = open.map_err(|e| Error::write(&path, e))?;
            match try_lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(held(folder, Holder::parse(&text(&file)).as_ref())),
                // Some network file systems have no locks.
                Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => {
                    return Ok(Self { _held: Held::Claim(Claim::stake(folder, &Holder::this())?) });
                }
                Err(TryLockError::Error(e)) => return Err(Error::write(&path, e)),
            }
            // A run that was given up removes its lock file; a lock on the removed file keeps nobody out of the next one.
            if !is_still(&file, &path) {
                continue;
            }
            let record = Holder::this().to_json();
            let written = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).and_then(|_| file.write_all(&record));
            if let Err(e) = written {
                // It is ours, so it may go, and a folder that was made for it too.
                let _ = fs::remove_file(&path);
                return Err(Error::write(&path, e));
            }
            return Ok(Self { _held: Held::File(file) });
        }
        Err(Error::failed("taking the lock of the run folder", format!("{} is removed again and again", path.display())))
    }
}

/// What is refused to the second.
pub(super) fn held(folder: &Path, holder: Option<&Holder>) -> Error {
    let who = holder.map_or_else(|| "another process".to_owned(), Holder::to_string);
    let since = holder.map_or_else(String::new, |holder| format!(", since {}", holder.since));
    Error::file(folder, format!("{who} is training in this run folder{since}"))
        .with_hint("wait for it, stop it, or choose another --out")
}

fn text(file: &File) -> Vec<u8> {
    let mut text = Vec::new();
    let _ = file.take(MAX_HOLDER_BYTES).read_to_end(&mut text);
    text
}

/// Whether an open file is the one that has the name now.
#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let mark = |metadata: std::io::Result<fs::Metadata>| metadata.ok().map(|m| (m.dev(), m.ino()));
    let (held, named) = (mark(file.metadata()), mark(path.symlink_metadata()));
    held.is_some() && held == named
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
fn is_still(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn without_locks(folder: &Path) -> Result<Lock> {
        Lock::take_by(folder, |_| Err(TryLockError::Error(ErrorKind::Unsupported.into())))
    }

    #[test]
    fn a_second_holder_is_told_who_the_first_is_until_it_lets_go() {
        for take in [Lock::take, without_locks] {
            let folder = tempfile::tempdir().unwrap();
            let first = take(folder.path()).unwrap();
            let message = take(folder.path()).unwrap_err().to_string();
            let me = Holder::this();
            assert!(message.contains(&format!("process {} on {} is training", me.pid, me.host)), "{message}");
            assert!(message.contains(", since 2") && message.ends_with(" UTC"), "{message}");
            drop(first);
            drop(take(folder.path()).unwrap());
            take(folder.path()).unwrap();
        }
    }

    #[test]
    fn whatever_a_dead_process_left_in_the_file_is_no_obstacle() {
        for left in [
            "",
            "123",
            "{\"pid\":1}",
            "\u{0}\u{0}\u{0}",
            "{\"pid\":1,\"host\":\"elsewhere\",\"since\":\"then\",\"process\":\"x\"}",
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(LOCK_FILE), left).unwrap();
            let _held = Lock::take(folder.path()).unwrap();
            assert!(Lock::take(folder.path()).unwrap_err().to_string().contains(&std::process::id().to_string()));
        }
    }

    #[test]
    fn a_lock_on_a_file_that_was_removed_meanwhile_is_not_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK_FILE);
        let removals = AtomicUsize::new(0);
        // Whoever held it before removes the file between our opening and our locking it, three times.
        let take = Lock::take_by(folder.path(), |file| {
            if removals.fetch_add(1, Ordering::Relaxed) < 3 {
                fs::remove_file(&path).unwrap();
            }
            file.try_lock()
        });
        let _first = take.unwrap();
        assert_eq!(removals.load(Ordering::Relaxed), 4);
        assert!(Lock::take(folder.path()).is_err());
    }

    #[test]
    fn of_many_who_take_it_at_once_one_at_a_time_holds_it() {
        for take in [Lock::take, without_locks] {
            let folder = tempfile::tempdir().unwrap();
            let (inside, entered) = (AtomicUsize::new(0), AtomicUsize::new(0));
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for _ in 0..200 {
                            let Ok(lock) = take(folder.path()) else { continue };
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                            entered.fetch_add(1, Ordering::SeqCst);
                            inside.fetch_sub(1, Ordering::SeqCst);
                            drop(lock);
                        }
                    });
                }
            });
            assert!(entered.load(Ordering::SeqCst) > 0);
            drop(take(folder.path()).unwrap());
        }
    }
}
