//! C = A·B where a row of A is what a convolution sees at one pixel: read in the image itself, never gathered in a matrix.
//!
//! In channels-last order the taps of one row of the kernel are one stretch of numbers, so a row of A is a few stretches a fixed step
//! apart. A tile of C, some pixels by one panel of B, stays in registers over all of them; each number of C is one sum in the order of
//! B's rows, whatever its tile, so that a pixel's result does not depend on its neighbours.

use super::walk::{Extent, Taps, Walk, join};
use crate::image::layer::of_image;
use crate::matrix::lanes::{Lanes, registers};
use crate::matrix::pack::Panels;
use crate::matrix::pairs::{Dot, Pair, Single, pairs};
use std::mem::MaybeUninit;

registers! {
    /// `to`, of `b`'s width at each pixel of `into`, = the stretches `taps` from each pixel of `walk` through `from` on, times `b`,
    /// plus `bias`: of `b`'s width, that for each image or none.
    ///
    /// # Panics
    /// If the slices are too short, or `b` has not one row for each number of the stretches.
    pub(super) fn convolve(
        extent: Extent, taps: Taps, from: &[f32], walk: Walk, b: Panels<'_>, bias: &[f32], to: &mut [MaybeUninit<f32>], into: Walk,
    ) = singles, or portable;
}

pairs! {
    /// The same of pairs: `from` and `b` hold two numbers in the place of one.
    ///
    /// # Panics
    /// As [`convolve`].
    pub(super) fn convolve_pairs(
        extent: Extent, taps: Taps, from: &[f32], walk: Walk, b: Panels<'_>, bias: &[f32], to: &mut [MaybeUninit<f32>], into: Walk,
    ) = in_pairs;
}

#[allow(clippy::too_many_arguments, reason = "three matrices")]
fn check(extent: Extent, taps: Taps, from: &[f32], walk: Walk, b: Panels<'_>, bias: &[f32], to: &[MaybeUninit<f32>], into: Walk) {
    assert!([0, b.width(), extent[0] * b.width()].contains(&bias.len()), "convolve: {extent:?} with {}", bias.len());
    let fits = walk.fits(extent, taps.reach(), from.len()) && into.fits(extent, b.width(), to.len()) && taps.len() == b.inner();
    assert!(fits, "convolve: {extent:?} {taps:?} {walk:?} in {}, {into:?} in {}", from.len(), to.len());
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "three matrices")]
unsafe fn singles<V: Lanes>(
    extent: Extent,
    taps: Taps,
    from: &[f32],
    walk: Walk,
    b: Panels<'_>,
    bias: &[f32],
    to: &mut [MaybeUninit<f32>],
    into: Walk,
) {
    // SAFETY: as above.
    unsafe { over_panels::<V, Single>(extent, taps, from, walk, b, bias, to, into) }
}

/// # Safety
/// The processor has what [`Pair`] asks for.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "three matrices")]
unsafe fn in_pairs<V: Lanes>(
    extent: Extent,
    taps: Taps,
    from: &[f32],
    walk: Walk,
    b: Panels<'_>,
    bias: &[f32],
    to: &mut [MaybeUninit<f32>],
    into: Walk,
) where
    Pair: Dot<V>,
{
    // SAFETY: as above.
    unsafe { over_panels::<V, Pair>(extent, taps, from, walk, b, bias, to, into) }
}

/// # Safety
/// The processor has V's instruction set, and what D asks for.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "three matrices")]
unsafe fn over_panels<V: Lanes, D: Dot<V>>(
    extent: Extent,
    taps: Taps,
    from: &[f32],
    walk: Walk,
    b: Panels<'_>,
    bias: &[f32],
    to: &mut [MaybeUninit<f32>],
    into: Walk,
) {
    check(extent, taps, from, walk, b, bias, to, into);
    let [count, height, width] = extent;
    let [images, height, width] = if bias.len() > b.width() {
        let [_, height, width] = join([1, height, width], [walk, into]);
        [count, height, width]
    } else {
        join(extent, [walk, into])
    };
    for (cols, panel) in b.panels() {
        for (i, y) in (0..images).flat_map(|i| (0..height).map(move |y| (i, y))) {
            let at = into.at(i, y) + cols.start;
            let (a, c) = (from.as_ptr().wrapping_add(walk.at(i, y)), to.as_mut_ptr().cast::<f32>().wrapping_add(at));
            let bias = of_image(bias, i, b.width()).get(cols.clone()).map_or(std::ptr::null(), <[f32]>::as_ptr);
            // SAFETY: `check` found `taps` within `from` at every pixel of the extent, and b's width within `to`, of which this panel
            // has as many registers as the arm says, and a bias of that width or none; `join` names the same pixels.
            unsafe {
                match cols.len() / V::WIDTH {
                    1 => over_row::<V, D, 1>(width, taps, a, walk.pixel, panel.as_ptr(), bias, c, into.pixel),
                    2 => over_row::<V, D, 2>(width, taps, a, walk.pixel, panel.as_ptr(), bias, c, into.pixel),
                    4 => over_row::<V, D, 4>(width, taps, a, walk.pixel, panel.as_ptr(), bias, c, into.pixel),
                    _ => unreachable!("panels have 16 or 32 columns"),
                }
            }
        }
    }
}

