//! `heun`: the probability-flow ODE by Heun's second-order method down a ladder to σ = 0 (Karras et al. 2022, algorithm 1).
//!
//! Deterministic: the start decides the sample. 2n − 1 evaluations for n levels.

use super::solver::slope;
use super::{Build, Ready, Sampler, SamplerSettings, Walk};
use crate::error::{Error, Result};
use crate::levels::Levels;
use crate::registry::Entry;

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct Heun {
    /// The ladder; its last level may be 0.
    pub levels: Levels,
}

impl Sampler for Heun {
    fn steps(&self) -> usize {
        self.levels.as_slice().len() - 1
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        let (mut d, mut d_next, mut euler) = (walk.room(), walk.room(), walk.room());
        for pair in self.levels.as_slice().windows(2) {
            let (sigma, next) = (pair[0], pair[1]);
            let h = next - sigma;
            slope(walk, walk.x(), sigma, &mut d);
            euler.iter_mut().zip(walk.x()).zip(&d).for_each(|((e, x), d)| *e = x + h * d);
            if next > 0.0 {
                slope(walk, &euler, next, &mut d_next);
                let slopes = d.iter().zip(&d_next);
                walk.x_mut().iter_mut().zip(slopes).for_each(|(x, (d, d_next))| *x += h * 0.5 * (d + d_next));
            } else {
                walk.x_mut().copy_from_slice(&euler);
            }
            walk.moved(next)?;
        }
        Ok(())
    }
}

fn build(settings: &SamplerSettings<'_>) -> Result<Ready> {
    let (low, high) = settings.target_range;
    let n = settings.asked.steps.or(settings.asked.levels).unwrap_or(18);
    if n == 0 {
        return Err(Error::setting("--steps", "at least 1", n));
    }
    let levels = match settings.asked.range {
        (None, None) if low > 0.0 => (settings.ladder)(n)?,
        (first, last) => {
            let first = first.unwrap_or(high);
            Levels::karras(first, last.unwrap_or(if low > 0.0 { low } else { first * 1e-4 }), n, 7.0)?
        }
    };
    let (first, last) = (levels.first(), levels.last());
    let said = format!("{n} levels from σ = {first} to {last}, then 0");
    Ok(Ready { sampler: Box::new(Heun { levels: levels.to_zero() }), start_sigma: first, settings: said })
}

/// The registry's row.
pub(super) const ENTRY: Entry<Build> = Entry {
    name: "heun",
    aliases: &["edm"],
    summary: "the probability-flow ODE by Heun's method: few evaluations, no randomness but the start",
    formula: "x ← x + (σ' − σ)·½(d + d'), d = −σ·s(x, σ)",
    source: "Karras et al. 2022, algorithm 1",
    value: build,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::{self, Mixture};
    use crate::sample::{Draw, Start, draw};

    /// The ODE on N(m, Σ) in closed form: each principal axis scales by √((λ + 0)/(λ + σ²)). Here Σ = I, m = 0.
    fn error(steps: usize) -> f64 {
        let p: Mixture = density::mixture("standard-normal").unwrap();
        let first = 10.0;
        let levels = Levels::karras(first, 0.01, steps, 7.0).unwrap().to_zero();
        let start = Start::Normal { mean: vec![0.0, 0.0], sigma_data: 1.0 };
        let request = Draw { n: 64, from: 0, seed: 1, start: start.clone(), start_sigma: first };
        let drawn = draw(&p, &Heun { levels }, &request, &mut ()).unwrap();
        let begun = start.rows(crate::key::Key::new(1, crate::key::Purpose::Start), 0, 64, 2, first);
        let shrink = (1.0 / (1.0 + first * first)).sqrt();
        let worst = drawn.points.iter().zip(&begun).map(|(x, b)| (x - b * shrink).abs());
        worst.fold(0.0, f64::max)
    }

    #[test]
    fn heun_is_of_second_order_on_an_exact_gaussian() {
        let (coarse, fine) = (error(12), error(48));
        let order = (coarse / fine).ln() / 4f64.ln();
        assert!((order - 2.0).abs() < 0.3, "order {order}: {coarse} to {fine}");
    }
}
