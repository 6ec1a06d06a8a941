//! Arrays as files: `.npy`, `.csv` or `.parquet` by extension, whole or row by row, complete or not at all.
//!
//! Everything is written to a temporary file in the folder of the target and takes its name only when it is complete and on disk; what
//! fails, or is dropped on the way, leaves neither a partial file nor a changed old one.

mod csv;
mod npy;
mod parquet;

use std::path::{Path, PathBuf};

pub use crate::atomic::AtomicFile;
use crate::atomic::atomic_write;

use super::record::{check_room, parquet_pair, set_aside, sidecar, to_json};
use super::shape::EventShape;
use crate::error::{Error, Result};

/// What a file of numbers may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// NumPy, float32, C order.
    Npy,
    /// Text with a header.
    Csv,
    /// Float columns, Snappy.
    Parquet,
}

impl Format {
    /// The format that a file's extension names.
    ///
    /// # Errors
    /// An extension that names none.
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("npy") => Ok(Self::Npy),
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(Error::setting("output file", "a name that ends in .npy, .csv or .parquet", path.display())),
        }
    }
}

/// Writes one array, shaped `[n]`, `[n, d]` or `[n, c, h, w]`; tables get one column for each number of a row.
///
/// `columns` names those columns (else x0, x1, …).
///
/// # Errors
/// An unknown extension, a shape that does not hold the data, a place that cannot be written.
pub fn write_array(path: &Path, data: &[f32], shape: &[usize], columns: Option<&[String]>) -> Result<()> {
    write_recorded(path, data, shape, columns, &[])
}

/// As [`write_array`], with pairs that say how the array was made: [`read_record`](super::read_record) gives them back.
///
/// # Errors
/// As [`write_array`].
pub fn write_recorded(
    path: &Path,
    data: &[f32],
    shape: &[usize],
    columns: Option<&[String]>,
    record: &[(&str, &str)],
) -> Result<()> {
    let total = shape.iter().try_fold(1usize, |n, k| n.checked_mul(*k));
    if shape.is_empty() || total != Some(data.len()) {
        return Err(Error::setting("array to write", format!("{} numbers in a shape", data.len()), format!("{shape:?}")));
    }
    let mut writer = ArrayWriter::with_shape(path, shape, columns)?;
    writer.push(data)?;
    writer.finish_recorded(record)
}

/// Writes an array row by row.
pub struct ArrayWriter {
    path: PathBuf,
    body: Body,
    /// Shape of a row.
    event: Vec<usize>,
    d: usize,
    rows: usize,
    expected: usize,
}

enum Body {
    Npy(AtomicFile),
    Csv(AtomicFile),
    Parquet(Box<parquet::Body>),
}

impl ArrayWriter {
    /// Begins a file of `n` rows of shape `event`: `[n, d]` or `[n, c, h, w]`.
    ///
    /// # Errors
    /// An unknown extension, a place that cannot be written.
    pub fn create(path: &Path, event: &EventShape, n: usize) -> Result<Self> {
        Self::with_shape(path, &[&[n], &event.dims()[..]].concat(), None)
    }

    /// As [`ArrayWriter::create`], for a table whose columns have names.
    ///
    /// # Errors
    /// As [`ArrayWriter::create`]; no columns.
    pub fn create_table(path: &Path, columns: &[String], n: usize) -> Result<Self> {
        Self::with_shape(path, &[n, columns.len()], Some(columns))
    }

    fn with_shape(path: &Path, shape: &[usize], columns: Option<&[String]>) -> Result<Self> {
        let format = Format::of(path)?;
        let (expected, d) = (shape[0], shape[1..].iter().product::<usize>());
        if d == 0 || columns.is_some_and(|c| c.len() != d) {
            let got = format!("rows of {d} numbers with {} names", columns.map_or(d, <[_]>::len));
            return Err(Error::setting("array to write", "at least one number a row, and as many names", got));
        }
        let mut file = AtomicFile::create(path)?;
        let names = || columns.map_or_else(|| (0..d).map(|i| format!("x{i}")).collect(), <[String]>::to_vec);
        let body = match format {
            Format::Npy => {
                file.write(&npy::header(shape))?;
                Body::Npy(file)
            }
            Format::Csv => {
                file.write(csv::header(&names()).as_bytes())?;
                Body::Csv(file)
            }
            Format::Parquet => Body::Parquet(Box::new(parquet::Body::new(file, &names())?)),
        };
        Ok(Self { path: path.to_path_buf(), body, event: shape[1..].to_vec(), d, rows: 0, expected })
    }

