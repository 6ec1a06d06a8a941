//! The settings of a U-Net, under the names and with the defaults of diffusers' `UNet2DModel` (its `config.json`, version 0.36).

use crate::error::{Error, Result};
use crate::jet::Function;
use crate::net::{Least, NetSettings, Precision};
use serde::{Deserialize, Serialize};

/// Every setting of `UNet2DModel`. Made by [`UNetConfig::parse`], it is known to be one that can be built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UNetConfig {
    /// What convolutions multiply. It is not written: diffusers leaves that to the caller.
    #[serde(skip)]
    pub precision: Precision,
    /// Pixels along a side, or height and width.
    pub sample_size: Option<SampleSize>,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Whether the input is mapped from [0, 1] to [−1, 1] first.
    pub center_input_sample: bool,
    /// How the noise level becomes features.
    pub time_embedding_type: TimeEmbedding,
    /// Features of the embedded noise level; 4·`block_out_channels[0]` if not given.
    pub time_embedding_dim: Option<usize>,
    /// Shift in the exponent of the positional embedding's frequencies.
    pub freq_shift: f64,
    /// Cosines before sines.
    pub flip_sin_to_cos: bool,
    /// Blocks on the way down, finest first.
    pub down_block_types: Vec<DownBlock>,
    /// The block in the middle, if there is one.
    pub mid_block_type: Option<MidBlock>,
    /// Blocks on the way up, coarsest first.
    pub up_block_types: Vec<UpBlock>,
    /// Channels at each size, finest first.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks at each size on the way down; one more on the way up.
    pub layers_per_block: usize,
    /// What the middle's residual and attention blocks are divided by.
    pub mid_block_scale_factor: f64,
    /// Zero pixels around an image before it is halved: 1, or 0 for one below and right of it.
    pub downsample_padding: usize,
    /// How attention blocks halve an image.
    pub downsample_type: Sampling,
    /// How attention blocks double an image.
    pub upsample_type: Sampling,
    /// Probability with which a hidden number is dropped in training, which only 0 is supported for; what is trained drops none.
    pub dropout: f64,
    /// The activation.
    pub act_fn: Activation,
    /// Channels of an attention head; all of them in one if not given.
    pub attention_head_dim: Option<usize>,
    /// Groups of group normalisation. Skip blocks have their own; if not given, the rest has a quarter of its channels, at most 32.
    pub norm_num_groups: Option<usize>,
    /// Groups of the middle's attention, if other ones.
    pub attn_norm_num_groups: Option<usize>,
    /// What group normalisation adds to the variance.
    pub norm_eps: f64,
    /// How the noise level enters a residual block.
    pub resnet_time_scale_shift: TimeScaleShift,
    /// Whether the middle has attention.
    pub add_attention: bool,
    /// How class labels become features; with `num_class_embeds` and no type, by a table.
    pub class_embed_type: Option<ClassEmbedding>,
    /// Classes in the table.
    pub num_class_embeds: Option<usize>,
    /// Noise levels of a learnt embedding.
    pub num_train_timesteps: Option<usize>,
}

/// `sample_size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SampleSize {
    /// A square.
    Square(usize),
    /// Height and width.
    Sides([usize; 2]),
}

