//! What a set of samples is like: its moments, and how it is shared among the modes of a mixture.

use scorefield::density::Mixture;
use scorefield::recipe::Target;
use serde::Serialize;

use scorefield::words;

/// Above this dimension a mean per dimension says nothing to a reader.
pub const MANY: usize = 16;

/// Mean and standard deviation of each dimension, over the rows that are finite.
#[derive(Debug)]
pub struct Moments {
    pub mean: Vec<f64>,
    pub std: Vec<f64>,
}

impl Moments {
    /// Of points `[n, d]`.
    pub fn of(points: &[f32], d: usize) -> Self {
        let rows = || points.chunks_exact(d).filter(|row| row.iter().all(|v| v.is_finite()));
        let n = rows().count().max(1) as f64;
        let sum_of = |f: &dyn Fn(usize, f64) -> f64| {
            let mut sum = vec![0.0; d];
            for row in rows() {
                sum.iter_mut().enumerate().for_each(|(j, s)| *s += f(j, f64::from(row[j])));
            }
            sum
        };
        let mean: Vec<f64> = sum_of(&|_, x| x).iter().map(|s| s / n).collect();
        let std = sum_of(&|j, x| (x - mean[j]).powi(2)).iter().map(|s| (s / (n - 1.0).max(1.0)).sqrt()).collect();
        Self { mean, std }
    }

    /// One line a dimension, or one line for all if they are many.
    pub fn text(&self, target: &Target) -> String {
        let d = self.mean.len();
        if d > MANY {
            let mean = self.mean.iter().sum::<f64>() / d as f64;
            let std = (self.std.iter().map(|s| s * s).sum::<f64>() / d as f64).sqrt();
            return format!("mean {}, standard deviation {} over {d} dimensions\n", words::number(mean), words::number(std));
        }
        let name = |j: usize| target.columns().and_then(|c| c.get(j).cloned()).unwrap_or_else(|| format!("x{j}"));
        let row = |j: usize| {
            vec![name(j), format!("mean {}", words::number(self.mean[j])), format!("std {}", words::number(self.std[j]))]
        };
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

impl ModeWeights {
    /// Of points that should follow the mixture smoothed by σ; `None` for a single mode or no finite point.
    pub fn of(points: &[f32], density: &Mixture, sigma: f64) -> Option<Self> {
        let weights = density.weights();
        let d = density.means().first()?.len();
        let finite: Vec<f32> =
            points.chunks_exact(d).filter(|row| row.iter().all(|v| v.is_finite())).flatten().copied().collect();
        let n = finite.len() / d;
        if weights.len() < 2 || n == 0 {
            return None;
        }
        let mut counts = vec![0usize; weights.len()];
        density.assign(&finite, sigma).into_iter().for_each(|k| counts[k] += 1);
        Some(Self {
            mode_weights: counts.iter().map(|c| *c as f64 / n as f64).collect(),
            mode_weights_standard_error: weights.iter().map(|w| (w * (1.0 - w) / n as f64).sqrt()).collect(),
            true_weights: weights,
            means: density.means().into_iter().map(<[f64]>::to_vec).collect(),
        })
    }

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
        let moments = Moments::of(&[1.0, 10.0, 3.0, 14.0, f32::NAN, 0.0, 0.0, f32::INFINITY], 2);
        assert_eq!((moments.mean, moments.std), (vec![2.0, 12.0], vec![2f64.sqrt(), 8f64.sqrt()]));
    }

    #[test]
    fn each_point_counts_for_its_nearest_mode() {
        let density = scorefield::density::mixture("mixture").unwrap();
        let points = [5.0, 5.0, 4.0, 6.0, -5.0, -4.0, 6.0, 6.0];
        let weights = ModeWeights::of(&points, &density, 0.0).unwrap();
        assert_eq!(weights.mode_weights, [0.75, 0.25]);
        // √(0.8·0.2/4) = 0.2 for both.
        assert!(weights.mode_weights_standard_error.iter().all(|e| (e - 0.2).abs() < 1e-12));
    }
}
