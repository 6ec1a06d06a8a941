//! Fréchet distance between normal laws with the sets' moments, ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁^½ Σ₂ Σ₁^½)^½) (Dowson & Landau 1982).
//!
//! On features of a network it is what is called FID where the features are Inception's; here they never are, so it is named by its
//! features. It falls with the number of points even for equal laws, so it means nothing without its size and its floor.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

/// The distance between the rows of `x` and `y`, row-major with `d` columns; squared units.
///
/// # Panics
/// If either set has fewer than two points.
pub fn frechet(x: &[f64], y: &[f64], d: usize) -> f64 {
    let ((mean_x, cov_x), (mean_y, cov_y)) = (moments(x, d), moments(y, d));
    let root = root(&cov_x);
    let cross = &root * &cov_y * &root;
    let symmetric = 0.5 * (&cross + cross.transpose());
    let overlap: f64 = SymmetricEigen::new(symmetric).eigenvalues.iter().map(|l| l.max(0.0).sqrt()).sum();
    (mean_x - mean_y).norm_squared() + cov_x.trace() + cov_y.trace() - 2.0 * overlap
}

/// Mean and unbiased covariance.
fn moments(points: &[f64], d: usize) -> (DVector<f64>, DMatrix<f64>) {
    let n = points.len() / d;
    assert!(n > 1, "two points of each");
    let x = DMatrix::from_row_slice(n, d, points);
    let mean = x.row_mean().transpose();
    let centred = DMatrix::from_fn(n, d, |i, j| x[(i, j)] - mean[j]);
    let cov = centred.tr_mul(&centred) / (n - 1) as f64;
    (mean, cov)
}

/// The symmetric root of a positive semidefinite matrix.
fn root(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let eigen = SymmetricEigen::new(matrix.clone());
    let roots = eigen.eigenvalues.map(|l| l.max(0.0).sqrt());
    &eigen.eigenvectors * DMatrix::from_diagonal(&roots) * eigen.eigenvectors.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};

    fn points(n: usize, d: usize, map: impl Fn(f64) -> f64) -> Vec<f64> {
        Key::new(2, Purpose::Metric).normal(0, n, d).iter().map(|z| map(f64::from(*z))).collect()
    }

    #[test]
    fn in_one_dimension_it_is_the_differences_of_mean_and_deviation_squared() {
        // The same points moved and stretched: (Δμ)² + (Δσ)² of the moments that they have.
        let x = points(500, 1, |z| z);
        let y = points(500, 1, |z| 2.0 * z + 3.0);
        let (mean, cov) = moments(&x, 1);
        let expected = (mean[0] + 3.0).powi(2) + cov[(0, 0)];
        assert!((frechet(&x, &y, 1) - expected).abs() < 1e-9);
    }

    #[test]
    fn a_shift_of_correlated_points_is_seen_by_its_length_alone() {
        let d = 4;
        let mix = |row: &[f64]| [row[0], row[0] + 0.5 * row[1], row[2] - row[1], 0.1 * row[3]];
        let x: Vec<f64> = points(300, d, |z| z).chunks(d).flat_map(mix).collect();
        let y: Vec<f64> = x.chunks(d).flat_map(|r| [r[0] + 1.0, r[1], r[2] - 2.0, r[3]]).collect();
        assert!((frechet(&x, &y, d) - 5.0).abs() < 1e-9);
        assert!(frechet(&x, &x, d).abs() < 1e-9);
    }
}
