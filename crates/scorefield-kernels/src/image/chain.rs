//! Back from the gradient d by a(u) to those by x, scale and offset, one image at a time.
//!
//! δ = d·a′(u). By the offset it is S₁ = Σ δ over the pixels, by the scale r·S₂ with S₂ = Σ δ·(x − μ). Group norm over N numbers:
//!
//! ∂L/∂x = r·(ĝ − mean(ĝ) − x̂·mean(ĝ·x̂)) with ĝ = δ·scale and x̂ = (x − μ)·r, which is δ·γ − k₁ − (x − μ)·k₂,
//! k₁ = Σ γS₁/N and k₂ = r²·Σ γS₂/N, sums over the channels of the group.

use super::affine::{Affine, WIDTH, settle, slab};
use super::ahead;
use super::enter::{Entry, Place, as_unwritten, body};
use super::{Activation, Norm};
use crate::dispatch::{Simd, simd};
use crate::elementary::multiply_add;
use crate::exponentials::Together;
use crate::mlp::smooth;
use crate::pointwise::Silu;
use std::mem::MaybeUninit;
use std::ops::Range;

/// `to` `[h, w, c]` = what image i of `from` holds, the sum of the four where images were doubled.
pub(super) fn gather(simd: Simd, from: &[f32], place: Place, i: usize, times: usize, channels: usize, to: &mut [f32]) {
    let step = times * place.frame.channels;
    for (y, to) in to.chunks_exact_mut(place.width / times * channels).enumerate() {
        let row = |dy: usize| &from[place.frame.pixel(i, times * y + dy + place.edge, place.edge).start..];
        let (above, below) = (row(0), row(times - 1));
        for (x, to) in to.chunks_exact_mut(channels).enumerate() {
            let at = x * step;
            if times == 1 {
                to.copy_from_slice(&above[at..at + channels]);
            } else {
                let right = at + place.frame.channels;
                four(simd, [&above[at..], &above[right..], &below[at..], &below[right..]], to);
            }
        }
    }
}

/// The gradient by a(u), and where δ goes.
pub(super) enum Onto<'a> {
    /// In its place.
    Itself(&'a mut [f32]),
    /// Elsewhere, if there is a slope to multiply with; then `to` is as long as `from`.
    Other { from: &'a [f32], to: &'a mut [MaybeUninit<f32>] },
}

impl<'a> Onto<'a> {
    fn part(&mut self, at: Range<usize>) -> Onto<'_> {
        match self {
            Self::Itself(numbers) => Onto::Itself(&mut numbers[at]),
            Self::Other { from, to } => Onto::Other { from: &from[at.clone()], to: &mut to[at] },
        }
    }

    /// The gradient, as long as it stands.
    fn from(&self) -> &[f32] {
        match self {
            Self::Itself(numbers) => numbers,
            Self::Other { from, .. } => from,
        }
    }

    /// The gradient, or what stands in its place.
    fn into_from(self) -> &'a [f32] {
        match self {
            Self::Itself(numbers) => numbers,
            Self::Other { from, .. } => from,
        }
    }

    /// Puts down numbers from `at` on.
    #[inline(always)]
    fn put<const N: usize>(&mut self, at: usize, made: [f32; N]) {
        match self {
            Self::Itself(numbers) => *numbers[at..].first_chunk_mut().expect("as many") = made,
            Self::Other { to, .. } => _ = to[at..at + N].write_copy_of_slice(&made),
        }
    }

    /// What was put down.
    ///
    /// # Safety
    /// All numbers were.
    unsafe fn made(self) -> &'a [f32] {
        match self {
            Self::Itself(numbers) => numbers,
            // SAFETY: the caller promises that every one of them was written.
            Self::Other { to, .. } => unsafe { to.assume_init_ref() },
        }
    }
}

/// Where the gradients of one image go; `scale` and `offset` may be empty.
pub(super) struct Gradient<'a> {
    /// Nothing if it is not wanted.
    pub(super) x: Option<&'a mut [MaybeUninit<f32>]>,
    pub(super) scale: &'a mut [f32],
    pub(super) offset: &'a mut [f32],
}

