//! A mean with its standard error, and what follows from such means: variances, slopes.

/// A measured number and the standard deviation of its error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
}

impl Estimate {
    /// The mean of independent numbers.
    pub fn mean(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Self { mean, standard_error: (variance / n).sqrt() }
    }

    /// The variance of independent numbers: the mean of their squared distances from their mean, with the standard error of that.
    pub fn variance(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: Vec<f64> = values.iter().map(|v| (v - mean).powi(2) * n / (n - 1.0)).collect();
        Self::mean(&squares)
    }

    /// E a/E b of pairs, its error to first order: that of the mean of (a − r·b)/E b (Cochran 1977, section 6.3).
    ///
    /// # Panics
    /// If the two are not equally many.
    pub fn ratio(a: &[f64], b: &[f64]) -> Self {
        assert_eq!(a.len(), b.len());
        let below = b.iter().sum::<f64>() / b.len() as f64;
        let ratio = a.iter().sum::<f64>() / a.len() as f64 / below;
        let left: Vec<f64> = a.iter().zip(b).map(|(a, b)| (a - ratio * b) / below).collect();
        Self { mean: ratio, ..Self::mean(&left) }
    }

    /// ln of a positive number, its error to first order.
    pub fn ln(self) -> Self {
        Self { mean: self.mean.ln(), standard_error: self.standard_error / self.mean }
    }
}

/// The slope of the least-squares line through y(x), with the error that it has from independent errors of y.
///
/// Of ln(error) over ln(h) it is an order of convergence.
///
/// # Panics
/// If x and y are not equally many.
pub fn slope(x: &[f64], y: &[Estimate]) -> Estimate {
    assert_eq!(x.len(), y.len());
    let centre = x.iter().sum::<f64>() / x.len() as f64;
    let square: f64 = x.iter().map(|x| (x - centre).powi(2)).sum();
    // Σ cᵢyᵢ with cᵢ = (xᵢ − x̄)/Σ(xⱼ − x̄)².
    let share = |x: &f64| (x - centre) / square;
    Estimate {
        mean: x.iter().zip(y).map(|(x, y)| share(x) * y.mean).sum(),
        standard_error: x.iter().zip(y).map(|(x, y)| (share(x) * y.standard_error).powi(2)).sum::<f64>().sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_variances_are_the_textbooks() {
        let e = Estimate::mean(&[1.0, 2.0, 3.0, 6.0]);
        assert!((e.mean - 3.0).abs() < 1e-12 && (e.standard_error - (14.0f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
        assert!((Estimate::variance(&[1.0, 2.0, 3.0, 6.0]).mean - 14.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_ratio_has_the_error_that_its_repetitions_show() {
        use crate::key::{Key, Purpose};
        // a = 2b + z/2 with b uniform on (1, 2): E a/E b = 2, left over z/2, so the error is ½/(1.5·√n).
        let (n, sets) = (200, 400);
        let one = |set: u32| {
            let key = Key::new(7, Purpose::Metric).at(set);
            let b: Vec<f64> = key.uniform(0, n, 1).into_iter().map(|u| 1.0 + f64::from(u)).collect();
            let z = key.for_purpose(Purpose::Noise).normal(0, n, 1);
            let a: Vec<f64> = b.iter().zip(z).map(|(b, z)| 2.0 * b + 0.5 * f64::from(z)).collect();
            Estimate::ratio(&a, &b)
        };
        let found: Vec<Estimate> = (0..sets).map(one).collect();
        let error = 0.5 / (1.5 * (n as f64).sqrt());
        let mean = found.iter().map(|e| e.mean).sum::<f64>() / f64::from(sets);
        let spread = (found.iter().map(|e| (e.mean - 2.0).powi(2)).sum::<f64>() / f64::from(sets)).sqrt();
        let said = found.iter().map(|e| e.standard_error).sum::<f64>() / f64::from(sets);
        // A standard deviation from 400 numbers is known to 3.5 %.
        assert!((mean - 2.0).abs() < 4.0 * error / f64::from(sets).sqrt() && (spread / error - 1.0).abs() < 0.15);
        assert!((said / error - 1.0).abs() < 0.03, "{said} against {error}");
    }

    #[test]
    fn the_slope_of_a_power_law_is_its_exponent() {
        let h = [0.1f64, 0.2, 0.4, 0.8];
        let y = h.map(|h| Estimate { mean: 3.0 * h.powi(2), standard_error: 0.0 }.ln());
        let s = slope(&h.map(f64::ln), &y);
        assert!((s.mean - 2.0).abs() < 1e-12 && s.standard_error == 0.0);
    }
}
