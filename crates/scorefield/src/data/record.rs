//! What a file of numbers says of its making: pairs of a key and a text, as pictures carry them.
//!
//! In `.npy` they follow the array, where no reader looks (the header says how long the array is): a line break, `{"scorefield": {…}}`, a
//! line break. In `.parquet` they are the file's key–value metadata. A `.csv` has no place for them; they are in a file beside it, NAME.csv.json.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use ::parquet::file::reader::FileReader;
use serde_json::{Map, Value};

use super::footer::Checked;
use super::npy;
use super::write::Format;
use crate::atomic::unfinished_sibling;
use crate::error::{Error, Result};

/// The key that tells such a record from other JSON.
const NAME: &str = "scorefield";
/// No record is longer.
const MAX_BYTES: u64 = 1 << 20;

/// As JSON on one line.
pub(super) fn to_json(pairs: &[(&str, &str)]) -> String {
    let inner: Map<String, Value> = pairs.iter().map(|(key, text)| ((*key).to_owned(), Value::from(*text))).collect();
    let outer: Map<String, Value> = [(NAME.to_owned(), Value::Object(inner))].into_iter().collect();
    format!("{}\n", Value::Object(outer))
}

fn from_json(text: &[u8]) -> Option<Vec<(String, String)>> {
    let document: Value = serde_json::from_slice(text).ok()?;
    let inner = document.get(NAME)?.as_object()?;
    inner.iter().map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned()))).collect()
}

/// Where the record of a table without a place for one is.
pub fn sidecar(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".json");
    path.with_file_name(name)
}

/// Refuses a place whose record would replace a file that is none.
///
/// # Errors
/// A `.csv` beside whose name is a .csv.json that scorefield did not write.
pub fn check_room(path: &Path) -> Result<()> {
    let beside = sidecar(path);
    if Format::of(path)? != Format::Csv || !beside.exists() || is_record(&beside) {
        return Ok(());
    }
    let problem = format!("it is in the way of what scorefield writes beside {}", path.display());
    Err(Error::file(beside, problem).with_hint("write to another name"))
}

/// The record of an older file under a hidden name, while the file is being replaced.
pub(super) struct Aside(Option<(PathBuf, PathBuf)>);

/// Takes away the record that belongs to an older file at `path`, if there is one.
pub(super) fn set_aside(path: &Path) -> Result<Aside> {
    let beside = sidecar(path);
    if !is_record(&beside) {
        return Ok(Aside(None));
    }
    let hidden = unfinished_sibling(&beside);
    std::fs::rename(&beside, &hidden).map_err(|e| Error::write(&beside, e))?;
    Ok(Aside(Some((beside, hidden))))
}

impl Aside {
    /// The older file stayed.
    pub fn put_back(self) {
        if let Some((beside, hidden)) = self.0 {
            let _ = std::fs::rename(hidden, beside);
        }
    }

    /// It is gone.
    pub fn remove(self) {
        if let Some((_, hidden)) = self.0 {
            let _ = std::fs::remove_file(hidden);
        }
    }
}

fn is_record(sidecar: &Path) -> bool {
    matches!(read_sidecar(sidecar), Ok(Some(text)) if from_json(&text).is_some())
}

/// What is there, if anything is.
fn read_sidecar(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// The pairs that were written with a file of numbers, by key; `None` if it has none.
///
/// # Errors
/// An extension that is none of .npy, .csv and .parquet; a file that cannot be read or is not what its extension says; something in the record's
/// place that is none.
pub fn read_record(path: &Path) -> Result<Option<Vec<(String, String)>>> {
    let read = |e: std::io::Error| Error::read(path, &e);
    let format = Format::of(path)?;
    let text = match format {
        Format::Npy => {
            let file = File::open(path).map_err(read)?;
            let size = file.metadata().map_err(read)?.len();
            let mut reader = BufReader::new(file);
            let header = npy::Header::read(&mut reader, path)?;
            let end = header.layout(path)?.1.saturating_add(header.len);
            if size <= end || size - end > MAX_BYTES {
                return Ok(None);
            }
            reader.seek(SeekFrom::Start(end)).map_err(read)?;
            let mut bytes = Vec::new();
            reader.take(MAX_BYTES).read_to_end(&mut bytes).map_err(read)?;
            Some(bytes)
        }
        Format::Csv => {
            File::open(path).map_err(read)?;
            read_sidecar(&sidecar(path)).map_err(|e| Error::read(sidecar(path), &e))?
        }
        Format::Parquet => {
            let reader = Checked::open(path)?.reader;
            let pairs = reader.metadata().file_metadata().key_value_metadata();
            let ours = pairs.into_iter().flatten().find(|pair| pair.key == NAME);
            ours.and_then(|pair| pair.value.clone()).map(String::into_bytes)
        }
    };
    let Some(text) = text else { return Ok(None) };
    let place = if format == Format::Csv { sidecar(path) } else { path.to_path_buf() };
    let damaged = || Error::file(place, "the record of how it was made is damaged, or another program's");
    from_json(&text).map(Some).ok_or_else(damaged)
}

/// The key of a Parquet file's metadata, and the text there.
pub(super) fn parquet_pair(pairs: &[(&str, &str)]) -> (String, String) {
    (NAME.to_owned(), to_json(pairs).trim_end().to_owned())
}