/// From the gradient by a(u), `[h, w, c]`, in `d`, of which δ is made if there is an activation; `affine` has the coefficients of this image `x`, and `next` is what is wanted
/// after it.
#[allow(clippy::too_many_arguments, reason = "one image on its way back")]
pub(super) fn chain(
    simd: Simd,
    entry: Entry,
    norm: Option<Norm>,
    affine: &mut Affine,
    x: &[f32],
    next: &[f32],
    d: Onto<'_>,
    to: Gradient<'_>,
) {
    let channels = affine.r.len();
    if entry.plain && entry.activation.is_none() {
        if let Some(x) = to.x {
            x.write_copy_of_slice(d.into_from());
        }
        return;
    }
    let slope = match entry.activation {
        None => None,
        Some(Activation::Silu) => Some(silu as Slope),
        Some(Activation::Softplus) => Some(softplus as Slope),
        Some(Activation::Tanh) => Some(tanh as Slope),
        Some(Activation::Gelu) => Some(gelu as Slope),
    };
    let d = delta(simd, slope, x, d, affine);
    let [by_offset, by_scale] = &affine.sums;
    for ((to, sum), r) in to.scale.iter_mut().zip(by_scale).zip(&affine.r) {
        *to = (sum * f64::from(*r)) as f32;
    }
    for (to, sum) in to.offset.iter_mut().zip(by_offset) {
        *to = *sum as f32;
    }
    let Some(to) = to.x else { return };
    let Affine { mean, gain, lanes: [k1, k2], .. } = affine;
    k1.fill(0.0);
    k2.fill(0.0);
    if let Some(Norm { groups, .. }) = norm {
        let (size, numbers) = (channels / groups, (x.len() / groups) as f64);
        for first in (0..channels).step_by(size) {
            let group = first..first + size;
            let weighted = |sums: &[f64]| group.clone().map(|c| f64::from(gain[c]) * sums[c]).sum::<f64>() / numbers;
            k1[group.clone()].fill(weighted(by_offset) as f32);
            k2[group.clone()].fill((weighted(by_scale) * f64::from(affine.r[first]).powi(2)) as f32);
        }
        for lanes in [&mut *k1, k2] {
            for first in (channels..lanes.len()).step_by(channels) {
                lanes.copy_within(..channels, first);
            }
        }
    }
    // What was not written is not to be taken for a gradient.
    assert!(x.len() == d.len() && x.len() == to.len(), "an image and the gradient by it");
    by_x(simd, x, d, mean, gain, k1, k2, next, to);
    k1.fill(0.0);
    k2.fill(0.0);
}

simd! {
    fn four(from: [&[f32]; 4], to: &mut [f32]) = |[a, b, c, d]: [&[f32]; 4], to: &mut [f32]| {
        for ((((to, a), b), c), d) in to.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *to = (a + b) + (c + d);
        }
    };
    fn silu(x: &[f32], mean: &[f32], gain: &[f32], offset: &[f32], first: usize, next: &[f32], to: &mut [MaybeUninit<f32>]) = |x, mean, gain, offset, first, next, to| body::<FUSED>(x, mean, gain, offset, first, next, to, Silu::<FUSED, 1>(GRANTED));
    fn softplus(x: &[f32], mean: &[f32], gain: &[f32], offset: &[f32], first: usize, next: &[f32], to: &mut [MaybeUninit<f32>]) = |x, mean, gain, offset, first, next, to| body::<FUSED>(x, mean, gain, offset, first, next, to, |u: f32| smooth::softplus::<FUSED>(u)[1]);
    fn tanh(x: &[f32], mean: &[f32], gain: &[f32], offset: &[f32], first: usize, next: &[f32], to: &mut [MaybeUninit<f32>]) = |x, mean, gain, offset, first, next, to| body::<FUSED>(x, mean, gain, offset, first, next, to, |u: f32| smooth::tanh::<FUSED>(u)[1]);
    fn gelu(x: &[f32], mean: &[f32], gain: &[f32], offset: &[f32], first: usize, next: &[f32], to: &mut [MaybeUninit<f32>]) = |x, mean, gain, offset, first, next, to| body::<FUSED>(x, mean, gain, offset, first, next, to, |u: f32| smooth::gelu::<FUSED>(u)[1]);
    fn add(x: &[f32], d: &[f32], mean: &[f32], s1: &mut [f32], s2: &mut [f32]) = add_body::<FUSED, &[f32]>;
    fn multiply_and_add(x: &[f32], d: Sloped<'_>, mean: &[f32], s1: &mut [f32], s2: &mut [f32]) = add_body::<FUSED, Sloped>;
    fn by_x(x: &[f32], d: &[f32], mean: &[f32], gain: &[f32], k1: &[f32], k2: &[f32], next: &[f32], to: &mut [MaybeUninit<f32>]) = by_x_body::<FUSED>;
}

