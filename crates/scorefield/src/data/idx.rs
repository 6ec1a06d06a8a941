//! IDX, the format of MNIST: a big-endian header (magic, sizes), then bytes (LeCun, Cortes & Burges 1998).
//!
//! The magic is 0x0000TTDD: TT the kind of number (8: unsigned byte, the only one read here), DD the number of sizes that follow.

use std::path::Path;

use super::gzip::{self, Opened, read_up_to};
use super::shape::{EventShape, MAX_FEATURES};
use super::store::Store;
use crate::error::{Error, Result};

const IMAGES: u32 = 2051;
const LABELS: u32 = 2049;

/// Images as one byte a pixel, kept on disk beyond `limit` bytes.
pub(super) fn images(path: &Path, limit: u64) -> Result<(Store, EventShape)> {
    let (mut opened, sizes) = header::<3>(path, IMAGES, "images")?;
    let [count, height, width] = sizes;
    let pixels = u64::from(height) * u64::from(width);
    if count == 0 || pixels == 0 || pixels > MAX_FEATURES as u64 {
        let problem =
            format!("the header says {count} images of {height}×{width} pixels, expected at least one of 1 to 2^28 pixels");
        return Err(Error::file_at(path, "bytes 4 to 15", problem));
    }
    let store =
        body(path, &mut opened, 16, u64::from(count).checked_mul(pixels), limit, &format!("{count} images of {height}×{width}"))?;
    Ok((store, EventShape::Image { channels: 1, height: height as usize, width: width as usize }))
}

/// One label a byte, `expected` of them.
pub(super) fn labels(path: &Path, expected: u64) -> Result<Vec<u8>> {
    let (mut opened, [count]) = header::<1>(path, LABELS, "labels")?;
    if u64::from(count) != expected {
        return Err(Error::file_at(path, "bytes 4 to 7", format!("the header says {count} labels for {expected} images")));
    }
    match body(path, &mut opened, 8, Some(expected), u64::MAX, &format!("{count} labels"))? {
        Store::Memory(labels) => Ok(labels),
        Store::Disk { .. } => Err(Error::file(path, "the labels do not fit into memory")),
    }
}

fn header<const N: usize>(path: &Path, magic: u32, kind: &str) -> Result<(Opened, [u32; N])> {
    let mut opened = gzip::open(path)?;
    let mut bytes = [0; 16];
    let bytes = &mut bytes[..4 + 4 * N];
    let n = read_up_to(&mut opened.reader, bytes).map_err(|e| Error::read(path, &e))?;
    let mut numbers = bytes.as_chunks::<4>().0.iter().map(|b| u32::from_be_bytes(*b));
    let found = numbers.next().unwrap_or_default();
    if n >= 4 && found != magic {
        let what = match found {
            IMAGES => " (that of an IDX file of images)".to_string(),
            LABELS => " (that of an IDX file of labels)".to_string(),
            other => format!(" ({other:#010x})"),
        };
        return Err(Error::file_at(
            path,
            "bytes 0 to 3",
            format!("expected magic number {magic} (IDX {kind}), found {found}{what}"),
        ));
    }
    if n < bytes.len() {
        return Err(Error::file(path, format!("truncated: the IDX header takes {} bytes, the file has {n}", bytes.len())));
    }
    let mut sizes = [0; N];
    sizes.iter_mut().zip(numbers).for_each(|(s, n)| *s = n);
    Ok((opened, sizes))
}

fn body(path: &Path, opened: &mut Opened, head: u64, len: Option<u64>, limit: u64, what: &str) -> Result<Store> {
    let wrong = |needed: &str, found: &str| Error::file(path, format!("the header says {what}, {needed}, the file has {found}"));
    let Some(len) = len else {
        return Err(wrong("more bytes than any file", "fewer"));
    };
    let needed = format!("which take {len} bytes after the header");
    // The size of a plain file tells at once; it also spares reading one that is to stay on disk.
    if let Some(plain) = opened.plain_len {
        let found = plain.saturating_sub(head);
        if found < len {
            return Err(wrong(&needed, &format!("{found}: it is truncated")));
        }
        if found > len {
            return Err(wrong(&needed, &found.to_string()));
        }
        if len > limit {
            let file = std::fs::File::open(path).map_err(|e| Error::read(path, &e))?;
            return Ok(Store::Disk { file, base: head, len, path: path.to_path_buf() });
        }
    }
    gzip::read_rest(&mut opened.reader, len, limit, path).map_err(|end| match end {
        Ok(found) if found < len => wrong(&needed, &format!("{found}: it is truncated")),
        Ok(_) => wrong(&needed, "more"),
        Err(error) => error,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn idx(magic: u32, sizes: &[u32], body: &[u8]) -> Vec<u8> {
        let head = [&[magic][..], sizes].concat();
        [head.iter().flat_map(|n| n.to_be_bytes()).collect(), body.to_vec()].concat()
    }

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn read(bytes: &[u8], limit: u64) -> Result<(Store, EventShape)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("images");
        std::fs::write(&path, bytes).unwrap();
        images(&path, limit)
    }

    #[test]
    fn images_read_the_same_plain_or_gzipped_in_memory_or_on_disk() {
        let body: Vec<u8> = (0..24).collect();
        let bytes = idx(2051, &[4, 2, 3], &body);
        for (bytes, limit) in [(bytes.clone(), 100), (gz(&bytes), 100), (bytes.clone(), 5), (gz(&bytes), 5)] {
            let (store, event) = read(&bytes, limit).unwrap();
            assert_eq!(event, EventShape::Image { channels: 1, height: 2, width: 3 });
            assert_eq!(matches!(store, Store::Memory(_)), limit == 100);
            assert_eq!(store.read(0, 24, &mut Vec::new()).unwrap(), body);
        }
    }

    #[test]
    fn every_broken_file_is_refused_in_one_line_that_says_where() {
        let good = idx(2051, &[4, 2, 3], &[0; 24]);
        for (bytes, words) in [
            (
                idx(2049, &[4, 2, 3], &[0; 24]),
                "expected magic number 2051 (IDX images), found 2049 (that of an IDX file of labels)",
            ),
            (b"\x89PNG\r\n\x1a\n........".to_vec(), "expected magic number 2051"),
            (good[..30].to_vec(), "which take 24 bytes after the header, the file has 14: it is truncated"),
            (gz(&good[..30]), "the file has 14: it is truncated"),
            (good[..9].to_vec(), "the IDX header takes 16 bytes, the file has 9"),
            (gz(&good)[..20].to_vec(), "cannot read"),
            ([good.clone(), vec![0]].concat(), "the file has 25"),
            (gz(&[good.clone(), vec![0]].concat()), "the file has more"),
            (idx(2051, &[0, 28, 28], &[]), "0 images of 28×28"),
            (idx(2051, &[1, 0, 28], &[]), "1 images of 0×28"),
            (idx(2051, &[u32::MAX, 28, 28], &[0; 9]), "4294967295 images of 28×28"),
            (gz(&idx(2051, &[u32::MAX, 28, 28], &[0; 9])), "truncated"),
            (idx(2051, &[u32::MAX; 3], &[0; 9]), "expected at least one"),
            (Vec::new(), "truncated"),
        ] {
            let message = read(&bytes, 1 << 20).err().expect(words).to_string();
            assert!(message.contains(words) && !message.contains('\n'), "{message} should say {words}");
        }
    }
}
