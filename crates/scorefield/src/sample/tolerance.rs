//! The tolerance of an adaptive solver, as a user gives it.

use super::solver::Tolerance;
use crate::error::{Error, Result};

/// `--rtol` and `--atol` as given; each is the other's default, and `usual` that of both.
///
/// # Errors
/// A number that is out of the range in which double precision can keep it.
pub fn given(rtol: Option<f64>, atol: Option<f64>, usual: f64) -> Result<Tolerance> {
    let relative = one("--rtol", rtol.or(atol).unwrap_or(usual))?;
    let absolute = one("--atol", atol.or(rtol).unwrap_or(usual))?;
    Ok(Tolerance { absolute, relative })
}

/// One number for both, by the name of its flag.
///
/// # Errors
/// As [`given`].
pub fn both(flag: &str, value: f64) -> Result<Tolerance> {
    let value = one(flag, value)?;
    Ok(Tolerance { absolute: value, relative: value })
}

fn one(flag: &str, value: f64) -> Result<f64> {
    if (1e-13..=1.0).contains(&value) { Ok(value) } else { Err(Error::setting(flag, "a number from 1e-13 to 1", value)) }
}
