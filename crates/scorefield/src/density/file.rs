//! A density written in a file: TOML of `kind` "mixture", its components, or of `kind` "formula", its logarithm.

use super::{Component, Exact, Mixture, formula};
use crate::error::{Error, Result};
use crate::registry::nearest;
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

/// A description of a density is small; anything larger is not one.
const MAX_BYTES: u64 = 16 << 20;

/// What decides how the rest is read.
#[derive(Deserialize)]
struct Headline {
    kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(default)]
    component: Vec<RawComponent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawComponent {
    weight: f64,
    mean: Vec<f64>,
    cov: Option<Vec<Vec<f64>>>,
    std: Option<f64>,
}

/// The kinds of density that a file may describe.
const KINDS: &[&str] = &["mixture", "formula"];
/// The fields of a mixture.
const FIELDS: &[&str] = &["kind", "component", "weight", "mean", "cov", "std"];

/// Reads a density file.
///
/// # Errors
/// A file that cannot be read, is not TOML, has other fields, or does not describe a density.
pub(super) fn read(path: &Path) -> Result<Arc<dyn Exact>> {
    let bytes = std::fs::metadata(path).map_err(|e| Error::read(path, &e))?.len();
    if bytes > MAX_BYTES {
        return Err(Error::file(path, format!("a density file of at most {MAX_BYTES} bytes was expected, this has {bytes}")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::read(path, &e))?;
    let headline =
        toml::from_str::<Headline>(&text).map_err(|e| explain(path, &text, &e, &[FIELDS, formula::FIELDS].concat()))?;
    match headline.kind.as_str() {
        "mixture" => mixture(path, toml::from_str(&text).map_err(|e| explain(path, &text, &e, FIELDS))?),
        "formula" => formula::read(path, toml::from_str(&text).map_err(|e| explain(path, &text, &e, formula::FIELDS))?),
        other => {
            let error = Error::file_at(path, "kind", format!("expected one of {}, got {other:?}", KINDS.join(", ")));
            Err(match nearest(other, KINDS.iter().copied()) {
                Some(near) => error.with_hint(format!("did you mean {near}?")),
                None => error,
            })
        }
    }
}

fn mixture(path: &Path, raw: Raw) -> Result<Arc<dyn Exact>> {
    let components = raw.component.into_iter().enumerate().map(|(k, c)| {
        let place = format!("component {}", k + 1);
        match (c.cov, c.std) {
            (Some(cov), None) => Ok(Component { weight: c.weight, mean: c.mean, cov }),
            (None, Some(std)) if std.is_finite() && std > 0.0 => Ok(Component::isotropic(c.weight, c.mean, std)),
            (None, Some(std)) => Err(Error::file_at(path, place, format!("std must be positive, got {std}"))),
            _ => Err(Error::file_at(path, place, "give exactly one of cov and std")),
        }
    });
    let mixture = Mixture::new(components.collect::<Result<_>>()?).map_err(|e| Error::file(path, e.to_string()))?;
    Ok(Arc::new(mixture))
}

fn explain(path: &Path, text: &str, error: &toml::de::Error, fields: &[&'static str]) -> Error {
    let line = error.span().map(|s| format!("line {}", text[..s.start.min(text.len())].matches('\n').count() + 1));
    let message = error.message().to_owned();
    let misspelt = message.strip_prefix("unknown field `").and_then(|m| m.split('`').next());
    let near = misspelt.and_then(|m| nearest(m, fields.iter().copied()));
    let e = match line {
        Some(line) => Error::file_at(path, line, message.clone()),
        None => Error::file(path, message.clone()),
    };
    match near {
        Some(near) => e.with_hint(format!("did you mean {near}?")),
        None => e,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Arc<dyn Exact>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("m.toml");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn the_contracts_example_is_read() {
        let text = "kind = \"mixture\"\n[[component]]\nweight = 0.8\nmean = [5.0, 5.0]\ncov = [[1.0, 0.0], [0.0, 1.0]]\n\
                    [[component]]\nweight = 0.2\nmean = [-5.0, -5.0]\nstd = 1.0\n";
        let m = parse(text).unwrap();
        assert_eq!(m.as_mixture().unwrap().weights(), vec![0.8, 0.2]);
    }

    #[test]
    fn a_misspelt_field_is_named_with_its_line_and_the_right_one() {
        let e = parse("kind = \"mixture\"\n[[component]]\nwieght = 1.0\nmean = [0.0]\nstd = 1.0\n").unwrap_err();
        assert!(e.to_string().contains("line 3") && e.hint() == Some("did you mean weight?"), "{e} {:?}", e.hint());
    }
}
