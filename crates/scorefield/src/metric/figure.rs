//! Figures of two sets of points, each with its error, and with what it is between two halves of the real points.
//!
//! Errors are by the jackknife over ten groups of either set. A figure says nothing without its floor: most are not 0 for two sets of one law.

use super::jackknife::{GROUPS, T9, jackknife};
use super::mmd;
use super::pairs::{Pairs, View};
use super::sliced::unit_directions;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::registry::Entry;
use serde::Serialize;

/// Real points, samples, and all that the figures are made of.
pub struct Sets<'a> {
    /// Real points, `[n, d]`.
    pub real: Vec<f32>,
    /// Samples, `[m, d]`.
    pub samples: Vec<f32>,
    /// d.
    pub d: usize,
    /// Distances between them.
    pub view: View<'a>,
    /// Features of the real points and of the samples, for the Fréchet distance.
    pub features: [Vec<f64>; 2],
    /// Length of the kernel: the median distance.
    pub length: f64,
    /// Directions to look along, `[·, d]`.
    pub directions: &'a [f64],
    /// Seed of what is random in a figure.
    pub seed: u64,
}

/// A figure of two sets.
pub type Measure = fn(&Sets<'_>) -> Result<f64>;

/// How its error is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error95 {
    /// By leaving tenths out.
    Jackknife,
    /// That of a share of n + m points: for what takes too long to be repeated.
    Share,
}

/// What a row of [`super::METRICS`] holds.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The figure.
    pub measure: Measure,
    /// How its error is found.
    pub error: Error95,
    /// What it is for two sets of one law and any size, if there is such a number.
    pub ideal: Option<f64>,
    /// Between which numbers it lies: its interval is cut there.
    pub range: [f64; 2],
    /// The points of either set that it looks at, at most.
    pub most: usize,
}

/// One figure, measured.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Its name in the registry.
    pub name: &'static str,
    /// The figure.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// 95% interval.
    pub interval: [f64; 2],
    /// The same figure for two halves of the real points: what a perfect sampler would get, from half as many points.
    pub floor: f64,
    /// What it would be of two equal laws without end.
    pub ideal: Option<f64>,
    /// Real points and samples that it was taken from, and the real points of either half of the floor.
    pub n: [usize; 3],
}

/// The 97.5% quantile of the normal law.
const NORMAL: f64 = 1.960;
/// Directions of the sliced distance.
const DIRECTIONS: usize = 500;
/// The least number of points of either set.
pub const LEAST: usize = 40;
/// Relabellings behind a p-value.
const PERMUTATIONS: usize = 199;

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Real points, `[n, d]`.
    pub real: &'a [f32],
    /// Samples, `[m, d]`.
    pub samples: &'a [f32],
    /// d.
    pub d: usize,
    /// Their features, `[n, f]` and `[m, f]`.
    pub features: [&'a [f64]; 2],
    /// Seed.
    pub seed: u64,
}

/// Takes the figures `wanted` (rows of [`super::METRICS`]), and the p-value of the first of them that is `mmd`.
///
/// # Errors
/// Fewer than [`LEAST`] points of either set; a point that is not finite.
pub fn figures(question: &Question<'_>, wanted: &[&'static Entry<Metric>]) -> Result<(Vec<Figure>, f64)> {
    let Question { real, samples, d, features, seed } = *question;
    for (what, points) in [("real points", real), ("samples", samples)] {
        let n = points.len() / d;
        if n < LEAST {
            return Err(Error::setting(what, format!("at least {LEAST}"), n));
        }
        if let Some(at) = points.iter().position(|x| !x.is_finite()) {
            return Err(Error::setting(what, "finite numbers", format!("{} in row {}", points[at], at / d)));
        }
    }
    let key = Key::new(seed, Purpose::Metric);
    let directions = unit_directions(key, DIRECTIONS, d);
    let pairs = Pairs::new(real, samples, d);
    let whole = sets(&pairs, question, &directions, None);
    let p_value = mmd::p_value(&pairs, whole.length, PERMUTATIONS, key.at(1));
    // Two halves of the real points, dealt at random: files may be sorted.
    let n = real.len() / d;
    let (mut halves, mut half_features) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let width = features[0].len() / n;
    for i in 0..n {
        let row = key.at(2).permute(i as u64, n as u64) as usize;
        halves[i % 2].extend_from_slice(&real[row * d..][..d]);
        half_features[i % 2].extend_from_slice(&features[0][row * width..][..width]);
    }
    let (a, b) = (&halves[0], &halves[1]);
    let half_pairs = Pairs::new(a, b, d);
    let half = Question { real: a, samples: b, d, features: [&half_features[0], &half_features[1]], seed };
    let halves = sets(&half_pairs, &half, &directions, None);
    let floor_length = whole.length;
    let halves = Sets { length: floor_length, ..halves };
    let mut without: Vec<Sets<'_>> = Vec::new();
    if wanted.iter().any(|e| e.value.error == Error95::Jackknife) {
        without
            .extend((0..GROUPS).map(|group| Sets { length: whole.length, ..sets(&pairs, question, &directions, Some(group)) }));
    }
    let figure = |entry: &&'static Entry<Metric>| {
        let Metric { measure, error, ideal, range: [low, high], most } = entry.value;
        let value = measure(&whole)?;
        let (standard_error, quantile) = match error {
            Error95::Jackknife => {
                let left = without.iter().map(measure).collect::<Result<Vec<_>>>()?;
                (jackknife(&left), T9)
            }
            Error95::Share => ((value * (1.0 - value) / ((real.len() + samples.len()) / d) as f64).max(0.0).sqrt(), NORMAL),
        };
        let reach = quantile * standard_error;
        let interval = [(value - reach).max(low), (value + reach).min(high)];
        let n = [n, samples.len() / d, n / 2].map(|n| n.min(most));
        Ok(Figure { name: entry.name, value, standard_error, interval, floor: measure(&halves)?, ideal, n })
    };
    Ok((wanted.iter().map(figure).collect::<Result<_>>()?, p_value))
}

