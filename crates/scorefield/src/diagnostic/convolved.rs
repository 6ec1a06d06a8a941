//! The exact score of a one-dimensional mixture under any noise, by quadrature: p_σ(x̃) = ∫ p(x)·q((x̃ − x)/σ)/σ dx.
//!
//! The derivative goes to the smooth factor: p_σ′(x̃) = ∫ p′(x)·q((x̃ − x)/σ)/σ dx, hence
//!
//! ∇ log p_σ(x̃) = ∫ s(x)·w(x) dx / ∫ w(x) dx, w(x) = p(x)·q((x̃ − x)/σ), s = p′/p:
//!
//! the mean of the clean score over what the clean point may have been. It asks of q its density alone, so a kink of q (Laplace's, at
//! x = x̃) is no more than an end of a panel. Panels grow by doubling away from each place where something narrow may be: the means of the
//! mixture, in units of their widths, and x̃, in units of σ. All is relative to the largest w, so that far points keep their digits.

use super::Quadrature;
use crate::density::{Exact, Mixture, Smoothing};
use crate::noise::Noise;
use crate::score::Score;
use crate::tensor::{Device, Tensor, matrix, numbers};
use rayon::prelude::*;
use std::sync::Arc;

/// What both integrals are computed to; their quotient is then good to about 1e-8.
const QUADRATURE: Quadrature = Quadrature { relative: 1e-9 };
/// Beyond this many widths of every component p is below e⁻⁷² of its height.
const REACH: f64 = 12.0;

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct Convolved {
    mixture: Mixture,
    noise: Arc<dyn Noise>,
    /// w, m and standard deviation of each component.
    parts: Vec<[f64; 3]>,
}

/// The exact score of a density under `noise` at all σ: in closed form for a mixture under Gaussian noise, by quadrature for one on the
/// line, `None` otherwise.
pub fn truth(density: &Arc<dyn Exact>, noise: &Arc<dyn Noise>) -> Option<Arc<dyn Score>> {
    if noise.is_gaussian() {
        return (density.smoothing() == Smoothing::Known).then(|| density.clone() as Arc<dyn Score>);
    }
    Convolved::new(density.as_mixture()?.clone(), noise.clone()).map(|convolved| Arc::new(convolved) as Arc<dyn Score>)
}

impl Convolved {
    /// `None` in more than one dimension.
    pub fn new(mixture: Mixture, noise: Arc<dyn Noise>) -> Option<Self> {
        if mixture.dim() != 1 {
            return None;
        }
        let parts = mixture.weights().into_iter().zip(mixture.means()).zip(mixture.variances());
        let parts = parts.map(|((w, m), v)| [w, m[0], v[0].sqrt()]).collect();
        Some(Self { mixture, noise, parts })
    }

    /// log p(x), up to ½ ln 2π, and s(x).
    fn clean(&self, x: f64) -> (f64, f64) {
        let log = |[w, m, width]: [f64; 3]| (w / width).ln() - 0.5 * ((x - m) / width).powi(2);
        let top = self.parts.iter().map(|p| log(*p)).fold(f64::NEG_INFINITY, f64::max);
        let (mut sum, mut slope) = (0.0, 0.0);
        for p @ [_, m, width] in &self.parts {
            let share = (log(*p) - top).exp();
            sum += share;
            slope -= share * (x - m) / (width * width);
        }
        (top + sum.ln(), slope / sum)
    }

    /// Ends of panels, ascending.
    fn cuts(&self, at: f64, sigma: f64) -> Vec<f64> {
        let centres = || self.parts.iter().map(|[_, m, width]| (*m, *width)).chain([(at, sigma)]);
        let low = centres().map(|(c, width)| c - REACH * width).fold(f64::INFINITY, f64::min);
        let high = centres().map(|(c, width)| c + REACH * width).fold(f64::NEG_INFINITY, f64::max);
        let mut cuts = vec![low, high];
        for (centre, width) in centres() {
            cuts.push(centre);
            let mut reach = 0.5 * width;
            while reach < high - low {
                cuts.extend([centre - reach, centre + reach]);
                reach *= 2.0;
            }
        }
        cuts.retain(|c| (low..=high).contains(c));
        cuts.sort_by(f64::total_cmp);
        cuts.dedup();
        cuts
    }

    /// ∇ log p_σ(x̃).
    fn at(&self, at: f64, sigma: f64) -> f64 {
        if sigma == 0.0 {
            return self.clean(at).1;
        }
        let weight = |x: f64| {
            let (log, slope) = self.clean(x);
            (log + self.noise.log_density((at - x) / sigma), slope)
        };
        let cuts = self.cuts(at, sigma);
        let middles = cuts.windows(2).map(|w| 0.5 * (w[0] + w[1]));
        let top = middles.chain(cuts.iter().copied()).map(|x| weight(x).0).fold(f64::NEG_INFINITY, f64::max);
        let [total, slope] = QUADRATURE.integrate(&cuts, |x| {
            let (log, slope) = weight(x);
            let w = (log - top).exp();
            [w, w * slope]
        });
        slope / total
    }
}

