//! Energy distance, D² = 2E‖X − Y‖ − E‖X − X'‖ − E‖Y − Y'‖ (Székely & Rizzo 2013), not its root.
//!
//! The V-statistic: pairs of a point with itself are counted, so two samples of one distribution have D² ≈ (1/n + 1/m)·E‖X − X'‖ > 0,
//! the floor that a figure is to be read against.

use super::pairs::{Pairs, View};

/// D² between the rows of `a` and of `b`, both row-major with `d` columns; data units.
///
/// # Panics
/// If either is empty or not a whole number of rows.
pub fn energy_distance(a: &[f32], b: &[f32], d: usize) -> f64 {
    of_pairs(&Pairs::new(a, b, d).whole())
}

/// D² from distances.
///
/// # Panics
/// If either set is empty.
pub fn of_pairs(view: &View<'_>) -> f64 {
    let (n, m) = (view.n(), view.m());
    assert!(n > 0 && m > 0, "points of both");
    let xx = View::sum(n, |i| (0..n).map(|j| view.xx(i, j)).sum());
    let yy = View::sum(m, |i| (0..m).map(|j| view.yy(i, j)).sum());
    let xy = View::sum(n, |i| (0..m).map(|j| view.xy(i, j)).sum());
    let [n, m] = [n, m].map(|n| n as f64);
    2.0 * xy / n / m - xx / n / n - yy / m / m
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};

    #[test]
    fn two_shifted_normals_are_as_far_apart_as_theory_says() {
        // N(0, 1) against N(1, 1): 0.54181.
        let n = 4000;
        let key = Key::new(2, Purpose::Metric);
        let a = key.normal(0, n, 1);
        let b: Vec<f32> = key.at(1).normal(0, n, 1).iter().map(|z| z + 1.0).collect();
        let measured = energy_distance(&a, &b, 1);
        // The influence function's standard deviation is about 1 a sample and side: 4 standard errors of √(2/n), plus the floor 1.13·2/n.
        assert!((measured - 0.54181).abs() < 4.0 * (2.0 / n as f64).sqrt() + 2.26 / n as f64, "{measured}");
    }

    #[test]
    fn a_set_is_at_no_distance_from_itself_shuffled() {
        let x = Key::new(2, Purpose::Metric).normal(0, 50, 3);
        let reversed: Vec<f32> = x.chunks(3).rev().flatten().copied().collect();
        assert!(energy_distance(&x, &reversed, 3).abs() < 1e-12);
    }
}
