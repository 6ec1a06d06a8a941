//! A step size for samplers that cannot find their own: a few short chains of `mala`, which can.
//!
//! A Metropolis test refuses a step for the error that the step makes. Where it would accept nine of ten, the bias of a chain without the
//! test is small: that step size is taken. `underdamped` takes its root, as its step is that of a leapfrog path of one step.

use super::{Draw, Mala, draw};
use crate::error::{Error, Result};
use crate::score::Score;
use std::fmt;

/// For what a step is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `langevin`.
    Langevin,
    /// `underdamped`.
    Underdamped,
    /// `annealed`: the step at its last level.
    Annealed,
}

impl Kind {
    /// Of a sampler's name; `None` if it finds its own step, or has none.
    pub fn of(sampler: &str) -> Option<Self> {
        match sampler {
            "langevin" => Some(Self::Langevin),
            "underdamped" => Some(Self::Underdamped),
            "annealed" => Some(Self::Annealed),
            _ => None,
        }
    }
}

/// A step size that was found.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Tuned {
    /// ε, as the sampler takes it.
    pub epsilon: f64,
    /// The share of such steps that the test accepted.
    pub acceptance: f64,
    /// The noise level at which it was found.
    pub sigma: f64,
    /// The level for which it is meant, where that is another: steps shrink with the square of the level on the way there.
    pub meant: Option<f64>,
}

impl fmt::Display for Tuned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epsilon, acceptance, sigma, meant } = self;
        let accepts = format!("a Metropolis test accepts {:.0} % of such steps, so the bias is small", 100.0 * acceptance);
        match meant {
            None => write!(f, "ε = {epsilon} was chosen at σ = {sigma}: {accepts}"),
            Some(meant) => {
                let there = rounded(epsilon * (sigma / meant).powi(2));
                write!(
                    f,
                    "ε = {epsilon} at the last level, σ = {meant}, was chosen from ε = {there} at the first, σ = {sigma}: {accepts}"
                )
            }
        }
    }
}

const ACCEPTANCE: f64 = 0.9;
const CHAINS: usize = 64;
const WARMUP: usize = 300;
const STEPS: usize = 50;
/// Digits of ε that are kept.
const DIGITS: i32 = 2;

/// Finds ε for the sampler `kind` at noise level σ, from where `request` begins.
///
/// # Errors
/// No step was accepted at all.
pub fn tune(score: &dyn Score, kind: Kind, sigma: f64, request: &Draw) -> Result<Tuned> {
    let epsilon = if sigma > 0.0 { sigma * sigma } else { 1.0 };
    let chain = Mala { steps: STEPS, warmup: WARMUP, epsilon, target: ACCEPTANCE, sigma };
    let short = Draw { n: CHAINS, start_sigma: sigma, ..request.clone() };
    let drawn = draw(score, &chain, &short, &mut ())?;
    match (drawn.step_sizes, drawn.acceptance) {
        (Some(steps), Some(acceptance)) if acceptance > 0.0 => {
            let epsilon = if kind == Kind::Underdamped { steps.mean.sqrt() } else { steps.mean };
            Ok(Tuned { epsilon: rounded(epsilon), acceptance, sigma, meant: None })
        }
        _ => Err(Error::failed("--epsilon auto", "no step of any size was accepted").with_hint("give --epsilon a number")),
    }
}

/// Finds ε of `annealed` at its last level σ_L, for the ladder `levels` from σ₁ on.
///
/// The step at level i is ε·σ_i²/σ_L², but p_σ is wider than σ by the data's own width, which is most of it where σ is small: what is not
/// too long at σ₁ is not too long at any level. So it is found there.
///
/// # Errors
/// As [`tune`].
pub fn tune_ladder(score: &dyn Score, levels: &[f64], request: &Draw) -> Result<Tuned> {
    let (first, last) = (levels.first().copied().unwrap_or(1.0), levels.last().copied().unwrap_or(1.0));
    let found = tune(score, Kind::Annealed, first, request)?;
    Ok(Tuned { epsilon: rounded(found.epsilon * (last / first).powi(2)), meant: Some(last), ..found })
}

/// A number that a person would type.
fn rounded(x: f64) -> f64 {
    let scale = 10f64.powi(DIGITS - 1 - x.log10().floor() as i32);
    (x * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::{Component, Mixture};
    use crate::sample::Start;

    #[test]
    fn the_step_follows_the_width_of_the_density() {
        let found = |std: f64, kind| {
            let p = Mixture::new(vec![Component::isotropic(1.0, vec![0.0; 4], std)]).unwrap();
            let start = Start::Normal { mean: vec![0.0; 4], sigma_data: std as f32 };
            tune(&p, kind, 0.0, &Draw { n: 1, from: 0, seed: 1, start, start_sigma: 0.0 }).unwrap()
        };
        let (one, ten) = (found(1.0, Kind::Langevin), found(10.0, Kind::Langevin));
        // ε scales as the variance, found to a few hundredths by 64 chains and rounded to two digits.
        assert!((ten.epsilon / one.epsilon / 100.0 - 1.0).abs() < 0.2, "{one} {ten}");
        // 3,200 steps: a standard error of 0.006 and what the adaptation leaves.
        assert!((one.acceptance - 0.9).abs() < 0.05, "{one}");
        assert!((found(10.0, Kind::Underdamped).epsilon.powi(2) / ten.epsilon - 1.0).abs() < 0.1);
        // N(0, 1) down to σ = 0.01: what is found at σ = 0.01 alone, about 1, would be 10⁶ at σ = 10.
        let p = Mixture::new(vec![Component::isotropic(1.0, vec![0.0; 4], 1.0)]).unwrap();
        let start = Start::Normal { mean: vec![0.0; 4], sigma_data: 1.0 };
        let ladder = tune_ladder(&p, &[10.0, 1.0, 0.01], &Draw { n: 1, from: 0, seed: 1, start, start_sigma: 0.0 }).unwrap();
        assert!((ladder.epsilon * 1e6 / (one.epsilon * 101.0) - 1.0).abs() < 0.2, "{ladder}");
        assert_eq!([0.123456, 987.0, 5.0].map(rounded), [0.12, 990.0, 5.0]);
    }
}
