//! The channels of two images side by side, and a part of an image's channels: what a U-Net does with the images that it kept.

use super::uninit;
use crate::share::{SPAN, shares};
use rayon::prelude::*;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Picoseconds a number takes that is copied.
const PICOSECONDS: usize = 150;

/// Pixels `[n, a.1 + b.1]` whose first features are those of `a.0` `[n, a.1]` and whose others are those of `b.0` `[n, b.1]`.
///
/// # Panics
/// If the two do not have as many pixels, or no features.
pub fn beside(a: (&[f32], usize), b: (&[f32], usize)) -> Vec<f32> {
    let ((a, p), (b, q)) = (a, b);
    let fits = p > 0 && q > 0 && a.len().is_multiple_of(p) && b.len() == a.len() / p * q;
    assert!(fits, "beside: {} numbers by {p} and {} by {q}", a.len(), b.len());
    let join = |a: &[f32], b: &[f32], y: &mut [MaybeUninit<f32>]| {
        for ((a, b), y) in a.chunks_exact(p).zip(b.chunks_exact(q)).zip(y.chunks_exact_mut(p + q)) {
            y[..p].write_copy_of_slice(a);
            y[p..].write_copy_of_slice(b);
        }
    };
    // SAFETY: the pixels of the pieces are all of y's, and each is written: the first p numbers and the other q.
    unsafe {
        uninit::vector(a.len() + b.len(), |y| {
            if shares(y.len(), PICOSECONDS) {
                let pixels = SPAN.div_ceil(p + q);
                let given = a.par_chunks(pixels * p).zip(b.par_chunks(pixels * q));
                given.zip(y.par_chunks_mut(pixels * (p + q))).for_each(|((a, b), y)| join(a, b, y));
            } else {
                join(a, b, y);
            }
        })
    }
}

/// The features `part` of every pixel of `x` `[n, features]`.
///
/// # Panics
/// If x is no whole number of pixels, or the part is empty or not in them.
pub fn part(x: &[f32], features: usize, part: Range<usize>) -> Vec<f32> {
    let fits = !part.is_empty() && part.end <= features && x.len().is_multiple_of(features);
    assert!(fits, "part: {part:?} of pixels of {features} in {} numbers", x.len());
    let take = |(x, y): (&[f32], &mut [MaybeUninit<f32>])| {
        for (x, y) in x.chunks_exact(features).zip(y.chunks_exact_mut(part.len())) {
            y.write_copy_of_slice(&x[part.clone()]);
        }
    };
    // SAFETY: the pixels of the pieces are all of y's, and each is written.
    unsafe {
        uninit::vector(x.len() / features * part.len(), |y| {
            if shares(y.len(), PICOSECONDS) {
                let pixels = SPAN.div_ceil(features);
                x.par_chunks(pixels * features).zip(y.par_chunks_mut(pixels * part.len())).for_each(take);
            } else {
                take((x, y));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::philox::tests::normals;

    #[test]
    fn what_is_put_side_by_side_comes_apart_again_for_few_pixels_and_for_many() {
        for (n, p, q) in [(0, 1, 1), (1, 3, 2), (7, 1, 64), (9000, 32, 17), (4100, 64, 64)] {
            let (a, b) = (normals(1, n * p), normals(2, n * q));
            let y = beside((&a, p), (&b, q));
            for (i, y) in y.chunks_exact(p + q).enumerate() {
                assert_eq!((&y[..p], &y[p..]), (&a[i * p..][..p], &b[i * q..][..q]), "{n} pixels, {p} and {q}: pixel {i}");
            }
            assert_eq!(y.len(), n * (p + q));
            assert_eq!((part(&y, p + q, 0..p), part(&y, p + q, p..p + q)), (a, b));
        }
    }
}
