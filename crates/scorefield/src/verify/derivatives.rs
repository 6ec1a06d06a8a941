//! The derivatives that objectives ask of a score, vᵀs, vᵀJv and tr J, against differences of that same score: of every network, its
//! weights drawn at random, and of every named density.
//!
//! Differences are Richardson's, (4D(h/2) − D(h))/3 with central D: their error is O(h⁴), and 32-bit numbers leave about 10⁻⁷·|s|/h. Where
//! log p is known up to a constant, vᵀs is a difference of it, and so is no part of the score itself.

use super::{Case, Section, Settings};
use crate::data::EventShape;
use crate::density::{DENSITIES, Smoothing};
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::levels::Regime;
use crate::model::{Conditioning, Model, Precondition};
use crate::net::{Family, LevelCount, NETS, NetSettings, Precision, Takes, unflatten};
use crate::oracle::Check;
use crate::registry::Entry;
use crate::score::ScoreJvp;
use crate::tensor::{Tensor, matrix, numbers, row_dots, vector};

/// h, in units of the points.
const STEP: f32 = 0.02;
/// What differences in 32 bits leave, relative to the largest of the numbers that are compared.
const TOLERANCE: f64 = 2e-3;
/// Levels of the points.
const SIGMA: [f32; 4] = [0.3, 0.5, 1.0, 2.0];

/// The registry's row.
pub(super) const ENTRY: Entry<Section> = Entry {
    name: "derivatives",
    aliases: &[],
    summary: "vᵀs, vᵀJv and tr J of every network and density against differences",
    formula: "vᵀJv = d/dτ vᵀs(x + τv)",
    source: "Griewank & Walther 2008",
    value: cases,
};

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for net in NETS {
        for (regime, under) in [(Regime::Noisy, "under noise"), (Regime::Clean, "without noise")] {
            let name = format!("{}, {under}", net.name);
            let measure = move |settings: &Settings| {
                let model = model(net, regime, settings)?;
                Ok(check(&name, &model, regime, settings))
            };
            cases.push(Case { about: vec![net.name], measure: Box::new(measure) });
        }
    }
    for density in DENSITIES {
        let name = format!("density {}", density.name);
        let measure = move |settings: &Settings| {
            let density = (density.value)();
            Ok(check(&name, &*density, regime(density.smoothing()), settings))
        };
        cases.push(Case { about: vec![density.name], measure: Box::new(measure) });
    }
    cases
}

/// Levels that a density can be asked at.
fn regime(smoothing: Smoothing) -> Regime {
    match smoothing {
        Smoothing::Known => Regime::Noisy,
        Smoothing::Unknown => Regime::Clean,
    }
}

/// A small network with random weights, of vectors, or of images where it takes nothing else.
fn model(net: &Entry<Family>, regime: Regime, settings: &Settings) -> Result<Model> {
    let device = settings.device.clone().without_autodiff();
    let sizes = NetSettings { width: 16, depth: 1, embedding: 8, precision: Precision::F32, levels: LevelCount::Many };
    let key = Key::new(settings.seed, Purpose::Init);
    let event = match net.value.takes {
        Takes::Rows => EventShape::Vector(3),
        Takes::Images => EventShape::Image { channels: 1, height: 8, width: 8 },
    };
    let mut network = (net.value.build)(&sizes, &event, key, &device)?;
    // Untrained networks are 0 in parts: draw every weight.
    let mut row = 0;
    unflatten(&mut *network, &device, |_, shape| {
        row += 1;
        Ok::<_, crate::error::Error>(key.at(row).normal(0, 1, shape.iter().product()).iter().map(|z| 0.3 * z).collect())
    })?;
    let mean = (0..event.len()).map(|i| 0.5 - i as f32 / event.len() as f32).collect();
    Ok(Model::new(network, Precondition { mean, sigma_data: 0.8, regime, conditioning: Conditioning::Relative }, event, &device))
}

/// Four checks of a score at a few points, each of the point and direction that is farthest off.
pub(super) fn check(name: &str, score: &dyn ScoreJvp, regime: Regime, settings: &Settings) -> Vec<Check> {
    let (n, d, device) = (SIGMA.len(), score.dim(), settings.device.clone().without_autodiff());
    let draw = |purpose| matrix(Key::new(settings.seed, purpose).normal(0, n, d), n, d, &device);
    let (x, v) = (draw(Purpose::Data), draw(Purpose::Projection));
    let sigma = vector(SIGMA.map(|sigma| if regime == Regime::Noisy { sigma } else { 0.0 }).to_vec(), &device);
    let at = |x: Tensor<2>| score.score(x, &sigma);
    let differentiate = |f: &dyn Fn(f32) -> Vec<f64>| -> Vec<f64> {
        let central =
            |h: f32| -> Vec<f64> { f(h).iter().zip(f(-h)).map(|(up, down)| (up - down) / (2.0 * f64::from(h))).collect() };
        central(0.5 * STEP).iter().zip(central(STEP)).map(|(half, whole)| (4.0 * half - whole) / 3.0).collect()
    };
    let compare = |what: &str, expected: Vec<f64>, found: Vec<f64>| {
        let largest = expected.iter().fold(1.0f64, |largest, e| largest.max(e.abs()));
        let pairs = expected.iter().zip(&found);
        Check::worst(pairs.map(|(e, f)| Check::exact(format!("{name}: {what}"), *e, *f, TOLERANCE * largest)))
    };
    let (along, curvature) = score.along(x.clone(), &sigma, v.clone());
    let (_, again) = score.curvature(x.clone(), &sigma, v.clone());
    let (_, trace) = score.trace(x.clone(), &sigma);
    let slopes = match score.log_density(x.clone(), &sigma) {
        Some(_) => differentiate(&|h| {
            let log = score.log_density(x.clone() + v.clone() * h, &sigma);
            numbers(log.expect("a log-density everywhere")).into_iter().map(f64::from).collect()
        }),
        None => wide(row_dots(v.clone(), at(x.clone()), n)),
    };
    let bends = differentiate(&|h| wide(row_dots(v.clone(), at(x.clone() + v.clone() * h), n)));
    let mut diagonal = vec![0.0; n];
    for j in 0..d {
        let unit = matrix((0..n * d).map(|k| if k % d == j { 1.0 } else { 0.0 }).collect(), n, d, &device);
        let part = differentiate(&|h| wide(at(x.clone() + unit.clone() * h).narrow(1, j, 1)));
        diagonal.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    vec![
        compare("vᵀs", slopes, wide(along)),
        compare("vᵀJv", bends.clone(), wide(curvature)),
        compare("vᵀJv beside s", bends, wide(again)),
        compare("tr J", diagonal, wide(trace.reshape([n, 1]))),
    ]
}

fn wide(t: Tensor<2>) -> Vec<f64> {
    numbers(t).into_iter().map(f64::from).collect()
}
