//! From the convolution's sums to y = (sums + bias + residual)·factor, and from ∂L/∂y back to the sums' gradient g·factor.

use super::affine::{Affine, total};
use super::enter::Place;
use super::layer::of_image;
use crate::dispatch::{Simd, simd};
use crate::matrix::lanes::Lanes;
use std::mem::MaybeUninit;

/// What is done to the sums of a block of images: y = (sums + bias + residual)·factor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending<'a> {
    /// `[c_out]`, `[images, c_out]` or empty.
    pub(crate) bias: &'a [f32],
    /// As many numbers as y has, or none.
    pub(crate) residual: &'a [f32],
    pub(crate) factor: f32,
}

impl Ending<'_> {
    /// y = sums.
    pub(crate) const NONE: Self = Self { bias: &[], residual: &[], factor: 1.0 };

    /// Of one register of sums, with those of the others that there are.
    ///
    /// # Safety
    /// The processor has V's instruction set.
    #[inline(always)]
    pub(super) unsafe fn of<V: Lanes>(sum: V, bias: Option<V>, residual: Option<V>, factor: V) -> V {
        // SAFETY: as the caller promises.
        unsafe {
            let sum = if let Some(bias) = bias { sum.add(bias) } else { sum };
            let sum = if let Some(residual) = residual { sum.add(residual) } else { sum };
            sum.multiply(factor)
        }
    }

    /// Writes all of `y`, `images` of `outputs` channels, from `out` with `wide` ≥ c_out numbers a pixel.
    pub(super) fn leave(self, simd: Simd, images: usize, out: &[f32], wide: usize, y: &mut [MaybeUninit<f32>], outputs: usize) {
        let Self { bias, residual, factor } = self;
        assert!(images > 0 && out.len() / wide == y.len() / outputs, "{} sums for {}", out.len(), y.len());
        let (sums, size) = (out.chunks_exact(out.len() / images), y.len() / images);
        for (i, (y, out)) in y.chunks_exact_mut(size).zip(sums).enumerate() {
            let residual = if residual.is_empty() { residual } else { &residual[i * size..][..size] };
            leave(simd, out, wide, of_image(bias, i, outputs), residual, factor, y, outputs);
        }
    }
}

simd! {
    /// Writes all of `y` `[pixels, c_out]`; `out` has `wide` ≥ c_out numbers a pixel, `bias` c_out or none, `residual` as many as y or none.
    fn leave(
        out: &[f32], wide: usize, bias: &[f32], residual: &[f32], factor: f32, y: &mut [MaybeUninit<f32>], outputs: usize,
    ) = leave_body;
    fn scaled(g: &[f32], factor: f32, to: &mut [f32]) = |g: &[f32], factor: f32, to: &mut [f32]| {
        for (g, to) in g.iter().zip(to) {
            *to = g * factor;
        }
    };
}

#[inline(always)]
fn leave_body(out: &[f32], wide: usize, bias: &[f32], residual: &[f32], factor: f32, y: &mut [MaybeUninit<f32>], outputs: usize) {
    for (p, (out, y)) in out.chunks_exact(wide).zip(y.chunks_exact_mut(outputs)).enumerate() {
        let out = &out[..outputs];
        match (bias.is_empty(), residual.is_empty()) {
            (true, true) => each(y, |i| out[i] * factor),
            (false, true) => {
                let bias = &bias[..outputs];
                each(y, |i| (out[i] + bias[i]) * factor);
            }
            (true, false) => {
                let residual = &residual[p * outputs..][..outputs];
                each(y, |i| (out[i] + residual[i]) * factor);
            }
            (false, false) => {
                let (bias, residual) = (&bias[..outputs], &residual[p * outputs..][..outputs]);
                each(y, |i| (out[i] + bias[i] + residual[i]) * factor);
            }
        }
    }
}

#[inline(always)]
fn each(y: &mut [MaybeUninit<f32>], value: impl Fn(usize) -> f32) {
    for (i, y) in y.iter_mut().enumerate() {
        y.write(value(i));
    }
}

/// Writes image i of a block, `g` `[h', w', c_out]`, times `factor` to its place.
pub(super) fn back(simd: Simd, g: &[f32], factor: f32, outputs: usize, place: Place, i: usize, to: &mut [f32]) {
    place.surround(i, to);
    for (y, g) in g.chunks_exact(place.width * outputs).enumerate() {
        let to = place.row(i, y, to);
        if place.frame.channels == outputs {
            scaled(simd, g, factor, to);
            continue;
        }
        for (g, to) in g.chunks_exact(outputs).zip(to.chunks_exact_mut(place.frame.channels)) {
            scaled(simd, g, factor, &mut to[..outputs]);
            to[outputs..].fill(0.0);
        }
    }
}

/// `to` = `factor`·Σ `g` over the pixels of an image, by channel.
pub(super) fn bias_gradient(simd: Simd, g: &[f32], factor: f32, work: &mut Affine, to: &mut [f32]) {
    let [sums, _] = &mut work.sums;
    total(simd, g, work.mean.len(), sums);
    for (sum, to) in sums.iter().zip(to) {
        *to = (sum * f64::from(factor)) as f32;
    }
}
