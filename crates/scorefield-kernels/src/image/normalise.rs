//! y = a(norm(x)·scale + offset) as a pass of its own, where no convolution follows that it could be part of.

use super::affine::Affine;
use super::backward::over_images;
use super::chain::{Gradient, Onto, chain};
use super::enter::{Entry, as_unwritten, transform};
use super::layer::of_image;
use super::{Activation, Norm, Wanted, uninit};
use crate::dispatch::{Simd, active};
use crate::matrix::scratch;
use crate::share::{SPAN, shares};
use rayon::prelude::*;
use std::mem::MaybeUninit;

/// The shape of such a pass, over x `[n, pixels, channels]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// h·w.
    pub pixels: usize,
    /// c.
    pub channels: usize,
    /// The norm, if any.
    pub norm: Option<Norm>,
    /// a, if any.
    pub activation: Option<Activation>,
}

impl Plan {
    fn entry(&self, scale: &[f32], offset: &[f32]) -> Entry {
        Entry { plain: self.norm.is_none() && scale.is_empty() && offset.is_empty(), activation: self.activation, times: 1 }
    }

    fn groups(&self) -> usize {
        self.norm.map_or(0, |norm| norm.groups)
    }

    fn check(&self, x: &[f32], scale: &[f32], offset: &[f32]) -> usize {
        let Self { pixels, channels, norm, .. } = *self;
        assert!(
            pixels * channels > 0 && norm.is_none_or(|n| n.groups > 0 && channels.is_multiple_of(n.groups)),
            "normalise: {self:?}"
        );
        let n = x.len() / (pixels * channels);
        let each = |given: &[f32]| given.is_empty() || given.len() == channels || given.len() == n * channels;
        assert!(
            x.len() == n * pixels * channels && each(scale) && each(offset),
            "normalise: x {}, scale {}, offset {}, for {self:?}",
            x.len(),
            scale.len(),
            offset.len()
        );
        n
    }
}

/// How many images of `size` numbers a thread takes at most before it looks whether another has run out of them.
fn images_at_once(size: usize) -> usize {
    (4 * SPAN / size).max(1)
}

/// μ and r = 1/√(v + ε) of each group of each image, `[n, groups]`, which the way back needs again; none without a norm.
pub type Moments = Vec<[f32; 2]>;

/// y as x `[n, pixels, channels]`; `scale` and `offset` are `[c]`, `[n, c]` or empty.
///
/// # Panics
/// If the lengths do not fit.
pub fn normalise(plan: &Plan, x: &[f32], scale: &[f32], offset: &[f32]) -> (Vec<f32>, Moments) {
    normalise_by(active(), plan, x, scale, offset)
}

pub(super) fn normalise_by(simd: Simd, plan: &Plan, x: &[f32], scale: &[f32], offset: &[f32]) -> (Vec<f32>, Moments) {
    let n = plan.check(x, scale, offset);
    let (size, channels, entry) = (plan.pixels * plan.channels, plan.channels, plan.entry(scale, offset));
    let mut moments = vec![[0.0; 2]; n * plan.groups()];
    let image = |affine: &mut Affine, (i, y, moments): (usize, &mut [MaybeUninit<f32>], &mut [[f32; 2]])| {
        let (x, next) = x[i * size..].split_at(size);
        affine.set(simd, x, plan.norm, of_image(scale, i, channels), of_image(offset, i, channels));
        affine.keep(moments);
        // The next image's mean is bound by memory, this one's activation is not.
        transform(simd, entry, affine, x, next, y);
    };
    // SAFETY: the images make up all of y, and each is written.
    let y = unsafe {
        uninit::vector(x.len(), |y| {
            let mut moments = moments.chunks_mut(plan.groups().max(1));
            let images = y.chunks_mut(size).enumerate().map(|(i, y)| (i, y, moments.next().unwrap_or_default()));
            over_threads(shares(x.len(), 500), size, images.collect(), || Affine::new(channels), image);
        })
    };
    (y, moments)
}

