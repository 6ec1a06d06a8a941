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
        let inflated = Bounded { inner: MultiGzDecoder::new(file), compressed: len, read: 0 };
        Opened { reader: Box::new(BufReader::with_capacity(1 << 16, inflated)), plain_len: None }
    } else {
        Opened { reader: Box::new(file), plain_len: Some(len) }
    })
}

/// How often its own size a file may inflate to; text and pictures take a hundredth at the least, DEFLATE can make a thousand.
const MOST_INFLATION: u64 = 400;
/// What any file may inflate to.
const SURELY_FINE: u64 = 64 << 20;

/// Refuses to go on inflating what grows beyond all data.
struct Bounded<R> {
    inner: R,
    compressed: u64,
    read: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(out)?;
        self.read += n as u64;
        if self.read > SURELY_FINE.max(self.compressed.saturating_mul(MOST_INFLATION)) {
            let problem = format!(
                "it inflates to more than {MOST_INFLATION} times its {} bytes, which no data do; if it is in order, decompress it first",
                self.compressed
            );
            return Err(std::io::Error::other(problem));
        }
        Ok(n)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// 80 MiB through gzip and back.
    fn there_and_back(level: flate2::Compression, byte: impl Fn(u32) -> u8) -> std::io::Result<u64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gz");
        let mut gzip = flate2::write::GzEncoder::new(File::create(&path).unwrap(), level);
        let block: Vec<u8> = (0..1 << 20).map(byte).collect();
        for _ in 0..80 {
            gzip.write_all(&block).unwrap();
        }
        gzip.finish().unwrap();
        std::io::copy(&mut open(&path).unwrap().reader, &mut std::io::sink())
    }

    #[test]
    fn a_bomb_is_refused_on_the_way_and_data_of_the_same_length_are_read() {
        let error = there_and_back(flate2::Compression::best(), |_| 0).unwrap_err().to_string();
        assert!(error.contains("more than 400 times its"), "{error}");
        // A table of digits: hardly random, and far from a bomb.
        let digits = there_and_back(flate2::Compression::fast(), |i| {
            b"0123456789,\n"[(i.wrapping_mul(2_654_435_761) >> 28) as usize % 12]
        });
        assert_eq!(digits.unwrap(), 80 << 20);
    }
}
