//! `dpmpp-2m`: DPM-Solver++(2M), a multistep method of second order at one evaluation a step (Lu et al. 2022b, algorithm 2).
//!
//! With λ = −ln σ the flow is x' = (σ'/σ)·x − expm1(−h)·D̄, h = λ' − λ, where D̄ extrapolates the denoised points of this step and the one before:
//! D̄ = D + (D − D_last)·h/(2·h_last). The first step, and the one to σ = 0, take D̄ = D.

use super::ladder::{LADDER, ladder};
use super::{Method, Ready, Sampler, SamplerSettings, Walk};
use crate::error::Result;
use crate::levels::Levels;
use crate::registry::Entry;

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct Dpmpp2M {
    /// The ladder; its last level may be 0.
    pub levels: Levels,
}

impl Sampler for Dpmpp2M {
    fn steps(&self) -> usize {
        self.levels.as_slice().len() - 1
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        let (mut denoised, mut last) = (walk.room(), walk.room());
        let mut h_last = None;
        for pair in self.levels.as_slice().windows(2) {
            let (sigma, next) = (pair[0], pair[1]);
            let h = sigma.ln() - next.ln();
            walk.score(walk.x(), sigma, &mut denoised);
            denoised.iter_mut().zip(walk.x()).for_each(|(s, x)| *s = x + sigma * sigma * *s);
            // h is infinite in the step to 0, where −expm1(−h) is 1.
            let forward = h_last.filter(|_| next > 0.0).map_or(0.0, |last: f64| 0.5 * h / last);
            let (keep, gain) = (next / sigma, -(-h).exp_m1());
            let pairs = denoised.iter().zip(&last);
            walk.x_mut().iter_mut().zip(pairs).for_each(|(x, (d, last))| *x = keep * *x + gain * (d + forward * (d - last)));
            std::mem::swap(&mut denoised, &mut last);
            h_last = Some(h);
            walk.moved(next)?;
        }
        Ok(())
    }
}

fn build(settings: &SamplerSettings<'_>) -> Result<Ready> {
    let ladder = ladder(settings, 20)?;
    let start_sigma = ladder.first();
    Ok(Ready { sampler: Box::new(Dpmpp2M { levels: ladder.levels }), start_sigma, settings: ladder.said })
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "dpmpp-2m",
    aliases: &["dpm++2m", "dpm-solver++"],
    summary: "the probability-flow ODE by DPM-Solver++(2M): second order at one evaluation a step",
    formula: "x ← (σ'/σ)·x − expm1(−h)·(D + (D − D_last)·h/(2·h_last)), h = ln σ − ln σ'",
    source: "Lu et al. 2022b, algorithm 2",
    value: Method { reads: &LADDER, build },
};
