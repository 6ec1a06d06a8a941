//! A bias added to every row, alone or fused with SiLU, and its gradient, a sum over rows.
//!
//! Forward y = x + b or y = silu(x + b), with x `[n, d]` and b `[d]`. Backward gx = g·silu′(x + b) and gb = Σ over rows of gx. The sum runs
//! within blocks of 64 rows from the top, then over the blocks in order, so it does not depend on the number of threads.

use crate::dispatch::{Granted, active, simd};
use crate::pointwise::{Silu, over};
use crate::share::{SPAN, shares};
use rayon::prelude::*;

/// Rows whose sum is one partial sum.
const BLOCK: usize = 64;

/// `y` `[n, d]` = `x` `[n, d]` + `b` `[d]` in each row.
///
/// # Panics
/// If the lengths do not fit.
pub fn add_bias(x: &[f32], b: &[f32], y: &mut [f32]) {
    assert!(x.len() == y.len() && is_rows(x, b.len()), "add_bias: x {}, b {}, y {}", x.len(), b.len(), y.len());
    if !shares(x.len(), 50) {
        return add_rows(active(), x, b, y);
    }
    let span = SPAN.div_ceil(b.len()) * b.len();
    x.par_chunks(span).zip(y.par_chunks_mut(span)).for_each(|(x, y)| add_rows(active(), x, b, y));
}

/// `y` `[n, d]` = silu(`x` `[n, d]` + `b` `[d]`).
///
/// # Panics
/// If the lengths do not fit.
pub fn bias_silu(x: &[f32], b: &[f32], y: &mut [f32]) {
    assert!(x.len() == y.len() && is_rows(x, b.len()), "bias_silu: x {}, b {}, y {}", x.len(), b.len(), y.len());
    if !shares(x.len(), 300) {
        return silu_rows(active(), x, b, y);
    }
    let span = SPAN.div_ceil(b.len()) * b.len();
    x.par_chunks(span).zip(y.par_chunks_mut(span)).for_each(|(x, y)| silu_rows(active(), x, b, y));
}

/// The gradients `gx` `[n, d]` and `gb` `[d]` of [`bias_silu`] at `x` and `b`, given the gradient `g` `[n, d]` by y.
///
/// # Panics
/// If the lengths do not fit.
pub fn bias_silu_backward(x: &[f32], b: &[f32], g: &[f32], gx: &mut [f32], gb: &mut [f32]) {
    let fits = x.len() == g.len() && x.len() == gx.len() && is_rows(x, b.len()) && b.len() == gb.len();
    assert!(fits, "bias_silu_backward: x {}, b {}, g {}, gx {}, gb {}", x.len(), b.len(), g.len(), gx.len(), gb.len());
    gb.fill(0.0);
    if x.is_empty() {
        return;
    }
    let block = BLOCK * b.len();
    let mut partial = vec![0.0; x.len().div_ceil(block) * b.len()];
    if shares(x.len(), 400) {
        (x.par_chunks(block), g.par_chunks(block), gx.par_chunks_mut(block), partial.par_chunks_mut(b.len()))
            .into_par_iter()
            .with_min_len(SPAN.div_ceil(block))
            .for_each(|(x, g, gx, partial)| silu_backward_rows(active(), x, b, g, gx, partial));
    } else {
        let pieces = x.chunks(block).zip(g.chunks(block)).zip(gx.chunks_mut(block)).zip(partial.chunks_mut(b.len()));
        pieces.for_each(|(((x, g), gx), partial)| silu_backward_rows(active(), x, b, g, gx, partial));
    }
    add_rows_to(active(), &partial, gb);
}

/// `gb` `[d]` = the sum of the rows of `g` `[n, d]`: the gradient of [`add_bias`] by b.
///
/// # Panics
/// If the lengths do not fit.
pub fn column_sums(g: &[f32], d: usize, gb: &mut [f32]) {
    assert!(is_rows(g, d) && gb.len() == d, "column_sums: g {}, rows of {d}, gb {}", g.len(), gb.len());
    gb.fill(0.0);
    if g.is_empty() {
        return;
    }
    let block = BLOCK * d;
    let mut partial = vec![0.0; g.len().div_ceil(block) * d];
    if shares(g.len(), 50) {
        (g.par_chunks(block), partial.par_chunks_mut(d))
            .into_par_iter()
            .with_min_len(SPAN.div_ceil(block))
            .for_each(|(g, partial)| add_rows_to(active(), g, partial));
    } else {
        g.chunks(block).zip(partial.chunks_mut(d)).for_each(|(g, partial)| add_rows_to(active(), g, partial));
    }
    add_rows_to(active(), &partial, gb);
}

fn is_rows(x: &[f32], d: usize) -> bool {
    if d == 0 { x.is_empty() } else { x.len().is_multiple_of(d) }
}

simd! {
    fn add_rows(x: &[f32], b: &[f32], y: &mut [f32]) = add_body;
    fn silu_rows(x: &[f32], b: &[f32], y: &mut [f32]) =
        |x, b, y| silu_body(GRANTED, x, b, y);
    fn silu_backward_rows(x: &[f32], b: &[f32], g: &[f32], gx: &mut [f32], gb: &mut [f32]) =
        |x, b, g, gx, gb| silu_backward_body(GRANTED, x, b, g, gx, gb);
    fn add_rows_to(g: &[f32], sum: &mut [f32]) = add_rows_to_body;
}

