//! Tiles of inputs to their factors, V = Bᵀ d B, and back.

use super::form::{Form, One, Stride, Two};
use super::planes::column;
use super::sides::Side;
use super::tiles::Tiles;
use crate::dispatch::Simd;
use crate::image::Frame;
use crate::matrix::lanes::{Lanes, Plain, registers};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Images that groups of tiles are added up in, one after the other: where two tiles overlap, the first one has written.
pub(super) struct Overlapping<'a> {
    simd: Simd,
    tiles: Tiles,
    images: &'a mut [MaybeUninit<f32>],
    /// Tiles that were added.
    done: usize,
}

impl<'a> Overlapping<'a> {
    /// `images` may be uninitialised; when all tiles were added, all of it was written.
    pub(super) fn new(simd: Simd, tiles: Tiles, images: &'a mut [MaybeUninit<f32>]) -> Self {
        Self { simd, tiles, images, done: 0 }
    }

    /// d = B V Bᵀ of the next tiles.
    ///
    /// # Panics
    /// If they are not the next.
    pub(super) fn add(&mut self, group: Range<usize>, v: &[f32]) {
        assert!(group.start == self.done, "tiles {group:?} after {}", self.done);
        self.done = group.end;
        to_inputs(self.simd, self.tiles, group, v, self.images);
    }
}

registers! {
    /// V = Bᵀ d B of the tiles `group` of the images `a`, which are zero outside.
    pub(super) fn from_inputs(tiles: Tiles, group: Range<usize>, a: &[f32], v: &mut [f32]) = from_inputs_in, or from_inputs_portable;

    /// d = B V Bᵀ into the images `a`. The first tile to reach a pixel writes it, the others add: only [`Overlapping`] calls it.
    fn to_inputs(tiles: Tiles, group: Range<usize>, v: &[f32], a: &mut [MaybeUninit<f32>])
        = to_inputs_in, or to_inputs_portable;
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn from_inputs_in<V: Lanes>(tiles: Tiles, group: Range<usize>, a: &[f32], v: &mut [f32]) {
    // SAFETY: as the caller promises.
    unsafe {
        match tiles.stride {
            Stride::One => from_inputs_of::<V, One, 6>(tiles, group, a, v),
            Stride::Two => from_inputs_of::<V, Two, 9>(tiles, group, a, v),
        }
    }
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn from_inputs_of<V: Lanes, F: Form<I>, const I: usize>(tiles: Tiles, group: Range<usize>, a: &[f32], v: &mut [f32]) {
    let Frame { width, channels, .. } = tiles.frame;
    let mut places = tiles.planes::<F, I>(&group, channels, v.len()).places::<I>();
    assert!(a.len() == tiles.frame.len(), "images of {}", a.len());
    // SAFETY: as the caller promises.
    let mut half = unsafe { [[V::splat(0.0); I]; I] };
    for tile in group {
        let (begin, rows, cols) = tiles.inputs(tiles.place(tile));
        let from = a.as_ptr().wrapping_add(begin);
        let to = v.as_mut_ptr();
        let whole = (&rows, &cols) == (&(0..I), &(0..I));
        let mut first = 0;
        while first < channels {
            let pixel = |y: usize, x: usize| from.wrapping_add((y * width + x) * channels + first);
            // SAFETY: `rows` and `cols` of each tile are inside its image, if not the whole tile is; v holds the planes of the group, in
            // which each place of each tile is the first of `channels` numbers; 16 and so the register's width divides the channels.
            unsafe {
                if whole {
                    inputs::<V, F, I>(|y, x| V::load(pixel(y, x)), &mut half);
                } else {
                    let inside = |y, x| rows.contains(&y) && cols.contains(&x);
                    inputs::<V, F, I>(|y, x| if inside(y, x) { V::load(pixel(y, x)) } else { V::splat(0.0) }, &mut half);
                }
                places.put::<F::Input, V, _>(&half, first, to);
            }
            first += V::WIDTH;
        }
        places.next();
    }
}

/// Bᵀ d, where `pixel(y, x)` are the registers of d.
///
/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn inputs<V: Lanes, F: Form<I>, const I: usize>(pixel: impl Fn(usize, usize) -> V, half: &mut [[V; I]; I]) {
    let (mixed, taken) = half.split_at_mut(F::MIXED);
    // SAFETY: as the caller promises.
    unsafe {
        for x in 0..I {
            let mut d = [V::splat(0.0); I];
            for (y, d) in d.iter_mut().enumerate() {
                *d = pixel(y, x);
            }
            for (half, d) in mixed.iter_mut().zip(F::Input::map(d)) {
                half[x] = d;
            }
        }
    }
    for (i, half) in taken.iter_mut().enumerate() {
        for (x, half) in half.iter_mut().enumerate() {
            *half = pixel(2 * i + 1, x);
        }
    }
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn to_inputs_in<V: Lanes>(tiles: Tiles, group: Range<usize>, v: &[f32], a: &mut [MaybeUninit<f32>]) {
    // SAFETY: as the caller promises.
    unsafe {
        match tiles.stride {
            Stride::One => to_inputs_of::<V, One, 6>(tiles, group, v, a),
            Stride::Two => to_inputs_of::<V, Two, 9>(tiles, group, v, a),
        }
    }
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn to_inputs_of<V: Lanes, F: Form<I>, const I: usize>(
    tiles: Tiles,
    group: Range<usize>,
    v: &[f32],
    a: &mut [MaybeUninit<f32>],
) {
    let Frame { width, channels, .. } = tiles.frame;
    let mut places = tiles.planes::<F, I>(&group, channels, v.len()).places::<I>();
    assert!(a.len() == tiles.frame.len(), "images of {}", a.len());
    let common = F::STRIDE.common();
    // SAFETY: as the caller promises.
    let mut half = unsafe { [[V::splat(0.0); I]; I] };
    for tile in group {
        let at = tiles.place(tile);
        let from = v.as_ptr();
        let (begin, rows, cols) = tiles.inputs(at);
        let to = a.as_mut_ptr().cast::<f32>().wrapping_add(begin);
        let mut first = 0;
        while first < channels {
            // SAFETY: as in `from_inputs_of`. What is added to was written by a tile before this one, above it or to the left:
            // [`Overlapping`] has had them all.
            unsafe {
                places.rows::<F::InputAdjoint, V, _>(from, first, &mut half);
                for x in cols.clone() {
                    for (y, d) in F::InputAdjoint::map(column(&half, x)).into_iter().enumerate() {
                        if !rows.contains(&y) {
                            continue;
                        }
                        let to = to.wrapping_add((y * width + x) * channels + first);
                        // The tiles above and to the left have been here.
                        let there = (y < common && at.y > 0) || (x < common && at.x > 0);
                        if there { V::load(to).add(d).store(to) } else { d.store(to) }
                    }
                }
            }
            first += V::WIDTH;
        }
        places.next();
    }
}

fn from_inputs_portable(tiles: Tiles, group: Range<usize>, a: &[f32], v: &mut [f32]) {
    // SAFETY: `Plain` asks for no instruction set.
    unsafe { from_inputs_in::<Plain>(tiles, group, a, v) }
}

fn to_inputs_portable(tiles: Tiles, group: Range<usize>, v: &[f32], a: &mut [MaybeUninit<f32>]) {
    // SAFETY: as above.
    unsafe { to_inputs_in::<Plain>(tiles, group, v, a) }
}
