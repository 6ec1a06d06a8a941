//! Exact Wasserstein distance W_p = (min over matchings of the mean ‖xᵢ − y_π(i)‖ᵖ)^(1/p) between equally many points.
//!
//! The assignment is found by shortest augmenting paths (Jonker & Volgenant 1987), O(n³): for small n.

use super::pairs::View;

/// W_p between the first min(n, m) points of each set.
///
/// # Panics
/// If a set is empty.
pub fn wasserstein(view: &View<'_>, p: f64) -> f64 {
    let n = view.n().min(view.m());
    assert!(n > 0, "points of both");
    let cost = |i: usize, j: usize| view.xy(i, j).powf(p);
    let matched = assignment(n, cost);
    let total: f64 = matched.iter().enumerate().map(|(j, i)| cost(*i, j)).sum();
    (total / n as f64).powf(1.0 / p)
}

/// For each column the row that it is matched with, at the least total cost.
fn assignment(n: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    // Prices of rows and columns, at which no pair costs less than 0 and every matched pair costs 0.
    let (mut of_row, mut of_column) = (vec![0.0; n], vec![0.0; n]);
    let mut matched: Vec<Option<usize>> = vec![None; n];
    for row in 0..n {
        // The shortest path from `row` over matched pairs to a free column.
        let (mut least, mut from, mut done) = (vec![f64::INFINITY; n], vec![None; n], vec![false; n]);
        let (mut current, mut through, mut walked) = (row, None, 0.0);
        let end = loop {
            let mut nearest = (f64::INFINITY, n);
            for j in (0..n).filter(|j| !done[*j]) {
                let reduced = walked + cost(current, j) - of_row[current] - of_column[j];
                if reduced < least[j] {
                    (least[j], from[j]) = (reduced, through);
                }
                if least[j] < nearest.0 {
                    nearest = (least[j], j);
                }
            }
            let (length, j) = nearest;
            (walked, done[j]) = (length, true);
            match matched[j] {
                Some(next) => (current, through) = (next, Some(j)),
                None => break j,
            }
        };
        of_row[row] += walked;
        for j in (0..n).filter(|j| done[*j] && *j != end) {
            of_column[j] -= walked - least[j];
            if let Some(i) = matched[j] {
                of_row[i] += walked - least[j];
            }
        }
        // Along the path every column takes the row of the one before it.
        let mut column = end;
        while let Some(before) = from[column] {
            matched[column] = matched[before];
            column = before;
        }
        matched[column] = Some(row);
    }
    matched.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::Pairs;
    use super::*;
    use crate::key::{Key, Purpose};

    #[test]
    fn the_matching_is_the_best_of_all() {
        for seed in 0..20 {
            let n = 6;
            let c: Vec<f64> = Key::new(seed, Purpose::Metric).uniform(0, n, n).into_iter().map(f64::from).collect();
            let matched = assignment(n, |i, j| c[i * n + j]);
            let found: f64 = matched.iter().enumerate().map(|(j, i)| c[i * n + j]).sum();
            let mut rows: Vec<usize> = (0..n).collect();
            let all = permutations(&mut rows, n);
            let totals = all.iter().map(|p| p.iter().enumerate().map(|(j, i)| c[i * n + j]).sum::<f64>());
            assert!((found - totals.fold(f64::INFINITY, f64::min)).abs() < 1e-12);
        }
    }

    fn permutations(rows: &mut Vec<usize>, k: usize) -> Vec<Vec<usize>> {
        if k == 1 {
            return vec![rows.clone()];
        }
        let mut all = Vec::new();
        for i in 0..k {
            all.extend(permutations(rows, k - 1));
            let j = if k.is_multiple_of(2) { i } else { 0 };
            rows.swap(j, k - 1);
        }
        all
    }

    #[test]
    fn a_shift_costs_its_length() {
        let x = Key::new(1, Purpose::Metric).normal(0, 60, 2);
        let y: Vec<f32> = x.chunks(2).rev().flat_map(|r| [r[0] + 3.0, r[1] + 4.0]).collect();
        assert!((wasserstein(&Pairs::new(&x, &y, 2).whole(), 2.0) - 5.0).abs() < 1e-5);
    }
}
