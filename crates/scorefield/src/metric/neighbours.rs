//! Distances to nearest neighbours: how far a sample is from anything it could have copied.

use super::pairs::distance;
use rayon::prelude::*;

/// For each row of `a`, the distance to the nearest row of `b`; `d` columns, data units.
pub fn nearest_distances(a: &[f32], b: &[f32], d: usize) -> Vec<f64> {
    a.par_chunks(d).map(|x| b.chunks(d).map(|y| distance(x, y)).fold(f64::INFINITY, f64::min)).collect()
}

/// For each row of `a`, the distance to the nearest other row of `a`.
pub fn nearest_within(a: &[f32], d: usize) -> Vec<f64> {
    let others = |i: usize| a.chunks(d).enumerate().filter(move |(j, _)| *j != i).map(|(_, y)| y);
    let nearest = |(i, x): (usize, &[f32])| others(i).map(|y| distance(x, y)).fold(f64::INFINITY, f64::min);
    a.par_chunks(d).enumerate().map(nearest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_a_small_set_are_the_obvious_ones() {
        let a = [0.0, 0.0, 3.0, 4.0, 3.0, 5.0];
        assert_eq!(nearest_within(&a, 2), vec![5.0, 1.0, 1.0]);
        assert_eq!(nearest_distances(&[0.0, 1.0], &a, 2), vec![1.0]);
    }
}
