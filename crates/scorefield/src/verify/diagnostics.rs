//! Every diagnostic where the answer is known: its own oracle, of its row in the registry.

use super::{Case, Section};
use crate::diagnostic::DIAGNOSTICS;
use crate::registry::Entry;

/// The registry's row.
pub(super) const ENTRY: Entry<Section> = Entry {
    name: "diagnostics",
    aliases: &["diagnose"],
    summary: "dimensions of known surfaces, modes of known mixtures, chains of known correlation",
    formula: "the answer that the oracle of each row knows",
    source: "the rows of DIAGNOSTICS",
    value: cases,
};

fn cases() -> Vec<Case> {
    let case = |entry: &'static Entry<crate::diagnostic::Diagnostic>| Case {
        about: vec![entry.name],
        measure: Box::new(|settings| (entry.value.oracle)(settings.seed)),
    };
    DIAGNOSTICS.iter().map(case).collect()
}
