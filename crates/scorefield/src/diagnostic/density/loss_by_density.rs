//! The held-out loss against the density of the place, where the truth is not known.
//!
//! How near a held-out point is to the points of training stands for the density there (the distance to the 5th neighbour), and a loss of
//! score matching for the error: it has a floor that depends on the place, which the same loss on points of training, equally far from
//! their neighbours, has too. The gap between the two needs no truth: where it opens, the score has learned its points by heart.

use crate::density;
use crate::diagnostic::{Diagnostic, Question, losses};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::metric::Neighbours;
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;
use crate::score::ScoreJvp;
use serde::Serialize;

/// The neighbour whose distance stands for the density.
const NEIGHBOUR: usize = 5;
/// Points of training that are looked at, in held-out points.
const OF_TRAINING: usize = 2;

/// Points about equally far from the points of training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LossBin {
    /// The share of the held-out points that are farther away, at the bin's ends.
    pub quantiles: [f64; 2],
    /// Their mean distance to the 5th neighbour among the points of training, data units.
    pub distance: f64,
    /// Held-out points.
    pub n: usize,
    /// Their mean loss.
    pub loss: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Points of training that are as far from their neighbours.
    pub n_training: usize,
    /// Held-out loss less the loss of these.
    pub gap: f64,
    /// Its standard error.
    pub gap_standard_error: f64,
}

/// The loss at one noise level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LossByDensity {
    /// The noise level.
    pub sigma: f64,
    /// The estimator's name.
    pub estimator: String,
    /// What the loss of s = 0 is, on average and everywhere: a score whose loss is no less has nothing to say there.
    pub of_zero: Option<f64>,
    /// From the least dense on.
    pub bins: Vec<LossBin>,
}

/// Measures as `question` says in `bins` bins; `training` `[n, d]` and `held_out` `[m, d]` in the score's own units.
///
/// # Errors
/// Fewer than ten held-out points a bin, fewer points of training than neighbours, and as [`losses`].
pub fn loss_by_density(
    score: &dyn ScoreJvp,
    training: &[f32],
    held_out: &[f32],
    question: &Question,
    bins: usize,
) -> Result<LossByDensity> {
    let d = score.dim();
    let (n, m) = (training.len() / d, held_out.len() / d);
    if bins == 0 || m < 10 * bins {
        return Err(Error::setting("held-out points", format!("at least 10 for each of {bins} bins, one or more"), m));
    }
    if n <= NEIGHBOUR {
        return Err(Error::setting("points of training", format!("more than {NEIGHBOUR}"), n));
    }
    let last =
        |near: &Neighbours, rows: usize| (0..rows).map(|i| near.of(i).last().map_or(f64::NAN, |(_, r)| r)).collect::<Vec<_>>();
    let far = last(&Neighbours::among(held_out, training, d, NEIGHBOUR), m);
    let some = &training[..training.len().min(OF_TRAINING * m * d)];
    // Of a point of training the first neighbour is itself.
    let own = last(&Neighbours::among(some, training, d, NEIGHBOUR + 1), some.len() / d);
    let (seen, unseen) = (losses(score, some, question)?, losses(score, held_out, question)?);
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|a, b| far[*b].total_cmp(&far[*a]).then(a.cmp(b)));
    let cut = |b: usize| m * b / bins;
    let bin = |b: usize| {
        let rows = &order[cut(b)..cut(b + 1)];
        let low = if b + 1 == bins { 0.0 } else { far[order[cut(b + 1)]] };
        let high = if b == 0 { f64::INFINITY } else { far[rows[0]] };
        let alike: Vec<f64> = own.iter().zip(&seen).filter(|(r, _)| **r > low && **r <= high).map(|(_, l)| *l).collect();
        let held = Estimate::mean(&rows.iter().map(|i| unseen[*i]).collect::<Vec<_>>());
        let trained = Estimate::mean(&alike);
        LossBin {
            quantiles: [cut(b) as f64 / m as f64, cut(b + 1) as f64 / m as f64],
            distance: rows.iter().map(|i| far[*i]).sum::<f64>() / rows.len() as f64,
            n: rows.len(),
            loss: held.mean,
            standard_error: held.standard_error,
            n_training: alike.len(),
            gap: held.mean - trained.mean,
            gap_standard_error: held.standard_error.hypot(trained.standard_error),
        }
    };
    let of_zero = match question.estimator.as_str() {
        "denoising" => Some(0.5 * d as f64 * question.noise.information() / question.sigma.powi(2)),
        "implicit" => Some(0.0),
        _ => None,
    };
    let estimator = question.estimator.clone();
    Ok(LossByDensity { sigma: question.sigma, estimator, of_zero, bins: (0..bins).map(bin).collect() })
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "loss-by-density",
    aliases: &["density-proxy"],
    summary: "held-out loss of a score against the distance to the points of training, and its gap to their loss: no truth needed",
    formula: "mean loss over held-out points of like r₅, less that of points of training",
    source: "Hyvärinen 2005; Vincent 2011",
    value: Diagnostic { verb: "density", oracle },
};

/// Of the exact score of N(m, Σ) the implicit loss is −½ tr Σ⁻¹ on average, and points of training are not special.
fn oracle(seed: u64) -> Result<Vec<Check>> {
    let p = density::mixture("gaussian")?;
    let draws = |first, n| p.sample(Key::new(seed, Purpose::Data), first, n, 0.0);
    let (n, bins) = (4000, 4);
    let question = Question { seed, ..Question::new("implicit", 0.0) };
    let found = loss_by_density(&p, &draws(0, n), &draws(n as u64, n), &question, bins)?;
    let mean = found.bins.iter().map(|b| b.loss).sum::<f64>() / bins as f64;
    // The variance of a loss is that within the equally large bins and that between their means.
    let within = found.bins.iter().map(|b| b.standard_error.powi(2) * b.n as f64).sum::<f64>();
    let between = found.bins.iter().map(|b| (b.loss - mean).powi(2)).sum::<f64>();
    let standard_error = ((within + between) / bins as f64 / n as f64).sqrt();
    let measured = Estimate { mean, standard_error };
    let mut checks =
        vec![Check::statistical("loss-by-density: all bins of a Gaussian", -0.5 * 3.0 / (2.0 - 0.36), measured, 0.3)];
    for (i, b) in found.bins.iter().enumerate() {
        let measured = Estimate { mean: b.gap, standard_error: b.gap_standard_error };
        checks.push(Check::statistical(format!("loss-by-density: gap of an exact score, quarter {}", i + 1), 0.0, measured, 1.0));
    }
    Ok(checks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_points_are_refused() {
        let p = density::mixture("gaussian").unwrap();
        let x = p.sample(Key::new(0, Purpose::Data), 0, 30, 0.0);
        let ask = |held_out: &[f32], bins| loss_by_density(&p, &x, held_out, &Question::new("implicit", 0.0), bins);
        assert!(ask(&x, 4).is_err() && ask(&x, 0).is_err() && ask(&x, 3).is_ok());
    }
}
