//! Maximum mean discrepancy, MMD² = E k(x, x') + E k(y, y') − 2E k(x, y), with the Gaussian kernel k(r) = exp(−r²/2ℓ²) (Gretton et al. 2012).
//!
//! The unbiased estimate leaves out pairs of a point with itself, so it may be below 0. Its p-value is by permutation of the pooled
//! points: the share of relabellings, the given one included, whose MMD² is at least as large.

use super::pairs::{Pairs, View};
use crate::key::Key;
use rayon::prelude::*;

/// ℓ: the median distance between different points of the pooled sets.
pub fn median_length(view: &View<'_>) -> f64 {
    let (n, m) = (view.n(), view.m());
    let mut all = Vec::with_capacity((n + m) * (n + m) / 2);
    for i in 0..n {
        all.extend((0..i).map(|j| view.xx(i, j)));
        all.extend((0..m).map(|j| view.xy(i, j)));
    }
    for i in 0..m {
        all.extend((0..i).map(|j| view.yy(i, j)));
    }
    if all.is_empty() {
        return 1.0;
    }
    let (middle, even) = (all.len() / 2, all.len().is_multiple_of(2));
    let (below, at, _) = all.select_nth_unstable_by(middle, f64::total_cmp);
    let at = *at;
    // Of an even number, the mean of the two in the middle.
    let median = if even { 0.5 * (below.iter().copied().fold(f64::NEG_INFINITY, f64::max) + at) } else { at };
    // Where most points are equal the median is 0, which is no length: the mean then, and 1 where all are equal.
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    [median, mean].into_iter().find(|length| *length > 0.0).unwrap_or(1.0)
}

fn kernel(distance: f64, length: f64) -> f64 {
    (-0.5 * (distance / length).powi(2)).exp()
}

/// The unbiased estimate of MMD² with kernel length ℓ.
///
/// # Panics
/// If either set has fewer than two points.
pub fn mmd(view: &View<'_>, length: f64) -> f64 {
    let (n, m) = (view.n(), view.m());
    assert!(n > 1 && m > 1, "two points of each");
    let k = |distance: f64| kernel(distance, length);
    let xx = 2.0 * View::sum(n, |i| (0..i).map(|j| k(view.xx(i, j))).sum());
    let yy = 2.0 * View::sum(m, |i| (0..i).map(|j| k(view.yy(i, j))).sum());
    let xy = View::sum(n, |i| (0..m).map(|j| k(view.xy(i, j))).sum());
    let [n, m] = [n, m].map(|n| n as f64);
    xx / (n * (n - 1.0)) + yy / (m * (m - 1.0)) - 2.0 * xy / (n * m)
}

/// The share of `permutations` + 1 labellings whose MMD² is at least the given one's; a multiple of 1/(`permutations` + 1).
pub fn p_value(pairs: &Pairs, length: f64, permutations: usize, key: Key) -> f64 {
    let view = pairs.whole();
    let (n, m) = (view.n(), view.m());
    let all = n + m;
    let mut kernels = vec![0.0f32; all * all];
    kernels.par_chunks_mut(all).enumerate().for_each(|(i, row)| {
        for (j, k) in row.iter_mut().enumerate() {
            let distance = match (i < n, j < n) {
                (true, true) => view.xx(i, j),
                (true, false) => view.xy(i, j - n),
                (false, true) => view.xy(j, i - n),
                (false, false) => view.yy(i - n, j - n),
            };
            *k = if i == j { 0.0 } else { kernel(distance, length) as f32 };
        }
    });
    // With c = 1/n(n−1) and 1/m(m−1) within the sets and −1/nm between them, MMD² = Σ cᵢⱼkᵢⱼ: three sums for each labelling.
    let statistic = |is_x: &[f32]| {
        let (mut within_x, mut within_all, mut rows_x) = (0.0f64, 0.0f64, 0.0f64);
        for (row, x) in kernels.chunks_exact(all).zip(is_x) {
            let total: f32 = row.iter().sum();
            let of_x: f32 = row.iter().zip(is_x).map(|(k, x)| k * x).sum();
            within_all += f64::from(total);
            if *x > 0.0 {
                within_x += f64::from(of_x);
                rows_x += f64::from(total);
            }
        }
        let between = rows_x - within_x;
        let within_y = within_all - within_x - 2.0 * between;
        let [n, m] = [n, m].map(|n| n as f64);
        within_x / (n * (n - 1.0)) + within_y / (m * (m - 1.0)) - 2.0 * between / (n * m)
    };
    let labels = |permutation: usize| {
        let place = |i: usize| if permutation == 0 { i as u64 } else { key.at(permutation as u32).permute(i as u64, all as u64) };
        (0..all).map(|i| if place(i) < n as u64 { 1.0 } else { 0.0 }).collect::<Vec<f32>>()
    };
    let found: Vec<f64> = (0..=permutations).into_par_iter().map(|p| statistic(&labels(p))).collect();
    found.iter().filter(|s| **s >= found[0]).count() as f64 / found.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Purpose;

    fn normals(n: usize, shift: f32, step: u32) -> Vec<f32> {
        Key::new(4, Purpose::Metric).at(step).normal(0, n, 1).iter().map(|z| z + shift).collect()
    }

    #[test]
    fn two_shifted_normals_are_as_far_apart_as_theory_says() {
        // 2·(1 − e^(−1/6))/√3 = 0.17727 for N(0, 1), N(1, 1) and ℓ = 1.
        let pairs = Pairs::new(&normals(3000, 0.0, 1), &normals(3000, 1.0, 2), 1);
        let measured = mmd(&pairs.whole(), 1.0);
        // The witness function's standard deviation is below 0.3 on either side: 4 standard errors of 2·0.3·√(2/3000).
        assert!((measured - 0.17727).abs() < 4.0 * 0.6 * (2.0f64 / 3000.0).sqrt(), "{measured}");
    }

    #[test]
    fn by_hand() {
        // x = {0, 1}, y = {0, 2}, ℓ = 1: k(1) + k(2) − ½(k(0) + k(2) + k(1) + k(1)).
        let pairs = Pairs::new(&[0.0, 1.0], &[0.0, 2.0], 1);
        let k = |r: f64| (-0.5 * r * r).exp();
        assert!((mmd(&pairs.whole(), 1.0) - (k(1.0) + k(2.0) - 0.5 * (1.0 + k(2.0) + 2.0 * k(1.0)))).abs() < 1e-15);
        // Distances 0, 1, 1, 1, 2, 2: the two in the middle are 1.
        assert!((median_length(&pairs.whole()) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn equal_laws_have_uniform_p_values_and_different_ones_the_least() {
        let key = Key::new(5, Purpose::Metric);
        let equal: Vec<f64> = (0..60)
            .map(|i| p_value(&Pairs::new(&normals(40, 0.0, 2 * i), &normals(40, 0.0, 2 * i + 1), 1), 1.0, 99, key))
            .collect();
        let mean = equal.iter().sum::<f64>() / 60.0;
        // The mean of 60 uniforms: 0.5 ± 4·0.289/√60.
        assert!((mean - 0.5).abs() < 0.15, "{mean}");
        let far = p_value(&Pairs::new(&normals(200, 0.0, 500), &normals(200, 1.0, 501), 1), 1.0, 99, key);
        assert!((far - 0.01).abs() < 1e-12, "{far}");
    }
}
