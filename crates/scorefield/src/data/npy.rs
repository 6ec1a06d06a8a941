//! NumPy's array format: a short header that describes the array, then its numbers (NEP 1, versions 1 to 3).
//!
//! float32, float64 and uint8 are read, of either byte order, shaped `[n, d]` or `[n, c, h, w]`; `[n]` is read as d = 1 and `[n, h, w]`
//! as one channel. An array within the memory limit is held in memory, a bigger one is read from its file row by row. The header
//! is parsed here because the sizes in it are multiplied unchecked by the crate that would otherwise do it.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::element::Element;
use super::gzip::read_up_to;
use super::rows::Rows;
use super::shape::EventShape;
use super::store::Store;
use crate::error::{Error, Result};

/// NumPy itself refuses longer headers.
const MAX_HEADER: usize = 10_000;

/// What a header says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub element: Element,
    pub fortran: bool,
    pub shape: Vec<u64>,
    /// Bytes before the first number.
    pub len: u64,
}

/// The array in a `.npy` file, and its header.
pub(super) fn open(path: &Path, limit: u64) -> Result<(Rows, Header)> {
    let read = |e: std::io::Error| Error::read(path, &e);
    let file = File::open(path).map_err(read)?;
    let size = file.metadata().map_err(read)?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let header = Header::read(&mut reader, path)?;
    let (event, bytes) = header.layout(path)?;
    let found = size.saturating_sub(header.len);
    if found < bytes {
        let problem =
            format!("truncated: an array of shape {:?} takes {bytes} bytes after the header, the file has {found}", header.shape);
        return Err(Error::file(path, problem));
    }
    if bytes <= limit {
        let rows = from_reader(&header, event, bytes, &mut reader, path)?;
        return Ok((rows, header));
    }
    if header.fortran {
        let problem =
            format!("{bytes} bytes in Fortran order are more than are held in memory, and cannot be read from disk by rows");
        return Err(Error::file(path, problem).with_hint("save it with numpy.ascontiguousarray"));
    }
    let store = Store::Disk { file: reader.into_inner(), base: header.len, len: bytes, path: path.to_path_buf() };
    let rows = Rows::new(store, header.element, event);
    check_finite(&rows, path)?;
    Ok((rows, header))
}

/// The array whose header has been read from `reader`, held in memory.
pub(super) fn from_reader(header: &Header, event: EventShape, bytes: u64, reader: &mut dyn Read, path: &Path) -> Result<Rows> {
    // Memory is taken as bytes arrive, never on the header's word alone.
    let mut data = Vec::new();
    reader.take(bytes).read_to_end(&mut data).map_err(|e| Error::read(path, &e))?;
    if (data.len() as u64) < bytes {
        let problem = format!("truncated: an array of shape {:?} takes {bytes} bytes, there are {}", header.shape, data.len());
        return Err(Error::file(path, problem));
    }
    if header.fortran && header.shape.len() > 1 {
        data = to_row_major(&data, header.element.size(), &header.shape);
    }
    let rows = Rows::new(Store::Memory(data), header.element, event);
    check_finite(&rows, path)?;
    Ok(rows)
}

impl Header {
    /// Reads the header and nothing more.
    pub fn read(reader: &mut dyn Read, path: &Path) -> Result<Self> {
        let broken = |problem: String| Error::file_at(path, "header", problem);
        let mut take = |n: usize| {
            let mut bytes = vec![0; n];
            let got = read_up_to(reader, &mut bytes).map_err(|e| Error::read(path, &e))?;
            bytes.truncate(got);
            Ok::<_, Error>(bytes)
        };
        let start = take(8)?;
        let Some(version) = start.strip_prefix(b"\x93NUMPY").and_then(<[u8]>::first) else {
            return Err(Error::file_at(path, "bytes 0 to 5", "expected a NumPy array (magic \\x93NUMPY), found something else"));
        };
        let width = match version {
            1 => 2,
            2 | 3 => 4,
            other => return Err(broken(format!("expected version 1, 2 or 3 of the format, found {other}"))),
        };
        let len = take(width)?.iter().rev().fold(0usize, |n, byte| n << 8 | usize::from(*byte));
        if len > MAX_HEADER {
            return Err(broken(format!("it claims {len} bytes, expected at most {MAX_HEADER}")));
        }
        let text = take(len)?;
        if text.len() < len {
            return Err(broken(format!("truncated: it claims {len} bytes, the file has {}", text.len())));
        }
        let text = String::from_utf8_lossy(&text);
        let value = |key: &str| {
            let quoted = [format!("'{key}'"), format!("\"{key}\"")];
            let after = quoted.iter().find_map(|q| text.split_once(q.as_str())).map(|(_, after)| after.trim_start());
            after.and_then(|a| a.strip_prefix(':')).map(str::trim_start).ok_or_else(|| broken(format!("no entry {key}")))
        };
        let fortran = match value("fortran_order")? {
            v if v.starts_with("True") => true,
            v if v.starts_with("False") => false,
            _ => return Err(broken("fortran_order is neither True nor False".into())),
        };
        Ok(Self {
            element: element(value("descr")?, path)?,
            fortran,
            shape: shape(value("shape")?, path)?,
            len: (8 + width + len) as u64,
        })
    }

