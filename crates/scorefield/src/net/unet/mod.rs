//! A U-Net for images: the architecture, the names and the shapes of diffusers' `UNet2DModel`, so that weights go to and come from there
//! unchanged.
//!
//! Ronneberger et al. 2015 for the U; Ho et al. 2020 for residual blocks that know the noise level and for attention; Song et al. 2021
//! (NCSN++) for the Skip blocks. Inside, images are stored pixel by pixel, which is what the kernels read in order.

mod attention;
pub mod config;
mod down;
mod embedding;
mod parts;
mod resnet;
mod up;

pub use config::UNetConfig;

use self::attention::Attention;
use self::config::{ClassEmbedding, MidBlock, SampleSize, TimeEmbedding, TimeScaleShift};
use self::down::{Descent, Down};
use self::embedding::{Features, Waves};
use self::parts::{Around, Before, Conv, GroupNorm, Maker, Named, named};
use self::resnet::{Resnet, Shape};
use self::up::{Ascent, Channels, Up};
use super::{Family, Forward, Init, Least, NetSettings, Network, Parameter, Parameters, Takes};
use crate::data::EventShape;
use crate::error::{Error, Result};
use crate::jet::{Function, Image, Value, swapped};
use crate::key::Key;
use crate::registry::Entry;
use crate::tensor::{Device, Tensor, column, repeated};

/// The network. Its rows are images channel by channel, `[n, c·h·w]`, and its level c is diffusers' `timestep`.
#[derive(Clone, Debug)]
pub struct UNet {
    config: UNetConfig,
    image: Image,
    waves: Waves,
    level: Features,
    classes: Option<Classes>,
    class: u32,
    input: Conv,
    down: Vec<Down>,
    middle: Option<Middle>,
    up: Vec<Up>,
    norm: GroupNorm,
    output: Conv,
}
named!(UNet {
    waves: "time_proj",
    level: "time_embedding",
    classes: "class_embedding",
    input: "conv_in",
    down: "down_blocks",
    middle: "mid_block",
    up: "up_blocks",
    norm: "conv_norm_out",
    output: "conv_out",
});

/// How a class label becomes features.
#[derive(Clone, Debug)]
enum Classes {
    Table(Box<Parameter>),
    Features(Box<Features>),
}

impl Named for Classes {
    fn visit(&self, name: &str, f: &mut dyn FnMut(&str, &Parameter)) {
        match self {
            Self::Table(table) => f(&format!("{name}.weight"), table),
            Self::Features(features) => features.visit(name, f),
        }
    }

    fn visit_mut(&mut self, name: &str, f: &mut dyn FnMut(&str, &mut Parameter)) {
        match self {
            Self::Table(table) => f(&format!("{name}.weight"), table),
            Self::Features(features) => features.visit_mut(name, f),
        }
    }
}

/// Residual, attention, residual.
#[derive(Clone, Debug)]
struct Middle {
    resnets: Vec<Resnet>,
    attentions: Vec<Attention>,
}
named!(Middle { resnets: "resnets", attentions: "attentions" });

impl Middle {
    fn new(make: &mut Maker<'_>, config: &UNetConfig) -> Result<Self, String> {
        let channels = config.block_out_channels[config.block_out_channels.len() - 1];
        let rescale = config.mid_block_scale_factor;
        let own = config.groups(channels);
        let shape = Shape { rescale, ..Shape::plain(channels, channels, own) };
        let first = Resnet::new(make, shape, config)?;
        let mut attentions = Vec::new();
        if config.add_attention {
            let head = config.attention_head_dim.unwrap_or(channels);
            let default = (config.resnet_time_scale_shift == TimeScaleShift::Default).then_some(own);
            let groups = config.attn_norm_num_groups.or(default);
            attentions.push(Attention::new(make, channels, head, groups, config.norm_eps, rescale)?);
        }
        Ok(Self { resnets: vec![first, Resnet::new(make, shape, config)?], attentions })
    }
}

impl UNetConfig {
    /// A network for images of `height` × `width` pixels with fresh weights.
    ///
    /// # Errors
    /// Channels that do not fall into the groups or heads, an image that cannot be halved often enough.
    pub fn init(&self, height: usize, width: usize, key: Key, device: &Device) -> Result<UNet> {
        let bad = |problem: String| Error::setting("net.config", "settings that fit each other", problem);
        let divisor = self.divisor();
        if height == 0 || width == 0 || !height.is_multiple_of(divisor) || !width.is_multiple_of(divisor) {
            return Err(bad(format!("{height} × {width} pixels cannot be halved {} times", self.block_out_channels.len() - 1)));
        }
        self.build(Image { channels: self.in_channels, height, width }, key, device).map_err(bad)
    }

    /// Height and width, if the configuration says them.
    pub fn size(&self) -> Option<(usize, usize)> {
        self.sample_size.map(|size| match size {
            SampleSize::Square(side) => (side, side),
            SampleSize::Sides([height, width]) => (height, width),
        })
    }

