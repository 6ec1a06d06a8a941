//! The ladder that a solver descends, from what the user asked and what the target offers.

use super::{SPACINGS, SamplerSettings};
use crate::error::{Error, Result};
use crate::levels::Levels;
use crate::registry::lookup;

/// The flags that [`ladder`] reads.
pub(super) const LADDER: [&str; 7] = ["--steps", "--levels", "--sigma-min", "--sigma-max", "--spacing", "--rho", "--sigmas"];

/// A ladder, and how it was chosen, in words.
pub(super) struct Ladder {
    pub levels: Levels,
    pub said: String,
}

impl Ladder {
    /// The noise level of the start.
    pub fn first(&self) -> f64 {
        self.levels.first()
    }
}

/// The levels asked for by `--sigmas`, as they are; else `usual` levels, or as many as `--steps` says, and a final 0: spaced as the target's
/// own ladder, or by `--spacing` (`karras` if only the range is asked for) between the ends.
///
/// # Errors
/// A list that does not decrease, or one beside what would make another; an unknown spacing; ρ that is not positive or has no meaning; a range
/// upside down; no steps.
pub(super) fn ladder(settings: &SamplerSettings<'_>, usual: usize) -> Result<Ladder> {
    let asked = &settings.asked;
    if let Some(list) = &asked.sigmas {
        let levels = given(settings, list)?;
        let said = format!("{} levels given, from σ = {} to {}", list.len(), levels.first(), levels.last());
        return Ok(Ladder { levels, said });
    }
    let n = asked.steps.or(asked.levels).unwrap_or(usual);
    if n == 0 {
        return Err(Error::setting("--steps", "at least 1", n));
    }
    let (low, high) = settings.target_range;
    let own = asked.range == (None, None) && asked.spacing.is_none() && asked.rho.is_none() && low > 0.0;
    let (levels, spacing) = if own { ((settings.ladder)(n)?, "the target's own") } else { spaced(settings, n, high, low)? };
    let said = format!("{n} levels from σ = {} to {}, spacing {spacing}, then 0", levels.first(), levels.last());
    Ok(Ladder { levels: levels.to_zero(), said })
}

fn spaced(settings: &SamplerSettings<'_>, n: usize, high: f64, low: f64) -> Result<(Levels, &'static str)> {
    let asked = &settings.asked;
    let entry = lookup(SPACINGS, "--spacing", asked.spacing.as_deref().unwrap_or("karras"))?;
    let first = asked.range.0.unwrap_or(high);
    let last = asked.range.1.unwrap_or(if low > 0.0 { low } else { first * 1e-4 });
    if last >= first && n > 1 {
        return Err(Error::setting("--sigma-min", format!("less than the largest level, {first}"), last));
    }
    let rho = match (asked.rho, entry.value.rho) {
        (Some(rho), Some(_)) if rho.is_finite() && rho > 0.0 => rho,
        (Some(rho), Some(_)) => return Err(Error::setting("--rho", "a positive number", rho)),
        (Some(rho), None) => return Err(Error::setting("--rho", format!("nothing: spacing {} has none", entry.name), rho)),
        (None, usual) => usual.unwrap_or(1.0),
    };
    Ok(((entry.value.space)(first, last, n, rho)?, entry.name))
}

/// The levels of `--sigmas`.
pub(super) fn given(settings: &SamplerSettings<'_>, list: &[f64]) -> Result<Levels> {
    let asked = &settings.asked;
    let others = [
        ("--levels", asked.levels.is_some()),
        ("--sigma-max", asked.range.0.is_some()),
        ("--sigma-min", asked.range.1.is_some()),
        ("--spacing", asked.spacing.is_some()),
        ("--rho", asked.rho.is_some()),
    ];
    if let Some((other, _)) = others.iter().find(|(_, given)| *given) {
        return Err(Error::setting("--sigmas", format!("no {other} beside it: the list is the ladder"), "both"));
    }
    if list.len() < 2 {
        return Err(Error::setting("--sigmas", "at least two levels, the largest first", format!("{list:?}")));
    }
    Levels::new(list.to_vec())
        .map_err(|e| Error::setting("--sigmas", "positive levels, each below the one before, and perhaps a last 0", e))
}

/// Refuses a number that is not finite, or is negative.
pub(super) fn not_negative(what: &str, value: f64) -> Result<f64> {
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(Error::setting(what, "a number from 0 up", value)) }
}
