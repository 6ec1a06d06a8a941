//! Whether every sampler draws from what it says: z-scores of means and variances over many seeds, against N(0, 1).
//!
//! For each sampler, target and seed a set of [`ROWS`] independent rows. Along one fixed direction the mean m and the variance s² of a set have
//!
//! z₁ = (m − μ)·√n / σ,  z₂ = (s² − σ²) / √((μ₄ − σ⁴)/n),
//!
//! of mean 0 and variance 1, and standard normal for large n, if the sampler has no bias that n rows can see; μ, σ² and μ₄ are the target's own, in
//! closed form. A check is the distance of the z-scores' distribution from N(0, 1), by Kolmogorov and Smirnov, with p = 0.001 for its bound: of
//! the 240 checks a right sampler fails one by chance in one seed of five.

use super::{Case, Section};
use crate::density::{Component, Mixture};
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::oracle::Check;
use crate::recipe::Target;
use crate::registry::Entry;
use crate::sample::{Asked, Draw, SAMPLERS, draw};
use statrs::function::erf::erfc;
use std::f64::consts::SQRT_2;
use std::sync::Arc;

/// The registry's row.
pub(super) const ENTRY: Entry<Section> = Entry {
    name: "calibration",
    aliases: &[],
    summary: "every sampler on ten distributions: z-scores of means and variances over a hundred seeds",
    formula: "z = (m − μ)√n/σ ~ N(0, 1)",
    source: "Kolmogorov 1933; Stephens 1970",
    value: cases,
};

/// Sets of rows for each sampler and target.
const SEEDS: u64 = 100;
/// Rows of a set.
const ROWS: usize = 256;
/// √n·D that is exceeded with probability 0.001 (Kolmogorov's distribution).
const BOUND: f64 = 1.9495;

/// Steps enough that what is left of the bias is far below the error of [`ROWS`] rows.
fn asked(sampler: &str) -> Asked {
    let steps = match sampler {
        "heun" => Some(40),
        "dpmpp-2m" => Some(80),
        "hmc" => Some(150),
        "predictor-corrector" => Some(300),
        "annealed" | "ddim" | "tempering" => Some(400),
        "mala" => Some(500),
        "euler-maruyama" => Some(600),
        "underdamped" => Some(1000),
        "langevin" => Some(3000),
        _ => None,
    };
    // Langevin dynamics is off by ε/(4v) in a direction of variance v, here 0.1 at least: long steps first, to arrive, and short ones last.
    let (epsilon, last_epsilon) = if sampler == "langevin" { (Some(0.3), Some(0.001)) } else { (None, None) };
    // The denoising step answers with means, which vary less than the distribution.
    Asked { steps, epsilon, last_epsilon, denoise: sampler != "annealed", ..Default::default() }
}

