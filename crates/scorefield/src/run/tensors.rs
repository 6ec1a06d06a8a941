//! Named arrays of 32-bit floats as safetensors bytes and back, with limits.
//!
//! The same tensors and words give the same bytes: names and words are written in order, which the crate's own writer does not
//! promise for the words (its metadata is a hash map). Reading goes through the crate, so the two are checked against each other.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// The largest header that is read, in bytes; the format itself allows 100 MB.
const MAX_HEADER_BYTES: u64 = 16 << 20;
/// The most tensors that are read.
const MAX_TENSORS: usize = 100_000;

/// The header's entry for words, which no tensor may be called.
const METADATA: &str = "__metadata__";

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

/// The bytes of a safetensors file. Equal input gives equal bytes, whatever the order of the tensors.
///
/// # Errors
/// A name that occurs twice or is `__metadata__`, a shape that does not match its values, a header beyond the limit of reading.
pub fn write_tensors(tensors: &[NamedTensor], metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let mut sorted: Vec<&NamedTensor> = tensors.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut header = Map::new();
    if !metadata.is_empty() {
        header.insert(METADATA.to_owned(), json!(metadata));
    }
    let mut offset = 0;
    for tensor in &sorted {
        let count = tensor.shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
        if count != Some(tensor.values.len()) {
            let expected = format!("{:?} = its shape", tensor.shape);
            return Err(Error::setting(format!("tensor {}", tensor.name), expected, format!("{} values", tensor.values.len())));
        }
        let end = offset + tensor.values.len() * size_of::<f32>();
        let entry = json!({ "dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, end] });
        if tensor.name == METADATA || header.insert(tensor.name.clone(), entry).is_some() {
            return Err(Error::setting(format!("tensor {}", tensor.name), "a name of its own", "one that is taken"));
        }
        offset = end;
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    if header.len() as u64 > MAX_HEADER_BYTES || sorted.len() > MAX_TENSORS {
        let got = format!("{} tensors with a header of {} bytes", sorted.len(), header.len());
        return Err(Error::setting("tensors", format!("at most {MAX_TENSORS} and {MAX_HEADER_BYTES} bytes"), got));
    }
    let mut bytes = Vec::with_capacity(8 + header.len() + offset);
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header);
    for tensor in sorted {
        bytes.extend(tensor.values.iter().flat_map(|x| x.to_le_bytes()));
    }
    Ok(bytes)
}

/// Reads the bytes of a safetensors file; `path` is only named in errors.
///
/// # Errors
/// A file that is cut off or no safetensors file, a header or a number of tensors beyond the limits, a type other than 32-bit float,
/// offsets that do not match the shapes, and the first weight that is not finite, by name and index.
pub fn read_tensors(path: impl AsRef<Path>, bytes: &[u8]) -> Result<TensorFile> {
    let path = path.as_ref();
    let Some(length) = bytes.first_chunk().map(|first| u64::from_le_bytes(*first)) else {
        return Err(Error::file(path, format!("{} bytes are no safetensors file", bytes.len())));
    };
    if length > MAX_HEADER_BYTES {
        return Err(Error::file(
            path,
            format!("no safetensors file: a header of {length} bytes, at most {MAX_HEADER_BYTES} are read"),
        ));
    }
    let wrong = |e: safetensors::SafeTensorError| Error::file(path, format!("no whole safetensors file: {e}"));
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(wrong)?;
    let count = header.tensors().len();
    if count > MAX_TENSORS {
        return Err(Error::file(path, format!("{count} tensors, at most {MAX_TENSORS} are read")));
    }
    let metadata = header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    let file = SafeTensors::deserialize(bytes).map_err(wrong)?;
    let mut tensors = Vec::with_capacity(count);
    for (name, view) in file.iter() {
        if view.dtype() != Dtype::F32 {
            return Err(Error::file_at(path, format!("tensor {name}"), format!("expected type F32, found {}", view.dtype())));
        }
        let (numbers, _) = view.data().as_chunks::<4>();
        let values: Vec<f32> = numbers.iter().map(|b| f32::from_le_bytes(*b)).collect();
        if let Some(index) = values.iter().position(|x| !x.is_finite()) {
            let problem = format!("weight {index} is {}", values[index]);
            return Err(Error::file_at(path, format!("tensor {name}"), problem).with_hint("training diverged; lower --lr"));
        }
        tensors.push(NamedTensor { name: name.to_owned(), shape: view.shape().to_vec(), values });
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(TensorFile { tensors, metadata })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(theirs, read_tensors("ours", &write_tensors(&tensors, &BTreeMap::new()).unwrap()).unwrap());
    }

    #[test]
    fn a_file_cut_off_anywhere_is_an_error() {
        let (tensors, metadata) = example();
        let bytes = write_tensors(&tensors, &metadata).unwrap();
        for length in 0..bytes.len() {
            let error = read_tensors("m.safetensors", &bytes[..length]).unwrap_err();
            assert!(error.to_string().starts_with("m.safetensors: "), "{error}");
        }
    }

    #[test]
    fn absurd_headers_are_refused() {
        assert!(read_tensors("m", &u64::MAX.to_le_bytes()).unwrap_err().to_string().contains("header"));
        let with_header = |header: &str, data: &[u8]| {
            let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
            bytes.extend(header.as_bytes());
            bytes.extend(data);
            read_tensors("m", &bytes).unwrap_err().to_string()
        };
        with_header("[]", &[]);
        with_header("{\"a\": 1}", &[]);
        with_header(r#"{"a":{"dtype":"F32","shape":[18446744073709551615,8],"data_offsets":[0,4]}}"#, &[0; 4]);
        with_header(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, &[0; 4]);
        with_header(
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
            &[0; 4],
        );
        let half = with_header(r#"{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#, &[0; 4]);
        assert_eq!(half, "m (tensor a): expected type F32, found F16");
        let nan = with_header(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, &[0, 0, 0, 0, 0, 0, 192, 127]);
        assert_eq!(nan, "m (tensor a): weight 1 is NaN");
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
