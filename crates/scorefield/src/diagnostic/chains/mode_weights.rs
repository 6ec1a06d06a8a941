//! How much of the probability each mode has, from chains that may seldom or never change modes.
//!
//! The share of mode k is the mean of the indicator 1[draw in k]. Two estimates of its error are at hand: the ESS of the indicator, which
//! sees how seldom chains change modes, and the spread of the chains' own shares, which is right whatever the correlation within a chain,
//! as chains are independent. The worse of the two counts, as an equivalent number of independent draws n, and the interval is Wilson's
//! (1927), which stays within [0, 1] and is not empty at 0 and 1.

use super::Variable;
use super::draws::{mean, variance};
use crate::error::{Error, Result};

/// The two-sided 95 % point of the normal distribution.
const Z95: f64 = 1.959_963_984_540_054;

/// The share of one mode.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Share {
    /// The mean of the indicator.
    pub weight: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// A 95 % interval.
    pub interval: (f64, f64),
    /// How many independent draws would be as good.
    pub effective: f64,
}

/// The share of each of `modes` modes; `labels` `[chains, draws]` says in which of them each draw is.
///
/// # Errors
/// No label, a label that is no mode, or another number of labels than the shape says.
pub fn mode_shares(labels: &[usize], chains: usize, draws: usize, modes: usize) -> Result<Vec<Share>> {
    if let Some(bad) = labels.iter().find(|k| **k >= modes) {
        return Err(Error::setting("labels", format!("below {modes}"), bad));
    }
    let share = |k: usize| {
        let values = labels.iter().map(|label| f64::from(u8::from(*label == k))).collect();
        Variable::new(values, chains, draws).map(|indicator| share(&indicator))
    };
    (0..modes).map(share).collect()
}

fn share(indicator: &Variable) -> Share {
    let (p, m) = (indicator.mean(), indicator.chains as f64);
    let one = p * (1.0 - p);
    let between = variance(&indicator.values.chunks(indicator.draws).map(mean).collect::<Vec<_>>()) / m;
    // At p = 0 or 1 nothing has been seen to move: each chain may be stuck, and counts once.
    let by_chains = if one > 0.0 && between > 0.0 { one / between } else { f64::INFINITY };
    let by_draws = if one > 0.0 { indicator.ess_mean() } else { m };
    // With four chains or fewer their spread is mostly luck.
    let n = if m > 4.0 { by_chains.min(by_draws) } else { by_draws };
    let n = if n.is_nan() { m } else { n.min(indicator.values.len() as f64) };
    let z2 = Z95 * Z95;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z95 / (1.0 + z2 / n) * (one / n + z2 / (4.0 * n * n)).sqrt();
    Share {
        weight: p,
        standard_error: (one / n).sqrt(),
        interval: ((centre - half).max(0.0), (centre + half).min(1.0)),
        effective: n,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};

    /// Chains over two modes that begin in the stationary law (p, 1 − p) and, at each step with probability `renewal`, draw a mode anew.
    fn labels(seed: u64, p: f32, renewal: f32, chains: usize, draws: usize) -> Vec<usize> {
        let key = Key::new(seed, Purpose::Metric);
        let mut all = Vec::new();
        for chain in 0..chains as u64 {
            let u = key.uniform(chain, 1, 2 * draws);
            let mut mode = usize::from(u[0] >= p);
            for t in 0..draws {
                if u[2 * t + 1] < renewal {
                    mode = usize::from(u[2 * t] >= p);
                }
                all.push(mode);
            }
        }
        all
    }

    #[test]
    fn intervals_hold_the_weight_in_nineteen_cases_of_twenty_however_sticky_the_chains() {
        for renewal in [0.0, 0.02, 0.3, 1.0] {
            let trials = 400;
            let hits = (0..trials).filter(|seed| {
                let shares = mode_shares(&labels(*seed, 0.8, renewal, 32, 200), 32, 200, 2).unwrap();
                (shares[0].interval.0..=shares[0].interval.1).contains(&0.8)
            });
            let rate = hits.count() as f64 / trials as f64;
            // A true rate of 0.95 has standard error 0.011; intervals that take the worse of two errors may hold more, seldom less.
            assert!(rate > 0.95 - 4.0 * 0.011, "renewal {renewal}: {rate}");
        }
    }

    #[test]
    fn stuck_chains_count_once_each_and_independent_draws_each_by_itself() {
        let stuck = mode_shares(&labels(1, 0.8, 0.0, 64, 100), 64, 100, 2).unwrap();
        assert!((stuck[0].effective / 64.0 - 1.0).abs() < 0.05, "{stuck:?}");
        let free = mode_shares(&labels(1, 0.8, 1.0, 64, 100), 64, 100, 2).unwrap();
        // The variance of 64 chains' means is known to √(2/63) = 18 % of itself.
        assert!((free[0].effective / 6400.0 - 1.0).abs() < 0.55 && free[0].effective <= 6400.0, "{free:?}");
        assert_eq!(mode_shares(&[0; 400], 4, 100, 2).unwrap()[1].effective, 4.0);
        assert!(mode_shares(&[2], 1, 1, 2).is_err());
    }
}
