//! What stands before the activation, folded to u = (x − μ)·γ + β for each channel of one image.
//!
//! With group norm (Wu & He 2018) of h·w·c/G numbers each: μ their mean, r = 1/√(v + ε), γ = r·scale, β = offset; without, μ = 0 and
//! r = 1. Both are taken in one pass about the numbers in the middle of the image, or, where those lie far from μ, the variance v about μ in a second;
//! and μ is subtracted first. So nothing cancels where |μ| ≫ √v.
//!
//! Pixels have any number of channels, and registers, four at a time, have 64 numbers. So the coefficients are repeated up to the least
//! common multiple of both, the *period*: 64 numbers in a row of an image always meet 64 coefficients in a row.

use super::Norm;
use crate::dispatch::{Simd, simd};
use crate::exponentials::TOGETHER;
use std::ops::{Deref, DerefMut};

/// The coefficients of one image, and work space to compute them in.
pub(super) struct Affine {
    channels: usize,
    /// μ, γ and β, a period each.
    pub(super) mean: Aligned,
    pub(super) gain: Aligned,
    pub(super) offset: Aligned,
    /// r of each channel.
    pub(super) r: Vec<f32>,
    /// Sums over pixels of each channel, and what is made of them, for as long as they are worked with; and lanes of a period to take them in.
    pub(super) sums: [Vec<f64>; 2],
    pub(super) lanes: [Aligned; 2],
}

/// Numbers that start on a cache line: sums that are kept in memory between registers are stored and loaded again in the same breath,
/// which a processor is slow at across the border of two lines.
pub(super) struct Aligned {
    space: Vec<f32>,
    skip: usize,
}

impl Aligned {
    fn new(len: usize, value: f32) -> Self {
        let mut space = vec![value; len + 16];
        let skip = space.as_ptr().align_offset(64).min(16);
        space.truncate(skip + len);
        Self { space, skip }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.space[self.skip..]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.space[self.skip..]
    }
}

/// Numbers summed in f32 before they are added to a sum in f64.
const SLAB: usize = 1 << 14;

/// How many variances the square of a mean may be for the variance to be had from it without loss.
const FAR: f64 = 8.0;

/// Numbers that are worked on together: as many as activations take.
pub(super) const WIDTH: usize = TOGETHER;

fn period(channels: usize) -> usize {
    channels * (WIDTH >> channels.trailing_zeros().min(WIDTH.trailing_zeros()))
}

/// How many numbers from the start of a period on are summed before the f64 sums get them.
pub(super) fn slab(period: usize) -> usize {
    period * (SLAB / period).max(1)
}

impl Affine {
    pub(super) fn new(channels: usize) -> Self {
        let p = period(channels);
        let lanes = || Aligned::new(p, 0.0);
        let sums = || vec![0.0; channels];
        Self {
            channels,
            mean: lanes(),
            gain: Aligned::new(p, 1.0),
            offset: lanes(),
            r: vec![1.0; channels],
            sums: [sums(), sums()],
            lanes: [lanes(), lanes()],
        }
    }

    /// Takes the coefficients for the image `x` `[h·w, c]`; `scale` and `offset` are empty or of length c.
    pub(super) fn set(&mut self, simd: Simd, x: &[f32], norm: Option<Norm>, scale: &[f32], offset: &[f32]) {
        if let Some(norm) = norm {
            self.measure(simd, x, norm);
        }
        self.combine(norm.is_some(), scale, offset);
    }

    /// Takes them for the image whose `moments` these are: none without a norm.
    pub(super) fn recall(&mut self, moments: &[[f32; 2]], scale: &[f32], offset: &[f32]) {
        for (i, [mean, r]) in moments.iter().enumerate() {
            let size = self.channels / moments.len();
            self.mean[i * size..][..size].fill(*mean);
            self.r[i * size..][..size].fill(*r);
        }
        repeat(&mut self.mean, self.channels);
        self.combine(!moments.is_empty(), scale, offset);
    }

    /// Puts down μ and r of each group, to be recalled.
    pub(super) fn keep(&self, moments: &mut [[f32; 2]]) {
        let size = self.channels / moments.len().max(1);
        for (i, moments) in moments.iter_mut().enumerate() {
            *moments = [self.mean[i * size], self.r[i * size]];
        }
    }

    /// μ and r of the groups of the image `x`.
    fn measure(&mut self, simd: Simd, x: &[f32], Norm { groups, eps }: Norm) {
        let c = self.channels;
        let size = c / groups;
        let (pixels, numbers) = ((x.len() / c) as f64, (x.len() / groups) as f64);
        self.mean[..c].copy_from_slice(&x[x.len() / c / 2 * c..][..c]);
        repeat(&mut self.mean, c);
        let [sums, squares] = &mut self.sums;
        about(simd, x, &self.mean, sums, squares);
        // Of each channel: what its mean is above that, and its variance.
        for (sum, square) in sums.iter_mut().zip(&mut *squares) {
            *sum /= pixels;
            *square = *square / pixels - *sum * *sum;
        }
        let mut is_far = false;
        for first in (0..c).step_by(size) {
            let group = first..first + size;
            let mean_of = |i: usize| f64::from(self.mean[i]) + sums[i];
            let mean = group.clone().map(mean_of).sum::<f64>() / size as f64;
            let square = |x: f64| x * x;
            let v = group.clone().map(|i| squares[i] + square(mean_of(i) - mean)).sum::<f64>() / size as f64;
            // Not the other way round, so that what is not a number counts as near.
            is_far |= group.clone().map(|i| square(sums[i])).sum::<f64>() > FAR * size as f64 * v;
            self.r[group.clone()].fill((1.0 / (v + f64::from(eps)).sqrt()) as f32);
            self.mean[group].fill(mean as f32);
        }
        repeat(&mut self.mean, c);
        if is_far {
            spread(simd, x, &self.mean, sums);
            for (sums, r) in sums.chunks_exact(size).zip(self.r.chunks_exact_mut(size)) {
                r.fill((1.0 / (sums.iter().sum::<f64>() / numbers + f64::from(eps)).sqrt()) as f32);
            }
        }
    }

