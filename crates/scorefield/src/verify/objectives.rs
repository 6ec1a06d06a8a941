//! Every objective, in all its ways, under every noise: its mean and its gradient against the closed form for a score Ax + b.
//!
//! The points are N(m, Σ) with m ≠ 0 and correlated Σ, A is not symmetric and not the optimum: symmetry would hide signs and transposes.
//! Half of a batch has one noise level and weight and half another, so that each row must use its own. What has no randomness
//! besides the points is held against the moments of these very points; everything else, against the law's, within standard errors.
//!
//! The smallest mistake to notice: the trace counted once too little or half, ½|tr A| in the loss and ½ in a diagonal entry of ∂L/∂A.

use super::{Case, Section, Settings};
use crate::density::{Component, Mixture};
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::levels::Regime;
use crate::noise::{Gaussian, NOISES, Noise};
use crate::objective::{Alternatives, Batch, Law, Method, Needs, OBJECTIVES, Objective, ObjectiveSettings, Projection, Variate};
use crate::oracle::{Affine, Check, Estimate, Expectation, LinearScore, Moments, Truth, Value};
use crate::registry::Entry;
use crate::tensor::{matrix, numbers, vector};
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;
use std::sync::Arc;

/// Batches that a standard error is taken over.
const BATCHES: usize = 64;
/// σ and λ of the two halves of a batch; without noise σ is 0.
const LEVELS: [(f32, f32); 2] = [(0.4, 0.5), (1.1, 1.5)];
/// Directions a point.
const COUNTS: [usize; 2] = [1, 4];
/// h of `finite-difference`: any will do, because a difference of a linear function is its derivative.
const STEP: f64 = 0.5;
/// What 32-bit numbers and their sums may leave, relative to the number (of a gradient, to its largest entry).
const EXACT: f64 = 1e-5;

/// The registry's row.
pub(super) const ENTRY: Entry<Section> = Entry {
    name: "objectives",
    aliases: &[],
    summary: "mean and gradient of every objective, projection and noise",
    formula: "s = Ax + b: L = tr A + ½[tr(ACAᵀ) + ‖Am + b‖²] + constant",
    source: "Hyvärinen 2005; Vincent 2011; Song, Garg, Shi & Ermon 2019",
    value: cases,
};

/// One way of a method: settings that leave its mean as it is.
#[derive(Clone)]
pub(super) struct Way {
    /// Said after the method's name.
    pub words: String,
    /// The law, where it matters.
    pub law: Option<Law>,
    projection: Projection,
    variate: Variate,
}

/// A question to an objective.
pub(super) struct Question {
    /// The dimension: 2 or 3.
    pub d: usize,
    /// The noise, or none: σ = 0.
    pub noise: Option<Arc<dyn Noise>>,
    /// Whether the objective has randomness of its own.
    pub randomness: Randomness,
}

/// Where an objective's randomness is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Randomness {
    /// In the points alone.
    Points,
    /// In noise or directions too.
    More,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for method in OBJECTIVES {
        let noises = NOISES.iter().map(Some);
        let clean = (method.value.needs != Needs::Noise).then_some(None);
        for noise in clean.into_iter().chain(noises) {
            for way in ways(&method.value, &COUNTS) {
                for d in [2, 3] {
                    let under = noise.map_or("no noise".to_owned(), |noise| format!("{} noise", noise.name));
                    let name = format!("{}{}, {under}, d = {d}", method.name, way.words);
                    let law = way.law.map(Law::word);
                    let about = [method.name].into_iter().chain(law).chain(noise.map(|noise| noise.name)).collect();
                    let way = way.clone();
                    let measure = move |settings: &Settings| {
                        let randomness = match (method.value.alternatives, noise) {
                            (Alternatives::None, None) => Randomness::Points,
                            _ => Randomness::More,
                        };
                        let question = Question { d, noise: noise.map(|noise| (noise.value)()), randomness };
                        let objective = way.build(&method.value, d)?;
                        Ok(check(&name, &*objective, method.value.expectation, &question, settings))
                    };
                    cases.push(Case { about, measure: Box::new(measure) });
                }
            }
        }
    }
    cases
}

