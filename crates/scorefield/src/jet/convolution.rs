//! Layers of images: convolution with what stands before and after it, and resampling.
//!
//! A row of a value is an image of h × w pixels of c channels, pixel by pixel ([`Image`]): what the kernels read in order. Convolution and
//! resampling are linear, so a jet's derivatives go through them like its value.

use super::{Function, Groups, Value, group_norm, plain};
use crate::tensor::{DType, Device, Image, Precision, Tensor, TensorData, Weights, Window};

/// Group normalisation: each group of neighbouring channels of an image to mean 0 and variance 1 (Wu & He 2018).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Groups of channels.
    pub groups: usize,
    /// What is added to the variance.
    pub eps: f32,
}

/// What a [`Value::layer`] does besides its weights: y = (W ∗ r(a(norm(x)·scale + offset)) + bias + residual)·factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// The image x.
    pub image: Image,
    /// Whether x is normalised, and how.
    pub norm: Option<Norm>,
    /// a.
    pub activation: Option<Function>,
    /// r: each pixel as a block of 2 × 2 equal ones.
    pub upsample: bool,
    /// How the kernel moves.
    pub window: Window,
    /// The last factor.
    pub factor: f32,
    /// What W and what it meets are rounded to where a kernel does the layer; derivatives along directions are not rounded.
    pub precision: Precision,
}

impl Layer {
    /// W ∗ x and no more.
    pub const fn plain(image: Image, window: Window) -> Self {
        Self { image, norm: None, activation: None, upsample: false, window, factor: 1.0, precision: Precision::F32 }
    }

    /// The image that a kernel of `size` with `channels` outputs makes.
    pub fn output(&self, size: usize, channels: usize) -> Image {
        let image = if self.upsample { self.image.doubled() } else { self.image };
        self.window.of(image, size, channels)
    }
}

/// The same numbers for every pixel: `[k, c]` → `[k, pixels·c]`.
fn per_pixel(t: Tensor<2>, pixels: usize) -> Tensor<2> {
    let [k, c] = t.dims();
    let t: Tensor<3> = t.reshape([k, 1, c]);
    t.expand([k, pixels, c]).reshape([k, pixels * c])
}

/// [`Value::layer`] composed of single steps.
pub(super) fn layer<V: Value>(x: V, layer: &Layer, weights: &Weights, residual: Option<V>) -> V {
    let pixels = layer.image.pixels();
    let mut h = x;
    if let Some(norm) = layer.norm {
        h = channel_norm(h, layer.image, norm);
    }
    if let Some(scale) = &weights.scale {
        h = h.scale(per_pixel(scale.clone(), pixels));
    }
    if let Some(offset) = &weights.offset {
        h = h.shift(per_pixel(offset.clone(), pixels));
    }
    if let Some(f) = layer.activation {
        h = h.apply(f);
    }
    let linear = Layer { upsample: layer.upsample, ..Layer::plain(layer.image, layer.window) };
    h = h.linear_map(|t| plain::convolved(t, &linear, weights.kernel.clone()));
    let [outputs, _, size, _] = weights.kernel.dims();
    let out = layer.output(size, outputs);
    if let Some(bias) = &weights.bias {
        h = h.shift(per_pixel(bias.clone(), out.pixels()));
    }
    if let Some(residual) = residual {
        h = h.plus(residual);
    }
    match layer.factor {
        1.0 => h,
        factor => h.linear_map(|t| t * factor),
    }
}

/// [`Value::image_norm`] composed of single steps.
pub(super) fn image_norm<V: Value>(x: V, image: Image, norm: Norm, [scale, offset]: [Tensor<2>; 2], activation: Function) -> V {
    let pixels = image.pixels();
    channel_norm(x, image, norm).scale(per_pixel(scale, pixels)).shift(per_pixel(offset, pixels)).apply(activation)
}

/// Group normalisation of an image's channels.
fn channel_norm<V: Value>(x: V, image: Image, norm: Norm) -> V {
    let (pixels, size) = (image.pixels(), image.channels / norm.groups);
    // The numbers of a group side by side, and back.
    let sorted = x.linear_map(|t| swapped(t, pixels, norm.groups, size));
    let y = group_norm(sorted, Groups { groups: norm.groups, size: pixels * size }, norm.eps);
    y.linear_map(|t| swapped(t, norm.groups, pixels, size))
}

