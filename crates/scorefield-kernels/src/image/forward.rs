//! The forward pass: blocks of images, each on its way through a core's own cache from x to y.

use super::affine::Affine;
use super::convolution::{Convolution, Packed};
use super::layer::of_image;
use super::leave::Ending;
use super::{Inputs, Layer, enter, uninit};
use crate::dispatch::active;
use crate::matrix::scratch;
use rayon::prelude::*;
use std::mem::MaybeUninit;

/// y `[n, h', w', c_out]`. An image's result does not depend on the others.
///
/// # Panics
/// If the inputs do not have the layer's shape.
pub fn forward(layer: &Layer, n: usize, inputs: &Inputs<'_>) -> Vec<f32> {
    forward_by(Convolution::new(active(), *layer), active(), layer, n, inputs)
}

pub(super) fn forward_by(
    way: Convolution,
    simd: crate::dispatch::Simd,
    layer: &Layer,
    n: usize,
    inputs: &Inputs<'_>,
) -> Vec<f32> {
    layer.check(n, inputs);
    let (size, images) = (layer.result(), way.images(n));
    scratch::with([way.weights_len()], |[space]| {
        let packed = way.pack(inputs.weight, space);
        let block = |(b, y): (usize, &mut [MaybeUninit<f32>])| Block { way, simd, layer, inputs, packed }.run(b * images, y);
        // SAFETY: the blocks of `images` outputs make up all of y, and `run` writes all of its block.
        unsafe {
            uninit::vector(n * size, |y| {
                if layer.is_shared(n) {
                    y.par_chunks_mut(images * size).enumerate().for_each(block);
                } else {
                    y.chunks_mut(images * size).enumerate().for_each(block);
                }
            })
        }
    })
}

#[derive(Clone, Copy)]
struct Block<'a> {
    way: Convolution,
    simd: crate::dispatch::Simd,
    layer: &'a Layer,
    inputs: &'a Inputs<'a>,
    packed: Packed<'a>,
}

impl Block<'_> {
    /// The images from `first` on whose outputs fill `y`.
    fn run(self, first: usize, y: &mut [MaybeUninit<f32>]) {
        let Self { way, simd, layer, inputs, packed } = self;
        let Layer { width, channels, outputs, norm, factor, .. } = *layer;
        let (size, result, entry) = (layer.image(), layer.result(), layer.entry(inputs));
        let images = y.len() / result;
        let (place, mut affine) = (way.place(images), Affine::new(channels));
        let (whole, after) = inputs.x[first * size..].split_at(images * size);
        let next = &after[..after.len().min(images * size)];
        let each = |given: &[f32], c: usize| if given.is_empty() { 0..0 } else { first * c..(first + images) * c };
        let bias = if inputs.bias.len() > outputs { &inputs.bias[each(inputs.bias, outputs)] } else { inputs.bias };
        let ending = Ending { bias, residual: &inputs.residual[each(inputs.residual, result)], factor };
        let reads_x = way.reads(entry, images);
        let lengths = [if reads_x { 0 } else { place.frame.len() }, way.space_len(images, ending), width * channels];
        scratch::with(lengths, |[a, space, row]| {
            let a = if reads_x {
                whole
            } else {
                for (i, x) in whole.chunks_exact(size).enumerate() {
                    let at = first + i;
                    affine.set(simd, x, norm, of_image(inputs.scale, at, channels), of_image(inputs.offset, at, channels));
                    enter::enter(simd, entry, &affine, x, channels, place, i, row, a);
                }
                way.round(a);
                a
            };
            way.forward(images, a, packed, next, ending, space, y);
        });
    }
}
