//! `mala`: Langevin dynamics with a Metropolis test after each step, which takes the bias of the step size away.
//!
//! The step is that of `chain/adjusted.rs`. Each chain finds its own ε in the warm-up, for an acceptance of 0.574 (Roberts & Rosenthal 1998),
//! and keeps it from there on: what follows the warm-up is a Markov chain that has p_σ as its stationary law exactly.

use super::chain::{Adjusted, Law, Place};
use super::langevin::positive;
use super::{Kept, Method, Ready, Sampler, SamplerSettings, Walk};
use crate::error::Result;
use crate::registry::Entry;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Mala {
    /// Steps after the warm-up.
    pub steps: usize,
    /// Steps in which ε adapts; 0: it stays as it is.
    pub warmup: usize,
    /// ε, where the warm-up begins.
    pub epsilon: f64,
    /// The acceptance that the warm-up looks for.
    pub target: f64,
    /// The noise level whose distribution is sampled.
    pub sigma: f64,
}

/// The best acceptance in many dimensions (Roberts & Rosenthal 1998).
pub(super) const TARGET: f64 = 0.574;

impl Sampler for Mala {
    fn steps(&self) -> usize {
        self.warmup + self.steps
    }

    fn kept(&self) -> Option<Kept> {
        Some(Kept::after(self.warmup, self.steps))
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        let mut now = Place::room(walk);
        now.x.copy_from_slice(walk.x());
        let mut law = Law::begin(walk, self.sigma, 1.0, &mut now);
        let mut chain = Adjusted::new(walk, self.epsilon, self.target);
        for step in 0..self.steps() {
            let accepted = chain.step(walk, &mut law, &mut now);
            if step < self.warmup {
                chain.adapt();
                if step + 1 == self.warmup {
                    chain.steps.freeze();
                }
            } else {
                walk.accepted(accepted);
            }
            walk.x_mut().copy_from_slice(&now.x);
            walk.moved(self.sigma)?;
        }
        walk.stepped(chain.steps.epsilon());
        Ok(())
    }
}

