//! How long the score is on the data and a little beside them, as the noise goes to 0.
//!
//! At a distance δ from a surface on which the data lie, the score of p_σ is about δ/σ² long: as σ → 0 it has no limit, and on a logarithmic
//! picture its slope is −2. Beside data that fill the space it levels off. (Song & Ermon 2019, section 3.2.1: off the manifold the score is
//! undefined.)

use super::flipd::flat;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::oracle::{Check, Estimate, slope};
use crate::registry::Entry;
use crate::score::Score;
use serde::Serialize;

/// Lengths at one noise level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScoreNorm {
    /// σ, in the score's own units.
    pub sigma: f64,
    /// Points.
    pub n: usize,
    /// The mean of ‖s(x, σ)‖ over the points.
    pub on: f64,
    /// Its standard error.
    pub on_standard_error: f64,
    /// The mean of ‖s(x + δu, σ)‖, u of length 1 in a random direction.
    pub off: f64,
    /// Its standard error.
    pub off_standard_error: f64,
}

/// Lengths at rows `x` `[n, d]` and at distance `offset` (δ) beside them, for each noise level.
///
/// # Errors
/// Fewer than two points; an offset or a level that is not positive.
pub fn score_norms(score: &dyn Score, x: &[f64], offset: f64, sigmas: &[f64], key: Key) -> Result<Vec<ScoreNorm>> {
    let d = score.dim();
    let n = x.len() / d;
    if n < 2 {
        return Err(Error::setting("points", "at least 2", n));
    }
    if let Some(bad) = sigmas.iter().chain([&offset]).find(|v| !(v.is_finite() && **v > 0.0)) {
        return Err(Error::setting("offset and noise levels", "positive numbers", bad));
    }
    let directions = key.for_purpose(Purpose::Metric).normal(0, n, d);
    let mut beside = x.to_vec();
    for (x, u) in beside.chunks_exact_mut(d).zip(directions.chunks_exact(d)) {
        let length = u.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        x.iter_mut().zip(u).for_each(|(x, u)| *x += offset * f64::from(*u) / length);
    }
    let norms = |x: &[f64], sigma: f64| {
        let mut s = vec![0.0; x.len()];
        score.score_rows(x, sigma, &mut s);
        Estimate::mean(&s.chunks_exact(d).map(|s| s.iter().map(|v| v * v).sum::<f64>().sqrt()).collect::<Vec<_>>())
    };
    let at = |sigma: &f64| {
        let (on, off) = (norms(x, *sigma), norms(&beside, *sigma));
        ScoreNorm {
            sigma: *sigma,
            n,
            on: on.mean,
            on_standard_error: on.standard_error,
            off: off.mean,
            off_standard_error: off.standard_error,
        }
    };
    Ok(sigmas.iter().map(at).collect())
}

/// d ln ‖s‖/d ln σ beside the data over the lower half of the levels: −2 beside a surface, 0 where the score has a limit.
pub fn growth(norms: &[ScoreNorm]) -> f64 {
    let mut low: Vec<(f64, f64)> = norms.iter().map(|n| (n.sigma.ln(), n.off.ln())).filter(|p| p.1.is_finite()).collect();
    low.sort_by(|a, b| a.0.total_cmp(&b.0));
    low.truncate(low.len().div_ceil(2).max(2));
    let x: Vec<f64> = low.iter().map(|p| p.0).collect();
    let y: Vec<Estimate> = low.iter().map(|p| Estimate { mean: p.1, standard_error: 0.0 }).collect();
    slope(&x, &y).mean
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "score-norm",
    aliases: &[],
    summary: "length of the score on the data and beside them as the noise goes to 0",
    formula: "‖s(x + δu, σ)‖ ≈ δ/σ² beside a surface",
    source: "Song & Ermon 2019, section 3.2.1",
    value: Diagnostic { verb: "manifold", oracle },
};

/// Beside a flat Gaussian the slope is −2, beside a round one 0.
fn oracle(seed: u64) -> Result<Vec<Check>> {
    let sigmas = [0.3, 0.1, 0.03, 0.01, 0.003];
    let slope = |p: &crate::density::Mixture| -> Result<f64> {
        let x: Vec<f64> = p.sample(Key::new(seed, Purpose::Data), 0, 400, 0.0).into_iter().map(f64::from).collect();
        Ok(growth(&score_norms(p, &x, 0.5, &sigmas, Key::new(seed, Purpose::Metric))?))
    };
    let round = crate::density::mixture("standard-normal")?;
    Ok(vec![
        Check::exact("score-norm: slope beside a flat Gaussian", -2.0, slope(&flat()?)?, 0.02),
        Check::exact("score-norm: slope beside a Gaussian that fills the plane", 0.0, slope(&round)?, 0.02),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_questions_are_refused() {
        let p = crate::density::mixture("standard-normal").unwrap();
        assert!(score_norms(&p, &[0.0; 4], 0.0, &[0.1], Key::new(0, Purpose::Metric)).is_err());
        assert!(score_norms(&p, &[0.0; 2], 0.1, &[0.1], Key::new(0, Purpose::Metric)).is_err());
    }
}
