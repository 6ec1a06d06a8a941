//! What a U-Net is made of: convolutions, normalisations and affine layers, with PyTorch's names and shapes for their weights.

use crate::jet::{Function, Image, Layer, Norm, Value, Weights, Window};
use crate::key::Key;
use crate::net::{Init, Parameter};
use crate::tensor::{Device, Precision, Tensor};

/// Draws each array of weights from its own key.
pub(super) struct Maker<'a> {
    key: Key,
    made: u32,
    device: &'a Device,
    precision: Precision,
}

impl<'a> Maker<'a> {
    pub(super) fn new(key: Key, device: &'a Device, precision: Precision) -> Self {
        Self { key, made: 0, device, precision }
    }

    /// Standard normal numbers times `scale`.
    pub(super) fn normals(&mut self, shape: &[usize], scale: f32) -> Parameter {
        self.made += 1;
        let count = shape.iter().product::<usize>();
        let values = match scale {
            0.0 => vec![0.0; count],
            scale => self.key.at(self.made).normal(0, 1, count).into_iter().map(|z| scale * z).collect(),
        };
        Parameter::new(values, shape, self.device)
    }

    pub(super) fn filled(&self, value: f32, shape: &[usize]) -> Parameter {
        Parameter::new(vec![value; shape.iter().product()], shape, self.device)
    }

    pub(super) fn norm(&self, channels: usize, groups: usize, eps: f64) -> Result<GroupNorm, String> {
        if groups == 0 || !channels.is_multiple_of(groups) {
            return Err(format!("{channels} channels in {groups} groups of equal size"));
        }
        let (weight, bias) = (self.filled(1.0, &[channels]), self.filled(0.0, &[channels]));
        Ok(GroupNorm { norm: Norm { groups, eps: eps as f32 }, weight, bias })
    }

    pub(super) fn conv(&mut self, channels: usize, outputs: usize, size: usize, init: Init) -> Conv {
        let gain = gain(init) / ((channels * size * size) as f32).sqrt();
        let weight = self.normals(&[outputs, channels, size, size], gain);
        Conv { weight, bias: self.filled(0.0, &[outputs]), precision: self.precision }
    }

    pub(super) fn affine(&mut self, inputs: usize, outputs: usize, init: Init) -> Affine {
        let gain = gain(init) / (inputs as f32).sqrt();
        let weight = self.normals(&[outputs, inputs], gain);
        Affine { weight, bias: self.filled(0.0, &[outputs]), precision: self.precision }
    }
}

fn gain(init: Init) -> f32 {
    match init {
        Init::Scaled(gain) => gain,
        Init::Zero => 0.0,
    }
}

/// Something whose parameters have names below its own.
pub(super) trait Named {
    fn visit(&self, name: &str, f: &mut dyn FnMut(&str, &Parameter));
    fn visit_mut(&mut self, name: &str, f: &mut dyn FnMut(&str, &mut Parameter));
}

impl Named for Parameter {
    fn visit(&self, name: &str, f: &mut dyn FnMut(&str, &Parameter)) {
        f(name, self);
    }

    fn visit_mut(&mut self, name: &str, f: &mut dyn FnMut(&str, &mut Parameter)) {
        f(name, self);
    }
}

impl<T: Named> Named for Option<T> {
    fn visit(&self, name: &str, f: &mut dyn FnMut(&str, &Parameter)) {
        self.iter().for_each(|part| part.visit(name, f));
    }

    fn visit_mut(&mut self, name: &str, f: &mut dyn FnMut(&str, &mut Parameter)) {
        self.iter_mut().for_each(|part| part.visit_mut(name, f));
    }
}

impl<T: Named> Named for Vec<T> {
    fn visit(&self, name: &str, f: &mut dyn FnMut(&str, &Parameter)) {
        self.iter().enumerate().for_each(|(i, part)| part.visit(&below(name, &i.to_string()), f));
    }

    fn visit_mut(&mut self, name: &str, f: &mut dyn FnMut(&str, &mut Parameter)) {
        self.iter_mut().enumerate().for_each(|(i, part)| part.visit_mut(&below(name, &i.to_string()), f));
    }
}

pub(super) fn below(name: &str, part: &str) -> String {
    if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") }
}

/// `named!(Type { field: "name", … })`: the fields that have parameters, and what PyTorch calls them.
macro_rules! named {
    ($type:ty { $($field:ident: $name:literal),* $(,)? }) => {
        impl $crate::net::unet::parts::Named for $type {
            fn visit(&self, name: &str, f: &mut dyn FnMut(&str, &$crate::net::Parameter)) {
                $(self.$field.visit(&$crate::net::unet::parts::below(name, $name), f);)*
            }

            fn visit_mut(&mut self, name: &str, f: &mut dyn FnMut(&str, &mut $crate::net::Parameter)) {
                $(self.$field.visit_mut(&$crate::net::unet::parts::below(name, $name), f);)*
            }
        }
    };
}
pub(super) use named;

