//! Convolution of images that are stored pixel by pixel.

use super::Tensor;
use crate::jet::{Image, Window};
use burn::tensor::module;
use burn::tensor::ops::{ConvOptions, PadMode};

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
