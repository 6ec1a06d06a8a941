//! Tiles of images to the 36 matrices `[tiles, channels]` and back, a register of channels at a time.
//!
//! Matrix k of a group of tiles begins [`plane`]`(tiles, channels)` numbers after the one before.

use super::sides::{Input, InputAdjoint, Output, OutputAdjoint, square};
use super::{POINTS, TILE, plane};
use crate::image::Frame;
use crate::matrix::lanes::{Lanes, Plain, registers};
use std::ops::Range;

/// The tiles of a block of images: image after image, in each row after row.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    frame: Frame,
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
    /// If `frame` is not the [frame](super::frame) of h × w outputs.
    pub(super) fn new(frame: Frame, h: usize, w: usize) -> Self {
        assert!(frame == super::frame(frame.images, h, w, frame.channels), "{frame:?} is no frame for {h}×{w}");
        Self { frame, h, w, down: h.div_ceil(TILE), across: w.div_ceil(TILE) }
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

    /// Where the 6×6 inputs of a tile begin.
    #[inline(always)]
    fn corner(&self, at: Place) -> usize {
        self.frame.pixel(at.image, at.y, at.x).start
    }

    /// Where the outputs of a tile begin, and how many rows and columns of them are inside the image.
    #[inline(always)]
    fn outputs(&self, at: Place, channels: usize) -> (usize, usize, usize) {
        let first = ((at.image * self.h + at.y) * self.w + at.x) * channels;
        (first, TILE.min(self.h - at.y), TILE.min(self.w - at.x))
    }

    fn check(&self, group: &Range<usize>, channels: usize, matrices: usize) {
        let fits = group.end <= self.count() && channels.is_multiple_of(16) && matrices >= POINTS * plane(group.len(), channels);
        assert!(fits, "tiles {group:?} of {}, {channels} channels, in {matrices}", self.count());
    }
}

