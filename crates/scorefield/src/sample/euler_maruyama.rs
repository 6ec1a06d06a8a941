//! `euler-maruyama`: the reverse SDE down a ladder to σ = 0 (Anderson 1982; Song et al. 2021, equation 6).
//!
//! With the variance τ = σ² as time the noising is dx = dw, and its reverse dx = −∇log p dτ + dw̄. Step by step:
//! x ← x + (σ² − σ'²)·s(x, σ) + √(σ² − σ'²)·z. The step to σ' = 0 is without noise: that is Tweedie's formula. Of weak order 1.

use super::ladder::{LADDER, ladder};
use super::{Method, Ready, Sampler, SamplerSettings, Walk};
use crate::error::Result;
use crate::levels::Levels;
use crate::registry::Entry;

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct EulerMaruyama {
    /// The ladder; its last level may be 0.
    pub levels: Levels,
}

impl Sampler for EulerMaruyama {
    fn steps(&self) -> usize {
        self.levels.as_slice().len() - 1
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        let (mut s, mut z) = (walk.room(), walk.room());
        for pair in self.levels.as_slice().windows(2) {
            let (sigma, next) = (pair[0], pair[1]);
            walk.score(walk.x(), sigma, &mut s);
            walk.noise(&mut z);
            reverse_diffusion(walk.x_mut(), &s, &z, sigma, next);
            walk.moved(next)?;
        }
        Ok(())
    }
}

/// One step of the reverse SDE from level σ to `next` (Song et al. 2021, appendix E), with noise unless `next` is 0.
pub(super) fn reverse_diffusion(x: &mut [f64], score: &[f64], z: &[f64], sigma: f64, next: f64) {
    let h = sigma * sigma - next * next;
    let root = if next > 0.0 { h.sqrt() } else { 0.0 };
    x.iter_mut().zip(score).zip(z).for_each(|((x, s), z)| *x += h * s + root * z);
}

fn build(settings: &SamplerSettings<'_>) -> Result<Ready> {
    let ladder = ladder(settings, 200)?;
    let start_sigma = ladder.first();
    Ok(Ready { sampler: Box::new(EulerMaruyama { levels: ladder.levels }), start_sigma, settings: ladder.said })
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "euler-maruyama",
    aliases: &["reverse-sde", "ancestral"],
    summary: "the reverse SDE, step by step: many evaluations, forgiving of errors in the score",
    formula: "x ← x + (σ² − σ'²)·s(x, σ) + √(σ² − σ'²)·z",
    source: "Anderson 1982; Song et al. 2021, equation 6",
    value: Method { reads: &LADDER, build },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::Component;
    use crate::density::Mixture;
    use crate::sample::{Draw, Start, draw};

    #[test]
    fn on_a_gaussian_mean_and_variance_follow_their_recursion() {
        // For N(m, v): s = −(x − m)/(v + σ²), so x − m shrinks by a = 1 − h/(v + σ²) and gains h a step: E and Var are known exactly.
        let (m, v, n) = (1.5, 0.25, 200_000);
        let p = Mixture::new(vec![Component::isotropic(1.0, vec![m], f64::sqrt(v))]).unwrap();
        let levels = Levels::new(vec![4.0, 2.0, 1.0, 0.4, 0.0]).unwrap();
        // A start that is off on purpose: what is left of it is part of the recursion.
        let start = Start::Normal { mean: vec![3.0], sigma_data: 1.0 };
        let (mut mean, mut variance) = (3.0 - m, 1.0 + 16.0);
        for pair in levels.as_slice().windows(2) {
            let h = pair[0] * pair[0] - pair[1] * pair[1];
            let a = 1.0 - h / (v + pair[0] * pair[0]);
            mean *= a;
            variance = a * a * variance + if pair[1] > 0.0 { h } else { 0.0 };
        }
        let request = Draw { n, from: 0, seed: 5, start, start_sigma: 4.0 };
        let drawn = draw(&p, &EulerMaruyama { levels }, &request, &mut ()).unwrap();
        let found = drawn.points.iter().sum::<f64>() / n as f64;
        let spread = drawn.points.iter().map(|x| (x - found).powi(2)).sum::<f64>() / n as f64;
        assert!((found - m - mean).abs() < 4.0 * (variance / n as f64).sqrt(), "{found} against {}", m + mean);
        assert!((spread - variance).abs() < 4.0 * variance * (2.0 / n as f64).sqrt(), "{spread} against {variance}");
        // 0.05 here, where the data have 0.25: a ladder of four steps is far too coarse, and the test is of the step.
        assert!((variance - v).abs() > 0.05);
    }
}
