//! Distances between all pairs of points of two sets, taken once for every figure that is made of them.

use rayon::prelude::*;

/// ‖xᵢ − xⱼ‖, ‖yᵢ − yⱼ‖ and ‖xᵢ − yⱼ‖ for n points x and m points y; data units.
#[derive(Clone, Debug)]
pub struct Pairs {
    n: usize,
    m: usize,
    xx: Vec<f64>,
    yy: Vec<f64>,
    xy: Vec<f64>,
}

impl Pairs {
    /// Of the rows of `x` and `y`, row-major with `d` columns.
    ///
    /// # Panics
    /// If either is not a whole number of rows.
    pub fn new(x: &[f32], y: &[f32], d: usize) -> Self {
        assert!(x.len().is_multiple_of(d) && y.len().is_multiple_of(d), "whole rows of {d}");
        let all = |a: &[f32], b: &[f32]| {
            let width = b.len() / d;
            let mut out = vec![0.0; a.len() / d * width];
            out.par_chunks_mut(width.max(1)).zip(a.par_chunks(d)).for_each(|(out, a)| {
                out.iter_mut().zip(b.chunks(d)).for_each(|(out, b)| *out = distance(a, b));
            });
            out
        };
        Self { n: x.len() / d, m: y.len() / d, xx: all(x, x), yy: all(y, y), xy: all(x, y) }
    }

    /// All points of both sets.
    pub fn whole(&self) -> View<'_> {
        View { pairs: self, x: (0..self.n).collect(), y: (0..self.m).collect() }
    }
}

/// Some points of each set.
#[derive(Clone, Debug)]
pub struct View<'a> {
    pairs: &'a Pairs,
    x: Vec<usize>,
    y: Vec<usize>,
}

impl View<'_> {
    /// Points of x.
    pub fn n(&self) -> usize {
        self.x.len()
    }

    /// Points of y.
    pub fn m(&self) -> usize {
        self.y.len()
    }

    /// ‖xᵢ − xⱼ‖.
    pub fn xx(&self, i: usize, j: usize) -> f64 {
        self.pairs.xx[self.x[i] * self.pairs.n + self.x[j]]
    }

    /// ‖yᵢ − yⱼ‖.
    pub fn yy(&self, i: usize, j: usize) -> f64 {
        self.pairs.yy[self.y[i] * self.pairs.m + self.y[j]]
    }

    /// ‖xᵢ − yⱼ‖.
    pub fn xy(&self, i: usize, j: usize) -> f64 {
        self.pairs.xy[self.x[i] * self.pairs.m + self.y[j]]
    }

    /// The points whose number in their set, divided by `groups`, leaves another rest than `group`.
    pub fn without(&self, group: usize, groups: usize) -> Self {
        let keep = |rows: &[usize]| {
            let kept = rows.iter().enumerate().filter(|(i, _)| i % groups != group);
            kept.map(|(_, row)| *row).collect()
        };
        Self { pairs: self.pairs, x: keep(&self.x), y: keep(&self.y) }
    }

    /// The first points of each set, `most` of them at most.
    pub fn first(&self, most: usize) -> Self {
        let first = |rows: &[usize]| rows[..rows.len().min(most)].to_vec();
        Self { pairs: self.pairs, x: first(&self.x), y: first(&self.y) }
    }

    /// Σᵢ f(i) over `0..n`, on all cores; added in order, so that it is the same whatever their number.
    pub(super) fn sum(n: usize, f: impl Fn(usize) -> f64 + Sync + Send) -> f64 {
        let rows: Vec<f64> = (0..n).into_par_iter().map(f).collect();
        rows.iter().sum()
    }
}

/// ‖x − y‖.
pub(super) fn distance(x: &[f32], y: &[f32]) -> f64 {
    // Eight sums side by side, which a compiler can keep in registers; one would be a chain of additions.
    let mut sums = [0.0f64; 8];
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<8>(), y.as_chunks::<8>());
    for (x, y) in x.iter().zip(y) {
        for k in 0..8 {
            sums[k] += (f64::from(x[k]) - f64::from(y[k])).powi(2);
        }
    }
    let rest: f64 = x_rest.iter().zip(y_rest).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum();
    (sums.iter().sum::<f64>() + rest).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_without_a_group_lacks_its_points() {
        let x = [0.0, 1.0, 3.0, 7.0];
        let pairs = Pairs::new(&x, &[10.0, 20.0], 1);
        let view = pairs.whole().without(1, 3);
        assert_eq!((view.n(), view.m()), (3, 1));
        assert_eq!((view.xx(0, 1), view.xx(1, 2), view.xy(2, 0), view.yy(0, 0)), (3.0, 4.0, 3.0, 0.0));
    }

    #[test]
    fn long_rows_have_the_distance_of_the_formula() {
        let x: Vec<f32> = (0..19).map(|i| i as f32).collect();
        let y: Vec<f32> = (0..19).map(|i| (2 * i) as f32).collect();
        // Σ i² for i < 19 is 2109.
        assert!((distance(&x, &y) - 2109f64.sqrt()).abs() < 1e-12);
    }
}
