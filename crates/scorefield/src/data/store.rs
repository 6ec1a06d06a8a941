//! Bytes that are either in memory or in a file, read by position; and their writer, which moves to disk when memory runs short.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A run of bytes of known length.
pub(super) enum Store {
    Memory(Vec<u8>),
    /// `len` bytes of `file` from `base` on.
    Disk {
        file: File,
        base: u64,
        len: u64,
        path: PathBuf,
    },
}

impl Store {
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk { len, .. } => *len,
        }
    }

    /// `len` bytes from `at` on: borrowed from memory, or read into `scratch`.
    pub fn read<'a>(&'a self, at: u64, len: usize, scratch: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        match self {
            Self::Memory(bytes) => {
                let range = usize::try_from(at).ok().and_then(|at| Some(at..at.checked_add(len)?));
                range.and_then(|r| bytes.get(r)).ok_or_else(|| {
                    Error::failed("reading data", format!("bytes {at} to {} of {}", at.saturating_add(len as u64), bytes.len()))
                })
            }
            Self::Disk { file, base, path, .. } => {
                scratch.resize(len, 0);
                read_exact_at(file, base + at, scratch).map_err(|e| Error::read(path, &e))?;
                Ok(scratch)
            }
        }
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, at: u64, out: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut at: u64, mut out: &mut [u8]) -> std::io::Result<()> {
    while !out.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_read(file, out, at)?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        at += n as u64;
        out = &mut out[n..];
    }
    Ok(())
}

/// Collects bytes in memory up to `limit`, and all of them in an unnamed temporary file beyond it.
pub(super) struct StoreWriter {
    limit: u64,
    memory: Vec<u8>,
    disk: Option<BufWriter<File>>,
    len: u64,
}

impl StoreWriter {
    pub fn new(limit: u64) -> Self {
        Self { limit, memory: Vec::new(), disk: None, len: 0 }
    }

    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.len += bytes.len() as u64;
        if self.disk.is_none() && (self.len > self.limit || self.memory.try_reserve(bytes.len()).is_err()) {
            let mut file = BufWriter::with_capacity(1 << 20, tempfile::tempfile().map_err(unwritable)?);
            file.write_all(&self.memory).map_err(unwritable)?;
            self.memory = Vec::new();
            self.disk = Some(file);
        }
        match &mut self.disk {
            Some(file) => file.write_all(bytes).map_err(unwritable),
            None => {
                self.memory.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    pub fn finish(self, origin: &Path) -> Result<Store> {
        match self.disk {
            None => Ok(Store::Memory(self.memory)),
            Some(file) => {
                let file = file.into_inner().map_err(|e| unwritable(e.into_error()))?;
                Ok(Store::Disk { file, base: 0, len: self.len, path: origin.to_path_buf() })
            }
        }
    }
}

fn unwritable(source: std::io::Error) -> Error {
    Error::write(std::env::temp_dir(), source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_back_the_same_from_memory_and_from_disk() {
        for limit in [0, 10, 1 << 20] {
            let mut writer = StoreWriter::new(limit);
            for chunk in (0..=255u8).collect::<Vec<_>>().chunks(7) {
                writer.push(chunk).unwrap();
            }
            let store = writer.finish(Path::new("origin")).unwrap();
            assert_eq!(matches!(store, Store::Memory(_)), limit > 256);
            assert_eq!(store.len(), 256);
            let mut scratch = Vec::new();
            assert_eq!(store.read(100, 3, &mut scratch).unwrap(), [100, 101, 102]);
            assert!(store.read(255, 2, &mut scratch).is_err());
        }
    }
}