    /// The shape of a row, and the bytes of all of them.
    pub fn layout(&self, path: &Path) -> Result<(EventShape, u64)> {
        let shape = &self.shape;
        let wrong = |problem: &str| Error::file_at(path, "header", format!("an array of shape {shape:?} {problem}"));
        let dims: Vec<usize> = match shape[..] {
            [_] => vec![1],
            [_, d] => vec![d as usize],
            [_, h, w] => vec![1, h as usize, w as usize],
            [_, c, h, w] => vec![c as usize, h as usize, w as usize],
            _ => return Err(wrong("is neither [n, d] nor [n, c, h, w]")),
        };
        if shape.contains(&0) {
            return Err(wrong("holds no numbers, expected at least one row of at least one"));
        }
        let event = EventShape::new(&dims).map_err(|_| wrong("has rows of more than 2^28 numbers"))?;
        let bytes = shape.iter().try_fold(self.element.size() as u64, |n, k| n.checked_mul(*k));
        Ok((event, bytes.ok_or_else(|| wrong("has more numbers than any file"))?))
    }

    /// The sentence for the model card, where the shape was read in a way that can be doubted.
    pub fn note(&self) -> Option<String> {
        match self.shape.len() {
            1 => Some(format!("An array of shape {:?} was read as rows of one number.", self.shape)),
            3 => Some(format!("An array of shape {:?} was read as images of one channel.", self.shape)),
            _ => None,
        }
    }
}

fn element(value: &str, path: &Path) -> Result<Element> {
    let quote = value.chars().next().filter(|c| "'\"".contains(*c));
    let descr = quote.and_then(|q| value[1..].split(q).next()).unwrap_or("a record");
    match descr {
        "|u1" | "<u1" | ">u1" => Ok(Element::U8),
        "<f4" | ">f4" => Ok(Element::F32 { big_endian: descr.starts_with('>') }),
        "<f8" | ">f8" => Ok(Element::F64 { big_endian: descr.starts_with('>') }),
        _ => Err(Error::file_at(path, "header", format!("expected float32, float64 or uint8, found {descr}"))
            .with_hint("convert it with .astype(\"float32\")")),
    }
}

fn shape(value: &str, path: &Path) -> Result<Vec<u64>> {
    let inside = value.strip_prefix('(').and_then(|v| v.split_once(')')).map(|(inside, _)| inside);
    let sizes = inside.map(|v| v.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::parse).collect());
    match sizes {
        Some(Ok(sizes)) => Ok(sizes),
        _ => Err(Error::file_at(path, "header", "the shape is no tuple of sizes below 2^64")),
    }
}

/// Moves the first axis from fastest to slowest, and reverses the rest.
fn to_row_major(data: &[u8], size: usize, shape: &[u64]) -> Vec<u8> {
    let shape: Vec<usize> = shape.iter().map(|k| *k as usize).collect();
    let mut out = Vec::with_capacity(data.len());
    let mut at = vec![0; shape.len()];
    for _ in 0..data.len() / size {
        let from = at.iter().zip(&shape).rev().fold(0, |n, (i, k)| n * k + i) * size;
        out.extend_from_slice(&data[from..from + size]);
        for (i, k) in at.iter_mut().zip(&shape).rev() {
            *i += 1;
            if *i < *k {
                break;
            }
            *i = 0;
        }
    }
    out
}