/// All ways of a method, with these numbers of directions.
pub(super) fn ways(method: &Method, counts: &[usize]) -> Vec<Way> {
    let only =
        Way { words: String::new(), law: None, projection: Projection { law: Law::Rademacher, count: 1 }, variate: Variate::Off };
    match method.alternatives {
        Alternatives::None => vec![only],
        Alternatives::Variates => [(Variate::Off, ""), (Variate::On, " with its control variate")]
            .map(|(variate, words)| Way { variate, words: words.to_owned(), ..only.clone() })
            .to_vec(),
        Alternatives::Projections => {
            let all = Law::ALL.into_iter().flat_map(|law| counts.iter().map(move |count| Projection { law, count: *count }));
            let way = |projection: Projection| {
                let words = format!(", {} × {}", projection.law.word(), projection.count);
                Way { words, law: Some(projection.law), projection, ..only.clone() }
            };
            all.map(way).collect()
        }
    }
}

impl Way {
    /// The method in this way, for data of the problem in `d` dimensions.
    fn build(&self, method: &Method, d: usize) -> Result<Box<dyn Objective>> {
        (method.build)(&self.settings(Problem::new(d).mixture))
    }

    /// The settings of this way, where `exact` is the density of the data.
    pub(super) fn settings(&self, exact: Mixture) -> ObjectiveSettings {
        ObjectiveSettings { projection: self.projection, step: STEP, variate: self.variate, exact: Some(Arc::new(exact)) }
    }
}

/// Data N(m, Σ) and a score that is not theirs.
struct Problem {
    affine: Affine,
    mean: DVector<f64>,
    cov: DMatrix<f64>,
    mixture: Mixture,
}

impl Problem {
    fn new(d: usize) -> Self {
        let (a, b, mean, cov): (&[f64], &[f64], &[f64], &[f64]) = match d {
            2 => (&[-0.8, 0.5, -0.3, -0.4], &[0.7, -0.2], &[1.0, -2.0], &[2.0, 0.6, 0.6, 1.0]),
            _ => (
                &[-0.7, 0.3, 0.1, -0.4, -0.6, 0.2, 0.3, -0.1, -0.5],
                &[0.4, -0.7, 0.2],
                &[1.0, -2.0, 0.5],
                &[1.5, 0.4, -0.3, 0.4, 1.0, 0.2, -0.3, 0.2, 0.6],
            ),
        };
        let cov = DMatrix::from_row_slice(b.len(), b.len(), cov);
        let rows = cov.row_iter().map(|row| row.iter().copied().collect()).collect();
        let component = Component { weight: 1.0, mean: mean.to_vec(), cov: rows };
        Self {
            affine: LinearScore::rounded(&Affine {
                a: DMatrix::from_row_slice(b.len(), b.len(), a),
                b: DVector::from_row_slice(b),
            }),
            mean: DVector::from_row_slice(mean),
            cov,
            mixture: Mixture::new(vec![component]).expect("a covariance that is positive definite"),
        }
    }

    /// Σ + σ²I.
    fn smoothed(&self, sigma: f64) -> DMatrix<f64> {
        &self.cov + DMatrix::identity(self.mean.len(), self.mean.len()) * (sigma * sigma)
    }

    /// The mean over the two halves of a batch, of the loss at points of the moments that `points` says.
    fn expected(&self, expectation: Expectation, question: &Question, points: impl Fn(usize, f64) -> Moments) -> Value {
        let halves = LEVELS.iter().enumerate().map(|(half, (sigma, weight))| {
            let sigma = question.sigma(*sigma);
            let information = question.noise.as_ref().map_or(0.0, |noise| noise.information());
            let target = if sigma > 0.0 { question.d as f64 * information / (sigma * sigma) } else { 0.0 };
            let truth = Truth { score: Affine::normal(&self.mean, &self.smoothed(sigma)), target };
            let value = expectation.of(&self.affine, &points(half, sigma), &truth);
            (value, f64::from(*weight) / LEVELS.len() as f64)
        });
        let zero = Value { loss: 0.0, gradient: vec![0.0; question.d * (question.d + 1)] };
        halves.fold(zero, |sum, (value, share)| Value {
            loss: sum.loss + share * value.loss,
            gradient: sum.gradient.iter().zip(&value.gradient).map(|(a, b)| a + share * b).collect(),
        })
    }
}

