//! log p and ∇ log p of Gaussian mixtures, row by row, in double precision.
//!
//! For p = Σ_k w_k N(m_k, P_k⁻¹), with u_k = P_k(x − m_k) and ℓ_k = a_k − ½ u_kᵀ(x − m_k), a_k = ln w_k + ½ ln det(P_k/2π):
//!
//! log p = M + ln S, ∇ log p = −(1/S) Σ_k exp(ℓ_k − M) u_k, S = Σ_k exp(ℓ_k − M), M = max_k ℓ_k.
//!
//! M, S and the sum are kept up from component to component, with one exponential each (Milakov & Gimelshein 2018). 32 rows stand side by
//! side, coordinate by coordinate, so that a vector register holds one coordinate of several rows; the last few rows are filled up, and a
//! row's numbers do not depend on the others. Multiply-adds are fused on every machine (where the processor has none, slowly): the bits
//! are the same everywhere. Relative errors are a few 10⁻¹⁵ of the terms.

use crate::dispatch::{Simd, active, simd};
use crate::elementary64::{exp_of_nonpositive, ln};

/// The inverse of a covariance.
#[derive(Clone, Copy, Debug)]
pub enum Precision<'a> {
    /// p·I.
    Isotropic(f64),
    /// diag(p), `[d]`.
    Diagonal(&'a [f64]),
    /// Symmetric, `[d, d]`.
    Full(&'a [f64]),
    /// Symmetric, of which only entries up to b places from the diagonal are not 0: its diagonals `[2b + 1, d]`, the lowest first, entry
    /// P_{i,i+o−b} at `[o][i]` (0 outside of the matrix); and b.
    Banded(&'a [f64], usize),
}

/// One component.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// a = ln w + ½ ln det(P/2π).
    pub offset: f64,
    /// m, `[d]`.
    pub mean: &'a [f64],
    /// P.
    pub precision: Precision<'a>,
}

/// What is to be computed, for n rows.
pub struct Wanted<'a> {
    /// log p, `[n]`; may be empty.
    pub log_prob: &'a mut [f64],
    /// ∇ log p, `[n, d]`; may be empty.
    pub score: &'a mut [f64],
}

/// Memory that calls use again.
#[derive(Debug, Default)]
pub struct Scratch(Vec<[f64; LANES]>, Vec<f64>);

/// Rows side by side.
const LANES: usize = 32;
/// Half of them: with `TILE` sums each they fit the registers of a product with a full matrix.
const HALF: usize = 16;
const TILE: usize = 4;

