//! Sliced score matching: vᵀJv + ½(vᵀs_θ)², averaged over M directions v (Song, Garg, Shi & Ermon 2019, eq. 7).
//!
//! It compares scores along random directions only: the cost of a direction does not depend on d, and any law with E[v vᵀ] = I will do.

use super::{Alternatives, Batch, Build, Entry, Method, Needs, Objective, Projection};
use crate::key::Key;
use crate::oracle::Expectation;
use crate::score::ScoreJvp;
use crate::tensor::Tensor;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Sliced {
    /// The directions.
    pub projection: Projection,
}

impl Objective for Sliced {
    fn loss(&self, score: &dyn ScoreJvp, batch: &Batch, key: Key) -> Tensor<1> {
        let x = batch.points(key);
        batch.weighted(self.projection.mean(key, &x, |v| {
            let (along, curvature) = score.along(x.clone(), &batch.sigma, v);
            curvature + along.powi_scalar(2) * 0.5
        }))
    }
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "sliced",
    aliases: &["ssm"],
    summary: "compare scores along random directions: the cost does not depend on d",
    formula: "vᵀJv + ½(vᵀs_θ(x))², E[vvᵀ] = I",
    source: "Song, Garg, Shi & Ermon 2019, eq. 7",
    value: Method {
        build: (|settings| Ok(Box::new(Sliced { projection: settings.projection }))) as Build,
        needs: Needs::Derivatives,
        expectation: Expectation::Implicit,
        alternatives: Alternatives::Projections,
    },
};
