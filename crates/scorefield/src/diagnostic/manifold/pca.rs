//! Principal components: the flat surface nearest to the data, and how many of its dimensions hold how much of the variance.
//!
//! Σ = 1/(n − 1) Σ_i (x_i − x̄)(x_i − x̄)ᵀ = Σ_k λ_k u_k u_kᵀ, λ₁ ≥ λ₂ ≥ …; the first r axes keep the share (λ₁ + … + λ_r)/tr Σ of the variance,
//! and x̄ + Σ_{k ≤ r} u_k u_kᵀ(x − x̄) is the nearest point of their plane (Pearson 1901; the pictures of Song & Ermon 2019, section 3.2.1).
//!
//! To first order a share changes with a point as ‖P_r(x − x̄)‖² − share·‖x − x̄‖² over tr Σ, because rotations of the axes do not matter to
//! sums of eigenvalues: so it has a standard error without a bootstrap.

use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;
use nalgebra::DMatrix;
use rayon::prelude::*;
use serde::Serialize;

/// Points that are widened to double precision together, and columns of Σ that one thread sums.
const ROWS: usize = 512;
const COLUMNS: usize = 128;
/// The two-sided 95% point of the normal law.
const Z95: f64 = 1.96;

/// Principal components of some points.
#[derive(Clone, Debug)]
pub struct Pca {
    /// Points.
    pub n: usize,
    /// x̄, `[d]`.
    pub mean: Vec<f64>,
    /// λ, `[d]`, the largest first, data units squared.
    pub variances: Vec<f64>,
    /// u_k, `[d, d]`, axis k in row k.
    axes: DMatrix<f64>,
}

/// How many axes hold a share of the variance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rank {
    /// The share that is to be held.
    pub wanted: f64,
    /// The least number of axes that hold it.
    pub rank: usize,
    /// The share that they hold.
    pub share: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The ranks for shares 1.96 standard errors below and above the one that is wanted.
    pub interval: (usize, usize),
}

/// The principal components of `points` `[n, d]`. n·d² + d³ operations, in double precision; the same whatever the number of threads.
///
/// # Errors
/// Fewer than two points, a point that is not finite, points that are all the same.
pub fn pca(points: &[f32], d: usize) -> Result<Pca> {
    let n = points.len() / d.max(1);
    if n < 2 {
        return Err(Error::setting("points", "at least 2", n));
    }
    if let Some(at) = points.iter().position(|x| !x.is_finite()) {
        return Err(Error::setting("points", "finite numbers", format!("{} in row {}", points[at], at / d)));
    }
    let mut mean = vec![0.0; d];
    for row in points.chunks_exact(d) {
        mean.iter_mut().zip(row).for_each(|(m, x)| *m += f64::from(*x));
    }
    mean.iter_mut().for_each(|m| *m /= n as f64);
    let mut covariance = DMatrix::zeros(d, d);
    let starts: Vec<usize> = (0..d).step_by(COLUMNS).collect();
    let blocks: Vec<DMatrix<f64>> = starts
        .par_iter()
        .map(|first| {
            let width = COLUMNS.min(d - first);
            let mut block = DMatrix::zeros(d, width);
            for rows in points.chunks(ROWS * d) {
                let a = centred(rows, &mean);
                let own = a.rows(*first, width).transpose();
                block.gemm(1.0 / (n - 1) as f64, &a, &own, 1.0);
            }
            block
        })
        .collect();
    for (first, block) in starts.into_iter().zip(&blocks) {
        covariance.columns_mut(first, block.ncols()).copy_from(block);
    }
    let eigen = covariance.symmetric_eigen();
    let mut order: Vec<usize> = (0..d).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    // Rounding may leave a variance of 0 a little below.
    let variances: Vec<f64> = order.iter().map(|k| eigen.eigenvalues[*k].max(0.0)).collect();
    if variances[0] == 0.0 {
        return Err(Error::setting("points", "points that differ", format!("{n} times the same")));
    }
    let axes = DMatrix::from_fn(d, d, |k, j| eigen.eigenvectors[(j, order[k])]);
    Ok(Pca { n, mean, variances, axes })
}

