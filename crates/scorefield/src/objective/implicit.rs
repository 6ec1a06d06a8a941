//! Implicit score matching with the exact trace (Hyvärinen 2005, theorem 1): tr J + ½‖s_θ‖², J = ∂s_θ/∂x.
//!
//! By integration by parts its mean is the explicit loss less ½E‖s*‖², so its minimiser is the score of the data although nothing of
//! that score is known; on the true score of N(0, I_d) it is −d/2. The trace takes d directions a point: the cost grows with d. On a finite
//! sample it has no floor: tr J → −∞ at the points themselves is always better. Hold points out.

use super::{Alternatives, Batch, Build, Entry, Method, Needs, Objective, half_square};
use crate::key::Key;
use crate::oracle::Expectation;
use crate::score::ScoreJvp;
use crate::tensor::{Tensor, column};

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Implicit;

impl Objective for Implicit {
    fn loss(&self, score: &dyn ScoreJvp, batch: &Batch, key: Key) -> Tensor<1> {
        let (s, trace) = score.trace(batch.points(key), &batch.sigma);
        batch.weighted(column(&trace) + half_square(s))
    }
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "implicit",
    aliases: &["ism", "exact-trace"],
    summary: "Hyvärinen's loss with the exact trace of the Jacobian: d directions a point",
    formula: "tr J + ½‖s_θ(x)‖²",
    source: "Hyvärinen 2005, theorem 1",
    value: Method {
        build: (|_| Ok(Box::new(Implicit))) as Build,
        needs: Needs::Derivatives,
        expectation: Expectation::Implicit,
        alternatives: Alternatives::None,
    },
};