/// The affine part of group normalisation, and the groups.
#[derive(Clone, Debug)]
pub(super) struct GroupNorm {
    norm: Norm,
    weight: Parameter,
    bias: Parameter,
}
named!(GroupNorm { weight: "weight", bias: "bias" });

impl GroupNorm {
    pub(super) fn channels(&self) -> usize {
        self.weight.len()
    }

    /// a(norm(x)·w + b).
    pub(super) fn apply<V: Value>(&self, x: V, image: Image, activation: Function) -> V {
        let (w, b) = self.affine(None);
        x.image_norm(image, self.norm, [w, b], activation)
    }

    /// Scale and offset of each channel, `[1, c]`; with `modulation` (s, t), `[n, c]` each, those of (norm(x)·w + b)(1 + s) + t.
    pub(super) fn affine(&self, modulation: Option<(Tensor<2>, Tensor<2>)>) -> (Tensor<2>, Tensor<2>) {
        let (w, b) = (row(&self.weight), row(&self.bias));
        match modulation {
            None => (w, b),
            Some((s, t)) => {
                let s = s + 1.0;
                (s.clone() * w, s * b + t)
            }
        }
    }
}

/// A parameter `[k]` as a row `[1, k]`.
fn row(p: &Parameter) -> Tensor<2> {
    p.flat().reshape([1, p.len()])
}

/// A convolution with bias.
#[derive(Clone, Debug)]
pub(super) struct Conv {
    weight: Parameter,
    bias: Parameter,
    precision: Precision,
}
named!(Conv { weight: "weight", bias: "bias" });

/// What is done to an image before it is convolved.
pub(super) struct Before<'a> {
    pub(super) norm: &'a GroupNorm,
    pub(super) modulation: Option<(Tensor<2>, Tensor<2>)>,
    pub(super) activation: Option<Function>,
}

/// How and with what an image is convolved.
pub(super) struct Around<'a, V> {
    pub(super) before: Option<Before<'a>>,
    pub(super) upsample: bool,
    pub(super) window: Option<Window>,
    /// Added to the bias, `[n, c_out]`.
    pub(super) shift: Option<Tensor<2>>,
    pub(super) residual: Option<V>,
    pub(super) factor: f32,
}

impl<V> Default for Around<'_, V> {
    fn default() -> Self {
        Self { before: None, upsample: false, window: None, shift: None, residual: None, factor: 1.0 }
    }
}

impl Conv {
    /// The convolved image, by default of the same size, and its shape.
    pub(super) fn apply<V: Value>(&self, x: V, image: Image, around: Around<'_, V>) -> (V, Image) {
        let &[outputs, channels, size, _] = self.weight.shape() else { unreachable!("a kernel has four sides") };
        debug_assert_eq!(channels, image.channels);
        let (mut norm, mut activation, mut scale, mut offset) = (None, None, None, None);
        if let Some(before) = around.before {
            let (w, b) = before.norm.affine(before.modulation);
            (norm, activation, scale, offset) = (Some(before.norm.norm), before.activation, Some(w), Some(b));
        }
        let window = around.window.unwrap_or(Window::same(size));
        let (upsample, factor, precision) = (around.upsample, around.factor, self.precision);
        let layer = Layer { image, norm, activation, upsample, window, factor, precision };
        let bias = row(&self.bias);
        let bias = match around.shift {
            None => bias,
            Some(shift) => shift + bias,
        };
        let weights = Weights { scale, offset, kernel: self.weight.get::<4>(), bias: Some(bias) };
        (x.layer(&layer, &weights, around.residual), layer.output(size, outputs))
    }
}

/// y = x Wᵀ + b, W `[outputs, inputs]` as PyTorch stores it.
#[derive(Clone, Debug)]
pub(super) struct Affine {
    weight: Parameter,
    bias: Parameter,
    precision: Precision,
}
named!(Affine { weight: "weight", bias: "bias" });

impl Affine {
    /// Of features that do not depend on the image.
    pub(super) fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.get::<2>().transpose()) + row(&self.bias)
    }

    /// Of every pixel.
    pub(super) fn pixels<V: Value>(&self, x: V, image: Image, around: Around<'_, V>) -> V {
        let &[outputs, inputs] = self.weight.shape() else { unreachable!("a matrix has two sides") };
        let weight = self.weight.reshaped(&[outputs, inputs, 1, 1]);
        let kernel = Conv { weight, bias: self.bias.clone(), precision: self.precision };
        kernel.apply(x, image, around).0
    }

    /// [outputs, inputs].
    pub(super) fn outputs(&self) -> usize {
        self.weight.shape()[0]
    }
}
