//! Named arrays of 32-bit floats as safetensors bytes and back, with limits.
//!
//! The same tensors and words give the same bytes: names and words are written in order, which the crate's own writer does not
//! promise for the words (its metadata is a hash map). Reading is that of [`TensorReader`]; the tests hold both against the crate.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::tensor_reader::TensorReader;
use crate::error::{Error, Result};

/// The largest header that is read, in bytes; the format itself allows 100 MB.
pub(super) const MAX_HEADER_BYTES: u64 = 16 << 20;
/// The most tensors that are read.
pub(super) const MAX_TENSORS: usize = 100_000;

/// Numbers that are turned into bytes at once.
const PIECE: usize = 1 << 14;

/// The header's entry for words, which no tensor may be called.
pub(super) const METADATA: &str = "__metadata__";

/// One array with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Its name in the file; unique there.
    pub name: String,
    /// Its shape; empty for a single number.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// Where an array's numbers are: here, or on a device from which they are fetched.
pub trait Numbers {
    /// The numbers, row-major. Asked for when they are written, so that one array at a time is in memory twice.
    fn numbers(&self) -> Cow<'_, [f32]>;
}

impl Numbers for Vec<f32> {
    fn numbers(&self) -> Cow<'_, [f32]> {
        Cow::Borrowed(self)
    }
}

/// One array that is to be written.
#[derive(Clone)]
pub struct Array<'a> {
    /// Its name in the file; unique there.
    pub name: Cow<'a, str>,
    /// Its shape; empty for a single number.
    pub shape: &'a [usize],
    /// Its numbers.
    pub values: &'a dyn Numbers,
}

impl<'a> From<&'a NamedTensor> for Array<'a> {
    fn from(tensor: &'a NamedTensor) -> Self {
        Self { name: Cow::Borrowed(&tensor.name), shape: &tensor.shape, values: &tensor.values }
    }
}

/// A file's content that is written piece by piece, and as often as it is asked for.
pub trait Content {
    /// Writes all of it.
    ///
    /// # Errors
    /// Those of `out`; content that turns out not to be what it was said to be.
    fn write_to(&self, out: &mut dyn Write) -> io::Result<()>;
}

impl<T: AsRef<[u8]>> Content for T {
    fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.as_ref())
    }
}

/// A safetensors file that is to be written: the header is made, the arrays are where they were.
pub struct Tensors<'a> {
    header: Vec<u8>,
    arrays: Vec<Array<'a>>,
}

/// What a safetensors file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorFile {
    /// The arrays, by name in order.
    pub tensors: Vec<NamedTensor>,
    /// Words about them.
    pub metadata: BTreeMap<String, String>,
}

impl TensorFile {
    /// The array of a name.
    pub fn get(&self, name: &str) -> Option<&NamedTensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }
}

impl<'a> Tensors<'a> {
    /// A file of these arrays and words. Equal input gives equal bytes, whatever the order of the arrays.
    ///
    /// # Errors
    /// A name that occurs twice or is `__metadata__`, a shape too large to count, a header beyond the limit of reading.
    pub fn new(arrays: impl IntoIterator<Item = Array<'a>>, metadata: &BTreeMap<String, String>) -> Result<Self> {
        let mut arrays: Vec<Array<'a>> = arrays.into_iter().collect();
        arrays.sort_by(|a, b| a.name.cmp(&b.name));
        let mut header = Map::new();
        if !metadata.is_empty() {
            header.insert(METADATA.to_owned(), json!(metadata));
        }
        let mut offset = 0usize;
        for Array { name, shape, .. } in &arrays {
            let bytes = shape.iter().try_fold(size_of::<f32>(), |n, d| n.checked_mul(*d));
            let Some(end) = bytes.and_then(|bytes| offset.checked_add(bytes)) else {
                return Err(Error::setting(
                    format!("tensor {name}"),
                    "a shape of numbers that can be counted",
                    format!("{shape:?}"),
                ));
            };
            let entry = json!({ "dtype": "F32", "shape": shape, "data_offsets": [offset, end] });
            if name == METADATA || header.insert(name.to_string(), entry).is_some() {
                return Err(Error::setting(format!("tensor {name}"), "a name of its own", "one that is taken"));
            }
            offset = end;
        }
        let mut header = Value::Object(header).to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        if header.len() as u64 > MAX_HEADER_BYTES || arrays.len() > MAX_TENSORS {
            let got = format!("{} tensors with a header of {} bytes", arrays.len(), header.len());
            return Err(Error::setting("tensors", format!("at most {MAX_TENSORS} and {MAX_HEADER_BYTES} bytes"), got));
        }
        Ok(Self { header, arrays })
    }
}

impl Content for Tensors<'_> {
    fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&(self.header.len() as u64).to_le_bytes())?;
        out.write_all(&self.header)?;
        let mut bytes = Vec::with_capacity(PIECE * size_of::<f32>());
        for Array { name, shape, values } in &self.arrays {
            let values = values.numbers();
            if values.len() != shape.iter().product::<usize>() {
                return Err(io::Error::other(format!("tensor {name}: {} values, its shape is {shape:?}", values.len())));
            }
            for piece in values.chunks(PIECE) {
                bytes.clear();
                bytes.extend(piece.iter().flat_map(|x| x.to_le_bytes()));
                out.write_all(&bytes)?;
            }
        }
        Ok(())
    }
}

