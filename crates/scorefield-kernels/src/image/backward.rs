//! The backward pass: a is computed again, block by block, and the gradients of the weights are summed in a few parts.
//!
//! A part's blocks are added up in order, and the parts in order, whatever the threads they run on.

use super::affine::Affine;
use super::chain::{Gradient, Onto, chain, gather};
use super::convolution::{Convolution, Packed};
use super::layer::of_image;
use super::{Inputs, Layer, enter, leave, uninit};
use crate::dispatch::{Simd, active, simd};
use crate::matrix::scratch;
use crate::share::SPAN;
use rayon::prelude::*;
use std::mem::MaybeUninit;

/// The gradients to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those by scale, offset, weight and bias.
    Parameters,
    /// Those by x as well.
    All,
}

/// ∂L/∂ each input, of the input's length. That by the residual is g·factor, and left to the caller.
#[derive(Clone, Debug, Default)]
pub struct Gradients {
    /// Empty if not wanted.
    pub x: Vec<f32>,
    /// Empty where there is no scale.
    pub scale: Vec<f32>,
    /// Empty where there is no offset.
    pub offset: Vec<f32>,
    /// As W.
    pub weight: Vec<f32>,
    /// Empty where there is no bias.
    pub bias: Vec<f32>,
}

/// The gradients of L, given `g` = ∂L/∂y `[n, h', w', c_out]`.
///
/// # Panics
/// If the inputs do not have the layer's shape.
pub fn backward(layer: &Layer, n: usize, inputs: &Inputs<'_>, g: &[f32], wanted: Wanted) -> Gradients {
    backward_by(Convolution::new(active(), *layer), active(), layer, n, inputs, g, wanted)
}

pub(super) fn backward_by(
    way: Convolution,
    simd: Simd,
    layer: &Layer,
    n: usize,
    inputs: &Inputs<'_>,
    g: &[f32],
    wanted: Wanted,
) -> Gradients {
    layer.check(n, inputs);
    assert!(g.len() == n * layer.result(), "image: a gradient of {} numbers, for {n} of {layer:?}", g.len());
    let Layer { channels, outputs, .. } = *layer;
    let block = way.images(n);
    let size = n.div_ceil(block).div_ceil(way.parts(n)).max(1) * block;
    let (count, sum_len) = (n.div_ceil(size), way.sum_len());
    let mut weight = vec![0.0; inputs.weight.len()];
    // By image first: added up over the images at the end, where one number serves all of them.
    let by_image = |given: &[f32], c: usize| vec![0.0; if given.is_empty() { 0 } else { n * c }];
    let mut scale = by_image(inputs.scale, channels);
    let mut offset = by_image(inputs.offset, channels);
    let mut bias = by_image(inputs.bias, outputs);
    let needs_input = wanted == Wanted::All || !scale.is_empty() || !offset.is_empty();
    let x = scratch::with([way.transpose_len(), count.max(1) * sum_len], |[transpose, sums]| {
        let transpose = way.pack_transpose(inputs.weight, transpose);
        let pass = Pass { way, simd, layer, inputs, g, transpose, needs_input, block };
        if count == 0 {
            sums.fill(0.0);
        }
        let mut run = |x: &mut [MaybeUninit<f32>]| {
            let mut x = pieces(x, size * layer.image(), count);
            let mut scale = pieces(&mut scale, size * channels, count);
            let mut offset = pieces(&mut offset, size * channels, count);
            let mut bias = pieces(&mut bias, size * outputs, count);
            let parts = sums.chunks_exact_mut(sum_len).take(count).enumerate();
            let parts: Vec<_> = parts
                .map(|(k, sum)| Part {
                    images: k * size..((k + 1) * size).min(n),
                    x: x.next().unwrap_or_default(),
                    scale: scale.next().unwrap_or_default(),
                    offset: offset.next().unwrap_or_default(),
                    bias: bias.next().unwrap_or_default(),
                    sum,
                })
                .collect();
            if layer.is_shared(n) {
                parts.into_par_iter().for_each(|part| pass.run(part));
            } else {
                parts.into_iter().for_each(|part| pass.run(part));
            }
        };
        let x = match wanted {
            // SAFETY: the parts make up all images, and `run` writes the gradient by each.
            Wanted::All => unsafe { uninit::vector(n * layer.image(), run) },
            Wanted::Parameters => {
                run(&mut []);
                Vec::new()
            }
        };
        let (first, others) = sums.split_at_mut(sum_len);
        let join = |(i, to): (usize, &mut [f32])| {
            for other in others.chunks_exact(sum_len).take(count.saturating_sub(1)) {
                add(simd, &other[i * SPAN..][..to.len()], to);
            }
        };
        if layer.is_shared(n) {
            first.par_chunks_mut(SPAN).enumerate().for_each(join);
        } else {
            first.chunks_mut(SPAN).enumerate().for_each(join);
        }
        way.weight_gradient(first, &mut weight);
        x
    });
    let shared = |by_image: Vec<f32>, given: &[f32], c: usize| {
        if given.len() == c && n != 1 && c > 0 { over_images(&by_image, c) } else { by_image }
    };
    Gradients {
        x,
        scale: shared(scale, inputs.scale, channels),
        offset: shared(offset, inputs.offset, channels),
        weight,
        bias: shared(bias, inputs.bias, outputs),
    }
}

/// `count` pieces of `size` numbers, the last one shorter, or none of an empty slice.
fn pieces<T>(of: &mut [T], size: usize, count: usize) -> impl Iterator<Item = &mut [T]> {
    of.chunks_mut(size.max(1)).take(count)
}

