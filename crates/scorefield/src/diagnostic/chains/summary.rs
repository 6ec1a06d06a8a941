//! All coordinates at once, and the worst of them.

use super::Draws;
use rayon::prelude::*;

/// Chains whose R̂ is above this have not mixed (Vehtari et al. 2021).
pub const MIXED: f64 = 1.01;

/// Statistics of every coordinate, `[d]` each; NaN where a statistic is not defined.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Means.
    pub mean: Vec<f64>,
    /// Standard deviations.
    pub sd: Vec<f64>,
    /// Standard errors of the means.
    pub mcse_mean: Vec<f64>,
    /// Standard errors of the standard deviations.
    pub mcse_sd: Vec<f64>,
    /// Rank-normalised split R̂.
    pub rhat: Vec<f64>,
    /// ESS of the bulk.
    pub ess_bulk: Vec<f64>,
    /// ESS of the tails.
    pub ess_tail: Vec<f64>,
}

/// Measures every coordinate.
pub fn summary(draws: &Draws) -> Summary {
    let one = |j: usize| {
        let v = draws.variable(j);
        [v.mean(), v.sd(), v.mcse_mean(), v.mcse_sd(), v.rhat(), v.ess_bulk(), v.ess_tail()]
    };
    let all: Vec<[f64; 7]> = (0..draws.d).into_par_iter().map(one).collect();
    let column = |k: usize| all.iter().map(|row| row[k]).collect();
    Summary {
        mean: column(0),
        sd: column(1),
        mcse_mean: column(2),
        mcse_sd: column(3),
        rhat: column(4),
        ess_bulk: column(5),
        ess_tail: column(6),
    }
}

impl Summary {
    /// The greatest R̂; `None` where it is not defined for any coordinate.
    pub fn worst_rhat(&self) -> Option<f64> {
        self.rhat.iter().copied().filter(|v| !v.is_nan()).max_by(f64::total_cmp)
    }

    /// The least ESS of the bulk.
    pub fn least_bulk(&self) -> Option<f64> {
        least(&self.ess_bulk)
    }

    /// The least ESS of the tails.
    pub fn least_tail(&self) -> Option<f64> {
        least(&self.ess_tail)
    }
}

fn least(values: &[f64]) -> Option<f64> {
    values.iter().copied().filter(|v| !v.is_nan()).min_by(f64::total_cmp)
}
