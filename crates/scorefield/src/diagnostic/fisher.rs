//! The score-matching loss of a score on points it was not trained on, by any of the objectives.
//!
//! - `explicit`: E_{p_σ} ½‖s − s*‖², half the Fisher divergence, where the exact score s* of p_σ is known.
//! - `denoising`: E ½‖s(x̃, σ) − ψ(n)/σ‖², which any data allow at σ > 0; it has a floor above 0 that depends on the data.
//! - `implicit`, `implicit-hutchinson`, `sliced`, `sliced-vr`, `finite-difference`: E[tr J + ½‖s‖²] or an estimate of it, at any σ, 0 included;
//!   it is the explicit loss less ½E‖s*‖², hence negative where the score is good.
//!
//! Losses of one kind compare scores on the same points; those of different kinds differ by constants that do not depend on the score.
//! Where s* is known there is also the relative Fisher divergence E‖s − s*‖²/E‖s*‖²: 0 for the exact score, 1 for the score 0.

use crate::data::{Source, all};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::levels::Regime;
use crate::noise::Noise;
use crate::objective::{Batch, Needs, OBJECTIVES, ObjectiveSettings, Projection, Variate};
use crate::registry::lookup;
use crate::score::{Score, ScoreJvp};
use crate::tensor::{matrix, numbers, repeated};
use std::sync::Arc;

/// A score-matching loss on held-out points.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Fisher {
    /// The noise level.
    pub sigma: f64,
    /// Points it is the mean of.
    pub n: usize,
    /// The loss.
    pub loss: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// E‖s − s*‖²/E‖s*‖² where the exact score is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relative_fisher_divergence: Option<f64>,
}

/// What is measured, and how.
#[derive(Clone)]
pub struct Question {
    /// The objective's name.
    pub estimator: String,
    /// The noise level; 0 where the estimator needs no noise.
    pub sigma: f64,
    /// The kind of noise.
    pub noise: Arc<dyn Noise>,
    /// The exact score of the noisy points, where it is known.
    pub exact: Option<Arc<dyn Score>>,
    /// Directions of the sliced estimators.
    pub projection: Projection,
    /// h of `finite-difference`, in units of the data.
    pub step: f64,
    /// Points, at most.
    pub n: usize,
    /// Seed of everything random.
    pub seed: u64,
}

/// Rows that are evaluated together.
const CHUNK: usize = 2048;

/// Measures `score` on points of `source`.
///
/// # Errors
/// An unknown estimator, `explicit` without an exact score, no points, points of another dimension, σ not positive where noise is needed.
pub fn fisher(score: &dyn ScoreJvp, source: &dyn Source, question: &Question) -> Result<Fisher> {
    let d = score.dim();
    if source.event().len() != d {
        return Err(Error::setting("DATA", format!("points of dimension {d}"), format!("dimension {}", source.event().len())));
    }
    let clean = all(source, question.n, Key::new(question.seed, Purpose::Metric))?;
    let Measured { losses, divergence, size } = measure(score, &clean, question)?;
    let n = losses.len();
    let loss = losses.iter().sum::<f64>() / n as f64;
    let variance = losses.iter().map(|l| (l - loss).powi(2)).sum::<f64>() / (n.max(2) - 1) as f64;
    Ok(Fisher {
        sigma: question.sigma,
        n,
        loss,
        standard_error: (variance / n as f64).sqrt(),
        relative_fisher_divergence: question.exact.as_ref().map(|_| divergence / size),
    })
}

/// The loss of each of rows `points` `[n, d]`, in the score's own units.
///
/// # Errors
/// As [`fisher`].
pub fn losses(score: &dyn ScoreJvp, points: &[f32], question: &Question) -> Result<Vec<f64>> {
    Ok(measure(score, points, question)?.losses)
}

/// The losses of some points, and what the exact score says of them where it is known.
struct Measured {
    losses: Vec<f64>,
    /// Σ‖s − s*‖² and Σ‖s*‖².
    divergence: f64,
    size: f64,
}

