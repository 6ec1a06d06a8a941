//! From x to what the convolution reads: a(u) of each pixel, doubled in both directions if asked, in a frame of zeros.

use super::affine::{Affine, WIDTH};
use super::ahead;
use super::{Activation, Frame};
use crate::dispatch::{Simd, simd};
use crate::elementary::multiply_add;
use crate::exponentials::Together;
use crate::mlp::smooth;
use crate::pointwise::{FEW, Pointwise, Silu};
use std::mem::MaybeUninit;

/// Where a block of images lies in its frame.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) frame: Frame,
    /// Zeros above and left of an image.
    pub(super) edge: usize,
    /// Pixels of an image.
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Place {
    /// Zeros around image i.
    pub(super) fn surround(&self, i: usize, to: &mut [f32]) {
        let Self { frame, edge, height, width } = *self;
        let start = |y: usize| frame.pixel(i, y, 0).start;
        to[start(0)..start(edge)].fill(0.0);
        for y in edge..edge + height {
            let row = &mut to[start(y)..][..frame.width * frame.channels];
            row[..edge * frame.channels].fill(0.0);
            row[(edge + width) * frame.channels..].fill(0.0);
        }
        to[start(edge + height)..(i + 1) * frame.len() / frame.images].fill(0.0);
    }

    /// The pixels of row y of image i.
    pub(super) fn row<'a>(&self, i: usize, y: usize, to: &'a mut [f32]) -> &'a mut [f32] {
        let first = self.frame.pixel(i, y + self.edge, self.edge).start;
        &mut to[first..][..self.width * self.frame.channels]
    }
}

/// What is done to x before the convolution.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Whether u = x.
    pub(super) plain: bool,
    pub(super) activation: Option<Activation>,
    /// 2 for images doubled in both directions, else 1.
    pub(super) times: usize,
}

impl Entry {
    /// Whether r(a(u)) = x.
    pub(super) fn is_nothing(self) -> bool {
        self.plain && self.activation.is_none() && self.times == 1
    }
}

/// Writes image i of a block, `x` `[h, w, c]`, to its place; `row` has room for a row of x.
#[allow(clippy::too_many_arguments, reason = "one image on its way")]
pub(super) fn enter(
    simd: Simd,
    entry: Entry,
    affine: &Affine,
    x: &[f32],
    channels: usize,
    place: Place,
    i: usize,
    row: &mut [f32],
    to: &mut [f32],
) {
    let width = place.width / entry.times;
    place.surround(i, to);
    for (y, x) in x.chunks_exact(width * channels).enumerate() {
        if entry.times == 1 && place.frame.channels == channels {
            transform(simd, entry, affine, x, &[], as_unwritten(place.row(i, y, to)));
            continue;
        }
        transform(simd, entry, affine, x, &[], as_unwritten(row));
        for y in entry.times * y..entry.times * (y + 1) {
            let to = place.row(i, y, to).chunks_exact_mut(entry.times * place.frame.channels);
            for (from, to) in row.chunks_exact(channels).zip(to) {
                for to in to.chunks_exact_mut(place.frame.channels) {
                    to[..channels].copy_from_slice(from);
                    to[channels..].fill(0.0);
                }
            }
        }
    }
}

/// All of `to` = a((x − μ)γ + β), for pixels one after the other. Meanwhile `next`, as much of it as of x, is fetched, if there is something to compute.
pub(super) fn transform(simd: Simd, entry: Entry, affine: &Affine, x: &[f32], next: &[f32], to: &mut [MaybeUninit<f32>]) {
    let Affine { mean, gain, offset, .. } = affine;
    let a = match entry.activation {
        None if entry.plain => {
            to.write_copy_of_slice(x);
            return;
        }
        None => straight,
        Some(Activation::Silu) => silu,
        Some(Activation::Softplus) => softplus,
        Some(Activation::Tanh) => tanh,
        Some(Activation::Gelu) => gelu,
    };
    a(simd, x, mean, gain, offset, next, to);
}