/// Slopes that wait in the first-level cache for what they are multiplied with.
const STRIP: usize = 1024;

/// a′ of each number.
type Slope = fn(Simd, &[f32], &[f32], &[f32], &[f32], usize, &[f32], &mut [MaybeUninit<f32>]);

/// δ, and the sums of `affine` become S₁ and S₂. Where there is no `slope`, a′ = 1.
fn delta<'a>(simd: Simd, slope: Option<Slope>, x: &[f32], mut d: Onto<'a>, affine: &mut Affine) -> &'a [f32] {
    if let (Some(_), Onto::Other { from, to }) = (slope, &d) {
        assert_eq!(from.len(), to.len(), "room for what is made of a gradient");
    }
    let Affine { mean, gain, offset, sums: [s1, s2], lanes: [l1, l2], .. } = affine;
    let period = mean.len();
    s1.fill(0.0);
    s2.fill(0.0);
    l1.fill(0.0);
    l2.fill(0.0);
    let mut slopes = Together([0.0; STRIP]);
    // Whole periods, or parts of one.
    let together = if period < STRIP { STRIP / period * period } else { period };
    let mut done = 0;
    for x in x.chunks(slab(period)) {
        for (x, first) in x.chunks(together).flat_map(|x| x.chunks(STRIP).zip((0..).step_by(STRIP))) {
            let part = first..period.min(first + STRIP);
            let (mean_of, l1, l2) = (&mean[part.clone()], &mut l1[part.clone()], &mut l2[part]);
            if let Some(slope) = slope {
                let slopes = &mut slopes.0[..x.len()];
                let d = d.part(done..done + x.len());
                slope(simd, x, mean, gain, offset, first, d.from(), as_unwritten(slopes));
                multiply_and_add(simd, x, Sloped { d, slopes }, mean_of, l1, l2);
            } else {
                add(simd, x, &d.from()[done..done + x.len()], mean_of, l1, l2);
            }
            done += x.len();
        }
        settle(l1, s1);
        settle(l2, s2);
    }
    assert_eq!(done, d.from().len(), "an image and its gradient");
    match slope {
        None => d.into_from(),
        // SAFETY: `multiply_and_add` puts down every number of what it is given, and was given all of them: `done` says so, and that there are no
        // more of them elsewhere was asserted above.
        Some(_) => unsafe { d.made() },
    }
}

/// δ of a strip.
trait Deltas {
    fn len(&self) -> usize;

    /// The `N` numbers from `at` on.
    fn take<const N: usize>(&self, at: usize) -> [f32; N];

    /// Puts them down, if they are not there already.
    fn put<const N: usize>(&mut self, at: usize, delta: [f32; N]);
}

impl Deltas for &[f32] {
    #[inline(always)]
    fn len(&self) -> usize {
        (**self).len()
    }

    #[inline(always)]
    fn take<const N: usize>(&self, at: usize) -> [f32; N] {
        *self[at..].first_chunk().expect("as many")
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, _: usize, _: [f32; N]) {}
}

