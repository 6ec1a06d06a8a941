//! Back from the gradient d by a(u) to those by x, scale and offset, one image at a time.
//!
//! δ = d·a′(u). By the offset it is S₁ = Σ δ over the pixels, by the scale r·S₂ with S₂ = Σ δ·(x − μ). Group norm over N numbers:
//!
//! ∂L/∂x = r·(ĝ − mean(ĝ) − x̂·mean(ĝ·x̂)) with ĝ = δ·scale and x̂ = (x − μ)·r, which is δ·γ − k₁ − (x − μ)·k₂,
//! k₁ = Σ γS₁/N and k₂ = r²·Σ γS₂/N, sums over the channels of the group.

use super::affine::{Affine, settle, slab};
use super::enter::{Entry, Place};
use super::{Activation, Norm};
use crate::dispatch::{Simd, simd};
use crate::elementary::{TOGETHER, multiply_add};
use crate::mlp::smooth;
use crate::pointwise::{Pointwise, Silu};
use std::mem::MaybeUninit;

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

/// Where the gradients of one image go, and come from; `scale` and `offset` may be empty.
pub(super) struct Gradient<'a> {
    /// That by a(u), `[h, w, c]`, if it does not stand in `d`.
    pub(super) output: Option<&'a [f32]>,
    /// Left alone if not wanted.
    pub(super) x: Option<&'a mut [MaybeUninit<f32>]>,
    pub(super) scale: &'a mut [f32],
    pub(super) offset: &'a mut [f32],
}

/// From the gradient by a(u), `[h, w, c]`, in `d`, which becomes δ, or in `to.output`; `affine` has the coefficients of this image.
pub(super) fn chain(
    simd: Simd,
    entry: Entry,
    norm: Option<Norm>,
    affine: &mut Affine,
    x: &[f32],
    d: &mut [f32],
    to: Gradient<'_>,
) {
    let channels = affine.r.len();
    if entry.plain && entry.activation.is_none() {
        if let Some(x) = to.x {
            x.write_copy_of_slice(to.output.unwrap_or(d));
        }
        return;
    }
    let slope = match entry.activation {
        None => straight,
        Some(Activation::Silu) => silu,
        Some(Activation::Softplus) => softplus,
        Some(Activation::Tanh) => tanh,
        Some(Activation::Gelu) => gelu,
    };
    slope(simd, x, to.output, d, affine);
    let [by_offset, by_scale] = &affine.sums;
    for ((to, sum), r) in to.scale.iter_mut().zip(by_scale).zip(&affine.r) {
        *to = (sum * f64::from(*r)) as f32;
    }
    for (to, sum) in to.offset.iter_mut().zip(by_offset) {
        *to = *sum as f32;
    }
    let Some(gx) = to.x else { return };
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
    by_x(simd, x, d, mean, gain, k1, k2, gx);
    k1.fill(0.0);
    k2.fill(0.0);
}

simd! {
    fn four(from: [&[f32]; 4], to: &mut [f32]) = |[a, b, c, d]: [&[f32]; 4], to: &mut [f32]| {
        for ((((to, a), b), c), d) in to.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *to = (a + b) + (c + d);
        }
    };
    fn straight(x: &[f32], g: Option<&[f32]>, d: &mut [f32], affine: &mut Affine) = |x, g, d, affine| slope_body::<FUSED>(x, g, d, affine, |_: f32| 1.0);
    fn silu(x: &[f32], g: Option<&[f32]>, d: &mut [f32], affine: &mut Affine) = |x, g, d, affine| slope_body::<FUSED>(x, g, d, affine, Silu::<FUSED, 1>);
    fn softplus(x: &[f32], g: Option<&[f32]>, d: &mut [f32], affine: &mut Affine) = |x, g, d, affine| slope_body::<FUSED>(x, g, d, affine, |u: f32| smooth::softplus::<FUSED>(u)[1]);
    fn tanh(x: &[f32], g: Option<&[f32]>, d: &mut [f32], affine: &mut Affine) = |x, g, d, affine| slope_body::<FUSED>(x, g, d, affine, |u: f32| smooth::tanh::<FUSED>(u)[1]);
    fn gelu(x: &[f32], g: Option<&[f32]>, d: &mut [f32], affine: &mut Affine) = |x, g, d, affine| slope_body::<FUSED>(x, g, d, affine, |u: f32| smooth::gelu::<FUSED>(u)[1]);
    fn by_x(x: &[f32], d: &[f32], mean: &[f32], gain: &[f32], k1: &[f32], k2: &[f32], to: &mut [MaybeUninit<f32>]) = by_x_body::<FUSED>;
}

