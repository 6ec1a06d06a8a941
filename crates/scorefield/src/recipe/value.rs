//! One setting's value, whatever its type, and how it enters and leaves a field of the recipe.

use std::fmt;

use super::raw::{Decay, Dequantise, OnNan, Optimizer, Precision, Standardise, Switch};
use crate::objective::Law;

/// The value of one setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number, zero or more.
    Count(u64),
    /// A number.
    Number(f64),
    /// A word, a name or a path.
    Text(String),
    /// Several numbers.
    Numbers(Vec<f64>),
}

impl Value {
    /// The value as TOML writes it.
    pub fn to_toml(&self) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            Self::Number(number) => toml::Value::Float(*number).to_string(),
            // Several lines stay legible, where TOML lets them stand as they are.
            Self::Text(text) if text.contains('\n') && stands_as_it_is(text) => format!("'''\n{text}'''"),
            Self::Text(text) => toml::Value::String(text.clone()).to_string(),
            Self::Numbers(numbers) => {
                let items: Vec<String> = numbers.iter().map(|n| toml::Value::Float(*n).to_string()).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }
}

fn stands_as_it_is(text: &str) -> bool {
    !text.contains("'''") && !text.ends_with('\'') && text.chars().all(|c| c == '\n' || !c.is_control())
}

/// As a message shows it: text as it is, several numbers with commas.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::Numbers(numbers) => {
                let items: Vec<String> = numbers.iter().map(f64::to_string).collect();
                f.write_str(&items.join(", "))
            }
        }
    }
}

/// A field of the recipe, seen as a value. `put` answers whether the value was of the field's kind.
pub(super) trait Field {
    fn value(&self) -> Option<Value>;
    fn put(&mut self, value: &Value) -> bool;
}

impl Field for u64 {
    fn value(&self) -> Option<Value> {
        Some(Value::Count(*self))
    }

    fn put(&mut self, value: &Value) -> bool {
        let Value::Count(count) = value else { return false };
        *self = *count;
        true
    }
}

impl Field for usize {
    fn value(&self) -> Option<Value> {
        Some(Value::Count(*self as u64))
    }

    fn put(&mut self, value: &Value) -> bool {
        let Value::Count(count) = value else { return false };
        usize::try_from(*count).is_ok_and(|count| {
            *self = count;
            true
        })
    }
}

impl Field for f64 {
    fn value(&self) -> Option<Value> {
        Some(Value::Number(*self))
    }

    fn put(&mut self, value: &Value) -> bool {
        let Value::Number(number) = value else { return false };
        *self = *number;
        true
    }
}

impl Field for String {
    fn value(&self) -> Option<Value> {
        Some(Value::Text(self.clone()))
    }

    fn put(&mut self, value: &Value) -> bool {
        let Value::Text(text) = value else { return false };
        self.clone_from(text);
        true
    }
}

impl Field for Vec<f64> {
    fn value(&self) -> Option<Value> {
        Some(Value::Numbers(self.clone()))
    }

    fn put(&mut self, value: &Value) -> bool {
        let Value::Numbers(numbers) = value else { return false };
        self.clone_from(numbers);
        true
    }
}

impl<T: Field + Default> Field for Option<T> {
    fn value(&self) -> Option<Value> {
        self.as_ref().and_then(Field::value)
    }

    fn put(&mut self, value: &Value) -> bool {
        let mut inner = T::default();
        let fits = inner.put(value);
        if fits {
            *self = Some(inner);
        }
        fits
    }
}

macro_rules! word_field {
    ($($name:ident),+) => {$(
        impl Field for $name {
            fn value(&self) -> Option<Value> {
                Some(Value::Text(self.word().to_owned()))
            }

            fn put(&mut self, value: &Value) -> bool {
                let Value::Text(word) = value else { return false };
                Self::from_word(word).is_some_and(|variant| {
                    *self = variant;
                    true
                })
            }
        }
    )+};
}

word_field!(Dequantise, OnNan, Standardise, Decay, Optimizer, Precision, Switch, Law);
