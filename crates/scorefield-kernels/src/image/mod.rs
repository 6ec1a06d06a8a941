//! Layers of image networks, forward and backward: y = (W ∗ r(a(norm(x)·scale + offset)) + bias + residual)·factor in one pass.
//!
//! Images are channels-last, `[n, h, w, c]`. Between the layers of a network only x is kept; normalised and activated numbers live in a
//! core's own cache, a block of images at a time, and the backward pass computes them again. Blocks are fixed by the shapes, and what
//! they give to the gradients of parameters is summed in their order, so results do not depend on the number of threads.

mod affine;
mod ahead;
mod backward;
mod beside;
mod chain;
mod convolution;
mod direct;
mod enter;
mod forward;
mod layer;
mod leave;
mod normalise;
#[cfg(test)]
mod tests;
mod uninit;
mod winograd;

pub use crate::mlp::Activation;
pub use backward::{Gradients, Wanted, backward};
pub use beside::{beside, part};
pub use forward::forward;
pub use layer::{Inputs, Layer, Norm, Precision, Size};
pub use normalise::{Moments, Plan, normalise, normalise_backward};

use std::ops::Range;

/// Whether this machine multiplies [`Precision::Bf16`] faster than f32: by dot products of bfloat16.
pub fn multiplies_bf16() -> bool {
    crate::matrix::pairs::Dots::of(crate::dispatch::active()).is_some()
}

/// Multiply-adds from which on a pass is shared among threads: some ten microseconds.
const SHARED: usize = 1 << 20;

/// A block of images, for the direct way inside frames of zeros, `[images, height, width, channels]`: what a convolution reads, and what its backward pass
/// writes gradients by its input to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Images in the block.
    pub(crate) images: usize,
    /// Rows of pixels, with those of zeros above and below.
    pub(crate) height: usize,
    /// Pixels in a row, with those of zeros left and right.
    pub(crate) width: usize,
    /// Channels, rounded up to a multiple of 16 with zeros, or as they are where the convolution wants it.
    pub(crate) channels: usize,
}

impl Frame {
    /// Numbers in the block.
    pub(crate) fn len(self) -> usize {
        self.images * self.height * self.width * self.channels
    }

    /// Where pixel (y, x) of an image is.
    pub(crate) fn pixel(self, image: usize, y: usize, x: usize) -> Range<usize> {
        let at = ((image * self.height + y) * self.width + x) * self.channels;
        at..at + self.channels
    }
}
