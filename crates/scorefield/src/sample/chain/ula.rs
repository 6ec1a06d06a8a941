//! One step of unadjusted Langevin dynamics, x ← x + (ε/2)·s(x) + √ε·z (Roberts & Tweedie 1996).
//!
//! ε is the step of the Euler–Maruyama scheme for dx = ½∇log p dt + dw. Others write x + εs + √(2ε)z: their ε is half of ours. On N(0, 1)
//! the chain's stationary variance is 1/(1 − ε/4): it is biased, and the bias vanishes with ε.

use crate::tensor::Tensor;

/// The next state from `x`, its score, fresh noise z, all `[n, d]`.
pub fn unadjusted_langevin(x: Tensor<2>, score: Tensor<2>, z: Tensor<2>, epsilon: f64) -> Tensor<2> {
    x + score * (epsilon / 2.0) as f32 + z * epsilon.sqrt() as f32
}
