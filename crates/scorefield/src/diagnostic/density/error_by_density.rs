//! The error of a score against the density of the place, where both are known.
//!
//! Points are put in order of log p_σ and cut into bins of equally many; in each the relative error is Σ‖s − s*‖²/Σ‖s*‖², 0 for the exact
//! score and 1 for the score 0.

use super::{interval, ratio};
use crate::density::{Component, Exact, Mixture};
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;
use crate::score::Score;
use serde::Serialize;

/// Points of like density.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// The share of the points whose density is less, at the bin's ends.
    pub quantiles: [f64; 2],
    /// Points.
    pub n: usize,
    /// Their mean log p_σ, nats.
    pub log_density: f64,
    /// √(mean ‖s − s*‖²), in units of the score.
    pub error: f64,
    /// Σ‖s − s*‖²/Σ‖s*‖².
    pub relative: f64,
    /// Its standard error, by the jackknife over ten groups.
    pub standard_error: f64,
    /// 95% interval.
    pub interval: [f64; 2],
}

/// The error at one noise level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ErrorByDensity {
    /// The noise level.
    pub sigma: f64,
    /// All points together.
    pub whole: Bin,
    /// From the least dense on.
    pub bins: Vec<Bin>,
}

/// The error of `learned` at rows `x` `[n, d]` under noise of σ, in `bins` bins.
///
/// # Errors
/// Fewer than twenty points a bin, a density of another dimension or one that is not known at σ, scores that are not finite.
pub fn error_by_density(learned: &dyn Score, exact: &dyn Exact, x: &[f64], sigma: f64, bins: usize) -> Result<ErrorByDensity> {
    let d = exact.dim();
    let n = x.len() / d;
    if learned.dim() != d {
        return Err(Error::setting("density", format!("one of {} dimensions", learned.dim()), d));
    }
    if bins == 0 || n < 20 * bins {
        return Err(Error::setting("points", format!("at least 20 for each of {bins} bins, one or more"), n));
    }
    if !exact.knows(sigma) {
        return Err(Error::setting("sigma", "a level at which the density is known", sigma));
    }
    let (mut log, mut truth, mut s) = (vec![0.0; n], vec![0.0; x.len()], vec![0.0; x.len()]);
    exact.log_prob_rows(x, sigma, &mut log, &mut truth);
    learned.score_rows(x, sigma, &mut s);
    let squares = |row: usize| {
        let range = row * d..(row + 1) * d;
        let error = s[range.clone()].iter().zip(&truth[range.clone()]).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        (error, truth[range].iter().map(|v| v * v).sum::<f64>())
    };
    if s.iter().chain(&truth).any(|v| !v.is_finite()) {
        return Err(Error::failed("the error of a score", format!("a score is not finite at σ = {sigma}")));
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| log[*a].total_cmp(&log[*b]).then(a.cmp(b)));
    let bin = |first: usize, last: usize| {
        let rows = &order[first..last];
        let mut own = rows.to_vec();
        // Groups of the jackknife are not to be in order of density.
        own.sort_unstable();
        let pairs: Vec<(f64, f64)> = own.iter().map(|i| squares(*i)).collect();
        let (relative, standard_error) = ratio(&pairs);
        let size = rows.len() as f64;
        Bin {
            quantiles: [first as f64 / n as f64, last as f64 / n as f64],
            n: rows.len(),
            log_density: rows.iter().map(|i| log[*i]).sum::<f64>() / size,
            error: (pairs.iter().map(|p| p.0).sum::<f64>() / size).sqrt(),
            relative,
            standard_error,
            interval: interval(relative, standard_error),
        }
    };
    let cut = |b: usize| n * b / bins;
    Ok(ErrorByDensity { sigma, whole: bin(0, n), bins: (0..bins).map(|b| bin(cut(b), cut(b + 1))).collect() })
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "error-by-density",
    aliases: &["low-density"],
    summary: "error of a learned score against the density of the place, where the truth is known",
    formula: "Σ‖s − s*‖²/Σ‖s*‖² over points of like p_σ",
    source: "Song & Ermon 2019, section 3.2.1",
    value: Diagnostic { verb: "density", oracle },
};

/// N(0, 4I) for N(0, I): (3/4)² everywhere; and N(0, I) moved by μ: ‖μ‖² over what E‖x‖² is in the bin.
fn oracle(seed: u64) -> Result<Vec<Check>> {
    let normal = |mean: f64, std| Mixture::new(vec![Component::isotropic(1.0, vec![mean, mean], std)]);
    let (p, wide, moved) = (normal(0.0, 1.0)?, normal(0.0, 2.0)?, normal(0.3, 1.0)?);
    let n = 4000;
    let x: Vec<f64> = p.sample(Key::new(seed, Purpose::Data), 0, n, 0.0).into_iter().map(f64::from).collect();
    let found = error_by_density(&wide, &p, &x, 0.0, 4)?;
    let mut checks: Vec<Check> = found
        .bins
        .iter()
        .enumerate()
        .map(|(i, b)| {
            Check::exact(format!("error-by-density: a score that is too flat, quarter {}", i + 1), 0.5625, b.relative, 1e-9)
        })
        .collect();
    // ‖x‖²/2 is exponential with mean 1: beyond its q-quantile −ln(1 − q) the mean is that and 1 more.
    let beyond = 2.0 * (4f64.ln() + 1.0);
    let lowest = error_by_density(&moved, &p, &x, 0.0, 4)?.bins[0];
    let measured = Estimate { mean: lowest.relative, standard_error: lowest.standard_error };
    checks.push(Check::statistical(
        "error-by-density: a score that is moved, in the lowest quarter",
        0.18 / beyond,
        measured,
        0.01,
    ));
    Ok(checks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;

    #[test]
    fn bad_questions_are_refused() {
        let p = density::mixture("standard-normal").unwrap();
        let ten = density::mixture("gaussian-10").unwrap();
        let x = vec![0.1; 200];
        assert!(error_by_density(&p, &p, &x, 0.0, 6).is_err() && error_by_density(&ten, &p, &x, 0.0, 1).is_err());
        assert_eq!(error_by_density(&p, &p, &x, 0.5, 5).unwrap().whole.relative, 0.0);
    }
}
