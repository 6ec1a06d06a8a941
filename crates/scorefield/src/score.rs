//! What a score is to the rest of the library.
//!
//! Trained models, distributions known in closed form and posterior wrappers are all [`Score`]s, so every sampler and diagnostic works
//! for each of them.

use crate::tensor::{Device, Tensor, column};

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

/// A score that comes with its density.
pub trait LogDensity: Score {
    /// log p_σ(x), normalised, in nats; `[n]`.
    fn log_prob(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<1>;
}
