//! A block on the way down: residual blocks, each with attention if the block has it, then half the size.

use super::attention::Attention;
use super::config::{DownBlock, Sampling, UNetConfig, skip_groups};
use super::parts::{Around, Conv, Maker, Named, named};
use super::resnet::{Resnet, Shape};
use crate::jet::{Image, Resampling, Value, Window, resample};
use crate::net::Init;
use crate::tensor::Tensor;
use std::f64::consts::SQRT_2;

/// The block.
#[derive(Clone, Debug)]
pub(super) struct Down {
    resnets: Vec<Resnet>,
    attentions: Vec<Attention>,
    /// Of the blocks without a pyramid.
    halve: Option<Halve>,
    /// Of those with one.
    halve_beside: Option<Resnet>,
    from_pyramid: Option<Conv>,
}
named!(Down {
    resnets: "resnets",
    attentions: "attentions",
    halve: "downsamplers.0",
    halve_beside: "resnet_down",
    from_pyramid: "skip_conv",
});

/// How the image is halved.
#[derive(Clone, Debug)]
struct Halve {
    conv: Option<Conv>,
    window: Window,
    resnet: Option<Box<Resnet>>,
}

impl Named for Halve {
    fn visit(&self, name: &str, f: &mut dyn FnMut(&str, &crate::net::Parameter)) {
        self.conv.visit(&format!("{name}.conv"), f);
        self.resnet.iter().for_each(|r| r.visit(name, f));
    }

    fn visit_mut(&mut self, name: &str, f: &mut dyn FnMut(&str, &mut crate::net::Parameter)) {
        self.conv.visit_mut(&format!("{name}.conv"), f);
        self.resnet.iter_mut().for_each(|r| r.visit_mut(name, f));
    }
}

/// What goes down: the image, the images that the way up will be given, and the pyramid of the input.
pub(super) struct Descent<V> {
    pub(super) x: V,
    pub(super) image: Image,
    pub(super) kept: Vec<(V, Image)>,
    pub(super) pyramid: (V, Image),
}

/// Groups of the attention in Skip blocks.
pub(super) const SKIP_ATTENTION_GROUPS: usize = 32;

impl Down {
    pub(super) fn new(
        make: &mut Maker<'_>,
        kind: DownBlock,
        [channels, outputs]: [usize; 2],
        halves: bool,
        config: &UNetConfig,
    ) -> Result<Self, String> {
        let pyramid = kind.has_pyramid();
        let groups = |channels| if pyramid { skip_groups(channels) } else { config.groups(channels) };
        let rescale = if pyramid { SQRT_2 } else { 1.0 };
        let (mut resnets, mut attentions) = (Vec::new(), Vec::new());
        for i in 0..config.layers_per_block {
            let inputs = if i == 0 { channels } else { outputs };
            let shape = Shape { groups_out: groups(outputs), rescale, ..Shape::plain(inputs, outputs, groups(inputs)) };
            resnets.push(Resnet::new(make, shape, config)?);
            if kind.has_attention() {
                let head = config.attention_head_dim.unwrap_or(outputs);
                let groups = if pyramid { SKIP_ATTENTION_GROUPS } else { config.groups(outputs) };
                attentions.push(Attention::new(make, outputs, head, Some(groups), config.norm_eps, rescale)?);
            }
        }
        let mut block = Self { resnets, attentions, halve: None, halve_beside: None, from_pyramid: None };
        if halves && pyramid {
            let shape = Shape {
                rescale,
                resampling: Some(Resampling::FilteredDown),
                always_shortcut: true,
                ..Shape::plain(outputs, outputs, groups(outputs))
            };
            block.halve_beside = Some(Resnet::new(make, shape, config)?);
            block.from_pyramid = Some(make.conv(config.in_channels, outputs, 1, Init::Scaled(1.0)));
        } else if halves {
            let before = config.downsample_padding;
            let window = Window { stride: 2, before, after: 1 };
            block.halve = Some(if kind.has_attention() && config.downsample_type == Sampling::Residual {
                let shape = Shape { resampling: Some(Resampling::Average), ..Shape::plain(outputs, outputs, groups(outputs)) };
                Halve { conv: None, window, resnet: Some(Box::new(Resnet::new(make, shape, config)?)) }
            } else {
                Halve { conv: Some(make.conv(outputs, outputs, 3, Init::Scaled(1.0))), window, resnet: None }
            });
        }
        Ok(block)
    }

    pub(super) fn apply<V: Value>(&self, descent: &mut Descent<V>, level: &Tensor<2>) {
        let (mut x, mut image) = (descent.x.clone(), descent.image);
        for (i, resnet) in self.resnets.iter().enumerate() {
            (x, image) = resnet.apply(x, image, level);
            if let Some(attention) = self.attentions.get(i) {
                x = attention.apply(x, image);
            }
            descent.kept.push((x.clone(), image));
        }
        if let Some(halve) = &self.halve {
            (x, image) = match (&halve.conv, &halve.resnet) {
                (Some(conv), _) => conv.apply(x, image, Around { window: Some(halve.window), ..Around::default() }),
                (None, Some(resnet)) => resnet.apply(x, image, level),
                (None, None) => (x, image),
            };
            descent.kept.push((x.clone(), image));
        }
        if let (Some(resnet), Some(conv)) = (&self.halve_beside, &self.from_pyramid) {
            (x, image) = resnet.apply(x, image, level);
            let (pyramid, shape) = descent.pyramid.clone();
            let shape_below = Resampling::FilteredDown.of(shape);
            let pyramid = resample(pyramid, shape, Resampling::FilteredDown);
            let around = Around { residual: Some(x), ..Around::default() };
            (x, _) = conv.apply(pyramid.clone(), shape_below, around);
            descent.pyramid = (pyramid, shape_below);
            descent.kept.push((x.clone(), image));
        }
        (descent.x, descent.image) = (x, image);
    }
}
