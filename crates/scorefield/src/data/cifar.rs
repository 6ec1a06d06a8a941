//! CIFAR-10 in its binary version: six batches of 10,000 records, each a label and 3×32×32 bytes (Krizhevsky 2009).
//!
//! The published test batch is held out. The archive's size and SHA-256 are those that TensorFlow Datasets publishes.

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::GzDecoder;

use super::element::Element;
use super::fetch::{self, Remote};
use super::fingerprint::Fingerprint;
use super::gzip::{self, read_up_to};
use super::open::{Dataset, Options, Origin};
use super::published::{self, Places, Wanted};
use super::rows::{Levels, Rows};
use super::shape::EventShape;
use super::source::Source;
use super::store::StoreWriter;
use crate::error::{Error, Result};

const ARCHIVE: &str = "cifar-10-binary.tar.gz";
const FOLDER: &str = "cifar-10-batches-bin";
const BATCHES: [&str; 6] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"];
const RECORD: usize = 1 + 3 * 32 * 32;
const BATCH_BYTES: u64 = 10_000 * RECORD as u64;

pub(super) fn open(options: &Options, places: &Places) -> Result<Dataset> {
    let remote = Remote {
        url: places.url("cifar10", "https://www.cs.toronto.edu/~kriz", ARCHIVE),
        bytes: 170_052_171,
        sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd".to_string(),
    };
    let download = |folder: &Path| download(&remote, folder);
    let paths = published::locate(&Wanted { name: "cifar10", files: spellings(), download: &download }, options, places)?;
    let levels = Levels { top: 255, dequantise: options.dequantise.of_bytes() };
    let part = |paths: &[PathBuf]| -> Result<Arc<dyn Source>> {
        let mut pixels = StoreWriter::new(options.memory_limit);
        let mut labels = Vec::new();
        paths.iter().try_for_each(|path| batch(path, &mut pixels, &mut labels))?;
        let event = EventShape::Image { channels: 3, height: 32, width: 32 };
        let mut rows = Rows::new(pixels.finish(&paths[0])?, Element::U8, event);
        rows.levels = Some(levels);
        rows.labels = Some(labels);
        Ok(Arc::new(rows))
    };
    let fingerprint = paths.iter().try_fold(Fingerprint::new("cifar10"), |f, path| f.file(path))?;
    Ok(Dataset {
        name: "cifar10".to_string(),
        train: part(&paths[..5])?,
        held_out: part(&paths[5..])?,
        origin: Origin::Images,
        columns: None,
        fingerprint: fingerprint.finish(),
        dequantised: levels.dequantise,
        note: vec!["The published test batch is held out.".to_string(), levels.note()],
    })
}

/// Appends the records of one batch.
fn batch(path: &Path, pixels: &mut StoreWriter, labels: &mut Vec<u8>) -> Result<()> {
    let mut reader = gzip::open(path)?.reader;
    let mut record = [0; RECORD];
    for row in 0u64.. {
        let n = read_up_to(&mut reader, &mut record).map_err(|e| Error::read(path, &e))?;
        if n == 0 && row > 0 {
            return Ok(());
        }
        let at = || format!("byte {}", row * RECORD as u64);
        if n < RECORD {
            return Err(Error::file_at(path, at(), format!("truncated: a record takes {RECORD} bytes, {n} are left")));
        }
        if record[0] > 9 {
            let problem = format!("expected a label from 0 to 9, found {}: this is no CIFAR-10 binary batch", record[0]);
            return Err(Error::file_at(path, at(), problem));
        }
        labels.push(record[0]);
        pixels.push(&record[1..])?;
    }
    Ok(())
}

/// Each batch's names: loose or in the archive's folder, plain or gzipped.
fn spellings() -> Vec<Vec<String>> {
    let names =
        |batch| vec![format!("{batch}"), format!("{batch}.gz"), format!("{FOLDER}/{batch}"), format!("{FOLDER}/{batch}.gz")];
    BATCHES.iter().map(names).collect()
}

/// Downloads the archive and unpacks the six batches.
fn download(remote: &Remote, folder: &Path) -> std::result::Result<(), String> {
    let archive = fetch::download(remote, folder)?;
    let inflated = GzDecoder::new(BufReader::new(archive.reopen().map_err(|e| e.to_string())?));
    unpack(inflated, BATCH_BYTES, folder)
}

/// Takes the batches, and nothing else, out of an archive. An entry's path chooses among six known names and is never used as one.
fn unpack(inflated: impl Read, bytes: u64, folder: &Path) -> std::result::Result<(), String> {
    let broken = |e: std::io::Error| format!("{ARCHIVE} cannot be unpacked: {e}");
    // Twice the content is room for everything around it; a stream that goes on is not the archive.
    let mut archive = tar::Archive::new(inflated.take(12 * BATCH_BYTES));
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        let Some(name) = BATCHES.iter().find(|name| path == Path::new(FOLDER).join(name)) else {
            continue;
        };
        if !entry.header().entry_type().is_file() || entry.size() != bytes {
            return Err(format!("{ARCHIVE}: {name} is not a file of {bytes} bytes"));
        }
        let here = |e: std::io::Error| format!("cannot unpack {name} into {}: {e}", folder.display());
        let mut file = tempfile::Builder::new().prefix(".unpack-").tempfile_in(folder).map_err(here)?;
        std::io::copy(&mut entry, &mut file).map_err(here)?;
        fetch::settle(file, &folder.join(name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<u8>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data_batch_1.bin");
        std::fs::write(&path, bytes).unwrap();
        let mut labels = Vec::new();
        batch(&path, &mut StoreWriter::new(1 << 20), &mut labels).map(|()| labels)
    }

    #[test]
    fn a_batch_that_is_cut_empty_or_something_else_is_refused() {
        let record = |label| [vec![label], vec![0; RECORD - 1]].concat();
        assert_eq!(read(&[record(3), record(9)].concat()).unwrap(), [3, 9]);
        for (bytes, words) in [
            ([record(3), vec![1; 10]].concat(), "byte 3073): truncated: a record takes 3073 bytes, 10 are left"),
            ([record(3), record(10)].concat(), "expected a label from 0 to 9, found 10"),
            (Vec::new(), "truncated"),
        ] {
            let message = read(&bytes).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn only_the_batches_leave_the_archive() {
        let mut archive = tar::Builder::new(Vec::new());
        let mut add = |name: &str, kind, body: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(body.len() as u64);
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            archive.append(&header, body).unwrap();
        };
        add("../../test_batch.bin", tar::EntryType::Regular, b"abc");
        add("cifar-10-batches-bin/readme.html", tar::EntryType::Regular, b"abc");
        add("cifar-10-batches-bin/data_batch_2.bin", tar::EntryType::Regular, b"abc");
        let bytes = archive.into_inner().unwrap();
        let dir = tempfile::tempdir().unwrap();
        unpack(&bytes[..], 3, dir.path()).unwrap();
        let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["data_batch_2.bin"]);
        assert!(unpack(&bytes[..], 4, dir.path()).unwrap_err().contains("not a file of 4 bytes"));
    }
}
