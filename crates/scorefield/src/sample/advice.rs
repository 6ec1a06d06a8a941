//! Advice on a ladder of noise levels, measured: whether neighbours overlap, and how long steps may be at each.
//!
//! Chains go down the ladder, adapting at each level. Of each pair of neighbours the exchange rate of `tempering` is taken,
//! E min(1, p_a(y)p_b(x)/p_a(x)p_b(y)), which is the overlap of the two laws; and beside it the overlap of two shells of noise in d dimensions,
//! which needs no density (Song & Ermon 2020, proposition 2): Φ(√(2d)(γ − 1) + 3γ) − Φ(√(2d)(γ − 1) − 3γ), γ = σ_a/σ_b. The signal-to-noise
//! ratio of a step of size ε is √ε‖s‖/2√d.

use super::chain::{Adjusted, Law, Place, metropolis};
use super::mala::TARGET;
use super::{Draw, Sampler, Walk, draw};
use crate::error::{Error, Result};
use crate::score::Score;
use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::erf::erfc_inv;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// What was found of one level.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Level {
    /// σ.
    pub sigma: f64,
    /// The step size of an acceptance of 0.574.
    pub epsilon: f64,
    /// The signal-to-noise ratio of such a step.
    pub signal_to_noise: f64,
    /// The acceptance that was reached.
    pub acceptance: f64,
    /// The overlap with the level before by the shells of noise.
    pub overlap: Option<f64>,
    /// The overlap with the level before by exchanges, where there is a density.
    pub exchange: Option<f64>,
}

/// See the head of this file.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Advice {
    /// The levels, the greatest first.
    pub levels: Vec<Level>,
    /// How many there should be for neighbours to exchange in two of five cases; of those with the least overlap.
    pub suggested: Option<usize>,
}

const CHAINS: usize = 64;
/// Steps at each level that find its ε, and steps after them.
const WARMUP: usize = 60;
const STEPS: usize = 40;
/// Neighbours that exchange less often than this are far apart.
const LEAST: f64 = 0.2;
const GOOD: f64 = 0.4;

/// Measures the ladder of `sampler` by 64 chains that begin as `request` does.
///
/// # Errors
/// A sampler without a ladder.
pub fn advise(score: &dyn Score, sampler: &dyn Sampler, request: &Draw) -> Result<Advice> {
    let sigmas = sampler.levels();
    let Some(first) = sigmas.first() else {
        return Err(Error::setting("--advise", "a sampler with a ladder of noise levels", "one without"));
    };
    let probe = Probe { sigmas: sigmas.clone(), sums: Mutex::new(vec![Sums::default(); sigmas.len()]) };
    draw(score, &probe, &Draw { n: CHAINS, start_sigma: *first, ..request.clone() }, &mut ())?;
    let sums = probe.sums.into_inner().unwrap_or_else(PoisonError::into_inner);
    let levels: Vec<Level> = (0..sigmas.len()).map(|i| sums[i].level(&sigmas, i, score.dim())).collect();
    let least = levels.iter().filter_map(|l| l.exchange).min_by(f64::total_cmp).filter(|r| *r < LEAST);
    // Exchange rates fall as erfc of the distance between neighbours, in which the levels are counted.
    let more = |rate: f64| erfc_inv(rate.max(1e-6)) / erfc_inv(GOOD);
    let suggested = least.map(|rate| 1 + ((sigmas.len() - 1) as f64 * more(rate)).ceil() as usize);
    Ok(Advice { levels, suggested })
}

/// Chains that go down the ladder and are measured on the way.
struct Probe {
    sigmas: Vec<f64>,
    sums: Mutex<Vec<Sums>>,
}

/// Sums over the chains at one level.
#[derive(Clone, Debug, Default)]
struct Sums {
    chains: f64,
    ln_epsilon: f64,
    square: f64,
    accepted: f64,
    exchange: f64,
    exchanges: f64,
}

impl Sums {
    fn level(&self, sigmas: &[f64], i: usize, d: usize) -> Level {
        let epsilon = (self.ln_epsilon / self.chains).exp();
        let mean_square = self.square / self.chains / d as f64;
        Level {
            sigma: sigmas[i],
            epsilon,
            signal_to_noise: (epsilon * mean_square).sqrt() / 2.0,
            acceptance: self.accepted / (self.chains * STEPS as f64),
            overlap: (i > 0 && sigmas[i] > 0.0).then(|| shells(sigmas[i - 1] / sigmas[i], d)),
            exchange: (self.exchanges > 0.0).then(|| self.exchange / self.exchanges),
        }
    }
}

/// Φ(√(2d)(γ − 1) + 3γ) − Φ(√(2d)(γ − 1) − 3γ).
fn shells(gamma: f64, d: usize) -> f64 {
    let (normal, apart) = (Normal::standard(), (2.0 * d as f64).sqrt() * (gamma - 1.0));
    normal.cdf(apart + 3.0 * gamma) - normal.cdf(apart - 3.0 * gamma)
}

