//! `annealed`: Langevin dynamics at each level of a ladder, from much noise to little (Song & Ermon 2019, algorithm 1).
//!
//! The step at level i is α_i = ε·σ_i²/σ_L², so that the signal-to-noise ratio of a step is the same at every level; ε is the step at
//! the last. A final denoising step, x + σ_L²·s, removes the noise that is left (Jolicoeur-Martineau et al. 2021). Where nothing is asked, the
//! ladder's ratio and ε are those of Song & Ermon 2020.

use super::chain::unadjusted_langevin;
use super::ladder::given;
use super::langevin::positive;
use super::{Method, Ready, Sampler, SamplerSettings, Walk, rule};
use crate::error::{Error, Result};
use crate::levels::Levels;
use crate::registry::Entry;

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct Annealed {
    /// σ₁ > … > σ_L > 0.
    pub levels: Levels,
    /// T, steps a level.
    pub steps_per_level: usize,
    /// ε, the step size at σ_L.
    pub epsilon: f64,
    /// Whether to end with the denoising step.
    pub denoise: bool,
}

impl Sampler for Annealed {
    fn steps(&self) -> usize {
        self.levels.as_slice().len() * self.steps_per_level + usize::from(self.denoise)
    }

    fn levels(&self) -> Vec<f64> {
        self.levels.as_slice().to_vec()
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        let last = self.levels.last();
        let (mut s, mut z) = (walk.room(), walk.room());
        for &sigma in self.levels.as_slice() {
            let alpha = self.epsilon * (sigma / last).powi(2);
            for _ in 0..self.steps_per_level {
                walk.score(walk.x(), sigma, &mut s);
                walk.noise(&mut z);
                unadjusted_langevin(walk.x_mut(), &s, &z, alpha);
                walk.moved(sigma)?;
            }
        }
        if self.denoise {
            walk.score(walk.x(), last, &mut s);
            walk.x_mut().iter_mut().zip(&s).for_each(|(x, s)| *x += last * last * s);
            walk.moved(0.0)?;
        }
        Ok(())
    }
}

fn build(settings: &SamplerSettings<'_>) -> Result<Ready> {
    let asked = &settings.asked;
    let levels = match &asked.sigmas {
        Some(list) => given(settings, list)?,
        None => descent(settings)?,
    };
    let (first, last, n) = (levels.first(), levels.last(), levels.as_slice().len());
    if last == 0.0 {
        return Err(Error::setting("--sigmas", "levels above 0 for annealed, which ends with a denoising step", "a last 0"));
    }
    let steps_per_level = asked.steps.unwrap_or(100);
    let gamma = (first / last).powf(1.0 / (n - 1).max(1) as f64);
    let epsilon = asked.epsilon.unwrap_or_else(|| {
        let ratio = if n > 1 { rule::step(steps_per_level.max(1), gamma) } else { 0.2 };
        ratio * last.powi(2)
    });
    positive(epsilon, steps_per_level)?;
    let said = format!(
        "{n} levels from σ = {first} to {last} (ratio {gamma:.3}), {steps_per_level} steps each, ε = {epsilon} at the last{}",
        if asked.denoise { ", then one denoising step" } else { "" }
    );
    let sampler = Annealed { levels, steps_per_level, epsilon, denoise: asked.denoise };
    Ok(Ready { sampler: Box::new(sampler), start_sigma: first, settings: said })
}

/// The target's own levels, or a constant ratio between the ends asked for.
fn descent(settings: &SamplerSettings<'_>) -> Result<Levels> {
    let asked = &settings.asked;
    let (low, high) = settings.target_range;
    let first = asked.range.0.unwrap_or(high);
    let last = asked.range.1.unwrap_or(if low > 0.0 { low } else { first * 1e-3 });
    if last > first {
        return Err(Error::setting("--sigma-min", format!("at most the largest level, {first}"), last));
    }
    let n = asked.levels.unwrap_or_else(|| if last < first { rule::levels(first, last, settings.dim) } else { 1 });
    if n == 0 {
        return Err(Error::setting("--levels", "at least 1", n));
    }
    match asked.range {
        (None, None) if low > 0.0 => (settings.ladder)(n),
        _ => Levels::geometric(first, last, n),
    }
}

const READS: [&str; 7] = ["--steps", "--epsilon", "--sigma-min", "--sigma-max", "--levels", "--sigmas", "--no-denoise"];

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "annealed",
    aliases: &["annealed-langevin", "ald"],
    summary: "Langevin dynamics down a ladder of noise levels: the cure for slow mixing",
    formula: "x ← x + (α_i/2)·s(x, σ_i) + √α_i·z, α_i = ε·σ_i²/σ_L²",
    source: "Song & Ermon 2019, algorithm 1; 2020, techniques 2 and 4",
    value: Method { reads: &READS, build },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;
    use crate::sample::{Draw, Langevin, Start, draw};

    fn first_mode_share(sampler: &dyn Sampler, sigma: f64) -> f64 {
        let p = density::mixture("mixture").unwrap();
        let request = Draw { n: 1280, from: 0, seed: 0, start: Start::Uniform { low: -8.0, high: 8.0 }, start_sigma: sigma };
        let drawn = draw(&p, sampler, &request, &mut ()).unwrap();
        p.assign(&drawn.single(), 0.0).iter().filter(|k| **k == 0).count() as f64 / 1280.0
    }

    #[test]
    fn annealing_finds_the_modes_weights_where_plain_langevin_does_not() {
        let levels = Levels::geometric(20.0, 1.0, 10).unwrap();
        let annealed = Annealed { levels, steps_per_level: 100, epsilon: 0.2, denoise: false };
        let share = first_mode_share(&annealed, 1.0);
        // 1,280 chains: standard error 0.011.
        assert!((share - 0.8).abs() < 0.035, "annealed: {share}");
        let plain = first_mode_share(&Langevin { steps: 1000, epsilon: 0.1, sigma: 0.0 }, 0.0);
        assert!(plain < 0.65, "plain Langevin keeps the start's proportions: {plain}");
    }
}
