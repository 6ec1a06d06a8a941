//! Denoising score matching (Vincent 2011, eq. 11; Song & Ermon 2019, eq. 5):
//!
//! λ(σ)·½‖s_θ(x̃, σ) − t‖² with x̃ = x + σn and t = ∇ log q_σ(x̃ given x) = ψ(n)/σ, for Gaussian n (x − x̃)/σ² = −n/σ.
//!
//! Its minimiser is the score of the *noisy* distribution p_σ, for any noise with a closed-form ψ. The minimum is not 0: what is left is
//! the part of the target that x̃ does not tell, λ·½(E‖t‖² − E‖∇ log p_σ‖²).
//!
//! At small σ the target is large and mostly noise: the loss is ½‖s(x̃)‖² − s(x̃)ᵀt + ½‖t‖², and s(x̃)ᵀt is about s(x)ᵀt, of mean 0 and
//! variance ‖s(x)‖²/σ². The control variate subtracts exactly that, and takes ½‖t‖² at its mean ½d·I/σ², I = E ψ²:
//!
//! λ(σ)·[½‖s(x̃)‖² − (s(x̃) − s(x))ᵀt + ½d·I/σ²],
//!
//! the same mean and, for σ below the data's own scale, a variance that stays bounded as σ → 0, for one more evaluation at x (Wang et al.
//! 2020). At large σ it only adds noise.

use super::{Alternatives, Batch, Build, Method, Needs, Noisy, Objective, half_square};
use crate::key::Key;
use crate::oracle::Expectation;
use crate::registry::Entry;
use crate::score::ScoreJvp;
use crate::tensor::{Tensor, weighted_squares};

/// Whether the control variate is subtracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variate {
    /// The loss as it stands.
    Off,
    /// Less its control variate: for small σ.
    On,
}

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Denoising {
    /// Whether the control variate is subtracted.
    pub variate: Variate,
}

impl Objective for Denoising {
    fn loss(&self, score: &dyn ScoreJvp, batch: &Batch, key: Key) -> Tensor<1> {
        let Noisy { points, target } = batch.noisy(key);
        let [n, d] = points.dims();
        match self.variate {
            Variate::Off => weighted_squares(score.score(points, &batch.sigma), target, batch.weight.clone()),
            Variate::On => {
                let both = Tensor::cat(vec![points, batch.clean.clone()], 0);
                let s = score.score(both, &batch.sigma.clone().repeat_dim(0, 2));
                let (noisy, clean) = (s.clone().narrow(0, 0, n), s.narrow(0, n, n));
                let floor = batch.sigma.clone().powi_scalar(-2).reshape([n, 1]) * (0.5 * d as f64 * batch.noise.information());
                let signal = ((noisy.clone() - clean) * target).sum_dim(1);
                batch.weighted(half_square(noisy) - signal + floor)
            }
        }
    }
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "denoising",
    aliases: &["dsm"],
    summary: "match the score of the noise that was added: no derivative of the network in its input",
    formula: "λ(σ)·½‖s_θ(x̃, σ) − ψ(n)/σ‖², Gaussian: ψ(n)/σ = (x − x̃)/σ²",
    source: "Vincent 2011; Song & Ermon 2019",
    value: Method {
        build: (|settings| Ok(Box::new(Denoising { variate: settings.variate }))) as Build,
        needs: Needs::Noise,
        expectation: Expectation::Denoising,
        alternatives: Alternatives::Variates,
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;
    use crate::key::Purpose;
    use crate::levels::Regime;
    use crate::noise::Gaussian;
    use crate::tensor::{Device, matrix, numbers, repeated};
    use std::sync::Arc;

    fn moments(sigma: f32, variate: Variate) -> (f64, f64, usize) {
        let (p, n) = (density::mixture("gaussian").unwrap(), 200_000);
        let device = Device::flex();
        let key = Key::new(4, Purpose::Data);
        let clean = matrix(p.sample(key, 0, n, 0.0), n, 2, &device);
        let batch = Batch {
            clean,
            sigma: repeated(sigma, n, &device),
            weight: repeated(1.0, n, &device),
            regime: Regime::Noisy,
            noise: Arc::new(Gaussian),
        };
        let losses = numbers(Denoising { variate }.loss(&p, &batch, key));
        let mean = losses.iter().map(|l| f64::from(*l)).sum::<f64>() / n as f64;
        (mean, losses.iter().map(|l| (f64::from(*l) - mean).powi(2)).sum::<f64>() / n as f64, n)
    }

    /// On N(m, Σ) the exact score of p_σ leaves ½(d/σ² − tr (Σ + σ²I)⁻¹).
    fn expected(sigma: f64) -> f64 {
        let v = sigma * sigma;
        let (a, c) = (2.0 + v, 1.0 + v);
        0.5 * (2.0 / v - (a + c) / (a * c - 0.36))
    }

    #[test]
    fn the_exact_score_leaves_the_loss_that_theory_leaves_with_and_without_the_variate() {
        for sigma in [0.8f32, 0.1] {
            for variate in [Variate::Off, Variate::On] {
                let ((mean, variance, n), expected) = (moments(sigma, variate), expected(f64::from(sigma)));
                assert!(
                    (mean - expected).abs() < 4.0 * (variance / n as f64).sqrt(),
                    "{sigma} {variate:?}: {mean} against {expected}"
                );
            }
        }
    }

    #[test]
    fn the_variates_variance_stays_bounded_as_the_noise_falls_and_the_plain_losss_does_not() {
        let ((_, at_tenth, _), (_, at_hundredth, _)) = (moments(0.1, Variate::On), moments(0.01, Variate::On));
        assert!(at_hundredth < 1.5 * at_tenth, "{at_tenth} then {at_hundredth}");
        let ((_, plain, _), (_, smaller, _)) = (moments(0.1, Variate::Off), moments(0.01, Variate::Off));
        assert!(smaller > 100.0 * plain && at_tenth < plain / 10.0, "{plain}, {smaller}, {at_tenth}");
    }
}