macro_rules! words {
    ($(#[$attr:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal $(| $alias:literal)*,)+ }) => {
        $(#[$attr])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word $(, alias = $alias)*)] $variant,)+
        }
    };
}

words! {
    /// `time_embedding_type`.
    TimeEmbedding {
        /// Sines and cosines of the level at geometric frequencies (Vaswani et al. 2017).
        Positional = "positional",
        /// Sines and cosines of its logarithm at random frequencies (Tancik et al. 2020).
        Fourier = "fourier",
    }
}
words! {
    /// A block on the way down.
    DownBlock {
        /// Residual blocks.
        Plain = "DownBlock2D",
        /// Residual blocks, each with attention after it.
        Attention = "AttnDownBlock2D",
        /// Residual blocks, beside a pyramid of the input (Song et al. 2021, NCSN++).
        Skip = "SkipDownBlock2D",
        /// Both.
        AttentionSkip = "AttnSkipDownBlock2D",
    }
}
words! {
    /// The block in the middle.
    MidBlock {
        /// Residual, attention, residual.
        Plain = "UNetMidBlock2D",
    }
}
words! {
    /// A block on the way up.
    UpBlock {
        /// Residual blocks.
        Plain = "UpBlock2D",
        /// Residual blocks, each with attention after it.
        Attention = "AttnUpBlock2D",
        /// Residual blocks, beside a pyramid of the output.
        Skip = "SkipUpBlock2D",
        /// The same with attention after the last.
        AttentionSkip = "AttnSkipUpBlock2D",
    }
}
words! {
    /// How images are halved and doubled.
    Sampling {
        /// By a convolution.
        Convolution = "conv",
        /// In a residual block.
        Residual = "resnet",
    }
}
words! {
    /// `act_fn`.
    Activation {
        /// u·σ(u).
        Silu = "silu" | "swish",
        /// u·Φ(u).
        Gelu = "gelu",
    }
}
words! {
    /// `resnet_time_scale_shift`.
    TimeScaleShift {
        /// Added between the convolutions.
        Default = "default",
        /// As scale and shift of the second normalisation (Dhariwal & Nichol 2021).
        ScaleShift = "scale_shift",
    }
}
words! {
    /// `class_embed_type`.
    ClassEmbedding {
        /// The label embedded as noise levels are.
        Timestep = "timestep",
    }
}

impl Default for UNetConfig {
    fn default() -> Self {
        Self {
            precision: Precision::F32,
            sample_size: None,
            in_channels: 3,
            out_channels: 3,
            center_input_sample: false,
            time_embedding_type: TimeEmbedding::Positional,
            time_embedding_dim: None,
            freq_shift: 0.0,
            flip_sin_to_cos: true,
            down_block_types: vec![DownBlock::Plain, DownBlock::Attention, DownBlock::Attention, DownBlock::Attention],
            mid_block_type: Some(MidBlock::Plain),
            up_block_types: vec![UpBlock::Attention, UpBlock::Attention, UpBlock::Attention, UpBlock::Plain],
            block_out_channels: vec![224, 448, 672, 896],
            layers_per_block: 2,
            mid_block_scale_factor: 1.0,
            downsample_padding: 1,
            downsample_type: Sampling::Convolution,
            upsample_type: Sampling::Convolution,
            dropout: 0.0,
            act_fn: Activation::Silu,
            attention_head_dim: Some(8),
            norm_num_groups: Some(32),
            attn_norm_num_groups: None,
            norm_eps: 1e-5,
            resnet_time_scale_shift: TimeScaleShift::Default,
            add_attention: true,
            class_embed_type: None,
            num_class_embeds: None,
            num_train_timesteps: None,
        }
    }
}

/// Keys that say where a configuration comes from, not what it is.
const IGNORED: [&str; 2] = ["_class_name", "_diffusers_version"];

/// Channels, blocks and groups beyond which a file is not a network that anyone trained.
const MOST: usize = 1 << 14;

/// Classes beyond which it is none.
const MOST_CLASSES: usize = 1 << 20;

impl UNetConfig {
    /// What it takes at least for images of `height` × `width`: the second 3 × 3 convolution of each residual block and what it makes of
    /// the level, way down and way up, the embeddings of level and class; two images of the first blocks.
    pub fn least(&self, height: usize, width: usize) -> Least {
        let (layers, pixels) = (self.layers_per_block as u64, (height as u64).saturating_mul(width as u64));
        let embedding = self.embedding() as u64;
        let blocks: u64 = self.block_out_channels.iter().map(|c| *c as u64).map(|c| 9 * c * c + embedding * c).sum();
        let classes = self.num_class_embeds.unwrap_or(0) as u64;
        let first = self.block_out_channels.first().map_or(0, |c| *c as u64);
        let parameters = 2 * layers * blocks + embedding * (embedding + classes);
        Least { parameters, row: (4 * layers * first).saturating_mul(pixels) }
    }

    /// Groups of the normalisations over `channels` outside of Skip blocks.
    pub(super) fn groups(&self, channels: usize) -> usize {
        self.norm_num_groups.unwrap_or_else(|| skip_groups(channels))
    }

    /// What `width`, `depth` and `embedding` of a recipe stand for: `width` channels at full size and twice as many at half and quarter
    /// size, as far as the sides can be halved; `depth` residual blocks each; attention in the middle.
    pub fn of(settings: &NetSettings, channels: usize, height: usize, width: usize) -> Self {
        let halvings = (0..2).take_while(|i| height.is_multiple_of(2 << i) && width.is_multiple_of(2 << i)).count();
        let mut block_out_channels = vec![2 * settings.width; halvings + 1];
        block_out_channels[0] = settings.width;
        let groups = (1..=8).rev().find(|groups| settings.width.is_multiple_of(*groups)).unwrap_or(1);
        Self {
            precision: settings.precision,
            sample_size: Some(if height == width { SampleSize::Square(height) } else { SampleSize::Sides([height, width]) }),
            in_channels: channels,
            out_channels: channels,
            down_block_types: vec![DownBlock::Plain; halvings + 1],
            up_block_types: vec![UpBlock::Plain; halvings + 1],
            block_out_channels,
            layers_per_block: settings.depth,
            attention_head_dim: None,
            norm_num_groups: Some(groups),
            ..Self::default()
        }
    }

    /// Reads a `config.json`; `place` is named in errors.
    ///
    /// # Errors
    /// Text that is not JSON, an unknown key, a setting that is not supported or that does not fit the others: each named.
    pub fn parse(json: &str, place: &str) -> Result<Self> {
        let bad = |problem: String| Error::recipe(problem, place.to_owned());
        let value: serde_json::Value = serde_json::from_str(json).map_err(|e| bad(format!("not JSON: {e}")))?;
        let serde_json::Value::Object(mut fields) = value else {
            return Err(bad("a U-Net's configuration is a JSON object".to_owned()));
        };
        if let Some(class) = fields.get("_class_name").and_then(|c| c.as_str())
            && class != "UNet2DModel"
        {
            return Err(bad(format!("_class_name = {class} is not supported; UNet2DModel is")));
        }
        fields.retain(|key, _| !IGNORED.contains(&key.as_str()) && !key.starts_with('_'));
        let known = serde_json::to_value(Self::default()).expect("settings are plain data");
        for (key, value) in &fields {
            if known.get(key).is_none() {
                return Err(bad(format!("{key} is not a setting of UNet2DModel that is supported")));
            }
            // One setting at a time, so that the error names it.
            let alone = serde_json::json!({ key.as_str(): value });
            if let Err(e) = serde_json::from_value::<Self>(alone) {
                return Err(bad(format!("{key} = {value} is not supported: {e}")));
            }
        }
        let config: Self = serde_json::from_value(serde_json::Value::Object(fields)).map_err(|e| bad(e.to_string()))?;
        config.check().map_err(bad)?;
        Ok(config)
    }

    /// The settings as `config.json` has them.
    pub fn to_json(&self) -> String {
        let mut value = serde_json::to_value(self).expect("settings are plain data");
        value["_class_name"] = "UNet2DModel".into();
        value["_diffusers_version"] = "0.36.0".into();
        serde_json::to_string_pretty(&value).expect("settings are plain data")
    }

    /// The frequencies of a positional embedding, in radians per unit of c.
    pub fn frequencies(&self) -> Vec<f64> {
        let half = self.block_out_channels[0] / 2;
        let step = 10_000f64.ln() / (half as f64 - self.freq_shift);
        (0..half).map(|i| (-(i as f64) * step).exp()).collect()
    }

    /// Features of the embedded noise level.
    pub fn embedding(&self) -> usize {
        self.time_embedding_dim.unwrap_or(4 * self.block_out_channels[0])
    }

    /// By what an image's sides must be divisible.
    pub fn divisor(&self) -> usize {
        1 << (self.block_out_channels.len() - 1)
    }

    fn check(&self) -> Result<(), String> {
        let blocks = self.block_out_channels.len();
        if blocks == 0 || blocks > 16 || self.down_block_types.len() != blocks || self.up_block_types.len() != blocks {
            return Err(format!(
                "block_out_channels has {blocks} entries, down_block_types {} and up_block_types {}: as many of each, 1 to 16",
                self.down_block_types.len(),
                self.up_block_types.len()
            ));
        }
        let sizes =
            [("in_channels", self.in_channels), ("out_channels", self.out_channels), ("layers_per_block", self.layers_per_block)];
        let all = sizes.into_iter().chain(self.block_out_channels.iter().map(|&c| ("block_out_channels", c)));
        let groups = self.norm_num_groups.map(|groups| ("norm_num_groups", groups));
        for (name, size) in all.chain(groups).chain([("time_embedding_dim", self.embedding())]) {
            if !(1..=MOST).contains(&size) {
                return Err(format!("{name} = {size} is not between 1 and {MOST}"));
            }
        }
        if let Some(classes) = self.num_class_embeds.filter(|classes| !(1..=MOST_CLASSES).contains(classes)) {
            return Err(format!("num_class_embeds = {classes} is not between 1 and {MOST_CLASSES}"));
        }
        if self.class_embed_type == Some(ClassEmbedding::Timestep) && self.time_embedding_type == TimeEmbedding::Fourier {
            return Err("class_embed_type = timestep with fourier: class 0 has no logarithm".to_owned());
        }
        if self.in_channels != self.out_channels {
            return Err(format!(
                "out_channels = {} differs from in_channels = {}: a score has its data's shape",
                self.out_channels, self.in_channels
            ));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(format!("dropout = {} is not a probability below 1", self.dropout));
        }
        if self.downsample_padding > 1 {
            return Err(format!("downsample_padding = {} is not supported; 0 and 1 are", self.downsample_padding));
        }
        if !(self.norm_eps > 0.0 && self.norm_eps < 1.0) {
            return Err(format!("norm_eps = {} is not between 0 and 1", self.norm_eps));
        }
        if !(self.mid_block_scale_factor.is_finite() && self.mid_block_scale_factor != 0.0) {
            return Err(format!("mid_block_scale_factor = {} is not a finite number other than 0", self.mid_block_scale_factor));
        }
        self.check_pyramids()
    }

    /// The pyramids of input and output must have the sizes of the images that they are added to.
    fn check_pyramids(&self) -> Result<(), String> {
        let down: Vec<bool> = self.down_block_types.iter().map(|b| b.has_pyramid()).collect();
        let up: Vec<bool> = self.up_block_types.iter().map(|b| b.has_pyramid()).collect();
        let skips = || down.iter().chain(&up);
        if skips().any(|skip| *skip) && self.in_channels != 3 {
            return Err(format!("in_channels = {} with Skip blocks: diffusers builds those for 3 channels", self.in_channels));
        }
        if self.norm_num_groups.is_none() && !skips().all(|skip| *skip) {
            return Err(
                "norm_num_groups = null with blocks that are no Skip blocks, which have no groups of their own".to_owned()
            );
        }
        // The last block of either way leaves the size as it is.
        let halving = &down[..down.len() - 1];
        let first_plain = halving.iter().position(|skip| !skip).unwrap_or(halving.len());
        if halving[first_plain..].contains(&true) {
            return Err("down_block_types: a Skip block after one that halves the image without the pyramid beside it".to_owned());
        }
        let first_skip = up[..up.len() - 1].iter().position(|skip| *skip).unwrap_or(up.len());
        if up[first_skip..].contains(&false) {
            return Err(
                "up_block_types: a block without a pyramid after a Skip block, whose pyramid would keep its size".to_owned()
            );
        }
        Ok(())
    }
}

impl Activation {
    /// The function.
    pub fn function(self) -> Function {
        match self {
            Self::Silu => Function::Silu,
            Self::Gelu => Function::Gelu,
        }
    }
}

impl DownBlock {
    /// Whether it carries a pyramid of the input along.
    pub fn has_pyramid(self) -> bool {
        matches!(self, Self::Skip | Self::AttentionSkip)
    }

    /// Whether attention follows its residual blocks.
    pub fn has_attention(self) -> bool {
        matches!(self, Self::Attention | Self::AttentionSkip)
    }
}

impl UpBlock {
    /// Whether it adds to a pyramid of the output.
    pub fn has_pyramid(self) -> bool {
        matches!(self, Self::Skip | Self::AttentionSkip)
    }
}

/// The groups of a Skip block's normalisations over `channels`.
pub(super) fn skip_groups(channels: usize) -> usize {
    (channels / 4).clamp(1, 32)
}
