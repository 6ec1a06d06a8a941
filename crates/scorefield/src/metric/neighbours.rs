//! Nearest neighbours by looking at all pairs: how far a point is from others, and from which.

use super::pairs::distance;
use rayon::prelude::*;

/// Rows that look for neighbours together, so that each row they look at is fetched once for all of them.
const TOGETHER: usize = 16;

/// The k nearest rows of each row of a set, the nearest first.
#[derive(Clone, Debug)]
pub struct Neighbours {
    n: usize,
    k: usize,
    index: Vec<u32>,
    distance: Vec<f64>,
}

impl Neighbours {
    /// Of the rows of `points` `[n, d]` among the others, data units; k is at most n − 1. n²d operations.
    pub fn within(points: &[f32], d: usize, k: usize) -> Self {
        Self::search(points, points, d, k.min((points.len() / d).saturating_sub(1)), |i, j| i != j)
    }

    /// Of the rows of `a` among those of `b`, `d` columns, data units; k is at most the rows of `b`.
    pub fn among(a: &[f32], b: &[f32], d: usize, k: usize) -> Self {
        Self::search(a, b, d, k.min(b.len() / d), |_, _| true)
    }

    fn search(a: &[f32], b: &[f32], d: usize, k: usize, may: fn(usize, usize) -> bool) -> Self {
        let found: Vec<Vec<(f64, u32)>> = a
            .par_chunks(TOGETHER * d)
            .enumerate()
            .flat_map(|(block, rows)| {
                let first = block * TOGETHER;
                let mut near = vec![Vec::with_capacity(k + 1); rows.len() / d];
                for (j, y) in b.chunks_exact(d).enumerate() {
                    for (i, x) in rows.chunks_exact(d).enumerate().filter(|(i, _)| may(first + i, j)) {
                        keep(&mut near[i], k, distance(x, y), j as u32);
                    }
                }
                near
            })
            .collect();
        let (distance, index) = found.into_iter().flatten().unzip();
        Self { n: a.len() / d, k, index, distance }
    }

    /// k, which is less than was asked for where there are few rows.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Rows of the set.
    pub fn rows(&self) -> usize {
        self.n
    }

    /// Number and distance of the neighbours of row i, the nearest first.
    pub fn of(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = i * self.k..(i + 1) * self.k;
        self.index[range.clone()].iter().map(|j| *j as usize).zip(self.distance[range].iter().copied())
    }
}

/// Puts a neighbour among the k nearest so far, which are in order.
fn keep(near: &mut Vec<(f64, u32)>, k: usize, distance: f64, j: u32) {
    if near.len() == k && near.last().is_none_or(|(worst, _)| distance >= *worst) {
        return;
    }
    let at = near.partition_point(|(before, _)| *before <= distance);
    near.insert(at, (distance, j));
    near.truncate(k);
}

/// For each row of `a`, the number of the nearest row of `b` and its distance; `d` columns, data units. Of a row that is not finite, and
/// where there is no row of `b`, the distance is infinite.
pub fn nearest(a: &[f32], b: &[f32], d: usize) -> Vec<(usize, f64)> {
    let all = Neighbours::among(a, b, d, 1);
    let finite = |(j, r): (usize, f64)| if r.is_nan() { (j, f64::INFINITY) } else { (j, r) };
    (0..all.n).map(|i| all.of(i).next().map_or((0, f64::INFINITY), finite)).collect()
}

/// For each row of `a`, the distance to the nearest row of `b`; `d` columns, data units.
pub fn nearest_distances(a: &[f32], b: &[f32], d: usize) -> Vec<f64> {
    nearest(a, b, d).into_iter().map(|(_, distance)| distance).collect()
}

/// For each row of `a`, the distance to the nearest other row of `a`; infinite for a single row.
pub fn nearest_within(a: &[f32], d: usize) -> Vec<f64> {
    let all = Neighbours::within(a, d, 1);
    (0..a.len() / d).map(|i| all.of(i).next().map_or(f64::INFINITY, |(_, distance)| distance)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};

    #[test]
    fn neighbours_of_a_small_set_are_the_obvious_ones() {
        let a = [0.0, 0.0, 3.0, 4.0, 3.0, 5.0];
        assert_eq!(nearest_within(&a, 2), vec![5.0, 1.0, 1.0]);
        assert_eq!(nearest_distances(&[0.0, 1.0], &a, 2), vec![1.0]);
        assert_eq!(nearest(&[3.0, 4.6], &a, 2)[0].0, 2);
        assert_eq!(nearest_within(&[1.0], 1), vec![f64::INFINITY]);
    }

    #[test]
    fn the_k_nearest_are_the_first_k_of_all_in_order() {
        let (n, d) = (57, 3);
        let x = Key::new(3, Purpose::Data).normal(0, n, d);
        let found = Neighbours::within(&x, d, 6);
        for i in 0..n {
            let row = |j: usize| &x[j * d..(j + 1) * d];
            let mut all: Vec<(usize, f64)> = (0..n).filter(|j| *j != i).map(|j| (j, distance(row(i), row(j)))).collect();
            all.sort_by(|a, b| a.1.total_cmp(&b.1));
            assert_eq!(found.of(i).collect::<Vec<_>>(), all[..6]);
        }
        assert_eq!(Neighbours::within(&x[..6], d, 5).k(), 1);
    }
}
