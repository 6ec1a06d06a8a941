//! A density written in code: log p(x) and ∇ log p(x) of one point, and from them all that the library asks of an exact density.
//!
//! ```
//! use scorefield::density::{PointDensity, Unsmoothed};
//!
//! /// log p = −¼(x² + y² − 4)² up to a constant: a ring of radius 2.
//! struct Ring;
//!
//! impl PointDensity for Ring {
//!     fn dim(&self) -> usize {
//!         2
//!     }
//!
//!     fn log_density(&self, x: &[f64], score: &mut [f64]) -> f64 {
//!         let off = x[0] * x[0] + x[1] * x[1] - 4.0;
//!         score[0] = -off * x[0];
//!         score[1] = -off * x[1];
//!         -0.25 * off * off
//!     }
//! }
//!
//! let target = Unsmoothed(Ring); // a `Score`, a `LogDensity` and an `Exact`
//! ```

use super::exact::{Constant, Exact, Smoothing};
use crate::key::{Key, Purpose};
use crate::score::{Evaluation, LogDensity, Score, ScoreJvp};
use crate::tensor::{Device, Tensor, matrix, numbers, vector};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// A density on ℝᵈ by its logarithm and its score at a point. See the head of this file.
pub trait PointDensity: Send + Sync {
    /// d.
    fn dim(&self) -> usize;

    /// log p(x) for a point `[d]`, up to a constant unless [`PointDensity::constant`] says otherwise; writes ∇ log p(x) to `score` `[d]`.
    fn log_density(&self, x: &[f64], score: &mut [f64]) -> f64;

    /// The same for rows `[n, d]`: log p `[n]`, scores `[n, d]`. Worth writing where rows are cheaper together.
    fn log_densities(&self, x: &[f64], log: &mut [f64], score: &mut [f64]) {
        let d = self.dim();
        for ((x, score), log) in x.chunks_exact(d).zip(score.chunks_exact_mut(d)).zip(log) {
            *log = self.log_density(x, score);
        }
    }

    /// vᵀ(∇² log p)v at a point. Provided as a central difference of the score along v, which is good to about nine digits; where the
    /// second derivative is known, this is its place. Samplers do not ask for it; score matching without noise does.
    fn curvature(&self, x: &[f64], v: &[f64]) -> f64 {
        let (size, length) = (norm(x).max(1.0), norm(v));
        if length == 0.0 {
            return 0.0;
        }
        let h = DIFFERENCE * size / length;
        let along = |h: f64| {
            let moved: Vec<f64> = x.iter().zip(v).map(|(x, v)| x + h * v).collect();
            let mut score = vec![0.0; x.len()];
            self.log_density(&moved, &mut score);
            score.iter().zip(v).map(|(s, v)| s * v).sum::<f64>()
        };
        (along(h) - along(-h)) / (2.0 * h)
    }

    /// Whether log p is normalised.
    fn constant(&self) -> Constant {
        Constant::Unknown
    }

    /// Where chains do well to begin: a centre `[d]`, and a variance per dimension. The origin and 1 unless written.
    fn moments(&self) -> (Vec<f64>, f64) {
        (vec![0.0; self.dim()], 1.0)
    }

    /// Independent draws `[n, d]`, row i by the key and `first_row + i` alone, where there is a way to draw.
    fn draws(&self, _key: Key, _first_row: u64, _n: usize) -> Option<Vec<f32>> {
        None
    }

