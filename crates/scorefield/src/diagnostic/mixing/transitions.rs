//! How often chains change modes.
//!
//! A chain has come to a mode when it is at its core, the denser half of it; until then it counts for the mode it came from, so that what
//! wavers at the edge does not count (milestones; Faradjian & Elber 2004). Changes seen are taken for a Poisson process, whose rate has the
//! exact interval of Garwood (1936): from 0 where none was seen.

use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;
use serde::Serialize;
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Changes of modes along chains.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Transitions {
    /// Chains that were looked at.
    pub chains: usize,
    /// Steps of each, from when it first came to a mode on, all chains together.
    pub steps: u64,
    /// Changes.
    pub count: u64,
    /// Changes a thousand steps of a chain.
    pub per_thousand: f64,
    /// 95% interval.
    pub interval: [f64; 2],
    /// Chains that changed at least once.
    pub moved: usize,
    /// Chains that came to no mode at all.
    pub nowhere: usize,
    /// Changes from mode i (row) to mode j, `[modes][modes]`.
    pub between: Vec<Vec<u64>>,
}

/// Counts the changes in `cores` `[chains, draws]`, `every` steps apart, among `count` modes.
///
/// # Errors
/// No draw, or another number than the shape says.
pub fn transitions(cores: &[Option<usize>], chains: usize, every: usize, count: usize) -> Result<Transitions> {
    if chains == 0 || cores.is_empty() || !cores.len().is_multiple_of(chains) {
        return Err(Error::setting("cores", format!("as many for each of {chains} chains, at least one"), cores.len()));
    }
    let mut found = Transitions {
        chains,
        steps: 0,
        count: 0,
        per_thousand: 0.0,
        interval: [0.0; 2],
        moved: 0,
        nowhere: 0,
        between: vec![vec![0; count]; count],
    };
    for chain in cores.chunks_exact(cores.len() / chains) {
        let Some(first) = chain.iter().position(Option::is_some) else {
            found.nowhere += 1;
            continue;
        };
        let (mut at, before) = (chain[first], found.count);
        for core in chain[first..].iter().filter(|core| core.is_some()) {
            if let (Some(from), Some(to)) = (at, *core)
                && from != to
            {
                found.between[from][to] += 1;
                found.count += 1;
            }
            at = *core;
        }
        found.steps += ((chain.len() - 1 - first) * every) as u64;
        found.moved += usize::from(found.count > before);
    }
    let rate = |events: f64| if found.steps > 0 { 1000.0 * events / found.steps as f64 } else { f64::NAN };
    let c = found.count as f64;
    let quantile = |p: f64, freedom: f64| ChiSquared::new(freedom).map_or(f64::NAN, |law| 0.5 * law.inverse_cdf(p));
    let low = if found.count > 0 { quantile(0.025, 2.0 * c) } else { 0.0 };
    (found.per_thousand, found.interval) = (rate(c), [rate(low), rate(quantile(0.975, 2.0 * c + 2.0))]);
    Ok(found)
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "transitions",
    aliases: &["mode-changes"],
    summary: "changes between modes a thousand steps of a chain, from core to core",
    formula: "rate = changes/steps, Garwood's interval",
    source: "Garwood 1936; Faradjian & Elber 2004",
    value: Diagnostic { verb: "mixing", oracle },
};

/// Chains that change with a known probability at each step.
fn oracle(seed: u64) -> Result<Vec<Check>> {
    let (chains, draws, p) = (64, 1001, 0.02f32);
    let found = transitions(&telegraph(seed, chains, draws, p), chains, 1, 2)?;
    let events = 64_000.0 * f64::from(p);
    let standard_error = 1000.0 * events.sqrt() / 64_000.0;
    let measured = Estimate { mean: found.per_thousand, standard_error };
    Ok(vec![Check::statistical("transitions: a chain that changes one step in fifty", 20.0, measured, 10.0)])
}

fn telegraph(seed: u64, chains: usize, draws: usize, p: f32) -> Vec<Option<usize>> {
    let u = Key::new(seed, Purpose::Metric).uniform(0, chains, draws);
    let chain = |u: &[f32]| {
        let mut mode = 0;
        u.iter()
            .enumerate()
            .map(|(i, u)| {
                if i > 0 && *u < p {
                    mode = 1 - mode;
                }
                Some(mode)
            })
            .collect::<Vec<_>>()
    };
    u.chunks_exact(draws).flat_map(chain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_arrivals_count_and_intervals_hold_the_rate_in_nineteen_cases_of_twenty() {
        let cores = [None, Some(0), None, Some(0), None, Some(1), None, Some(0), None, None, None, None, None, None, None, None];
        let found = transitions(&cores, 2, 10, 2).unwrap();
        assert_eq!((found.count, found.moved, found.nowhere, found.steps), (2, 1, 1, 60));
        assert_eq!(found.between, [[0, 1], [1, 0]]);
        let held = (0..300).filter(|seed| {
            let [low, high] = transitions(&telegraph(*seed, 8, 101, 0.005), 8, 1, 2).unwrap().interval;
            low <= 5.0 && 5.0 <= high
        });
        // The exact interval is conservative: 0.95 or more, less 4 standard errors.
        assert!(held.count() as f64 / 300.0 > 0.95 - 4.0 * (0.95f64 * 0.05 / 300.0).sqrt());
        let none = transitions(&[Some(0); 50], 1, 1, 2).unwrap();
        // −ln 0.025 = 3.689 events at most.
        assert!(none.interval[0] == 0.0 && (none.interval[1] - 3688.879 / 49.0).abs() < 1e-3);
        assert!(transitions(&[], 1, 1, 2).is_err() && transitions(&[None; 3], 2, 1, 2).is_err());
    }
}
