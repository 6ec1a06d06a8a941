//! Layer normalisation of rows, without affine part (Ba, Kiros & Hinton 2016).
//!
//! For a row x of width d: μ = mean(x), v = mean((x − μ)²), r = 1/√(v + ε), y = (x − μ)·r. The variance is that of a second pass over the
//! row, so nothing cancels where |μ| ≫ √v. Backward, from g = ∂L/∂y:
//!
//! ∂L/∂x = r·(g − mean(g) − y·mean(g·y)).

use crate::dispatch::{active, simd};
use crate::lanes::{sum, sum2};
use crate::share::{SPAN, shares};
use rayon::prelude::*;

/// `y` `[n, d]` = the rows of `x` `[n, d]` normalised, `inv_std` `[n]` = r of each row.
///
/// # Panics
/// If the lengths do not fit.
pub fn forward(x: &[f32], d: usize, eps: f32, y: &mut [f32], inv_std: &mut [f32]) {
    let fits = x.len() == y.len() && x.len() == inv_std.len() * d;
    assert!(fits, "layer_norm: x {}, y {}, {} rows of {d}", x.len(), y.len(), inv_std.len());
    if x.is_empty() {
        return inv_std.fill(1.0 / eps.sqrt());
    }
    if !shares(x.len(), 200) {
        return forward_rows(active(), x, d, eps, y, inv_std);
    }
    let rows = SPAN.div_ceil(d);
    (x.par_chunks(rows * d), y.par_chunks_mut(rows * d), inv_std.par_chunks_mut(rows))
        .into_par_iter()
        .for_each(|(x, y, inv_std)| forward_rows(active(), x, d, eps, y, inv_std));
}

/// `gx` `[n, d]`: the gradient by x, from `y` and `inv_std` of [`forward`] and the gradient `g` `[n, d]` by y.
///
/// # Panics
/// If the lengths do not fit.
pub fn backward(y: &[f32], inv_std: &[f32], g: &[f32], d: usize, gx: &mut [f32]) {
    let fits = y.len() == g.len() && y.len() == gx.len() && y.len() == inv_std.len() * d;
    assert!(fits, "layer_norm: y {}, g {}, gx {}, {} rows of {d}", y.len(), g.len(), gx.len(), inv_std.len());
    if !shares(y.len(), 200) {
        return backward_rows(active(), y, inv_std, g, d, gx);
    }
    let rows = SPAN.div_ceil(d);
    (y.par_chunks(rows * d), inv_std.par_chunks(rows), g.par_chunks(rows * d), gx.par_chunks_mut(rows * d))
        .into_par_iter()
        .for_each(|(y, inv_std, g, gx)| backward_rows(active(), y, inv_std, g, d, gx));
}

simd! {
    fn forward_rows(x: &[f32], d: usize, eps: f32, y: &mut [f32], inv_std: &mut [f32]) = forward_body;
    fn backward_rows(y: &[f32], inv_std: &[f32], g: &[f32], d: usize, gx: &mut [f32]) = backward_body;
}

#[inline(always)]
fn forward_body(x: &[f32], d: usize, eps: f32, y: &mut [f32], inv_std: &mut [f32]) {
    let d = d.max(1);
    let per_number = 1.0 / d as f32;
    for ((x, y), inv_std) in x.chunks_exact(d).zip(y.chunks_exact_mut(d)).zip(inv_std) {
        let mean = sum(x, |x| x) * per_number;
        let variance = sum(x, |x| (x - mean) * (x - mean)) * per_number;
        let r = 1.0 / (variance + eps).sqrt();
        for (x, y) in x.iter().zip(y) {
            *y = (x - mean) * r;
        }
        *inv_std = r;
    }
}

