//! On the true score of N(0, I_d), every estimate of the implicit loss has mean −d/2, whatever d is (Hyvärinen 2005: it is −½E‖s*‖²).
//!
//! A row's loss with the exact trace is −d + ½‖x‖², so that one is also held against the very points. The score is the library's exact
//! density: `finite-difference` takes its differences of log p here.

use super::objectives::{Way, ways};
use super::{Case, Section, Settings};
use crate::density::{Component, Mixture};
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::levels::Regime;
use crate::noise::Gaussian;
use crate::objective::{Alternatives, Batch, Law, Method, OBJECTIVES};
use crate::oracle::{Check, Estimate, Expectation};
use crate::registry::Entry;
use crate::tensor::{matrix, numbers, repeated};
use std::sync::Arc;

const DIMENSIONS: [usize; 3] = [1, 10, 100];
/// Rows that are evaluated together.
const BLOCK: usize = 1024;
/// What 32-bit numbers may leave, relative to the number.
const EXACT: f64 = 1e-5;

/// The registry's row.
pub(super) const ENTRY: Entry<Section> = Entry {
    name: "exact-scores",
    aliases: &[],
    summary: "the implicit losses on the true score of N(0, I), in 1, 10 and 100 dimensions",
    formula: "E[tr J + ½‖s*‖²] = −d/2",
    source: "Hyvärinen 2005, theorem 1",
    value: cases,
};

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for method in OBJECTIVES.iter().filter(|method| method.value.expectation == Expectation::Implicit) {
        for way in ways(&method.value, &[1]) {
            for d in DIMENSIONS {
                let name = format!("{}{} on the true score of N(0, I), d = {d}", method.name, way.words);
                let about = [method.name].into_iter().chain(way.law.map(Law::word)).collect();
                let way = way.clone();
                let measure = move |settings: &Settings| check(&name, &method.value, &way, d, settings);
                cases.push(Case { about, measure: Box::new(measure) });
            }
        }
    }
    cases
}

fn check(name: &str, method: &Method, way: &Way, d: usize, settings: &Settings) -> Result<Vec<Check>> {
    let density = Mixture::new(vec![Component::isotropic(1.0, vec![0.0; d], 1.0)])?;
    let objective = (method.build)(&way.settings(density.clone()))?;
    // The work of a row grows as d², or d³ with the exact trace.
    let blocks = (settings.points / (d * d)).div_ceil(BLOCK).max(1);
    let device = settings.device.clone().without_autodiff();
    let (mut losses, mut of_points) = (Vec::new(), 0.0);
    for block in 0..blocks {
        let clean = density.sample(Key::new(settings.seed, Purpose::Data), (block * BLOCK) as u64, BLOCK, 0.0);
        of_points += clean.iter().map(|x| 0.5 * f64::from(*x).powi(2)).sum::<f64>();
        let batch = Batch {
            clean: matrix(clean, BLOCK, d, &device),
            sigma: repeated(0.0, BLOCK, &device),
            weight: repeated(1.0, BLOCK, &device),
            regime: Regime::Clean,
            noise: Arc::new(Gaussian),
        };
        let key = Key::new(settings.seed, Purpose::Projection).at(block as u32);
        losses.extend(numbers(objective.loss(&density, &batch, key)).into_iter().map(f64::from));
    }
    let (half, found) = (0.5 * d as f64, Estimate::mean(&losses));
    // A trace of the wrong size is off by d/2 or more.
    let mut checks = vec![Check::statistical(name, -half, found, half)];
    if method.alternatives == Alternatives::None {
        let expected = of_points / losses.len() as f64 - d as f64;
        checks.push(Check::exact(format!("{name}, these very points"), expected, found.mean, EXACT * expected.abs()));
    }
    Ok(checks)
}
