//! log p and latents by the probability flow, on densities known in closed form.

use super::{Case, Section, Settings};
use crate::density::{self, Mixture};
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::likelihood::{Divergence, Flow, Prior};
use crate::objective::Law;
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;
use crate::sample::solver::Tolerance;
use crate::score::LogDensity;

/// The registry's row.
pub(super) const ENTRY: Entry<Section> = Entry {
    name: "likelihoods",
    aliases: &["likelihood"],
    summary: "log p by the probability flow against the exact one, its error bars, its integral, and the way to latents and back",
    formula: "log p(x) = log N(x₁) − ∫ σ·tr J dσ",
    source: "Song et al. 2021, appendix D.2; Hutchinson 1989",
    value: cases,
};

/// What may be missing of log p, in nats, of an integral of 1, and of a point, in data units.
const NEAR: f64 = 1e-3;

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for name in ["mixture", "gaussian", "gaussian-10", "mixture-1d"] {
        cases.push(Case { about: vec![name, "exact"], measure: Box::new(move |settings| exact(name, settings)) });
        cases.push(Case { about: vec![name, "encode"], measure: Box::new(move |settings| there_and_back(name, settings)) });
    }
    for (m, law) in [(4, Law::Rademacher), (10, Law::Rademacher), (24, Law::Gaussian)] {
        cases.push(Case { about: vec!["hutchinson", law.word()], measure: Box::new(move |settings| bars(m, law, settings)) });
    }
    for (name, side) in [("mixture-1d", 2000), ("gaussian", 120)] {
        cases.push(Case { about: vec![name, "exact"], measure: Box::new(move |settings| integral(name, side, settings)) });
    }
    cases
}

fn flow(p: &Mixture) -> Flow<'_> {
    let (mean, variance) = p.moments();
    let high = 100.0 * variance.sqrt();
    let tolerance = Tolerance { absolute: 1e-6, relative: 1e-6 };
    Flow { score: p, span: (0.0, high), prior: Prior { mean, variance: variance + high * high }, tolerance }
}

fn draws(p: &Mixture, n: usize, settings: &Settings) -> (Vec<f64>, Vec<f64>) {
    let x: Vec<f64> = p.sample(Key::new(settings.seed, Purpose::Data), 0, n, 0.0).into_iter().map(f64::from).collect();
    let (mut log, mut score) = (vec![0.0; n], vec![0.0; x.len()]);
    p.log_prob_rows(&x, 0.0, &mut log, &mut score);
    (x, log)
}

fn exact(name: &str, settings: &Settings) -> Result<Vec<Check>> {
    let p = density::mixture(name)?;
    let (x, log) = draws(&p, 500, settings);
    let found = flow(&p).log_prob(&x, Divergence::Exact, Key::new(settings.seed, Purpose::Projection), &mut ())?;
    let error = found.log_prob.iter().zip(&log).map(|(f, e)| (f - e).abs()).sum::<f64>() / log.len() as f64;
    Ok(vec![Check::exact(format!("{name}: mean absolute error of log p, exact divergence"), 0.0, error, NEAR)])
}

/// A thousand rows are as many repetitions: each has directions of its own.
fn bars(m: usize, law: Law, settings: &Settings) -> Result<Vec<Check>> {
    let (p, n) = (density::mixture("gaussian-10")?, 1000);
    let (x, log) = draws(&p, n, settings);
    let key = Key::new(settings.seed, Purpose::Projection);
    let found = flow(&p).log_prob(&x, Divergence::Hutchinson(m, law), key, &mut ())?;
    let within = (0..n).filter(|i| (found.log_prob[*i] - log[*i]).abs() < found.half_width(*i)).count();
    let name = format!("hutchinson, {m} {} directions: share of bars of 95 % that cover log p of gaussian-10", law.word());
    let errors: Vec<f64> = found.log_prob.iter().zip(&log).map(|(f, e)| f - e).collect();
    Ok(vec![
        Check::exact(name, 0.95, within as f64 / n as f64, 0.02),
        Check::statistical(
            format!("hutchinson, {m} {} directions: mean error of log p", law.word()),
            0.0,
            Estimate::mean(&errors),
            // The integral of the trace is some 40 nats: one divided by d, or of the wrong sign, is off by far more than 2.
            2.0,
        ),
    ])
}

/// Of log p by the flow, over a grid of `side` cells a dimension, eight standard deviations each way.
fn integral(name: &str, side: usize, settings: &Settings) -> Result<Vec<Check>> {
    let p = density::mixture(name)?;
    let (mean, variance) = p.moments();
    let d = mean.len();
    let half = 8.0 * variance.sqrt();
    let cell = 2.0 * half / side as f64;
    let place = |i: usize, j: usize| mean[j] - half + cell * (0.5 + (i / side.pow(j as u32) % side) as f64);
    let grid: Vec<f64> = (0..side.pow(d as u32)).flat_map(|i| (0..d).map(move |j| (i, j))).map(|(i, j)| place(i, j)).collect();
    let found = flow(&p).log_prob(&grid, Divergence::Exact, Key::new(settings.seed, Purpose::Projection), &mut ())?;
    let total: f64 = found.log_prob.iter().map(|log| log.exp()).sum::<f64>() * cell.powi(d as i32);
    Ok(vec![Check::exact(format!("{name}: integral of exp log p by the flow, in {d} dimensions"), 1.0, total, NEAR)])
}

fn there_and_back(name: &str, settings: &Settings) -> Result<Vec<Check>> {
    let p = density::mixture(name)?;
    let (x, _) = draws(&p, 1000, settings);
    let mut flow = flow(&p);
    flow.tolerance = Tolerance { absolute: 1e-8, relative: 1e-8 };
    let z = flow.encode(&x, &mut ())?;
    let back = flow.decode(&z, &mut ())?;
    let worst = x.iter().zip(&back).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let squares: Vec<f64> = z.iter().map(|z| z * z).collect();
    Ok(vec![
        Check::exact(format!("{name}: the farthest that decode after encode leaves a point"), 0.0, worst, NEAR),
        Check::statistical(format!("{name}: mean square of the latents of draws"), 1.0, Estimate::mean(&squares), 1.0),
    ])
}
