//! Denoising score matching (Vincent 2011, eq. 11; Song & Ermon 2019, eq. 5):
//!
//! λ(σ)·½‖s_θ(x̃, σ) − ∇ log q_σ(x̃ given x)‖² with x̃ = x + σn, and for Gaussian n the target (x − x̃)/σ² = −n/σ.
//!
//! Its minimiser is the score of the *noisy* distribution p_σ. The minimum is not 0: what is left is the part of the target that x̃ does
//! not tell, λ·½(d/σ² − E‖∇ log p_σ‖²).

use super::{Batch, Build, Objective};
use crate::key::{Key, Purpose};
use crate::registry::Entry;
use crate::score::Score;
use crate::tensor::{Tensor, column, matrix};

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Denoising;

impl Objective for Denoising {
    fn loss(&self, score: &dyn Score, batch: &Batch, key: Key) -> Tensor<1> {
        let ([n, d], device) = (batch.clean.dims(), batch.clean.device());
        let noise = matrix(key.for_purpose(Purpose::Noise).normal(0, n, d), n, d, &device);
        let sigma = column(&batch.sigma);
        let noisy = batch.clean.clone() + noise.clone() * sigma.clone();
        let target = noise.neg() / sigma;
        let error = score.score(noisy, &batch.sigma) - target;
        error.powi_scalar(2).sum_dim(1).reshape([n]) * batch.weight.clone() * 0.5
    }
}

/// The registry's row.
pub(super) const ENTRY: Entry<Build> = Entry {
    name: "denoising",
    aliases: &["dsm"],
    summary: "match the score of the noise that was added: no derivative of the network in its input",
    formula: "λ(σ)·½‖s_θ(x̃, σ) − (x − x̃)/σ²‖²",
    source: "Vincent 2011; Song & Ermon 2019",
    value: || Box::new(Denoising),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;
    use crate::tensor::{Device, numbers, repeated};

    #[test]
    fn the_exact_score_leaves_the_loss_that_theory_leaves() {
        // On N(m, Σ) the exact score of p_σ leaves ½(d/σ² − tr (Σ + σ²I)⁻¹).
        let (p, n, sigma) = (density::open("gaussian").unwrap(), 200_000, 0.8f32);
        let device = Device::flex();
        let key = Key::new(4, Purpose::Data);
        let clean = matrix(p.sample(key, 0, n, 0.0), n, 2, &device);
        let batch = Batch { clean, sigma: repeated(sigma, n, &device), weight: repeated(1.0, n, &device) };
        let losses = numbers(Denoising.loss(&p, &batch, key));
        let mean = losses.iter().map(|l| f64::from(*l)).sum::<f64>() / n as f64;
        let variance = losses.iter().map(|l| (f64::from(*l) - mean).powi(2)).sum::<f64>() / n as f64;
        let v = f64::from(sigma * sigma);
        let (a, c) = (2.0 + v, 1.0 + v);
        let expected = 0.5 * (2.0 / v - (a + c) / (a * c - 0.36));
        assert!((mean - expected).abs() < 4.0 * (variance / n as f64).sqrt(), "{mean} against {expected}");
    }
}