    /// γ and β from r, `scale` and `offset`.
    fn combine(&mut self, is_normalised: bool, scale: &[f32], offset: &[f32]) {
        let c = self.channels;
        if is_normalised {
            self.gain[..c].copy_from_slice(&self.r);
        }
        if !scale.is_empty() {
            for ((gain, r), scale) in self.gain.iter_mut().zip(&self.r).zip(scale) {
                *gain = r * scale;
            }
        }
        repeat(&mut self.gain, c);
        if !offset.is_empty() {
            self.offset[..c].copy_from_slice(offset);
            repeat(&mut self.offset, c);
        }
    }
}

/// Repeats the first `c` numbers.
fn repeat(lanes: &mut [f32], c: usize) {
    for first in (c..lanes.len()).step_by(c) {
        lanes.copy_within(..c, first);
    }
}

/// Adds the lanes of a period to their channels, and clears them.
#[inline(always)]
pub(super) fn settle(lanes: &mut [f32], sums: &mut [f64]) {
    for lanes in lanes.chunks_exact_mut(sums.len()) {
        for (lane, sum) in lanes.iter_mut().zip(sums.iter_mut()) {
            *sum += f64::from(*lane);
            *lane = 0.0;
        }
    }
}

simd! {
    /// `sums` = Σ `x` over the pixels, by channel.
    pub(super) fn total(x: &[f32], period: usize, sums: &mut [f64]) = total_body;
    fn spread(x: &[f32], mean: &[f32], sums: &mut [f64]) = spread_body;
    fn about(x: &[f32], middle: &[f32], sums: &mut [f64], squares: &mut [f64]) = about_body;
}

#[inline(always)]
fn total_body(x: &[f32], period: usize, sums: &mut [f64]) {
    sums.fill(0.0);
    for x in x.chunks(slab(period)) {
        for first in (0..period).step_by(WIDTH) {
            strip(x, period, first, sums, |x, _| x);
        }
        rest(x, period, sums, |x, _| x);
    }
}

/// `sums` = Σ (`x` − `mean`)² over the pixels, by channel.
#[inline(always)]
fn spread_body(x: &[f32], mean: &[f32], sums: &mut [f64]) {
    let period = mean.len();
    sums.fill(0.0);
    for x in x.chunks(slab(period)) {
        for first in (0..period).step_by(WIDTH) {
            let mean = &mean[first..first + WIDTH];
            strip(x, period, first, sums, |x, i| (x - mean[i]) * (x - mean[i]));
        }
        rest(x, period, sums, |x, i| (x - mean[i]) * (x - mean[i]));
    }
}

/// `sums` = Σ (`x` − `middle`) over the pixels, by channel, and `squares` those of its squares.
#[inline(always)]
fn about_body(x: &[f32], middle: &[f32], sums: &mut [f64], squares: &mut [f64]) {
    // So that the sums of both fit into registers.
    const HALF: usize = WIDTH / 2;
    let (period, channels) = (middle.len(), sums.len());
    sums.fill(0.0);
    squares.fill(0.0);
    for x in x.chunks(slab(period)) {
        for first in (0..period).step_by(HALF) {
            let middle: &[f32; HALF] = middle[first..].first_chunk().expect("a period is whole halves");
            let (mut lanes, mut lanes2) = ([0.0f32; HALF], [0.0f32; HALF]);
            for x in x.chunks_exact(period) {
                let x = &x[first..first + HALF];
                for i in 0..HALF {
                    let d = x[i] - middle[i];
                    lanes[i] += d;
                    lanes2[i] += d * d;
                }
            }
            let mut i = first % channels;
            for (lane, lane2) in lanes.into_iter().zip(lanes2) {
                sums[i] += f64::from(lane);
                squares[i] += f64::from(lane2);
                i = if i + 1 == channels { 0 } else { i + 1 };
            }
        }
        for (i, &x) in x.chunks_exact(period).remainder().iter().enumerate() {
            let d = f64::from(x - middle[i]);
            sums[i % channels] += d;
            squares[i % channels] += d * d;
        }
    }
}

/// Sums [`WIDTH`] numbers of each whole period, which stay in registers.
#[inline(always)]
fn strip(x: &[f32], period: usize, first: usize, sums: &mut [f64], f: impl Fn(f32, usize) -> f32) {
    let mut lanes = [0.0f32; WIDTH];
    for x in x.chunks_exact(period) {
        let x = &x[first..first + WIDTH];
        for i in 0..WIDTH {
            lanes[i] += f(x[i], i);
        }
    }
    if period == sums.len() {
        for (sum, lane) in sums[first..first + WIDTH].iter_mut().zip(lanes) {
            *sum += f64::from(lane);
        }
    } else {
        for (i, lane) in lanes.into_iter().enumerate() {
            sums[(first + i) % sums.len()] += f64::from(lane);
        }
    }
}

/// Adds what is left after the last whole period.
#[inline(always)]
fn rest(x: &[f32], period: usize, sums: &mut [f64], f: impl Fn(f32, usize) -> f32) {
    for (i, &x) in x.chunks_exact(period).remainder().iter().enumerate() {
        sums[i % sums.len()] += f64::from(f(x, i));
    }
}
