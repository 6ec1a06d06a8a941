//! Noise levels: positive, finite, strictly decreasing, with an optional final zero.
//!
//! A ladder that is not monotone is silently wrong in some peers; here it cannot be built.

use crate::error::{Error, Result};

/// Whether a score is that of the data themselves, or of the data under noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regime {
    /// No noise: σ = 0 everywhere.
    Clean,
    /// Noise levels σ > 0.
    Noisy,
}

/// σ₁ > … > σ_L > 0, and perhaps a last 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels(Vec<f64>);

impl Levels {
    /// Checks a list.
    ///
    /// # Errors
    /// An empty list, a level that is not finite and positive (only the last may be 0), or one not below its predecessor.
    pub fn new(levels: Vec<f64>) -> Result<Self> {
        if levels.is_empty() {
            return Err(Error::setting("noise levels", "at least one", "none"));
        }
        for (i, &sigma) in levels.iter().enumerate() {
            let last_zero = sigma == 0.0 && i > 0 && i + 1 == levels.len();
            if !(sigma.is_finite() && (sigma > 0.0 || last_zero)) {
                return Err(Error::setting(format!("noise level {}", i + 1), "a positive number", sigma));
            }
            if i > 0 && sigma >= levels[i - 1] {
                let expected = format!("less than the level before it, {}", levels[i - 1]);
                return Err(Error::setting(format!("noise level {}", i + 1), expected, sigma));
            }
        }
        Ok(Self(levels))
    }

    /// `n` levels from `high` to `low` with a constant ratio (Song & Ermon 2019).
    ///
    /// # Errors
    /// See [`Levels::new`].
    pub fn geometric(high: f64, low: f64, n: usize) -> Result<Self> {
        let last = n.saturating_sub(1).max(1) as f64;
        Self::spaced(high, low, n, |f| high * (low / high).powf(f / last))
    }

    /// `n` levels from `high` to `low`, evenly spaced in σ^(1/ρ) (Karras et al. 2022, eq. 5); ρ = 7 there.
    ///
    /// # Errors
    /// See [`Levels::new`].
    pub fn karras(high: f64, low: f64, n: usize, rho: f64) -> Result<Self> {
        let (a, b, last) = (high.powf(1.0 / rho), low.powf(1.0 / rho), n.saturating_sub(1).max(1) as f64);
        Self::spaced(high, low, n, |f| (a + f / last * (b - a)).powf(rho))
    }

    /// `n` levels from `high` to `low`, ln σ = ln low + (1 − i/(n − 1))^ρ·(ln high − ln low); ρ = 1 is geometric.
    ///
    /// # Errors
    /// See [`Levels::new`].
    pub fn polyexponential(high: f64, low: f64, n: usize, rho: f64) -> Result<Self> {
        let last = n.saturating_sub(1).max(1) as f64;
        Self::spaced(high, low, n, |f| low * (high / low).powf((1.0 - f / last).powf(rho)))
    }

    /// `n` levels from `high` to `low`, evenly spaced.
    ///
    /// # Errors
    /// See [`Levels::new`].
    pub fn linear(high: f64, low: f64, n: usize) -> Result<Self> {
        let last = n.saturating_sub(1).max(1) as f64;
        Self::spaced(high, low, n, |f| high + f / last * (low - high))
    }

    fn spaced(high: f64, low: f64, n: usize, sigma: impl Fn(f64) -> f64) -> Result<Self> {
        // The ends are set, not computed, so that they are exact.
        Self::new(
            (0..n)
                .map(|i| match i {
                    0 => high,
                    i if i + 1 == n => low,
                    i => sigma(i as f64),
                })
                .collect(),
        )
    }

    /// The same ladder with a final 0.
    pub fn to_zero(mut self) -> Self {
        if self.last() > 0.0 {
            self.0.push(0.0);
        }
        self
    }

    /// The levels, largest first.
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }

    /// The largest level.
    pub fn first(&self) -> f64 {
        self.0[0]
    }

    /// The smallest level.
    pub fn last(&self) -> f64 {
        self.0[self.0.len() - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_must_fall_and_stay_positive() {
        assert!(Levels::new(vec![]).is_err());
        assert!(Levels::new(vec![1.0, 1.0]).is_err());
        assert!(Levels::new(vec![1.0, 2.0]).is_err());
        assert!(Levels::new(vec![0.0]).is_err());
        assert!(Levels::new(vec![1.0, f64::NAN]).is_err());
        assert!(Levels::new(vec![1.0, 0.0, 0.0]).is_err());
        assert!(Levels::new(vec![2.0, 1.0, 0.0]).is_ok());
    }

    #[test]
    fn a_geometric_ladder_has_a_constant_ratio_and_exact_ends() {
        let levels = Levels::geometric(20.0, 1.0, 10).unwrap();
        let s = levels.as_slice();
        assert_eq!((s[0], s[9], s.len()), (20.0, 1.0, 10));
        assert!(s.windows(2).all(|w| (w[1] / w[0] - 20f64.powf(-1.0 / 9.0)).abs() < 1e-12));
    }

    #[test]
    fn karras_spacing_matches_the_paper_at_its_middle() {
        // ρ = 1 is linear spacing.
        assert!((Levels::karras(3.0, 1.0, 3, 1.0).unwrap().as_slice()[1] - 2.0).abs() < 1e-12);
        let middle = Levels::karras(80.0, 0.002, 3, 7.0).unwrap().as_slice()[1];
        let expected = (0.5 * (80f64.powf(1.0 / 7.0) + 0.002f64.powf(1.0 / 7.0))).powi(7);
        assert!((middle - expected).abs() < 1e-12);
    }
}
