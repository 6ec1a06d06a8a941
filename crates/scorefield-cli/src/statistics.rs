//! What a set of samples is like: its moments, and how it is shared among the modes of a mixture.

use std::sync::Arc;

use scorefield::density::Exact;
use scorefield::recipe::Target;
use serde::Serialize;

use scorefield::words;

/// Above this dimension a mean per dimension says nothing to a reader.
pub const MANY: usize = 16;

/// Mean and standard deviation of each dimension, over the rows that are finite.
#[derive(Debug)]
pub struct Moments {
    n: u64,
    /// The first row, about which the sums are: so they keep their digits wherever the points lie.
    about: Vec<f64>,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Of no points in d dimensions yet.
    pub fn new(d: usize) -> Self {
        Self { n: 0, about: Vec::new(), sums: vec![0.0; d], squares: vec![0.0; d] }
    }

    /// Counts points `[n, d]` in. Row by row, so that the result does not depend on how they are cut.
    pub fn add(&mut self, points: &[f32]) {
        for row in points.chunks_exact(self.sums.len()).filter(|row| row.iter().all(|v| v.is_finite())) {
            if self.n == 0 {
                self.about = row.iter().map(|v| f64::from(*v)).collect();
            }
            self.n += 1;
            let sums = self.sums.iter_mut().zip(&mut self.squares);
            for ((sum, square), (x, about)) in sums.zip(row.iter().zip(&self.about)) {
                let off = f64::from(*x) - about;
                *sum += off;
                *square += off * off;
            }
        }
    }

    /// `[d]`.
    pub fn mean(&self) -> Vec<f64> {
        let n = self.n.max(1) as f64;
        self.sums.iter().enumerate().map(|(j, s)| self.about.get(j).copied().unwrap_or(0.0) + s / n).collect()
    }

    /// `[d]`.
    pub fn std(&self) -> Vec<f64> {
        let n = self.n.max(1) as f64;
        let variance = |(s, q): (&f64, &f64)| ((q - s * s / n) / (n - 1.0).max(1.0)).max(0.0);
        self.sums.iter().zip(&self.squares).map(|both| variance(both).sqrt()).collect()
    }

    /// One line a dimension, or one line for all if they are many.
    pub fn text(&self, target: &Target) -> String {
        let (mean, std, d) = (self.mean(), self.std(), self.sums.len());
        if d > MANY {
            let mean = mean.iter().sum::<f64>() / d as f64;
            let std = (std.iter().map(|s| s * s).sum::<f64>() / d as f64).sqrt();
            return format!("mean {}, standard deviation {} over {d} dimensions\n", words::number(mean), words::number(std));
        }
        let name = |j: usize| target.columns().and_then(|c| c.get(j).cloned()).unwrap_or_else(|| format!("x{j}"));
        let row = |j: usize| vec![name(j), format!("mean {}", words::number(mean[j])), format!("std {}", words::number(std[j]))];
        words::table(&(0..d).map(row).collect::<Vec<_>>())
    }
}

/// The share of the samples that belongs to each component of a mixture.
#[derive(Debug, Serialize)]
pub struct ModeWeights {
    /// Shares of the samples.
    pub mode_weights: Vec<f64>,
    /// The mixture's own weights.
    pub true_weights: Vec<f64>,
    /// Standard errors of the shares if the samples are independent draws of the mixture: √(w(1 − w)/n).
    pub mode_weights_standard_error: Vec<f64>,
    #[serde(skip)]
    means: Vec<Vec<f64>>,
}

/// Counts points by the component of a mixture that they most probably belong to.
#[derive(Debug)]
pub struct ModeCounts {
    density: Arc<dyn Exact>,
    sigma: f64,
    counts: Vec<u64>,
}

impl ModeCounts {
    /// Of points that should follow the density smoothed by σ; `None` for a single mode, and for what is no mixture.
    pub fn new(density: Arc<dyn Exact>, sigma: f64) -> Option<Self> {
        let modes = density.as_mixture()?.weights().len();
        (modes > 1).then(|| Self { density, sigma, counts: vec![0; modes] })
    }

    /// Counts the finite ones of points `[n, d]` in.
    pub fn add(&mut self, points: &[f32]) {
        let Some(mixture) = self.density.as_mixture() else { return };
        let rows = points.chunks_exact(self.density.dim()).filter(|row| row.iter().all(|v| v.is_finite()));
        let finite: Vec<f32> = rows.flatten().copied().collect();
        mixture.assign(&finite, self.sigma).into_iter().for_each(|k| self.counts[k] += 1);
    }

    /// The shares; `None` of no finite point.
    pub fn weights(&self) -> Option<ModeWeights> {
        let mixture = self.density.as_mixture()?;
        let (weights, n) = (mixture.weights(), self.counts.iter().sum::<u64>());
        (n > 0).then(|| ModeWeights {
            mode_weights: self.counts.iter().map(|c| *c as f64 / n as f64).collect(),
            mode_weights_standard_error: weights.iter().map(|w| (w * (1.0 - w) / n as f64).sqrt()).collect(),
            true_weights: weights,
            means: mixture.means().into_iter().map(<[f64]>::to_vec).collect(),
        })
    }
}

impl ModeWeights {
    /// One line a mode.
    pub fn text(&self) -> String {
        let row = |k: usize| {
            let mean: Vec<String> = self.means[k].iter().take(4).map(|m| words::number(*m)).collect();
            let more = if self.means[k].len() > 4 { ", …" } else { "" };
            vec![
                format!("mode at ({}{more})", mean.join(", ")),
                format!("{:.3} of the samples", self.mode_weights[k]),
                format!("true weight {:.3}", self.true_weights[k]),
                format!("standard error {:.3}", self.mode_weights_standard_error[k]),
            ]
        };
        words::table(&(0..self.mode_weights.len()).map(row).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_leave_out_rows_that_are_not_finite() {
        let mut moments = Moments::new(2);
        moments.add(&[1.0, 10.0, 3.0, 14.0]);
        moments.add(&[f32::NAN, 0.0, 0.0, f32::INFINITY]);
        assert_eq!((moments.mean(), moments.std()), (vec![2.0, 12.0], vec![2f64.sqrt(), 8f64.sqrt()]));
    }

    #[test]
    fn each_point_counts_for_its_nearest_mode() {
        let density = scorefield::density::open("mixture").unwrap();
        let mut counts = ModeCounts::new(density, 0.0).unwrap();
        assert!(counts.weights().is_none());
        counts.add(&[5.0, 5.0, 4.0, 6.0, f32::NAN, 0.0]);
        counts.add(&[-5.0, -4.0, 6.0, 6.0]);
        let weights = counts.weights().unwrap();
        assert_eq!(weights.mode_weights, [0.75, 0.25]);
        // √(0.8·0.2/4) = 0.2 for both.
        assert!(weights.mode_weights_standard_error.iter().all(|e| (e - 0.2).abs() < 1e-12));
    }
}
