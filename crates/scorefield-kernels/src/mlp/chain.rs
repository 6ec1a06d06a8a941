//! The chain rule of an activation, element by element, for a block of points along one direction.
//!
//! Forward, with a′, a″ at the point's u:
//!
//! ḣ = a′u̇,  ḧ = a″u̇² + a′ü.
//!
//! Backward, from the gradients g₁, g₂ by ḣ and ḧ to those by u̇, ü, and the part of the gradient by u that comes through them:
//!
//! g(u̇) = a′g₁ + 2a″u̇g₂,  g(ü) = a′g₂,  g(u) += a″u̇g₁ + (a‴u̇² + a″ü)g₂.
//!
//! Slices named `a…`, `u…` and `sum` have rows of `width` without gaps; those named `h…` and `g…` have rows `stride` apart.

use crate::dispatch::simd;

simd! {
    /// ḣ.
    pub(super) fn first(width: usize, stride: usize, a1: &[f32], u1: &[f32], h1: &mut [f32]) = first_body;
    /// ḣ and ḧ; an empty `u2` stands for zeros.
    pub(super) fn second(
        width: usize, stride: usize, a1: &[f32], a2: &[f32], u1: &[f32], u2: &[f32], h1: &mut [f32], h2: &mut [f32],
    ) = second_body;
    /// The gradient by u in place of that by h: a′g + `sum`, or a′g if `sum` is empty.
    pub(super) fn values_backward(width: usize, stride: usize, a1: &[f32], sum: &[f32], g: &mut [f32]) = values_backward_body;
    /// `g1`: from the gradient by ḣ to that by u̇; `sum`: the gradient by u; `h1`: ḣ once more.
    pub(super) fn first_backward(
        width: usize, stride: usize, a1: &[f32], a2: &[f32], u1: &[f32], g1: &mut [f32], sum: &mut [f32], h1: &mut [f32],
    ) = first_backward_body;
    /// `g1`, `g2`: from the gradients by ḣ, ḧ to those by u̇, ü; `sum`: the gradient by u; `h1`, `h2`: ḣ, ḧ once more.
    pub(super) fn second_backward(
        width: usize, stride: usize, a: [&[f32]; 3], u1: &[f32], u2: &[f32], g1: &mut [f32], g2: &mut [f32], sum: &mut [f32],
        h1: &mut [f32], h2: &mut [f32],
    ) = second_backward_body;
}

