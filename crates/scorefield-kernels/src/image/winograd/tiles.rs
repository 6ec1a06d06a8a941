//! The tiles of a block of images: where their inputs and outputs are.

use super::TILE;
use super::form::{Form, Stride};
use super::planes::Planes;
use crate::image::Frame;
use std::ops::Range;

/// The tiles of a block of images: image after image, in each row after row.
#[derive(Clone, Copy)]
pub(crate) struct Tiles {
    pub(super) stride: Stride,
    /// Of the inputs, without zeros around them.
    pub(super) frame: Frame,
    /// Rows and columns of zeros above and to the left.
    before: usize,
    h: usize,
    pub(super) w: usize,
    /// Tiles in an image, from top to bottom and from left to right.
    down: usize,
    across: usize,
}

/// Where a tile is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) image: usize,
    /// First row and first column of its outputs.
    pub(super) y: usize,
    pub(super) x: usize,
}

impl Tiles {
    /// Those of the images of `frame`, with `before` rows and columns of zeros above and to the left, and as many as are needed below and to
    /// the right.
    ///
    /// # Panics
    /// If there are pixels that no tile of the h × w outputs has.
    pub(crate) fn new(stride: Stride, frame: Frame, before: usize, h: usize, w: usize) -> Self {
        let reach = |n: usize| n.div_ceil(TILE) * stride.step() + stride.common();
        let whole = reach(h) >= before + frame.height && reach(w) >= before + frame.width;
        assert!(whole, "{h}×{w} outputs of {frame:?}, {before} zeros before them");
        Self { stride, frame, before, h, w, down: h.div_ceil(TILE), across: w.div_ceil(TILE) }
    }

    pub(super) fn count(&self) -> usize {
        self.frame.images * self.down * self.across
    }

    /// Numbers of `[images, h, w, channels]`.
    pub(super) fn pixels(&self, channels: usize) -> usize {
        self.frame.images * self.h * self.w * channels
    }

    #[inline(always)]
    pub(super) fn place(&self, tile: usize) -> Place {
        let (row, x) = (tile / self.across, tile % self.across);
        Place { image: row / self.down, y: TILE * (row % self.down), x: TILE * x }
    }

    /// Where the inputs of a tile would begin, were they all in the image, as a distance from the beginning of all that may be negative,
    /// wrapped around; and the rows and columns of them that are.
    #[inline(always)]
    pub(super) fn inputs(&self, at: Place) -> (usize, Range<usize>, Range<usize>) {
        let Frame { height, width, channels, .. } = self.frame;
        let pixels = self.stride.step() / TILE;
        let inside = |first: usize, n: usize| {
            let from = self.before.saturating_sub(first);
            from..(n + self.before).saturating_sub(first).min(self.stride.side()).max(from)
        };
        let (y, x) = (pixels * at.y, pixels * at.x);
        let row = (at.image * height + y).wrapping_sub(self.before);
        let pixel = row.wrapping_mul(width).wrapping_add(x).wrapping_sub(self.before);
        (pixel.wrapping_mul(channels), inside(y, height), inside(x, width))
    }

    /// Where the outputs of a tile begin, and how many rows and columns of them are inside the image.
    #[inline(always)]
    pub(super) fn outputs(&self, at: Place, channels: usize) -> (usize, usize, usize) {
        let first = ((at.image * self.h + at.y) * self.w + at.x) * channels;
        (first, TILE.min(self.h - at.y), TILE.min(self.w - at.x))
    }

    /// Where the factors of a group lie in so many numbers.
    ///
    /// # Panics
    /// If F is not the form of this stride, or there are not so many tiles or numbers.
    pub(super) fn planes<F: Form<I>, const I: usize>(&self, group: &Range<usize>, channels: usize, matrices: usize) -> Planes {
        assert!(F::STRIDE == self.stride, "tiles of {:?}", self.stride);
        let planes = Planes { stride: self.stride, tiles: group.len(), channels };
        let fits = group.end <= self.count() && channels.is_multiple_of(16) && matrices >= planes.len();
        assert!(fits, "tiles {group:?} of {}, {channels} channels, in {matrices}", self.count());
        planes
    }
}