fn build(settings: &SamplerSettings<'_>) -> Result<Ready> {
    let (low, _) = settings.target_range;
    let asked = &settings.asked;
    let sigma = asked.sigma.unwrap_or(low);
    let steps = asked.steps.unwrap_or(1000);
    let warmup = asked.warmup(steps);
    // The warm-up finds its way from anywhere; the data's scale is a good place.
    let epsilon = asked.epsilon.unwrap_or(if sigma > 0.0 { sigma * sigma } else { 1.0 });
    positive(epsilon, steps)?;
    let sampler = Mala { steps, warmup, epsilon, target: TARGET, sigma };
    let said = if warmup > 0 {
        format!("{steps} steps at σ = {sigma} after {warmup} that set each chain's ε for an acceptance of {TARGET}")
    } else {
        format!("{steps} steps of ε = {epsilon} at σ = {sigma}")
    };
    Ok(Ready { sampler: Box::new(sampler), start_sigma: sigma, settings: said })
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "mala",
    aliases: &["metropolis-adjusted-langevin"],
    summary: "Langevin dynamics with a Metropolis test: no bias, the step size found by itself",
    formula: "x' = x + (ε/2)·s(x) + √ε·z; accepted with min(1, p(x')q(x|x')/p(x)q(x'|x))",
    source: "Roberts & Tweedie 1996; Roberts & Rosenthal 1998; Hoffman & Gelman 2014 (adaptation)",
    value: Method { reads: &["--steps", "--epsilon", "--sigma", "--warmup"], build },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::{self, Mixture};
    use crate::sample::{Draw, Hmc, Path, Start, draw};
    use crate::score::Score;
    use crate::tensor::{Device, Tensor};

    /// A score without its density, as a network has it.
    struct Bare(Mixture);

    impl Score for Bare {
        fn dim(&self) -> usize {
            self.0.dim()
        }

        fn device(&self) -> Device {
            self.0.device()
        }

        fn score(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<2> {
            self.0.score(x, sigma)
        }
    }

    fn request(n: usize, d: usize, from: u64) -> Draw {
        let start = Start::Normal { mean: vec![0.0; d], sigma_data: 2.0 };
        Draw { n, from, seed: 5, start, start_sigma: 0.0 }
    }

    /// Mean and covariance of the correlated Gaussian off the origin, each within 4 standard errors.
    fn check_gaussian(points: &[f64]) {
        let n = (points.len() / 2) as f64;
        let (mean, cov) = ([1.0, -2.0], [[2.0, 0.6], [0.6, 1.0]]);
        for i in 0..2 {
            let m = points.chunks(2).map(|x| x[i]).sum::<f64>() / n;
            assert!((m - mean[i]).abs() < 4.0 * (cov[i][i] / n).sqrt(), "mean {i}: {m}");
            for j in 0..2 {
                let c = points.chunks(2).map(|x| (x[i] - mean[i]) * (x[j] - mean[j])).sum::<f64>() / n;
                let error = ((cov[i][i] * cov[j][j] + cov[i][j] * cov[i][j]) / n).sqrt();
                assert!((c - cov[i][j]).abs() < 4.0 * error, "covariance {i}{j}: {c}");
            }
        }
    }

    #[test]
    fn mala_and_hmc_have_no_bias_however_long_the_step() {
        let p = density::mixture("gaussian").unwrap();
        let (n, sigma, epsilon) = (20_000, 0.0, 1.5);
        let mala = Mala { steps: 150, warmup: 0, epsilon, target: TARGET, sigma };
        let drawn = draw(&p, &mala, &request(n, 2, 0), &mut ()).unwrap();
        check_gaussian(&drawn.points);
        assert!(drawn.acceptance.is_some_and(|a| a > 0.2 && a < 0.8), "{:?}", drawn.acceptance);
        for path in [Path::Steps(3), Path::Length(2.5)] {
            let hmc = Hmc { steps: 60, warmup: 0, epsilon: 1.0, path, jitter: 0.1, target: 0.8, sigma };
            check_gaussian(&draw(&p, &hmc, &request(n, 2, 0), &mut ()).unwrap().points);
        }
    }

    #[test]
    fn each_chain_finds_the_acceptance_that_was_asked_for() {
        let p = density::mixture("gaussian-10").unwrap();
        for first in [1e-3, 30.0] {
            let mala = Mala { steps: 200, warmup: 400, epsilon: first, target: TARGET, sigma: 0.0 };
            let drawn = draw(&p, &mala, &request(256, 10, 0), &mut ()).unwrap();
            // Dual averaging ends within a few hundredths of its target.
            assert!((drawn.acceptance.unwrap() - TARGET).abs() < 0.04, "{:?}", drawn.acceptance);
        }
    }

    #[test]
    fn without_a_density_the_line_integral_takes_its_place() {
        // Two modes of unequal width, near enough to be crossed: E x and E x² are known.
        let p = density::mixture("mixture-1d").unwrap();
        let (n, sigma) = (20_000, 0.6);
        let second = 0.7 * (1.0 + 0.25 + 0.36) + 0.3 * (2.25 + 0.09 + 0.36);
        let mean = 0.3 * 1.5 - 0.7;
        for epsilon in [0.5, 1.0] {
            let mala = Mala { steps: 300, warmup: 0, epsilon, target: TARGET, sigma };
            let known = draw(&p, &mala, &request(n, 1, 0), &mut ()).unwrap();
            let bare = draw(&Bare(p.clone()), &mala, &request(n, 1, 0), &mut ()).unwrap();
            for drawn in [known, bare] {
                let m = drawn.points.iter().sum::<f64>() / n as f64;
                let v = drawn.points.iter().map(|x| x * x).sum::<f64>() / n as f64;
                let fourth = drawn.points.iter().map(|x| x.powi(4)).sum::<f64>() / n as f64;
                assert!((m - mean).abs() < 4.0 * ((second - mean * mean) / n as f64).sqrt(), "{m}, not {mean}");
                assert!((v - second).abs() < 4.0 * ((fourth - v * v) / n as f64).sqrt(), "{v}, not {second}");
            }
        }
    }

    #[test]
    fn an_adapting_chain_does_not_depend_on_its_neighbours() {
        let p = density::mixture("gaussian").unwrap();
        let mala = Mala { steps: 10, warmup: 20, epsilon: 1.0, target: TARGET, sigma: 0.0 };
        let whole = draw(&p, &mala, &request(700, 2, 0), &mut ()).unwrap().points;
        let mut parts = draw(&p, &mala, &request(123, 2, 0), &mut ()).unwrap().points;
        parts.extend(draw(&p, &mala, &request(577, 2, 123), &mut ()).unwrap().points);
        assert_eq!(whole, parts);
    }
}
