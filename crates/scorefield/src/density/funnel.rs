//! Neal's funnel (Neal 2003, section 8): v ~ N(0, 3²), x₁ … x₉ ~ N(0, eᵛ). Its width changes by orders of magnitude along v, so that no one
//! step size suits all of it: what chains of a fixed step cannot do, and say with confidence.
//!
//! The first coordinate is v. log p = −½(v/3)² − (9/2)v − ½e⁻ᵛ Σxᵢ² + const.

use super::exact::Constant;
use super::pointwise::PointDensity;
use crate::key::Key;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Funnel;

const D: usize = 10;
/// The standard deviation of v.
const SPREAD: f64 = 3.0;

impl PointDensity for Funnel {
    fn dim(&self) -> usize {
        D
    }

    fn log_density(&self, x: &[f64], score: &mut [f64]) -> f64 {
        let (v, rest) = (x[0], &x[1..]);
        let narrow = (-v).exp();
        let square: f64 = rest.iter().map(|x| x * x).sum();
        let k = rest.len() as f64;
        score[0] = -v / (SPREAD * SPREAD) - 0.5 * k + 0.5 * narrow * square;
        score[1..].iter_mut().zip(rest).for_each(|(s, x)| *s = -narrow * x);
        let ln_tau = std::f64::consts::TAU.ln();
        -0.5 * (v / SPREAD).powi(2) - SPREAD.ln() - 0.5 * k * v - 0.5 * narrow * square - 0.5 * (k + 1.0) * ln_tau
    }

    fn curvature(&self, x: &[f64], v: &[f64]) -> f64 {
        let narrow = (-x[0]).exp();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (xx, xv, vv) = (dot(&x[1..], &x[1..]), dot(&x[1..], &v[1..]), dot(&v[1..], &v[1..]));
        v[0] * v[0] * (-1.0 / (SPREAD * SPREAD) - 0.5 * narrow * xx) + 2.0 * v[0] * narrow * xv - narrow * vv
    }

    fn constant(&self) -> Constant {
        Constant::Known
    }

    fn moments(&self) -> (Vec<f64>, f64) {
        // Var xᵢ = E eᵛ = e^{9/2}.
        let rest = (0.5 * SPREAD * SPREAD).exp() * (D as f64 - 1.0);
        (vec![0.0; D], (SPREAD * SPREAD + rest) / D as f64)
    }

    fn draws(&self, key: Key, first_row: u64, n: usize) -> Option<Vec<f32>> {
        let mut rows = key.normal(first_row, n, D);
        for row in rows.chunks_exact_mut(D) {
            row[0] *= SPREAD as f32;
            let width = (0.5 * row[0]).exp();
            row[1..].iter_mut().for_each(|x| *x *= width);
        }
        Some(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Purpose;

    #[test]
    fn score_and_curvature_are_the_derivatives_of_the_log_density() {
        let rows = Funnel.draws(Key::new(1, Purpose::Metric), 0, 8).unwrap();
        let along = Key::new(2, Purpose::Metric).normal(0, 8, D);
        for (row, v) in rows.chunks_exact(D).zip(along.chunks_exact(D)) {
            let (x, v): (Vec<f64>, Vec<f64>) =
                (row.iter().map(|x| f64::from(*x)).collect(), v.iter().map(|v| f64::from(*v)).collect());
            // A step that is short where the funnel is narrow.
            let h = 1e-4 * (0.5 * x[0]).exp().min(1.0);
            let at = |t: f64| {
                let (moved, mut score): (Vec<f64>, _) = (x.iter().zip(&v).map(|(x, v)| x + t * v).collect(), vec![0.0; D]);
                (Funnel.log_density(&moved, &mut score), score.iter().zip(&v).map(|(s, v)| s * v).sum::<f64>())
            };
            let ((up, s_up), (down, s_down), (_, slope)) = (at(h), at(-h), at(0.0));
            assert!(((up - down) / (2.0 * h) - slope).abs() < 1e-5 * (1.0 + slope.abs()), "{slope}");
            let curvature = PointDensity::curvature(&Funnel, &x, &v);
            assert!(((s_up - s_down) / (2.0 * h) - curvature).abs() < 1e-5 * (1.0 + curvature.abs()), "{curvature}");
        }
    }

    #[test]
    fn its_logarithm_is_that_of_the_normals_it_is_made_of() {
        let x = [0.7, 0.1, -0.2, 0.3, 1.0, -1.5, 0.0, 0.4, 2.0, -0.6];
        let normal = |x: f64, variance: f64| -0.5 * (x * x / variance + (std::f64::consts::TAU * variance).ln());
        let expected = normal(0.7, 9.0) + x[1..].iter().map(|x| normal(*x, 0.7f64.exp())).sum::<f64>();
        assert!((Funnel.log_density(&x, &mut [0.0; D]) - expected).abs() < 1e-12);
    }
}
