//! The same sums for a convolution to very few channels, where a panel would be mostly empty: a network's last layer.
//!
//! Numbers of a stretch go side by side through the lanes of a register, which are summed at the end, so that the order of a sum
//! depends on the length of the stretches only.

use super::walk::{Extent, Taps, Walk, join};
use crate::matrix::lanes::{Lanes, registers};
use std::mem::MaybeUninit;

/// The most channels that are few.
pub(super) const FEW: usize = 4;

registers! {
    /// `few` ≤ [`FEW`] numbers at each pixel of `into` = the stretches `taps`, of a multiple of 16 numbers, from each pixel of `walk`
    /// through `from` on, times `b` `[few, taps]`.
    ///
    /// # Panics
    /// If the slices are too short.
    pub(super) fn convolve(
        extent: Extent, taps: Taps, from: &[f32], walk: Walk, b: &[f32], few: usize, to: &mut [MaybeUninit<f32>], into: Walk,
    ) = over_images, or portable;
}

#[allow(clippy::too_many_arguments, reason = "three matrices")]
fn check(extent: Extent, taps: Taps, from: &[f32], walk: Walk, b: &[f32], few: usize, to: &[MaybeUninit<f32>], into: Walk) {
    let fits = walk.fits(extent, taps.reach(), from.len()) && into.fits(extent, few, to.len()) && b.len() == few * taps.len();
    assert!(fits && few <= FEW && taps.run.is_multiple_of(16), "convolve: {extent:?} {taps:?} {walk:?} {few} {into:?}");
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "three matrices")]
unsafe fn over_images<V: Lanes>(
    extent: Extent,
    taps: Taps,
    from: &[f32],
    walk: Walk,
    b: &[f32],
    few: usize,
    to: &mut [MaybeUninit<f32>],
    into: Walk,
) {
    check(extent, taps, from, walk, b, few, to, into);
    let [images, height, width] = join(extent, [walk, into]);
    for (i, y) in (0..images).flat_map(|i| (0..height).map(move |y| (i, y))) {
        let (a, c) = (from.as_ptr().wrapping_add(walk.at(i, y)), to.as_mut_ptr().cast::<f32>().wrapping_add(into.at(i, y)));
        // SAFETY: `check` found the stretches, of whole registers, and `few` numbers at every pixel of the extent, and b's rows.
        unsafe {
            match few {
                1 => over_row::<V, 1>(width, taps, a, walk.pixel, b.as_ptr(), c, into.pixel),
                2 => over_row::<V, 2>(width, taps, a, walk.pixel, b.as_ptr(), c, into.pixel),
                3 => over_row::<V, 3>(width, taps, a, walk.pixel, b.as_ptr(), c, into.pixel),
                _ => over_row::<V, 4>(width, taps, a, walk.pixel, b.as_ptr(), c, into.pixel),
            }
        }
    }
}

/// # Safety
/// V's instruction set; `width` pixels of `taps` from `a` on and of F numbers from `c` on; `b` has F rows of `taps.len()`.
#[inline(always)]
unsafe fn over_row<V: Lanes, const F: usize>(
    width: usize,
    taps: Taps,
    a: *const f32,
    a_pixel: usize,
    b: *const f32,
    c: *mut f32,
    c_pixel: usize,
) {
    let mut x = 0;
    while x < width {
        let (from, to) = (a.wrapping_add(x * a_pixel), c.wrapping_add(x * c_pixel));
        // SAFETY: at least as many pixels are left as are taken.
        unsafe {
            if V::ROWS >= 12 && width - x >= 4 {
                some::<V, 4, F>(taps, from, a_pixel, b, to, c_pixel);
                x += 4;
            } else if width - x >= 2 {
                some::<V, 2, F>(taps, from, a_pixel, b, to, c_pixel);
                x += 2;
            } else {
                some::<V, 1, F>(taps, from, a_pixel, b, to, c_pixel);
                x += 1;
            }
        }
    }
}

/// # Safety
/// As for [`over_row`], with M pixels.
#[inline(always)]
unsafe fn some<V: Lanes, const M: usize, const F: usize>(
    taps: Taps,
    a: *const f32,
    a_pixel: usize,
    b: *const f32,
    c: *mut f32,
    c_pixel: usize,
) {
    // SAFETY: m < M, f < F, t < rows, and p steps in whole registers through `run`.
    unsafe {
        let mut sum = [[V::splat(0.0); F]; M];
        for t in 0..taps.rows {
            let (a, b) = (a.add(t * taps.step), b.add(t * taps.run));
            let mut p = 0;
            while p < taps.run {
                let mut right = [V::splat(0.0); F];
                for (f, r) in right.iter_mut().enumerate() {
                    *r = V::load(b.add(f * taps.len() + p));
                }
                for (m, row) in sum.iter_mut().enumerate() {
                    let left = V::load(a.add(m * a_pixel + p));
                    for (s, r) in row.iter_mut().zip(right) {
                        *s = left.multiply_add(r, *s);
                    }
                }
                p += V::WIDTH;
            }
        }
        for (m, row) in sum.into_iter().enumerate() {
            for (f, s) in row.into_iter().enumerate() {
                *c.add(m * c_pixel + f) = s.sum();
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
    b: &[f32],
    few: usize,
    to: &mut [MaybeUninit<f32>],
    into: Walk,
) {
    check(extent, taps, from, walk, b, few, to, into);
    let [images, height, width] = extent;
    for (i, y) in (0..images).flat_map(|i| (0..height).map(move |y| (i, y))) {
        for x in 0..width {
            for f in 0..few {
                let stretch = |t: usize| {
                    let a = &from[walk.at(i, y) + x * walk.pixel + t * taps.step..][..taps.run];
                    crate::lanes::sum2(a, &b[f * taps.len() + t * taps.run..][..taps.run], |a, b| a * b)
                };
                to[into.at(i, y) + x * into.pixel + f].write((0..taps.rows).map(stretch).sum());
            }
        }
    }
}
