//! Opens a file for reading in order, inflating it if it is gzip, whatever its name says.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::store::{Store, StoreWriter};
use crate::error::{Error, Result};

/// A file opened for reading in order.
pub(super) struct Opened {
    pub reader: Box<dyn BufRead + Send>,
    /// The file's length where it is not compressed.
    pub plain_len: Option<u64>,
}

pub(super) fn open(path: &Path) -> Result<Opened> {
    let failed = |e: std::io::Error| Error::read(path, &e);
    let mut file = File::open(path).map_err(failed)?;
    let len = file.metadata().map_err(failed)?.len();
    let mut magic = Vec::new();
    file.by_ref().take(2).read_to_end(&mut magic).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let file = BufReader::with_capacity(1 << 16, file);
    Ok(if magic == [0x1f, 0x8b] {
        Opened { reader: Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file))), plain_len: None }
    } else {
        Opened { reader: Box::new(file), plain_len: Some(len) }
    })
}

/// Reads until `out` is full or the stream ends; returns how many bytes there were.
pub(super) fn read_up_to(reader: &mut dyn Read, out: &mut [u8]) -> std::io::Result<usize> {
    let mut n = 0;
    while n < out.len() {
        match reader.read(&mut out[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(n)
}

/// Reads exactly `len` bytes that end the stream, into memory or, beyond `limit`, onto disk.
///
/// Nothing is allocated ahead of the bytes that are really there. `Err(Ok(n))` says that the stream ended after `n` bytes, or went on
/// (`n > len`).
pub(super) fn read_rest(
    reader: &mut dyn Read,
    len: u64,
    limit: u64,
    path: &Path,
) -> Result<Store, std::result::Result<u64, Error>> {
    let mut writer = StoreWriter::new(limit);
    let mut buffer = vec![0; 1 << 16];
    let mut at = 0;
    while at < len {
        let want = (len - at).min(buffer.len() as u64) as usize;
        let n = read_up_to(reader, &mut buffer[..want]).map_err(|e| Err(Error::read(path, &e)))?;
        at += n as u64;
        if n < want {
            return Err(Ok(at));
        }
        writer.push(&buffer[..n]).map_err(Err)?;
    }
    match read_up_to(reader, &mut buffer[..1]) {
        Ok(0) => writer.finish(path).map_err(Err),
        Ok(_) => Err(Ok(len + 1)),
        Err(e) => Err(Err(Error::read(path, &e))),
    }
}
