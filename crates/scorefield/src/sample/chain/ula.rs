//! One step of unadjusted Langevin dynamics, x ← x + (ε/2)·s(x) + √ε·z (Roberts & Tweedie 1996).
//!
//! ε is the step of the Euler–Maruyama scheme for dx = ½∇log p dt + dw. Others write x + εs + √(2ε)z: their ε is half of ours. On N(0, 1)
//! the chain's stationary variance is 1/(1 − ε/4): it is biased, and the bias vanishes with ε.

use scorefield_kernels::chain;

/// Moves `x` to the next state by its score and fresh noise z, all `[n, d]`.
pub fn unadjusted_langevin(x: &mut [f64], score: &[f64], z: &[f64], epsilon: f64) {
    chain::langevin(x, score, z, epsilon / 2.0, epsilon.sqrt());
}
