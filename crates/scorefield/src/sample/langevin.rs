//! `langevin`: one chain of unadjusted Langevin dynamics at one noise level.

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
        let (mut s, mut z) = (walk.room(), walk.room());
        for _ in 0..self.steps {
            walk.score(walk.x(), self.sigma, &mut s);
            walk.noise(&mut z);
            unadjusted_langevin(walk.x_mut(), &s, &z, self.epsilon);
            walk.moved(self.sigma)?;
        }
        Ok(())
    }
}

fn build(settings: &SamplerSettings<'_>) -> Result<Ready> {
    let (low, _) = settings.target_range;
    let sigma = settings.asked.sigma.unwrap_or(low);
    // Without noise the scale of the target is not known; 0.1 is the lecture's step for modes of unit variance.
    let epsilon =
        settings.asked.epsilon.unwrap_or(if sigma > 0.0 && settings.asked.sigma.is_none() { 0.2 * sigma * sigma } else { 0.1 });
    let steps = settings.asked.steps.unwrap_or(1000);
    positive(epsilon, steps)?;
    let said = format!("{steps} steps of ε = {epsilon} at σ = {sigma}");
    Ok(Ready { sampler: Box::new(Langevin { steps, epsilon, sigma }), start_sigma: sigma, settings: said })
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
    source: "Roberts & Tweedie 1996",
    value: Method { reads: &["--steps", "--epsilon", "--sigma"], build },
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
