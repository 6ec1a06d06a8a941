//! A residual block: (shortcut(x) + W₂ ∗ a(norm₂(W₁ ∗ a(norm₁(x)) + e)))/factor, e the noise level's part (Ho et al. 2020).
//!
//! A block may halve or double the image on its way in.

use super::config::{TimeScaleShift, UNetConfig};
use super::parts::{Affine, Around, Before, Conv, GroupNorm, Maker, named};
use crate::jet::{Function, Image, Resampling, Value, resample};
use crate::net::Init;
use crate::tensor::Tensor;

/// What a block is asked to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) channels: usize,
    pub(super) outputs: usize,
    pub(super) groups: usize,
    pub(super) groups_out: usize,
    /// What the sum is divided by.
    pub(super) rescale: f64,
    pub(super) resampling: Option<Resampling>,
    /// A shortcut with weights even where the channels stay the same.
    pub(super) always_shortcut: bool,
}

impl Shape {
    /// A block that keeps the image's size, with `groups` groups in both normalisations.
    pub(super) fn plain(channels: usize, outputs: usize, groups: usize) -> Self {
        Self { channels, outputs, groups, groups_out: groups, rescale: 1.0, resampling: None, always_shortcut: false }
    }
}

/// The block.
#[derive(Clone, Debug)]
pub(super) struct Resnet {
    norm1: GroupNorm,
    conv1: Conv,
    level: Affine,
    norm2: GroupNorm,
    conv2: Conv,
    shortcut: Option<Conv>,
    shift: TimeScaleShift,
    activation: Function,
    rescale: f64,
    resampling: Option<Resampling>,
}

named!(Resnet {
    norm1: "norm1",
    conv1: "conv1",
    level: "time_emb_proj",
    norm2: "norm2",
    conv2: "conv2",
    shortcut: "conv_shortcut",
});

impl Resnet {
    pub(super) fn new(make: &mut Maker<'_>, shape: Shape, config: &UNetConfig) -> Result<Self, String> {
        let Shape { channels, outputs, groups, groups_out, rescale, resampling, always_shortcut } = shape;
        let shift = config.resnet_time_scale_shift;
        let parts = if shift == TimeScaleShift::ScaleShift { 2 } else { 1 };
        let eps = config.norm_eps;
        let scaled = Init::Scaled(1.0);
        Ok(Self {
            norm1: make.norm(channels, groups, eps)?,
            conv1: make.conv(channels, outputs, 3, scaled),
            level: make.affine(config.embedding(), parts * outputs, scaled),
            norm2: make.norm(outputs, groups_out, eps)?,
            conv2: make.conv(outputs, outputs, 3, Init::Zero),
            shortcut: (channels != outputs || always_shortcut).then(|| make.conv(channels, outputs, 1, scaled)),
            shift,
            activation: config.act_fn.function(),
            rescale,
            resampling,
        })
    }

    /// The block of `x`, with `level` `[n, e]` the activated embedding of the noise level.
    pub(super) fn apply<V: Value>(&self, x: V, image: Image, level: &Tensor<2>) -> (V, Image) {
        let level = self.level.apply(level.clone());
        let (shift, modulation) = match self.shift {
            TimeScaleShift::Default => (Some(level), None),
            TimeScaleShift::ScaleShift => {
                let half = self.level.outputs() / 2;
                (None, Some((level.clone().narrow(1, 0, half), level.narrow(1, half, half))))
            }
        };
        let first = Before { norm: &self.norm1, modulation: None, activation: Some(self.activation) };
        let (x, h, image) = match self.resampling {
            None => {
                let (h, _) = self.conv1.apply(x.clone(), image, Around { before: Some(first), shift, ..Around::default() });
                (x, h, image)
            }
            Some(Resampling::Nearest) => {
                let around = Around { before: Some(first), upsample: true, shift, ..Around::default() };
                let (h, _) = self.conv1.apply(x.clone(), image, around);
                (resample(x, image, Resampling::Nearest), h, image.doubled())
            }
            Some(how) => {
                let activated = self.norm1.apply(x.clone(), image, self.activation);
                let (small, shape) = (resample(activated, image, how), how.of(image));
                let (h, _) = self.conv1.apply(small, shape, Around { shift, ..Around::default() });
                (resample(x, image, how), h, shape)
            }
        };
        let residual = match &self.shortcut {
            None => x,
            Some(conv) => conv.apply(x, image, Around::default()).0,
        };
        let hidden = self.norm2.channels();
        let second = Before { norm: &self.norm2, modulation, activation: Some(self.activation) };
        let factor = (1.0 / self.rescale) as f32;
        let around = Around { before: Some(second), residual: Some(residual), factor, ..Around::default() };
        self.conv2.apply(h, image.with_channels(hidden), around)
    }
}
