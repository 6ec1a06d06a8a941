//! Reading a safetensors file that may come from anywhere: the header is checked against the file before a weight is read, and weights are
//! read one array at a time.
//!
//! The format: 8 bytes, the header's length n as a little-endian number; n bytes of JSON, NAME → {dtype, shape, data_offsets}; the arrays,
//! one behind the other without gaps. Floats of 16, 32 and 64 bits become 32-bit ones.

use super::tensors::{MAX_HEADER_BYTES, MAX_TENSORS, METADATA};
use crate::error::{Error, Result};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The most dimensions an array may have.
const MAX_RANK: usize = 16;

/// One array's line of the header.
#[derive(Clone, Debug, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// A safetensors file whose header has been found right.
#[derive(Debug)]
pub struct TensorReader<R> {
    path: PathBuf,
    source: R,
    entries: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
    /// Where the arrays begin.
    start: u64,
}

impl TensorReader<File> {
    /// Opens a file and checks its header.
    ///
    /// # Errors
    /// As [`TensorReader::new`]; a file that cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|e| Error::read(path, &e))?;
        let length = file.metadata().map_err(|e| Error::read(path, &e))?.len();
        Self::new(path, file, length)
    }
}

impl<R: Read + Seek> TensorReader<R> {
    /// Reads and checks the header of a file of `length` bytes; `path` is named in errors.
    ///
    /// # Errors
    /// A file that is cut off or no safetensors file, a header or a number of arrays beyond the limits, a type that is no float, bytes that
    /// do not match a shape, overlap, leave a gap or lie outside the file: each with the array's name.
    pub fn new(path: impl AsRef<Path>, mut source: R, length: u64) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let mut first = [0; 8];
        if length < 8 {
            return Err(Error::file(&path, format!("{length} bytes are no safetensors file")));
        }
        source.read_exact(&mut first).map_err(|e| Error::read(&path, &e))?;
        let header = u64::from_le_bytes(first);
        if header > MAX_HEADER_BYTES {
            let problem = format!("no safetensors file: a header of {header} bytes, at most {MAX_HEADER_BYTES} are read");
            return Err(Error::file(path, problem));
        }
        if header > length - 8 {
            let problem = format!("no whole safetensors file: a header of {header} bytes in a file of {length}");
            return Err(Error::file(path, problem));
        }
        let mut bytes = vec![0; header as usize];
        source.read_exact(&mut bytes).map_err(|e| Error::read(&path, &e))?;
        let Header { entries, metadata } = serde_json::from_slice(&bytes)
            .map_err(|e| Error::file_at(&path, "header", format!("no whole safetensors file: {e}")))?;
        let start = 8 + header;
        check(&path, &entries, length - start)?;
        let entries = entries.into_iter().collect();
        Ok(Self { path, source, entries, metadata, start })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The arrays' names with their shapes, in order of the names.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry.shape.as_slice()))
    }

    /// Refuses settings of a network of at least `least` numbers, if the file has far less: before anything of that size is made. What
    /// is missing of a near fit is better told by name.
    ///
    /// # Errors
    /// A quarter of `least` is more than all arrays have together.
    pub fn check_holds(&self, least: u64) -> Result<()> {
        let numbers = self.shapes().map(|(_, shape)| shape.iter().product::<usize>() as u64).sum::<u64>();
        match least / 4 > numbers {
            true => {
                Err(Error::file(&self.path, format!("it holds {numbers} numbers, its network's settings want at least {least}")))
            }
            false => Ok(()),
        }
    }

    /// The shape of an array, if there is one of that name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// Words about the arrays.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The numbers of an array, row-major.
    ///
    /// # Errors
    /// A name that the file does not have; bytes that cannot be read; the first number that is not finite as a 32-bit float.
    pub fn values(&mut self, name: &str) -> Result<Vec<f32>> {
        let place = || format!("tensor {name}");
        let Some(entry) = self.entries.get(name) else { return Err(Error::file_at(&self.path, place(), "missing")) };
        let (begin, end) = entry.data_offsets;
        let mut bytes = vec![0; (end - begin) as usize];
        let read = self.source.seek(SeekFrom::Start(self.start + begin)).and_then(|_| self.source.read_exact(&mut bytes));
        read.map_err(|e| Error::read(&self.path, &e))?;
        let values: Vec<f32> = match entry.dtype.as_str() {
            "F32" => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            "F64" => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
            "BF16" => bytes.as_chunks().0.iter().map(|b| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16)).collect(),
            _ => bytes.as_chunks().0.iter().map(|b| from_half(u16::from_le_bytes(*b))).collect(),
        };
        match values.iter().position(|x| !x.is_finite()) {
            None => Ok(values),
            Some(index) => Err(Error::file_at(&self.path, place(), format!("weight {index} is {}", values[index]))),
        }
    }
}

