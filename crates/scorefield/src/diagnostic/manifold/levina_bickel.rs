//! The dimension from the distances to several neighbours (Levina & Bickel 2005), averaged as MacKay & Ghahramani (2005) showed it must be.
//!
//! Points of constant density within a ball of dimension k are a Poisson process of rate ∝ t^{k−1}, so that ln(T_j/T_i) for the distances
//! T_1 < … < T_j to the neighbours are those of exponential numbers of rate k: E (1/(j − 1)) Σ_{i<j} ln(T_j/T_i) = 1/k for each j. Inverses
//! are averaged, over j and over points, and the average is inverted: the mean of the k̂ themselves would be biased upwards.

use super::nearest::{Neighbourhood, oracle};
use crate::diagnostic::Diagnostic;
use crate::registry::Entry;

/// The neighbours j over which inverses are averaged, the first and the last.
pub(super) const NEIGHBOURS: (usize, usize) = (3, 10);

/// 1/k̂ of one point.
pub(super) fn inverse(near: &Neighbourhood) -> f64 {
    let logs: Vec<f64> = near.iter().map(|t| t.ln()).collect();
    let of_first = |j: usize| (0..j - 1).map(|i| logs[j - 1] - logs[i]).sum::<f64>() / (j - 1) as f64;
    let (first, last) = NEIGHBOURS;
    (first..=last).map(of_first).sum::<f64>() / (last - first + 1) as f64
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "levina-bickel",
    aliases: &["mle-dimension"],
    summary: "dimension of the data from the distances to the nearest ten neighbours",
    formula: "1/k = E (1/(j − 1)) Σ_{i<j} ln(T_j/T_i)",
    source: "Levina & Bickel 2005; MacKay & Ghahramani 2005",
    value: Diagnostic { verb: "manifold", oracle: |seed| oracle("levina-bickel", |found| found.levina_bickel.clone(), seed) },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};

    #[test]
    fn of_a_poisson_process_the_mean_inverse_is_one_over_the_dimension() {
        let (n, k) = (20_000, 6.0);
        let u = Key::new(4, Purpose::Metric).uniform(0, n, 10);
        let values: Vec<f64> = u
            .chunks(10)
            .map(|u| {
                // Volumes of the balls to the neighbours are sums of exponential numbers, and t = volume^{1/k}.
                let mut volume = 0.0;
                let mut near = [0.0; NEIGHBOURS.1];
                for (t, u) in near.iter_mut().zip(u) {
                    volume -= f64::from(1.0 - u).ln();
                    *t = volume.powf(1.0 / k);
                }
                inverse(&near)
            })
            .collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
        let error = (variance / n as f64).sqrt();
        assert!((mean - 1.0 / k).abs() < 4.0 * error && error < 0.01 / k, "{mean} ± {error}");
    }
}
