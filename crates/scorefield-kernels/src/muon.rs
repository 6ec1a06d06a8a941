//! Muon (Jordan et al. 2024): momentum whose singular values are made about equal, for parameters that are matrices.
//!
//! With ĝ = c·g, c the gradient's scale, and M = U·Σ·Vᵀ the momentum as a matrix of r rows and k columns:
//!
//! M ← μM + (1 − μ)ĝ,  N = μM + (1 − μ)ĝ,  p ← p − η·λ·p − η·0.2·√max(r, k)·O(N),  O(N) ≈ U·Vᵀ.
//!
//! The factor 0.2·√max(r, k) gives the step the size that AdamW's has (Liu et al. 2025, "Muon is scalable for LLM training", eq. 4), so both
//! take the same η and λ. O comes from five steps of the quintic iteration X ← (a + b·XXᵀ + c·(XXᵀ)²)·X from X = N/‖N‖, whose coefficients bring
//! singular values from 0.002 to 1 into [0.68, 1.21], which is near enough. Every factor is a polynomial in A = XXᵀ, so all that is iterated is
//! the small Q, A ← PAP and Q ← QP with P = a + bA + cA², and the two products with X come before and after.

use crate::dispatch::{Simd, active};
use crate::matrix::pack::{Panels, pack, pack_transposed};
use crate::matrix::product::product;
use crate::matrix::rows::{Rows, RowsMut};
use crate::matrix::scratch;
use crate::share::shares;
use rayon::prelude::*;

/// a, b and c of the quintic (Jordan et al. 2024).
pub const QUINTIC: [f32; 3] = [3.4445, -4.7750, 2.0315];
/// How often it is applied.
pub const ITERATIONS: usize = 5;
/// The root mean square of AdamW's steps, about, as a fraction of the learning rate.
const ADAMW_SIZE: f32 = 0.2;
/// Columns of a packed matrix are a multiple of this.
const PANEL: usize = 16;

/// The constants of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hyper {
    /// Learning rate η.
    pub lr: f32,
    /// Decay μ of the momentum.
    pub momentum: f32,
    /// Weight decay λ.
    pub weight_decay: f32,
    /// Factor on the gradient: 1, or less where it is clipped.
    pub grad_scale: f32,
}

impl Hyper {
    /// What O(N) of a matrix is multiplied by before it is subtracted.
    pub fn rate(&self, rows: usize, cols: usize) -> f32 {
        self.lr * ADAMW_SIZE * (rows.max(cols) as f32).sqrt()
    }
}

/// A parameter `[rows, cols]` with its gradient and its momentum.
#[derive(Debug)]
pub struct Matrix {
    /// r.
    pub rows: usize,
    /// k.
    pub cols: usize,
    /// The parameter p, row-major.
    pub p: Vec<f32>,
    /// The gradient g.
    pub g: Vec<f32>,
    /// The momentum M.
    pub m: Vec<f32>,
}

/// One step on each of several matrices; `g` becomes O(N).
///
/// # Panics
/// If a matrix does not have rows · cols numbers of each kind.
pub fn muon(matrices: &mut [Matrix], hyper: Hyper) {
    let each = |matrix: &mut Matrix| matrix.step(active(), hyper);
    let numbers = matrices.iter().map(|matrix| matrix.p.len()).sum();
    // About thirty multiply-adds for a number and a row of the shorter side.
    if matrices.len() > 1 && shares(numbers, 20_000) {
        matrices.par_iter_mut().for_each(each);
    } else {
        matrices.iter_mut().for_each(each);
    }
}

impl Matrix {
    fn step(&mut self, simd: Simd, hyper: Hyper) {
        let Self { rows, cols, p, g, m } = self;
        let n = *rows * *cols;
        assert!([&p, &g, &m].iter().all(|v| v.len() == n), "muon: {rows}×{cols}, p {}, g {}, m {}", p.len(), g.len(), m.len());
        let Hyper { lr, momentum, weight_decay, grad_scale } = hyper;
        for (m, g) in m.iter_mut().zip(g.iter_mut()) {
            let new = (1.0 - momentum) * (grad_scale * *g);
            *m = momentum * *m + new;
            *g = momentum * *m + new;
        }
        orthogonalise_by(simd, g, *rows, *cols);
        let (rate, kept) = (hyper.rate(*rows, *cols), 1.0 - lr * weight_decay);
        p.iter_mut().zip(g).for_each(|(p, o)| *p = kept * *p - rate * *o);
    }
}

