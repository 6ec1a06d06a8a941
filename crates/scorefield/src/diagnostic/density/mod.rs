//! Where a learned score is wrong: where there are few data or none.
//!
//! The loss of score matching is an expectation over the data, so nothing teaches a score where no data are (Song & Ermon 2019, section
//! 3.2.1, "inaccurate score estimation"); chains that begin there are misled. Where the truth is known: [`error_by_density`], and
//! [`between_modes`] against at the modes. Where it is not: [`loss_by_density`], a loss that needs no truth.

mod between_modes;
mod error_by_density;
mod loss_by_density;

pub use between_modes::{Between, Rms, between_modes};
pub use error_by_density::{Bin, ErrorByDensity, error_by_density};
pub use loss_by_density::{LossBin, LossByDensity, loss_by_density};

pub(super) use between_modes::ENTRY as BETWEEN_MODES;
pub(super) use error_by_density::ENTRY as ERROR_BY_DENSITY;
pub(super) use loss_by_density::ENTRY as LOSS_BY_DENSITY;

use crate::metric::{GROUPS, T9, jackknife};

/// Σ numerator/Σ denominator of some pairs, and its standard error by the jackknife over ten groups of them.
fn ratio(pairs: &[(f64, f64)]) -> (f64, f64) {
    let of = |without: Option<usize>| {
        let kept = pairs.iter().enumerate().filter(|(i, _)| without != Some(i % GROUPS));
        let (a, b) = kept.fold((0.0, 0.0), |(a, b), (_, p)| (a + p.0, b + p.1));
        a / b
    };
    (of(None), jackknife(&(0..GROUPS).map(|g| of(Some(g))).collect::<Vec<_>>()))
}

/// 95% about a value.
fn interval(value: f64, standard_error: f64) -> [f64; 2] {
    [value - T9 * standard_error, value + T9 * standard_error]
}