/// A name and a distribution.
type Law = (&'static str, Vec<Component>);

fn laws() -> Vec<Law> {
    let part = |weight: f64, mean: &[f64], cov: &dyn Fn(usize, usize) -> f64| {
        let d = mean.len();
        Component { weight, mean: mean.to_vec(), cov: (0..d).map(|i| (0..d).map(|j| cov(i, j)).collect()).collect() }
    };
    let round = |v: f64| move |i: usize, j: usize| if i == j { v } else { 0.0 };
    let fading = |r: f64| move |i: usize, j: usize| r.powi(i.abs_diff(j) as i32);
    let scales = |i: usize, j: usize| if i == j { 0.25 * 2f64.powi(i as i32) } else { 0.0 };
    let uneven = |i: usize, j: usize| [[2.0, 0.6 * SQRT_2], [0.6 * SQRT_2, 1.0]][i][j];
    vec![
        ("N(1, 2²)", vec![part(1.0, &[1.0], &round(4.0))]),
        ("N(0, I₂)", vec![part(1.0, &[0.0; 2], &round(1.0))]),
        ("correlation 0.6", vec![part(1.0, &[1.0, -2.0], &uneven)]),
        ("correlation 0.9", vec![part(1.0, &[0.0; 2], &fading(0.9))]),
        ("far from 0", vec![part(1.0, &[30.0, -50.0], &round(1.0))]),
        ("scales 0.5 to 2", vec![part(1.0, &[0.0; 5], &scales)]),
        ("ten dimensions", vec![part(1.0, &[0.0; 10], &fading(0.57))]),
        ("skewed", vec![part(0.7, &[0.0], &round(1.0)), part(0.3, &[2.0], &round(0.25))]),
        ("heavy tails", vec![part(0.8, &[0.0; 2], &round(1.0)), part(0.2, &[0.0; 2], &round(9.0))]),
        (
            "three hills",
            vec![part(0.5, &[0.0, 0.0], &round(1.0)), part(0.3, &[2.0, 1.0], &round(0.5)), part(0.2, &[-1.0, 2.0], &fading(0.5))],
        ),
    ]
}

fn cases() -> Vec<Case> {
    let every = laws().into_iter().flat_map(|law| SAMPLERS.iter().map(move |entry| (law.clone(), entry.name)));
    let case = |(law, sampler): (Law, &'static str)| Case {
        about: vec![sampler],
        measure: Box::new(move |settings| calibrated(&law, sampler, &asked(sampler), settings.seed)),
    };
    every.map(case).collect()
}

/// Both checks of a sampler and a target.
fn calibrated((name, parts): &Law, sampler: &str, asked: &Asked, seed: u64) -> Result<Vec<Check>> {
    let target = Target::Exact { name: (*name).to_owned(), density: Arc::new(Mixture::new(parts.clone())?) };
    let (_, ready) = target.sampler(Some(sampler), asked)?;
    let v = direction(target.score().dim());
    let along = Along::of(parts, &v);
    let (mut means, mut variances) = (Vec::new(), Vec::new());
    for set in 0..SEEDS {
        let seed = seed.wrapping_mul(SEEDS).wrapping_add(set);
        let request = Draw { n: ROWS, from: 0, seed, start: target.start(), start_sigma: ready.start_sigma };
        let drawn = draw(target.score(), &*ready.sampler, &request, &mut ())?;
        let y: Vec<f64> = drawn.points.chunks(v.len()).map(|x| dot(x, &v)).collect();
        let [mean, variance] = along.z(&y);
        means.push(mean);
        variances.push(variance);
    }
    let bound = bound(SEEDS as usize);
    let check = |what, z: &mut [f64]| {
        Check::exact(format!("{sampler}, {name}: z-scores of {what}, distance from N(0, 1)"), 0.0, distance(z), bound)
    };
    Ok(vec![check("means", &mut means), check("variances", &mut variances)])
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A fixed unit vector without a special place among the axes.
fn direction(d: usize) -> Vec<f64> {
    let v: Vec<f64> = Key::new(1, Purpose::Projection).normal(0, 1, d).into_iter().map(f64::from).collect();
    let norm = dot(&v, &v).sqrt();
    v.into_iter().map(|v| v / norm).collect()
}

/// Mean, variance and fourth central moment of vᵀx.
struct Along {
    mean: f64,
    variance: f64,
    fourth: f64,
}

impl Along {
    fn of(parts: &[Component], v: &[f64]) -> Self {
        let mean = parts.iter().map(|c| c.weight * dot(&c.mean, v)).sum::<f64>();
        let mut along = Self { mean, variance: 0.0, fourth: 0.0 };
        for c in parts {
            let off = dot(&c.mean, v) - mean;
            let var = c.cov.iter().zip(v).map(|(row, x)| dot(row, v) * x).sum::<f64>();
            along.variance += c.weight * (var + off * off);
            along.fourth += c.weight * (3.0 * var * var + 6.0 * var * off * off + off.powi(4));
        }
        along
    }

    /// z₁ and z₂ of a set.
    fn z(&self, y: &[f64]) -> [f64; 2] {
        let n = y.len() as f64;
        let mean = y.iter().sum::<f64>() / n;
        let variance = y.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let error = ((self.fourth - self.variance.powi(2)) / n).sqrt();
        [(mean - self.mean) / (self.variance / n).sqrt(), (variance - self.variance) / error]
    }
}

/// sup |F_n − Φ|. Numbers that are not finite are as far as can be.
fn distance(z: &mut [f64]) -> f64 {
    if z.iter().any(|z| !z.is_finite()) {
        return 1.0;
    }
    z.sort_by(f64::total_cmp);
    let n = z.len() as f64;
    let gap = |(i, z): (usize, &f64)| {
        let below = 0.5 * erfc(-z / SQRT_2);
        (below - i as f64 / n).max((i + 1) as f64 / n - below)
    };
    z.iter().enumerate().map(gap).fold(0.0, f64::max)
}

/// The distance that n standard normal numbers exceed with probability 0.001 (Stephens 1970).
fn bound(n: usize) -> f64 {
    let root = (n as f64).sqrt();
    BOUND / (root + 0.12 + 0.11 / root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::function::erf::erf_inv;

    #[test]
    fn moments_along_a_direction_are_those_of_independent_draws() {
        for (name, parts) in laws() {
            let v = direction(parts[0].mean.len());
            let along = Along::of(&parts, &v);
            let x = Mixture::new(parts).unwrap().sample(Key::new(5, Purpose::Start), 0, 100_000, 0.0);
            let y: Vec<f64> = x.chunks(v.len()).map(|x| dot(&x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>(), &v)).collect();
            // Each is standard normal for independent draws.
            assert!(along.z(&y).iter().all(|z| z.abs() < 4.0), "{name}: {:?}", along.z(&y));
        }
    }

    #[test]
    fn the_bound_is_that_of_tables_and_a_shift_is_found() {
        // Exact tables (Marsaglia, Tsang & Wang 2003) give 0.1926 for n = 100.
        assert!((bound(100) - 0.1926).abs() < 1e-3);
        let quantile = |i: i32| SQRT_2 * erf_inv(2.0 * (f64::from(i) + 0.5) / 100.0 - 1.0);
        let mut quantiles: Vec<f64> = (0..100).map(quantile).collect();
        assert!((distance(&mut quantiles) - 0.005).abs() < 1e-9);
        let mut shifted: Vec<f64> = quantiles.iter().map(|z| z + 0.55).collect();
        assert!(distance(&mut shifted) > bound(100));
        assert_eq!(distance(&mut [0.0, f64::NAN]), 1.0);
    }

    #[test]
    fn what_has_no_bias_passes_and_a_step_that_is_too_large_does_not() {
        let law = laws().remove(0);
        let right = calibrated(&law, "heun", &asked("heun"), 0).unwrap();
        assert!(right.iter().all(|check| check.pass), "{right:?}");
        // Its variance is 4/(1 − ε/16): 1.6 standard errors of 256 rows too large.
        let coarse = Asked { steps: Some(100), epsilon: Some(2.0), ..Default::default() };
        let wrong = calibrated(&law, "langevin", &coarse, 0).unwrap();
        assert_eq!(wrong.iter().map(|check| check.pass).collect::<Vec<_>>(), [true, false], "{wrong:?}");
    }
}
