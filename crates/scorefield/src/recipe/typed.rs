//! From text to a setting's typed value: as TOML gives it, and as flags and environment variables do.

use toml::de::DeValue;

use super::settings::{Kind, Setting};
use super::value::Value;

/// A setting's value from a TOML value, `None` if the type is wrong. Whole numbers serve as numbers.
pub(super) fn from_toml(setting: &Setting, value: &DeValue<'_>) -> Option<Value> {
    match setting.kind {
        Kind::Count(..) => {
            let integer = value.as_integer()?;
            u64::from_str_radix(integer.as_str(), integer.radix()).ok().map(Value::Count)
        }
        Kind::Number(_) => number(value).map(Value::Number),
        Kind::Numbers(_) => match value.as_array() {
            Some(items) => items.iter().map(|item| number(item.get_ref())).collect::<Option<_>>().map(Value::Numbers),
            None => number(value).map(|one| Value::Numbers(vec![one])),
        },
        Kind::Text => value.as_str().map(|text| Value::Text(text.to_owned())),
        Kind::Word(words) => value.as_str().filter(|w| words.contains(w)).map(|word| Value::Text(word.to_owned())),
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|n| n as f64),
        _ => None,
    }
}

/// A setting's value from a flag or a variable, `None` if the type is wrong. Several numbers are separated by commas.
pub(super) fn from_text(setting: &Setting, text: &str) -> Option<Value> {
    let text = text.trim();
    match setting.kind {
        Kind::Count(..) => text.parse().ok().map(Value::Count),
        Kind::Number(_) => text.parse().ok().map(Value::Number),
        Kind::Numbers(_) => {
            text.split(',').map(|item| item.trim().parse().ok()).collect::<Option<Vec<f64>>>().map(Value::Numbers)
        }
        Kind::Text => Some(Value::Text(text.to_owned())),
        Kind::Word(words) => words.contains(&text).then(|| Value::Text(text.to_owned())),
    }
}