fn measure(score: &dyn ScoreJvp, clean: &[f32], question: &Question) -> Result<Measured> {
    let Question { estimator, sigma, noise, exact, projection, step, seed, .. } = question;
    let d = score.dim();
    let method = &lookup(OBJECTIVES, "--estimator", estimator)?.value;
    let settings = ObjectiveSettings { projection: *projection, step: *step, variate: Variate::Off, exact: exact.clone() };
    let objective = (method.build)(&settings)?;
    if !(sigma.is_finite() && (*sigma > 0.0 || (*sigma == 0.0 && method.needs != Needs::Noise))) {
        return Err(Error::setting("--sigma", "a positive number", sigma));
    }
    let key = Key::new(*seed, Purpose::Metric);
    let n = clean.len() / d;
    if n == 0 {
        return Err(Error::setting("DATA", "at least one held-out point", "none"));
    }
    let device = score.device();
    let regime = if *sigma > 0.0 { Regime::Noisy } else { Regime::Clean };
    let mut found = Measured { losses: Vec::with_capacity(n), divergence: 0.0, size: 0.0 };
    for (i, rows) in clean.chunks(CHUNK * d).enumerate() {
        let k = rows.len() / d;
        let sigma = repeated(*sigma as f32, k, &device);
        let clean = matrix(rows.to_vec(), k, d, &device);
        let batch = Batch { clean, sigma, weight: repeated(1.0, k, &device), regime, noise: noise.clone() };
        let chunk_key = key.at(1 + i as u32);
        found.losses.extend(numbers(objective.loss(score, &batch, chunk_key)).into_iter().map(f64::from));
        if let Some(exact) = exact {
            let points = batch.points(chunk_key);
            let truth = numbers(exact.score(points.clone(), &batch.sigma));
            let learned = numbers(score.score(points, &batch.sigma));
            for (s, t) in learned.iter().zip(&truth) {
                found.divergence += (f64::from(*s) - f64::from(*t)).powi(2);
                found.size += f64::from(*t).powi(2);
            }
        }
    }
    Ok(found)
}

impl Question {
    /// The question with everything but the estimator and the level at its usual value: Gaussian noise, no exact score, one Rademacher
    /// direction, 10,000 points, seed 0.
    pub fn new(estimator: &str, sigma: f64) -> Self {
        Self {
            estimator: estimator.to_owned(),
            sigma,
            noise: Arc::new(crate::noise::Gaussian),
            exact: None,
            projection: Projection { law: crate::objective::Law::Rademacher, count: 1 },
            step: 0.03,
            n: 10_000,
            seed: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::{self, Mixture};

    fn explicit(score: &Mixture, exact: &Mixture, sigma: f64) -> Fisher {
        let exact_score: Arc<dyn Score> = Arc::new(exact.clone());
        fisher(score, exact, &Question { exact: Some(exact_score), n: 500, ..Question::new("explicit", sigma) }).unwrap()
    }

    #[test]
    fn the_exact_score_has_no_divergence_and_zero_has_all_of_it() {
        let p = density::mixture("mixture").unwrap();
        let f = explicit(&p, &p, 0.7);
        assert_eq!((f.loss, f.relative_fisher_divergence), (0.0, Some(0.0)));
        // A wider Gaussian's score on a standard normal's points: s = −x/4 against −x, so (3/4)² of the size is missing.
        let wide = Mixture::new(vec![density::Component::isotropic(1.0, vec![0.0, 0.0], 2.0)]).unwrap();
        let f = explicit(&wide, &density::mixture("standard-normal").unwrap(), 0.0);
        assert!((f.relative_fisher_divergence.unwrap() - 0.5625).abs() < 1e-5);
    }

    #[test]
    fn every_estimator_of_the_implicit_loss_finds_minus_half_the_size_of_the_true_score() {
        // E[tr J + ½‖s*‖²] = −½E‖s*‖², for N(m, Σ) −½ tr Σ⁻¹.
        let p = density::mixture("gaussian").unwrap();
        let expected = -0.5 * 3.0 / (2.0 - 0.36);
        for estimator in ["implicit", "implicit-hutchinson", "sliced", "sliced-vr", "finite-difference"] {
            let f = fisher(&p, &p, &Question { n: 40_000, ..Question::new(estimator, 0.0) }).unwrap();
            let far = (f.loss - expected).abs();
            assert!(far < 4.0 * f.standard_error + 2e-3, "{estimator}: {} ± {} against {expected}", f.loss, f.standard_error);
        }
    }

    #[test]
    fn what_cannot_be_estimated_is_refused() {
        let p = density::mixture("mixture").unwrap();
        let asked = |name: &str, sigma| fisher(&p, &p, &Question { n: 10, ..Question::new(name, sigma) });
        assert!(asked("explicit", 0.7).is_err() && asked("denoising", 0.0).is_err() && asked("implicit", 0.0).is_ok());
        assert_eq!(asked("denosing", 0.5).unwrap_err().hint(), Some("did you mean denoising?"));
    }
}
