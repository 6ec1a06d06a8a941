//! Draws of several chains, and one coordinate of them.

use crate::error::{Error, Result};

/// Draws of several chains of equal length, in f64.
#[derive(Clone, Debug, PartialEq)]
pub struct Draws {
    /// `[chains, draws, d]`, row-major.
    pub values: Vec<f64>,
    /// Number of chains.
    pub chains: usize,
    /// Draws a chain.
    pub draws: usize,
    /// Numbers a draw.
    pub d: usize,
}

impl Draws {
    /// Checks the shape.
    ///
    /// # Errors
    /// No number at all, or another number of values than the shape says.
    pub fn new(values: Vec<f64>, chains: usize, draws: usize, d: usize) -> Result<Self> {
        if values.is_empty() || values.len() != chains * draws * d {
            let expected = format!("{chains} chains × {draws} draws × {d} numbers, at least one");
            return Err(Error::setting("draws", expected, values.len()));
        }
        Ok(Self { values, chains, draws, d })
    }

    /// The chains all of whose draws are finite; how many were left out.
    ///
    /// # Errors
    /// There is none.
    pub fn finite(self) -> Result<(Self, usize)> {
        let length = self.draws * self.d;
        let kept: Vec<&[f64]> = self.values.chunks_exact(length).filter(|c| c.iter().all(|v| v.is_finite())).collect();
        let chains = kept.len();
        if chains == 0 {
            return Err(Error::setting("draws", "a chain all of whose draws are finite", format!("none of {}", self.chains)));
        }
        Ok((Self::new(kept.concat(), chains, self.draws, self.d)?, self.chains - chains))
    }

    /// Coordinate j.
    ///
    /// # Panics
    /// If there is no such coordinate.
    pub fn variable(&self, j: usize) -> Variable {
        assert!(j < self.d, "coordinate {j} of {}", self.d);
        let values = self.values.iter().skip(j).step_by(self.d).copied().collect();
        Variable { values, chains: self.chains, draws: self.draws }
    }
}

/// One number a draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    pub(super) values: Vec<f64>,
    pub(super) chains: usize,
    pub(super) draws: usize,
}

/// Fewer draws than this say nothing of a chain.
const FEWEST_DRAWS: usize = 4;

impl Variable {
    /// Numbers of several chains, `[chains, draws]`.
    ///
    /// # Errors
    /// As [`Draws::new`].
    pub fn new(values: Vec<f64>, chains: usize, draws: usize) -> Result<Self> {
        let Draws { values, chains, draws, .. } = Draws::new(values, chains, draws, 1)?;
        Ok(Self { values, chains, draws })
    }

    /// The numbers, `[chains, draws]`.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Number of chains.
    pub fn chains(&self) -> usize {
        self.chains
    }

    /// Draws a chain.
    pub fn draws(&self) -> usize {
        self.draws
    }

    /// x̄ over all draws.
    pub fn mean(&self) -> f64 {
        mean(&self.values)
    }

    /// The standard deviation over all draws, with n − 1.
    pub fn sd(&self) -> f64 {
        variance(&self.values).sqrt()
    }

    /// The p-quantile of all draws, linear between order statistics (R's type 7).
    pub fn quantile(&self, p: f64) -> f64 {
        quantile(&self.sorted(), p)
    }

    pub(super) fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted
    }

    /// Whether there is anything to be said of these draws, for `chains` chains at least.
    pub(super) fn is_enough(&self, chains: usize) -> bool {
        self.chains >= chains && self.draws >= FEWEST_DRAWS && self.values.iter().all(|v| v.is_finite())
    }

    /// Each chain's first and last half as chains of their own; of an odd number the middle draw is left out.
    pub(super) fn split(&self) -> Self {
        let half = self.draws / 2;
        let rows = || self.values.chunks(self.draws);
        let values = rows().map(|c| &c[..half]).chain(rows().map(|c| &c[self.draws - half..])).flatten().copied().collect();
        Self { values, chains: 2 * self.chains, draws: half }
    }

    pub(super) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { values: self.values.iter().map(|v| f(*v)).collect(), ..*self }
    }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// With n − 1.
pub(super) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

/// Of sorted values.
pub(super) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let n = sorted.len();
    if n < 2 {
        return sorted[0];
    }
    // Written as SciPy's `mquantiles` does: where p falls on a draw, the rounding of this decides whether the draw is below it.
    let p = p.clamp(0.0, 1.0);
    let at = n as f64 * p + (1.0 - p);
    let below = at.clamp(1.0, n as f64 - 1.0).floor();
    let part = (at - below).clamp(0.0, 1.0);
    (1.0 - part) * sorted[below as usize - 1] + part * sorted[below as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_leave_out_the_middle_of_an_odd_length_and_coordinates_are_strided() {
        let draws = Draws::new((0..20).map(f64::from).collect(), 2, 5, 2).unwrap();
        let odd = draws.variable(1);
        assert_eq!(odd.values(), [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0, 19.0]);
        assert_eq!(odd.split().values(), [1.0, 3.0, 11.0, 13.0, 7.0, 9.0, 17.0, 19.0]);
        assert!(Draws::new(vec![], 0, 0, 0).is_err() && Draws::new(vec![1.0; 7], 2, 2, 2).is_err());
    }

    #[test]
    fn quantiles_are_linear_between_order_statistics() {
        let v = Variable::new(vec![4.0, 1.0, 3.0, 2.0], 1, 4).unwrap();
        assert_eq!([0.0, 0.5, 0.75, 1.0].map(|p| v.quantile(p)), [1.0, 2.5, 3.25, 4.0]);
    }
}