registers! {
    /// V = Bᵀ d B of the tiles `group` of the frame `a`.
    pub(super) fn from_frame(tiles: Tiles, group: Range<usize>, a: &[f32], v: &mut [f32]) = from_frame_in, or from_frame_portable;

    /// d = B V Bᵀ into the frame `a`. The first tile to reach a pixel writes it, the others add: groups come in order.
    pub(super) fn to_frame(tiles: Tiles, group: Range<usize>, v: &[f32], a: &mut [f32]) = to_frame_in, or to_frame_portable;

    /// Y = Aᵀ M A into `out` `[images, h, w, channels]`.
    pub(super) fn to_outputs(tiles: Tiles, group: Range<usize>, channels: usize, m: &[f32], out: &mut [f32])
        = to_outputs_in, or to_outputs_portable;

    /// M = A y Aᵀ of `g` `[images, h, w, channels]`, which is zero outside the images.
    pub(super) fn from_outputs(tiles: Tiles, group: Range<usize>, channels: usize, g: &[f32], m: &mut [f32])
        = from_outputs_in, or from_outputs_portable;
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn from_frame_in<V: Lanes>(tiles: Tiles, group: Range<usize>, a: &[f32], v: &mut [f32]) {
    let Frame { width, channels, .. } = tiles.frame;
    let plane = plane(group.len(), channels);
    tiles.check(&group, channels, v.len());
    assert!(a.len() == tiles.frame.len(), "frame of {}", a.len());
    for (row, tile) in group.enumerate() {
        let from = a[tiles.corner(tiles.place(tile))..].as_ptr();
        let to = v[row * channels..].as_mut_ptr();
        let mut first = 0;
        while first < channels {
            // SAFETY: the frame holds 6×6 pixels from the corner of each tile on; v holds 36 planes, each with a row of channels for
            // each tile of the group; 16 and so the register's width divides the channels.
            unsafe {
                let mut d = [[V::splat(0.0); 6]; 6];
                for (y, d) in d.iter_mut().enumerate() {
                    for (x, d) in d.iter_mut().enumerate() {
                        *d = V::load(from.add((y * width + x) * channels + first));
                    }
                }
                let d = square::<Input, V, 6, 6>(d);
                for (y, d) in d.iter().enumerate() {
                    for (x, d) in d.iter().enumerate() {
                        d.store(to.add((6 * y + x) * plane + first));
                    }
                }
            }
            first += V::WIDTH;
        }
    }
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn to_frame_in<V: Lanes>(tiles: Tiles, group: Range<usize>, v: &[f32], a: &mut [f32]) {
    let Frame { width, channels, .. } = tiles.frame;
    let plane = plane(group.len(), channels);
    tiles.check(&group, channels, v.len());
    assert!(a.len() == tiles.frame.len(), "frame of {}", a.len());
    for (row, tile) in group.enumerate() {
        let at = tiles.place(tile);
        let from = v[row * channels..].as_ptr();
        let to = a[tiles.corner(at)..].as_mut_ptr();
        let mut first = 0;
        while first < channels {
            // SAFETY: as in `from_frame_in`.
            unsafe {
                let mut d = [[V::splat(0.0); 6]; 6];
                for (y, d) in d.iter_mut().enumerate() {
                    for (x, d) in d.iter_mut().enumerate() {
                        *d = V::load(from.add((6 * y + x) * plane + first));
                    }
                }
                let d = square::<InputAdjoint, V, 6, 6>(d);
                for (y, d) in d.iter().enumerate() {
                    for (x, d) in d.iter().enumerate() {
                        let to = to.add((y * width + x) * channels + first);
                        // The tiles above and to the left have been here.
                        let there = (y < 2 && at.y > 0) || (x < 2 && at.x > 0);
                        if there { V::load(to).add(*d).store(to) } else { d.store(to) }
                    }
                }
            }
            first += V::WIDTH;
        }
    }
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn to_outputs_in<V: Lanes>(tiles: Tiles, group: Range<usize>, channels: usize, m: &[f32], out: &mut [f32]) {
    let (plane, width) = (plane(group.len(), channels), tiles.w);
    tiles.check(&group, channels, m.len());
    assert!(out.len() == tiles.pixels(channels), "{} outputs", out.len());
    for (row, tile) in group.enumerate() {
        let (begin, rows, cols) = tiles.outputs(tiles.place(tile), channels);
        let from = m[row * channels..].as_ptr();
        let to = out[begin..].as_mut_ptr();
        let mut first = 0;
        while first < channels {
            // SAFETY: m holds 36 planes, each with a row of channels for each tile of the group; `rows` × `cols` pixels from the
            // beginning of the tile on are inside the image; the register's width divides the channels.
            unsafe {
                let mut d = [[V::splat(0.0); 6]; 6];
                for (y, d) in d.iter_mut().enumerate() {
                    for (x, d) in d.iter_mut().enumerate() {
                        *d = V::load(from.add((6 * y + x) * plane + first));
                    }
                }
                let d = square::<Output, V, 6, 4>(d);
                for (y, d) in d.iter().enumerate() {
                    for (x, d) in d.iter().enumerate() {
                        if y < rows && x < cols {
                            d.store(to.add((y * width + x) * channels + first));
                        }
                    }
                }
            }
            first += V::WIDTH;
        }
    }
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn from_outputs_in<V: Lanes>(tiles: Tiles, group: Range<usize>, channels: usize, g: &[f32], m: &mut [f32]) {
    let (plane, width) = (plane(group.len(), channels), tiles.w);
    tiles.check(&group, channels, m.len());
    assert!(g.len() == tiles.pixels(channels), "{} outputs", g.len());
    for (row, tile) in group.enumerate() {
        let (begin, rows, cols) = tiles.outputs(tiles.place(tile), channels);
        let from = g[begin..].as_ptr();
        let to = m[row * channels..].as_mut_ptr();
        let mut first = 0;
        while first < channels {
            // SAFETY: as in `to_outputs_in`.
            unsafe {
                let mut d = [[V::splat(0.0); 4]; 4];
                for (y, d) in d.iter_mut().enumerate() {
                    for (x, d) in d.iter_mut().enumerate() {
                        if y < rows && x < cols {
                            *d = V::load(from.add((y * width + x) * channels + first));
                        }
                    }
                }
                let d = square::<OutputAdjoint, V, 4, 6>(d);
                for (y, d) in d.iter().enumerate() {
                    for (x, d) in d.iter().enumerate() {
                        d.store(to.add((6 * y + x) * plane + first));
                    }
                }
            }
            first += V::WIDTH;
        }
    }
}

fn from_frame_portable(tiles: Tiles, group: Range<usize>, a: &[f32], v: &mut [f32]) {
    // SAFETY: `Plain` asks for no instruction set.
    unsafe { from_frame_in::<Plain>(tiles, group, a, v) }
}

fn to_frame_portable(tiles: Tiles, group: Range<usize>, v: &[f32], a: &mut [f32]) {
    // SAFETY: as above.
    unsafe { to_frame_in::<Plain>(tiles, group, v, a) }
}

fn to_outputs_portable(tiles: Tiles, group: Range<usize>, channels: usize, m: &[f32], out: &mut [f32]) {
    // SAFETY: as above.
    unsafe { to_outputs_in::<Plain>(tiles, group, channels, m, out) }
}

fn from_outputs_portable(tiles: Tiles, group: Range<usize>, channels: usize, g: &[f32], m: &mut [f32]) {
    // SAFETY: as above.
    unsafe { from_outputs_in::<Plain>(tiles, group, channels, g, m) }
}