/// The same numbers, to be written over.
pub(super) fn as_unwritten(numbers: &mut [f32]) -> &mut [MaybeUninit<f32>] {
    // SAFETY: the layouts are the same, and what is done with it, in all of `image`, is to write numbers, and to read those written.
    unsafe { &mut *(std::ptr::from_mut(numbers) as *mut [MaybeUninit<f32>]) }
}

simd! {
    fn straight(x: &[f32], mean: &[f32], gain: &[f32], offset: &[f32], next: &[f32], to: &mut [MaybeUninit<f32>]) = |x, mean, gain, offset, next, to| body::<FUSED>(x, mean, gain, offset, 0, next, to, |u: f32| u);
    fn silu(x: &[f32], mean: &[f32], gain: &[f32], offset: &[f32], next: &[f32], to: &mut [MaybeUninit<f32>]) = |x, mean, gain, offset, next, to| body::<FUSED>(x, mean, gain, offset, 0, next, to, Silu::<FUSED, 0>(GRANTED));
    fn softplus(x: &[f32], mean: &[f32], gain: &[f32], offset: &[f32], next: &[f32], to: &mut [MaybeUninit<f32>]) = |x, mean, gain, offset, next, to| body::<FUSED>(x, mean, gain, offset, 0, next, to, |u: f32| smooth::softplus::<FUSED>(u)[0]);
    fn tanh(x: &[f32], mean: &[f32], gain: &[f32], offset: &[f32], next: &[f32], to: &mut [MaybeUninit<f32>]) = |x, mean, gain, offset, next, to| body::<FUSED>(x, mean, gain, offset, 0, next, to, |u: f32| smooth::tanh::<FUSED>(u)[0]);
    fn gelu(x: &[f32], mean: &[f32], gain: &[f32], offset: &[f32], next: &[f32], to: &mut [MaybeUninit<f32>]) = |x, mean, gain, offset, next, to| body::<FUSED>(x, mean, gain, offset, 0, next, to, |u: f32| smooth::gelu::<FUSED>(u)[0]);
}

/// `to` = a((x − μ)γ + β), where `x` begins with number `first` of a period, a multiple of [`WIDTH`]. Meanwhile `next` is fetched.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "three coefficients")]
pub(super) fn body<const FUSED: bool>(
    x: &[f32],
    mean: &[f32],
    gain: &[f32],
    offset: &[f32],
    first: usize,
    next: &[f32],
    to: &mut [MaybeUninit<f32>],
    a: impl Pointwise<f32>,
) {
    let [mean, gain, offset] = [mean, gain, offset].map(|of| of.as_chunks::<WIDTH>().0);
    debug_assert!(first.is_multiple_of(WIDTH), "number {first} of a period");
    let (period, mut at) = (mean.len(), first / WIDTH);
    let straight = |x, mean, gain, offset| multiply_add::<FUSED>(x - mean, gain, offset);
    let mut u = Together::<WIDTH>::new();
    let mut next = next.chunks(WIDTH);
    let ((xs, x), (tos, to)) = (x.as_chunks::<WIDTH>(), to.as_chunks_mut::<WIDTH>());
    for (x, to) in xs.iter().zip(tos) {
        ahead::fetch(next.next().unwrap_or_default());
        let (mean, gain, offset) = (&mean[at], &gain[at], &offset[at]);
        for i in 0..WIDTH {
            u.0[i] = straight(x[i], mean[i], gain[i], offset[i]);
        }
        a.many(&u.0, |i, y| _ = to[i].write(y));
        at = if at + 1 == period { 0 } else { at + 1 };
    }
    let straight = |i: usize, x| straight(x, mean[at][i], gain[at][i], offset[at][i]);
    let ((few, x), (to_few, to)) = (x.as_chunks::<FEW>(), to.as_chunks_mut::<FEW>());
    for ((x, to), first) in few.iter().zip(to_few).zip((0..).step_by(FEW)) {
        let u = std::array::from_fn::<_, FEW, _>(|i| straight(first + i, x[i]));
        a.many(&u, |i, y| _ = to[i].write(y));
    }
    for ((x, to), i) in x.iter().zip(to).zip(few.len() * FEW..) {
        to.write(a.one(straight(i, *x)));
    }
}
