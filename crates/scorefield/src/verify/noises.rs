//! Every kind of noise: ψ is the slope of log q, and does to any smooth f what it must, E[f′(n) + ψ(n)f(n)] = 0 (Stein's identity, which is
//! integration by parts).
//!
//! With f = 1 and n it gives E ψ = 0 and E[nψ] = −1, on which the denoising loss rests; with sin it would find draws of another law than
//! ψ's. Besides: mean 0, variance 1, and the information E ψ² that the noise states. A mistake of a tenth is to be noticed, in the variance of
//! a half, because a square with heavy tails is not known better; a law that was never scaled to variance 1 is off by more.

use super::{Case, Section, Settings};
use crate::key::{Key, Purpose};
use crate::noise::{MakeNoise, NOISES};
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;

/// Mistakes to notice.
const FINE: f64 = 0.1;
const COARSE: f64 = 0.5;

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
    let mean = |what: &str, expected: f64, resolution: f64, f: &dyn Fn(f64, f64) -> f64| {
        let values: Vec<f64> = draws.iter().map(|n| f(f64::from(*n), f64::from(noise.score(*n)))).collect();
        Check::statistical(format!("{} noise: {what}", entry.name), expected, Estimate::mean(&values), resolution)
    };
    // ψ is computed in 32 bits, and a central difference with h = 10⁻⁵ is within 10⁻⁹.
    let slope = |n: f32| {
        let (n, h) = (f64::from(n), 1e-5);
        (noise.log_density(n + h) - noise.log_density(n - h)) / (2.0 * h)
    };
    let against =
        |n: f32| Check::exact(format!("{} noise: ψ is (log q)′", entry.name), slope(n), f64::from(noise.score(n)), 1e-5);
    vec![
        Check::worst([-6.0, -3.5, -0.75, -0.01, 0.02, 0.4, 1.0, 5.0].map(against)),
        mean("E[n]", 0.0, FINE, &|n, _| n),
        mean("E[n²]", 1.0, COARSE, &|n, _| n * n),
        mean("E[ψ²]", noise.information(), FINE, &|_, psi| psi * psi),
        mean("E[ψ]", 0.0, FINE, &|_, psi| psi),
        mean("E[nψ]", -1.0, FINE, &|n, psi| n * psi),
        mean("E[cos n + ψ sin n]", 0.0, FINE, &|n, psi| n.cos() + psi * n.sin()),
        mean("E[2 cos 2n + ψ sin 2n]", 0.0, FINE, &|n, psi| 2.0 * (2.0 * n).cos() + psi * (2.0 * n).sin()),
    ]
}
