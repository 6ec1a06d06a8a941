//! `heun`: the probability-flow ODE by Heun's second-order method down a ladder to σ = 0 (Karras et al. 2022, algorithm 1), and with churn its
//! stochastic relative (algorithm 2).
//!
//! Churn raises a level σ first to σ̂ = (1 + γ)·σ by fresh noise of standard deviation S_noise·√(σ̂² − σ²), γ = min(S_churn/n, √2 − 1) for n steps,
//! where S_tmin ≤ σ ≤ S_tmax. Without it the start decides the sample. 2n − 1 evaluations for n levels.

use super::ladder::{LADDER, ladder, not_negative};
use super::solver::slope;
use super::{Method, Ready, Sampler, SamplerSettings, Walk};
use crate::error::{Error, Result};
use crate::levels::Levels;
use crate::registry::Entry;

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct Heun {
    /// The ladder; its last level may be 0.
    pub levels: Levels,
    /// Noise on the way.
    pub churn: Churn,
}

/// How much noise is added on the way, and where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Churn {
    /// S_churn; 0 for none.
    pub amount: f64,
    /// S_tmin.
    pub from: f64,
    /// S_tmax.
    pub to: f64,
    /// S_noise.
    pub noise: f64,
}

impl Churn {
    /// None.
    pub const NONE: Self = Self { amount: 0.0, from: 0.0, to: f64::INFINITY, noise: 1.0 };

    /// γ at level σ of a ladder of `steps` steps.
    fn gamma(&self, sigma: f64, steps: usize) -> f64 {
        let within = self.from <= sigma && sigma <= self.to;
        if within { (self.amount / steps as f64).min(std::f64::consts::SQRT_2 - 1.0) } else { 0.0 }
    }
}

impl Sampler for Heun {
    fn steps(&self) -> usize {
        self.levels.as_slice().len() - 1
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        let (mut d, mut d_next, mut euler) = (walk.room(), walk.room(), walk.room());
        for pair in self.levels.as_slice().windows(2) {
            let (sigma, next) = (pair[0], pair[1]);
            let gamma = self.churn.gamma(sigma, self.steps());
            let raised = sigma * (1.0 + gamma);
            if gamma > 0.0 {
                let std = self.churn.noise * (raised * raised - sigma * sigma).sqrt();
                walk.noise(&mut euler);
                walk.x_mut().iter_mut().zip(&euler).for_each(|(x, z)| *x += std * z);
            }
            let h = next - raised;
            slope(walk, walk.x(), raised, &mut d);
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
    let ladder = ladder(settings, 18)?;
    let asked = &settings.asked;
    let amount = not_negative("--s-churn", asked.churn.unwrap_or(0.0))?;
    if let Some(flag) = asked.given().into_iter().find(|f| ["--s-tmin", "--s-tmax", "--s-noise"].contains(f) && amount == 0.0) {
        return Err(Error::setting(flag, "an --s-churn above 0 beside it: without churn nothing reads it", "none"));
    }
    let churn = Churn {
        amount,
        from: not_negative("--s-tmin", asked.churn_range.0.unwrap_or(0.0))?,
        to: asked.churn_range.1.map_or(Ok(f64::INFINITY), |to| not_negative("--s-tmax", to))?,
        noise: not_negative("--s-noise", asked.churn_noise.unwrap_or(1.0))?,
    };
    if churn.from > churn.to {
        return Err(Error::setting("--s-tmin", format!("at most --s-tmax = {}", churn.to), churn.from));
    }
    let said = match churn.amount {
        0.0 => ladder.said.clone(),
        _ => format!("{}, churn {amount} from σ = {} to {}, noise {}", ladder.said, churn.from, churn.to, churn.noise),
    };
    let start_sigma = ladder.first();
    Ok(Ready { sampler: Box::new(Heun { levels: ladder.levels, churn }), start_sigma, settings: said })
}

const READS: [&str; 11] = {
    let [a, b, c, d, e, f, g] = LADDER;
    [a, b, c, d, e, f, g, "--s-churn", "--s-tmin", "--s-tmax", "--s-noise"]
};

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "heun",
    aliases: &["edm"],
    summary: "the probability-flow ODE by Heun's method: few evaluations, no randomness but the start, or churn",
    formula: "x ← x + (σ' − σ)·½(d + d'), d = −σ·s(x, σ)",
    source: "Karras et al. 2022, algorithms 1 and 2",
    value: Method { reads: &READS, build },
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
        let drawn = draw(&p, &Heun { levels, churn: Churn::NONE }, &request, &mut ()).unwrap();
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

    #[test]
    fn churn_is_algorithm_2_on_a_gaussian() {
        // On N(0, 1) each step is x ← a·(x + S_noise·√(σ̂² − σ²)·z): the variance is known exactly.
        let p = density::mixture("standard-normal").unwrap();
        let levels = Levels::new(vec![8.0, 3.0, 1.0, 0.3, 0.0]).unwrap();
        let churn = Churn { amount: 1.2, from: 0.5, to: 5.0, noise: 1.1 };
        let (n, mut variance) = (100_000, 65.0);
        for pair in levels.as_slice().windows(2) {
            let (sigma, next) = (pair[0], pair[1]);
            let raised = if (0.5..=5.0).contains(&sigma) { 1.3 * sigma } else { sigma };
            // d = σ·x/(1 + σ²).
            let slope = |s: f64| s / (1.0 + s * s);
            let h = next - raised;
            let euler = 1.0 + h * slope(raised);
            let a = if next > 0.0 { 1.0 + 0.5 * h * (slope(raised) + euler * slope(next)) } else { euler };
            variance = a * a * (variance + 1.21 * (raised * raised - sigma * sigma));
        }
        let start = Start::Normal { mean: vec![0.0, 0.0], sigma_data: 1.0 };
        let request = Draw { n, from: 0, seed: 1, start, start_sigma: 8.0 };
        let drawn = draw(&p, &Heun { levels, churn }, &request, &mut ()).unwrap();
        let found = drawn.points.iter().map(|x| x * x).sum::<f64>() / (2 * n) as f64;
        assert!((found - variance).abs() < 4.0 * variance / (n as f64).sqrt(), "{found} against {variance}");
        assert_eq!(drawn.evaluations, 7);
    }
}