/// The bytes of a safetensors file of a few small arrays; larger ones are better written by [`Tensors`].
///
/// # Errors
/// As [`Tensors::new`]; a shape that does not match its values.
pub fn write_tensors(tensors: &[NamedTensor], metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = Tensors::new(tensors.iter().map(Array::from), metadata)?;
    file.write_to(&mut bytes).map_err(|e| Error::failed("writing tensors", e.to_string()))?;
    Ok(bytes)
}

/// Reads the bytes of a safetensors file; `path` is only named in errors.
///
/// # Errors
/// As [`TensorReader::new`] and [`TensorReader::values`].
pub fn read_tensors(path: impl AsRef<Path>, bytes: &[u8]) -> Result<TensorFile> {
    let mut reader = TensorReader::new(path, Cursor::new(bytes), bytes.len() as u64)?;
    let shapes: Vec<_> = reader.shapes().map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect();
    let read = |(name, shape): (String, Vec<usize>)| {
        let values = reader.values(&name).map_err(|e| e.with_hint("training diverged; lower --lr"))?;
        Ok(NamedTensor { name, shape, values })
    };
    let tensors = shapes.into_iter().map(read).collect::<Result<_>>()?;
    Ok(TensorFile { tensors, metadata: reader.metadata().clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::{Dtype, SafeTensors};

    fn example() -> (Vec<NamedTensor>, BTreeMap<String, String>) {
        let tensor = |name: &str, shape: &[usize], values: &[f32]| NamedTensor {
            name: name.into(),
            shape: shape.into(),
            values: values.into(),
        };
        let tensors = vec![
            tensor("net.0.weight", &[2, 3], &[1.0, -2.5, f32::MIN_POSITIVE, f32::MAX, -0.0, 1e-40]),
            tensor("bias", &[1], &[0.1]),
            tensor("scalar \"é\"", &[], &[7.0]),
            tensor("empty", &[0, 4], &[]),
        ];
        let words = [("net", "mlp"), ("sigma_data", "0.5"), ("a", "b"), ("format", "pt")];
        (tensors, words.map(|(k, v)| (k.to_owned(), v.to_owned())).into())
    }

    #[test]
    fn tensors_come_back_to_the_bit_whatever_their_order() {
        let (mut tensors, metadata) = example();
        let bytes = write_tensors(&tensors, &metadata).unwrap();
        tensors.reverse();
        assert_eq!(write_tensors(&tensors, &metadata).unwrap(), bytes);
        let file = read_tensors("m", &bytes).unwrap();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(file.metadata, metadata);
        assert_eq!(file.tensors, tensors);
        let bits = |t: &NamedTensor| t.values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert!(file.tensors.iter().zip(&tensors).all(|(a, b)| bits(a) == bits(b)));
        assert_eq!(file.get("bias").unwrap().values, [0.1]);
    }

    #[test]
    fn without_words_the_bytes_are_those_of_the_safetensors_crate() {
        let (tensors, _) = example();
        let raw: Vec<Vec<u8>> = tensors.iter().map(|t| t.values.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
        let views = tensors
            .iter()
            .zip(&raw)
            .map(|(t, raw)| (t.name.clone(), safetensors::tensor::TensorView::new(Dtype::F32, t.shape.clone(), raw).unwrap()));
        let theirs = read_tensors("theirs", &safetensors::serialize(views, None).unwrap()).unwrap();
        let ours = write_tensors(&tensors, &BTreeMap::new()).unwrap();
        assert_eq!(theirs, read_tensors("ours", &ours).unwrap());
        assert_eq!(SafeTensors::deserialize(&ours).unwrap().len(), tensors.len());
    }

    #[test]
    fn a_file_cut_off_anywhere_is_an_error() {
        let (tensors, metadata) = example();
        let bytes = write_tensors(&tensors, &metadata).unwrap();
        for length in 0..bytes.len() {
            let error = read_tensors("m.safetensors", &bytes[..length]).unwrap_err();
            assert!(error.to_string().starts_with("m.safetensors"), "{error}");
        }
    }

    #[test]
    fn a_name_used_twice_and_a_shape_that_does_not_fit_are_refused_when_writing() {
        let (mut tensors, metadata) = example();
        tensors.push(tensors[1].clone());
        assert!(write_tensors(&tensors, &metadata).unwrap_err().to_string().contains("bias"));
        let reserved = NamedTensor { name: "__metadata__".into(), shape: vec![1], values: vec![0.0] };
        assert!(write_tensors(&[reserved], &BTreeMap::new()).is_err());
        let misshapen = NamedTensor { name: "w".into(), shape: vec![2, 2], values: vec![0.0; 3] };
        assert!(write_tensors(&[misshapen], &metadata).unwrap_err().to_string().contains("3 values"));
    }
}