/// The sets of a question, whole or without a group.
fn sets<'a>(pairs: &'a Pairs, question: &Question<'_>, directions: &'a [f64], group: Option<usize>) -> Sets<'a> {
    fn kept<T: Copy>(rows: &[T], width: usize, group: Option<usize>) -> Vec<T> {
        let keep = |(i, row)| (group.is_none_or(|g| i % GROUPS != g)).then_some(row);
        rows.chunks_exact(width.max(1)).enumerate().filter_map(keep).flatten().copied().collect()
    }
    let Question { real, samples, d, features, seed } = *question;
    let view = group.map_or_else(|| pairs.whole(), |g| pairs.whole().without(g, GROUPS));
    let width = features[0].len() / (real.len() / d);
    let length = if group.is_none() { mmd::median_length(&view) } else { f64::NAN };
    Sets {
        real: kept(real, d, group),
        samples: kept(samples, d, group),
        d,
        features: features.map(|f| kept(f, width, group)),
        view,
        length,
        directions,
        seed,
    }
}

#[cfg(test)]
mod tests {
    use super::super::METRICS;
    use super::*;

    fn ask(real: &[f32], samples: &[f32], d: usize) -> Vec<Figure> {
        let wide = |points: &[f32]| points.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        let features = [wide(real), wide(samples)];
        let question = Question { real, samples, d, features: [&features[0], &features[1]], seed: 1 };
        let wanted: Vec<_> = METRICS.iter().filter(|e| e.value.error == Error95::Jackknife).collect();
        figures(&question, &wanted).unwrap().0
    }

    #[test]
    fn shuffling_changes_no_figure_of_pairs() {
        let key = Key::new(11, Purpose::Data);
        let (x, y) = (key.normal(0, 80, 2), key.at(1).normal(0, 100, 2));
        let reversed: Vec<f32> = y.chunks(2).rev().flatten().copied().collect();
        for (a, b) in ask(&x, &y, 2).iter().zip(ask(&x, &reversed, 2)) {
            // The exact transport takes the first points only.
            let same = (a.value - b.value).abs() < 1e-9 * (1.0 + a.value.abs());
            assert!(same || a.name == "wasserstein", "{}: {} and {}", a.name, a.value, b.value);
        }
    }

    #[test]
    fn jackknife_errors_cover_the_truth() {
        // MMD² of N(0, 1) against N(1, 1) has no closed form at a random ℓ, the Fréchet distance has: 1.
        let row = METRICS.iter().find(|e| e.name == "frechet").unwrap();
        let covered = (0..200u32).filter(|i| {
            let key = Key::new(100 + u64::from(*i), Purpose::Data);
            let (x, y) = (key.normal(0, 100, 1), key.at(1).normal(0, 100, 1).iter().map(|z| z + 1.0).collect::<Vec<_>>());
            let wide = |points: &[f32]| points.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
            let features = [wide(&x), wide(&y)];
            let question = Question { real: &x, samples: &y, d: 1, features: [&features[0], &features[1]], seed: 1 };
            let found = &figures(&question, &[row]).unwrap().0[0];
            found.interval[0] <= 1.0 && 1.0 <= found.interval[1]
        });
        // 95% of 200 is 190 ± 4·3.1.
        assert!(covered.count() >= 177);
    }

    #[test]
    fn more_noise_makes_every_distance_larger() {
        let key = Key::new(12, Purpose::Data);
        let (x, y) = (key.normal(0, 150, 2), key.at(1).normal(0, 150, 2));
        let noisy = |scale: f32| {
            let z = key.at(2).normal(0, 150, 2);
            y.iter().zip(z).map(|(y, z)| y + scale * z).collect::<Vec<f32>>()
        };
        let [near, far] = [1.0, 4.0].map(|scale| ask(&x, &noisy(scale), 2));
        for name in ["mmd", "energy_distance", "sliced_wasserstein", "wasserstein", "frechet"] {
            let of = |figures: &[Figure]| figures.iter().find(|f| f.name == name).unwrap().value;
            assert!(of(&far) > of(&near), "{name}");
        }
    }
}