/// `x` `[rows, cols]` ← O(`x`), about U·Vᵀ of its singular value decomposition U·Σ·Vᵀ; zeros stay zeros.
///
/// # Panics
/// If x does not have as many numbers.
pub fn orthogonalise(x: &mut [f32], rows: usize, cols: usize) {
    orthogonalise_by(active(), x, rows, cols);
}

fn orthogonalise_by(simd: Simd, x: &mut [f32], rows: usize, cols: usize) {
    assert_eq!(x.len(), rows * cols, "orthogonalise: {rows}×{cols}");
    if rows > cols {
        return scratch::with([x.len()], |[t]| {
            transpose(x, cols, t);
            wide(simd, t, cols, rows);
            transpose(t, rows, x);
        });
    }
    if !x.is_empty() {
        wide(simd, x, rows, cols);
    }
}

/// The transpose of `from` `[k, cols]`.
fn transpose(from: &[f32], cols: usize, to: &mut [f32]) {
    let rows = from.len() / cols.max(1);
    for (j, to) in to.chunks_exact_mut(rows.max(1)).enumerate() {
        to.iter_mut().enumerate().for_each(|(i, to)| *to = from[i * cols + j]);
    }
}

/// The same for r ≤ k.
fn wide(simd: Simd, x: &mut [f32], r: usize, k: usize) {
    let (w, kw) = (r.next_multiple_of(PANEL), k.next_multiple_of(PANEL));
    scratch::with([k * w, r * kw, r * kw, r * w, r * w, r * w, r * w, kw.max(w)], |[xt, packed, y, a, q, p, next, zeros]| {
        zeros.fill(0.0);
        pack_transposed(simd, x, k, w, xt);
        product(simd, Rows::new(x, r, k, k), Panels::new(simd, xt, k, w), &zeros[..w], RowsMut::new(a, r, w, w));
        let trace: f64 = (0..r).map(|i| f64::from(a[i * w + i])).sum();
        let size = trace.sqrt() as f32;
        if size == 0.0 {
            return x.fill(0.0);
        }
        a.iter_mut().for_each(|a| *a = *a / size / size);
        // Left times a matrix of r columns.
        let by = |left: &[f32], right: &[f32], space: &mut [f32], to: &mut [f32]| {
            pack(simd, right, w, w, &mut space[..r * w]);
            let right = Panels::new(simd, &space[..r * w], r, w);
            product(simd, Rows::new(left, r, r, w), right, &zeros[..w], RowsMut::new(to, r, w, w));
        };
        for i in 0..ITERATIONS {
            by(a, a, packed, p);
            for (p, a) in p.iter_mut().zip(&*a) {
                *p = QUINTIC[2] * *p + QUINTIC[1] * a;
            }
            (0..r).for_each(|i| p[i * w + i] += QUINTIC[0]);
            if i == 0 {
                q.copy_from_slice(p);
            } else {
                by(q, p, packed, next);
                q.copy_from_slice(next);
            }
            if i + 1 < ITERATIONS {
                by(a, p, packed, next);
                by(next, p, packed, a);
            }
        }
        pack(simd, x, k, kw, packed);
        product(simd, Rows::new(q, r, r, w), Panels::new(simd, packed, r, kw), &zeros[..kw], RowsMut::new(y, r, kw, kw));
        for (x, y) in x.chunks_exact_mut(k).zip(y.chunks_exact(kw)) {
            x.iter_mut().zip(y).for_each(|(x, y)| *x = y / size);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::available;
    use crate::philox::tests::normals;

    const SHAPES: [(usize, usize); 7] = [(1, 1), (3, 5), (16, 16), (64, 9), (17, 300), (64, 576), (130, 70)];

    fn times(a: &[f64], b: &[f64], inner: usize, cols: usize) -> Vec<f64> {
        let row = |a: &[f64]| (0..cols).map(|j| (0..inner).map(|i| a[i] * b[i * cols + j]).sum()).collect::<Vec<f64>>();
        a.chunks_exact(inner).flat_map(row).collect()
    }

    fn turned(a: &[f64], cols: usize) -> Vec<f64> {
        (0..cols).flat_map(|j| a.chunks_exact(cols).map(move |row| row[j])).collect()
    }

    /// The iteration as it is written, in double precision.
    fn plain(x: &[f32], rows: usize, cols: usize) -> Vec<f64> {
        let norm = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        let mut x: Vec<f64> = x.iter().map(|x| f64::from(*x) / norm).collect();
        let [a, b, c] = QUINTIC.map(f64::from);
        for _ in 0..ITERATIONS {
            let gram = times(&x, &turned(&x, cols), cols, rows);
            let square = times(&gram, &gram, rows, rows);
            let factor: Vec<f64> = gram.iter().zip(square).map(|(g, s)| b * g + c * s).collect();
            x = times(&factor, &x, rows, cols).iter().zip(&x).map(|(y, x)| y + a * x).collect();
        }
        x
    }

    #[test]
    fn the_iteration_is_the_one_that_is_written_whatever_the_shape_and_the_instructions() {
        for (rows, cols) in SHAPES {
            let x = normals(7, rows * cols);
            let want = plain(&x, rows, cols);
            for &simd in available() {
                let mut got = x.clone();
                orthogonalise_by(simd, &mut got, rows, cols);
                // Numbers of a matrix whose squares sum to about the shorter side.
                let size = (1.0 / rows.max(cols) as f64).sqrt();
                for (got, want) in got.iter().zip(&want) {
                    assert!((f64::from(*got) - want).abs() <= 2e-3 * size, "{simd}: {rows}×{cols}: {got} not {want}");
                }
            }
        }
    }

    #[test]
    fn a_rotation_stays_one_and_singular_values_come_near_to_1() {
        // Rows that are orthogonal and of very different lengths.
        let (rows, cols) = (24, 40);
        let mut x = vec![0.0f32; rows * cols];
        (0..rows).for_each(|i| x[i * cols + (7 * i + 3) % cols] = 2f32.powi(i as i32 % 7 - 3));
        orthogonalise(&mut x, rows, cols);
        for (i, row) in x.chunks_exact(cols).enumerate() {
            for (j, x) in row.iter().enumerate() {
                let near = if j == (7 * i + 3) % cols { (0.68..=1.21).contains(x) } else { x.abs() < 1e-5 };
                assert!(near, "{i}, {j}: {x}");
            }
        }
    }

    #[test]
    fn a_step_is_its_formula_and_nothing_moves_without_gradient_and_momentum() {
        let (rows, cols) = (20, 33);
        let [p, g, m] = [1, 2, 3].map(|key| normals(key, rows * cols));
        let hyper = Hyper { lr: 0.01, momentum: 0.9, weight_decay: 0.5, grad_scale: 0.25 };
        let matrix = || Matrix { rows, cols, p: p.clone(), g: g.clone(), m: m.clone() };
        let mut stepped = [matrix(), matrix()];
        muon(&mut stepped, hyper);
        let new: Vec<f32> = m.iter().zip(&g).map(|(m, g)| 0.9 * m + 0.1 * 0.25 * g).collect();
        let mut o: Vec<f32> = new.iter().zip(&g).map(|(m, g)| 0.9 * m + 0.1 * 0.25 * g).collect();
        orthogonalise(&mut o, rows, cols);
        for i in 0..rows * cols {
            assert!((stepped[0].m[i] - new[i]).abs() <= 1e-6);
            let want = p[i] * (1.0 - 0.005) - 0.01 * 0.2 * 33f32.sqrt() * o[i];
            assert!((stepped[0].p[i] - want).abs() <= 1e-5, "{i}: {} not {want}", stepped[0].p[i]);
        }
        assert_eq!(stepped[0].p, stepped[1].p);
        let still = vec![0.0; rows * cols];
        let mut at_rest = [Matrix { rows, cols, p: p.clone(), g: still.clone(), m: still }];
        muon(&mut at_rest, Hyper { weight_decay: 0.0, ..hyper });
        assert_eq!(at_rest[0].p, p);
    }
}
