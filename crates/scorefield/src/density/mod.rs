//! Distributions known in closed form: log p, score, draws, and the same for their smoothing by Gaussian noise of any σ.
//!
//! These are the oracle: a Gaussian mixture stays one under Gaussian noise, so every objective, sampler and diagnostic can be tested
//! against the truth.

mod component;
mod file;
mod mixture;
mod named;

pub use component::Component;
pub use mixture::Mixture;
pub use named::DENSITIES;

use crate::error::Result;
use crate::registry::lookup;

/// The density that `name` means in `density:name`: a registered name, or a path ending in `.toml`.
///
/// # Errors
/// An unknown name (with the nearest one), or a file that does not describe a density.
pub fn open(name: &str) -> Result<Mixture> {
    if name.ends_with(".toml") { file::read(name.as_ref()) } else { Ok((lookup(DENSITIES, "density", name)?.value)()) }
}