#[inline(always)]
fn first_body(width: usize, stride: usize, a1: &[f32], u1: &[f32], h1: &mut [f32]) {
    for ((a1, u1), h1) in a1.chunks_exact(width).zip(u1.chunks_exact(width)).zip(h1.chunks_mut(stride)) {
        for ((a1, u1), h1) in a1.iter().zip(u1).zip(h1) {
            *h1 = a1 * u1;
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "one slice for each symbol of the formula")]
fn second_body(width: usize, stride: usize, a1: &[f32], a2: &[f32], u1: &[f32], u2: &[f32], h1: &mut [f32], h2: &mut [f32]) {
    let rows = a1.chunks_exact(width).zip(a2.chunks_exact(width)).zip(u1.chunks_exact(width));
    for (i, (((a1, a2), u1), (h1, h2))) in rows.zip(h1.chunks_mut(stride).zip(h2.chunks_mut(stride))).enumerate() {
        let (h1, h2) = (&mut h1[..width], &mut h2[..width]);
        if u2.is_empty() {
            for j in 0..width {
                h1[j] = a1[j] * u1[j];
                h2[j] = a2[j] * u1[j] * u1[j];
            }
        } else {
            let u2 = &u2[i * width..][..width];
            for j in 0..width {
                h1[j] = a1[j] * u1[j];
                h2[j] = a2[j] * u1[j] * u1[j] + a1[j] * u2[j];
            }
        }
    }
}

#[inline(always)]
fn values_backward_body(width: usize, stride: usize, a1: &[f32], sum: &[f32], g: &mut [f32]) {
    for (i, (a1, g)) in a1.chunks_exact(width).zip(g.chunks_mut(stride)).enumerate() {
        let g = &mut g[..width];
        if sum.is_empty() {
            for j in 0..width {
                g[j] *= a1[j];
            }
        } else {
            let sum = &sum[i * width..][..width];
            for j in 0..width {
                g[j] = a1[j] * g[j] + sum[j];
            }
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "one slice for each symbol of the formula")]
fn first_backward_body(
    width: usize,
    stride: usize,
    a1: &[f32],
    a2: &[f32],
    u1: &[f32],
    g1: &mut [f32],
    sum: &mut [f32],
    h1: &mut [f32],
) {
    let rows = a1.chunks_exact(width).zip(a2.chunks_exact(width)).zip(u1.chunks_exact(width).zip(sum.chunks_exact_mut(width)));
    for (((a1, a2), (u1, sum)), (g1, h1)) in rows.zip(g1.chunks_mut(stride).zip(h1.chunks_mut(stride))) {
        let (g1, h1) = (&mut g1[..width], &mut h1[..width]);
        for j in 0..width {
            h1[j] = a1[j] * u1[j];
            sum[j] += a2[j] * u1[j] * g1[j];
            g1[j] *= a1[j];
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "one slice for each symbol of the formula")]
fn second_backward_body(
    width: usize,
    stride: usize,
    [a1, a2, a3]: [&[f32]; 3],
    u1: &[f32],
    u2: &[f32],
    g1: &mut [f32],
    g2: &mut [f32],
    sum: &mut [f32],
    h1: &mut [f32],
    h2: &mut [f32],
) {
    for (i, sum) in sum.chunks_exact_mut(width).enumerate() {
        let [a1, a2, a3, u1] = [a1, a2, a3, u1].map(|s| &s[i * width..][..width]);
        let [g1, g2, h1, h2] = [&mut *g1, &mut *g2, &mut *h1, &mut *h2].map(|s| &mut s[i * stride..][..width]);
        // The input's second derivative is 0, so layer 1 has no ü.
        let u2 = if u2.is_empty() { None } else { Some(&u2[i * width..][..width]) };
        for j in 0..width {
            let second = u2.map_or(0.0, |u2| u2[j]);
            let bend = a2[j] * u1[j];
            h1[j] = a1[j] * u1[j];
            h2[j] = bend * u1[j] + a1[j] * second;
            sum[j] += bend * g1[j] + (a3[j] * u1[j] * u1[j] + a2[j] * second) * g2[j];
            g1[j] = a1[j] * g1[j] + 2.0 * bend * g2[j];
            g2[j] *= a1[j];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{Simd, available};
    use crate::philox::{Stream, fill_normal};

    fn normals(step: u32, n: usize) -> Vec<f32> {
        let mut out = vec![0.0; n];
        fill_normal(Stream { seed: 8, purpose: 0, step }, 0, 1, &mut out);
        out
    }

    #[test]
    fn every_variant_gives_the_bits_of_the_portable_twin() {
        let (rows, width, stride) = (5, 48, 80);
        let [a1, a2, a3, u1, u2] = [1, 2, 3, 4, 5].map(|step| normals(step, rows * width));
        let run = |simd| {
            let mut spaced = [10, 11, 12, 13].map(|step| normals(step, rows * stride));
            let mut sum = normals(20, rows * width);
            let [h1, h2, g1, g2] = &mut spaced;
            second(simd, width, stride, &a1, &a2, &u1, &u2, h1, h2);
            let ahead = [h1.clone(), h2.clone()];
            second(simd, width, stride, &a1, &a2, &u1, &[], h1, h2);
            let flat = h2.clone();
            first_backward(simd, width, stride, &a1, &a2, &u1, g1, &mut sum, h1);
            second_backward(simd, width, stride, [&a1, &a2, &a3], &u1, &u2, g1, g2, &mut sum, h1, h2);
            assert_eq!([&h1[..], &h2[..]], [&ahead[0][..], &ahead[1][..]]);
            values_backward(simd, width, stride, &a1, &sum, g1);
            values_backward(simd, width, stride, &a1, &[], g2);
            first(simd, width, stride, &a1, &u1, h1);
            (spaced, sum, flat)
        };
        for &simd in available() {
            assert!(run(simd) == run(Simd::PORTABLE), "{simd}");
        }
    }
}
