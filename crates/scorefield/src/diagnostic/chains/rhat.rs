//! R̂: the spread of all chains together over the spread within each. Near 1 where the chains have mixed.

use super::Variable;
use super::draws::{mean, quantile, variance};
use super::effective::autoregressive;
use super::rank::normal_scores;
use super::summary::MIXED;
use crate::diagnostic::Diagnostic;
use crate::error::Result;
use crate::oracle::Check;
use crate::registry::Entry;

impl Variable {
    /// Rank-normalised split R̂, the greater of that of the draws and that of their distance from the median (Vehtari et al. 2021,
    /// section 4). NaN for one chain.
    pub fn rhat(&self) -> f64 {
        if !self.is_enough(2) {
            return f64::NAN;
        }
        let split = self.split();
        let median = quantile(&split.sorted(), 0.5);
        let bulk = plain(&normal_scores(&split));
        let tail = plain(&normal_scores(&split.map(|v| (v - median).abs())));
        // Of two numbers of which one is NaN, the other.
        bulk.max(tail)
    }
}

/// √((B/W + n − 1)/n) (Gelman & Rubin 1992): B is n times the variance of the chains' means, W the mean of their variances.
fn plain(chains: &Variable) -> f64 {
    let n = chains.draws as f64;
    let rows = || chains.values.chunks(chains.draws);
    let between = n * variance(&rows().map(mean).collect::<Vec<_>>());
    let within = mean(&rows().map(variance).collect::<Vec<_>>());
    ((between / within + n - 1.0) / n).sqrt()
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "rhat",
    aliases: &["r-hat"],
    summary: "spread of all chains over the spread within each, of ranks, of halves: above 1.01 they have not mixed",
    formula: "R̂ = √((B/W + n − 1)/n)",
    source: "Gelman & Rubin 1992; Vehtari et al. 2021, section 4",
    value: Diagnostic { verb: "chains", oracle },
};

/// Chains of one law have R̂ near 1; of chains whose halves lie around ±1 with spread 1 the variance between is as large as within.
fn oracle(seed: u64) -> Result<Vec<Check>> {
    let mixed = autoregressive(seed, 0.5, 8, 4000);
    let mut apart = autoregressive(seed, 0.0, 8, 4000);
    for (i, chain) in apart.values.chunks_mut(4000).enumerate() {
        chain.iter_mut().for_each(|x| *x += if i % 2 == 0 { 1.0 } else { -1.0 });
    }
    // B/n = 1·m/(m − 1) of m = 16 halves, W = 1.
    let expected = (1.0f64 + 16.0 / 15.0).sqrt();
    Ok(vec![
        Check::exact(format!("rhat: chains of one law, below {MIXED}"), 1.0, mixed.rhat(), MIXED - 1.0),
        // Without ranks, as the closed form is; 4,000 draws a chain leave little to chance.
        Check::exact("rhat: chains about ±1, of their draws", expected, plain(&apart.split()), 0.03),
    ])
}