/// Refuses an array with a NaN, an infinity or a number too large for f32, naming the first.
fn check_finite(rows: &Rows, path: &Path) -> Result<()> {
    if rows.element == Element::U8 {
        return Ok(());
    }
    let (size, d) = (rows.element.size(), rows.event.len());
    let total = rows.store.len() / size as u64;
    let (mut scratch, mut values) = (Vec::new(), vec![0.0; 1 << 16]);
    let mut at = 0;
    while at < total {
        let n = (total - at).min(values.len() as u64) as usize;
        let bytes = rows.store.read(at * size as u64, n * size, &mut scratch)?;
        rows.element.decode(bytes, &mut values[..n]);
        if let Some(i) = values[..n].iter().position(|x| !x.is_finite()) {
            let index = at + i as u64;
            let place = format!("row {}, column {}, counting from 0", index / d as u64, index % d as u64);
            return Err(Error::file_at(path, place, rows.element.complaint(&bytes[i * size..])));
        }
        at += n as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::source::all;
    use super::*;
    use crate::key::{Key, Purpose};

    fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), data].concat()
    }

    fn f64s(values: &[f64]) -> Vec<u8> {
        values.iter().flat_map(|x| x.to_be_bytes()).collect()
    }

    fn read(bytes: &[u8], limit: u64) -> Result<(Rows, Vec<f32>)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        std::fs::write(&path, bytes).unwrap();
        let (rows, _) = open(&path, limit)?;
        let values = all(&rows, 100, Key::new(0, Purpose::Data))?;
        Ok((rows, values))
    }

    #[test]
    fn arrays_read_the_same_from_memory_and_from_disk_in_any_byte_order() {
        let big = npy("'>f8'", "False", "(2, 3)", &f64s(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        for limit in [0, 1000] {
            let (rows, values) = read(&big, limit).unwrap();
            assert_eq!((rows.event, values), (EventShape::Vector(3), vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        }
        let (rows, values) = read(&npy("'|u1'", "False", "(2, 1, 2, 1)", &[9, 8, 7, 6]), 1000).unwrap();
        assert_eq!((rows.event, values), (EventShape::Image { channels: 1, height: 2, width: 1 }, vec![9.0, 8.0, 7.0, 6.0]));
        assert_eq!(read(&npy("'|u1'", "False", "(3,)", &[9, 8, 7]), 1000).unwrap().0.event, EventShape::Vector(1));
    }

    #[test]
    fn fortran_order_is_turned_round() {
        // a[i, c, h, w] = 1000 i + 100 c + 10 h + w, written with the first index running fastest.
        let mut fortran = Vec::new();
        for (w, h, c, i) in (0..8).map(|k| (k / 4, k / 2 % 2, 0, k % 2)) {
            fortran.push(f64::from(1000 * i + 100 * c + 10 * h + w));
        }
        let bytes = npy("'>f8'", "True", "(2, 1, 2, 2)", &f64s(&fortran));
        assert_eq!(read(&bytes, 1000).unwrap().1, [0.0, 1.0, 10.0, 11.0, 1000.0, 1001.0, 1010.0, 1011.0]);
        assert!(read(&bytes, 10).err().unwrap().hint().unwrap().contains("ascontiguousarray"));
    }

    #[test]
    fn every_broken_array_is_refused_in_one_line_that_says_where() {
        let two = f64s(&[1.0, 2.0]);
        let mut long = npy("'<f4'", "False", "(1, 1)", &[]);
        long[8..10].copy_from_slice(&u16::MAX.to_le_bytes());
        for (bytes, words) in [
            (
                npy("'>f8'", "False", "(2, 2)", &f64s(&[1.0, 2.0, 3.0, f64::NAN])),
                "(row 1, column 1, counting from 0): the value is NaN",
            ),
            (npy("'>f8'", "False", "(1, 2)", &f64s(&[1.0, 1e300])), "(row 0, column 1, counting from 0): 1e300 is beyond"),
            (
                npy("'>f8'", "False", "(3, 1)", &two),
                "truncated: an array of shape [3, 1] takes 24 bytes after the header, the file has 16",
            ),
            (npy("'>f8'", "False", "(0, 2)", &[]), "holds no numbers"),
            (npy("'>f8'", "False", "(2, 0)", &[]), "holds no numbers"),
            (npy("'>f8'", "False", "()", &two), "neither [n, d] nor [n, c, h, w]"),
            (npy("'>f8'", "False", "(4294967296, 4294967296)", &two), "more than 2^28"),
            (npy("'>f8'", "False", "(18446744073709551615, 2)", &two), "more numbers than any file"),
            (npy("'>f8'", "False", "(-1, 2)", &two), "no tuple of sizes"),
            (npy("'<i8'", "False", "(1, 2)", &two), "expected float32, float64 or uint8, found <i8"),
            (npy("[('a', '<f4')]", "False", "(1, 2)", &two), "found a record"),
            (npy("'>f8'", "Maybe", "(1, 2)", &two), "neither True nor False"),
            (long, "it claims 65535 bytes"),
            (b"\x93NUMPY\x01\x00\x20\x00{'descr'".to_vec(), "truncated: it claims 32 bytes, the file has 8"),
            (b"a,b\n1,2\n".to_vec(), "expected a NumPy array"),
            (Vec::new(), "expected a NumPy array"),
        ] {
            for limit in [4, 1 << 20] {
                let message = read(&bytes, limit).err().expect(words).to_string();
                assert!(message.contains(words) && !message.contains('\n'), "{message} should say {words}");
            }
        }
    }
}
