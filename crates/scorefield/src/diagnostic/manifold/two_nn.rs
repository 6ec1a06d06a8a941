//! TwoNN: the dimension from the two nearest neighbours (Facco, d'Errico, Rodriguez & Laio 2017).
//!
//! Where the density hardly changes between a point and its second neighbour, μ = r₂/r₁ has P(μ > m) = m^{−k}: ln μ is exponential with
//! rate k. The largest ratios, which curvature and noise spoil first, are left out: of n ratios the least r are looked at, and of the others
//! it is known that they are greater (a censored sample). The estimate of largest likelihood is then, made unbiased,
//!
//! k̂ = (r − 1)/(Σ_{i ≤ r} ln μ_(i) + (n − r) ln μ_(r)), with standard error k̂/√(r − 2).

use super::nearest::{Neighbourhood, oracle};
use crate::diagnostic::Diagnostic;
use crate::registry::Entry;

/// The share of the ratios that is looked at.
pub(super) const KEPT: f64 = 0.9;

/// k̂ and its standard error from logarithms of ratios, in any order; NaN of fewer than four.
pub(super) fn estimate(mut logs: Vec<f64>, kept: f64) -> (f64, f64) {
    logs.sort_unstable_by(f64::total_cmp);
    let (n, r) = (logs.len(), (logs.len() as f64 * kept) as usize);
    if r < 4 {
        return (f64::NAN, f64::NAN);
    }
    let seen: f64 = logs[..r].iter().sum();
    let dimension = (r - 1) as f64 / (seen + (n - r) as f64 * logs[r - 1]);
    (dimension, dimension / ((r - 2) as f64).sqrt())
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "two-nn",
    aliases: &["twonn"],
    summary: "dimension of the data from the ratio of the distances to the two nearest neighbours",
    formula: "P(r₂/r₁ > m) = m^{−k}",
    source: "Facco, d'Errico, Rodriguez & Laio 2017",
    value: Diagnostic { verb: "manifold", oracle: |seed| oracle("two-nn", |found| found.two_nn.clone(), seed) },
};

/// ln(r₂/r₁).
pub(super) fn log_ratio(near: &Neighbourhood) -> f64 {
    (near[1] / near[0]).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};

    #[test]
    fn exponential_logarithms_have_their_rate_and_the_stated_error_whatever_share_is_kept() {
        for kept in [0.5, 0.9, 1.0] {
            let found: Vec<(f64, f64)> = (0..400)
                .map(|seed| {
                    let u = Key::new(seed, Purpose::Metric).uniform(0, 200, 1);
                    estimate(u.iter().map(|u| -f64::from(1.0 - u).ln() / 7.0).collect(), kept)
                })
                .collect();
            let mean = found.iter().map(|f| f.0).sum::<f64>() / 400.0;
            let spread = (found.iter().map(|f| (f.0 - mean).powi(2)).sum::<f64>() / 399.0).sqrt();
            let stated = found.iter().map(|f| f.1).sum::<f64>() / 400.0;
            assert!((mean - 7.0).abs() < 4.0 * spread / 20.0, "{kept}: {mean}");
            // A spread of 400 numbers is known to 1/√800 of itself.
            assert!((spread / stated - 1.0).abs() < 4.0 / 800f64.sqrt(), "{kept}: {spread} for {stated}");
        }
        assert!(estimate(vec![1.0; 3], 0.9).0.is_nan());
    }
}