/// # Safety
/// V's instruction set, and what D asks for; `width` pixels of `taps` from `a` on and of N registers from `c` on; `b` has
/// `taps.len()` rows of N registers, and `bias` one, or is null.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "three matrices")]
unsafe fn over_row<V: Lanes, D: Dot<V>, const N: usize>(
    width: usize,
    taps: Taps,
    a: *const f32,
    a_pixel: usize,
    b: *const f32,
    bias: *const f32,
    c: *mut f32,
    c_pixel: usize,
) {
    let mut x = 0;
    while x < width {
        let left = width - x;
        let (from, to) = (a.wrapping_add(x * a_pixel), c.wrapping_add(x * c_pixel));
        // SAFETY: at least as many pixels are left as the tile has.
        unsafe {
            if V::ROWS >= 12 && left >= 12 && left != 14 {
                tile::<V, D, 12, N>(taps, from, a_pixel, b, bias, to, c_pixel);
                x += 12;
            } else if V::ROWS >= 12 && (left == 7 || left == 14) {
                // Rows of 28, 14 and 7 pixels are common, and a tile of one pixel has too few sums to keep a processor busy.
                tile::<V, D, 7, N>(taps, from, a_pixel, b, bias, to, c_pixel);
                x += 7;
            } else if V::ROWS >= 8 && left >= 8 {
                tile::<V, D, 8, N>(taps, from, a_pixel, b, bias, to, c_pixel);
                x += 8;
            } else if V::ROWS < 8 && left >= 6 {
                tile::<V, D, 6, N>(taps, from, a_pixel, b, bias, to, c_pixel);
                x += 6;
            } else if left >= 4 {
                tile::<V, D, 4, N>(taps, from, a_pixel, b, bias, to, c_pixel);
                x += 4;
            } else if left >= 2 {
                tile::<V, D, 2, N>(taps, from, a_pixel, b, bias, to, c_pixel);
                x += 2;
            } else {
                tile::<V, D, 1, N>(taps, from, a_pixel, b, bias, to, c_pixel);
                x += 1;
            }
        }
    }
}

/// # Safety
/// As for [`over_row`], with M pixels.
#[inline(always)]
unsafe fn tile<V: Lanes, D: Dot<V>, const M: usize, const N: usize>(
    taps: Taps,
    a: *const f32,
    a_pixel: usize,
    mut b: *const f32,
    bias: *const f32,
    c: *mut f32,
    c_pixel: usize,
) {
    // SAFETY: i < M, p < run, v < N and t < rows, so every address is inside what the caller promises.
    unsafe {
        let mut start = [V::splat(0.0); N];
        if !bias.is_null() {
            for (v, start) in start.iter_mut().enumerate() {
                *start = V::load(bias.add(v * V::WIDTH));
            }
        }
        let mut sum = [start; M];
        for t in 0..taps.rows {
            let a = a.add(t * taps.step);
            for p in 0..taps.run {
                let mut right = [V::splat(0.0); N];
                for (v, r) in right.iter_mut().enumerate() {
                    *r = V::load(b.add(v * V::WIDTH));
                }
                for (i, row) in sum.iter_mut().enumerate() {
                    let left = V::splat(*a.add(i * a_pixel + p));
                    for (s, r) in row.iter_mut().zip(right) {
                        *s = D::dot(left, r, *s);
                    }
                }
                b = b.add(N * V::WIDTH);
            }
        }
        for (i, row) in sum.iter().enumerate() {
            for (v, s) in row.iter().enumerate() {
                s.store(c.add(i * c_pixel + v * V::WIDTH));
            }
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "three matrices")]
fn portable(
    extent: Extent,
    taps: Taps,
    from: &[f32],
    walk: Walk,
    b: Panels<'_>,
    bias: &[f32],
    to: &mut [MaybeUninit<f32>],
    into: Walk,
) {
    check(extent, taps, from, walk, b, bias, to, into);
    let [images, height, width] = extent;
    for (cols, panel) in b.panels() {
        let (steps, _) = panel.as_chunks::<16>();
        for (i, y) in (0..images).flat_map(|i| (0..height).map(move |y| (i, y))) {
            for x in 0..width {
                let mut sum = [0.0f32; 16];
                if let Some(bias) = of_image(bias, i, b.width()).get(cols.clone()) {
                    sum.copy_from_slice(bias);
                }
                for t in 0..taps.rows {
                    let a = &from[walk.at(i, y) + x * walk.pixel + t * taps.step..][..taps.run];
                    for (left, right) in a.iter().zip(&steps[t * taps.run..]) {
                        for (s, r) in sum.iter_mut().zip(right) {
                            *s += left * r;
                        }
                    }
                }
                to[into.at(i, y) + x * into.pixel + cols.start..][..16].write_copy_of_slice(&sum);
            }
        }
    }
}
