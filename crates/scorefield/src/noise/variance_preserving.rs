//! The variance-preserving schedules, with B(t) = ∫β = β_min·t + ½(β_max − β_min)·t² (Song et al. 2021, appendices B and C; β linear).
//!
//! VP: s = e^(−B/2), s·σ = √(1 − e^(−B)). Sub-VP: the same s, s·σ = 1 − e^(−B). Both are stated for data of unit variance; here σ is
//! multiplied by σ_data, which preserves a variance of σ_data² instead of 1.

use super::schedule::{Build, Schedule, ScheduleSettings};
use crate::error::{Error, Result};
use crate::registry::Entry;

const BETA_MIN: f64 = 0.1;
const BETA_MAX: f64 = 20.0;
/// The smallest time: below it σ is so small that the loss is all variance (the paper's ε for training, 1e-5, with sampling from 1e-3).
const T_MIN: f64 = 1e-4;

fn integral(t: f64) -> f64 {
    let t = T_MIN + t * (1.0 - T_MIN);
    BETA_MIN * t + 0.5 * (BETA_MAX - BETA_MIN) * t * t
}

/// See the head of this file.
#[derive(Debug)]
pub struct VariancePreserving {
    sigma_data: f64,
}

impl Schedule for VariancePreserving {
    fn sigma(&self, t: f64) -> f64 {
        self.sigma_data * integral(t).exp_m1().sqrt()
    }

    fn scale(&self, t: f64) -> f64 {
        (-0.5 * integral(t)).exp()
    }
}

/// See the head of this file.
#[derive(Debug)]
pub struct SubVp {
    sigma_data: f64,
}

impl Schedule for SubVp {
    fn sigma(&self, t: f64) -> f64 {
        let b = integral(t);
        self.sigma_data * -(-b).exp_m1() * (0.5 * b).exp()
    }

    fn scale(&self, t: f64) -> f64 {
        (-0.5 * integral(t)).exp()
    }
}

fn no_range(settings: &ScheduleSettings, name: &str) -> Result<()> {
    match settings.sigma_min.or(settings.sigma_max) {
        None => Ok(()),
        Some(sigma) => {
            Err(Error::setting("schedule.sigma_min, sigma_max", format!("nothing: {name} fixes its range by β"), sigma))
        }
    }
}

fn vp(settings: &mut ScheduleSettings, sigma_data: f64) -> Result<Box<dyn Schedule>> {
    no_range(settings, "vp")?;
    Ok(Box::new(VariancePreserving { sigma_data }))
}

fn sub_vp(settings: &mut ScheduleSettings, sigma_data: f64) -> Result<Box<dyn Schedule>> {
    no_range(settings, "sub-vp")?;
    Ok(Box::new(SubVp { sigma_data }))
}

/// The registry's row.
pub(super) const VP: Entry<Build> = Entry {
    name: "vp",
    aliases: &["variance-preserving", "ddpm"],
    summary: "data shrinks as noise grows, the variance stays (DDPM in continuous time)",
    formula: "s = e^(−B/2), σ = √(e^B − 1), λ = σ²",
    source: "Song et al. 2021, appendix C; Ho et al. 2020",
    value: vp,
};

/// The registry's row.
pub(super) const SUB_VP: Entry<Build> = Entry {
    name: "sub-vp",
    aliases: &[],
    summary: "as vp, with less noise at small times",
    formula: "s = e^(−B/2), σ = (1 − e^(−B))·e^(B/2), λ = σ²",
    source: "Song et al. 2021, appendix C",
    value: sub_vp,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vp_keeps_the_variance_and_sub_vp_stays_below_it() {
        let (vp, sub) = (VariancePreserving { sigma_data: 1.5 }, SubVp { sigma_data: 1.5 });
        for i in 0..=20 {
            let t = f64::from(i) / 20.0;
            let variance = vp.scale(t).powi(2) * (1.5f64.powi(2) + vp.sigma(t).powi(2));
            assert!((variance - 2.25).abs() < 1e-9, "t = {t}: {variance}");
            assert!(sub.sigma(t) <= vp.sigma(t));
        }
    }
}
