//! Maps of images: convolution, pooling, resampling. All are linear, so a jet's derivatives go through them like its value.
//!
//! A row of a value is an image of c channels of h × w pixels, channel by channel ([`Image`]).

use super::Value;
use crate::tensor::Tensor;
use burn::tensor::module;
use burn::tensor::ops::ConvOptions;

/// The shape in which a row is an image.
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
    /// Zero pixels around the image.
    pub padding: usize,
}

impl Image {
    /// Numbers in a row.
    pub fn numbers(self) -> usize {
        self.channels * self.height * self.width
    }

    fn of(self, t: Tensor<2>) -> Tensor<4> {
        let [rows, _] = t.dims();
        t.reshape([rows, self.channels, self.height, self.width])
    }
}

fn flat(t: Tensor<4>) -> Tensor<2> {
    let [rows, c, h, w] = t.dims();
    t.reshape([rows, c * h * w])
}

/// y = W ∗ x + b with `weight` `[c_out, c_in, k, k]` and `bias` `[c_out]`, and the shape of y.
pub fn convolve<V: Value>(x: V, image: Image, weight: &Tensor<4>, bias: Option<&Tensor<1>>, window: Window) -> (V, Image) {
    let [channels, _, kh, kw] = weight.dims();
    let places = |pixels: usize, kernel: usize| (pixels + 2 * window.padding - kernel) / window.stride + 1;
    let out = Image { channels, height: places(image.height, kh), width: places(image.width, kw) };
    let options = ConvOptions::new([window.stride; 2], [window.padding; 2], [1; 2], 1);
    let y = x.linear_map(|t| flat(module::conv2d(image.of(t), weight.clone(), None, options.clone())));
    let y = match bias {
        Some(b) => {
            let pixels = b.clone().reshape([channels, 1]).expand([channels, out.height * out.width]);
            y.shift(pixels.reshape([1, out.numbers()]))
        }
        None => y,
    };
    (y, out)
}

/// Each pixel as a block of `factor` × `factor` equal ones.
pub fn upsample_nearest<V: Value>(x: V, image: Image, factor: usize) -> (V, Image) {
    let Image { channels, height, width } = image;
    let y = x.linear_map(|t| {
        let [rows, _] = t.dims();
        let t: Tensor<5> = t.reshape([rows, channels * height, 1, width, 1]);
        t.expand([rows, channels * height, factor, width, factor]).reshape([rows, channels * height * factor * width * factor])
    });
    (y, Image { channels, height: height * factor, width: width * factor })
}

/// The mean of each block of `factor` × `factor` pixels.
///
/// # Panics
/// If the image is no whole number of blocks.
pub fn average_pool<V: Value>(x: V, image: Image, factor: usize) -> (V, Image) {
    let Image { channels, height, width } = image;
    assert!(height.is_multiple_of(factor) && width.is_multiple_of(factor), "{height} × {width} pixels in blocks of {factor}");
    let (h, w) = (height / factor, width / factor);
    let y = x.linear_map(|t| {
        let [rows, _] = t.dims();
        let t: Tensor<5> = t.reshape([rows, channels * h, factor, w, factor]);
        t.mean_dim(4).mean_dim(2).reshape([rows, channels * h * w])
    });
    (y, Image { channels, height: h, width: w })
}
