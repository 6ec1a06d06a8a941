//! The kinds of number a file may hold, and how their bytes become f32.

/// A number as it lies in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    U8,
    F32 { big_endian: bool },
    F64 { big_endian: bool },
}

impl Element {
    /// How this crate's own temporary files hold numbers.
    pub const NATIVE: Self = Self::F32 { big_endian: false };

    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F32 { .. } => 4,
            Self::F64 { .. } => 8,
        }
    }

    /// Decodes `out.len()` numbers. A value outside the range of f32 becomes infinite.
    pub fn decode(self, bytes: &[u8], out: &mut [f32]) {
        match self {
            Self::U8 => {
                for (o, b) in out.iter_mut().zip(bytes) {
                    *o = f32::from(*b);
                }
            }
            Self::F32 { big_endian: false } => each(bytes, out, f32::from_le_bytes),
            Self::F32 { big_endian: true } => each(bytes, out, f32::from_be_bytes),
            Self::F64 { big_endian: false } => each(bytes, out, |b| f64::from_le_bytes(b) as f32),
            Self::F64 { big_endian: true } => each(bytes, out, |b| f64::from_be_bytes(b) as f32),
        }
    }

    /// All numbers in `bytes`, in double precision.
    pub fn decode_double(self, bytes: &[u8]) -> Vec<f64> {
        let mut out = vec![0.0; bytes.len() / self.size()];
        match self {
            Self::U8 => out.iter_mut().zip(bytes).for_each(|(o, b)| *o = f64::from(*b)),
            Self::F32 { big_endian: false } => each(bytes, &mut out, |b| f64::from(f32::from_le_bytes(b))),
            Self::F32 { big_endian: true } => each(bytes, &mut out, |b| f64::from(f32::from_be_bytes(b))),
            Self::F64 { big_endian: false } => each(bytes, &mut out, f64::from_le_bytes),
            Self::F64 { big_endian: true } => each(bytes, &mut out, f64::from_be_bytes),
        }
        out
    }

    /// Says what is wrong with the number at the head of `bytes`, which did not decode to a finite f32.
    pub fn complaint(self, bytes: &[u8]) -> String {
        complaint(self.decode_double(&bytes[..self.size().min(bytes.len())]).first().copied().unwrap_or(f64::NAN))
    }
}

/// Says what is wrong with a value that is no finite f32.
pub(super) fn complaint(value: f64) -> String {
    if value.is_finite() {
        format!("{value:e} is beyond the range of 32-bit floats (3.4e38)")
    } else {
        format!("the value is {value}, expected a finite number")
    }
}

fn each<T, const N: usize>(bytes: &[u8], out: &mut [T], f: impl Fn([u8; N]) -> T) {
    let (numbers, _) = bytes.as_chunks::<N>();
    for (o, b) in out.iter_mut().zip(numbers) {
        *o = f(*b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_decodes_to_the_number_that_was_written() {
        let mut out = [0.0; 2];
        Element::U8.decode(&[7, 255], &mut out);
        assert_eq!(out, [7.0, 255.0]);
        for (element, bytes) in [
            (Element::NATIVE, [1.5f32.to_le_bytes(), (-2.0f32).to_le_bytes()].concat()),
            (Element::F32 { big_endian: true }, [1.5f32.to_be_bytes(), (-2.0f32).to_be_bytes()].concat()),
            (Element::F64 { big_endian: false }, [1.5f64.to_le_bytes(), (-2.0f64).to_le_bytes()].concat()),
            (Element::F64 { big_endian: true }, [1.5f64.to_be_bytes(), (-2.0f64).to_be_bytes()].concat()),
        ] {
            element.decode(&bytes, &mut out);
            assert_eq!(out, [1.5, -2.0], "{element:?}");
        }
    }

    #[test]
    fn a_double_too_large_for_a_float_is_told_from_an_infinite_one() {
        let element = Element::F64 { big_endian: true };
        assert!(element.complaint(&1e300f64.to_be_bytes()).contains("1e300 is beyond"));
        assert!(element.complaint(&f64::NAN.to_be_bytes()).contains("NaN"));
    }
}
