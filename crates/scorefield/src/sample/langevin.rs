//! `langevin`: one chain of unadjusted Langevin dynamics at one noise level, by steps of one size or of sizes that decrease.
//!
//! A step of size ε leaves a bias of order ε, and a short step needs many: a chain whose steps decrease begins with long ones and ends with little
//! bias (Welling & Teh 2011). Here their sizes fall in equal ratios.

use super::chain::unadjusted_langevin;
use super::{Kept, Method, Ready, Sampler, SamplerSettings, Walk};
use crate::error::{Error, Result};
use crate::registry::Entry;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Langevin {
    /// Steps.
    pub steps: usize,
    /// ε.
    pub epsilon: f64,
    /// The noise level whose distribution is sampled.
    pub sigma: f64,
}

impl Sampler for Langevin {
    fn steps(&self) -> usize {
        self.steps
    }

    fn kept(&self) -> Option<Kept> {
        Some(Kept::after(0, self.steps))
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        go(walk, self.sigma, std::iter::repeat_n(self.epsilon, self.steps))
    }
}

/// The same by steps that decrease from `from.epsilon` to `last`.
#[derive(Clone, Copy, Debug)]
pub struct Decreasing {
    /// The chain, with its first step.
    pub from: Langevin,
    /// ε of the last step.
    pub last: f64,
}

impl Decreasing {
    /// ε of each step.
    pub fn epsilons(&self) -> impl Iterator<Item = f64> + use<> {
        let Self { from: Langevin { steps, epsilon, .. }, last } = *self;
        (0..steps).map(move |t| epsilon * (last / epsilon).powf(t as f64 / (steps - 1).max(1) as f64))
    }
}

impl Sampler for Decreasing {
    fn steps(&self) -> usize {
        self.from.steps
    }

    fn kept(&self) -> Option<Kept> {
        self.from.kept()
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        go(walk, self.from.sigma, self.epsilons())
    }
}

fn go(walk: &mut Walk<'_, '_>, sigma: f64, epsilons: impl Iterator<Item = f64>) -> Result<()> {
    let (mut s, mut z) = (walk.room(), walk.room());
    for epsilon in epsilons {
        walk.score(walk.x(), sigma, &mut s);
        walk.noise(&mut z);
        unadjusted_langevin(walk.x_mut(), &s, &z, epsilon);
        walk.moved(sigma)?;
    }
    Ok(())
}

fn build(settings: &SamplerSettings<'_>) -> Result<Ready> {
    let (low, _) = settings.target_range;
    let sigma = settings.asked.sigma.unwrap_or(low);
    // Without noise the scale of the target is not known; 0.1 is the lecture's step for modes of unit variance.
    let epsilon =
        settings.asked.epsilon.unwrap_or(if sigma > 0.0 && settings.asked.sigma.is_none() { 0.2 * sigma * sigma } else { 0.1 });
    let steps = settings.asked.steps.unwrap_or(1000);
    positive(epsilon, steps)?;
    let chain = Langevin { steps, epsilon, sigma };
    let (sampler, sizes): (Box<dyn Sampler>, String) = match settings.asked.last_epsilon {
        None => (Box::new(chain), format!("{epsilon}")),
        Some(last) if last > 0.0 && last <= epsilon => {
            (Box::new(Decreasing { from: chain, last }), format!("{epsilon} to {last}"))
        }
        Some(last) => {
            return Err(Error::setting("--last-epsilon", format!("above 0, and {epsilon}, the first step, at most"), last));
        }
    };
    Ok(Ready { sampler, start_sigma: sigma, settings: format!("{steps} steps of ε = {sizes} at σ = {sigma}") })
}

