//! What surrounds a score network: rows times a number each, and half the squared distance of rows.
//!
//! A preconditioned model is y = a·p − b·q with one p and one q a row; a loss is ℓ = ½w‖s − t‖² of each row, and its gradient by s is
//! g·w·(s − t), by t the opposite.

use crate::dispatch::{active, simd};
use crate::lanes::sum2;
use crate::share::{SPAN, shares};
use rayon::prelude::*;

/// `y` `[n, d]` = `a`·`p` − `b`·`q`; `a` and `b` are `[n, d]`, `p` and `q` `[n]`.
///
/// # Panics
/// If the lengths do not fit.
pub fn blend(a: &[f32], p: &[f32], b: &[f32], q: &[f32], d: usize, y: &mut [f32]) {
    let fits = a.len() == y.len() && b.len() == y.len() && p.len() * d == y.len() && p.len() == q.len();
    assert!(fits, "blend: a {}, b {}, y {}, {} and {} rows of {d}", a.len(), b.len(), y.len(), p.len(), q.len());
    if !shares(y.len(), 100) {
        return blend_rows(active(), a, p, b, q, d, y);
    }
    let rows = SPAN.div_ceil(d);
    (a.par_chunks(rows * d), p.par_chunks(rows), b.par_chunks(rows * d), q.par_chunks(rows), y.par_chunks_mut(rows * d))
        .into_par_iter()
        .for_each(|(a, p, b, q, y)| blend_rows(active(), a, p, b, q, d, y));
}

/// `y` `[n, d]` = `a` `[n, d]` times one number a row, `p` `[n]`.
///
/// # Panics
/// If the lengths do not fit.
pub fn scale(a: &[f32], p: &[f32], d: usize, y: &mut [f32]) {
    assert!(a.len() == y.len() && p.len() * d == y.len(), "scale: a {}, y {}, {} rows of {d}", a.len(), y.len(), p.len());
    if !shares(y.len(), 80) {
        return scale_rows(active(), a, p, d, y);
    }
    let rows = SPAN.div_ceil(d);
    (a.par_chunks(rows * d), p.par_chunks(rows), y.par_chunks_mut(rows * d))
        .into_par_iter()
        .for_each(|(a, p, y)| scale_rows(active(), a, p, d, y));
}

/// `y` `[n]` = ½`w`‖`s` − `t`‖² of each row; `s` and `t` are `[n, d]`, `w` `[n]`.
///
/// # Panics
/// If the lengths do not fit.
pub fn weighted_squares(s: &[f32], t: &[f32], w: &[f32], d: usize, y: &mut [f32]) {
    let fits = s.len() == t.len() && s.len() == w.len() * d && w.len() == y.len();
    assert!(fits, "weighted_squares: s {}, t {}, w {}, {} rows of {d}", s.len(), t.len(), w.len(), y.len());
    if d == 0 {
        return y.fill(0.0);
    }
    if !shares(s.len(), 80) {
        return weighted_squares_rows(active(), s, t, w, d, y);
    }
    let rows = SPAN.div_ceil(d);
    (s.par_chunks(rows * d), t.par_chunks(rows * d), w.par_chunks(rows), y.par_chunks_mut(rows))
        .into_par_iter()
        .for_each(|(s, t, w, y)| weighted_squares_rows(active(), s, t, w, d, y));
}

/// `gs` `[n, d]` = `g`·`w`·(`s` − `t`): the gradient of [`weighted_squares`] by s, given the gradient `g` `[n]` of its result.
///
/// # Panics
/// If the lengths do not fit.
pub fn weighted_squares_backward(s: &[f32], t: &[f32], w: &[f32], g: &[f32], d: usize, gs: &mut [f32]) {
    let fits = s.len() == t.len() && s.len() == gs.len() && s.len() == w.len() * d && w.len() == g.len();
    assert!(
        fits,
        "weighted_squares_backward: s {}, t {}, w {}, {} rows of {d}, gs {}",
        s.len(),
        t.len(),
        w.len(),
        g.len(),
        gs.len()
    );
    let factors: Vec<f32> = w.iter().zip(g).map(|(w, g)| w * g).collect();
    blend(s, &factors, t, &factors, d, gs);
}