/// Rows of `[a, b, c]` as rows of `[b, a, c]`.
pub(crate) fn swapped(t: Tensor<2>, a: usize, b: usize, c: usize) -> Tensor<2> {
    let [rows, width] = t.dims();
    if a == 1 || b == 1 {
        return t;
    }
    let t: Tensor<4> = t.reshape([rows, a, b, c]);
    t.swap_dims(1, 2).reshape([rows, width])
}

/// The channels of several values of one image's size side by side.
pub fn join_channels<V: Value>(parts: Vec<V>, pixels: usize) -> V {
    // As rows of single pixels they are features side by side.
    let split = parts.into_iter().map(|part| {
        part.linear_map(|t| {
            let [rows, width] = t.dims();
            t.reshape([rows * pixels, width / pixels])
        })
    });
    V::concat(split.collect()).linear_map(|t| {
        let [rows, width] = t.dims();
        t.reshape([rows / pixels, width * pixels])
    })
}

/// How an image is made twice as large or half as large, along each side alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resampling {
    /// Each pixel becomes a block of 2 × 2 equal ones.
    Nearest,
    /// Blocks of 2 × 2 pixels become their mean.
    Average,
    /// Half as large by the filter (1, 3, 3, 1)/8, zeros beyond the edge (Zhang 2019; Song et al. 2021, appendix H).
    FilteredDown,
    /// Twice as large by the filter (1, 3, 3, 1)/4 between zeros.
    FilteredUp,
}

impl Resampling {
    /// Pixels along a side of `pixels`.
    pub fn size(self, pixels: usize) -> usize {
        match self {
            Self::Nearest | Self::FilteredUp => 2 * pixels,
            Self::Average | Self::FilteredDown => pixels / 2,
        }
    }

    /// The image it makes.
    pub fn of(self, image: Image) -> Image {
        Image { height: self.size(image.height), width: self.size(image.width), ..image }
    }

    /// The weight of pixel `from` in pixel `to` along a side.
    fn weight(self, to: usize, from: usize) -> f32 {
        // Tap k of (1, 3, 3, 1) looks at pixel 2·coarse + k − 1 of the fine image.
        let tap = |coarse: usize, fine: usize| match (fine + 1).checked_sub(2 * coarse) {
            Some(0 | 3) => 1.0,
            Some(1 | 2) => 3.0,
            _ => 0.0,
        };
        match self {
            Self::Nearest => f32::from(u8::from(to / 2 == from)),
            Self::Average => 0.5 * f32::from(u8::from(from / 2 == to)),
            Self::FilteredDown => tap(to, from) / 8.0,
            Self::FilteredUp => tap(from, to) / 4.0,
        }
    }

    /// The weights as a matrix `[to, from]`.
    fn matrix(self, pixels: usize, device: &Device, dtype: DType) -> Tensor<2> {
        let to = self.size(pixels);
        let weights: Vec<f32> = (0..to * pixels).map(|at| self.weight(at / pixels, at % pixels)).collect();
        Tensor::from_data(TensorData::new(weights, [to, pixels]), (device, dtype))
    }
}

/// The image resampled along both sides.
pub fn resample<V: Value>(x: V, image: Image, how: Resampling) -> V {
    let Image { channels, height, width } = image;
    let (device, dtype) = (x.primal().device(), x.primal().dtype());
    let (rows, columns) = (how.matrix(height, &device, dtype), how.matrix(width, &device, dtype));
    let (tall, wide) = (how.size(height), how.size(width));
    x.linear_map(|t| {
        let [n, _] = t.dims();
        let t: Tensor<3> = rows.clone().unsqueeze::<3>().matmul(t.reshape([n, height, width * channels]));
        let t: Tensor<3> = columns.clone().unsqueeze::<3>().matmul(t.reshape([n * tall, width, channels]));
        t.reshape([n, tall * wide * channels])
    })
}
