//! C += Aᵀ·G over all pixels of a block, A as in [`product`](super::product): the gradient of a convolution's weights.
//!
//! A tile of C, some numbers of a stretch by one or two registers of outputs, stays in registers over all pixels in order.

use super::walk::{Extent, Taps, Walk, join, strips};
use crate::matrix::lanes::{Lanes, registers};
use crate::matrix::pairs::{Dot, Pair, Single, pairs};

/// Numbers of `a` and `g` that every tile of C goes over before the next numbers' turn comes: as many as the first cache has room for.
const STRIP: usize = 6 << 10;

/// The fewest pixels at a time: a tile is loaded and stored for each of them.
const FEWEST: usize = 48;

registers! {
    /// `c` `[taps, w]` += Σ over the pixels of the stretches `taps` from `walk` through `a` on, times w numbers from `along` through
    /// `g` on. w is a multiple of 16; where a pixel of `g` has fewer numbers, what follows is read too and its columns mean nothing.
    ///
    /// # Panics
    /// If the slices are too short.
    pub(super) fn accumulate(
        extent: Extent, taps: Taps, a: &[f32], walk: Walk, g: &[f32], along: Walk, w: usize, c: &mut [f32],
    ) = singles, or portable;
}

pairs! {
    /// The same of pairs: `a` and `g` hold the numbers of two pixels in the place of one, and `c` what they are.
    ///
    /// # Panics
    /// As [`accumulate`].
    pub(super) fn accumulate_pairs(
        extent: Extent, taps: Taps, a: &[f32], walk: Walk, g: &[f32], along: Walk, w: usize, c: &mut [f32],
    ) = in_pairs;
}

#[allow(clippy::too_many_arguments, reason = "three matrices")]
fn check(extent: Extent, taps: Taps, a: &[f32], walk: Walk, g: &[f32], along: Walk, w: usize, c: &[f32]) {
    let fits = walk.fits(extent, taps.reach(), a.len()) && along.fits(extent, w, g.len());
    let whole = c.len() == taps.len() * w && w.is_multiple_of(16);
    assert!(
        fits && whole,
        "accumulate: {extent:?} {taps:?} {walk:?} in {}, {along:?} in {}, {w} in {}",
        a.len(),
        g.len(),
        c.len()
    );
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "three matrices")]
unsafe fn singles<V: Lanes>(extent: Extent, taps: Taps, a: &[f32], walk: Walk, g: &[f32], along: Walk, w: usize, c: &mut [f32]) {
    // SAFETY: as above.
    unsafe { over_panels::<V, Single>(extent, taps, a, walk, g, along, w, c) }
}

/// # Safety
/// The processor has what [`Pair`] asks for.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "three matrices")]
unsafe fn in_pairs<V: Lanes>(extent: Extent, taps: Taps, a: &[f32], walk: Walk, g: &[f32], along: Walk, w: usize, c: &mut [f32])
where
    Pair: Dot<V>,
{
    // SAFETY: as above.
    unsafe { over_panels::<V, Pair>(extent, taps, a, walk, g, along, w, c) }
}

/// # Safety
/// The processor has V's instruction set, and what D asks for.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "three matrices")]
unsafe fn over_panels<V: Lanes, D: Dot<V>>(
    extent: Extent,
    taps: Taps,
    a: &[f32],
    walk: Walk,
    g: &[f32],
    along: Walk,
    w: usize,
    c: &mut [f32],
) {
    check(extent, taps, a, walk, g, along, w, c);
    let extent = join(extent, [walk, along]);
    let pixels = (STRIP / (walk.pixel + w).max(1)).max(FEWEST);
    for (extent, [walk, along]) in strips(extent, pixels, [walk, along]) {
        let mut first = 0;
        while first < w {
            let vectors = ((w - first) / V::WIDTH).min(if V::WIDTH == 4 { 4 } else { 2 });
            for t in 0..taps.rows {
                let from = Walk { first: walk.first + t * taps.step, ..walk };
                let to = &mut c[t * taps.run * w + first..];
                let along = Walk { first: along.first + first, ..along };
                // SAFETY: `check` found the stretch and w numbers of g at every pixel, of which the strip has some, and c large enough;
                // `vectors` registers are left.
                unsafe {
                    match vectors {
                        1 => over_run::<V, D, 1>(extent, taps.run, a, from, g, along, to, w),
                        2 => over_run::<V, D, 2>(extent, taps.run, a, from, g, along, to, w),
                        _ => over_run::<V, D, 4>(extent, taps.run, a, from, g, along, to, w),
                    }
                }
            }
            first += vectors * V::WIDTH;
        }
    }
}