/// x − x̄ as columns, `[d, rows]`.
fn centred(rows: &[f32], mean: &[f64]) -> DMatrix<f64> {
    let values = rows.iter().zip(mean.iter().cycle()).map(|(x, m)| f64::from(*x) - m);
    DMatrix::from_iterator(mean.len(), rows.len() / mean.len(), values)
}

impl Pca {
    /// Axis k, `[d]`, of length 1; its sign means nothing.
    ///
    /// # Panics
    /// If there is no such axis.
    pub fn axis(&self, k: usize) -> Vec<f64> {
        self.axes.row(k).iter().copied().collect()
    }

    /// The share of the variance that the first `rank` axes hold.
    pub fn share(&self, rank: usize) -> f64 {
        self.variances.iter().take(rank).sum::<f64>() / self.variances.iter().sum::<f64>()
    }

    /// The least number of axes that hold a share of the variance.
    fn rank_of(&self, share: f64) -> usize {
        let total: f64 = self.variances.iter().sum();
        let mut held = 0.0;
        // A share of 1 is reached up to rounding.
        let reached = self.variances.iter().position(|v| {
            held += v;
            held >= share.min(1.0 - 1e-12) * total
        });
        reached.map_or(self.variances.len(), |k| k + 1)
    }

    /// The least number of axes that hold a share of the variance, with its uncertainty; `points` are those that the axes were made of.
    pub fn rank(&self, wanted: f64, points: &[f32]) -> Rank {
        let rank = self.rank_of(wanted);
        let share = self.share(rank);
        let d = self.mean.len();
        let first = self.axes.rows(0, rank);
        let sums: Vec<f64> = points
            .par_chunks(ROWS * d)
            .map(|rows| {
                let a = centred(rows, &self.mean);
                let within = first * &a;
                let of_point = |i: usize| within.column(i).norm_squared() - share * a.column(i).norm_squared();
                (0..a.ncols()).map(|i| of_point(i).powi(2)).sum::<f64>()
            })
            .collect();
        let n = self.n as f64;
        let standard_error = (sums.iter().sum::<f64>() / n).sqrt() / self.variances.iter().sum::<f64>() / n.sqrt();
        let reach = Z95 * standard_error;
        Rank { wanted, rank, share, standard_error, interval: (self.rank_of(wanted - reach), self.rank_of(wanted + reach)) }
    }

    /// The nearest points to rows `x` `[·, d]` in the plane of the first `rank` axes.
    pub fn reconstruct(&self, x: &[f32], rank: usize) -> Vec<f32> {
        let first = self.axes.rows(0, rank.min(self.mean.len()));
        let a = centred(x, &self.mean);
        let back = first.transpose() * (first * a);
        back.iter().zip(self.mean.iter().cycle()).map(|(v, m)| (v + m) as f32).collect()
    }

    /// Tr Σ: the variance in all.
    pub fn total(&self) -> f64 {
        self.variances.iter().sum()
    }
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "pca",
    aliases: &["principal-components"],
    summary: "the variance along each principal axis, and how many axes hold 90, 95 and 99% of it",
    formula: "Σ = Σ_k λ_k u_k u_kᵀ",
    source: "Pearson 1901",
    value: Diagnostic { verb: "manifold", oracle },
};