/// Σ over the images.
pub(super) fn over_images(by_image: &[f32], c: usize) -> Vec<f32> {
    let mut sums = vec![0.0f64; c];
    for image in by_image.chunks_exact(c) {
        for (sum, x) in sums.iter_mut().zip(image) {
            *sum += f64::from(*x);
        }
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}

simd! {
    fn add(from: &[f32], to: &mut [f32]) = |from: &[f32], to: &mut [f32]| {
        for (from, to) in from.iter().zip(to) {
            *to += from;
        }
    };
}

/// What all parts read.
struct Pass<'a> {
    way: Convolution,
    simd: Simd,
    layer: &'a Layer,
    inputs: &'a Inputs<'a>,
    g: &'a [f32],
    transpose: Packed<'a>,
    /// Whether something is wanted that lies before the convolution.
    needs_input: bool,
    /// Images of a block.
    block: usize,
}

/// What one part writes; what is not wanted is empty.
struct Part<'a> {
    images: std::ops::Range<usize>,
    x: &'a mut [MaybeUninit<f32>],
    scale: &'a mut [f32],
    offset: &'a mut [f32],
    bias: &'a mut [f32],
    sum: &'a mut [f32],
}

impl Pass<'_> {
    /// Writes all of the part's x, if it has one.
    fn run(&self, part: Part<'_>) {
        let Self { way, simd, layer, inputs, g, transpose, needs_input, block } = *self;
        let Layer { height, width, channels, outputs, norm, factor, .. } = *layer;
        let (size, result, entry) = (layer.image(), layer.result(), layer.entry(inputs));
        let Part { images: range, mut x, mut scale, mut offset, mut bias, sum } = part;
        let most = block.min(range.len());
        let mut affines: Vec<Affine> = (0..most).map(|_| Affine::new(channels)).collect();
        let mut work = Affine::new(if bias.is_empty() { 1 } else { outputs });
        let input = way.input_place(1);
        // Where the gradient by a has just the numbers of x, it is worked on where it lies.
        let dense = entry.times == 1 && input.frame.len() == size;
        sum.fill(0.0);
        let (reads_x, reads_g) = (way.reads(entry, most), way.reads_gradient(most));
        let writes_x = !x.is_empty() && way.writes(entry);
        let lengths = [
            if reads_x { 0 } else { way.place(most).frame.len() },
            if reads_g { 0 } else { way.gradient_len(most) },
            if needs_input && !writes_x { way.input_place(most).frame.len() } else { 0 },
            if dense || !needs_input { 0 } else { size },
            width * channels,
        ];
        scratch::with(lengths, |[a, dg, da, gathered, row]| {
            for first in range.clone().step_by(most.max(1)) {
                let images = most.min(range.end - first);
                let (place, gradient, input) = (way.place(images), way.gradient_place(images), way.input_place(images));
                let (x_whole, g_whole) = (&inputs.x[first * size..][..images * size], &g[first * result..][..images * result]);
                let a = if reads_x {
                    x_whole
                } else {
                    let a = &mut a[..place.frame.len()];
                    for (i, (affine, x)) in affines.iter_mut().zip(x_whole.chunks_exact(size)).enumerate() {
                        let at = first + i;
                        affine.set(simd, x, norm, of_image(inputs.scale, at, channels), of_image(inputs.offset, at, channels));
                        enter::enter(simd, entry, affine, x, channels, place, i, row, a);
                    }
                    way.round(a);
                    a
                };
                let dg = if reads_g {
                    g_whole
                } else {
                    let dg = &mut dg[..way.gradient_len(images)];
                    // What may be read past the last pixel has no meaning, but is a number.
                    dg[gradient.frame.len()..].fill(0.0);
                    for (i, g) in g_whole.chunks_exact(result).enumerate() {
                        leave::back(simd, g, factor, outputs, gradient, i, dg);
                    }
                    way.round(dg);
                    dg
                };
                if !bias.is_empty() {
                    for g in g_whole.chunks_exact(result) {
                        leave::bias_gradient(simd, g, factor, &mut work, front(&mut bias, outputs));
                    }
                }
                if writes_x {
                    way.backward(images, a, dg, transpose, Some(front(&mut x, images * size)), sum);
                    continue;
                }
                let da = &mut da[..if needs_input { input.frame.len() } else { 0 }];
                way.backward(images, a, dg, transpose, needs_input.then(|| enter::as_unwritten(da)), sum);
                if !needs_input {
                    continue;
                }
                for (i, affine) in affines[..images].iter_mut().enumerate() {
                    let d = if dense {
                        &mut da[i * size..][..size]
                    } else {
                        gather(simd, da, input, i, entry.times, channels, gathered);
                        &mut *gathered
                    };
                    let to = Gradient {
                        x: (!x.is_empty()).then(|| front(&mut x, size)),
                        scale: front(&mut scale, channels),
                        offset: front(&mut offset, channels),
                    };
                    let from = &inputs.x[(first + i) * size..][..size];
                    chain(simd, entry, norm, affine, from, &[], Onto::Itself(d), to);
                }
            }
        });
        debug_assert!(height * width == 0 || x.is_empty(), "every image has its gradient");
    }
}

/// Takes `n` numbers off the front, or none of an empty slice.
fn front<'a, T>(of: &mut &'a mut [T], n: usize) -> &'a mut [T] {
    let n = n.min(of.len());
    let (front, rest) = std::mem::take(of).split_at_mut(n);
    *of = rest;
    front
}
