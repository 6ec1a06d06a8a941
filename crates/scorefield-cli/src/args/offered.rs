//! A name from a registry: help and completions offer the registry's names, and whatever is typed is passed on, because the registry
//! itself refuses a wrong one best (with the nearest right one).

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use scorefield::registry::Entry;

/// A parser that offers names and takes any.
#[derive(Clone, Debug)]
pub struct Offered(Vec<&'static str>);

impl Offered {
    /// These names.
    pub fn new(names: impl IntoIterator<Item = &'static str>) -> Self {
        Self(names.into_iter().collect())
    }

    /// The names of a registry.
    pub fn of<T>(entries: &'static [Entry<T>]) -> Self {
        Self::new(entries.iter().map(|e| e.name))
    }
}

impl TypedValueParser for Offered {
    type Value = String;

    fn parse_ref(&self, cmd: &clap::Command, arg: Option<&clap::Arg>, value: &OsStr) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(cmd, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(|name| PossibleValue::new(*name))))
    }
}