/// # Safety
/// V's instruction set, and what D asks for; `run` numbers of `a` and N registers of `g` at each pixel; `run` rows of N registers of `c`, `w` apart.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "three matrices")]
unsafe fn over_run<V: Lanes, D: Dot<V>, const N: usize>(
    extent: Extent,
    run: usize,
    a: &[f32],
    walk: Walk,
    g: &[f32],
    along: Walk,
    c: &mut [f32],
    w: usize,
) {
    let (a, g, c) = (a.as_ptr(), g.as_ptr(), c.as_mut_ptr());
    let mut i = 0;
    while i < run {
        let left = run - i;
        let (a, c) = (a.wrapping_add(i), c.wrapping_add(i * w));
        // SAFETY: at least as many numbers of the stretch are left as the tile has rows.
        unsafe {
            if V::ROWS >= 12 && left >= 12 {
                tile::<V, D, 12, N>(extent, a, walk, g, along, c, w);
                i += 12;
            } else if V::ROWS >= 8 && left >= 8 {
                tile::<V, D, 8, N>(extent, a, walk, g, along, c, w);
                i += 8;
            } else if V::ROWS < 8 && left >= 6 {
                tile::<V, D, 6, N>(extent, a, walk, g, along, c, w);
                i += 6;
            } else if left >= 4 {
                tile::<V, D, 4, N>(extent, a, walk, g, along, c, w);
                i += 4;
            } else if left == 3 {
                tile::<V, D, 3, N>(extent, a, walk, g, along, c, w);
                i += 3;
            } else if left >= 2 {
                tile::<V, D, 2, N>(extent, a, walk, g, along, c, w);
                i += 2;
            } else {
                tile::<V, D, 1, N>(extent, a, walk, g, along, c, w);
                i += 1;
            }
        }
    }
}

/// # Safety
/// As for [`over_run`], with M numbers.
#[inline(always)]
unsafe fn tile<V: Lanes, D: Dot<V>, const M: usize, const N: usize>(
    [images, height, width]: Extent,
    a: *const f32,
    walk: Walk,
    g: *const f32,
    along: Walk,
    c: *mut f32,
    w: usize,
) {
    // SAFETY: i < M and v < N at pixels of the extent, so every address is inside what the caller promises; the pointers that are
    // stepped past the last pixel of a row are not read from.
    unsafe {
        let mut sum = [[V::splat(0.0); N]; M];
        for (i, row) in sum.iter_mut().enumerate() {
            for (v, s) in row.iter_mut().enumerate() {
                *s = V::load(c.add(i * w + v * V::WIDTH));
            }
        }
        for image in 0..images {
            for y in 0..height {
                let (mut a, mut g) = (a.add(walk.at(image, y)), g.add(along.at(image, y)));
                for _ in 0..width {
                    let mut right = [V::splat(0.0); N];
                    for (v, r) in right.iter_mut().enumerate() {
                        *r = V::load(g.add(v * V::WIDTH));
                    }
                    for (i, row) in sum.iter_mut().enumerate() {
                        let left = V::splat(*a.add(i));
                        for (s, r) in row.iter_mut().zip(right) {
                            *s = D::dot(left, r, *s);
                        }
                    }
                    (a, g) = (a.wrapping_add(walk.pixel), g.wrapping_add(along.pixel));
                }
            }
        }
        for (i, row) in sum.iter().enumerate() {
            for (v, s) in row.iter().enumerate() {
                s.store(c.add(i * w + v * V::WIDTH));
            }
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "three matrices")]
fn portable(extent: Extent, taps: Taps, a: &[f32], walk: Walk, g: &[f32], along: Walk, w: usize, c: &mut [f32]) {
    check(extent, taps, a, walk, g, along, w, c);
    let [images, height, width] = extent;
    for (i, y) in (0..images).flat_map(|i| (0..height).map(move |y| (i, y))) {
        for x in 0..width {
            let g = &g[along.at(i, y) + x * along.pixel..][..w];
            for t in 0..taps.rows {
                let a = &a[walk.at(i, y) + x * walk.pixel + t * taps.step..][..taps.run];
                for (left, c) in a.iter().zip(c[t * taps.run * w..].chunks_exact_mut(w)) {
                    for (s, r) in c.iter_mut().zip(g) {
                        *s += left * r;
                    }
                }
            }
        }
    }
}
