//! A lock of names alone, for file systems without locks.
//!
//! Whoever wants the folder first puts down a file of his own that says who he is, whole from the moment it has its name, and only then looks who else
//! has: of two who come at once at least one sees the other, and goes. (Both may; then the next try succeeds. Lamport's bakery
//! without the queue.) The file of a process that is known to have ended is removed. One whose end cannot be known from here, on another
//! machine, keeps everybody out until it or the user removes its file.

use std::fs;
use std::path::{Path, PathBuf};

use super::holder::{Holder, Life, MAX_HOLDER_BYTES};
use super::lock::held;
use crate::atomic::{unfinished_sibling, write_synced};
use crate::error::{Error, Result};

/// What the files' names begin with.
const CLAIM: &str = ".held-by-";

/// Holds a folder until dropped.
#[derive(Debug)]
pub(super) struct Claim {
    file: PathBuf,
}

impl Claim {
    /// Claims a folder for `me`.
    ///
    /// # Errors
    /// A folder that somebody else holds or may hold, or claims at this instant; one that cannot be written.
    pub fn stake(folder: &Path, me: &Holder) -> Result<Self> {
        // A name that no other process or thread has, by the same counter.
        let unfinished = unfinished_sibling(&folder.join("claim"));
        let unique = unfinished.file_name().unwrap_or_default().to_string_lossy().replace('.', "");
        let machine: String = me.host.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect();
        let claim = Self { file: folder.join(format!("{CLAIM}{machine}-{unique}")) };
        let written = write_synced(&unfinished, &me.to_json()).and_then(|()| fs::rename(&unfinished, &claim.file));
        if let Err(e) = written {
            let _ = fs::remove_file(&unfinished);
            return Err(Error::write(folder, e));
        }
        // From here on an error drops the claim, which removes its file.
        for other in others(folder)? {
            if other == claim.file {
                continue;
            }
            match read(&other) {
                None => {}
                Some(holder) if holder.life() == Life::Dead => {
                    let _ = fs::remove_file(&other);
                }
                Some(holder) => {
                    let error = held(folder, Some(&holder));
                    return Err(match holder.life() {
                        Life::Unknown => error.with_hint(format!(
                            "the file system has no locks; if you are sure that it has ended, remove {}",
                            other.display()
                        )),
                        _ => error,
                    });
                }
            }
        }
        Ok(claim)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// The claims on a folder.
fn others(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut claims = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| Error::read(folder, &e))? {
        let entry = entry.map_err(|e| Error::read(folder, &e))?;
        if is_claim(&entry.file_name().to_string_lossy()) {
            claims.push(entry.path());
        }
    }
    Ok(claims)
}

/// Whether a file name is a claim's.
pub(super) fn is_claim(name: &str) -> bool {
    name.starts_with(CLAIM)
}

/// `None`: its owner has gone meanwhile. What cannot be read is somebody of whom nothing is known.
fn read(path: &Path) -> Option<Holder> {
    let unknown = Holder { pid: 0, host: "an unknown machine".into(), since: "an unknown time".into(), process: None };
    match fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Ok(metadata) if metadata.len() > MAX_HOLDER_BYTES => Some(unknown),
        _ => match fs::read(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(_) => Some(unknown),
            Ok(record) => Some(Holder::parse(&record).unwrap_or(unknown)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::holder::Process;
    use super::*;

    fn left_behind(folder: &Path, holder: &Holder) -> PathBuf {
        let path = folder.join(format!("{CLAIM}elsewhere-claim-1-0"));
        fs::write(&path, holder.to_json()).unwrap();
        path
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_claim_of_a_process_that_has_ended_is_taken_over_though_its_number_lives_on() {
        let folder = tempfile::tempdir().unwrap();
        let me = Holder::this();
        let process = me.process.clone().map(|p| Process { began: p.began + 1, ..p });
        let old = left_behind(folder.path(), &Holder { process, ..me.clone() });
        let claim = Claim::stake(folder.path(), &me).unwrap();
        assert!(!old.exists());
        assert!(Claim::stake(folder.path(), &me).is_err());
        drop(claim);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_claim_from_another_machine_stands_and_its_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let me = Holder::this();
        let elsewhere = Holder { host: "elsewhere".into(), process: None, ..me.clone() };
        let old = left_behind(folder.path(), &elsewhere);
        let error = Claim::stake(folder.path(), &me).unwrap_err();
        assert!(error.to_string().contains("on elsewhere is training") && error.hint().unwrap().contains("claim-1-0"), "{error}");
        fs::write(&old, "not a record").unwrap();
        assert!(Claim::stake(folder.path(), &me).unwrap_err().to_string().contains("an unknown machine"));
        fs::remove_file(&old).unwrap();
        Claim::stake(folder.path(), &me).unwrap();
    }
}