/// Bytes of a number of a type, `None` for a type that is no float.
fn size(dtype: &str) -> Option<u64> {
    match dtype {
        "F16" | "BF16" => Some(2),
        "F32" => Some(4),
        "F64" => Some(8),
        _ => None,
    }
}

/// Holds the header's entries against each other and against the bytes that follow.
fn check(path: &Path, entries: &[(String, Entry)], bytes: u64) -> Result<()> {
    let mut sorted: Vec<&(String, Entry)> = entries.iter().collect();
    sorted.sort_by_key(|(_, entry)| entry.data_offsets);
    let mut before = 0;
    for (name, Entry { dtype, shape, data_offsets: (begin, end) }) in sorted {
        let wrong = |problem: String| Err(Error::file_at(path, format!("tensor {name}"), problem));
        let Some(size) = size(dtype) else {
            return wrong(format!("expected type F16, BF16, F32 or F64, found {dtype}"));
        };
        let count = shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d as u64)).and_then(|n| n.checked_mul(size));
        if shape.len() > MAX_RANK {
            return wrong(format!("{} dimensions, at most {MAX_RANK} are read", shape.len()));
        }
        if begin > end || *end > bytes {
            return wrong(format!("bytes {begin} to {end} are not in the file, which has {bytes} after its header"));
        }
        if count != Some(end - begin) {
            return wrong(format!("bytes {begin} to {end} are not those of shape {shape:?} of {dtype}"));
        }
        if *begin != before {
            let what = if *begin < before { "overlap those of another tensor" } else { "leave a gap before them" };
            return wrong(format!("bytes {begin} to {end} {what}"));
        }
        before = *end;
    }
    match before == bytes {
        true => Ok(()),
        false => Err(Error::file(path, format!("{} bytes after the last tensor belong to none", bytes - before))),
    }
}

/// A 16-bit float: 1 bit of sign, 5 of exponent, 10 of fraction.
fn from_half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        e => (1.0 + fraction / 1024.0) * 2f32.powi(e - 15),
    }
}

struct Header {
    entries: Vec<(String, Entry)>,
    metadata: BTreeMap<String, String>,
}

