//! NumPy's format, version 1.0: float32, little-endian, C order.

use crate::error::Result;

/// The header of an array of `shape`, padded so that the numbers begin at a multiple of 64 bytes.
pub(super) fn header(shape: &[usize]) -> Vec<u8> {
    padded(shape, 0)
}

/// A header of at least `least` bytes: for a shape that is smaller than the one first announced, in its place.
pub(super) fn padded(shape: &[usize], least: usize) -> Vec<u8> {
    let sizes: String = shape.iter().map(|n| format!("{n}, ")).collect();
    // A tuple of one has its comma, longer ones have none at the end: exactly as NumPy writes it.
    let sizes = if shape.len() == 1 { sizes.trim_end() } else { sizes.trim_end_matches(", ") };
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sizes}), }}");
    let padded = (10 + text.len() + 1).next_multiple_of(64).max(least) - 11;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend(((padded + 1) as u16).to_le_bytes());
    header.extend(format!("{text:padded$}\n").bytes());
    header
}

/// The bytes of some numbers.
pub(super) fn body(numbers: &[f32], mut write: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut bytes = Vec::with_capacity(4 * numbers.len().min(1 << 14));
    for chunk in numbers.chunks(1 << 14) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|x| x.to_le_bytes()));
        write(&bytes)?;
    }
    Ok(())
}