    fn build(&self, image: Image, key: Key, device: &Device) -> Result<UNet, String> {
        let make = &mut Maker::new(key, device, self.precision);
        let channels = &self.block_out_channels;
        let last = channels.len() - 1;
        let waves = Waves::new(make, self);
        let level = Features::new(make, waves.features(), self.embedding());
        let classes = match (self.class_embed_type, self.num_class_embeds) {
            (None, None) => None,
            (None, Some(classes)) => Some(Classes::Table(Box::new(make.normals(&[classes, self.embedding()], 1.0)))),
            (Some(ClassEmbedding::Timestep), _) => {
                Some(Classes::Features(Box::new(Features::new(make, waves.features(), self.embedding()))))
            }
        };
        let input = make.conv(self.in_channels, channels[0], 3, Init::Scaled(1.0));
        let mut down = Vec::new();
        for (i, &kind) in self.down_block_types.iter().enumerate() {
            down.push(Down::new(make, kind, [channels[i.saturating_sub(1)], channels[i]], i < last, self)?);
        }
        let middle = match self.mid_block_type {
            None => None,
            Some(MidBlock::Plain) => Some(Middle::new(make, self)?),
        };
        let mut up = Vec::new();
        for (i, &kind) in self.up_block_types.iter().enumerate() {
            let at = last - i;
            let sizes = Channels {
                before: channels[(at + 1).min(last)],
                last_kept: channels[at.saturating_sub(1)],
                outputs: channels[at],
            };
            up.push(Up::new(make, kind, sizes, i < last, self)?);
        }
        let norm = make.norm(channels[0], self.groups(channels[0]), self.norm_eps)?;
        let output = make.conv(channels[0], self.out_channels, 3, Init::Zero);
        Ok(UNet { config: self.clone(), image, waves, level, classes, class: 0, input, down, middle, up, norm, output })
    }
}

impl UNet {
    /// The settings it was made from.
    pub fn config(&self) -> &UNetConfig {
        &self.config
    }

    /// The embedded level and class, activated, `[n, e]`.
    fn embedded(&self, c: &Tensor<1>) -> Tensor<2> {
        let mut e = self.level.apply(self.waves.apply(c));
        match &self.classes {
            None => {}
            Some(Classes::Table(table)) => e = e + table.get::<2>().narrow(0, self.class as usize, 1),
            Some(Classes::Features(features)) => {
                let label = repeated(self.class as f32, 1, &c.device()).cast(c.dtype());
                e = e + features.apply(self.waves.apply(&label));
            }
        }
        self.config.act_fn.function().value(e)
    }
}

fn build(settings: &NetSettings, event: &EventShape, key: Key, device: &Device) -> Result<Box<dyn Network>> {
    let EventShape::Image { channels, height, width } = *event else {
        let problem = format!("{} numbers without an order", event.len());
        return Err(Error::setting("net.name", "images for unet (mlp takes anything)", problem));
    };
    Ok(Box::new(UNetConfig::of(settings, channels, height, width).init(height, width, key, device)?))
}

fn least(settings: &NetSettings, event: &EventShape) -> Least {
    match *event {
        EventShape::Image { channels, height, width } => UNetConfig::of(settings, channels, height, width).least(height, width),
        EventShape::Vector(_) => Least { parameters: 0, row: 0 },
    }
}

/// The registry's row.
pub(super) const ENTRY: Entry<Family> = Entry {
    name: "unet",
    aliases: &["unet2d", "UNet2DModel"],
    summary: "convolutions on halved and doubled images, attention in the middle: images; diffusers' UNet2DModel",
    formula: "h ← h + W₂ ∗ SiLU(norm(W₁ ∗ SiLU(norm(h)) + e(σ))), images kept on the way down joined on the way up",
    source: "Ronneberger et al. 2015; Ho, Jain & Abbeel 2020; Song et al. 2021",
    value: Family { build, takes: Takes::Images, least },
};

impl Forward for UNet {
    fn classes(&self) -> Option<u32> {
        self.classes.as_ref().map(|classes| match classes {
            Classes::Table(table) => table.shape()[0] as u32,
            // Any number has features; those above are not told apart in f32.
            Classes::Features(_) => 1 << f32::MANTISSA_DIGITS,
        })
    }

    fn set_class(&mut self, class: u32) {
        debug_assert!(Forward::classes(self).is_some_and(|classes| class < classes), "class {class}");
        self.class = class;
    }

    fn forward<V: Value>(&self, x: V, c: &Tensor<1>) -> V {
        let Image { channels, .. } = self.image;
        let pixels = self.image.pixels();
        let level = self.embedded(c);
        let mut x = x.linear_map(|t| swapped(t, channels, pixels, 1));
        if self.config.center_input_sample {
            let half = Tensor::full([1, 1], 0.5, (&c.device(), c.dtype()));
            x = x.shift(half.neg()).linear_map(|t| t * 2.0);
        }
        let pyramid = (x.clone(), self.image);
        let (x, image) = self.input.apply(x, self.image, Around::default());
        let mut descent = Descent { x: x.clone(), image, kept: vec![(x, image)], pyramid };
        for block in &self.down {
            block.apply(&mut descent, &level);
        }
        let Descent { mut x, mut image, mut kept, .. } = descent;
        if let Some(middle) = &self.middle {
            for (i, resnet) in middle.resnets.iter().enumerate() {
                (x, image) = resnet.apply(x, image, &level);
                if let Some(attention) = middle.attentions.get(i) {
                    x = attention.apply(x, image);
                }
            }
        }
        let mut ascent = Ascent { x, image, pyramid: None };
        for block in &self.up {
            block.apply(&mut ascent, &mut kept, &level);
        }
        let before = Some(Before { norm: &self.norm, modulation: None, activation: Some(Function::Silu) });
        let residual = ascent.pyramid.map(|(p, _)| p);
        let (y, _) = self.output.apply(ascent.x, ascent.image, Around { before, residual, ..Around::default() });
        let y = y.linear_map(|t| swapped(t, pixels, channels, 1));
        match self.config.time_embedding_type {
            TimeEmbedding::Positional => y,
            TimeEmbedding::Fourier => y.scale(column(&c.clone().recip())),
        }
    }
}

impl Parameters for UNet {
    fn visit(&self, f: &mut dyn FnMut(&str, &Parameter)) {
        Named::visit(self, "", f);
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, &mut Parameter)) {
        Named::visit_mut(self, "", f);
    }
}
