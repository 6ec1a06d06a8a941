//! How much a loss and its gradient vary from one draw of what is random to another.
//!
//! Of R gradients g_r of the same expectation ḡ: tr Cov = Σ_k Var g_k, unbiased, and ‖ḡ‖² is ‖mean‖² less tr Cov/R, which the mean has
//! too much. The noise tr Cov/‖ḡ‖² is a number without units: at 1 a single gradient is as much noise as it is direction; it falls as 1/n with
//! the rows of a batch.

use crate::train::Slope;

/// A gradient's mean and what is around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GradientSpread {
    /// tr Cov.
    pub variance: f64,
    /// ‖ḡ‖², without bias; it may come out negative where noise is all there is.
    pub mean_square: f64,
}

impl GradientSpread {
    /// Of gradients of equal length; at least one. A single one has no spread.
    pub fn of(slopes: &[Slope]) -> Self {
        let r = slopes.len() as f64;
        let parameters = slopes[0].gradient.len();
        let (mut squares, mut around) = (0.0, 0.0);
        for k in 0..parameters {
            let (mean, spread) = moments(slopes.iter().map(|s| f64::from(s.gradient[k])));
            squares += mean * mean;
            around += spread;
        }
        let variance = if r > 1.0 { around / (r - 1.0) } else { 0.0 };
        Self { variance, mean_square: squares - variance / r }
    }

    /// tr Cov/‖ḡ‖², where the mean can be told from nothing.
    pub fn noise(&self) -> Option<f64> {
        (self.mean_square > 0.0).then(|| self.variance / self.mean_square)
    }
}

/// The variance of a row's loss over repetitions, averaged over the rows; 0 for a single repetition.
pub(super) fn variance_given_point(slopes: &[Slope]) -> f64 {
    let (rows, r) = (slopes[0].losses.len(), slopes.len());
    if r < 2 {
        return 0.0;
    }
    let of_row = |i: usize| moments(slopes.iter().map(|s| f64::from(s.losses[i]))).1 / (r - 1) as f64;
    (0..rows).map(of_row).sum::<f64>() / rows as f64
}

/// Mean and variance of all losses together.
pub(super) fn of_losses(slopes: &[Slope]) -> (f64, f64) {
    let n: usize = slopes.iter().map(|s| s.losses.len()).sum();
    let (mean, around) = moments(slopes.iter().flat_map(|s| &s.losses).map(|l| f64::from(*l)));
    (mean, around / n.saturating_sub(1).max(1) as f64)
}

/// The mean and Σ(x − mean)², in one pass (Welford 1962).
fn moments(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut n, mut mean, mut around) = (0.0, 0.0, 0.0);
    for x in values {
        n += 1.0;
        let off = x - mean;
        mean += off / n;
        around += off * (x - mean);
    }
    (mean, around)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};

    #[test]
    fn the_spread_of_known_gradients_is_found_without_bias() {
        // 2,000 sets of 4 gradients m + z in 3 dimensions, m = (1, 2, 0): tr Cov = 3, ‖m‖² = 5.
        let (sets, m) = (2000, [1.0f32, 2.0, 0.0]);
        let z = Key::new(3, Purpose::Metric).normal(0, sets * 4, 3);
        let slope = |z: &[f32]| Slope { losses: vec![0.0], gradient: z.iter().zip(m).map(|(z, m)| z + m).collect() };
        let spreads: Vec<GradientSpread> =
            z.chunks(12).map(|set| GradientSpread::of(&set.chunks(3).map(slope).collect::<Vec<_>>())).collect();
        let mean = |f: fn(&GradientSpread) -> f64| spreads.iter().map(f).sum::<f64>() / sets as f64;
        // Standard errors: √(2·3/3/2000) = 0.032 and about √(4·5/4/2000) = 0.05.
        assert!((mean(|s| s.variance) - 3.0).abs() < 0.13 && (mean(|s| s.mean_square) - 5.0).abs() < 0.21);
    }

    #[test]
    fn a_rows_own_level_is_no_variance_given_the_point() {
        let slope = |losses: [f32; 2]| Slope { losses: losses.to_vec(), gradient: vec![] };
        let slopes = [slope([0.0, 101.0]), slope([2.0, 99.0])];
        assert_eq!(variance_given_point(&slopes), 2.0);
        let (mean, variance) = of_losses(&slopes);
        // (50.5² + 50.5² + 48.5² + 48.5²)/3.
        assert!((mean - 50.5).abs() < 1e-12 && (variance - 9805.0 / 3.0).abs() < 1e-3, "{mean} {variance}");
        assert_eq!((variance_given_point(&slopes[..1]), GradientSpread::of(&slopes[..1]).noise()), (0.0, None));
    }
}