/// Three variances in five dimensions.
fn oracle(seed: u64) -> Result<Vec<Check>> {
    let (n, d, known) = (20_000, 5, [9.0, 4.0, 1.0]);
    let z = Key::new(seed, Purpose::Data).normal(0, n, 3);
    // x₀ and x₃ are turned into each other by 0.6 and 0.8, so that axes are not coordinates.
    let turned = |z: &[f32]| {
        let [a, b, c] = [3.0 * z[0], 2.0 * z[1], z[2]];
        [0.6 * a - 0.8 * b + 1.0, 2.0, c, 0.8 * a + 0.6 * b, -7.0]
    };
    let points: Vec<f32> = z.chunks_exact(3).flat_map(turned).collect();
    let found = pca(&points, d)?;
    let mut checks: Vec<Check> = known
        .iter()
        .enumerate()
        .map(|(k, expected)| {
            // The variance of n normal numbers has standard error √(2/n) of itself.
            let standard_error = expected * (2.0 / n as f64).sqrt();
            let measured = Estimate { mean: found.variances[k], standard_error };
            Check::statistical(format!("pca: variance {} of five", k + 1), *expected, measured, 0.15 * expected)
        })
        .collect();
    checks.push(Check::exact("pca: variance off the surface", 0.0, found.variances[3], 1e-9));
    let axis = found.axis(0);
    checks.push(Check::exact(
        "pca: cosine of the first axis and the known one",
        1.0,
        (0.6 * axis[0] + 0.8 * axis[3]).abs(),
        1e-3,
    ));
    Ok(checks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Options, all, open};

    #[test]
    fn the_variances_of_the_digits_are_scikit_learns() {
        // bench/peers/pca.py.
        let known: Vec<f64> = include_str!("digits-pca.txt").lines().map(|l| l.parse().unwrap()).collect();
        let set = open("digits", &Options { held_out: 0.0, ..Options::default() }).unwrap();
        let points = all(&*set.train, 2000, Key::new(0, Purpose::Data)).unwrap();
        let found = pca(&points, 64).unwrap();
        assert_eq!((found.n, known.len()), (1797, 64));
        for (k, (v, expected)) in found.variances.iter().zip(&known).enumerate() {
            assert!((v - expected).abs() < 1e-6 * expected.max(1e-3), "{k}: {v}, not {expected}");
        }
        let ranks = [0.9, 0.95, 0.99].map(|share| found.rank(share, &points).rank);
        assert_eq!(ranks, [21, 29, 41]);
    }

    #[test]
    fn a_full_rank_gives_points_back() {
        let x = Key::new(1, Purpose::Data).normal(0, 40, 6);
        let found = pca(&x, 6).unwrap();
        assert!(found.reconstruct(&x, 6).iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-5));
        let mean = found.reconstruct(&x, 0);
        assert!(mean[..6].iter().zip(&found.mean).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6));
        // What is lost is the rest of the variance.
        let lost: f64 = found.reconstruct(&x, 2).iter().zip(&x).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / 39.0;
        assert!((lost - found.variances[2..].iter().sum::<f64>()).abs() < 1e-5);
    }

    #[test]
    fn the_error_of_a_share_is_its_spread() {
        let shares: Vec<(f64, f64)> = (0..200)
            .map(|seed| {
                let z = Key::new(seed, Purpose::Data).normal(0, 300, 4);
                let x: Vec<f32> = z.chunks(4).flat_map(|z| [3.0 * z[0], 2.0 * z[1], z[2], 0.5 * z[3]]).collect();
                let found = pca(&x, 4).unwrap();
                // 13 of 14.25 is 0.912.
                let rank = found.rank(0.85, &x);
                assert_eq!(rank.rank, 2);
                (rank.share, rank.standard_error)
            })
            .collect();
        let mean = shares.iter().map(|s| s.0).sum::<f64>() / 200.0;
        let spread = (shares.iter().map(|s| (s.0 - mean).powi(2)).sum::<f64>() / 199.0).sqrt();
        let stated = shares.iter().map(|s| s.1).sum::<f64>() / 200.0;
        // A spread of 200 numbers is known to 5% of itself.
        assert!((spread / stated - 1.0).abs() < 0.2, "{spread} for {stated}");
    }

    #[test]
    fn what_has_no_axes_is_refused() {
        for points in [&[1.0, 2.0][..], &[1.0, 2.0, 1.0, 2.0], &[1.0, f32::NAN, 0.0, 1.0]] {
            assert!(pca(points, 2).is_err());
        }
    }
}
