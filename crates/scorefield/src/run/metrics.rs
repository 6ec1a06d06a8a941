//! `metrics.jsonl`: one JSON object a logged step, appended as training goes, cut back when it is resumed.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::atomic::atomic_write;
use crate::error::{Error, Result};

/// The longest line that is read, in bytes.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// One logged step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The optimiser step, counted from 1.
    pub step: u64,
    /// What was measured, by name ("loss", "lr", "samples_per_second"); a number that is not finite is null.
    #[serde(flatten)]
    pub values: Map<String, Value>,
}

impl Row {
    /// A row of numbers.
    pub fn new<'a>(step: u64, numbers: impl IntoIterator<Item = (&'a str, f64)>) -> Self {
        Self { step, values: numbers.into_iter().map(|(name, x)| (name.to_owned(), Value::from(x))).collect() }
    }

    /// One number of the row.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.values.get(name)?.as_f64()
    }
}

/// Appends rows, each with one write, so that a kill leaves at most one torn line, the last.
#[derive(Debug)]
pub struct MetricsWriter {
    path: PathBuf,
    file: File,
}

impl MetricsWriter {
    /// Opens the file for a run that stands at `step` (0 for a new one): rows after it, and torn lines, are cut off first.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn at_step(path: impl AsRef<Path>, step: u64) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let mut kept = Vec::new();
        let mut cut = false;
        each_line(&path, |_, line| {
            let keep = line.ends_with(b"\n") && serde_json::from_slice::<Row>(line).is_ok_and(|row| row.step <= step);
            match keep {
                true => kept.extend_from_slice(line),
                false => cut = true,
            }
            Ok(())
        })?;
        if cut {
            atomic_write(&path, &kept)?;
        }
        let file = File::options().append(true).create(true).open(&path).map_err(|e| Error::write(&path, e))?;
        Ok(Self { path, file })
    }

    /// Appends one row.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn append(&mut self, row: &Row) -> Result<()> {
        let mut line = serde_json::to_vec(row).map_err(|e| Error::write(&self.path, e.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|e| Error::write(&self.path, e))
    }

    /// Flushes to the disk what was appended; call it before a checkpoint, so that a power cut leaves no gap before it.
    ///
    /// # Errors
    /// A disk that fails.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| Error::write(&self.path, e))
    }
}

/// Every row of a metrics file; a torn last line is ignored, and a file that is not there has no rows.
///
/// # Errors
/// A file that cannot be read, a line other than the last that is no row (with its number).
pub fn read_metrics(path: impl AsRef<Path>) -> Result<Vec<Row>> {
    let path = path.as_ref();
    let mut rows = Vec::new();
    each_line(path, |number, line| match serde_json::from_slice(line) {
        Ok(row) => {
            rows.push(row);
            Ok(())
        }
        Err(_) if !line.ends_with(b"\n") => Ok(()),
        Err(e) => Err(Error::file_at(path, format!("line {number}"), format!("no metrics row: {e}"))),
    })?;
    Ok(rows)
}

/// Calls `see` with the number and bytes of every line, its newline included.
fn each_line(path: &Path, mut see: impl FnMut(usize, &[u8]) -> Result<()>) -> Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(Error::read(path, &e)),
    };
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line).map_err(|e| Error::read(path, &e))?;
        if read == 0 {
            break;
        }
        if read as u64 > MAX_LINE_BYTES {
            return Err(Error::file_at(path, format!("line {number}"), format!("longer than {MAX_LINE_BYTES} bytes")));
        }
        see(number, &line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(steps: &[u64]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut writer = MetricsWriter::at_step(&path, 0).unwrap();
        for step in steps {
            writer.append(&Row::new(*step, [("loss", 1.0 / *step as f64), ("lr", 1e-3)])).unwrap();
        }
        writer.sync().unwrap();
        (folder, path)
    }

    fn steps(path: &Path) -> Vec<u64> {
        read_metrics(path).unwrap().iter().map(|row| row.step).collect()
    }

    #[test]
    fn rows_come_back_to_the_bit() {
        let (_folder, path) = written(&[3, 7]);
        let rows = read_metrics(&path).unwrap();
        assert_eq!(rows[0].number("loss").unwrap().to_bits(), (1.0f64 / 3.0).to_bits());
        assert_eq!(rows[1].step, 7);
        assert_eq!(
            std::fs::read_to_string(&path).unwrap().lines().next(),
            Some(r#"{"step":3,"loss":0.3333333333333333,"lr":0.001}"#)
        );
    }

    #[test]
    fn a_torn_last_line_is_ignored_when_reading_and_cut_when_resuming() {
        let (_folder, path) = written(&[1, 2, 3]);
        let whole = std::fs::read(&path).unwrap();
        for torn in 1..20 {
            std::fs::write(&path, &whole[..whole.len() - torn]).unwrap();
            assert!([&[1, 2][..], &[1, 2, 3]].contains(&&steps(&path)[..]));
            MetricsWriter::at_step(&path, 9).unwrap().append(&Row::new(4, [("loss", 1.0)])).unwrap();
            assert_eq!(steps(&path), [1, 2, 4]);
        }
    }

    #[test]
    fn resuming_cuts_back_to_the_checkpoint() {
        let (_folder, path) = written(&[10, 20, 30, 40]);
        MetricsWriter::at_step(&path, 20).unwrap().append(&Row::new(30, [])).unwrap();
        assert_eq!(steps(&path), [10, 20, 30]);
        MetricsWriter::at_step(&path, 0).unwrap();
        assert!(steps(&path).is_empty());
    }

    #[test]
    fn a_garbled_line_before_the_last_is_named_by_number() {
        let (_folder, path) = written(&[1]);
        std::fs::write(&path, "{\"step\":1}\nnonsense\n{\"step\":2}\n").unwrap();
        assert!(read_metrics(&path).unwrap_err().to_string().contains("(line 2)"));
        MetricsWriter::at_step(&path, 5).unwrap();
        assert_eq!(steps(&path), [1, 2]);
        std::fs::write(&path, vec![b' '; MAX_LINE_BYTES as usize + 2]).unwrap();
        assert!(read_metrics(&path).unwrap_err().to_string().contains("longer than"));
    }

    #[test]
    fn a_number_that_is_not_finite_is_null() {
        let (_folder, path) = written(&[]);
        MetricsWriter::at_step(&path, 0).unwrap().append(&Row::new(1, [("loss", f64::NAN)])).unwrap();
        assert_eq!(read_metrics(&path).unwrap()[0].number("loss"), None);
    }
}
