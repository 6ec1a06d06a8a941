//! The jackknife over ten groups of points (Efron & Tibshirani 1993, chapter 11): a figure is taken again ten times, each time without a tenth
//! of its points, and the spread of the ten says what its error is.

/// Groups.
pub const GROUPS: usize = 10;
/// The 97.5% quantile of Student's law with 9 degrees of freedom: half the width of a 95% interval, in standard errors.
pub const T9: f64 = 2.262;

/// √((G − 1)/G·Σ(θ_g − θ̄)²) of the G values θ_g that leave a group out each.
pub fn jackknife(left: &[f64]) -> f64 {
    let groups = left.len() as f64;
    let mean = left.iter().sum::<f64>() / groups;
    let squares: f64 = left.iter().map(|v| (v - mean).powi(2)).sum();
    ((groups - 1.0) / groups * squares).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_mean_over_single_points_it_is_the_standard_error() {
        let x = [1.0, 4.0, 2.0, 7.0, 3.0];
        let total: f64 = x.iter().sum();
        let left: Vec<f64> = x.iter().map(|v| (total - v) / 4.0).collect();
        let variance = x.iter().map(|v| (v - total / 5.0).powi(2)).sum::<f64>() / 4.0;
        assert!((jackknife(&left) - (variance / 5.0).sqrt()).abs() < 1e-12);
    }
}
