//! Implicit score matching with Hutchinson's estimate of the trace: vᵀJv + ½‖s_θ‖² (Hutchinson 1989; Grathwohl et al. 2019).
//!
//! E[vᵀJv] = tr J for E[v vᵀ] = I, so the loss is unbiased for `implicit` at the cost of one direction. The estimator is that of
//! `sliced-vr`, which is another way to the same formula; here it is named by its use as a trace estimate.

use super::{Alternatives, Build, Entry, Method, Needs, SlicedVr};
use crate::oracle::Expectation;

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "implicit-hutchinson",
    aliases: &["hutchinson"],
    summary: "Hyvärinen's loss with a random estimate of the trace: one direction a point, unbiased",
    formula: "vᵀJv + ½‖s_θ(x)‖², E[vvᵀ] = I",
    source: "Hutchinson 1989; Hyvärinen 2005",
    value: Method {
        build: (|settings| Ok(Box::new(SlicedVr { projection: settings.projection }))) as Build,
        needs: Needs::Derivatives,
        expectation: Expectation::Implicit,
        alternatives: Alternatives::Projections,
    },
};