/// `d`, or `g` if given, becomes δ in `d`, and the sums of `affine` S₁ and S₂.
#[inline(always)]
fn slope_body<const FUSED: bool>(
    x: &[f32],
    mut g: Option<&[f32]>,
    d: &mut [f32],
    affine: &mut Affine,
    slope: impl Pointwise<f32>,
) {
    let fma = multiply_add::<FUSED>;
    let Affine { mean, gain, offset, sums: [s1, s2], lanes: [l1, l2], .. } = affine;
    let period = mean.len();
    s1.fill(0.0);
    s2.fill(0.0);
    l1.fill(0.0);
    l2.fill(0.0);
    for (x, d) in x.chunks(slab(period)).zip(d.chunks_mut(slab(period))) {
        for (x, d) in x.chunks(period).zip(d.chunks_mut(period)) {
            let g = g.as_mut().and_then(|g| g.split_off(..x.len()));
            let whole = x.len() / TOGETHER * TOGETHER;
            if let Some(g) = g {
                d[whole..].copy_from_slice(&g[whole..]);
            }
            for i in whole..x.len() {
                let from_mean = x[i] - mean[i];
                d[i] *= slope.one(fma(from_mean, gain[i], offset[i]));
                l1[i] += d[i];
                l2[i] = fma(d[i], from_mean, l2[i]);
            }
            for first in (0..whole).step_by(TOGETHER) {
                let [x, mean, gain, offset] = [x, mean, gain, offset].map(|of: &[f32]| &of[first..first + TOGETHER]);
                if let Some(g) = g {
                    d[first..first + TOGETHER].copy_from_slice(&g[first..first + TOGETHER]);
                }
                let [d, l1, l2] = [&mut *d, l1, l2].map(|of: &mut [f32]| &mut of[first..first + TOGETHER]);
                let from_mean: [f32; TOGETHER] = std::array::from_fn(|i| x[i] - mean[i]);
                let u = std::array::from_fn(|i| fma(from_mean[i], gain[i], offset[i]));
                slope.many(&u, |i, slope| d[i] *= slope);
                for i in 0..TOGETHER {
                    l1[i] += d[i];
                    l2[i] = fma(d[i], from_mean[i], l2[i]);
                }
            }
        }
        settle(l1, s1);
        settle(l2, s2);
    }
}

#[inline(always)]
fn by_x_body<const FUSED: bool>(
    x: &[f32],
    d: &[f32],
    mean: &[f32],
    gain: &[f32],
    k1: &[f32],
    k2: &[f32],
    to: &mut [MaybeUninit<f32>],
) {
    let fma = multiply_add::<FUSED>;
    let period = mean.len();
    for ((x, d), to) in x.chunks(period).zip(d.chunks(period)).zip(to.chunks_mut(period)) {
        let n = x.len();
        let (d, to, mean, gain, k1, k2) = (&d[..n], &mut to[..n], &mean[..n], &gain[..n], &k1[..n], &k2[..n]);
        for i in 0..n {
            to[i].write(fma(x[i] - mean[i], -k2[i], fma(d[i], gain[i], -k1[i])));
        }
    }
}
