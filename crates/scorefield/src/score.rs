//! What a score is to the rest of the library.
//!
//! Trained models, distributions known in closed form and posterior wrappers are all [`Score`]s, so every sampler and diagnostic works
//! for each of them. What an objective needs besides is [`ScoreJvp`]: derivatives of the score along directions.

use crate::tensor::{Device, Tensor, column, row_dots, unit_vectors};

/// ∇ₓ log p_σ(x), where p_σ is the distribution of x₀ + σ·n.
pub trait Score: Send + Sync {
    /// Dimension d of a point.
    fn dim(&self) -> usize;

    /// Where tensors given to [`Score::score`] should live.
    fn device(&self) -> Device;

    /// The score at `x` `[n, d]` and noise levels `sigma` `[n]` (data units); `[n, d]`.
    fn score(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<2>;

    /// D(x, σ) = E[x₀ given x] = x + σ²·∇ log p_σ(x): Tweedie's formula (Robbins 1956; Efron 2011), for Gaussian noise.
    fn denoise(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<2> {
        let variance = column(sigma).powi_scalar(2);
        x.clone() + self.score(x, sigma) * variance
    }
}

/// A score with its derivatives along directions, J = ∂s/∂x.
///
/// M directions a point travel together: `v` is `[M·n, d]`, and direction m of point i is row m·n + i. Results that are one number a
/// direction are `[n, M]`. Where the score has parameters, every result can be differentiated by them.
pub trait ScoreJvp: Score {
    /// s `[n, d]`, and vᵀJv `[n, M]`.
    fn curvature(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>);

    /// vᵀs and vᵀJv, `[n, M]` each: all that the sliced loss looks at. A score that is the gradient of a scalar has both without
    /// computing itself in full.
    fn along(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let (s, curvature) = self.curvature(x, sigma, v.clone());
        let n = s.dims()[0];
        (row_dots(v, s, n), curvature)
    }

    /// s `[n, d]`, and the exact tr J `[n]`: from d unit directions, some at once, unless the score knows a shorter way.
    fn trace(&self, x: Tensor<2>, sigma: &Tensor<1>) -> (Tensor<2>, Tensor<1>) {
        trace_along(self, x, sigma)
    }

    /// log p_σ(x) up to a constant in x, `[n]`; `None` where the score is not known to be a gradient.
    fn log_density(&self, _x: Tensor<2>, _sigma: &Tensor<1>) -> Option<Tensor<1>> {
        None
    }
}

/// s `[n, d]`, and the exact tr J `[n]` from d unit directions, as many at once as `TRACE_NUMBERS` allows.
pub(crate) fn trace_along(score: &(impl ScoreJvp + ?Sized), x: Tensor<2>, sigma: &Tensor<1>) -> (Tensor<2>, Tensor<1>) {
    let ([n, d], device) = (x.dims(), x.device());
    let at_once = (TRACE_NUMBERS / (n * d).max(1)).clamp(1, d.max(1));
    let mut columns = Vec::new();
    let mut trace = Tensor::zeros([n], &device);
    for first in (0..d).step_by(at_once) {
        let unit = unit_vectors(n, d, first, at_once.min(d - first), &device);
        let (s, curvature) = score.along(x.clone(), sigma, unit);
        columns.push(s);
        trace = trace + curvature.sum_dim(1).reshape([n]);
    }
    (Tensor::cat(columns, 1), trace)
}

/// How many numbers the directions of one pass of an exact trace may have: 16 MiB, and a network's hidden values beside them.
const TRACE_NUMBERS: usize = 1 << 22;

/// A score that comes with its density.
pub trait LogDensity: Score {
    /// log p_σ(x), normalised, in nats; `[n]`.
    fn log_prob(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<1>;
}
