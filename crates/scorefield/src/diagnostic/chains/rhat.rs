//! R̂: the spread of all chains together over the spread within each. Near 1 where the chains have mixed.

use super::Variable;
use super::draws::{mean, quantile, variance};
use super::rank::normal_scores;

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
