//! The expectation of an objective, in closed form where the score is s(x) = Ax + b.
//!
//! With m and C the mean and covariance of the points that the score is asked at (under noise x̃ = x + σn: C = Σ + σ²I, whatever the law of
//! n, which has variance 1), P the inverse of C, d the dimension and I = E ψ² the noise's information:
//!
//! - implicit (Hyvärinen 2005, theorem 1): L = tr A + ½E‖Ax + b‖² = tr A + ½[tr(ACAᵀ) + ‖Am + b‖²];
//! - explicit, where the truth is N(m, C), s*(x) = −P(x − m): L = ½E‖(A + P)x + b − Pm‖² = implicit + ½ tr P;
//! - denoising (Vincent 2011): L = ½E‖s(x̃) − ψ(n)/σ‖² = implicit + ½d·I/σ², because E[n ψ(n)] = −1 for every law (parts).
//!
//! So the three have one gradient, ∂L/∂A = I + A(C + mmᵀ) + bmᵀ and ∂L/∂b = Am + b: the theorems of Hyvärinen and Vincent, for this s.
//! Nothing but moments enters, so the first two hold for the moments of a finite set of points too, to rounding, with
//! ∂L/∂A = (A + P)E[xxᵀ] + (b − Pm)E[x]ᵀ for the explicit one.

use nalgebra::{DMatrix, DVector};

/// Which closed form the mean of an objective has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// ½E‖s − s*‖².
    Explicit,
    /// E[tr J + ½‖s‖²].
    Implicit,
    /// ½E‖s(x̃) − ψ(n)/σ‖².
    Denoising,
}

/// s(x) = Ax + b, in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// A, `[d, d]`.
    pub a: DMatrix<f64>,
    /// b, `[d]`.
    pub b: DVector<f64>,
}

/// The first two moments of points.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// E x.
    pub mean: DVector<f64>,
    /// E xxᵀ.
    pub second: DMatrix<f64>,
}

/// What an expectation holds the score against, besides the points.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// s* of the points' density, which is normal.
    pub score: Affine,
    /// E‖ψ(n)/σ‖² = d·I/σ², of the target of `denoising`; 0 where there is none.
    pub target: f64,
}

/// A loss and its gradient by A and b.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// L.
    pub loss: f64,
    /// ∂L/∂A, row by row, then ∂L/∂b.
    pub gradient: Vec<f64>,
}

impl Moments {
    /// Of a law with mean `mean` and covariance `cov`.
    pub fn of_law(mean: &DVector<f64>, cov: &DMatrix<f64>) -> Self {
        Self { mean: mean.clone(), second: cov + mean * mean.transpose() }
    }

    /// Of these points, row-major `[n, d]`.
    pub fn of_points(points: &[f32], d: usize) -> Self {
        let (mut mean, mut second) = (DVector::zeros(d), DMatrix::zeros(d, d));
        for row in points.chunks_exact(d) {
            let x = DVector::from_iterator(d, row.iter().map(|x| f64::from(*x)));
            second.ger(1.0, &x, &x, 1.0);
            mean += x;
        }
        let n = (points.len() / d) as f64;
        Self { mean: mean / n, second: second / n }
    }
}

impl Affine {
    /// The score of N(mean, cov): −P(x − m).
    ///
    /// # Panics
    /// If the covariance is singular.
    pub fn normal(mean: &DVector<f64>, cov: &DMatrix<f64>) -> Self {
        let precision = cov.clone().try_inverse().expect("a covariance has an inverse");
        Self { b: &precision * mean, a: -precision }
    }

    /// ½E‖Ax + b‖² with its gradient by A and by b.
    fn half_square(&self, points: &Moments) -> (f64, DMatrix<f64>, DVector<f64>) {
        let Self { a, b } = self;
        let loss = 0.5 * (a * &points.second * a.transpose()).trace() + b.dot(&(a * &points.mean)) + 0.5 * b.norm_squared();
        (loss, a * &points.second + b * points.mean.transpose(), a * &points.mean + b)
    }
}

impl Expectation {
    /// The loss of `score` on points of these moments.
    pub fn of(self, score: &Affine, points: &Moments, truth: &Truth) -> Value {
        let Affine { a, b } = score;
        let (loss, by_a, by_b) = match self {
            Self::Explicit => Affine { a: a - &truth.score.a, b: b - &truth.score.b }.half_square(points),
            Self::Implicit | Self::Denoising => {
                let (square, by_a, by_b) = score.half_square(points);
                let constant = if self == Self::Denoising { 0.5 * truth.target } else { 0.0 };
                (square + a.trace() + constant, by_a + DMatrix::identity(b.len(), b.len()), by_b)
            }
        };
        Value { loss, gradient: by_a.transpose().iter().chain(by_b.iter()).copied().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> (Affine, DVector<f64>, DMatrix<f64>) {
        let affine =
            Affine { a: DMatrix::from_row_slice(2, 2, &[-0.8, 0.5, -0.3, -0.4]), b: DVector::from_row_slice(&[0.7, -0.2]) };
        (affine, DVector::from_row_slice(&[1.0, -2.0]), DMatrix::from_row_slice(2, 2, &[2.0, 0.6, 0.6, 1.0]))
    }

    #[test]
    fn on_a_normal_law_the_three_differ_by_constants_and_share_their_gradient() {
        let (s, m, c) = given();
        let truth = Truth { score: Affine::normal(&m, &c), target: 3.0 };
        let of = |e: Expectation| e.of(&s, &Moments::of_law(&m, &c), &truth);
        let (implicit, explicit, denoising) = (of(Expectation::Implicit), of(Expectation::Explicit), of(Expectation::Denoising));
        // By hand: tr A = −1.2, tr(ACAᵀ) = 1.05 + 0.484, Am + b = (−1.1, 0.3).
        assert!((implicit.loss - (-1.2 + 0.5 * (1.05 + 0.484 + 1.21 + 0.09))).abs() < 1e-12, "{}", implicit.loss);
        assert!((explicit.loss - implicit.loss - 0.5 * 3.0 / 1.64).abs() < 1e-12);
        assert!((denoising.loss - implicit.loss - 1.5).abs() < 1e-12);
        for ((a, b), c) in implicit.gradient.iter().zip(&explicit.gradient).zip(&denoising.gradient) {
            assert!((a - b).abs() < 1e-12 && a == c);
        }
    }

    #[test]
    fn gradients_are_the_differences_of_the_loss() {
        let (s, m, c) = given();
        // Not the law's own moments: the explicit one has a gradient of its own then.
        let points = Moments::of_points(&[0.5, -1.0, 2.0, 0.25, -1.5, 3.0], 2);
        let truth = Truth { score: Affine::normal(&m, &c), target: 3.0 };
        for e in [Expectation::Explicit, Expectation::Implicit, Expectation::Denoising] {
            let gradient = e.of(&s, &points, &truth).gradient;
            for (k, slope) in gradient.iter().enumerate() {
                let moved = |h: f64| {
                    let mut s = s.clone();
                    if k < 4 {
                        s.a[(k / 2, k % 2)] += h;
                    } else {
                        s.b[k - 4] += h;
                    }
                    e.of(&s, &points, &truth).loss
                };
                let difference = (moved(1e-4) - moved(-1e-4)) / 2e-4;
                assert!((difference - slope).abs() < 1e-8, "{e:?} {k}: {slope} against {difference}");
            }
        }
    }
}
