//! FLIPD: the dimension at a point from the score and its divergence there (Kamkari et al. 2024).
//!
//! Where data fill k of d dimensions, noise of σ turns their density at a point of the surface into one that falls as log p_σ(x) ≈
//! (k − d)·ln σ + constant while σ is small beside the surface's curvature (LIDL, Tempczyk et al. 2022). By the heat equation
//! ∂p_σ/∂(σ²/2) = Δp_σ the slope needs no second level:
//!
//! k(x) = d + ∂ log p_σ(x)/∂ ln σ = d + σ²·(tr J + ‖s‖²), J = ∂s/∂x.
//!
//! The estimate depends on σ: below the noise that the data have themselves it is d, above the size of the surface it is 0 and less.

use crate::density::{Component, Mixture};
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::likelihood::Divergence;
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;
use crate::score::ScoreJvp;
use serde::Serialize;

/// The dimension at one noise level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flipd {
    /// σ, in the score's own units.
    pub sigma: f64,
    /// Points.
    pub n: usize,
    /// The mean of k(x) over the points.
    pub dimension: f64,
    /// Its standard error over points (and directions, where the divergence is estimated).
    pub standard_error: f64,
    /// The middle value.
    pub median: f64,
    /// k(x) of each point.
    #[serde(skip)]
    pub of_points: Vec<f64>,
}

/// Rows whose scores are taken together.
const CHUNK: usize = 256;

/// k(x) at rows `x` `[n, d]` and noise level σ, in the score's own units.
///
/// # Errors
/// Fewer than two points; σ that is not positive.
pub fn flipd(score: &dyn ScoreJvp, x: &[f64], sigma: f64, divergence: Divergence, key: Key) -> Result<Flipd> {
    let d = score.dim();
    let n = x.len() / d;
    if n < 2 {
        return Err(Error::setting("points", "at least 2", n));
    }
    if !(sigma.is_finite() && sigma > 0.0) {
        return Err(Error::setting("sigma", "a positive number", sigma));
    }
    let key = key.for_purpose(Purpose::Projection);
    let mut of_points = Vec::with_capacity(n);
    for (block, rows) in x.chunks(CHUNK * d).enumerate() {
        let k = rows.len() / d;
        let levels = vec![sigma; k];
        let mut s = vec![0.0; k * d];
        let traces: Vec<f64> = match divergence {
            Divergence::Exact => {
                let mut traces = vec![0.0; k];
                score.trace_rows(rows, &levels, &mut s, &mut traces);
                traces
            }
            Divergence::Hutchinson(m, law) => {
                let v: Vec<f64> = law.draw(key, (block * CHUNK * m) as u64, k * m, d).into_iter().map(f64::from).collect();
                let mut along = vec![0.0; k * m];
                score.curvature_rows(rows, &levels, &v, &mut s, &mut along);
                along.chunks_exact(m).map(|c| c.iter().sum::<f64>() / m as f64).collect()
            }
        };
        let sizes = s.chunks_exact(d).map(|s| s.iter().map(|v| v * v).sum::<f64>());
        of_points.extend(traces.iter().zip(sizes).map(|(trace, size)| d as f64 + sigma * sigma * (trace + size)));
    }
    let mean = Estimate::mean(&of_points);
    let mut sorted = of_points.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    Ok(Flipd { sigma, n, dimension: mean.mean, standard_error: mean.standard_error, median: sorted[n / 2], of_points })
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "flipd",
    aliases: &["local-dimension"],
    summary: "dimension at a point from the score and its divergence",
    formula: "k(x) = d + σ²(tr J + ‖s‖²)",
    source: "Kamkari et al. 2024; Tempczyk et al. 2022",
    value: Diagnostic { verb: "manifold", oracle },
};

/// A nearly flat Gaussian: three variances of 1, five of 10⁻⁸, in eight dimensions.
pub(super) fn flat() -> Result<Mixture> {
    let cov = (0..8)
        .map(|i| {
            (0..8)
                .map(|j| {
                    if i != j {
                        0.0
                    } else if i < 3 {
                        1.0
                    } else {
                        1e-8
                    }
                })
                .collect()
        })
        .collect();
    Mixture::new(vec![Component { weight: 1.0, mean: vec![0.5; 8], cov }])
}

/// At σ, E k(x) over draws is d − Σ_j σ²/(λ_j + σ²) · (1 − λ_j/(λ_j + σ²)): close to 3.
fn oracle(seed: u64) -> Result<Vec<Check>> {
    let (p, n) = (flat()?, 2000);
    let x: Vec<f64> = p.sample(Key::new(seed, Purpose::Data), 0, n, 0.0).into_iter().map(f64::from).collect();
    let mut checks = Vec::new();
    for sigma in [0.01f64, 0.1] {
        let expected: f64 = 8.0
            - [1.0, 1.0, 1.0, 1e-8, 1e-8, 1e-8, 1e-8, 1e-8]
                .iter()
                .map(|v: &f64| sigma * sigma / (v + sigma * sigma) * (1.0 - v / (v + sigma * sigma)))
                .sum::<f64>();
        for (what, divergence) in
            [("exact trace", Divergence::Exact), ("8 directions", Divergence::Hutchinson(8, crate::objective::Law::Rademacher))]
        {
            let found = flipd(&p, &x, sigma, divergence, Key::new(seed, Purpose::Projection))?;
            let measured = Estimate { mean: found.dimension, standard_error: found.standard_error };
            checks.push(Check::statistical(format!("flipd, {what}: a flat Gaussian at σ = {sigma}"), expected, measured, 0.1));
        }
    }
    Ok(checks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;

    #[test]
    fn it_is_the_slope_of_log_p_by_log_sigma() {
        let p = density::mixture("mixture").unwrap();
        let (x, sigma, h) = ([4.0, 6.5, -5.5, -4.0, 0.3, 0.1], 1.3f64, 1e-4f64);
        let found = flipd(&p, &x, sigma, Divergence::Exact, Key::new(0, Purpose::Projection)).unwrap();
        let log = |sigma: f64| {
            let (mut log, mut score) = (vec![0.0; 3], vec![0.0; 6]);
            crate::score::LogDensity::log_prob_rows(&p, &x, sigma, &mut log, &mut score);
            log
        };
        let (up, down) = (log(sigma * h.exp()), log(sigma * (-h).exp()));
        for (i, k) in found.of_points.iter().enumerate() {
            let slope = (up[i] - down[i]) / (2.0 * h);
            assert!((k - 2.0 - slope).abs() < 1e-6, "{k} and {slope}");
        }
        assert!(flipd(&p, &x[..2], 1.0, Divergence::Exact, Key::new(0, Purpose::Projection)).is_err());
        assert!(flipd(&p, &x, 0.0, Divergence::Exact, Key::new(0, Purpose::Projection)).is_err());
    }
}
