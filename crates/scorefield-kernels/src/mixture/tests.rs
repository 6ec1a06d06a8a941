//! Oracles of the mixture: its formula term by term, the portable twin, and one form of a matrix against another.

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
                assert!((log_prob[i] - log).abs() <= 4e-14 * (1.0 + log.abs()), "d {d}, {count} parts: {} {log}", log_prob[i]);
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
            let ((log, score), (log_full, score_full)) = (with(Precision::Banded(&diagonals, band)), with(Precision::Full(&p)));
            let near = |a: &f64, b: &f64| (a - b).abs() < 1e-12 * (1.0 + b.abs());
            assert!(log.iter().zip(&log_full).all(|(a, b)| near(a, b)) && score.iter().zip(&score_full).all(|(a, b)| near(a, b)));
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