#[inline(always)]
fn add_body(x: &[f32], b: &[f32], y: &mut [f32]) {
    let d = b.len().max(1);
    for (x, y) in x.chunks_exact(d).zip(y.chunks_exact_mut(d)) {
        for ((x, b), y) in x.iter().zip(b).zip(y) {
            *y = x + b;
        }
    }
}

#[inline(always)]
fn silu_body<const FUSED: bool>(granted: Granted<FUSED>, x: &[f32], b: &[f32], y: &mut [f32]) {
    let d = b.len().max(1);
    for (x, y) in x.chunks_exact(d).zip(y.chunks_exact_mut(d)) {
        over([x, b], y, |[x, b]| x + b, Silu::<FUSED, 0>(granted), |_, y| y);
    }
}

#[inline(always)]
fn silu_backward_body<const FUSED: bool>(
    granted: Granted<FUSED>,
    x: &[f32],
    b: &[f32],
    g: &[f32],
    gx: &mut [f32],
    gb: &mut [f32],
) {
    let d = b.len().max(1);
    for ((x, g), gx) in x.chunks_exact(d).zip(g.chunks_exact(d)).zip(gx.chunks_exact_mut(d)) {
        over([x, b, g], gx, |[x, b, _]| x + b, Silu::<FUSED, 1>(granted), |[_, _, g], slope| g * slope);
        for (gx, gb) in gx.iter().zip(&mut *gb) {
            *gb += gx;
        }
    }
}

#[inline(always)]
fn add_rows_to_body(g: &[f32], sum: &mut [f32]) {
    for g in g.chunks_exact(sum.len().max(1)) {
        for (g, sum) in g.iter().zip(&mut *sum) {
            *sum += g;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::{silu, silu_backward};
    use crate::dispatch::{Simd, available};
    use crate::philox::tests::normals;
    use proptest::prelude::*;

    const SHAPES: [(usize, usize); 7] = [(0, 3), (0, 0), (1, 1), (65, 7), (200, 130), (9000, 2), (3, 20_000)];

    #[test]
    fn the_fused_passes_are_add_bias_then_silu_and_column_sums() {
        for (n, d) in SHAPES {
            let (x, b, g) = (normals(1, n * d), normals(2, d), normals(3, n * d));
            let mut out = [(); 4].map(|()| vec![0.0; n * d]);
            let [sum, y, want, gx] = &mut out;
            let (mut gb, mut gb_want) = (vec![1.0; d], vec![2.0; d]);
            add_bias(&x, &b, sum);
            for (i, &s) in sum.iter().enumerate() {
                assert_eq!(s, x[i] + b[i % d]);
            }
            bias_silu(&x, &b, y);
            silu(sum, want);
            assert_eq!(y, want);
            bias_silu_backward(&x, &b, &g, gx, &mut gb);
            silu_backward(sum, &g, want);
            assert_eq!(gx, want);
            column_sums(gx, d, &mut gb_want);
            assert_eq!(gb, gb_want);
        }
    }

    #[test]
    fn column_sums_are_right_to_rounding_and_taken_in_blocks_of_64_rows() {
        for (n, d) in SHAPES {
            let g = normals(4, n * d);
            let mut gb = vec![1.0; d];
            column_sums(&g, d, &mut gb);
            for j in 0..d {
                let column: Vec<f32> = (0..n).map(|i| g[i * d + j]).collect();
                let exact: f64 = column.iter().map(|&g| f64::from(g)).sum();
                assert!((f64::from(gb[j]) - exact).abs() <= 1e-6 * (1.0 + n as f64).sqrt() * 10.0);
                let in_order = column.chunks(64).map(|c| c.iter().fold(0.0, |s, g| s + g)).fold(0.0f32, |s, c| s + c);
                assert_eq!(gb[j], in_order);
            }
        }
    }

    proptest! {
        #[test]
        fn every_variant_gives_the_sums_of_the_portable_twin_and_its_activations_to_rounding(n in 0usize..6, d in 1usize..90, step: u32) {
            let (x, b, g) = (normals(step, n * d), normals(!step, d), normals(step ^ 1, n * d));
            let run = |simd| {
                let mut out = [(); 4].map(|()| vec![0.0; n * d]);
                let [sum, y, gx, _] = &mut out;
                let (mut gb, mut total) = (vec![0.0; d], vec![0.0; d]);
                add_rows(simd, &x, &b, sum);
                silu_rows(simd, &x, &b, y);
                silu_backward_rows(simd, &x, &b, &g, gx, &mut gb);
                add_rows_to(simd, &g, &mut total);
                let [sum, y, gx, _] = out;
                ([sum, total], [y, gx, gb])
            };
            let (sums, activations) = run(Simd::PORTABLE);
            for &simd in available() {
                let got = run(simd);
                prop_assert_eq!(&got.0, &sums, "{}", simd);
                if simd != Simd::PORTABLE {
                    prop_assert_eq!(&got.1, &run(available()[1]).1, "{}", simd);
                }
                for (got, want) in got.1.iter().flatten().zip(activations.iter().flatten()) {
                    prop_assert!((got - want).abs() <= 1e-6 * (1.0 + want.abs()) * (1 + n) as f32, "{}: {} not {}", simd, got, want);
                }
            }
        }
    }
}
