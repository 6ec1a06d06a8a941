//! Whether samples have the modes of the data in the right proportions, and why chains do not get from one to another.
//!
//! The score of well separated modes does not know their weights: p = w·p₁ + (1 − w)·p₂ has ∇log p = ∇log p₁ wherever p₂ is nothing (Song &
//! Ermon 2019, section 3.2.2), so that chains keep the proportions of their start. [`modes()`] finds the modes of the data, [`compare`] says
//! which the samples lack, [`transitions()`] how often chains change between them, [`barrier()`] how far log p falls on the way.

mod barrier;
mod modes;
mod proportions;
mod transitions;

pub use barrier::{Barrier, Way, barrier};
pub use modes::{LEAST, Modes, MostModes, modes};
pub use proportions::{Proportion, Verdict, compare};
pub use transitions::{Transitions, transitions};

pub(super) use barrier::ENTRY as BARRIER;
pub(super) use modes::ENTRY as MODES;
pub(super) use proportions::ENTRY as PROPORTIONS;
pub(super) use transitions::ENTRY as TRANSITIONS;
