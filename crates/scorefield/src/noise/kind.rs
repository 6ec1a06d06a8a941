//! Kinds of noise: the law of n in x̃ = x + σ·n, with a closed-form score.
//!
//! The coordinates of n are independent, with mean 0 and variance 1 whatever the kind, so that σ is a standard deviation throughout. With
//! ψ = (log q)′ of one coordinate, ∇ log q_σ(x̃ given x) = ψ(n)/σ: all that denoising score matching asks of a noise (Vincent 2011, eq. 11).
//! What is learned is the score of the noisy distribution, ∇ log p_σ(x̃) = E[ψ(n)/σ given x̃], for every kind; that D = x̃ + σ²s is
//! E[x given x̃] (Tweedie) holds for Gaussian noise alone.

use super::{gaussian, laplace, logistic, student_t};
use crate::key::Key;
use crate::registry::Entry;
use std::fmt::Debug;
use std::sync::Arc;

/// A law of independent coordinates with mean 0 and variance 1.
pub trait Noise: Debug + Send + Sync {
    /// The registry's name.
    fn name(&self) -> &'static str;

    /// Whether n is normal: what Tweedie's formula, the probability flow and closed-form smoothing of a mixture ask for.
    fn is_gaussian(&self) -> bool {
        false
    }

    /// Rows `first_row..first_row + n` of d coordinates, row-major; row i is a function of the key and of its number alone.
    fn sample(&self, key: Key, first_row: u64, n: usize, d: usize) -> Vec<f32>;

    /// log q(n) of one coordinate, normalised, in nats.
    fn log_density(&self, n: f64) -> f64;

    /// ψ(n) = (log q)′(n) of one coordinate; where q has a kink, the mean of its two sides.
    fn score(&self, n: f32) -> f32;

    /// E ψ(n)², the Fisher information of one coordinate's location.
    fn information(&self) -> f64;
}

/// Makes a noise.
pub type MakeNoise = fn() -> Arc<dyn Noise>;

/// The noises a user may name.
pub static NOISES: &[Entry<MakeNoise>] = &[gaussian::ENTRY, laplace::ENTRY, logistic::ENTRY, student_t::ENTRY];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Quadrature;
    use crate::key::Purpose;

    /// ∫ f q on both sides of the kink at 0, out to where every law's tail is below the tolerance.
    fn expectation(noise: &dyn Noise, f: impl Fn(f64) -> f64) -> f64 {
        let mut cuts: Vec<f64> = (-3..=14).map(|k| 2f64.powi(k)).collect();
        cuts.extend(cuts.clone().iter().map(|c| -c));
        cuts.push(0.0);
        cuts.sort_by(f64::total_cmp);
        Quadrature { relative: 1e-9 }.integrate(&cuts, |n| [f(n) * noise.log_density(n).exp()])[0]
    }

    fn all() -> impl Iterator<Item = Arc<dyn Noise>> {
        NOISES.iter().map(|entry| (entry.value)())
    }

    #[test]
    fn every_density_is_normalised_with_mean_0_variance_1_and_the_stated_information() {
        for (entry, noise) in NOISES.iter().zip(all()) {
            assert_eq!(entry.name, noise.name());
            let psi = |n: f64| f64::from(noise.score(n as f32));
            let found = [
                expectation(&*noise, |_| 1.0),
                expectation(&*noise, |n| n),
                expectation(&*noise, |n| n * n),
                expectation(&*noise, psi),
                expectation(&*noise, |n| n * psi(n)),
                expectation(&*noise, |n| psi(n).powi(2)),
            ];
            // Integration by parts: E ψ = 0, E nψ = −1. ψ is computed in 32 bits.
            let expected = [1.0, 0.0, 1.0, 0.0, -1.0, noise.information()];
            for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert!((found - expected).abs() < 1e-6, "{}, moment {k}: {found} against {expected}", entry.name);
            }
        }
    }

    #[test]
    fn psi_is_the_derivative_of_the_log_density() {
        for noise in all() {
            for n in [-30.0f32, -3.5, -0.75, -0.01, 0.02, 0.4, 1.0, 5.0, 200.0] {
                let (x, h) = (f64::from(n), 1e-5);
                let slope = (noise.log_density(x + h) - noise.log_density(x - h)) / (2.0 * h);
                let psi = f64::from(noise.score(n));
                assert!((slope - psi).abs() < 1e-6 * (1.0 + psi.abs()), "{} at {n}: {slope} against {psi}", noise.name());
            }
        }
    }

    #[test]
    fn draws_have_the_laws_moments_and_its_distribution_function() {
        let n = 400_000;
        for noise in all() {
            let draws = noise.sample(Key::new(11, Purpose::Noise), 0, n / 2, 2);
            // A mean over the draws against the laws; ψ is computed in 32 bits.
            let check = |what: &str, expected: f64, f: &dyn Fn(f64) -> f64| {
                let values: Vec<f64> = draws.iter().map(|n| f(f64::from(*n))).collect();
                let mean = values.iter().sum::<f64>() / n as f64;
                let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
                let error = (variance / n as f64).sqrt();
                assert!(
                    (mean - expected).abs() < 4.0 * error + 2e-7,
                    "{}, {what}: {mean} ± {error}, not {expected}",
                    noise.name()
                );
            };
            let psi = |n: f64| f64::from(noise.score(n as f32));
            check("n", 0.0, &|n| n);
            check("n²", 1.0, &|n| n * n);
            check("ψ", 0.0, &psi);
            check("nψ", -1.0, &|n| n * psi(n));
            check("ψ²", noise.information(), &|n| psi(n).powi(2));
            for cut in [-2.0, -0.6, 0.0, 0.3, 1.5, 3.0] {
                let below = expectation(&*noise, |n| if n < cut { 1.0 } else { 0.0 });
                check("P(n < cut)", below, &|n| if n < cut { 1.0 } else { 0.0 });
            }
        }
    }

    #[test]
    fn a_row_of_draws_depends_on_its_number_and_not_on_the_batch() {
        for noise in all() {
            let key = Key::new(5, Purpose::Noise).at(3);
            let (whole, part) = (noise.sample(key, 0, 10, 3), noise.sample(key, 6, 4, 3));
            assert_eq!(whole[18..], part[..], "{}", noise.name());
            assert_ne!(whole, noise.sample(key.at(4), 0, 10, 3), "{}", noise.name());
        }
    }
}