impl Question {
    fn sigma(&self, level: f32) -> f64 {
        if self.noise.is_some() { f64::from(level) } else { 0.0 }
    }
}

/// The loss and the gradient of one batch, and what they should be for its very points.
struct Measured {
    found: Value,
    of_points: Value,
}

/// Two checks: the mean loss, and of the gradient the entry that is farthest off.
pub(super) fn check(
    name: &str,
    objective: &dyn Objective,
    expectation: Expectation,
    question: &Question,
    settings: &Settings,
) -> Vec<Check> {
    let problem = Problem::new(question.d);
    let one = |batch| measure(objective, expectation, &problem, question, settings, batch);
    let batches: Vec<Measured> = (0..BATCHES).into_par_iter().map(one).collect();
    let over = |f: &dyn Fn(&Measured) -> f64| Estimate::mean(&batches.iter().map(f).collect::<Vec<_>>());
    let entries = question.d * (question.d + 1);
    let (loss_name, gradient_name) = (format!("{name}: loss"), format!("{name}: gradient"));
    let loss = over(&|m| m.found.loss);
    if question.randomness == Randomness::Points {
        let expected = over(&|m| m.of_points.loss).mean;
        let gradient = |entry: usize| (over(&|m| m.of_points.gradient[entry]).mean, over(&|m| m.found.gradient[entry]).mean);
        let pairs: Vec<(f64, f64)> = (0..entries).map(gradient).collect();
        let largest = pairs.iter().fold(0.0f64, |largest, (expected, _)| largest.max(expected.abs()));
        return vec![
            Check::exact(loss_name, expected, loss.mean, EXACT * expected.abs()),
            Check::worst(
                pairs.into_iter().map(|(expected, found)| Check::exact(&gradient_name, expected, found, EXACT * largest)),
            ),
        ];
    }
    let expected = problem.expected(expectation, question, |_, sigma| Moments::of_law(&problem.mean, &problem.smoothed(sigma)));
    let gradient = (0..entries)
        .map(|entry| Check::statistical(&gradient_name, expected.gradient[entry], over(&|m| m.found.gradient[entry]), 0.5));
    vec![Check::statistical(loss_name, expected.loss, loss, 0.5 * problem.affine.a.trace().abs()), Check::worst(gradient)]
}

fn measure(
    objective: &dyn Objective,
    expectation: Expectation,
    problem: &Problem,
    question: &Question,
    settings: &Settings,
    batch: usize,
) -> Measured {
    let (d, device) = (question.d, settings.device.clone().autodiff());
    let half = settings.points.div_ceil(BATCHES * LEVELS.len());
    let n = half * LEVELS.len();
    let clean = problem.mixture.sample(Key::new(settings.seed, Purpose::Data), (batch * n) as u64, n, 0.0);
    let of_points =
        problem.expected(expectation, question, |k, _| Moments::of_points(&clean[k * half * d..(k + 1) * half * d], d));
    let each = |f: &dyn Fn((f32, f32)) -> f32| vector(LEVELS.iter().flat_map(|level| vec![f(*level); half]).collect(), &device);
    let key = Key::new(settings.seed, Purpose::Noise).at(batch as u32);
    let batch = Batch {
        clean: matrix(clean, n, d, &device),
        sigma: each(&|(sigma, _)| question.sigma(sigma) as f32),
        weight: each(&|(_, weight)| weight),
        regime: if question.noise.is_some() { Regime::Noisy } else { Regime::Clean },
        noise: question.noise.clone().unwrap_or_else(|| Arc::new(Gaussian)),
    };
    let score = LinearScore::new(&problem.affine, &device);
    let losses = objective.loss(&score, &batch, key);
    let loss = numbers(losses.clone().inner()).into_iter().map(f64::from).sum::<f64>() / n as f64;
    let gradient = score.gradient(losses).into_iter().map(|g| g / n as f64).collect();
    Measured { found: Value { loss, gradient }, of_points }
}