#[inline(always)]
fn backward_body(y: &[f32], inv_std: &[f32], g: &[f32], d: usize, gx: &mut [f32]) {
    let d = d.max(1);
    let per_number = 1.0 / d as f32;
    for (((y, r), g), gx) in y.chunks_exact(d).zip(inv_std).zip(g.chunks_exact(d)).zip(gx.chunks_exact_mut(d)) {
        let mean_g = sum(g, |g| g) * per_number;
        let mean_gy = sum2(g, y, |g, y| g * y) * per_number;
        for ((y, g), gx) in y.iter().zip(g).zip(gx) {
            *gx = r * (g - mean_g - y * mean_gy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{Simd, available};
    use crate::philox::tests::normals;
    use proptest::prelude::*;

    const EPS: f32 = 1e-5;

    /// Forward in f64, straight from the formula.
    fn exact(x: &[f64], eps: f64) -> Vec<f64> {
        let d = x.len() as f64;
        let mean = x.iter().sum::<f64>() / d;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / d;
        x.iter().map(|x| (x - mean) / (variance + eps).sqrt()).collect()
    }

    #[test]
    fn rows_get_mean_zero_and_variance_one_even_far_from_the_origin() {
        for d in [1, 2, 3, 63, 64, 65, 784, 4096] {
            let n = 20_000 / d + 2;
            let offset = 100.0;
            let x: Vec<f32> = normals(1, n * d).iter().map(|z| offset + z).collect();
            let (mut y, mut inv_std) = (vec![0.0; n * d], vec![0.0; n]);
            forward(&x, d, EPS, &mut y, &mut inv_std);
            for (x, y) in x.chunks(d).zip(y.chunks(d)) {
                let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
                // The mean is rounded to 2⁻²⁴·100, and r may be as large as 316.
                let spread = x.iter().map(|a| (a - x[0]).abs()).fold(1e-3, f64::max);
                for (&y, want) in y.iter().zip(exact(&x, EPS.into())) {
                    assert!((f64::from(y) - want).abs() < 1e-5 * (1.0 + 5.0 / spread), "d {d}: {y}, not {want}");
                }
            }
        }
    }

    #[test]
    fn the_backward_pass_agrees_with_central_differences() {
        let (n, d) = (3, 21);
        let (x, g) = (normals(1, n * d), normals(2, n * d));
        let (mut y, mut inv_std, mut gx) = (vec![0.0; n * d], vec![0.0; n], vec![0.0; n * d]);
        forward(&x, d, EPS, &mut y, &mut inv_std);
        backward(&y, &inv_std, &g, d, &mut gx);
        let h = 1e-5;
        for i in 0..n * d {
            let row = i / d * d..i / d * d + d;
            let loss = |delta: f64| {
                let mut x: Vec<f64> = x[row.clone()].iter().map(|&x| f64::from(x)).collect();
                x[i % d] += delta;
                exact(&x, EPS.into()).iter().zip(&g[row.clone()]).map(|(y, &g)| y * f64::from(g)).sum::<f64>()
            };
            let slope = (loss(h) - loss(-h)) / (2.0 * h);
            assert!((f64::from(gx[i]) - slope).abs() < 2e-6, "{i}: {}, not {slope}", gx[i]);
        }
    }

    #[test]
    fn a_constant_row_becomes_zero() {
        let (mut y, mut inv_std) = ([1.0; 8], [0.0; 2]);
        forward(&[3.0; 8], 4, 0.25, &mut y, &mut inv_std);
        assert_eq!((y, inv_std), ([0.0; 8], [2.0; 2]));
    }

    #[test]
    fn no_rows_and_rows_of_width_zero_are_fine() {
        forward(&[], 4, EPS, &mut [], &mut []);
        backward(&[], &[], &[], 4, &mut []);
        let mut inv_std = [0.0; 2];
        forward(&[], 0, 0.25, &mut [], &mut inv_std);
        assert_eq!(inv_std, [2.0; 2]);
        backward(&[], &inv_std, &[], 0, &mut []);
    }

    proptest! {
        #[test]
        fn every_variant_gives_the_bits_of_the_portable_twin(n in 0usize..5, d in 1usize..200, step: u32) {
            let (x, g) = (normals(step, n * d), normals(!step, n * d));
            let run = |simd| {
                let (mut y, mut inv_std, mut gx) = (vec![0.0; n * d], vec![0.0; n], vec![0.0; n * d]);
                forward_rows(simd, &x, d, EPS, &mut y, &mut inv_std);
                backward_rows(simd, &y, &inv_std, &g, d, &mut gx);
                [y, inv_std, gx].map(|v| v.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            };
            for &simd in available() {
                prop_assert_eq!(run(simd), run(Simd::PORTABLE), "{}", simd);
            }
        }
    }
}