/// That of which δ is made when it is taken.
struct Sloped<'a> {
    d: Onto<'a>,
    slopes: &'a [f32],
}

impl Deltas for Sloped<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.slopes.len()
    }

    #[inline(always)]
    fn take<const N: usize>(&self, at: usize) -> [f32; N] {
        let d: &[f32; N] = self.d.from()[at..].first_chunk().expect("as many");
        let slopes: &[f32; N] = self.slopes[at..].first_chunk().expect("as many");
        std::array::from_fn(|i| d[i] * slopes[i])
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, at: usize, delta: [f32; N]) {
        self.d.put(at, delta);
    }
}

/// δ is added, and its product with `x` − `mean`, to the sums of a period or of a part of one. `x` and `d` are of one length: whole periods and the
/// beginning of one, or the part or its beginning.
#[inline(always)]
fn add_body<const FUSED: bool, D: Deltas>(x: &[f32], mut d: D, mean: &[f32], s1: &mut [f32], s2: &mut [f32]) {
    // So that the sums of both, and what is added to them, fit into registers.
    const COLUMNS: usize = WIDTH / 2;
    debug_assert_eq!(x.len(), d.len());
    let fma = multiply_add::<FUSED>;
    let period = mean.len();
    let sums = s1.as_chunks_mut::<COLUMNS>().0.iter_mut().zip(s2.as_chunks_mut::<COLUMNS>().0);
    for (k, (mean, (s1, s2))) in mean.as_chunks::<COLUMNS>().0.iter().zip(sums).enumerate() {
        let (mut l1, mut l2) = (*s1, *s2);
        for at in (k * COLUMNS..(x.len() + 1).saturating_sub(COLUMNS)).step_by(period) {
            let x: &[f32; COLUMNS] = x[at..].first_chunk().expect("as many");
            let delta = d.take::<COLUMNS>(at);
            for i in 0..COLUMNS {
                l1[i] += delta[i];
                l2[i] = fma(delta[i], x[i] - mean[i], l2[i]);
            }
            d.put(at, delta);
        }
        (*s1, *s2) = (l1, l2);
    }
    for (at, x) in x.iter().enumerate().skip(x.len() / COLUMNS * COLUMNS) {
        let i = at % period;
        let [delta] = d.take(at);
        s1[i] += delta;
        s2[i] = fma(delta, x - mean[i], s2[i]);
        d.put(at, [delta]);
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "four coefficients")]
fn by_x_body<const FUSED: bool>(
    x: &[f32],
    d: &[f32],
    mean: &[f32],
    gain: &[f32],
    k1: &[f32],
    k2: &[f32],
    next: &[f32],
    to: &mut [MaybeUninit<f32>],
) {
    let [mean, gain, k1, k2] = [mean, gain, k1, k2].map(|of| of.as_chunks::<WIDTH>().0);
    let by_x = |x: f32, d: f32, [mean, gain, k1, k2]: [f32; 4]| {
        let fma = multiply_add::<FUSED>;
        fma(x - mean, -k2, fma(d, gain, -k1))
    };
    let (period, mut at) = (mean.len(), 0);
    let mut next = next.chunks(WIDTH);
    let ((xs, x), (ds, d), (tos, to)) = (x.as_chunks::<WIDTH>(), d.as_chunks::<WIDTH>(), to.as_chunks_mut::<WIDTH>());
    for ((x, d), to) in xs.iter().zip(ds).zip(tos) {
        // What comes next is bound by memory.
        ahead::fetch(next.next().unwrap_or_default());
        let (mean, gain, k1, k2) = (&mean[at], &gain[at], &k1[at], &k2[at]);
        for i in 0..WIDTH {
            to[i].write(by_x(x[i], d[i], [mean[i], gain[i], k1[i], k2[i]]));
        }
        at = if at + 1 == period { 0 } else { at + 1 };
    }
    for (i, ((x, d), to)) in x.iter().zip(d).zip(to).enumerate() {
        to.write(by_x(*x, *d, [mean, gain, k1, k2].map(|of| of[at][i])));
    }
}