impl Sampler for Probe {
    fn steps(&self) -> usize {
        self.sigmas.len() * (WARMUP + STEPS)
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        let rows = walk.rows();
        let mut now = Place::room(walk);
        now.x.copy_from_slice(walk.x());
        let mut before: Option<(Place, Law)> = None;
        for (i, &sigma) in self.sigmas.iter().enumerate() {
            let mut law = Law::begin(walk, sigma, 1.0, &mut now);
            let mut chain = Adjusted::new(walk, if sigma > 0.0 { sigma * sigma } else { 1.0 }, TARGET);
            let mut accepted = 0;
            for step in 0..WARMUP + STEPS {
                let moved = chain.step(walk, &mut law, &mut now).iter().filter(|a| **a).count();
                if step < WARMUP {
                    chain.adapt();
                    if step + 1 == WARMUP {
                        chain.steps.freeze();
                    }
                } else {
                    accepted += moved;
                }
                walk.x_mut().copy_from_slice(&now.x);
                walk.moved(sigma)?;
            }
            let exchange = before.as_mut().filter(|_| law.has_density()).map(|b| exchange(walk, b, (&now, &mut law)));
            let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
            let sum = &mut sums[i];
            sum.chains += rows as f64;
            sum.ln_epsilon += chain.steps.epsilon().iter().map(|e| e.ln()).sum::<f64>();
            sum.square += now.score.iter().map(|s| s * s).sum::<f64>();
            sum.accepted += accepted as f64;
            if let Some(exchange) = exchange {
                sum.exchange += exchange;
                sum.exchanges += rows as f64;
            }
            drop(sums);
            before = Some((now.clone(), law));
        }
        Ok(())
    }
}

/// Sum over the rows of the probability that neighbours exchange.
fn exchange(walk: &Walk<'_, '_>, (above, law_above): &mut (Place, Law), (now, law): (&Place, &mut Law)) -> f64 {
    let mut ratio = vec![0.0; walk.rows()];
    let (mut up, mut down) = (now.clone(), above.clone());
    law_above.evaluate(walk, &mut up);
    law.evaluate(walk, &mut down);
    law_above.add_rise(walk, above, &up, &mut ratio);
    law.add_rise(walk, now, &down, &mut ratio);
    metropolis(&mut ratio, &vec![0.0; walk.rows()], &mut vec![false; walk.rows()]);
    ratio.iter().sum()
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the ladder, measured by {CHAINS} chains that go down it:")?;
        for level in &self.levels {
            let Level { sigma, epsilon, signal_to_noise, acceptance, .. } = level;
            write!(
                f,
                "  σ = {sigma:.4}: ε up to {epsilon:.3e} (acceptance {acceptance:.2}, signal to noise {signal_to_noise:.2})"
            )?;
            if let Some(overlap) = level.overlap {
                write!(f, ", shells overlap {overlap:.2}")?;
            }
            if let Some(exchange) = level.exchange {
                write!(f, ", exchange with the level above {exchange:.2}")?;
            }
            writeln!(f)?;
        }
        match self.suggested {
            Some(n) => {
                writeln!(f, "neighbours are too far apart (exchange below {LEAST}): --levels {n} would bring it to about {GOOD}")
            }
            None if self.levels.iter().any(|l| l.exchange.is_some()) => {
                writeln!(f, "neighbours overlap enough: the least exchange is above {LEAST}")
            }
            None => writeln!(f, "no density is known, so exchanges could not be measured"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::{Component, Mixture};
    use crate::levels::Levels;
    use crate::sample::{Annealed, Start};

    #[test]
    fn neighbouring_normals_exchange_as_often_as_theory_says() {
        // N(0, a) and N(0, b) on the line: with r = ½(1/b − 1/a)(x² − y²), x ~ p_a, y ~ p_b, the mean of min(1, e^−r) by the ratio x²/y².
        let p = Mixture::new(vec![Component::isotropic(1.0, vec![0.0], 1e-3)]).unwrap();
        let (a, b) = (4.0f64, 1.0f64);
        let ladder = Annealed { levels: Levels::new(vec![a, b]).unwrap(), steps_per_level: 1, epsilon: 0.1, denoise: false };
        let start = Start::Normal { mean: vec![0.0], sigma_data: 1e-3 };
        let request = Draw { n: 1, from: 0, seed: 2, start, start_sigma: a };
        let advice = advise(&p, &ladder, &request).unwrap();
        // E min(1, e^−r) = 2P(|x| < |y|) for exchanges that balance: P(|x| < |y|) = (2/π)·atan(b/a).
        let expected = 2.0 * std::f64::consts::FRAC_2_PI * (b / a).atan();
        // 64 chains: a standard deviation of at most ½ each.
        let found = advice.levels[1].exchange.unwrap();
        assert!((found - expected).abs() < 4.0 * 0.5 / 8.0, "{found}, not {expected}");
        assert_eq!(advice.levels[0].exchange, None);
        assert!((shells(1.0, 7) - 0.9973).abs() < 1e-3 && shells(3.0, 100) < 1e-6);
    }

    #[test]
    fn a_ladder_with_too_few_rungs_is_told_to_have_more() {
        let p = Mixture::new(vec![Component::isotropic(1.0, vec![0.0; 20], 1.0)]).unwrap();
        let start = Start::Normal { mean: vec![0.0; 20], sigma_data: 1.0 };
        let request = Draw { n: 1, from: 0, seed: 2, start, start_sigma: 20.0 };
        let of = |n: usize| {
            let levels = Levels::geometric(20.0, 0.5, n).unwrap();
            advise(&p, &Annealed { levels, steps_per_level: 1, epsilon: 0.1, denoise: false }, &request).unwrap()
        };
        let suggested = of(5).suggested.unwrap();
        assert!(suggested > 5 && of(suggested).suggested.is_none(), "{suggested}");
    }
}
