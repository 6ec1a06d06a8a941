//! A block on the way up: residual blocks, each of the image beside one that the way down kept, then twice the size.

use super::attention::Attention;
use super::config::{Sampling, UNetConfig, UpBlock, skip_groups};
use super::down::SKIP_ATTENTION_GROUPS;
use super::parts::{Around, Before, Conv, GroupNorm, Maker, Named, named};
use super::resnet::{Resnet, Shape};
use crate::jet::{Function, Image, Resampling, Value, join_channels, resample};
use crate::net::Init;
use crate::tensor::Tensor;
use std::f64::consts::SQRT_2;

/// The block.
#[derive(Clone, Debug)]
pub(super) struct Up {
    resnets: Vec<Resnet>,
    /// After each residual block, or, in a block with a pyramid, one after the last.
    attentions: Vec<Attention>,
    double: Option<Double>,
    /// Of the blocks with a pyramid.
    double_beside: Option<Resnet>,
    pyramid_norm: Option<GroupNorm>,
    to_pyramid: Option<Conv>,
    has_pyramid: bool,
}
named!(Up {
    resnets: "resnets",
    attentions: "attentions",
    double: "upsamplers.0",
    double_beside: "resnet_up",
    pyramid_norm: "skip_norm",
    to_pyramid: "skip_conv",
});

/// How the image is doubled.
#[derive(Clone, Debug)]
enum Double {
    Conv(Box<Conv>),
    Resnet(Box<Resnet>),
}

impl Named for Double {
    fn visit(&self, name: &str, f: &mut dyn FnMut(&str, &crate::net::Parameter)) {
        match self {
            Self::Conv(conv) => conv.visit(&format!("{name}.conv"), f),
            Self::Resnet(resnet) => resnet.visit(name, f),
        }
    }

    fn visit_mut(&mut self, name: &str, f: &mut dyn FnMut(&str, &mut crate::net::Parameter)) {
        match self {
            Self::Conv(conv) => conv.visit_mut(&format!("{name}.conv"), f),
            Self::Resnet(resnet) => resnet.visit_mut(name, f),
        }
    }
}

/// Channels of what a block is given and gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channels {
    /// Of the image from the block before.
    pub(super) before: usize,
    /// Of the last image that the way down kept for it.
    pub(super) last_kept: usize,
    /// Of the result.
    pub(super) outputs: usize,
}

/// What goes up: the image, and the sum that becomes a part of the output.
pub(super) struct Ascent<V> {
    pub(super) x: V,
    pub(super) image: Image,
    pub(super) pyramid: Option<(V, Image)>,
}

impl Up {
    pub(super) fn new(
        make: &mut Maker<'_>,
        kind: UpBlock,
        channels: Channels,
        doubles: bool,
        config: &UNetConfig,
    ) -> Result<Self, String> {
        let (Channels { before, last_kept, outputs }, pyramid) = (channels, kind.has_pyramid());
        let rescale = if pyramid { SQRT_2 } else { 1.0 };
        let head = config.attention_head_dim.unwrap_or(outputs);
        let eps = config.norm_eps;
        let (mut resnets, mut attentions) = (Vec::new(), Vec::new());
        for i in 0..=config.layers_per_block {
            let kept = if i == config.layers_per_block { last_kept } else { outputs };
            let own = if i == 0 { before } else { outputs };
            let groups = match kind {
                UpBlock::Plain | UpBlock::Attention => config.groups(own + kept),
                UpBlock::Skip => skip_groups(own + kept),
                // diffusers divides the kept channels only.
                UpBlock::AttentionSkip => (own + kept / 4).min(32),
            };
            let groups_out = if pyramid { skip_groups(outputs) } else { groups };
            let shape = Shape { groups_out, rescale, ..Shape::plain(own + kept, outputs, groups) };
            resnets.push(Resnet::new(make, shape, config)?);
            if kind == UpBlock::Attention {
                attentions.push(Attention::new(make, outputs, head, Some(config.groups(outputs)), eps, rescale)?);
            }
        }
        if kind == UpBlock::AttentionSkip {
            attentions.push(Attention::new(make, outputs, head, Some(SKIP_ATTENTION_GROUPS), eps, rescale)?);
        }
        let (double_beside, pyramid_norm, to_pyramid) = (None, None, None);
        let mut block = Self { resnets, attentions, double: None, double_beside, pyramid_norm, to_pyramid, has_pyramid: pyramid };
        if doubles && pyramid {
            let groups = skip_groups(outputs);
            let resampling = Some(Resampling::FilteredUp);
            let shape = Shape { rescale, resampling, always_shortcut: true, ..Shape::plain(outputs, outputs, groups) };
            block.double_beside = Some(Resnet::new(make, shape, config)?);
            block.pyramid_norm = Some(make.norm(outputs, groups, eps)?);
            block.to_pyramid = Some(make.conv(outputs, config.out_channels, 3, Init::Zero));
        } else if doubles {
            block.double = Some(if kind == UpBlock::Attention && config.upsample_type == Sampling::Residual {
                let resampling = Some(Resampling::Nearest);
                let shape = Shape { resampling, ..Shape::plain(outputs, outputs, config.groups(outputs)) };
                Double::Resnet(Box::new(Resnet::new(make, shape, config)?))
            } else {
                Double::Conv(Box::new(make.conv(outputs, outputs, 3, Init::Scaled(1.0))))
            });
        }
        Ok(block)
    }

    pub(super) fn apply<V: Value>(&self, ascent: &mut Ascent<V>, kept: &mut Vec<(V, Image)>, level: &Tensor<2>) {
        let (mut x, mut image) = (ascent.x.clone(), ascent.image);
        for (i, resnet) in self.resnets.iter().enumerate() {
            let (beside, shape) = kept.pop().expect("the way down keeps an image for each block of the way up");
            let joined = image.with_channels(image.channels + shape.channels);
            (x, image) = resnet.apply(join_channels(vec![x, beside], image.pixels()), joined, level);
            if let Some(attention) = self.attentions.get(i).filter(|_| !self.has_pyramid) {
                x = attention.apply(x, image);
            }
        }
        if self.has_pyramid {
            if let Some(attention) = self.attentions.first() {
                x = attention.apply(x, image);
            }
            let mut sum = ascent
                .pyramid
                .take()
                .map(|(p, shape)| (resample(p, shape, Resampling::FilteredUp), Resampling::FilteredUp.of(shape)));
            if let (Some(norm), Some(conv)) = (&self.pyramid_norm, &self.to_pyramid) {
                let before = Some(Before { norm, modulation: None, activation: Some(Function::Silu) });
                let residual = sum.take().map(|(p, _)| p);
                sum = Some(conv.apply(x.clone(), image, Around { before, residual, ..Around::default() }));
            }
            ascent.pyramid = sum;
            if let Some(resnet) = &self.double_beside {
                (x, image) = resnet.apply(x, image, level);
            }
        }
        match &self.double {
            None => {}
            Some(Double::Conv(conv)) => (x, image) = conv.apply(x, image, Around { upsample: true, ..Around::default() }),
            Some(Double::Resnet(resnet)) => (x, image) = resnet.apply(x, image, level),
        }
        (ascent.x, ascent.image) = (x, image);
    }
}
