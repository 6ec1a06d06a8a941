//! `pf-ode`: the probability-flow ODE dx/dσ = −σ·s(x, σ) to a tolerance, by the adaptive pair of Dormand & Prince (Song et al. 2021, section 4.3).
//!
//! Deterministic: the start decides the sample. A density known without noise is followed to σ = 0; a model to its smallest level σ_min, and
//! from there by Tweedie's formula, x + σ_min²·s.

use super::solver::{Tolerance, dormand_prince};
use super::{Method, Ready, Sampler, SamplerSettings, Walk, tolerance};
use crate::error::{Error, Result};
use crate::registry::Entry;
use std::cell::RefCell;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct PfOde {
    /// The level of the start.
    pub first: f64,
    /// The level that the ODE is followed to.
    pub last: f64,
    /// What is done at a last level above 0.
    pub end: End,
    /// How exactly.
    pub tolerance: Tolerance,
}

/// What is done with the noise that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It stays.
    AsItIs,
    /// It is removed by Tweedie's formula.
    Denoised,
}

/// The marks at which an onlooker is told: an adaptive method does not know its number of steps beforehand.
const MARKS: usize = 20;

impl Sampler for PfOde {
    fn steps(&self) -> usize {
        MARKS + usize::from(self.end == End::Denoised)
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        let (d, mut x) = (walk.dim(), walk.x().to_vec());
        let (first, last) = (self.first, self.last);
        let mut told = 0;
        let walk = RefCell::new(walk);
        dormand_prince(
            &mut |_, sigma, x, out| {
                walk.borrow().score_at(x, sigma, out);
                out.chunks_mut(d).zip(sigma).for_each(|(row, sigma)| row.iter_mut().for_each(|s| *s *= -sigma));
            },
            &mut x,
            d,
            (first, last),
            self.tolerance,
            &mut |way, x| {
                let mut walk = walk.borrow_mut();
                while (told as f64) < (way * MARKS as f64).floor() {
                    told += 1;
                    walk.x_mut().copy_from_slice(x);
                    walk.moved(if told == MARKS { last } else { first + way * (last - first) })?;
                }
                Ok(())
            },
        )?;
        if self.end == End::Denoised {
            let walk = walk.into_inner();
            let mut s = walk.room();
            walk.score(&x, last, &mut s);
            walk.x_mut().iter_mut().zip(&s).for_each(|(x, s)| *x += last * last * s);
            walk.moved(0.0)?;
        }
        Ok(())
    }
}

fn build(settings: &SamplerSettings<'_>) -> Result<Ready> {
    let (low, high) = settings.target_range;
    let asked = &settings.asked;
    let (first, last) = (asked.range.0.unwrap_or(high), asked.range.1.unwrap_or(low));
    if last >= first {
        return Err(Error::setting("--sigma-min", format!("less than the largest level, {first}"), last));
    }
    let tolerance = tolerance::given(asked.rtol, asked.atol, 1e-5)?;
    let end = if last > 0.0 { End::Denoised } else { End::AsItIs };
    let said = format!(
        "Dormand–Prince 5(4) from σ = {first} to {last}, relative tolerance {}, absolute {}{}",
        tolerance.relative,
        tolerance.absolute,
        if end == End::Denoised { ", then one denoising step" } else { "" }
    );
    Ok(Ready { sampler: Box::new(PfOde { first, last, end, tolerance }), start_sigma: first, settings: said })
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "pf-ode",
    aliases: &["ode", "dopri5"],
    summary: "the probability-flow ODE to a tolerance, each sample by steps of its own length",
    formula: "dx/dσ = −σ·s(x, σ), Dormand–Prince 5(4)",
    source: "Song et al. 2021, section 4.3; Dormand & Prince 1980",
    value: Method { reads: &["--sigma-min", "--sigma-max", "--rtol", "--atol"], build },
};
