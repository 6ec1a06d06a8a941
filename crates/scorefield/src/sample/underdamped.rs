//! `underdamped`: Langevin dynamics with inertia, by the splitting BAOAB (Leimkuhler & Matthews 2013).
//!
//! dx = v dt, dv = s(x) dt − γv dt + √(2γ) dw has p(x)·N(v; 0, I) as its stationary law. A step of size ε is
//!
//! B: v ← v + (ε/2)·s(x), A: x ← x + (ε/2)·v, O: v ← e^{−γε}·v + √(1 − e^{−2γε})·z, A, B;
//!
//! one evaluation each, as the last B has the score that the next step begins with. The error of x is of order ε² (and none at all on
//! Gaussians below the limit of stability, ε < 2 standard deviations). For γ → ∞ it becomes `langevin` with ε_langevin = ε².

use super::langevin::positive;
use super::{Kept, Method, Ready, Sampler, SamplerSettings, Walk};
use crate::error::{Error, Result};
use crate::registry::Entry;
use scorefield_kernels::chain;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Underdamped {
    /// Steps.
    pub steps: usize,
    /// ε, in data units: v has unit variance.
    pub epsilon: f64,
    /// γ, one over data units.
    pub friction: f64,
    /// The noise level whose distribution is sampled.
    pub sigma: f64,
}

impl Sampler for Underdamped {
    fn steps(&self) -> usize {
        self.steps
    }

    fn kept(&self) -> Option<Kept> {
        Some(Kept::after(0, self.steps))
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        let (half, sigma) = (self.epsilon / 2.0, self.sigma);
        let keep = (-self.friction * self.epsilon).exp();
        let renew = (1.0 - keep * keep).sqrt();
        let (mut s, mut v, mut z) = (walk.room(), walk.room(), walk.room());
        walk.noise(&mut v);
        walk.score(walk.x(), sigma, &mut s);
        for _ in 0..self.steps {
            walk.noise(&mut z);
            chain::baoa(walk.x_mut(), &mut v, &s, &z, half, [keep, renew]);
            walk.score(walk.x(), sigma, &mut s);
            chain::langevin(&mut v, &s, &z, half, 0.0);
            walk.moved(sigma)?;
        }
        Ok(())
    }
}

fn build(settings: &SamplerSettings<'_>) -> Result<Ready> {
    let (low, _) = settings.target_range;
    let asked = &settings.asked;
    let sigma = asked.sigma.unwrap_or(low);
    let steps = asked.steps.unwrap_or(1000);
    // As `langevin`, whose ε is the square of this one.
    let usual = if sigma > 0.0 && asked.sigma.is_none() { 0.45 * sigma } else { 0.3 };
    let epsilon = asked.epsilon.unwrap_or(usual);
    positive(epsilon, steps)?;
    // A velocity is forgotten within some six steps.
    let friction = asked.friction.unwrap_or(0.15 / epsilon);
    if !(friction.is_finite() && friction > 0.0) {
        return Err(Error::setting("--friction", "a positive number", friction));
    }
    let said = format!("{steps} steps of ε = {epsilon} with friction {friction} at σ = {sigma}");
    Ok(Ready { sampler: Box::new(Underdamped { steps, epsilon, friction, sigma }), start_sigma: sigma, settings: said })
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "underdamped",
    aliases: &["baoab", "kinetic-langevin"],
    summary: "Langevin dynamics with inertia: crosses flat stretches faster, with a smaller bias",
    formula: "B: v += (ε/2)·s(x); A: x += (ε/2)·v; O: v = e^(−γε)·v + √(1 − e^(−2γε))·z; A; B",
    source: "Leimkuhler & Matthews 2013",
    value: Method { reads: &["--steps", "--epsilon", "--sigma", "--friction"], build },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;
    use crate::sample::{Draw, Start, draw};

    #[test]
    fn baoab_has_the_right_variance_on_a_normal_at_steps_that_would_bias_langevin() {
        let p = density::mixture("gaussian").unwrap();
        let n = 40_000;
        let start = Start::Normal { mean: vec![0.0, 0.0], sigma_data: 1.0 };
        let request = Draw { n, from: 0, seed: 3, start, start_sigma: 0.0 };
        for (epsilon, friction) in [(0.9, 1.0), (0.5, 3.0)] {
            // Standard deviations are √2.15 and √0.85 along the axes: ε = 0.9 is half of what is stable.
            let chain = Underdamped { steps: 200, epsilon, friction, sigma: 0.0 };
            let drawn = draw(&p, &chain, &request, &mut ()).unwrap();
            assert_eq!(drawn.evaluations, 201);
            for (i, (mean, variance)) in [(1.0, 2.0), (-2.0, 1.0)].into_iter().enumerate() {
                let v = drawn.points.chunks(2).map(|x| (x[i] - mean) * (x[i] - mean)).sum::<f64>() / n as f64;
                assert!((v - variance).abs() < 4.0 * variance * (2.0 / n as f64).sqrt(), "ε {epsilon}: {v}, not {variance}");
            }
        }
    }
}
