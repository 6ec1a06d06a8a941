//! Effective sample size: so many independent draws have a mean with the same error.
//!
//! S_eff = S/τ, τ = 1 + 2Σ_t ρ_t, where ρ_t combines the autocovariances within the chains with the variance between them, and the sum ends
//! where pairs of neighbours stop being positive (Geyer 1992), made monotone before.

use super::Variable;
use super::autocovariance::autocovariance;
use super::draws::{mean, variance};
use super::rank::normal_scores;
use crate::diagnostic::Diagnostic;
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;

impl Variable {
    /// ESS of the bulk: of the rank-normalised split chains (Vehtari et al. 2021, section 4.2).
    pub fn ess_bulk(&self) -> f64 {
        if self.is_enough(1) { effective(&normal_scores(&self.split())) } else { f64::NAN }
    }

    /// ESS of the tails: the lesser of those of the 5 % and the 95 % quantile.
    pub fn ess_tail(&self) -> f64 {
        self.ess_quantile(0.05).min(self.ess_quantile(0.95))
    }

    /// ESS for the mean.
    pub fn ess_mean(&self) -> f64 {
        if self.is_enough(1) { effective(&self.split()) } else { f64::NAN }
    }

    /// ESS for the p-quantile: of whether a draw is below it.
    pub fn ess_quantile(&self, p: f64) -> f64 {
        if !self.is_enough(1) {
            return f64::NAN;
        }
        let q = self.quantile(p);
        effective(&self.split_below(q))
    }

    fn split_below(&self, q: f64) -> Self {
        self.map(|v| f64::from(u8::from(v <= q))).split()
    }
}

/// Where draws differ by less than this they count as constant.
const RESOLUTION: f64 = 1e-15;

/// S/τ of chains `[m, n]` (Vehtari et al. 2021, eqs. 10–13), at most S·log₁₀ S.
fn effective(chains: &Variable) -> f64 {
    let (m, n) = (chains.chains, chains.draws);
    let size = (m * n) as f64;
    let (low, high) = chains.values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    if high - low < RESOLUTION {
        return size;
    }
    let all = autocovariance(chains);
    let covariance = |t: usize| all.iter().map(|c| c[t]).sum::<f64>() / m as f64;
    let within = covariance(0) * n as f64 / (n as f64 - 1.0);
    let mut total = within * (n as f64 - 1.0) / n as f64;
    if m > 1 {
        total += variance(&chains.values.chunks(n).map(mean).collect::<Vec<_>>());
    }
    let correlation = |t: usize| 1.0 - (within - covariance(t)) / total;

    // ρ_0 + ρ_1, ρ_2 + ρ_3, … as long as they are positive.
    let mut rho = vec![0.0; n.max(4)];
    (rho[0], rho[1]) = (1.0, correlation(1));
    let (mut even, mut odd) = (rho[0], rho[1]);
    let mut t = 1;
    while t + 3 < n && even + odd > 0.0 {
        (even, odd) = (correlation(t + 1), correlation(t + 2));
        if even + odd >= 0.0 {
            (rho[t + 1], rho[t + 2]) = (even, odd);
        }
        t += 2;
    }
    // The last lag that counts is `end`; t is odd and begins at 1, so that −1 stands for none.
    let end = t as isize - 2;
    let after = (end + 1) as usize;
    if even > 0.0 {
        rho[after] = even;
    }
    // No pair is greater than the one before it.
    let mut t = 1;
    while (t as isize) <= end - 2 {
        if rho[t + 1] + rho[t + 2] > rho[t - 1] + rho[t] {
            rho[t + 1] = (rho[t - 1] + rho[t]) / 2.0;
            rho[t + 2] = rho[t + 1];
        }
        t += 2;
    }
    let tau = -1.0 + 2.0 * rho[..after].iter().sum::<f64>() + rho[after];
    if rho.iter().any(|r| r.is_nan()) {
        return f64::NAN;
    }
    size / tau.max(1.0 / size.log10())
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "ess",
    aliases: &["effective-sample-size"],
    summary: "how many independent draws the draws of chains are worth, in the bulk and in the tails",
    formula: "S/(1 + 2Σ_t ρ_t)",
    source: "Geyer 1992; Vehtari et al. 2021, eqs. 10–13",
    value: Diagnostic { verb: "chains", oracle },
};

/// An autoregressive chain is worth (1 − φ)/(1 + φ) of its draws.
fn oracle(seed: u64) -> Result<Vec<Check>> {
    let size = 8.0 * 20_000.0;
    let check = |phi: f64| {
        let expected = (1.0 - phi) / (1.0 + phi);
        // τ is found to √(2(2·lags + 1)/S) of itself (Sokal 1997), with some 10 τ lags.
        let standard_error = expected * (2.0 * (20.0 / expected + 1.0) / size).sqrt();
        let measured = Estimate { mean: autoregressive(seed, phi, 8, 20_000).ess_bulk() / size, standard_error };
        Check::statistical(format!("ess: an autoregressive chain, φ = {phi}, a draw"), expected, measured, expected)
    };
    Ok([0.0, 0.5, 0.9].map(check).to_vec())
}

/// Chains of x_t = φ x_{t−1} + √(1 − φ²) z, which begin in their stationary law N(0, 1).
pub(super) fn autoregressive(seed: u64, phi: f64, chains: usize, draws: usize) -> Variable {
    let mut values = Vec::new();
    for chain in 0..chains {
        let z = Key::new(seed, Purpose::Metric).normal(chain as u64, 1, draws);
        let mut x = f64::from(z[0]);
        values.push(x);
        for z in &z[1..] {
            x = phi * x + (1.0 - phi * phi).sqrt() * f64::from(*z);
            values.push(x);
        }
    }
    Variable { values, chains, draws }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_autoregressive_chain_is_worth_one_minus_phi_over_one_plus_phi() {
        for phi in [-0.4, 0.0, 0.5, 0.9] {
            let v = autoregressive(5, phi, 8, 20_000);
            let expected = (1.0 - phi) / (1.0 + phi);
            // τ is found to √(2(2·lags + 1)/S) of itself (Sokal 1997), with some 10 τ lags.
            let lags = 10.0 * ((1.0 + phi.abs()) / (1.0 - phi.abs()));
            let error = expected * (2.0 * (2.0 * lags + 1.0) / 160_000.0).sqrt();
            for ess in [v.ess_mean(), v.ess_bulk()] {
                assert!(
                    (ess / 160_000.0 - expected).abs() < 4.0 * error,
                    "φ {phi}: {} for {expected} ± {error}",
                    ess / 160_000.0
                );
            }
            assert!((v.autocorrelation(3)[3] - phi.powi(3)).abs() < 4.0 * (1.0 / 160_000.0f64).sqrt() / expected.min(1.0).sqrt());
        }
    }

    #[test]
    fn chains_that_never_meet_are_worth_about_one_draw_each() {
        let mut v = autoregressive(5, 0.0, 10, 1000);
        for (i, chunk) in v.values.chunks_mut(1000).enumerate() {
            chunk.iter_mut().for_each(|x| *x += if i % 2 == 0 { 5.0 } else { -5.0 });
        }
        assert!(v.rhat() > 1.5 && v.ess_bulk() < 20.0, "{} {}", v.rhat(), v.ess_bulk());
    }
}
