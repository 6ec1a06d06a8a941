//! `predictor-corrector`: the reverse SDE, and after each of its steps Langevin moves at the level reached (Song et al. 2021, algorithms 1 to 5).
//!
//! Their corrector is x ← x + ε·s + √(2ε)·z with ε = 2·(r·‖z‖/‖s‖)², the norms averaged over the batch; r is the signal-to-noise ratio of a move.
//! Here a row must not depend on the others, so the norms are what they are near a level's noise, ‖z‖² = d and ‖s‖² = d/σ²: ε = 2·(r·σ)². In
//! this library's convention, x ← x + (ε/2)·s + √ε·z, the step size is 4·(r·σ)².

use super::chain::unadjusted_langevin;
use super::euler_maruyama::reverse_diffusion;
use super::ladder::{LADDER, ladder};
use super::{Method, Ready, Sampler, SamplerSettings, Walk};
use crate::error::{Error, Result};
use crate::levels::Levels;
use crate::registry::Entry;

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct PredictorCorrector {
    /// The ladder; its last level may be 0, which is reached without noise and not corrected at.
    pub levels: Levels,
    /// r.
    pub snr: f64,
    /// Langevin moves at each level.
    pub corrections: usize,
}

impl Sampler for PredictorCorrector {
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
            let epsilon = 4.0 * (self.snr * next).powi(2);
            for _ in 0..if next > 0.0 { self.corrections } else { 0 } {
                walk.score(walk.x(), next, &mut s);
                walk.noise(&mut z);
                unadjusted_langevin(walk.x_mut(), &s, &z, epsilon);
            }
            walk.moved(next)?;
        }
        Ok(())
    }
}

fn build(settings: &SamplerSettings<'_>) -> Result<Ready> {
    let ladder = ladder(settings, 100)?;
    let snr = settings.asked.snr.unwrap_or(0.16);
    if !(snr > 0.0 && snr < 0.5) {
        return Err(Error::setting("--snr", "a number between 0 and 0.5", snr)
            .with_hint("a move is 2(r·σ)² of the score: from r = 0.71 on it overshoots what the noise alone makes of the data"));
    }
    let corrections = settings.asked.corrections.unwrap_or(1);
    let said = format!("{}, {corrections} corrections a level of signal-to-noise ratio {snr}", ladder.said);
    let start_sigma = ladder.first();
    Ok(Ready { sampler: Box::new(PredictorCorrector { levels: ladder.levels, snr, corrections }), start_sigma, settings: said })
}

const READS: [&str; 9] = {
    let [a, b, c, d, e, f, g] = LADDER;
    [a, b, c, d, e, f, g, "--snr", "--corrector-steps"]
};

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "predictor-corrector",
    aliases: &["pc"],
    summary: "the reverse SDE with Langevin moves at each level, which mend what its steps get wrong",
    formula: "x ← x + (σ² − σ'²)·s + √(σ² − σ'²)·z, then x ← x + (ε/2)·s' + √ε·z, ε = 4(r·σ')²",
    source: "Song et al. 2021, algorithms 1 to 5",
    value: Method { reads: &READS, build },
};