    /// Appends whole rows, `[k, d]` row-major.
    ///
    /// # Errors
    /// A part of a row, more rows than were announced, a full disk.
    pub fn push(&mut self, rows: &[f32]) -> Result<()> {
        let what = || format!("writing {}", self.path.display());
        if !rows.len().is_multiple_of(self.d) {
            return Err(Error::failed(what(), format!("{} numbers are no whole rows of {}", rows.len(), self.d)));
        }
        if rows.len() / self.d > self.expected - self.rows {
            return Err(Error::failed(what(), format!("more rows than the {} announced", self.expected)));
        }
        self.rows += rows.len() / self.d;
        match &mut self.body {
            Body::Npy(file) => npy::body(rows, |bytes| file.write(bytes)),
            Body::Csv(file) => csv::body(rows, self.d, |bytes| file.write(bytes)),
            Body::Parquet(body) => body.push(rows),
        }
    }

    /// Makes do with the rows so far: the file is one of that many. Returns how many they are.
    ///
    /// # Errors
    /// A full disk.
    pub fn cut(&mut self) -> Result<usize> {
        if let Body::Npy(file) = &mut self.body {
            let announced = npy::header(&[&[self.expected], &self.event[..]].concat()).len();
            file.rewrite_start(&npy::padded(&[&[self.rows], &self.event[..]].concat(), announced))?;
        }
        self.expected = self.rows;
        Ok(self.rows)
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// Fewer rows than were announced, a full disk.
    pub fn finish(self) -> Result<()> {
        self.finish_recorded(&[])
    }

    /// As [`ArrayWriter::finish`], with pairs that say how the array was made. What an older file's sidecar said goes with it.
    ///
    /// # Errors
    /// As [`ArrayWriter::finish`].
    pub fn finish_recorded(self, record: &[(&str, &str)]) -> Result<()> {
        if self.rows != self.expected {
            let problem = format!("{} rows of the {} announced", self.rows, self.expected);
            return Err(Error::failed(format!("writing {}", self.path.display()), problem));
        }
        match self.body {
            Body::Npy(mut file) => {
                if !record.is_empty() {
                    file.write(format!("\n{}", to_json(record)).as_bytes())?;
                }
                file.commit()
            }
            Body::Csv(mut file) => {
                if !record.is_empty() {
                    check_room(&self.path)?;
                }
                // First away with a record that would be another file's; then the file, then its own. An old file that stays keeps its record.
                file.seal()?;
                let old = set_aside(&self.path)?;
                if let Err(e) = file.take_name() {
                    old.put_back();
                    return Err(e);
                }
                old.remove();
                file.settle()?;
                if record.is_empty() { Ok(()) } else { atomic_write(sidecar(&self.path), to_json(record).as_bytes()) }
            }
            Body::Parquet(body) => {
                let pair = (!record.is_empty()).then(|| parquet_pair(record));
                body.finish(pair)?.commit()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::open::{Options, open};
    use super::super::record::read_record;
    use super::super::source::all;
    use super::*;
    use crate::key::{Key, Purpose};

    #[test]
    fn what_is_written_reads_back_the_same_in_every_format() {
        let dir = tempfile::tempdir().unwrap();
        let data = [0.1f32, -3.5e-30, 1e20, f32::MIN_POSITIVE, 7.0, 1.0 / 3.0];
        let names = ["a,b".to_string(), "c \"d\"".to_string()];
        for file in ["a.npy", "a.csv", "a.parquet"] {
            let path = dir.path().join(file);
            write_array(&path, &data, &[3, 2], Some(&names)).unwrap();
            let set = open(path.to_str().unwrap(), &Options { held_out: 0.0, ..Options::default() }).unwrap();
            let mut rows = all(&*set.train, 10, Key::new(0, Purpose::Data)).unwrap();
            let mut expected = data;
            rows.sort_by(f32::total_cmp);
            expected.sort_by(f32::total_cmp);
            assert_eq!(rows, expected, "{file}");
            assert_eq!(set.columns.as_deref(), (file != "a.npy").then_some(&names[..]), "{file}");
        }
    }

    #[test]
    fn a_record_comes_back_from_every_format_and_no_reader_sees_it() {
        let dir = tempfile::tempdir().unwrap();
        let data: Vec<f32> = (0..12).map(|i| i as f32 * 0.5).collect();
        let record = [("model", "abc"), ("settings", "ε = 0.1, \"so\""), ("seed", "18446744073709551615")];
        for file in ["a.npy", "a.csv", "a.parquet"] {
            let path = dir.path().join(file);
            write_recorded(&path, &data, &[6, 2], None, &record).unwrap();
            let mut read = read_record(&path).unwrap().unwrap();
            read.sort();
            assert_eq!(read, [record[0], record[2], record[1]].map(|(k, v)| (k.to_owned(), v.to_owned())), "{file}");
            let set = open(path.to_str().unwrap(), &Options { held_out: 0.0, ..Options::default() }).unwrap();
            let mut rows = all(&*set.train, 6, Key::new(0, Purpose::Data)).unwrap();
            rows.sort_by(f32::total_cmp);
            assert_eq!(rows, data, "{file}");
            write_array(&path, &data, &[6, 2], None).unwrap();
            assert_eq!(read_record(&path).unwrap(), None, "{file}");
        }
        std::fs::write(dir.path().join("b.npy"), [&std::fs::read(dir.path().join("a.npy")).unwrap()[..], b"{]"].concat())
            .unwrap();
        assert!(read_record(&dir.path().join("b.npy")).unwrap_err().to_string().contains("damaged"));
    }

    #[test]
    fn a_file_beside_a_table_that_is_no_record_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        std::fs::write(dir.path().join("a.csv.json"), "{\"mine\": 1}").unwrap();
        assert!(write_recorded(&path, &[1.0], &[1, 1], None, &[("n", "1")]).unwrap_err().to_string().contains("in the way"));
        assert!(!path.exists());
        write_array(&path, &[1.0], &[1, 1], None).unwrap();
        assert_eq!(std::fs::read(dir.path().join("a.csv.json")).unwrap(), b"{\"mine\": 1}");
    }

    #[test]
    fn a_file_cut_short_has_the_rows_it_has() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["a.npy", "a.csv", "a.parquet"] {
            let path = dir.path().join(file);
            let mut writer = ArrayWriter::create(&path, &EventShape::Vector(2), 1_000_000_000).unwrap();
            writer.push(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
            assert_eq!(writer.cut().unwrap(), 3);
            writer.finish_recorded(&[("n", "3")]).unwrap();
            let set = open(path.to_str().unwrap(), &Options { held_out: 0.0, ..Options::default() }).unwrap();
            let mut rows = all(&*set.train, 10, Key::new(0, Purpose::Data)).unwrap();
            rows.sort_by(f32::total_cmp);
            assert_eq!(rows, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "{file}");
            assert_eq!(read_record(&path).unwrap().unwrap(), [("n".to_owned(), "3".to_owned())], "{file}");
        }
    }

    #[test]
    fn the_npy_header_is_the_one_numpy_writes() {
        let header = npy::header(&[3]);
        assert_eq!(header.len(), 128);
        assert!(header.ends_with(b" \n"));
        assert!(header[10..].starts_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"));
        assert!(
            npy::header(&[2, 1, 8, 8])[10..].starts_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 8, 8), }")
        );
    }

    #[test]
    fn an_unfinished_file_leaves_no_trace_and_the_old_one_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["a.npy", "a.csv", "a.parquet"] {
            let path = dir.path().join(file);
            std::fs::write(&path, "old").unwrap();
            let mut writer = ArrayWriter::create(&path, &EventShape::Vector(2), 2).unwrap();
            writer.push(&[1.0, 2.0]).unwrap();
            assert!(writer.push(&[1.0]).is_err());
            assert!(writer.push(&[1.0; 4]).unwrap_err().to_string().contains("more rows"));
            assert!(writer.finish().unwrap_err().to_string().contains("1 rows of the 2 announced"));
            assert_eq!(std::fs::read(&path).unwrap(), b"old");
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn places_that_cannot_be_written_and_unknown_formats_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let kind = |path: &str| write_array(&dir.path().join(path), &[1.0], &[1], None).unwrap_err().kind();
        assert_eq!((kind("a.txt"), kind("a"), kind("no/such/a.npy")), ("setting", "setting", "write"));
        std::fs::create_dir(dir.path().join("b.npy")).unwrap();
        assert_eq!(kind("b.npy"), "write");
        assert!(write_array(&dir.path().join("a.npy"), &[1.0], &[2], None).is_err());
    }
}
