//! Images that are stored pixel by pixel, and their convolution.

use super::Tensor;
use burn::tensor::module;
use burn::tensor::ops::{ConvOptions, PadMode};

/// The shape in which a row is an image, `[height, width, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Channels.
    pub channels: usize,
    /// Pixels down.
    pub height: usize,
    /// Pixels across.
    pub width: usize,
}

/// How a kernel moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Pixels from one place to the next.
    pub stride: usize,
    /// Zero pixels above and left of the image.
    pub before: usize,
    /// Zero pixels below and right of it.
    pub after: usize,
}

impl Image {
    /// Numbers in a row.
    pub fn numbers(self) -> usize {
        self.channels * self.pixels()
    }

    /// Pixels.
    pub fn pixels(self) -> usize {
        self.height * self.width
    }

    /// The image of twice the height and width.
    pub fn doubled(self) -> Self {
        Self { height: 2 * self.height, width: 2 * self.width, ..self }
    }

    /// The same image with other channels.
    pub fn with_channels(self, channels: usize) -> Self {
        Self { channels, ..self }
    }
}

impl Window {
    /// A kernel of `size` × `size` on every pixel, the image's size kept.
    pub const fn same(size: usize) -> Self {
        Self { stride: 1, before: size / 2, after: size / 2 }
    }

    /// The image that a kernel of `size` makes of one, with `channels`.
    pub fn of(self, image: Image, size: usize, channels: usize) -> Image {
        let places = |pixels: usize| (pixels + self.before + self.after - size) / self.stride + 1;
        Image { channels, height: places(image.height), width: places(image.width) }
    }
}

/// W ∗ x (as PyTorch has it: correlation) for `x` `[n, h·w·c]` and `kernel` `[c_out, c, k, k]`: `[n, h'·w'·c_out]`.
pub fn correlate(x: Tensor<2>, image: Image, kernel: Tensor<4>, window: Window) -> Tensor<2> {
    let [n, _] = x.dims();
    let Image { channels, height, width } = image;
    let [outputs, _, size, _] = kernel.dims();
    let out = window.of(image, size, outputs);
    let Window { stride, before, after } = window;
    let planes: Tensor<4> = x.reshape([n, height, width, channels]).permute([0, 3, 1, 2]);
    let (planes, padding) = match before == after {
        true => (planes, before),
        false => (planes.pad((before, after, before, after), PadMode::Constant(0.0)), 0),
    };
    let y = module::conv2d(planes, kernel, None, ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1));
    y.permute([0, 2, 3, 1]).reshape([n, out.numbers()])
}
