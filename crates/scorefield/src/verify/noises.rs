//! Every kind of noise against what its ψ must do to any smooth f: E[f′(n) + ψ(n)f(n)] = 0 (Stein's identity, integration by parts).
//!
//! With f = 1 and n it gives E ψ = 0 and E[nψ] = −1, on which the denoising loss rests; with sin it would find a ψ of another law. Besides:
//! mean 0, variance 1, and the information E ψ² that the noise states. A mistake of a tenth is to be noticed.

use super::{Case, Section, Settings};
use crate::key::{Key, Purpose};
use crate::noise::{MakeNoise, NOISES};
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;

/// The registry's row.
pub(super) const ENTRY: Entry<Section> = Entry {
    name: "noises",
    aliases: &[],
    summary: "moments, information and Stein's identity of every noise",
    formula: "E[f′(n) + ψ(n)f(n)] = 0",
    source: "Stein 1981; Vincent 2011",
    value: cases,
};

fn cases() -> Vec<Case> {
    let case = |noise: &'static Entry<MakeNoise>| Case {
        about: vec![noise.name],
        measure: Box::new(move |settings| Ok(check(noise, settings))),
    };
    NOISES.iter().map(case).collect()
}

fn check(entry: &Entry<MakeNoise>, settings: &Settings) -> Vec<Check> {
    let noise = (entry.value)();
    let draws = noise.sample(Key::new(settings.seed, Purpose::Noise), 0, settings.points, 1);
    let mean = |what: &str, expected: f64, f: &dyn Fn(f64, f64) -> f64| {
        let values: Vec<f64> = draws.iter().map(|n| f(f64::from(*n), f64::from(noise.score(*n)))).collect();
        Check::statistical(format!("{} noise: {what}", entry.name), expected, Estimate::mean(&values), 0.1)
    };
    vec![
        mean("E[n]", 0.0, &|n, _| n),
        mean("E[n²]", 1.0, &|n, _| n * n),
        mean("E[ψ²]", noise.information(), &|_, psi| psi * psi),
        mean("E[ψ]", 0.0, &|_, psi| psi),
        mean("E[nψ]", -1.0, &|n, psi| n * psi),
        mean("E[cos n + ψ sin n]", 0.0, &|n, psi| n.cos() + psi * n.sin()),
        mean("E[2 cos 2n + ψ sin 2n]", 0.0, &|n, psi| 2.0 * (2.0 * n).cos() + psi * (2.0 * n).sin()),
    ]
}