impl Score for Convolved {
    fn dim(&self) -> usize {
        1
    }

    fn device(&self) -> Device {
        self.mixture.device()
    }

    fn score(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<2> {
        let (n, device) = (x.dims()[0], x.device());
        let (x, sigma) = (numbers(x), numbers(sigma.clone()));
        let scores = x.par_iter().zip(sigma).map(|(x, sigma)| self.at(f64::from(*x), f64::from(sigma)) as f32);
        matrix(scores.collect(), n, 1, &device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::{self, Component};
    use crate::noise::{Gaussian, Laplace, NOISES};
    use statrs::function::erf::erfc;
    use std::f64::consts::SQRT_2;

    fn under(noise: Arc<dyn Noise>) -> Convolved {
        Convolved::new(density::mixture("mixture-1d").unwrap(), noise).unwrap()
    }

    #[test]
    fn under_gaussian_noise_it_is_the_closed_form_from_the_centre_to_far_outside() {
        let convolved = under(Arc::new(Gaussian));
        for sigma in [1e-3f64, 0.05, 0.5, 2.0, 40.0] {
            let spread = [(0.7, -1.0, 0.5f64.hypot(sigma)), (0.3, 1.5, 0.3f64.hypot(sigma))];
            for x in [-60.0, -7.5, -2.0, -1.0, -0.2, 0.3, 0.6, 1.4, 3.0, 25.0f64] {
                let log = |(w, m, v): (f64, f64, f64)| (w / v).ln() - 0.5 * ((x - m) / v).powi(2);
                let share = 1.0 / (1.0 + (log(spread[1]) - log(spread[0])).exp());
                let slope = |(_, m, v): (f64, f64, f64)| -(x - m) / (v * v);
                let expected = share * slope(spread[0]) + (1.0 - share) * slope(spread[1]);
                let found = convolved.at(x, sigma);
                assert!(
                    (found - expected).abs() < 1e-6 * (1.0 + expected.abs()),
                    "σ = {sigma}, x = {x}: {found} against {expected}"
                );
            }
        }
    }

    /// N(0, 1) with Laplace noise of rate a = √2/σ: both halves of the convolution are normal tails,
    /// p_σ(x) ∝ e^{−ax}Φ(x − a) + e^{ax}Φ(−x − a).
    #[test]
    fn under_laplace_noise_a_gaussian_has_its_closed_form() {
        let normal = Mixture::new(vec![Component::isotropic(1.0, vec![0.0], 1.0)]).unwrap();
        let convolved = Convolved::new(normal, Arc::new(Laplace)).unwrap();
        let tail = |z: f64| 0.5 * erfc(-z / SQRT_2);
        for sigma in [0.3f64, 1.0, 3.0] {
            let a = SQRT_2 / sigma;
            for x in [-6.0f64, -2.5, -0.4, 0.0, 0.1, 1.0, 4.0] {
                let (left, right) = ((-a * x).exp() * tail(x - a), (a * x).exp() * tail(-x - a));
                // The terms of the product rule that hold the normal density cancel.
                let expected = a * (right - left) / (right + left);
                let found = convolved.at(x, sigma);
                assert!((found - expected).abs() < 1e-6, "σ = {sigma}, x = {x}: {found} against {expected}");
            }
        }
    }

    #[test]
    fn it_is_the_gradient_of_log_p_sigma_under_every_noise() {
        for entry in NOISES {
            let noise = (entry.value)();
            let (convolved, sigma) = (under(noise.clone()), 0.5);
            // p_σ by another road: a sum over n on a fine grid on either side of the kink.
            let density = |x: f64| {
                let h = 1e-3;
                let sides = (0..40_000).map(|k| (f64::from(k) + 0.5) * h);
                let all = sides.flat_map(|n| [n, -n]).map(|n| (convolved.clean(x - sigma * n).0 + noise.log_density(n)).exp());
                all.sum::<f64>() * h
            };
            for x in [-4.0, -1.2, 0.25, 1.9] {
                let h = 1e-3;
                let slope = (density(x + h).ln() - density(x - h).ln()) / (2.0 * h);
                let found = convolved.at(x, sigma);
                assert!((found - slope).abs() < 2e-5, "{} at {x}: {found} against {slope}", entry.name);
            }
        }
    }

    #[test]
    fn without_noise_it_is_the_mixtures_own_and_there_is_none_in_the_plane() {
        let convolved = under(Arc::new(Laplace));
        let device = Device::flex();
        let x = matrix(vec![-1.5, 0.0, 0.5, 2.0], 4, 1, &device);
        let sigma = crate::tensor::repeated(0.0, 4, &device);
        let (ours, own) = (numbers(convolved.score(x.clone(), &sigma)), numbers(convolved.mixture.score(x, &sigma)));
        assert!(ours.iter().zip(&own).all(|(a, b)| (a - b).abs() < 1e-5 * (1.0 + b.abs())), "{ours:?} against {own:?}");
        let noise: Arc<dyn Noise> = Arc::new(Laplace);
        assert!(truth(&density::open("gaussian").unwrap(), &noise).is_none());
    }
}
