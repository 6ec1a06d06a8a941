//! The shape of one sample: a vector of d features, or an image of c channels.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// More features than any sample may have: a bound on what one row may allocate.
pub(super) const MAX_FEATURES: usize = 1 << 28;

/// The shape of one sample. Written `[d]` or `[channels, height, width]`, in files as in messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<usize>", into = "Vec<usize>")]
pub enum EventShape {
    /// d features.
    Vector(usize),
    /// An image, laid out channel by channel, each row-major.
    Image {
        /// 1 for grey, 3 for colour.
        channels: usize,
        /// Rows of pixels.
        height: usize,
        /// Columns of pixels.
        width: usize,
    },
}

impl EventShape {
    /// Checks `dims`, which are `[d]` or `[channels, height, width]`: each at least one, and no more than 2²⁸ numbers together.
    pub fn new(dims: &[usize]) -> Result<Self> {
        let wrong =
            || Error::setting("sample shape", "[d] or [channels, height, width], from 1 to 2^28 numbers", format!("{dims:?}"));
        let len = dims.iter().try_fold(1usize, |n, k| n.checked_mul(*k)).ok_or_else(wrong)?;
        if len == 0 || len > MAX_FEATURES {
            return Err(wrong());
        }
        match *dims {
            [d] => Ok(Self::Vector(d)),
            [channels, height, width] => Ok(Self::Image { channels, height, width }),
            _ => Err(wrong()),
        }
    }

    /// The numbers in one sample: d.
    pub fn len(&self) -> usize {
        match *self {
            Self::Vector(d) => d,
            Self::Image { channels, height, width } => channels * height * width,
        }
    }

    /// Whether a sample holds no numbers; never true of a shape made by [`EventShape::new`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `[d]` or `[channels, height, width]`.
    pub fn dims(&self) -> Vec<usize> {
        match *self {
            Self::Vector(d) => vec![d],
            Self::Image { channels, height, width } => vec![channels, height, width],
        }
    }

    /// Whether samples are pictures.
    pub fn is_image(&self) -> bool {
        matches!(self, Self::Image { .. })
    }
}

impl fmt::Display for EventShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.dims())
    }
}

impl From<EventShape> for Vec<usize> {
    fn from(shape: EventShape) -> Self {
        shape.dims()
    }
}

impl TryFrom<Vec<usize>> for EventShape {
    type Error = Error;

    fn try_from(dims: Vec<usize>) -> Result<Self> {
        Self::new(&dims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_written_as_its_dimensions() {
        let image = EventShape::Image { channels: 1, height: 28, width: 27 };
        assert_eq!(image.to_string(), "[1, 28, 27]");
        assert_eq!(serde_json::to_string(&image).unwrap(), "[1,28,27]");
        assert_eq!(serde_json::from_str::<EventShape>("[1,28,27]").unwrap(), image);
        assert_eq!(serde_json::from_str::<EventShape>("[2]").unwrap(), EventShape::Vector(2));
        assert_eq!(image.len(), 756);
    }

    #[test]
    fn impossible_shapes_are_refused() {
        for dims in ["[]", "[0]", "[2,3]", "[1,0,3]", "[4294967296,4294967296,2]", "[1,1,1,1]"] {
            assert!(serde_json::from_str::<EventShape>(dims).is_err(), "{dims}");
        }
    }
}
