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
    if let Some(x) = x.get(..LANES * d) {
        // `x` and `d` of known lengths, where `d` is known: no bounds to check, so whole registers are shuffled.
        for (j, column) in columns[..d].iter_mut().enumerate() {
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
    if let Some(x) = x.get_mut(..LANES * d) {
        let columns = &columns[..d];
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
        // Of the two factors exp(M − M') and exp(ℓ − M') one is 1. Without a choice in the argument, or a compiler makes an exponential for each.
        let e = exp_of_nonpositive(-(log[l] - top[l]).abs());
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
mod tests;
