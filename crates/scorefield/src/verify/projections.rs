//! Every law of directions, at one point x of a mixture whose Jacobian J is known: E[vvᵀ] = I, E[vᵀJv] = tr J, the law's own variance,
//! and a variance that falls as 1/M with M directions.
//!
//! The estimates are those of `sliced-vr` in many copies of x, vᵀJv + ½‖s‖² with a constant ½‖s‖²: the code that averages is the code that
//! trains.

use super::{Case, Section, Settings};
use crate::density::{Component, Mixture};
use crate::key::{Key, Purpose};
use crate::levels::Regime;
use crate::noise::Gaussian;
use crate::objective::{Batch, Law, Objective, Projection, SlicedVr};
use crate::oracle::{Check, Estimate, slope};
use crate::registry::Entry;
use crate::score::{Score, ScoreJvp};
use crate::tensor::{Device, matrix, numbers, repeated};
use nalgebra::DMatrix;
use rayon::prelude::*;
use std::sync::Arc;

/// Directions a point.
const COUNTS: [usize; 5] = [1, 2, 4, 8, 16];
/// The point; the mixture's level is σ = 0.
const POINT: [f32; 3] = [0.4, -0.9, 1.3];
/// Copies of the point that are evaluated together.
const BLOCK: usize = 4096;
/// How far the slope may be from −1.
const SLOPE: f64 = 0.05;

/// The registry's row.
pub(super) const ENTRY: Entry<Section> = Entry {
    name: "projections",
    aliases: &[],
    summary: "mean, variance and averaging of every law of directions",
    formula: "E[vᵀJv] = tr J; Var ∝ 1/M",
    source: "Hutchinson 1989; Song, Garg, Shi & Ermon 2019",
    value: cases,
};

fn cases() -> Vec<Case> {
    let case = |law: Law| Case {
        about: vec![law.word()],
        measure: Box::new(move |settings| Ok(check(law, settings, &|projection| Box::new(SlicedVr { projection })))),
    };
    Law::ALL.into_iter().map(case).collect()
}

/// Three components in three dimensions, none of them isotropic.
fn mixture() -> Mixture {
    let component = |weight, mean: [f64; 3], cov: [[f64; 3]; 3]| Component {
        weight,
        mean: mean.to_vec(),
        cov: cov.map(|row| row.to_vec()).to_vec(),
    };
    let parts = vec![
        component(0.5, [1.0, -2.0, 0.5], [[1.5, 0.4, -0.3], [0.4, 1.0, 0.2], [-0.3, 0.2, 0.6]]),
        component(0.3, [-1.0, 0.5, 2.0], [[0.5, -0.2, 0.1], [-0.2, 0.9, 0.3], [0.1, 0.3, 1.2]]),
        component(0.2, [0.5, 0.0, 1.0], [[2.0, 0.7, 0.0], [0.7, 0.8, -0.2], [0.0, -0.2, 1.0]]),
    ];
    Mixture::new(parts).expect("covariances that are positive definite")
}

/// The checks of one law; `objective` averages over its directions.
pub(super) fn check(law: Law, settings: &Settings, objective: &dyn Fn(Projection) -> Box<dyn Objective>) -> Vec<Check> {
    let (score, d) = (mixture(), POINT.len());
    let point = |n: usize, device: &Device| matrix(POINT.repeat(n), n, d, device);
    let device = settings.device.clone().without_autodiff();
    let sigma = repeated(0.0, 1, &device);
    let trace = f64::from(numbers(score.trace(point(1, &device), &sigma).1)[0]);
    let square: f64 = numbers(score.score(point(1, &device), &sigma)).iter().map(|s| f64::from(*s).powi(2)).sum();
    let jacobian = jacobian(&score, &device);
    let key = Key::new(settings.seed, Purpose::Projection);
    let estimates = |count: usize| -> Vec<f64> {
        let objective = objective(Projection { law, count });
        let blocks = (0..settings.points.div_ceil(BLOCK)).into_par_iter().map(|block| {
            let batch = Batch {
                clean: point(BLOCK, &device),
                sigma: repeated(0.0, BLOCK, &device),
                weight: repeated(1.0, BLOCK, &device),
                regime: Regime::Clean,
                noise: Arc::new(Gaussian),
            };
            // Streams of their own for each M.
            let losses = numbers(objective.loss(&score, &batch, key.at((count << 16 | block) as u32)));
            losses.into_iter().map(|loss| f64::from(loss) - 0.5 * square).collect::<Vec<_>>()
        });
        blocks.flatten_iter().collect()
    };
    let word = law.word();
    let mut variances = Vec::new();
    let mut checks = vec![identity(law, settings)];
    for count in COUNTS {
        let values = estimates(count);
        if count == 1 {
            let wrong = trace.abs() * (1.0 - 1.0 / d as f64);
            checks.push(Check::statistical(format!("{word} directions: mean of vᵀJv"), trace, Estimate::mean(&values), wrong));
            let known = law.trace_variance(&jacobian);
            let name = format!("{word} directions: variance of vᵀJv");
            checks.push(Check::statistical(name, known, Estimate::variance(&values), 0.5 * known));
        }
        variances.push(Estimate::variance(&values).ln());
    }
    let ln_counts = COUNTS.map(|count| (count as f64).ln());
    let name = format!("{word} directions: slope of ln variance over ln M");
    checks.push(Check::statistical(name, -1.0, slope(&ln_counts, &variances), 2.0 * SLOPE));
    checks
}

/// E[vvᵀ] = I: of its entries the one that is farthest off.
fn identity(law: Law, settings: &Settings) -> Check {
    let d = POINT.len();
    let v = law.draw(Key::new(settings.seed, Purpose::Projection), 0, settings.points, d);
    let entry = |(i, j): (usize, usize)| {
        let products: Vec<f64> = v.chunks_exact(d).map(|v| f64::from(v[i]) * f64::from(v[j])).collect();
        let expected = if i == j { 1.0 } else { 0.0 };
        Check::statistical(format!("{} directions: E[vvᵀ]", law.word()), expected, Estimate::mean(&products), 0.5)
    };
    Check::worst((0..d).flat_map(|i| (i..d).map(move |j| (i, j))).map(entry))
}

/// J of the mixture at the point, from its quadratic form: J_ij = ¼[q(eᵢ + eⱼ) − q(eᵢ − eⱼ)], q(v) = vᵀJv.
fn jacobian(score: &Mixture, device: &Device) -> DMatrix<f64> {
    let d = POINT.len();
    let mut v = Vec::new();
    for (i, j) in (0..d).flat_map(|i| (0..d).map(move |j| (i, j))) {
        for sign in [1.0, -1.0] {
            let mut along = vec![0.0f32; d];
            along[i] += 1.0;
            along[j] += sign;
            v.extend(along);
        }
    }
    let rows = 2 * d * d;
    let x = matrix(POINT.to_vec(), 1, d, device);
    let (_, q) = score.curvature(x, &repeated(0.0, 1, device), matrix(v, rows, d, device));
    let q: Vec<f64> = numbers(q).into_iter().map(f64::from).collect();
    DMatrix::from_row_iterator(d, d, q.chunks_exact(2).map(|pair| 0.25 * (pair[0] - pair[1])))
}
