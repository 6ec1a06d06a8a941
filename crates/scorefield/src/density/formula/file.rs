//! A formula in a file: `kind = "formula"`, `dimension`, `log_density`, `[parameters]`, and where chains begin.

use super::expand::taken;
use super::{Formula, MOST_DIMENSIONS, MOST_NUMBERS, Parameter, Written};
use crate::density::{Constant, Exact, Unsmoothed};
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The fields of a file.
pub(in crate::density) const FIELDS: &[&str] =
    &["kind", "dimension", "log_density", "parameters", "start", "spread", "normalised"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::density) struct Raw {
    #[serde(rename = "kind")]
    _kind: String,
    dimension: i64,
    log_density: String,
    #[serde(default)]
    parameters: BTreeMap<String, RawParameter>,
    start: Option<RawParameter>,
    spread: Option<f64>,
    #[serde(default)]
    normalised: bool,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a number or a list of numbers")]
enum RawParameter {
    One(f64),
    Many(Vec<f64>),
}

/// Makes the formula of a file's fields.
///
/// # Errors
/// A dimension, parameters or a start that will not do; a formula that is none, or has no value where chains begin.
pub(in crate::density) fn read(path: &Path, raw: Raw) -> Result<Arc<dyn Exact>> {
    let dim = usize::try_from(raw.dimension).ok().filter(|d| (1..=MOST_DIMENSIONS).contains(d)).ok_or_else(|| {
        Error::file_at(path, "dimension", format!("expected a whole number from 1 to {MOST_DIMENSIONS}, got {}", raw.dimension))
    })?;
    let start = match raw.start.unwrap_or(RawParameter::One(0.0)) {
        RawParameter::One(x) => vec![x; dim],
        RawParameter::Many(all) => all,
    };
    let odd = match start.len() == dim {
        true => start.iter().find(|x| !x.is_finite()).map(f64::to_string),
        false => Some(format!("a list of {}", start.len())),
    };
    if let Some(odd) = odd {
        return Err(Error::file_at(path, "start", format!("expected a finite number or a list of {dim}, got {odd}")));
    }
    let spread = raw.spread.unwrap_or(1.0);
    if !(spread.is_finite() && spread > 0.0) {
        return Err(Error::file_at(path, "spread", format!("expected a positive number, got {spread}")));
    }
    let written = Written {
        dim,
        text: raw.log_density,
        parameters: parameters(path, raw.parameters)?,
        start,
        spread,
        constant: if raw.normalised { Constant::Known } else { Constant::Unknown },
    };
    let formula = Formula::new(&written).map_err(|trouble| trouble.in_file(path, "log_density", &written.text))?;
    Ok(Arc::new(Unsmoothed(formula)))
}

fn parameters(path: &Path, raw: BTreeMap<String, RawParameter>) -> Result<BTreeMap<String, Parameter>> {
    let mut all = BTreeMap::new();
    let mut numbers = 0;
    for (name, value) in raw {
        let wrong = |problem: String| Error::file_at(path, format!("parameters.{name}"), problem);
        let mut letters = name.chars();
        let begins = letters.next().is_some_and(|c| c.is_alphabetic() || c == '_');
        if !begins || letters.any(|c| !(c.is_alphanumeric() || c == '_')) {
            return Err(wrong("a name has letters, digits and _, and begins with a letter".to_owned()));
        }
        if taken(&name) {
            return Err(wrong(format!("the name {name} has a meaning in formulas already; take another")));
        }
        let (parameter, values) = match value {
            RawParameter::One(x) => (Parameter::One(x), vec![x]),
            RawParameter::Many(all) => (Parameter::Many(all.clone()), all),
        };
        numbers += values.len();
        if values.is_empty() || values.iter().any(|x| !x.is_finite()) {
            return Err(wrong("expected finite numbers, at least one".to_owned()));
        }
        if numbers > MOST_NUMBERS {
            return Err(wrong(format!("the parameters have more than {MOST_NUMBERS} numbers")));
        }
        all.insert(name, parameter);
    }
    Ok(all)
}