/// `run` over `images` of `size` numbers, each thread with work space of its own; in their order on this thread where they are not `shared`.
fn over_threads<T: Send, W>(
    shared: bool,
    size: usize,
    images: Vec<T>,
    work: impl Fn() -> W + Sync + Send,
    run: impl Fn(&mut W, T) + Sync + Send,
) {
    if shared {
        images.into_par_iter().with_max_len(images_at_once(size)).for_each_init(work, run);
    } else {
        let mut work = work();
        images.into_iter().for_each(|image| run(&mut work, image));
    }
}

/// The gradients by x (empty if not wanted), scale and offset, from `g` by y and what [`normalise`] measured.
///
/// # Panics
/// If the lengths do not fit.
#[allow(clippy::too_many_arguments, reason = "those of the way there, and two more")]
pub fn normalise_backward(
    plan: &Plan,
    x: &[f32],
    scale: &[f32],
    offset: &[f32],
    moments: &[[f32; 2]],
    g: &[f32],
    wanted: Wanted,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    backward_by(active(), plan, x, scale, offset, moments, g, wanted)
}

#[allow(clippy::too_many_arguments, reason = "as above")]
pub(super) fn backward_by(
    simd: Simd,
    plan: &Plan,
    x: &[f32],
    scale: &[f32],
    offset: &[f32],
    moments: &[[f32; 2]],
    g: &[f32],
    wanted: Wanted,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let n = plan.check(x, scale, offset);
    assert!(g.len() == x.len(), "normalise: a gradient of {} numbers, not {}", g.len(), x.len());
    let groups = plan.groups();
    assert!(moments.len() == n * groups, "normalise: moments of {} groups, not {}", moments.len(), n * groups);
    let (size, channels, entry) = (plan.pixels * plan.channels, plan.channels, plan.entry(scale, offset));
    let by_image = |given: &[f32]| vec![0.0; if given.is_empty() { 0 } else { n * channels }];
    let (mut by_scale, mut by_offset) = (by_image(scale), by_image(offset));
    type Parts<'a> = (usize, Option<&'a mut [MaybeUninit<f32>]>, [&'a mut [f32]; 2]);
    let image = |affine: &mut Affine, (i, gx, [by_scale, by_offset]): Parts<'_>| {
        let (x, next) = x[i * size..].split_at(size);
        let next = next.get(..size).unwrap_or_default();
        let g = &g[i * size..][..size];
        affine.recall(&moments[i * groups..][..groups], of_image(scale, i, channels), of_image(offset, i, channels));
        // δ stays in a core's own cache, if an image fits there. Without an activation it is g.
        scratch::with([if plan.activation.is_some() { size } else { 0 }], |[d]| {
            let gradient = Gradient { x: gx, scale: by_scale, offset: by_offset };
            chain(simd, entry, plan.norm, affine, x, next, Onto::Other { from: g, to: as_unwritten(d) }, gradient);
        });
    };
    let mut all = |gx: &mut [MaybeUninit<f32>]| {
        let (mut gx, mut by_scale, mut by_offset) =
            (gx.chunks_mut(size), by_scale.chunks_mut(channels), by_offset.chunks_mut(channels));
        let parts = (0..n).map(|i| (i, gx.next(), [by_scale.next().unwrap_or_default(), by_offset.next().unwrap_or_default()]));
        over_threads(shares(x.len(), 700), size, parts.collect(), || Affine::new(channels), image);
    };
    let gx = match wanted {
        // SAFETY: the images make up all of x, and the gradient by each is written.
        Wanted::All => unsafe { uninit::vector(x.len(), all) },
        Wanted::Parameters => {
            all(&mut []);
            Vec::new()
        }
    };
    let shared = |by_image: Vec<f32>, given: &[f32]| {
        if given.len() == channels && n != 1 { over_images(&by_image, channels) } else { by_image }
    };
    (gx, shared(by_scale, scale), shared(by_offset, offset))
}
