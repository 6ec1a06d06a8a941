//! Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020) of samples y against real points x.
//!
//! Around each point lies the ball that reaches to its k-th nearest neighbour in its own set, B(xᵢ) and B(yⱼ).
//!
//! | figure | is | of equal laws, many points |
//! |---|---|---|
//! | precision | share of samples inside some B(xᵢ) | near 1 |
//! | recall | share of real points inside some B(yⱼ) | near 1 |
//! | density | 1/(km)·Σⱼ number of B(xᵢ) around yⱼ | 1 |
//! | coverage | share of real points with a sample in their B(xᵢ) | 1 − 1/2ᵏ |
//!
//! Precision and density fall with samples where no data are, recall and coverage with data where no samples are; the first of each is
//! easily fooled by an outlier, the second is not.

use super::pairs::View;
use rayon::prelude::*;

/// See the head of this file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coverage {
    /// Share of samples inside some real point's ball.
    pub precision: f64,
    /// Share of real points inside some sample's ball.
    pub recall: f64,
    /// Mean number of real points' balls around a sample, over k.
    pub density: f64,
    /// Share of real points with a sample in their ball.
    pub coverage: f64,
}

/// The figures for real points x and samples y, with balls that reach to the k-th nearest neighbour.
///
/// # Panics
/// If a set has no more than k points.
pub fn coverage(view: &View<'_>, k: usize) -> Coverage {
    let (n, m) = (view.n(), view.m());
    assert!(k > 0 && n > k && m > k, "more than {k} points of each, not {n} and {m}");
    let real = radii(n, k, |i, j| view.xx(i, j));
    let sampled = radii(m, k, |i, j| view.yy(i, j));
    let share = |hits: usize, of: usize| hits as f64 / of as f64;
    let around: Vec<usize> = (0..m).into_par_iter().map(|j| (0..n).filter(|i| view.xy(*i, j) < real[*i]).count()).collect();
    let recalled = (0..n).into_par_iter().filter(|i| (0..m).any(|j| view.xy(*i, j) < sampled[j])).count();
    let covered = (0..n).into_par_iter().filter(|i| (0..m).any(|j| view.xy(*i, j) < real[*i])).count();
    Coverage {
        precision: share(around.iter().filter(|a| **a > 0).count(), m),
        recall: share(recalled, n),
        density: around.iter().sum::<usize>() as f64 / (k * m) as f64,
        coverage: share(covered, n),
    }
}

/// The distance from each of n points to its k-th nearest other.
fn radii(n: usize, k: usize, distance: impl Fn(usize, usize) -> f64 + Sync) -> Vec<f64> {
    let radius = |i: usize| {
        let mut others: Vec<f64> = (0..n).filter(|j| *j != i).map(|j| distance(i, j)).collect();
        *others.select_nth_unstable_by(k - 1, f64::total_cmp).1
    };
    (0..n).into_par_iter().map(radius).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Pairs;
    use super::*;
    use crate::key::{Key, Purpose};

    #[test]
    fn by_hand() {
        // k = 1: balls of x = {0, 1, 10} reach 1, 1, 9; those of y = {0.5, 20} reach 19.5 each.
        let pairs = Pairs::new(&[0.0, 1.0, 10.0], &[0.5, 20.0], 1);
        let found = coverage(&pairs.whole(), 1);
        // 0.5 lies in B(0) and B(1); 9.5 from 10, not in B(10). 20 is 10 from 10: in none. Real: all within 19.5 of 0.5; covered 0 and 1.
        assert_eq!(found, Coverage { precision: 0.5, recall: 1.0, density: 1.0, coverage: 2.0 / 3.0 });
    }

    #[test]
    fn equal_laws_have_density_one_and_the_coverage_of_theory() {
        let (n, k) = (1000, 5);
        let key = Key::new(6, Purpose::Metric);
        let pairs = Pairs::new(&key.normal(0, n, 2), &key.at(1).normal(0, n, 2), 2);
        let found = coverage(&pairs.whole(), k);
        // Exact for n = m: 1 − Π (n − 1 − i)/(2n − 1 − i), i < k (Naeem et al. 2020, lemma 2).
        let miss: f64 = (0..k).map(|i| (n - 1 - i) as f64 / (2 * n - 1 - i) as f64).product();
        // Neighbours share balls, so the standard errors are wider than binomial ones: 4·√(p(1 − p)/n)·2 and 4·1/√n.
        assert!((found.coverage - (1.0 - miss)).abs() < 8.0 * (miss / n as f64).sqrt(), "{found:?}");
        assert!((found.density - 1.0).abs() < 4.0 / (n as f64).sqrt(), "{found:?}");
    }

    #[test]
    fn a_lost_mode_lowers_recall_and_coverage_only() {
        let key = Key::new(7, Purpose::Metric);
        let mut x = key.normal(0, 400, 2);
        x.chunks_mut(2).enumerate().filter(|(i, _)| i % 2 == 0).for_each(|(_, row)| row[0] += 20.0);
        let one_mode = key.at(1).normal(0, 400, 2);
        let found = coverage(&Pairs::new(&x, &one_mode, 2).whole(), 5);
        assert!(found.recall < 0.6 && found.coverage < 0.6 && found.precision > 0.9, "{found:?}");
    }
}
