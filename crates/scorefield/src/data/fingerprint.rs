//! A short name for the content of a data set, which changes when the data change.
//!
//! It is the SHA-256 of the length and every byte of every file, up to 256 MiB in all. Of a file beyond that, 64 evenly spaced blocks
//! of 64 KiB stand for the bytes, together with the time of its last change: a full read of a very large file would cost more than
//! a run's start should.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use super::gzip::read_up_to;
use crate::error::{Error, Result};

const BUDGET: u64 = 256 << 20;
const BLOCKS: u64 = 64;
const BLOCK: u64 = 64 << 10;

/// Takes in files and words one after another.
pub(super) struct Fingerprint {
    hasher: Sha256,
    budget: u64,
}

impl Fingerprint {
    /// `kind` keeps data sets of different formats apart.
    pub fn new(kind: &str) -> Self {
        Self { hasher: Sha256::new(), budget: BUDGET }.with(kind)
    }

    /// Takes in some bytes.
    pub fn with(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.hasher.update((bytes.as_ref().len() as u64).to_le_bytes());
        self.hasher.update(bytes);
        self
    }

    /// Takes in a file's content.
    pub fn file(mut self, path: &Path) -> Result<Self> {
        self.take(path).map_err(|e| Error::read(path, &e))?;
        Ok(self)
    }

    /// 64 hexadecimal digits.
    pub fn finish(self) -> String {
        hex(&self.hasher.finalize())
    }

    fn take(&mut self, path: &Path) -> std::io::Result<()> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let len = metadata.len();
        self.hasher.update(len.to_le_bytes());
        if len <= self.budget {
            self.budget -= len;
            return self.absorb(&mut file);
        }
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.hasher.update(changed.as_nanos().to_le_bytes());
        let step = len / BLOCKS;
        for block in 0..BLOCKS {
            file.seek(SeekFrom::Start(block * step))?;
            self.absorb(&mut (&file).take(BLOCK))?;
        }
        Ok(())
    }

    fn absorb(&mut self, reader: &mut dyn Read) -> std::io::Result<()> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match read_up_to(reader, &mut buffer)? {
                0 => return Ok(()),
                n => self.hasher.update(&buffer[..n]),
            }
        }
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_that_of_the_content_and_notices_a_single_byte() {
        let dir = tempfile::tempdir().unwrap();
        let of = |bytes: &[u8], name: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            Fingerprint::new("csv").file(&path).unwrap().finish()
        };
        let one = of(b"1,2\n", "a");
        assert_eq!(one, of(b"1,2\n", "b"));
        assert_ne!(one, of(b"1,3\n", "a"));
        assert_eq!(one.len(), 64);
    }

    #[test]
    fn of_a_file_beyond_the_budget_blocks_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big");
        let of = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
            let mut fingerprint = Fingerprint::new("npy");
            fingerprint.budget = 10;
            fingerprint.file(&path).unwrap().finish()
        };
        assert_eq!(of(b"eleven byte"), of(b"eleven byte"));
        assert_ne!(of(b"eleven byte"), of(b"eleven bytf"));
    }
}
