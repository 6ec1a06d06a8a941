//! Distributions known in closed form: log p and score; of mixtures also draws, and the same for their smoothing by Gaussian noise of any σ.
//!
//! These are the oracle: a Gaussian mixture stays one under Gaussian noise, so every objective, sampler and diagnostic can be tested
//! against the truth.

mod component;
mod exact;
mod file;
mod formula;
mod fresh;
mod funnel;
mod mixture;
mod named;
mod pointwise;
mod smoothed;

pub use component::Component;
pub use exact::{Constant, Exact, Smoothing};
pub use formula::{Formula, MOST_CHARACTERS, MOST_DIMENSIONS, MOST_NUMBERS, Parameter};
pub use fresh::Fresh;
pub use funnel::Funnel;
pub use mixture::Mixture;
pub use named::DENSITIES;
pub use pointwise::{PointDensity, Unsmoothed};

use crate::error::{Error, Result};
use crate::registry::lookup;
use std::sync::Arc;

/// The density that `name` means in `density:name`: a registered name, or a path ending in `.toml`.
///
/// # Errors
/// An unknown name (with the nearest one), or a file that does not describe a density.
pub fn open(name: &str) -> Result<Arc<dyn Exact>> {
    if name.ends_with(".toml") { file::read(name.as_ref()) } else { Ok((lookup(DENSITIES, "density", name)?.value)()) }
}

/// The mixture that `name` means in `density:name`.
///
/// # Errors
/// As [`open`]; a density that is none.
pub fn mixture(name: &str) -> Result<Mixture> {
    let wrong = || Error::setting("density", "a Gaussian mixture", name);
    open(name)?.as_mixture().cloned().ok_or_else(wrong)
}
