//! The 1,797 real 8×8 handwritten digits inside the binary, with their labels.
//!
//! The test part of "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998, UCI), levels 0 to 16; `assets/README.md` says
//! where it comes from and under which licence.

use std::io::Read;

use flate2::read::GzDecoder;

use super::element::Element;
use super::rows::Rows;
use super::shape::EventShape;
use super::store::Store;
use crate::error::{Error, Result};

pub(super) const PACKED: &[u8] = include_bytes!("../../assets/digits.bin.gz");

/// The highest level.
pub(super) const TOP: u8 = 16;

const COUNT: usize = 1797;
const PIXELS: usize = 64;

/// Levels and labels, digit by digit.
pub(super) fn rows() -> Result<Rows> {
    // The asset holds one pixel of every digit after another, because that compresses best, and then the labels.
    let mut planes = Vec::with_capacity(COUNT * (PIXELS + 1));
    GzDecoder::new(PACKED).read_to_end(&mut planes).map_err(|e| Error::failed("unpacking the digits", e.to_string()))?;
    if planes.len() != COUNT * (PIXELS + 1) {
        return Err(Error::failed("unpacking the digits", format!("{} bytes came out", planes.len())));
    }
    let labels = planes.split_off(COUNT * PIXELS);
    let levels = (0..COUNT).flat_map(|i| planes[i..].iter().step_by(COUNT).copied()).collect();
    let mut rows = Rows::new(Store::Memory(levels), Element::U8, EventShape::Image { channels: 1, height: 8, width: 8 });
    rows.labels = Some(labels);
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::super::source::{Source, all};
    use super::*;
    use crate::key::{Key, Purpose};

    #[test]
    fn the_first_digit_is_the_published_zero() {
        let rows = rows().unwrap();
        let first = all(&rows, 1, Key::new(0, Purpose::Data)).unwrap();
        assert_eq!(first[..16], [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0, 0.0, 0.0, 13.0, 15.0, 10.0, 15.0, 5.0, 0.0]);
        assert_eq!(rows.labels.as_ref().unwrap()[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
        // The class sizes scikit-learn's documentation gives.
        let mut counts = [0; 10];
        rows.labels().unwrap().iter().for_each(|label| counts[usize::from(*label)] += 1);
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }
}
