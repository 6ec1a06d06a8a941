//! Sliced Wasserstein distance: the root of the mean, over directions v on the sphere, of W₂² between the points' coordinates along v
//! (Rabin et al. 2012; Bonneel et al. 2015).
//!
//! In one dimension W₂² is ∫(F⁻¹(q) − G⁻¹(q))² dq, exact for sets of any size.

use crate::key::Key;
use rayon::prelude::*;

/// `count` unit vectors, row-major `[count, d]`.
pub fn unit_directions(key: Key, count: usize, d: usize) -> Vec<f64> {
    let mut v: Vec<f64> = key.normal(0, count, d).iter().map(|z| f64::from(*z)).collect();
    for v in v.chunks_mut(d) {
        let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        v.iter_mut().for_each(|v| *v /= norm);
    }
    v
}

/// The distance between the rows of `x` and of `y`, with `d` columns, along `directions` `[·, d]`; data units.
///
/// # Panics
/// If either set is empty.
pub fn sliced_wasserstein(x: &[f32], y: &[f32], d: usize, directions: &[f64]) -> f64 {
    assert!(!x.is_empty() && !y.is_empty(), "points of both");
    let along = |points: &[f32], v: &[f64]| {
        let dot = |row: &[f32]| row.iter().zip(v).map(|(x, v)| f64::from(*x) * v).sum::<f64>();
        let mut along: Vec<f64> = points.chunks_exact(d).map(dot).collect();
        along.sort_unstable_by(f64::total_cmp);
        along
    };
    let each: Vec<f64> = directions.par_chunks(d).map(|v| quantile_distance(&along(x, v), &along(y, v))).collect();
    (each.iter().sum::<f64>() / each.len() as f64).sqrt()
}

/// W₂² between two sorted sets.
fn quantile_distance(x: &[f64], y: &[f64]) -> f64 {
    let (n, m) = (x.len() as u64, y.len() as u64);
    // Both quantile functions are steps, at multiples of m and n of 1/(nm).
    let (mut i, mut j, mut at, mut sum) = (0u64, 0u64, 0u64, 0.0);
    while i < n && j < m {
        let next = ((i + 1) * m).min((j + 1) * n);
        sum += (next - at) as f64 * (x[i as usize] - y[j as usize]).powi(2);
        at = next;
        i += u64::from(next == (i + 1) * m);
        j += u64::from(next == (j + 1) * n);
    }
    sum / (n as f64 * m as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Purpose;

    #[test]
    fn sets_of_unequal_size_by_hand() {
        // {0, 1} against {0, 1, 5}: thirds of x are 0, half 0 half 1, 1.
        let found = quantile_distance(&[0.0, 1.0], &[0.0, 1.0, 5.0]);
        assert!((found - (1.0 / 6.0 + 16.0 / 3.0)).abs() < 1e-12, "{found}");
    }

    #[test]
    fn a_shift_is_seen_by_its_length_over_root_d() {
        let (n, d) = (2000, 5);
        let key = Key::new(3, Purpose::Metric);
        let x = key.normal(0, n, d);
        let y: Vec<f32> = x.chunks(d).flat_map(|row| [&[row[0] + 3.0], &row[1..]].concat()).collect();
        let directions = 4000;
        let found = sliced_wasserstein(&x, &y, d, &unit_directions(key.at(1), directions, d)).powi(2);
        // The same points moved by μ: (v·μ)² in each direction, with mean ‖μ‖²/d and relative variance 3d/(d + 2) − 1.
        let error = 9.0 / 5.0 * (15.0f64 / 7.0 - 1.0).sqrt() / (directions as f64).sqrt();
        assert!((found - 9.0 / 5.0).abs() < 4.0 * error, "{found}");
    }
}
