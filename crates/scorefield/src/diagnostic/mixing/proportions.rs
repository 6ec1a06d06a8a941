//! The share of each mode in the data and in the samples, each with its interval, and which modes the samples lack.

use super::modes::{MostModes, modes};
use crate::density;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::chains::{Share, mode_shares};
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;
use serde::Serialize;

/// How the samples stand to the data in one mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The shares agree within their errors.
    Right,
    /// The samples have less than a twentieth of the share that the data have.
    Missing,
    /// The samples have too little of it.
    TooFew,
    /// The samples have too much of it.
    TooMany,
}

/// One mode, or what belongs to none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Proportion {
    /// The mode's number; `None` for what belongs to none.
    pub mode: Option<usize>,
    /// Its share of the data.
    pub data: Share,
    /// Its share of the samples.
    pub samples: Share,
    /// (samples − data)/√(sum of the squared errors).
    pub z: f64,
    /// What that means.
    pub verdict: Verdict,
}

/// Beyond this many standard errors shares differ: of eight that are equal, one in a thousand.
const DIFFERS: f64 = 3.8;

/// Compares labels of independent data points with labels of samples, `[chains, draws]`: of independent samples as many chains as samples.
///
/// # Errors
/// No labels, or another number than the shape says.
pub fn compare(data: &[Option<usize>], samples: &[Option<usize>], chains: usize, count: usize) -> Result<Vec<Proportion>> {
    let numbers = |labels: &[Option<usize>]| labels.iter().map(|l| l.unwrap_or(count)).collect::<Vec<_>>();
    let of_data = mode_shares(&numbers(data), data.len(), 1, count + 1)?;
    let of_samples = mode_shares(&numbers(samples), chains, samples.len() / chains.max(1), count + 1)?;
    let one = |(k, (data, samples)): (usize, (Share, Share))| {
        // At shares of 0 and 1 the error is that of half a point.
        let error = |s: Share| {
            let p = s.weight.clamp(0.5 / s.effective, 1.0 - 0.5 / s.effective);
            p * (1.0 - p) / s.effective
        };
        let z = (samples.weight - data.weight) / (error(samples) + error(data)).sqrt();
        let verdict = match z {
            z if z > DIFFERS => Verdict::TooMany,
            z if z < -DIFFERS && samples.weight < 0.05 * data.weight => Verdict::Missing,
            z if z < -DIFFERS => Verdict::TooFew,
            _ => Verdict::Right,
        };
        Proportion { mode: (k < count).then_some(k), data, samples, z, verdict }
    };
    Ok(of_data.into_iter().zip(of_samples).enumerate().map(one).collect())
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "mode-weights",
    aliases: &["proportions"],
    summary: "share of each mode in the data and in the samples, and which modes the samples lack",
    formula: "ŵ_k = mean of 1[x in mode k], Wilson's interval",
    source: "Wilson 1927; Song & Ermon 2019, section 3.2.2",
    value: Diagnostic { verb: "mixing", oracle },
};

/// Samples of one of the lecture's two modes alone, and samples as they should be.
fn oracle(seed: u64) -> Result<Vec<Check>> {
    let p = density::mixture("mixture")?;
    let draws = |first| p.sample(Key::new(seed, Purpose::Data), first, 2000, 0.0);
    let (data, right) = (draws(0), draws(2000));
    let found = modes(&data, 2, MostModes::Chosen)?;
    let one: Vec<f32> = right.chunks_exact(2).filter(|x| x[0] > 0.0).flatten().copied().collect();
    let look = |x: &[f32]| compare(found.labels(), &found.assign(x), x.len() / 2, found.count());
    let (missing, whole) = (look(&one)?, look(&right)?);
    let lacking = |of: &[Proportion]| of.iter().filter(|p| p.verdict == Verdict::Missing).count() as f64;
    let Share { weight, standard_error, .. } = whole[0].samples;
    Ok(vec![
        Check::exact("mode-weights: modes that samples of one mode lack", 1.0, lacking(&missing), 0.0),
        Check::exact("mode-weights: modes that samples of both lack", 0.0, lacking(&whole), 0.0),
        Check::statistical("mode-weights: share of the first mode", 0.8, Estimate { mean: weight, standard_error }, 0.2),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shares_are_seldom_called_different_and_a_mode_that_is_short_is_seen() {
        let labels = |seed: u64, p: f32, n: usize| -> Vec<Option<usize>> {
            Key::new(seed, Purpose::Metric).uniform(0, n, 1).into_iter().map(|u| Some(usize::from(u > p))).collect()
        };
        let wrong = (0..500).filter(|s| {
            let found = compare(&labels(2 * s, 0.8, 1000), &labels(2 * s + 1, 0.8, 1000), 1000, 2).unwrap();
            found.iter().any(|p| p.verdict != Verdict::Right)
        });
        assert_eq!(wrong.count(), 0);
        let short = compare(&labels(1, 0.8, 1000), &labels(2, 0.95, 1000), 1000, 2).unwrap();
        assert_eq!([short[0].verdict, short[1].verdict, short[2].verdict], [Verdict::TooMany, Verdict::TooFew, Verdict::Right]);
        // Four chains that never move say little, however long.
        let stuck: Vec<Option<usize>> = [0, 0, 0, 1].iter().flat_map(|k| vec![Some(*k); 500]).collect();
        assert!(compare(&labels(1, 0.8, 1000), &stuck, 4, 2).unwrap().iter().all(|p| p.verdict == Verdict::Right));
    }
}
