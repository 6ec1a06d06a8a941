//! Copies: the share of samples that lie nearer to a real point than real points lie to one another.
//!
//! Near means nearer than the 1% quantile of the distances from each real point to its nearest other, so that of honest samples about 1%
//! are. Real points that come twice make the quantile 0, and then only exact copies count.

use super::pairs::View;

/// Of the real points, how many are as near to another as a copy is.
pub const USUAL: f64 = 0.01;

/// The share of samples y that are copies of real points x.
///
/// # Panics
/// If there are fewer than two real points or no samples.
pub fn copies(view: &View<'_>) -> f64 {
    let (n, m) = (view.n(), view.m());
    assert!(n > 1 && m > 0, "two real points and a sample");
    let nearest_other = |i: usize| (0..n).filter(|j| *j != i).map(|j| view.xx(i, j)).fold(f64::INFINITY, f64::min);
    let mut nearest: Vec<f64> = (0..n).map(nearest_other).collect();
    let at = ((n as f64 * USUAL) as usize).min(n - 1);
    let threshold = *nearest.select_nth_unstable_by(at, f64::total_cmp).1;
    let near = |j: &usize| {
        let distance = (0..n).map(|i| view.xy(i, *j)).fold(f64::INFINITY, f64::min);
        distance < threshold || distance == 0.0
    };
    (0..m).filter(near).count() as f64 / m as f64
}

#[cfg(test)]
mod tests {
    use super::super::Pairs;
    use super::*;
    use crate::key::{Key, Purpose};

    #[test]
    fn fresh_draws_are_no_copies_and_copies_are() {
        let key = Key::new(9, Purpose::Metric);
        let (x, fresh) = (key.normal(0, 1000, 3), key.at(1).normal(0, 1000, 3));
        let honest = copies(&Pairs::new(&x, &fresh, 3).whole());
        // About 1% are near by chance; 4 standard errors of √(0.01/1000), twice for the quantile's own error.
        assert!((honest - USUAL).abs() < 4.0 * 2.0 * (USUAL / 1000.0).sqrt(), "{honest}");
        let half = [&x[..1500], &fresh[..1500]].concat();
        let found = copies(&Pairs::new(&x, &half, 3).whole());
        assert!((found - 0.5).abs() < 0.03, "{found}");
    }
}
