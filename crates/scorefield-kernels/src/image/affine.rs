//! What stands before the activation, folded to u = (x − μ)·γ + β for each channel of one image.
//!
//! With group norm (Wu & He 2018) of h·w·c/G numbers each: μ their mean, r = 1/√(v + ε), γ = r·scale, β = offset; without, μ = 0 and
//! r = 1. The variance v is taken about the mean in a second pass, and μ is subtracted first, so nothing cancels where |μ| ≫ √v.
//!
//! Pixels have any number of channels, registers 16 numbers. So the coefficients are repeated up to the least common multiple of both,
//! the *period*: 16 numbers in a row of an image always meet 16 coefficients in a row.

use super::Norm;
use crate::dispatch::{Simd, simd};

/// The coefficients of one image, and work space to compute them in.
pub(super) struct Affine {
    channels: usize,
    /// μ, γ and β, a period each.
    pub(super) mean: Vec<f32>,
    pub(super) gain: Vec<f32>,
    pub(super) offset: Vec<f32>,
    /// r of each channel.
    pub(super) r: Vec<f32>,
    /// Sums over pixels of each channel, and lanes of a period to take them in.
    pub(super) sums: [Vec<f64>; 2],
    pub(super) lanes: [Vec<f32>; 2],
}

/// Numbers summed in f32 before they are added to a sum in f64.
const SLAB: usize = 1 << 12;

fn period(channels: usize) -> usize {
    let twos = 1 << channels.trailing_zeros().min(4);
    channels * (16 / twos)
}

/// How many numbers from the start of a period on are summed before the f64 sums get them.
pub(super) fn slab(period: usize) -> usize {
    period * (SLAB / period).max(1)
}

impl Affine {
    pub(super) fn new(channels: usize) -> Self {
        let p = period(channels);
        let lanes = || vec![0.0; p];
        let sums = || vec![0.0; channels];
        Self {
            channels,
            mean: lanes(),
            gain: vec![1.0; p],
            offset: lanes(),
            r: vec![1.0; channels],
            sums: [sums(), sums()],
            lanes: [lanes(), lanes()],
        }
    }

    /// Takes the coefficients for the image `x` `[h·w, c]`; `scale` and `offset` are empty or of length c.
    pub(super) fn set(&mut self, simd: Simd, x: &[f32], norm: Option<Norm>, scale: &[f32], offset: &[f32]) {
        let c = self.channels;
        if let Some(Norm { groups, eps }) = norm {
            let size = c / groups;
            let numbers = (x.len() / groups) as f64;
            let [sums, _] = &mut self.sums;
            let [lanes, _] = &mut self.lanes;
            total(simd, x, lanes, sums);
            for (sums, mean) in sums.chunks_exact(size).zip(self.mean.chunks_exact_mut(size)) {
                mean.fill((sums.iter().sum::<f64>() / numbers) as f32);
            }
            repeat(&mut self.mean, c);
            spread(simd, x, &self.mean, lanes, sums);
            for (sums, r) in sums.chunks_exact(size).zip(self.r.chunks_exact_mut(size)) {
                r.fill((1.0 / (sums.iter().sum::<f64>() / numbers + f64::from(eps)).sqrt()) as f32);
            }
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
    pub(super) fn total(x: &[f32], lanes: &mut [f32], sums: &mut [f64]) = total_body;
    fn spread(x: &[f32], mean: &[f32], lanes: &mut [f32], sums: &mut [f64]) = spread_body;
}

#[inline(always)]
fn total_body(x: &[f32], lanes: &mut [f32], sums: &mut [f64]) {
    sums.fill(0.0);
    lanes.fill(0.0);
    for x in x.chunks(slab(lanes.len())) {
        for x in x.chunks(lanes.len()) {
            for i in whole(x.len())..x.len() {
                lanes[i] += x[i];
            }
            let ((x, _), (lanes, _)) = (x.as_chunks::<16>(), lanes.as_chunks_mut::<16>());
            for (x, lanes) in x.iter().zip(lanes) {
                for i in 0..16 {
                    lanes[i] += x[i];
                }
            }
        }
        settle(lanes, sums);
    }
}

/// `sums` = Σ (`x` − `mean`)² over the pixels, by channel.
#[inline(always)]
fn spread_body(x: &[f32], mean: &[f32], lanes: &mut [f32], sums: &mut [f64]) {
    sums.fill(0.0);
    lanes.fill(0.0);
    for x in x.chunks(slab(lanes.len())) {
        for x in x.chunks(lanes.len()) {
            for i in whole(x.len())..x.len() {
                let d = x[i] - mean[i];
                lanes[i] += d * d;
            }
            let ((x, _), (mean, _), (lanes, _)) = (x.as_chunks::<16>(), mean.as_chunks::<16>(), lanes.as_chunks_mut::<16>());
            for ((x, mean), lanes) in x.iter().zip(mean).zip(lanes) {
                for i in 0..16 {
                    let d = x[i] - mean[i];
                    lanes[i] += d * d;
                }
            }
        }
        settle(lanes, sums);
    }
}

/// The numbers in whole registers, of `n`.
#[inline(always)]
pub(super) fn whole(n: usize) -> usize {
    n / 16 * 16
}
