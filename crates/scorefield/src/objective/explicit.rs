//! Explicit score matching, ½‖s_θ(x) − s*(x)‖²: half the Fisher divergence, for data from a density whose score s* is known.
//!
//! What all other objectives estimate up to a constant; no real data have it.

use super::{Alternatives, Batch, Build, Entry, Method, Needs, Objective, ObjectiveSettings};
use crate::error::{Error, Result};
use crate::key::Key;
use crate::oracle::Expectation;
use crate::score::{Score, ScoreJvp};
use crate::tensor::{Tensor, weighted_squares};
use std::sync::Arc;

/// See the head of this file.
#[derive(Clone)]
pub struct Explicit {
    /// s*.
    pub exact: Arc<dyn Score>,
}

impl Objective for Explicit {
    fn loss(&self, score: &dyn ScoreJvp, batch: &Batch, key: Key) -> Tensor<1> {
        let x = batch.points(key);
        let truth = self.exact.score(x.clone().detach(), &batch.sigma);
        weighted_squares(score.score(x, &batch.sigma), truth, batch.weight.clone())
    }
}

fn build(settings: &ObjectiveSettings) -> Result<Box<dyn Objective>> {
    match &settings.exact {
        Some(exact) => Ok(Box::new(Explicit { exact: exact.clone() })),
        None => Err(Error::setting("explicit", "data with a known score (density:…, not standardised)", "data without")
            .with_hint("implicit and sliced estimate the same loss, up to a constant, from samples alone")),
    }
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "explicit",
    aliases: &["esm"],
    summary: "match the true score itself: only for density:…, to hold the others against",
    formula: "½‖s_θ(x) − s*(x)‖²",
    source: "Hyvärinen 2005, eq. 2",
    value: Method {
        build: build as Build,
        needs: Needs::Exact,
        expectation: Expectation::Explicit,
        alternatives: Alternatives::None,
    },
};
