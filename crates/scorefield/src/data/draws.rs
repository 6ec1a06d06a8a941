//! Draws of Markov chains from a `.npy` file, in double precision.
//!
//! `[chains, draws, d]`, or `[draws, d]` and `[draws]` for a single chain. Unlike points, draws may be not finite: a chain that diverged is
//! something to be told of, not a broken file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::npy::Header;
use crate::error::{Error, Result};

/// The most that is read.
const MOST_BYTES: u64 = 1 << 32;

/// The numbers, row-major, and their shape `[chains, draws, d]`.
///
/// # Errors
/// A file that is no such array, is truncated, or is larger than 4 GiB.
pub fn read_draws(path: &Path) -> Result<(Vec<f64>, [usize; 3])> {
    let file = File::open(path).map_err(|e| Error::read(path, &e))?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let header = Header::read(&mut reader, path)?;
    let shape = match header.shape[..] {
        [draws] => [1, draws, 1],
        [draws, d] => [1, draws, d],
        [chains, draws, d] => [chains, draws, d],
        _ => {
            let problem = format!("an array of shape {:?} is neither [chains, draws, d] nor [draws, d]", header.shape);
            return Err(Error::file_at(path, "header", problem));
        }
    };
    let count = shape.iter().try_fold(1u64, |n, k| n.checked_mul(*k)).filter(|n| *n > 0);
    let bytes = count.and_then(|n| n.checked_mul(header.element.size() as u64)).filter(|n| *n <= MOST_BYTES);
    let Some(bytes) = bytes else {
        let problem = format!("an array of shape {:?} holds no numbers, or more than are read at once", header.shape);
        return Err(Error::file_at(path, "header", problem));
    };
    if header.fortran && header.shape.len() > 1 {
        let problem = "the array is in Fortran order, draws are read in C order";
        return Err(Error::file_at(path, "header", problem).with_hint("save it with numpy.ascontiguousarray"));
    }
    let mut data = Vec::new();
    reader.take(bytes).read_to_end(&mut data).map_err(|e| Error::read(path, &e))?;
    if (data.len() as u64) < bytes {
        let problem = format!("truncated: an array of shape {:?} takes {bytes} bytes, there are {}", header.shape, data.len());
        return Err(Error::file(path, problem));
    }
    // Each size is at most MOST_BYTES.
    Ok((header.element.decode_double(&data), shape.map(|k| k as usize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(shape: &str, fortran: &str, values: &[f64]) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("{{'descr': '<f8', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let body: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let bytes = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), &body].concat();
        let path = dir.path().join("draws.npy");
        std::fs::write(&path, bytes).unwrap();
        (dir, path)
    }

    #[test]
    fn numbers_keep_their_digits_and_need_not_be_finite() {
        let values = [0.1, f64::NAN, 1e300, -2.0, 3.0, 4.0];
        for (shape, expected) in [("(1, 3, 2)", [1, 3, 2]), ("(3, 2)", [1, 3, 2]), ("(6,)", [1, 6, 1])] {
            let (_dir, path) = file(shape, "False", &values);
            let (read, shape) = read_draws(&path).unwrap();
            assert_eq!(shape, expected);
            assert!(read.iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }

    #[test]
    fn what_is_no_array_of_draws_is_refused_in_words() {
        for (shape, fortran, words) in [
            ("(1, 1, 2, 1)", "False", "neither [chains, draws, d]"),
            ("(0, 2)", "False", "holds no numbers"),
            ("(9999999999, 9999999999)", "False", "holds no numbers, or more"),
            ("(2, 1)", "True", "Fortran order"),
            ("(3, 1)", "False", "truncated"),
        ] {
            let (_dir, path) = file(shape, fortran, &[1.0, 2.0]);
            let message = read_draws(&path).unwrap_err().to_string();
            assert!(message.contains(words), "{message} should say {words}");
        }
        assert!(read_draws(Path::new("no-such-file.npy")).is_err());
    }
}