/// log p and ∇ log p of the rows of `x` `[n, d]`, on the calling thread.
///
/// # Panics
/// If there is no part, or the lengths do not fit.
pub fn evaluate(parts: &[Part<'_>], d: usize, x: &[f64], wanted: Wanted<'_>, scratch: &mut Scratch) {
    evaluate_with(active(), parts, d, x, wanted, scratch);
}

fn evaluate_with(simd: Simd, parts: &[Part<'_>], d: usize, x: &[f64], wanted: Wanted<'_>, scratch: &mut Scratch) {
    assert!(d > 0 && x.len().is_multiple_of(d), "{} numbers are no whole number of rows of {d}", x.len());
    let Wanted { log_prob, score } = wanted;
    let n = x.len() / d;
    assert!(log_prob.is_empty() || log_prob.len() == n, "log p: {} for {n} rows", log_prob.len());
    assert!(score.is_empty() || score.len() == x.len(), "score: {} for {} numbers", score.len(), x.len());
    let fits = |part: &Part<'_>| {
        part.mean.len() == d
            && match part.precision {
                Precision::Isotropic(_) => true,
                Precision::Diagonal(p) => p.len() == d,
                Precision::Full(p) => p.len() == d * d,
                Precision::Banded(p, band) => p.len() == (2 * band + 1) * d,
            }
    };
    assert!(!parts.is_empty() && parts.iter().all(fits), "components of {d} dimensions");
    scratch.0.resize(4 * d, [0.0; LANES]);
    if let [part @ Part { precision: Precision::Banded(_, band), .. }] = parts
        && d > ALONG
    {
        scratch.1.clear();
        scratch.1.resize(2 * d + 2 * band, 0.0);
        return rows_along(simd, part, *band, x, log_prob, score, &mut scratch.1);
    }
    let rows = match d {
        1 => rows_1,
        2 => rows_2,
        3 => rows_3,
        _ => rows_any,
    };
    rows(simd, parts, d, x, log_prob, score, &mut scratch.0);
}

simd! {
    fn rows_along(part: &Part<'_>, band: usize, x: &[f64], log_prob: &mut [f64], score: &mut [f64], scratch: &mut [f64]) = rows_banded;
    fn rows_1(parts: &[Part<'_>], d: usize, x: &[f64], log_prob: &mut [f64], score: &mut [f64], scratch: &mut [[f64; LANES]]) = rows::<1>;
    fn rows_2(parts: &[Part<'_>], d: usize, x: &[f64], log_prob: &mut [f64], score: &mut [f64], scratch: &mut [[f64; LANES]]) = rows::<2>;
    fn rows_3(parts: &[Part<'_>], d: usize, x: &[f64], log_prob: &mut [f64], score: &mut [f64], scratch: &mut [[f64; LANES]]) = rows::<3>;
    fn rows_any(parts: &[Part<'_>], d: usize, x: &[f64], log_prob: &mut [f64], score: &mut [f64], scratch: &mut [[f64; LANES]]) = rows::<0>;
}

/// `D` is d where the compiler is to know it, else 0.
#[inline(always)]
fn rows<const D: usize>(
    parts: &[Part<'_>],
    d: usize,
    x: &[f64],
    log_prob: &mut [f64],
    score: &mut [f64],
    scratch: &mut [[f64; LANES]],
) {
    let d = if D > 0 { D } else { d };
    let (columns, rest) = scratch.split_at_mut(d);
    let (centred, rest) = rest.split_at_mut(d);
    let (u, sum) = rest.split_at_mut(d);
    let sum = &mut sum[..d];
    for (i, x) in x.chunks(LANES * d).enumerate() {
        let n = x.len() / d;
        to_columns(x, d, columns);
        let (mut top, mut total) = ([0.0; LANES], [1.0; LANES]);
        for (k, part) in parts.iter().enumerate() {
            let log = one(part, columns, centred, u);
            if k == 0 {
                top = log;
                sum.copy_from_slice(u);
            } else {
                join(&log, u, &mut top, &mut total, sum);
            }
        }
        if !log_prob.is_empty() {
            if parts.len() > 1 {
                for l in 0..LANES {
                    top[l] += ln(total[l]);
                }
            }
            log_prob[i * LANES..i * LANES + n].copy_from_slice(&top[..n]);
        }
        if !score.is_empty() {
            let mut share = [0.0; LANES];
            for l in 0..LANES {
                share[l] = -1.0 / total[l];
            }
            for column in sum.iter_mut() {
                for l in 0..LANES {
                    column[l] *= share[l];
                }
            }
            to_rows(sum, d, &mut score[i * LANES * d..(i * LANES + n) * d]);
        }
    }
}

/// x `[n ≤ 32, d]` to `[d, 32]`; what is missing is 0.
#[inline(always)]
fn to_columns(x: &[f64], d: usize, columns: &mut [[f64; LANES]]) {
    if x.len() == LANES * d {
        for (j, column) in columns.iter_mut().enumerate() {
            for l in 0..LANES {
                column[l] = x[l * d + j];
            }
        }
    } else {
        for (j, column) in columns.iter_mut().enumerate() {
            *column = [0.0; LANES];
            for (to, row) in column.iter_mut().zip(x.chunks_exact(d)) {
                *to = row[j];
            }
        }
    }
}

#[inline(always)]
fn to_rows(columns: &[[f64; LANES]], d: usize, x: &mut [f64]) {
    if x.len() == LANES * d {
        for l in 0..LANES {
            for j in 0..d {
                x[l * d + j] = columns[j][l];
            }
        }
    } else {
        for (l, row) in x.chunks_exact_mut(d).enumerate() {
            for (to, column) in row.iter_mut().zip(columns) {
                *to = column[l];
            }
        }
    }
}

/// u = P(x − m) and ℓ of one component.
#[inline(always)]
fn one(part: &Part<'_>, columns: &[[f64; LANES]], centred: &mut [[f64; LANES]], u: &mut [[f64; LANES]]) -> [f64; LANES] {
    let mut quadratic = [0.0; LANES];
    match part.precision {
        Precision::Isotropic(p) => {
            for ((x, u), m) in columns.iter().zip(u.iter_mut()).zip(part.mean) {
                along(x, *m, p, u, &mut quadratic);
            }
        }
        Precision::Diagonal(p) => {
            for (((x, u), m), p) in columns.iter().zip(u.iter_mut()).zip(part.mean).zip(p) {
                along(x, *m, *p, u, &mut quadratic);
            }
        }
        Precision::Full(p) | Precision::Banded(p, _) => {
            for ((x, c), m) in columns.iter().zip(centred.iter_mut()).zip(part.mean) {
                for l in 0..LANES {
                    c[l] = x[l] - m;
                }
            }
            match part.precision {
                Precision::Banded(_, band) => multiply_banded(p, band, centred, u),
                _ => multiply(p, centred, u),
            }
            for (u, c) in u.iter().zip(centred.iter()) {
                for l in 0..LANES {
                    quadratic[l] = u[l].mul_add(c[l], quadratic[l]);
                }
            }
        }
    }
    let mut log = [0.0; LANES];
    for l in 0..LANES {
        log[l] = quadratic[l].mul_add(-0.5, part.offset);
    }
    log
}

#[inline(always)]
fn along(x: &[f64; LANES], m: f64, p: f64, u: &mut [f64; LANES], quadratic: &mut [f64; LANES]) {
    for l in 0..LANES {
        let c = x[l] - m;
        u[l] = p * c;
        quadratic[l] = u[l].mul_add(c, quadratic[l]);
    }
}

/// u = P c, P `[d, d]` row-major.
#[inline(always)]
fn multiply(p: &[f64], c: &[[f64; LANES]], u: &mut [[f64; LANES]]) {
    let d = c.len();
    for first in [0, HALF] {
        let half = |column: &[f64; LANES]| -> [f64; HALF] { std::array::from_fn(|l| column[first + l]) };
        let mut i = 0;
        while i < d {
            let rows = TILE.min(d - i);
            let mut sums = [[0.0; HALF]; TILE];
            if rows == TILE {
                let row: [&[f64]; TILE] = std::array::from_fn(|a| &p[(i + a) * d..(i + a + 1) * d]);
                for (j, column) in c.iter().enumerate() {
                    let column = half(column);
                    for a in 0..TILE {
                        let factor = row[a][j];
                        for l in 0..HALF {
                            sums[a][l] = factor.mul_add(column[l], sums[a][l]);
                        }
                    }
                }
            } else {
                for (sums, row) in sums.iter_mut().zip(p[i * d..].chunks_exact(d)) {
                    for (factor, column) in row.iter().zip(c) {
                        let column = half(column);
                        for l in 0..HALF {
                            sums[l] = factor.mul_add(column[l], sums[l]);
                        }
                    }
                }
            }
            for (u, sums) in u[i..i + rows].iter_mut().zip(&sums) {
                u[first..first + HALF].copy_from_slice(sums);
            }
            i += rows;
        }
    }
}

/// u = P c, P `[d, d]` row-major and banded.
#[inline(always)]
fn multiply_banded(p: &[f64], band: usize, c: &[[f64; LANES]], u: &mut [[f64; LANES]]) {
    let d = c.len();
    for (i, u) in u.iter_mut().enumerate() {
        let (first, end) = (i.saturating_sub(band), (i + band + 1).min(d));
        let mut sums = [0.0; LANES];
        for (j, column) in (first..end).zip(&c[first..end]) {
            let factor = p[(j + band - i) * d + i];
            for l in 0..LANES {
                sums[l] = factor.mul_add(column[l], sums[l]);
            }
        }
        *u = sums;
    }
}

/// Numbers of one row side by side.
const ALONG: usize = 8;

/// One component with a banded matrix, in many dimensions: a row at a time, along its coordinates.
#[inline(always)]
fn rows_banded(part: &Part<'_>, band: usize, x: &[f64], log_prob: &mut [f64], score: &mut [f64], scratch: &mut [f64]) {
    let (d, Precision::Banded(p, _)) = (part.mean.len(), part.precision) else { return };
    // x − m with as many zeros on both sides as the band is wide.
    let (centred, u) = scratch.split_at_mut(d + 2 * band);
    for (r, x) in x.chunks_exact(d).enumerate() {
        for ((c, x), m) in centred[band..band + d].iter_mut().zip(x).zip(part.mean) {
            *c = x - m;
        }
        let u = &mut u[..d];
        u.fill(0.0);
        for (o, diagonal) in p.chunks_exact(d).enumerate() {
            for ((u, factor), c) in u.iter_mut().zip(diagonal).zip(&centred[o..o + d]) {
                *u = factor.mul_add(*c, *u);
            }
        }
        if let Some(log) = log_prob.get_mut(r) {
            let mut lanes = [0.0; ALONG];
            let (us, u_rest) = u.as_chunks::<ALONG>();
            let (cs, c_rest) = centred[band..band + d].as_chunks::<ALONG>();
            for (u, c) in us.iter().zip(cs) {
                for l in 0..ALONG {
                    lanes[l] = u[l].mul_add(c[l], lanes[l]);
                }
            }
            let rest: f64 = u_rest.iter().zip(c_rest).map(|(u, c)| u * c).sum();
            *log = (lanes.iter().sum::<f64>() + rest).mul_add(-0.5, part.offset);
        }
        if let Some(s) = score.get_mut(r * d..(r + 1) * d) {
            s.iter_mut().zip(u.iter()).for_each(|(s, u)| *s = -u);
        }
    }
}

/// One component more: M, S and Σ exp(ℓ − M) u.
#[inline(always)]
fn join(log: &[f64; LANES], u: &[[f64; LANES]], top: &mut [f64; LANES], total: &mut [f64; LANES], sum: &mut [[f64; LANES]]) {
    let (mut old, mut new) = ([0.0; LANES], [0.0; LANES]);
    for l in 0..LANES {
        let less = log[l] < top[l];
        // Of the two factors exp(M − M') and exp(ℓ − M') one is 1.
        let e = exp_of_nonpositive(if less { log[l] - top[l] } else { top[l] - log[l] });
        old[l] = if less { 1.0 } else { e };
        new[l] = if less { e } else { 1.0 };
        top[l] = if less { top[l] } else { log[l] };
        total[l] = total[l].mul_add(old[l], new[l]);
    }
    for (sum, u) in sum.iter_mut().zip(u) {
        for l in 0..LANES {
            sum[l] = (sum[l] * old[l]) + new[l] * u[l];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::available;
    use crate::philox::tests::normals;

    fn numbers(step: u32, n: usize) -> Vec<f64> {
        normals(step, n).into_iter().map(f64::from).collect()
    }

    /// AAᵀ/d + ½I.
    fn symmetric(step: u32, d: usize) -> Vec<f64> {
        let a = numbers(step, d * d);
        let entry = |i: usize, j: usize| (0..d).map(|k| a[i * d + k] * a[j * d + k]).sum::<f64>() / d as f64;
        (0..d * d).map(|at| entry(at / d, at % d) + if at / d == at % d { 0.5 } else { 0.0 }).collect()
    }

    struct Owned {
        offsets: Vec<f64>,
        means: Vec<Vec<f64>>,
        diagonals: Vec<Vec<f64>>,
        full: Vec<Vec<f64>>,
    }

    impl Owned {
        fn new(d: usize) -> Self {
            let of = |k: u32, step: u32, n: usize| numbers(100 * step + k, n);
            Self {
                offsets: of(0, 9, 4),
                means: (0..4).map(|k| of(k, 1, d).iter().map(|m| 2.0 * m).collect()).collect(),
                diagonals: (0..4).map(|k| of(k, 2, d).iter().map(|p| 0.3 + p.abs()).collect()).collect(),
                full: (0..4).map(|k| symmetric(300 + k, d)).collect(),
            }
        }

        /// Components 0 and 3 are full, 1 isotropic, 2 diagonal.
        fn parts(&self, count: usize) -> Vec<Part<'_>> {
            let precision = |k: usize| match k {
                1 => Precision::Isotropic(self.diagonals[k][0]),
                2 => Precision::Diagonal(&self.diagonals[k]),
                _ => Precision::Full(&self.full[k]),
            };
            (0..count).map(|k| Part { offset: self.offsets[k], mean: &self.means[k], precision: precision(k) }).collect()
        }
    }

    /// The formulas at the head of the file, one row and one term after the other.
    fn plain(parts: &[Part<'_>], x: &[f64]) -> (f64, Vec<f64>) {
        let d = x.len();
        let mut logs = Vec::new();
        let mut us = Vec::new();
        for part in parts {
            let c: Vec<f64> = x.iter().zip(part.mean).map(|(x, m)| x - m).collect();
            let u: Vec<f64> = (0..d)
                .map(|i| match part.precision {
                    Precision::Isotropic(p) => p * c[i],
                    Precision::Diagonal(p) => p[i] * c[i],
                    Precision::Full(p) => (0..d).map(|j| p[i * d + j] * c[j]).sum(),
                    Precision::Banded(p, b) => {
                        let within = i.saturating_sub(b)..(i + b + 1).min(d);
                        within.map(|j| p[(j + b - i) * d + i] * c[j]).sum()
                    }
                })
                .collect();
            logs.push(part.offset - 0.5 * u.iter().zip(&c).map(|(u, c)| u * c).sum::<f64>());
            us.push(u);
        }
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let shares: Vec<f64> = logs.iter().map(|l| (l - top).exp()).collect();
        let total: f64 = shares.iter().sum();
        let score = (0..d).map(|j| -shares.iter().zip(&us).map(|(s, u)| s * u[j]).sum::<f64>() / total).collect();
        (top + total.ln(), score)
    }

    fn both(simd: Simd, parts: &[Part<'_>], d: usize, x: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (mut log_prob, mut score) = (vec![0.0; x.len() / d], vec![0.0; x.len()]);
        let wanted = Wanted { log_prob: &mut log_prob, score: &mut score };
        evaluate_with(simd, parts, d, x, wanted, &mut Scratch::default());
        (log_prob, score)
    }

    #[test]
    fn it_is_the_formula_to_fourteen_digits_for_all_kinds_of_components_near_and_far() {
        for d in [1, 2, 3, 5, 10, 33] {
            let owned = Owned::new(d);
            for (count, spread) in [(1, 1.0), (2, 1.0), (3, 10.0), (4, 3.0), (4, 100.0)] {
                let parts = owned.parts(count);
                let x: Vec<f64> = numbers(7, 71 * d).iter().map(|x| spread * x).collect();
                let (log_prob, score) = both(active(), &parts, d, &x);
                for (i, row) in x.chunks_exact(d).enumerate() {
                    let (log, s) = plain(&parts, row);
                    assert!(
                        (log_prob[i] - log).abs() <= 4e-14 * (1.0 + log.abs()),
                        "d {d}, {count} parts: {} {log}",
                        log_prob[i]
                    );
                    let size = s.iter().map(|s| s * s).sum::<f64>().sqrt();
                    for (got, want) in score[i * d..(i + 1) * d].iter().zip(&s) {
                        // A difference of ℓ of size ℓ·ε in the exponent is one of that size in the score.
                        assert!((got - want).abs() <= 4e-14 * (1.0 + size) * (1.0 + log.abs()).min(100.0), "d {d}: {got} {want}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_variant_gives_the_bits_of_the_portable_twin_and_a_row_does_not_depend_on_its_neighbours() {
        for d in [1, 2, 3, 6, 11] {
            let owned = Owned::new(d);
            let parts = owned.parts(4);
            let x = numbers(8, 70 * d);
            let twin = both(Simd::PORTABLE, &parts, d, &x);
            for &simd in available() {
                assert_eq!(both(simd, &parts, d, &x), twin, "{simd}, d {d}");
            }
            let alone: Vec<f64> = x.chunks_exact(d).flat_map(|row| both(active(), &parts, d, row).1).collect();
            assert_eq!(alone, twin.1);
        }
    }

    #[test]
    fn log_p_alone_and_the_score_alone_are_those_of_both() {
        let owned = Owned::new(4);
        let parts = owned.parts(4);
        let x = numbers(8, 40 * 4);
        let (log_prob, score) = both(active(), &parts, 4, &x);
        let (mut log_alone, mut score_alone) = (vec![0.0; 40], vec![0.0; 160]);
        let scratch = &mut Scratch::default();
        evaluate(&parts, 4, &x, Wanted { log_prob: &mut log_alone, score: &mut [] }, scratch);
        evaluate(&parts, 4, &x, Wanted { log_prob: &mut [], score: &mut score_alone }, scratch);
        assert_eq!((log_alone, score_alone), (log_prob, score));
    }

    #[test]
    fn a_banded_matrix_gives_what_it_gives_as_a_full_one() {
        let d = 12;
        let owned = Owned::new(d);
        for band in [0, 1, 3, 11] {
            let outside = |at: usize| (at / d).abs_diff(at % d) > band;
            let p: Vec<f64> = owned.full[0].iter().enumerate().map(|(at, p)| if outside(at) { 0.0 } else { *p }).collect();
            let entry = |at: usize| (at % d + at / d).checked_sub(band).filter(|j| *j < d).map_or(0.0, |j| p[at % d * d + j]);
            let diagonals: Vec<f64> = (0..(2 * band + 1) * d).map(entry).collect();
            let x = numbers(8, 70 * d);
            let second = Part { offset: -0.2, mean: &owned.means[1], precision: Precision::Isotropic(0.7) };
            // Alone it goes along the coordinates, beside another across rows.
            for count in [1, 2] {
                let with = |precision| {
                    let parts = [Part { offset: 0.3, mean: &owned.means[0], precision }, second];
                    both(active(), &parts[..count], d, &x)
                };
                let ((log, score), (log_full, score_full)) =
                    (with(Precision::Banded(&diagonals, band)), with(Precision::Full(&p)));
                let near = |a: &f64, b: &f64| (a - b).abs() < 1e-12 * (1.0 + b.abs());
                assert!(
                    log.iter().zip(&log_full).all(|(a, b)| near(a, b)) && score.iter().zip(&score_full).all(|(a, b)| near(a, b))
                );
                let parts = [Part { offset: 0.3, mean: &owned.means[0], precision: Precision::Banded(&diagonals, band) }, second];
                let twin = both(Simd::PORTABLE, &parts[..count], d, &x);
                assert_eq!((log, score), twin, "the bits of the portable twin");
            }
        }
    }

    #[test]
    fn numbers_that_are_not_finite_stay_in_their_row() {
        let owned = Owned::new(2);
        let parts = owned.parts(3);
        let mut x = numbers(8, 20);
        (x[4], x[9]) = (f64::NAN, f64::INFINITY);
        let (_, score) = both(active(), &parts, 2, &x);
        for (i, s) in score.chunks_exact(2).enumerate() {
            assert_eq!(s.iter().all(|s| s.is_finite()), i != 2 && i != 4, "row {i}: {s:?}");
        }
    }
}