    /// Changes when the density does. Provided from log p and its score at a few points.
    fn fingerprint(&self) -> String {
        let (d, mut hash) = (self.dim(), Sha256::new());
        let (centre, variance) = self.moments();
        let points = Key::new(0, Purpose::Data).normal(0, FINGERPRINT_POINTS, d);
        let mut score = vec![0.0; d];
        for point in points.chunks_exact(d) {
            let x: Vec<f64> = point.iter().zip(&centre).map(|(z, c)| c + variance.sqrt() * f64::from(*z)).collect();
            hash.update(self.log_density(&x, &mut score).to_le_bytes());
            score.iter().for_each(|s| hash.update(s.to_le_bytes()));
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// Step of a central difference relative to the point: the cube root of the rounding.
const DIFFERENCE: f64 = 6e-6;
/// Points that a fingerprint looks at.
const FINGERPRINT_POINTS: usize = 16;

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// A [`PointDensity`] as the rest of the library sees it: known at σ = 0 alone.
#[derive(Clone, Debug)]
pub struct Unsmoothed<D>(pub D);

/// Rows that a thread evaluates together.
const ROWS: usize = 256;

impl<D: PointDensity> Unsmoothed<D> {
    /// log p `[n]` and scores `[n, d]`, NaN where the level is not 0.
    fn rows(&self, x: Tensor<2>, sigma: &Tensor<1>) -> (Vec<f64>, Vec<f64>) {
        let d = self.0.dim();
        let (x, sigma) = (numbers(x), numbers(sigma.clone()));
        let (mut logs, mut scores) = (vec![0.0; sigma.len()], vec![0.0; x.len()]);
        let blocks = x.par_chunks(ROWS * d).zip(sigma.par_chunks(ROWS));
        blocks.zip(scores.par_chunks_mut(ROWS * d).zip(logs.par_chunks_mut(ROWS))).for_each(|((x, sigma), (score, log))| {
            let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
            self.0.log_densities(&x, log, score);
            for ((sigma, log), score) in sigma.iter().zip(log).zip(score.chunks_exact_mut(d)) {
                if *sigma != 0.0 {
                    *log = f64::NAN;
                    score.fill(f64::NAN);
                }
            }
        });
        (logs, scores)
    }
}

fn narrow(wide: &[f64]) -> Vec<f32> {
    wide.iter().map(|v| *v as f32).collect()
}

impl<D: PointDensity> Score for Unsmoothed<D> {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn device(&self) -> Device {
        Device::flex()
    }

    fn score(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<2> {
        let ([n, d], device) = (x.dims(), x.device());
        matrix(narrow(&self.rows(x, sigma).1), n, d, &device)
    }

    fn score_rows(&self, x: &[f64], sigma: f64, out: &mut [f64]) {
        self.log_prob_rows(x, sigma, &mut vec![0.0; x.len() / self.0.dim()], out);
    }

    fn score_rows_at(&self, x: &[f64], sigma: &[f64], out: &mut [f64]) {
        let d = self.0.dim();
        self.score_rows(x, 0.0, out);
        out.chunks_exact_mut(d).zip(sigma).filter(|(_, sigma)| **sigma != 0.0).for_each(|(row, _)| row.fill(f64::NAN));
    }

    fn log_density_rows(&self, x: &[f64], sigma: f64, log_density: &mut [f64], score: &mut [f64]) -> Option<()> {
        self.log_prob_rows(x, sigma, log_density, score);
        Some(())
    }

    fn evaluation(&self) -> Evaluation {
        Evaluation::Apart
    }
}

impl<D: PointDensity> LogDensity for Unsmoothed<D> {
    fn log_prob(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<1> {
        let device = x.device();
        vector(narrow(&self.rows(x, sigma).0), &device)
    }

    fn log_prob_rows(&self, x: &[f64], sigma: f64, log_prob: &mut [f64], score: &mut [f64]) {
        if sigma == 0.0 {
            return self.0.log_densities(x, log_prob, score);
        }
        log_prob.fill(f64::NAN);
        score.fill(f64::NAN);
    }
}

impl<D: PointDensity> ScoreJvp for Unsmoothed<D> {
    fn curvature(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let ([n, d], device) = (x.dims(), x.device());
        let m = v.dims()[0] / n.max(1);
        let scores = self.score(x.clone(), sigma);
        let wide = |t: Tensor<2>| numbers(t).into_iter().map(f64::from).collect::<Vec<_>>();
        let (x, v, levels) = (wide(x), wide(v), numbers(sigma.clone()));
        let mut curvatures = vec![0.0f32; n * m];
        curvatures.par_chunks_mut(m.max(1)).enumerate().for_each(|(i, curvatures)| {
            for (k, curvature) in curvatures.iter_mut().enumerate() {
                let (x, v) = (&x[i * d..(i + 1) * d], &v[(k * n + i) * d..(k * n + i + 1) * d]);
                *curvature = if levels[i] == 0.0 { self.0.curvature(x, v) as f32 } else { f32::NAN };
            }
        });
        (scores, matrix(curvatures, n, m, &device))
    }

    fn log_density(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Option<Tensor<1>> {
        Some(self.log_prob(x, sigma))
    }
}

impl<D: PointDensity> Exact for Unsmoothed<D> {
    fn smoothing(&self) -> Smoothing {
        Smoothing::Unknown
    }

    fn constant(&self) -> Constant {
        self.0.constant()
    }

    fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }

    fn moments(&self) -> (Vec<f64>, f64) {
        self.0.moments()
    }

    fn draws(&self, key: Key, first_row: u64, n: usize, sigma: f64) -> Option<Vec<f32>> {
        if sigma == 0.0 { self.0.draws(key, first_row, n) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::repeated;

    /// log p = −½(x² + xy + 2y²) + sin x: not symmetric, not normalised.
    struct Tilted;

    impl PointDensity for Tilted {
        fn dim(&self) -> usize {
            2
        }

        fn log_density(&self, x: &[f64], score: &mut [f64]) -> f64 {
            score[0] = -x[0] - 0.5 * x[1] + x[0].cos();
            score[1] = -0.5 * x[0] - 2.0 * x[1];
            -0.5 * (x[0] * x[0] + x[0] * x[1] + 2.0 * x[1] * x[1]) + x[0].sin()
        }
    }

    #[test]
    fn the_provided_curvature_is_the_second_derivative() {
        let (x, v) = ([0.7, -1.3], [2.0, 0.5]);
        let hessian = [[-1.0 - 0.7f64.sin(), -0.5], [-0.5, -2.0]];
        let expected: f64 = (0..2).flat_map(|i| (0..2).map(move |j| v[i] * hessian[i][j] * v[j])).sum();
        let found = PointDensity::curvature(&Tilted, &x, &v);
        assert!((found - expected).abs() < 1e-8, "{found} against {expected}");
        assert_eq!(PointDensity::curvature(&Tilted, &x, &[0.0, 0.0]), 0.0);
    }

    #[test]
    fn rows_are_the_points_one_by_one_and_noise_makes_them_unknown() {
        let (n, device) = (600, Device::flex());
        let x = Key::new(3, Purpose::Data).normal(0, n, 2);
        let target = Unsmoothed(Tilted);
        let scores = numbers(target.score(matrix(x.clone(), n, 2, &device), &repeated(0.0, n, &device)));
        let logs = numbers(target.log_prob(matrix(x.clone(), n, 2, &device), &repeated(0.0, n, &device)));
        for i in 0..n {
            let mut score = [0.0; 2];
            let log = Tilted.log_density(&[f64::from(x[2 * i]), f64::from(x[2 * i + 1])], &mut score);
            assert_eq!((logs[i], scores[2 * i], scores[2 * i + 1]), (log as f32, score[0] as f32, score[1] as f32));
        }
        let noisy = numbers(target.score(matrix(x, n, 2, &device), &repeated(0.5, n, &device)));
        let wide = vec![0.25; 6];
        let mut rows = vec![0.0; 6];
        target.score_rows_at(&wide, &[0.0, 0.5, 0.0], &mut rows);
        assert_eq!(rows.iter().map(|s| s.is_nan()).collect::<Vec<_>>(), [false, false, true, true, false, false]);
        assert!(noisy.iter().all(|s| s.is_nan()) && !target.knows(0.5) && target.knows(0.0));
    }
}
