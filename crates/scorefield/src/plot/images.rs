//! A checked view of a batch of images.

use super::scene::Bitmap;
use super::style::NOT_A_NUMBER;
use crate::error::{Error, Result};

/// Images `[n, c, h, w]` with values in [0, 1]; c is 1 (grey) or 3 (red, green, blue).
///
/// Values outside [0, 1] are clamped when drawn; a pixel that is not a number is drawn vermilion.
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    values: &'a [f32],
    shape: [usize; 4],
}

impl<'a> Images<'a> {
    /// Checks the shape `[n, c, h, w]` against the values.
    ///
    /// # Errors
    /// `Setting` if there is no image, c is neither 1 nor 3, a side is zero, or the number of values is not n·c·h·w.
    pub fn new(values: &'a [f32], shape: [usize; 4]) -> Result<Self> {
        let [n, c, h, w] = shape;
        let got = || format!("[{n}, {c}, {h}, {w}]");
        if n == 0 {
            return Err(Error::setting("images", "at least one", got()));
        }
        if (c != 1 && c != 3) || h == 0 || w == 0 {
            return Err(Error::setting("images", "a shape [n, c, h, w] with c = 1 or 3 and h, w > 0", got()));
        }
        let count = n.checked_mul(c).and_then(|v| v.checked_mul(h)).and_then(|v| v.checked_mul(w));
        if count != Some(values.len()) {
            return Err(Error::setting("images", format!("a shape of {} values", values.len()), got()));
        }
        Ok(Self { values, shape })
    }

    /// Number of images.
    pub fn count(&self) -> usize {
        self.shape[0]
    }

    /// Height and width in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.shape[2], self.shape[3])
    }

    /// Image `i` as 8-bit RGB: round(255 · value).
    pub(super) fn bitmap(&self, i: usize) -> Bitmap {
        let [_, channels, height, width] = self.shape;
        let area = height * width;
        let image = &self.values[i * channels * area..(i + 1) * channels * area];
        let mut rgb = Vec::with_capacity(3 * area);
        for at in 0..area {
            let pixel = [0, 1, 2].map(|c| image[if channels == 3 { c * area + at } else { at }]);
            if pixel.iter().any(|v| v.is_nan()) {
                rgb.extend(NOT_A_NUMBER.rgb);
            } else {
                rgb.extend(pixel.map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8));
            }
        }
        Bitmap { width, height, rgb }
    }

    /// The whole zoom that brings the longer side nearest to `target` device pixels; at least 1.
    pub(super) fn zoom(&self, target: usize) -> usize {
        let side = self.shape[2].max(self.shape[3]);
        ((target + side / 2) / side).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_shapes_are_errors() {
        let values = [0.0; 12];
        for shape in [[0, 1, 2, 2], [3, 2, 1, 2], [3, 1, 0, 2], [2, 1, 2, 2], [usize::MAX, 3, 2, 2]] {
            assert!(Images::new(&values, shape).is_err(), "{shape:?}");
        }
        assert!(Images::new(&values, [3, 1, 2, 2]).is_ok());
    }

    #[test]
    fn values_are_clamped_and_nan_is_visible() {
        let values = [-1.0, 0.5, 2.0, f32::NAN];
        let bitmap = Images::new(&values, [1, 1, 1, 4]).unwrap().bitmap(0);
        assert_eq!(bitmap.rgb, [0, 0, 0, 128, 128, 128, 255, 255, 255, 0xd5, 0x5e, 0x00]);
    }
}
