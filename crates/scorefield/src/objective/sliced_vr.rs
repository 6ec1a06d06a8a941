//! Sliced score matching with reduced variance: vᵀJv + ½‖s_θ‖² (Song, Garg, Shi & Ermon 2019, eq. 8).
//!
//! E[(vᵀs)²] = ‖s‖² for E[v vᵀ] = I, so the square needs no direction: its part of the variance is gone.

use super::{Alternatives, Batch, Build, Entry, Method, Needs, Objective, Projection, half_square};
use crate::key::Key;
use crate::oracle::Expectation;
use crate::score::ScoreJvp;
use crate::tensor::Tensor;

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct SlicedVr {
    /// The directions.
    pub projection: Projection,
}

impl Objective for SlicedVr {
    fn loss(&self, score: &dyn ScoreJvp, batch: &Batch, key: Key) -> Tensor<1> {
        let x = batch.points(key);
        batch.weighted(self.projection.mean(key, &x, |v| {
            let (s, curvature) = score.curvature(x.clone(), &batch.sigma, v);
            curvature + half_square(s)
        }))
    }
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "sliced-vr",
    aliases: &["ssm-vr"],
    summary: "sliced score matching with the square taken in closed form: less variance",
    formula: "vᵀJv + ½‖s_θ(x)‖², E[vvᵀ] = I",
    source: "Song, Garg, Shi & Ermon 2019, eq. 8",
    value: Method {
        build: (|settings| Ok(Box::new(SlicedVr { projection: settings.projection }))) as Build,
        needs: Needs::Derivatives,
        expectation: Expectation::Implicit,
        alternatives: Alternatives::Projections,
    },
};
