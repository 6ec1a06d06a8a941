//! The shape of a layer and what it reads.

use super::Activation;
use super::enter::Entry;
use crate::share::attend;

/// Group norm over (h, w, c/groups) of each image, without parameters of its own (Wu & He 2018).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Groups G of neighbouring channels; divides c.
    pub groups: usize,
    /// ε, added to the variance.
    pub eps: f32,
}

/// What r does to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Nothing.
    Same,
    /// Each pixel becomes 2×2 pixels.
    Double,
}

/// What the factors of a convolution's products are rounded to; sums are f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// They are f32.
    #[default]
    F32,
    /// bfloat16, for processors with dot products of it, which take two of its numbers in the place of one f32. Others round as well, and gain nothing.
    Bf16,
}

impl Precision {
    /// As it is typed.
    pub const fn word(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

impl Size {
    pub(super) fn times(self) -> usize {
        match self {
            Self::Same => 1,
            Self::Double => 2,
        }
    }
}

/// A layer y = (W ∗ r(a(norm(x)·scale + offset)) + bias + residual)·factor from `[n, h, w, c]` to `[n, h', w', c_out]`, where ∗ is the
/// cross-correlation with k × k filters in images that zeros surround.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layer {
    /// h.
    pub height: usize,
    /// w.
    pub width: usize,
    /// c.
    pub channels: usize,
    /// c_out.
    pub outputs: usize,
    /// k.
    pub kernel: usize,
    /// Pixels from one output to the next.
    pub stride: usize,
    /// Rows and columns of zeros above and to the left, less than k.
    pub before: usize,
    /// Rows and columns of zeros below and to the right, less than k.
    pub after: usize,
    /// What is done to x first.
    pub norm: Option<Norm>,
    /// a.
    pub activation: Option<Activation>,
    /// r.
    pub size: Size,
    /// What everything is multiplied by.
    pub factor: f32,
    /// Of the convolution, forward and backward.
    pub precision: Precision,
}

impl Layer {
    /// h' and w'.
    ///
    /// # Panics
    /// If the filters are larger than the image and its zeros, or the shape is none.
    pub fn output(&self) -> (usize, usize) {
        let Self { kernel, stride, before, after, .. } = *self;
        assert!(kernel > 0 && stride > 0 && before < kernel && after < kernel, "image: {self:?}");
        let (height, width) = self.middle();
        let side = |n: usize| {
            assert!(n > 0 && n + before + after >= kernel, "image: filters larger than the image: {self:?}");
            (n + before + after - kernel) / stride + 1
        };
        (side(height), side(width))
    }

    /// Rows and columns of what the filters see, without the zeros.
    pub(super) fn middle(&self) -> (usize, usize) {
        (self.size.times() * self.height, self.size.times() * self.width)
    }

    /// Numbers of one image.
    pub(super) fn image(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Numbers of one output.
    pub(super) fn result(&self) -> usize {
        let (height, width) = self.output();
        height * width * self.outputs
    }

    pub(super) fn entry(&self, inputs: &Inputs<'_>) -> Entry {
        Entry {
            plain: self.norm.is_none() && inputs.scale.is_empty() && inputs.offset.is_empty(),
            activation: self.activation,
            times: self.size.times(),
        }
    }

    /// Whether n images are enough work for several threads; if so, those of the pool attend.
    pub(super) fn is_shared(&self, n: usize) -> bool {
        let shared = n * self.result() * self.kernel * self.kernel * self.channels > super::SHARED;
        if shared {
            attend();
        }
        shared
    }

    /// # Panics
    /// If the inputs do not have this layer's shape, for `n` images.
    pub(super) fn check(&self, n: usize, inputs: &Inputs<'_>) {
        let Self { channels, outputs, kernel, norm, .. } = *self;
        let Inputs { x, scale, offset, weight, bias, residual } = *inputs;
        let each = |given: &[f32], c: usize| given.is_empty() || given.len() == c || given.len() == n * c;
        assert!(channels > 0 && outputs > 0, "image: no channels: {self:?}");
        assert!(norm.is_none_or(|norm| norm.groups > 0 && channels.is_multiple_of(norm.groups)), "image: groups: {self:?}");
        assert!(x.len() == n * self.image(), "image: x has {} numbers, for {n} of {self:?}", x.len());
        assert!(weight.len() == outputs * channels * kernel * kernel, "image: {} weights for {self:?}", weight.len());
        assert!(
            each(scale, channels) && each(offset, channels) && each(bias, outputs),
            "image: {} scales, {} offsets, {} biases, for {n} of {self:?}",
            scale.len(),
            offset.len(),
            bias.len()
        );
        let fits = residual.is_empty() || residual.len() == n * self.result();
        assert!(fits, "image: a residual of {} numbers, for {n} of {self:?}", residual.len());
    }
}

/// What a layer reads. What is empty is absent.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// x `[n, h, w, c]`.
    pub x: &'a [f32],
    /// `[c]`, `[n, c]` or empty.
    pub scale: &'a [f32],
    /// `[c]`, `[n, c]` or empty.
    pub offset: &'a [f32],
    /// W `[c_out, c, k, k]`.
    pub weight: &'a [f32],
    /// `[c_out]`, `[n, c_out]` or empty.
    pub bias: &'a [f32],
    /// `[n, h', w', c_out]` or empty.
    pub residual: &'a [f32],
}

/// The numbers for image i, of `given` for all images, for each or absent.
pub(super) fn of_image(given: &[f32], i: usize, c: usize) -> &[f32] {
    if given.len() <= c { given } else { &given[i * c..][..c] }
}
