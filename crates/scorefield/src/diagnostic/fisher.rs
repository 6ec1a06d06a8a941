//! The score-matching loss of a score on points it was not trained on.
//!
//! - `denoising`: E ½‖s(x̃, σ) + n/σ‖², which any data allow; it has a floor above 0 that depends on the data.
//! - `explicit`: E_{p_σ} ½‖s − s*‖², half the Fisher divergence, where the exact score s* of p_σ is known. Then also the relative Fisher
//!   divergence E‖s − s*‖²/E‖s*‖²: 0 for the exact score, 1 for the score 0.

use crate::data::{Source, all};
use crate::density::Mixture;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::objective::{Batch, Denoising, Objective};
use crate::registry::nearest;
use crate::score::Score;
use crate::tensor::{matrix, numbers, repeated};

/// The estimators there are so far.
pub const ESTIMATORS: &[&str] = &["denoising", "explicit"];

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

/// Rows that are evaluated together.
const CHUNK: usize = 2048;

/// Measures `score` at noise level `sigma` on up to `n` points of `source`; `exact` is the density the points are from, if it is known.
///
/// # Errors
/// An unknown estimator, `explicit` without an exact score, no points, points of another dimension, σ not positive where noise is needed.
pub fn fisher(
    score: &dyn Score,
    exact: Option<&Mixture>,
    source: &dyn Source,
    estimator: &str,
    sigma: f64,
    n: usize,
    seed: u64,
) -> Result<Fisher> {
    let d = score.dim();
    if source.event().len() != d {
        return Err(Error::setting("DATA", format!("points of dimension {d}"), format!("dimension {}", source.event().len())));
    }
    let wants_exact = match estimator {
        "denoising" => false,
        "explicit" => true,
        other => {
            let e = Error::setting("--estimator", format!("one of {}", ESTIMATORS.join(", ")), format!("{other:?}"));
            return Err(match nearest(other, ESTIMATORS.iter().copied()) {
                Some(near) => e.with_hint(format!("did you mean {near}?")),
                None => e,
            });
        }
    };
    if wants_exact && exact.is_none() {
        return Err(Error::setting("--estimator explicit", "data with a known score (density:…)", "data without"));
    }
    if !(sigma.is_finite() && (sigma > 0.0 || (sigma == 0.0 && wants_exact))) {
        return Err(Error::setting("--sigma", "a positive number", sigma));
    }
    let key = Key::new(seed, Purpose::Metric);
    let clean = all(source, n, key)?;
    let n = clean.len() / d;
    if n == 0 {
        return Err(Error::setting("DATA", "at least one held-out point", "none"));
    }
    let device = score.device();
    let (mut losses, mut divergence, mut size) = (Vec::with_capacity(n), 0.0f64, 0.0f64);
    for (i, rows) in clean.chunks(CHUNK * d).enumerate() {
        let k = rows.len() / d;
        let levels = repeated(sigma as f32, k, &device);
        let x = matrix(rows.to_vec(), k, d, &device);
        let chunk_key = key.at(1 + i as u32);
        if !wants_exact {
            let batch = Batch { clean: x.clone(), sigma: levels.clone(), weight: repeated(1.0, k, &device) };
            losses.extend(numbers(Denoising.loss(score, &batch, chunk_key)).into_iter().map(f64::from));
        }
        if let Some(p) = exact {
            let noise = matrix(chunk_key.for_purpose(Purpose::Noise).normal(0, k, d), k, d, &device);
            let noisy = x + noise * sigma as f32;
            let truth = numbers(p.score(noisy.clone(), &levels));
            let learned = numbers(score.score(noisy, &levels));
            for (s, t) in learned.chunks(d).zip(truth.chunks(d)) {
                let gap: f64 = s.iter().zip(t).map(|(s, t)| (f64::from(*s) - f64::from(*t)).powi(2)).sum();
                divergence += gap;
                size += t.iter().map(|t| f64::from(*t).powi(2)).sum::<f64>();
                if wants_exact {
                    losses.push(gap / 2.0);
                }
            }
        }
    }
    let loss = losses.iter().sum::<f64>() / n as f64;
    let variance = losses.iter().map(|l| (l - loss).powi(2)).sum::<f64>() / (n.max(2) - 1) as f64;
    Ok(Fisher {
        sigma,
        n,
        loss,
        standard_error: (variance / n as f64).sqrt(),
        relative_fisher_divergence: exact.map(|_| divergence / size),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;

    #[test]
    fn the_exact_score_has_no_divergence_and_zero_has_all_of_it() {
        let p = density::open("mixture").unwrap();
        let f = fisher(&p, Some(&p), &p, "explicit", 0.7, 500, 1).unwrap();
        assert_eq!((f.loss, f.relative_fisher_divergence), (0.0, Some(0.0)));
        // A wider Gaussian's score on a standard normal's points: s = −x/4 against −x, so (3/4)² of the size is missing.
        let wide = Mixture::new(vec![density::Component::isotropic(1.0, vec![0.0, 0.0], 2.0)]).unwrap();
        let normal = density::open("standard-normal").unwrap();
        let f = fisher(&wide, Some(&normal), &normal, "explicit", 0.0, 500, 1).unwrap();
        assert!((f.relative_fisher_divergence.unwrap() - 0.5625).abs() < 1e-5);
    }

    #[test]
    fn what_cannot_be_estimated_is_refused() {
        let p = density::open("mixture").unwrap();
        assert!(fisher(&p, None, &p, "explicit", 0.7, 10, 1).is_err());
        assert!(fisher(&p, None, &p, "denoising", 0.0, 10, 1).is_err());
        assert_eq!(fisher(&p, None, &p, "denosing", 0.5, 10, 1).unwrap_err().hint(), Some("did you mean denoising?"));
    }
}
