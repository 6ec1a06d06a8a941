//! `state.json`: where training stood at a checkpoint, and the sizes and hashes of the files beside it.
//!
//! Random numbers need no state: a stream is named by seed, purpose and step.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::key;

/// The largest `state.json` that is read, in bytes.
const MAX_STATE_BYTES: u64 = 1 << 20;

/// Where training stood. Fields that a later version adds are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Optimiser steps done.
    pub step: u64,
    /// Samples seen by the network, with repetitions.
    pub samples_seen: u64,
    /// The run's seed.
    pub seed: u64,
    /// [`key::STREAM_VERSION`] of the program that trained.
    pub stream_version: u32,
    /// The version of scorefield that trained.
    pub scorefield: String,
    /// Names the data as they were read (their hash, or the endless source's name).
    pub data_fingerprint: String,
    /// Seconds of training so far, over all restarts.
    pub seconds: f64,
    /// Whatever else the trainer keeps; numbers that must come back to the bit belong in a tensor file.
    #[serde(default)]
    pub extra: BTreeMap<String, serde_json::Value>,
    /// The files of the checkpoint, by name; filled in when it is written.
    #[serde(default)]
    pub files: BTreeMap<String, FileMark>,
}

/// By what a file is known to be complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, in lower-case hexadecimal.
    pub sha256: String,
}

impl FileMark {
    /// The mark of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, sha256: hexadecimal(&Sha256::digest(bytes)) }
    }

    /// Compares a file with its mark, reading it once.
    ///
    /// # Errors
    /// A file that is missing, of another length, or of other content.
    pub(super) fn verify(&self, path: &Path) -> Result<()> {
        let mut file = File::open(path).map_err(|e| Error::read(path, &e))?;
        let bytes = file.metadata().map_err(|e| Error::read(path, &e))?.len();
        if bytes != self.bytes {
            return Err(Error::file(path, format!("{bytes} bytes, expected {}", self.bytes)));
        }
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        loop {
            match file.read(&mut buffer).map_err(|e| Error::read(path, &e))? {
                0 => break,
                n => hash.update(&buffer[..n]),
            }
        }
        match hexadecimal(&hash.finalize()) == self.sha256 {
            true => Ok(()),
            false => Err(Error::file(path, "its content is not what was written (SHA-256 differs)")),
        }
    }
}

/// A writer that takes the mark of what passes through it.
pub(super) struct Marked<W> {
    out: W,
    bytes: u64,
    hash: Sha256,
}

impl<W: Write> Marked<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, bytes: 0, hash: Sha256::new() }
    }

    /// The mark of what was written.
    pub(super) fn mark(self) -> FileMark {
        FileMark { bytes: self.bytes, sha256: hexadecimal(&self.hash.finalize()) }
    }
}

impl<W: Write> Write for Marked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl State {
    /// The start of a run: nothing done yet, versions of this program.
    pub fn start(seed: u64, data_fingerprint: impl Into<String>) -> Self {
        Self {
            step: 0,
            samples_seen: 0,
            seed,
            stream_version: key::STREAM_VERSION,
            scorefield: env!("CARGO_PKG_VERSION").to_owned(),
            data_fingerprint: data_fingerprint.into(),
            seconds: 0.0,
            extra: BTreeMap::new(),
            files: BTreeMap::new(),
        }
    }

    /// Whether training may go on from here with this program and these data.
    ///
    /// # Errors
    /// Another random stream, other data: the continued run would not be the run that was started.
    pub fn check_resume(&self, data_fingerprint: &str) -> Result<()> {
        if self.stream_version != key::STREAM_VERSION {
            let expected = format!("random stream {} (scorefield {})", self.stream_version, self.scorefield);
            let got = format!("random stream {} (scorefield {})", key::STREAM_VERSION, env!("CARGO_PKG_VERSION"));
            return Err(Error::setting("--resume", expected, got).with_hint("continue with the version that began the run"));
        }
        if self.data_fingerprint != data_fingerprint {
            return Err(Error::setting(
                "--resume",
                format!("data {}", self.data_fingerprint),
                format!("data {data_fingerprint}"),
            )
            .with_hint("the data have changed since the run was started; start a new run with another --out"));
        }
        Ok(())
    }

    /// Reads a `state.json`.
    ///
    /// # Errors
    /// A file that cannot be read, is too large, or is no state.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::read(path, &e))?;
        let mut bytes = Vec::new();
        file.take(MAX_STATE_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::read(path, &e))?;
        if bytes.len() as u64 > MAX_STATE_BYTES {
            return Err(Error::file(path, format!("larger than {MAX_STATE_BYTES} bytes: this is no state")));
        }
        serde_json::from_slice(&bytes)
            .map_err(|e| Error::file_at(path, format!("line {}, column {}", e.line(), e.column()), e.to_string()))
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        // Maps with text keys, finite numbers or null: there is nothing in a state that JSON cannot hold.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_the_published_sha_256() {
        assert_eq!(FileMark::of(b"abc").sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_state_reads_back_and_tolerates_fields_of_a_later_version() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let mut state = State { seconds: 0.1 + 0.2, step: 7, ..State::start(u64::MAX, "sha256:00") };
        state.files.insert("model.safetensors".into(), FileMark::of(b"abc"));
        std::fs::write(&path, state.to_json()).unwrap();
        assert_eq!(State::read(&path).unwrap(), state);
        let mut json: serde_json::Value = serde_json::from_slice(&state.to_json()).unwrap();
        json["a_later_field"] = 1.into();
        std::fs::write(&path, json.to_string()).unwrap();
        assert_eq!(State::read(&path).unwrap(), state);
    }

    #[test]
    fn a_torn_or_huge_state_is_a_file_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        std::fs::write(&path, &State::start(0, "").to_json()[..40]).unwrap();
        assert!(State::read(&path).unwrap_err().to_string().contains("line 4"));
        std::fs::write(&path, vec![b' '; MAX_STATE_BYTES as usize + 1]).unwrap();
        assert!(State::read(&path).unwrap_err().to_string().contains("larger than"));
    }

    #[test]
    fn resuming_with_another_stream_or_other_data_is_refused() {
        let state = State::start(0, "a");
        state.check_resume("a").unwrap();
        assert!(state.check_resume("b").unwrap_err().to_string().contains("expected data a, got data b"));
        let old = State { stream_version: 0, ..state };
        assert!(old.check_resume("a").unwrap_err().to_string().contains("random stream 0"));
    }
}
