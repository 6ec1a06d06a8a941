//! Tiles of images to the 36 matrices of their [`Planes`] and back, a register of channels at a time.

use super::TILE;
use super::form::{Form, One, Planes, Stride, Two};
use super::sides::Side;
use crate::dispatch::Simd;
use crate::image::Frame;
use crate::image::layer::of_image;
use crate::image::leave::Ending;
use crate::matrix::lanes::{Lanes, Plain, registers};
use std::mem::MaybeUninit;
use std::ops::Range;

/// The tiles of a block of images: image after image, in each row after row.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    stride: Stride,
    /// Of the inputs, without zeros around them.
    frame: Frame,
    /// Rows and columns of zeros above and to the left.
    before: usize,
    h: usize,
    w: usize,
    /// Tiles in an image, from top to bottom and from left to right.
    down: usize,
    across: usize,
}

/// Where a tile is.
#[derive(Clone, Copy)]
struct Place {
    image: usize,
    /// First row and first column of its outputs.
    y: usize,
    x: usize,
}

impl Tiles {
    /// # Panics
    /// If there are pixels that no tile of the h × w outputs has.
    pub(super) fn new(stride: Stride, frame: Frame, before: usize, h: usize, w: usize) -> Self {
        let reach = |n: usize| n.div_ceil(TILE) * stride.step() + stride.common();
        let whole = reach(h) >= before + frame.height && reach(w) >= before + frame.width;
        assert!(whole, "{h}×{w} outputs of {frame:?}, {before} zeros before them");
        Self { stride, frame, before, h, w, down: h.div_ceil(TILE), across: w.div_ceil(TILE) }
    }

    pub(super) fn count(&self) -> usize {
        self.frame.images * self.down * self.across
    }

    /// Numbers of `[images, h, w, channels]`.
    pub(super) fn pixels(&self, channels: usize) -> usize {
        self.frame.images * self.h * self.w * channels
    }

    #[inline(always)]
    fn place(&self, tile: usize) -> Place {
        let (row, x) = (tile / self.across, tile % self.across);
        Place { image: row / self.down, y: TILE * (row % self.down), x: TILE * x }
    }

    /// Where the inputs of a tile would begin, were they all in the image, as a distance from the beginning of all that may be negative,
    /// wrapped around; and the rows and columns of them that are.
    #[inline(always)]
    fn inputs(&self, at: Place) -> (usize, Range<usize>, Range<usize>) {
        let Frame { height, width, channels, .. } = self.frame;
        let pixels = self.stride.step() / TILE;
        let inside = |first: usize, n: usize| {
            let from = self.before.saturating_sub(first);
            from..(n + self.before).saturating_sub(first).min(self.stride.side()).max(from)
        };
        let (y, x) = (pixels * at.y, pixels * at.x);
        let row = (at.image * height + y).wrapping_sub(self.before);
        let pixel = row.wrapping_mul(width).wrapping_add(x).wrapping_sub(self.before);
        (pixel.wrapping_mul(channels), inside(y, height), inside(x, width))
    }

    /// Where the outputs of a tile begin, and how many rows and columns of them are inside the image.
    #[inline(always)]
    fn outputs(&self, at: Place, channels: usize) -> (usize, usize, usize) {
        let first = ((at.image * self.h + at.y) * self.w + at.x) * channels;
        (first, TILE.min(self.h - at.y), TILE.min(self.w - at.x))
    }

    /// Where the factors of a group lie in so many numbers.
    ///
    /// # Panics
    /// If F is not the form of this stride, or there are not so many tiles or numbers.
    fn planes<F: Form<I>, const I: usize>(&self, group: &Range<usize>, channels: usize, matrices: usize) -> Planes {
        assert!(F::STRIDE == self.stride, "tiles of {:?}", self.stride);
        let planes = Planes { stride: self.stride, tiles: group.len(), channels };
        let fits = group.end <= self.count() && channels.is_multiple_of(16) && matrices >= planes.len();
        assert!(fits, "tiles {group:?} of {}, {channels} channels, in {matrices}", self.count());
        planes
    }
}

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
                for (half, places) in half.iter().zip(&places.first) {
                    for (d, at) in F::Input::map(*half).into_iter().zip(places) {
                        d.store(to.add(at + first));
                    }
                }
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
                for (half, places) in half.iter_mut().zip(&places.first) {
                    let mut d = [V::splat(0.0); I];
                    for (d, at) in d.iter_mut().zip(places) {
                        *d = V::load(from.add(at + first));
                    }
                    *half = F::InputAdjoint::map(d);
                }
                for x in cols.clone() {
                    let mut d = [V::splat(0.0); I];
                    for (d, half) in d.iter_mut().zip(&half) {
                        *d = half[x];
                    }
                    for (y, d) in F::InputAdjoint::map(d).into_iter().enumerate() {
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
            // SAFETY: m holds the planes of the group, as above; `rows` × `cols` pixels from the beginning of the tile on are inside
            // the image, and the residual is of its size or empty; a bias has all channels; the register's width divides them.
            unsafe {
                for (half, places) in half.iter_mut().zip(&places.first) {
                    let mut d = [V::splat(0.0); I];
                    for (d, at) in d.iter_mut().zip(places) {
                        *d = V::load(from.add(at + first));
                    }
                    *half = F::Output::map(d);
                }
                let bias = if bias.is_empty() { None } else { Some(V::load(bias.as_ptr().add(first))) };
                for x in 0..TILE {
                    let mut d = [V::splat(0.0); I];
                    for (d, half) in d.iter_mut().zip(&half) {
                        *d = half[x];
                    }
                    for (y, d) in F::Output::map(d).into_iter().enumerate() {
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
                for (half, places) in half.iter().zip(&places.first) {
                    for (d, at) in F::OutputAdjoint::map(*half).into_iter().zip(places) {
                        d.store(to.add(at + first));
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

fn to_outputs_portable(
    tiles: Tiles,
    group: Range<usize>,
    channels: usize,
    m: &[f32],
    ending: Ending<'_>,
    out: &mut [MaybeUninit<f32>],
) {
    // SAFETY: as above.
    unsafe { to_outputs_in::<Plain>(tiles, group, channels, m, ending, out) }
}

fn from_outputs_portable(tiles: Tiles, group: Range<usize>, channels: usize, g: &[f32], m: &mut [f32]) {
    // SAFETY: as above.
    unsafe { from_outputs_in::<Plain>(tiles, group, channels, g, m) }
}