simd! {
    fn blend_rows(a: &[f32], p: &[f32], b: &[f32], q: &[f32], d: usize, y: &mut [f32]) = blend_body;
    fn scale_rows(a: &[f32], p: &[f32], d: usize, y: &mut [f32]) = scale_body;
    fn weighted_squares_rows(s: &[f32], t: &[f32], w: &[f32], d: usize, y: &mut [f32]) = weighted_squares_body;
}

#[inline(always)]
fn blend_body(a: &[f32], p: &[f32], b: &[f32], q: &[f32], d: usize, y: &mut [f32]) {
    let d = d.max(1);
    for ((((a, p), b), q), y) in a.chunks_exact(d).zip(p).zip(b.chunks_exact(d)).zip(q).zip(y.chunks_exact_mut(d)) {
        for ((a, b), y) in a.iter().zip(b).zip(y) {
            *y = a * p - b * q;
        }
    }
}

#[inline(always)]
fn scale_body(a: &[f32], p: &[f32], d: usize, y: &mut [f32]) {
    let d = d.max(1);
    for ((a, p), y) in a.chunks_exact(d).zip(p).zip(y.chunks_exact_mut(d)) {
        for (a, y) in a.iter().zip(y) {
            *y = a * p;
        }
    }
}

#[inline(always)]
fn weighted_squares_body(s: &[f32], t: &[f32], w: &[f32], d: usize, y: &mut [f32]) {
    let d = d.max(1);
    for (((s, t), w), y) in s.chunks_exact(d).zip(t.chunks_exact(d)).zip(w).zip(y) {
        *y = sum2(s, t, |s, t| (s - t) * (s - t)) * 0.5 * w;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{Simd, available};
    use crate::philox::tests::normals;
    use proptest::prelude::*;

    const SHAPES: [(usize, usize); 6] = [(0, 3), (2, 0), (1, 1), (65, 7), (9000, 2), (3, 20_000)];

    #[test]
    fn they_are_their_formulas_for_few_rows_and_for_many() {
        for (n, d) in SHAPES {
            let [s, t, w, g] = [(1, n * d), (2, n * d), (3, n), (4, n)].map(|(key, len)| normals(key, len));
            let (mut blended, mut scaled, mut losses, mut gs) =
                (vec![0.0; n * d], vec![0.0; n * d], vec![9.0; n], vec![0.0; n * d]);
            blend(&s, &w, &t, &g, d, &mut blended);
            scale(&s, &w, d, &mut scaled);
            weighted_squares(&s, &t, &w, d, &mut losses);
            weighted_squares_backward(&s, &t, &w, &g, d, &mut gs);
            for i in 0..n {
                let row = i * d..(i + 1) * d;
                let exact: f64 = row.clone().map(|k| 0.5 * f64::from(w[i]) * f64::from(s[k] - t[k]).powi(2)).sum();
                assert!(
                    (f64::from(losses[i]) - exact).abs() <= 1e-5 * exact.abs(),
                    "{n}×{d}, row {i}: {} not {exact}",
                    losses[i]
                );
                for k in row {
                    assert_eq!(blended[k], s[k] * w[i] - t[k] * g[i]);
                    assert_eq!(scaled[k], s[k] * w[i]);
                    let exact = f64::from(g[i]) * f64::from(w[i]) * (f64::from(s[k]) - f64::from(t[k]));
                    let rounding = f64::from((g[i] * w[i]).abs() * (s[k].abs() + t[k].abs()));
                    assert!((f64::from(gs[k]) - exact).abs() <= 4e-7 * rounding);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_variant_gives_the_bits_of_the_portable_twin(n in 0usize..5, d in 1usize..200, step: u32) {
            let [s, t, w, g] = [(step, n * d), (!step, n * d), (step ^ 1, n), (step ^ 2, n)].map(|(key, len)| normals(key, len));
            let run = |simd| {
                let (mut blended, mut scaled, mut losses) = (vec![0.0; n * d], vec![0.0; n * d], vec![0.0; n]);
                blend_rows(simd, &s, &w, &t, &g, d, &mut blended);
                scale_rows(simd, &s, &w, d, &mut scaled);
                weighted_squares_rows(simd, &s, &t, &w, d, &mut losses);
                [blended, scaled, losses].map(|v| v.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            };
            for &simd in available() {
                prop_assert_eq!(run(simd), run(Simd::PORTABLE), "{}", simd);
            }
        }
    }
}