/// Refuses a step size or a number of steps that is not positive.
pub(super) fn positive(epsilon: f64, steps: usize) -> Result<()> {
    if !(epsilon.is_finite() && epsilon > 0.0) {
        return Err(Error::setting("--epsilon", "a positive number", epsilon));
    }
    if steps == 0 {
        return Err(Error::setting("--steps", "at least 1", steps));
    }
    Ok(())
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "langevin",
    aliases: &["ula"],
    summary: "unadjusted Langevin dynamics at one noise level",
    formula: "x ← x + (ε/2)·s(x) + √ε·z",
    source: "Roberts & Tweedie 1996; with steps that decrease: Welling & Teh 2011",
    value: Method { reads: &["--steps", "--epsilon", "--last-epsilon", "--sigma"], build },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;
    use crate::sample::{Draw, Start, draw};

    fn request(n: usize, from: u64) -> Draw {
        let start = Start::Normal { mean: vec![0.0, 0.0], sigma_data: 1.0 };
        Draw { n, from, seed: 3, start, start_sigma: 0.0 }
    }

    #[test]
    fn ula_on_a_standard_normal_has_variance_one_over_one_minus_epsilon_quarter() {
        let p = density::mixture("standard-normal").unwrap();
        let (n, epsilon) = (100_000, 0.4);
        // From variance 1 the distance to stationarity shrinks by (1 − ε/2)² a step: 40 steps leave 1e-8.
        let chain = Langevin { steps: 40, epsilon, sigma: 0.0 };
        let drawn = draw(&p, &chain, &request(n, 0), &mut ()).unwrap();
        assert_eq!(drawn.evaluations, 40);
        let variance = drawn.points.iter().map(|x| x.powi(2)).sum::<f64>() / (2 * n) as f64;
        let expected = 1.0 / (1.0 - epsilon / 4.0);
        // The variance of 2n squared normals: standard error v·√(2/(2n)).
        assert!((variance - expected).abs() < 4.0 * expected / (n as f64).sqrt(), "{variance} against {expected}");
    }

    #[test]
    fn steps_that_decrease_end_with_the_variance_of_their_recursion_and_less_bias_than_the_first() {
        let p = density::mixture("standard-normal").unwrap();
        let (n, from) = (100_000, Langevin { steps: 60, epsilon: 1.0, sigma: 0.0 });
        let chain = Decreasing { from, last: 0.05 };
        let epsilons: Vec<f64> = chain.epsilons().collect();
        assert!(epsilons[0] == 1.0 && (epsilons[59] - 0.05).abs() < 1e-15 && epsilons.is_sorted_by(|a, b| a > b));
        let drawn = draw(&p, &chain, &request(n, 0), &mut ()).unwrap();
        let variance = drawn.points.iter().map(|x| x.powi(2)).sum::<f64>() / (2 * n) as f64;
        // On N(0, 1): v ← (1 − ε/2)² v + ε.
        let expected = epsilons.iter().fold(1.0, |v, e| (1.0 - e / 2.0f64).powi(2) * v + e);
        assert!((variance - expected).abs() < 4.0 * expected / (n as f64).sqrt(), "{variance} against {expected}");
        assert!(expected - 1.0 < 0.25 * (1.0 / (1.0 - 1.0 / 4.0) - 1.0), "{expected}");
    }

    #[test]
    fn rows_do_not_depend_on_how_the_request_is_split() {
        let p = density::mixture("mixture").unwrap();
        let chain = Langevin { steps: 5, epsilon: 0.1, sigma: 0.0 };
        let whole = draw(&p, &chain, &request(5000, 0), &mut ()).unwrap().points;
        let mut parts = draw(&p, &chain, &request(1234, 0), &mut ()).unwrap().points;
        parts.extend(draw(&p, &chain, &request(3766, 1234), &mut ()).unwrap().points);
        assert_eq!(whole, parts);
    }

    #[test]
    fn a_step_that_is_too_long_is_found_row_by_row() {
        let p = density::mixture("standard-normal").unwrap();
        let chain = Langevin { steps: 300, epsilon: 40.0, sigma: 0.0 };
        let drawn = draw(&p, &chain, &request(3, 0), &mut ()).unwrap();
        assert_eq!(drawn.diverged, vec![0, 1, 2]);
    }
}
