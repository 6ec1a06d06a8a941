//! `ddim`: the probability-flow ODE by Euler steps in σ, or its stochastic relatives (Song, Meng & Ermon 2021).
//!
//! In the coordinates x = x₀ + σn, DDIM's step to σ' is D(x, σ) + √(σ'² − σ_up²)·n̂ + σ_up·z, with the noise n̂ = (x − D)/σ that the model sees and
//! σ_up = η·σ'·√(σ² − σ'²)/σ (their equation 16, divided by √ᾱ). η = 0 is Euler's method for dx/dσ = (x − D)/σ, of order 1; η = 1 is
//! ancestral sampling (Ho et al. 2020).

use super::ladder::{LADDER, ladder, not_negative};
use super::solver::slope;
use super::{Method, Ready, Sampler, SamplerSettings, Walk};
use crate::error::{Error, Result};
use crate::levels::Levels;
use crate::registry::Entry;

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct Ddim {
    /// The ladder; its last level may be 0.
    pub levels: Levels,
    /// η, from 0 to 1.
    pub eta: f64,
}

impl Sampler for Ddim {
    fn steps(&self) -> usize {
        self.levels.as_slice().len() - 1
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        let (mut d, mut z) = (walk.room(), walk.room());
        for pair in self.levels.as_slice().windows(2) {
            let (sigma, next) = (pair[0], pair[1]);
            let up = self.eta * next * (sigma * sigma - next * next).sqrt() / sigma;
            let down = (next * next - up * up).sqrt();
            slope(walk, walk.x(), sigma, &mut d);
            walk.x_mut().iter_mut().zip(&d).for_each(|(x, d)| *x += (down - sigma) * d);
            if up > 0.0 {
                walk.noise(&mut z);
                walk.x_mut().iter_mut().zip(&z).for_each(|(x, z)| *x += up * z);
            }
            walk.moved(next)?;
        }
        Ok(())
    }
}

fn build(settings: &SamplerSettings<'_>) -> Result<Ready> {
    let ladder = ladder(settings, 50)?;
    let eta = not_negative("--eta", settings.asked.eta.unwrap_or(0.0))?;
    if eta > 1.0 {
        return Err(Error::setting("--eta", "at most 1, where the step is ancestral sampling", eta));
    }
    let (start_sigma, said) = (ladder.first(), format!("{}, η = {eta}", ladder.said));
    Ok(Ready { sampler: Box::new(Ddim { levels: ladder.levels, eta }), start_sigma, settings: said })
}

const READS: [&str; 8] = {
    let [a, b, c, d, e, f, g] = LADDER;
    [a, b, c, d, e, f, g, "--eta"]
};

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "ddim",
    aliases: &["euler"],
    summary: "the probability-flow ODE by Euler's method; with --eta, noise on the way",
    formula: "x ← D + √(σ'² − σ_up²)·(x − D)/σ + σ_up·z, σ_up = η·σ'·√(σ² − σ'²)/σ",
    source: "Song, Meng & Ermon 2021, equations 12 and 16",
    value: Method { reads: &READS, build },
};
