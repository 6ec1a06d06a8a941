//! The dimension from the directions in which scores about a point lie (Stanczuk, Batzolis, Deveney & Schönlieb 2022).
//!
//! Close to a surface the score of p_σ points back to it, with length ∝ 1/σ² of the distance: as σ → 0 scores at x + σz fill the normal
//! space, of d − k dimensions, and hardly anything else. The singular values of m such scores, less their mean and divided by √m, fall at
//! number d − k from about 1/σ to what the density along the surface asks; the place of the largest drop is the estimate. The mean is taken
//! off because a point that is a little beside the surface, or a network that takes it for one, adds the same long vector to all of them.

use super::flipd::flat;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::oracle::Check;
use crate::registry::Entry;
use crate::score::Score;
use nalgebra::DMatrix;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// What the scores about some points span.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NormalSpace {
    /// σ, in the score's own units.
    pub sigma: f64,
    /// Points that were looked about.
    pub n: usize,
    /// Scores about each.
    pub scores: usize,
    /// The mean of k over the points.
    pub dimension: f64,
    /// Its standard error over points.
    pub standard_error: f64,
    /// 95% interval.
    pub interval: [f64; 2],
    /// k of each point.
    pub of_points: Vec<usize>,
    /// Mean over the points of each singular value, the largest first, `[d]`.
    pub singular_values: Vec<f64>,
    /// Mean over the points of how many times smaller a singular value is after the drop than before: near 1 there is no drop to speak of.
    pub drop: f64,
}

/// Looks about rows `x` `[n, d]` with `scores` scores each, more than d.
///
/// # Errors
/// Fewer than two points, fewer scores than dimensions, fewer than two dimensions, σ that is not positive, a score that is not finite.
pub fn normal_space(score: &dyn Score, x: &[f64], sigma: f64, scores: usize, key: Key) -> Result<NormalSpace> {
    let d = score.dim();
    let n = x.len() / d;
    if n < 2 || d < 2 {
        return Err(Error::setting("points", "at least 2, of at least 2 dimensions", format!("{n} of {d}")));
    }
    if scores <= d {
        return Err(Error::setting("scores about a point", format!("more than {d}"), scores));
    }
    if !(sigma.is_finite() && sigma > 0.0) {
        return Err(Error::setting("sigma", "a positive number", sigma));
    }
    let key = key.for_purpose(Purpose::Metric);
    let (mut of_points, mut mean, mut drops) = (Vec::new(), vec![0.0; d], 0.0);
    for (i, centre) in x.chunks_exact(d).enumerate() {
        let z = key.normal((i * scores) as u64, scores, d);
        let near: Vec<f64> = z.iter().zip(centre.iter().cycle()).map(|(z, x)| x + sigma * f64::from(*z)).collect();
        let mut s = vec![0.0; scores * d];
        score.score_rows(&near, sigma, &mut s);
        if s.iter().any(|v| !v.is_finite()) {
            return Err(Error::failed("scores about a point", format!("not finite about point {i} at σ = {sigma}")));
        }
        // S Sᵀ/m: its eigenvalues are the squares of the singular values.
        let mut s = DMatrix::from_vec(d, scores, s);
        let middle = s.column_mean();
        s.column_iter_mut().for_each(|mut column| column -= &middle);
        let mut values: Vec<f64> =
            (&s * s.transpose() / scores as f64).symmetric_eigenvalues().iter().map(|v| v.max(0.0).sqrt()).collect();
        values.sort_by(|a, b| b.total_cmp(a));
        let normal = largest_drop(&values);
        of_points.push(d - normal);
        drops += values[normal - 1] / values[normal].max(f64::MIN_POSITIVE) / n as f64;
        mean.iter_mut().zip(&values).for_each(|(m, v)| *m += v / n as f64);
    }
    let dimension = of_points.iter().sum::<usize>() as f64 / n as f64;
    let variance = of_points.iter().map(|k| (*k as f64 - dimension).powi(2)).sum::<f64>() / (n - 1) as f64;
    let standard_error = (variance / n as f64).sqrt();
    let reach = StudentsT::new(0.0, 1.0, (n - 1) as f64).map_or(f64::INFINITY, |t| t.inverse_cdf(0.975)) * standard_error;
    let interval = [dimension - reach, dimension + reach];
    Ok(NormalSpace { sigma, n, scores, dimension, standard_error, interval, of_points, singular_values: mean, drop: drops })
}

/// How many values come before the largest difference of neighbours.
fn largest_drop(values: &[f64]) -> usize {
    let drops = values.windows(2).map(|w| w[0] - w[1]).enumerate();
    1 + drops.fold((0, f64::NEG_INFINITY), |best, (i, drop)| if drop > best.1 { (i, drop) } else { best }).0
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "normal-space",
    aliases: &["score-rank"],
    summary: "dimension at a point from the rank of the scores about it, which lie across the surface",
    formula: "k = d − #{large singular values of s(x + σz, σ)}",
    source: "Stanczuk, Batzolis, Deveney & Schönlieb 2022",
    value: Diagnostic { verb: "manifold", oracle },
};

/// Of N(m, Λ) the scores at x + σz, x on the surface, have second moment Σ: known eigenvalues.
fn oracle(seed: u64) -> Result<Vec<Check>> {
    let p = flat()?;
    let x: Vec<f64> = p.sample(Key::new(seed, Purpose::Data), 0, 6, 0.0).into_iter().map(f64::from).collect();
    let (sigma, m) = (0.05, 4000);
    let found = normal_space(&p, &x, sigma, m, Key::new(seed, Purpose::Metric))?;
    // Across: s = −(x − m)/(10⁻⁸ + σ²), of size 1/σ to rounding; the singular values of five such directions lie about it by √(5/m).
    let across = found.singular_values[..5].iter().sum::<f64>() / 5.0;
    Ok(vec![
        Check::exact("normal-space: three flat dimensions of eight", 3.0, found.dimension, 0.0),
        Check::exact("normal-space: singular values across the surface, times σ", 1.0, across * sigma, 0.02),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;

    #[test]
    fn where_no_direction_is_special_the_drop_is_small_and_bad_questions_are_refused() {
        let p = density::mixture("standard-normal").unwrap();
        let ask = |x: &[f64], sigma, scores| normal_space(&p, x, sigma, scores, Key::new(0, Purpose::Metric));
        assert!(ask(&[0.0, 0.0, 0.01, 0.0], 0.1, 500).unwrap().drop < 1.3);
        assert!(ask(&[0.0, 0.0], 0.1, 500).is_err() && ask(&[0.0; 4], 0.1, 2).is_err() && ask(&[0.0; 4], 0.0, 500).is_err());
        assert_eq!(largest_drop(&[9.0, 8.5, 2.0, 1.9]), 2);
    }
}