/// By hand, because a map would keep the last of two arrays of one name without a word.
impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut header = Header { entries: Vec::new(), metadata: BTreeMap::new() };
        while let Some(name) = map.next_key::<String>()? {
            if name == METADATA {
                header.metadata = map.next_value()?;
                continue;
            }
            if header.entries.len() == MAX_TENSORS {
                return Err(A::Error::custom(format!("more than {MAX_TENSORS} tensors")));
            }
            let entry = map.next_value().map_err(|e| A::Error::custom(format!("tensor {name}: {e}")))?;
            header.entries.push((name, entry));
        }
        let mut names: Vec<&str> = header.entries.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            None => Ok(header),
            Some(twice) => Err(A::Error::custom(format!("two tensors are called {}", twice[0]))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<f32>> {
        TensorReader::new("m", Cursor::new(bytes), bytes.len() as u64)?.values("a")
    }

    fn complaint(header: &str, data: &[u8]) -> String {
        read(&file(header, data)).unwrap_err().to_string()
    }

    #[test]
    fn floats_of_every_size_become_the_same_numbers() {
        let of = |dtype: &str, data: &[u8]| {
            let header = format!(r#"{{"a":{{"dtype":"{dtype}","shape":[2],"data_offsets":[0,{}]}}}}"#, data.len());
            read(&file(&header, data)).unwrap()
        };
        let wanted = [1.5f32, -0.25];
        assert_eq!(of("F32", &wanted.map(f32::to_le_bytes).concat()), wanted);
        assert_eq!(of("F64", &wanted.map(|x| f64::from(x).to_le_bytes()).concat()), wanted);
        assert_eq!(of("F16", &[0x3e00u16, 0xb400].map(u16::to_le_bytes).concat()), wanted);
        assert_eq!(of("BF16", &[0x3fc0u16, 0xbe80].map(u16::to_le_bytes).concat()), wanted);
        // The smallest and the largest of the half floats.
        assert_eq!(of("F16", &[1u16, 0x7bff].map(u16::to_le_bytes).concat()), [2f32.powi(-24), 65504.0]);
    }

    #[test]
    fn each_kind_of_lie_in_a_header_is_named() {
        let entry = |dtype: &str, shape: &str, from: u64, to: u64| {
            format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{from},{to}]}}"#)
        };
        let one = |dtype: &str, shape: &str, from: u64, to: u64| format!(r#"{{"a":{}}}"#, entry(dtype, shape, from, to));
        let two = |b: (u64, u64)| format!(r#"{{"a":{},"b":{}}}"#, entry("F32", "[1]", 0, 4), entry("F32", "[1]", b.0, b.1));
        assert!(complaint(&one("I64", "[1]", 0, 8), &[0; 8]).starts_with("m (tensor a): expected type F16, BF16, F32 or F64"));
        assert!(complaint(&one("F32", "[2]", 0, 4), &[0; 4]).contains("not those of shape [2]"));
        assert!(complaint(&one("F32", "[18446744073709551615,8]", 0, 4), &[0; 4]).contains("not those of shape"));
        assert!(complaint(&one("F32", "[1]", 4, 0), &[0; 4]).contains("not in the file"));
        assert!(complaint(&one("F32", "[2]", 0, 8), &[0; 4]).contains("not in the file"));
        assert!(complaint(&one("F32", "[1]", 4, 8), &[0; 8]).contains("leave a gap"));
        assert!(complaint(&one("F32", "[1]", 0, 4), &[0; 6]).contains("2 bytes after the last tensor"));
        assert!(complaint(&two((0, 4)), &[0; 4]).starts_with("m (tensor b): bytes 0 to 4 overlap"));
        assert!(
            complaint(&format!("{{{0},{0}}}", r#""a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}"#), &[0; 4])
                .contains("two tensors")
        );
        let deep = format!("[{}]", vec!["1"; 17].join(","));
        assert!(complaint(&one("F32", &deep, 0, 4), &[0; 4]).contains("17 dimensions"));
        for text in ["[]", "{\"a\": 1}", "{", "nonsense", "{\"__metadata__\": {\"a\": 1}}"] {
            assert!(complaint(text, &[]).contains("no whole safetensors file"), "{text}");
        }
        assert!(read(&u64::MAX.to_le_bytes()).unwrap_err().to_string().contains("header"));
        assert!(read(&(1u64 << 20).to_le_bytes()).unwrap_err().to_string().contains("in a file of 8"));
        assert!(complaint("{}", &[]).contains("missing"));
    }

    #[test]
    fn numbers_that_are_not_finite_are_named_also_when_they_become_so() {
        let header = r#"{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}"#;
        assert_eq!(complaint(header, &[1.0f64, 1e300].map(f64::to_le_bytes).concat()), "m (tensor a): weight 1 is inf");
        let header = r#"{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}"#;
        assert_eq!(complaint(header, &0x7e00u16.to_le_bytes()), "m (tensor a): weight 0 is NaN");
    }
}
