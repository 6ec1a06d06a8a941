//! Products to tiles of outputs, Y = Aᵀ M A, and back.

use super::TILE;
use super::form::{Form, One, Stride, Two};
use super::planes::column;
use super::sides::Side;
use super::tiles::Tiles;
use crate::image::layer::of_image;
use crate::image::leave::Ending;
use crate::matrix::lanes::{Lanes, Plain, registers};
use std::mem::MaybeUninit;
use std::ops::Range;

registers! {
    /// `ending` of Y = Aᵀ M A into `out` `[images, h, w, channels]`.
    pub(super) fn to_outputs(tiles: Tiles, group: Range<usize>, channels: usize, m: &[f32], ending: Ending<'_>, out: &mut [MaybeUninit<f32>])
        = to_outputs_in, or to_outputs_portable;

    /// M = A y Aᵀ of `g` `[images, h, w, channels]`, which is zero outside the images.
    pub(super) fn from_outputs(tiles: Tiles, group: Range<usize>, channels: usize, g: &[f32], m: &mut [f32])
        = from_outputs_in, or from_outputs_portable;
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn to_outputs_in<V: Lanes>(
    tiles: Tiles,
    group: Range<usize>,
    channels: usize,
    m: &[f32],
    ending: Ending<'_>,
    out: &mut [MaybeUninit<f32>],
) {
    // SAFETY: as the caller promises.
    unsafe {
        match tiles.stride {
            Stride::One => to_outputs_of::<V, One, 6>(tiles, group, channels, m, ending, out),
            Stride::Two => to_outputs_of::<V, Two, 9>(tiles, group, channels, m, ending, out),
        }
    }
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn to_outputs_of<V: Lanes, F: Form<I>, const I: usize>(
    tiles: Tiles,
    group: Range<usize>,
    channels: usize,
    m: &[f32],
    ending: Ending<'_>,
    out: &mut [MaybeUninit<f32>],
) {
    let (mut places, width) = (tiles.planes::<F, I>(&group, channels, m.len()).places::<I>(), tiles.w);
    let Ending { bias, residual, factor } = ending;
    let each = |given: &[f32], all: usize| given.is_empty() || given.len() == channels || given.len() == all;
    assert!(
        out.len() == tiles.pixels(channels) && each(bias, tiles.frame.images * channels),
        "{} outputs, {}",
        out.len(),
        bias.len()
    );
    assert!(residual.is_empty() || residual.len() == out.len(), "{} outputs, {}", out.len(), residual.len());
    // SAFETY: as the caller promises.
    let (mut half, factor) = unsafe { ([[V::splat(0.0); TILE]; I], V::splat(factor)) };
    for tile in group {
        let at = tiles.place(tile);
        let (begin, rows, cols) = tiles.outputs(at, channels);
        let from = m.as_ptr();
        let to = out[begin..].as_mut_ptr().cast::<f32>();
        let bias = of_image(bias, at.image, channels);
        let residual = if residual.is_empty() { residual } else { &residual[begin..] };
        let mut first = 0;
        while first < channels {
            // SAFETY: m holds the planes of the group, in which each place of each tile is the first of `channels` numbers; `rows` × `cols` pixels from the beginning of the tile on are inside
            // the image, and the residual is of its size or empty; a bias has all channels; the register's width divides them.
            unsafe {
                places.rows::<F::Output, V, _>(from, first, &mut half);
                let bias = if bias.is_empty() { None } else { Some(V::load(bias.as_ptr().add(first))) };
                for x in 0..TILE {
                    for (y, d) in F::Output::map(column(&half, x)).into_iter().enumerate() {
                        if y < rows && x < cols {
                            let at = (y * width + x) * channels + first;
                            let residual = if residual.is_empty() { None } else { Some(V::load(residual.as_ptr().add(at))) };
                            Ending::of(d, bias, residual, factor).store(to.add(at));
                        }
                    }
                }
            }
            first += V::WIDTH;
        }
        places.next();
    }
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn from_outputs_in<V: Lanes>(tiles: Tiles, group: Range<usize>, channels: usize, g: &[f32], m: &mut [f32]) {
    // SAFETY: as the caller promises.
    unsafe {
        match tiles.stride {
            Stride::One => from_outputs_of::<V, One, 6>(tiles, group, channels, g, m),
            Stride::Two => from_outputs_of::<V, Two, 9>(tiles, group, channels, g, m),
        }
    }
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn from_outputs_of<V: Lanes, F: Form<I>, const I: usize>(
    tiles: Tiles,
    group: Range<usize>,
    channels: usize,
    g: &[f32],
    m: &mut [f32],
) {
    let (mut places, width) = (tiles.planes::<F, I>(&group, channels, m.len()).places::<I>(), tiles.w);
    assert!(g.len() == tiles.pixels(channels), "{} outputs", g.len());
    // SAFETY: as the caller promises.
    let mut half = unsafe { [[V::splat(0.0); TILE]; I] };
    for tile in group {
        let (begin, rows, cols) = tiles.outputs(tiles.place(tile), channels);
        let from = g[begin..].as_ptr();
        let to = m.as_mut_ptr();
        let mut first = 0;
        while first < channels {
            // SAFETY: as in `to_outputs_of`.
            unsafe {
                for x in 0..TILE {
                    let mut d = [V::splat(0.0); TILE];
                    for (y, d) in d.iter_mut().enumerate() {
                        if y < rows && x < cols {
                            *d = V::load(from.add((y * width + x) * channels + first));
                        }
                    }
                    for (half, d) in half.iter_mut().zip(F::OutputAdjoint::map(d)) {
                        half[x] = d;
                    }
                }
                places.put::<F::OutputAdjoint, V, _>(&half, first, to);
            }
            first += V::WIDTH;
        }
        places.next();
    }
}

fn to_outputs_portable(
    tiles: Tiles,
    group: Range<usize>,
    channels: usize,
    m: &[f32],
    ending: Ending<'_>,
    out: &mut [MaybeUninit<f32>],
) {
    // SAFETY: `Plain` asks for no instruction set.
    unsafe { to_outputs_in::<Plain>(tiles, group, channels, m, ending, out) }
}

fn from_outputs_portable(tiles: Tiles, group: Range<usize>, channels: usize, g: &[f32], m: &mut [f32]) {
    // SAFETY: as above.
    unsafe { from_outputs_in::<Plain>(tiles, group, channels, g, m) }
}
