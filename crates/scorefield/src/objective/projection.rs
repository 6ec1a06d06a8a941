//! Directions v with E[v vᵀ] = I, along which the sliced losses look.
//!
//! Then E[vᵀJv] = tr J for any J (Hutchinson 1989). The laws differ in variance: for symmetric J it is 2‖J‖²_F for `gaussian`, 2(‖J‖²_F −
//! Σ J_ii²) for `rademacher`, and 2d/(d + 2)·(‖J‖²_F − (tr J)²/d) for `sphere`, whose norm here is √d (some code has norm 1, with which
//! the estimate would be tr J/d).

use crate::key::{Key, Purpose};
use crate::tensor::{Tensor, matrix};
use nalgebra::DMatrix;

/// The law of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Law {
    /// v ~ N(0, I).
    Gaussian,
    /// v uniform on {−1, 1}ᵈ.
    Rademacher,
    /// v uniform on the sphere of radius √d.
    Sphere,
}

/// M directions a point of one law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Projection {
    /// The law.
    pub law: Law,
    /// M, at least 1.
    pub count: usize,
}

impl Law {
    /// The words that stand for the laws.
    pub const WORDS: &'static [&'static str] = &["gaussian", "rademacher", "sphere"];

    /// Every law, in the order of the words a user may write.
    pub const ALL: [Self; 3] = [Self::Gaussian, Self::Rademacher, Self::Sphere];

    /// The word that stands for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gaussian => "gaussian",
            Self::Rademacher => "rademacher",
            Self::Sphere => "sphere",
        }
    }

    /// The law that a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|law| law.word() == word)
    }

    /// `n` directions in d dimensions, row-major; direction i is a function of the key and of `first_row + i` alone.
    pub fn draw(self, key: Key, first_row: u64, n: usize, d: usize) -> Vec<f32> {
        match self {
            Self::Gaussian => key.normal(first_row, n, d),
            Self::Rademacher => key.rademacher(first_row, n, d),
            Self::Sphere => {
                let mut v = key.normal(first_row, n, d);
                for row in v.chunks_mut(d) {
                    let norm = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
                    let scale = (d as f64).sqrt() / norm.max(f64::MIN_POSITIVE);
                    row.iter_mut().for_each(|v| *v = (f64::from(*v) * scale) as f32);
                }
                v
            }
        }
    }

    /// The variance of vᵀJv for a symmetric J, `[d, d]`.
    pub fn trace_variance(self, jacobian: &DMatrix<f64>) -> f64 {
        let (d, square) = (jacobian.nrows() as f64, jacobian.norm_squared());
        match self {
            Self::Gaussian => 2.0 * square,
            Self::Rademacher => 2.0 * (square - jacobian.diagonal().norm_squared()),
            Self::Sphere => 2.0 * d / (d + 2.0) * (square - jacobian.trace().powi(2) / d),
        }
    }
}

/// How many numbers the directions of one pass may have: 16 MiB, and a network's hidden values beside them.
const NUMBERS_AT_ONCE: usize = 1 << 22;

impl Projection {
    /// The mean over M directions of what `f` makes of some of them, `[m·n, d]` → `[n, m]`, for points `x` `[n, d]`: `[n, 1]`. Direction m of
    /// point i is row m·n + i; all travel in one pass where memory allows, in several where it does not.
    pub fn mean(self, key: Key, x: &Tensor<2>, f: impl Fn(Tensor<2>) -> Tensor<2>) -> Tensor<2> {
        self.mean_of(NUMBERS_AT_ONCE, key, x, f)
    }

    fn mean_of(self, numbers: usize, key: Key, x: &Tensor<2>, f: impl Fn(Tensor<2>) -> Tensor<2>) -> Tensor<2> {
        let ([n, d], device) = (x.dims(), x.device());
        let key = key.for_purpose(Purpose::Projection);
        let at_once = (numbers / (n * d).max(1)).clamp(1, self.count);
        let sums = (0..self.count).step_by(at_once).map(|first| {
            let rows = at_once.min(self.count - first) * n;
            f(matrix(self.law.draw(key, (first * n) as u64, rows, d), rows, d, &device)).sum_dim(1)
        });
        let sum = sums.reduce(|a, b| a + b).expect("at least one direction");
        if self.count == 1 { sum } else { sum * (1.0 / self.count as f64) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_law_has_the_identity_as_its_second_moment() {
        let (n, d) = (400_000, 3);
        for law in Law::ALL {
            let v = law.draw(Key::new(1, Purpose::Projection), 0, n, d);
            for (i, j) in (0..d).flat_map(|i| (0..d).map(move |j| (i, j))) {
                let products: Vec<f64> = v.chunks(d).map(|v| f64::from(v[i]) * f64::from(v[j])).collect();
                let mean = products.iter().sum::<f64>() / n as f64;
                let variance = products.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / n as f64;
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((mean - expected).abs() <= 4.5 * (variance / n as f64).sqrt() + 1e-6, "{law:?} {i} {j}: {mean}");
            }
        }
    }

    #[test]
    fn directions_in_pieces_are_the_directions_at_once() {
        use crate::tensor::{Device, numbers, row_dots};
        let x = matrix((0..6).map(|i| i as f32 * 0.5 - 1.0).collect(), 3, 2, &Device::flex());
        let projection = Projection { law: Law::Gaussian, count: 5 };
        let mean = |at_once| {
            let f = |v: Tensor<2>| row_dots(v, x.clone(), 3).powi_scalar(2);
            numbers(projection.mean_of(at_once, Key::new(4, Purpose::Projection), &x, f))
        };
        for (whole, pieces) in mean(1 << 10).into_iter().zip(mean(12)) {
            assert!((whole - pieces).abs() < 1e-6 * whole, "{whole} against {pieces}");
        }
    }

    #[test]
    fn the_sphere_has_radius_root_d_and_signs_are_signs() {
        let key = Key::new(2, Purpose::Projection);
        for v in Law::Sphere.draw(key, 0, 100, 7).chunks(7) {
            assert!((v.iter().map(|v| v * v).sum::<f32>() - 7.0).abs() < 1e-4);
        }
        assert!(Law::Rademacher.draw(key, 0, 100, 7).iter().all(|v| v.abs() == 1.0));
    }
}
