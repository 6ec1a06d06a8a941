//! Sliced score matching by finite differences (Pang, Xu, Li, Song, Ermon & Zhu 2020): no derivative of the network in its input.
//!
//! With x± = x ± hv, where the score is a network (first differences of s, their eq. 17):
//!
//! vᵀJv ≈ vᵀ(s(x₊) − s(x₋))/2h,  vᵀs ≈ vᵀ(s(x₊) + s(x₋))/2;
//!
//! where it is the gradient of a known log p (second differences, their eq. 12):
//!
//! vᵀJv ≈ (log p(x₊) + log p(x₋) − 2 log p(x))/h²,  vᵀs ≈ (log p(x₊) − log p(x₋))/2h.
//!
//! The loss is `sliced`'s with these two; its bias is O(h²), and rounding grows as 1/h (1/h² for log p): h too small is as bad as too large.
//! Their ε is h here, and their v has length ε.

use super::{Alternatives, Batch, Build, Entry, Method, Needs, Objective, Projection};
use crate::key::Key;
use crate::oracle::Expectation;
use crate::score::ScoreJvp;
use crate::tensor::{Tensor, by_point, for_each_direction, row_dots};

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct FiniteDifference {
    /// The directions.
    pub projection: Projection,
    /// h, in units of the data.
    pub step: f64,
}

impl Objective for FiniteDifference {
    fn loss(&self, score: &dyn ScoreJvp, batch: &Batch, key: Key) -> Tensor<1> {
        let x = batch.points(key);
        batch.weighted(self.projection.mean(key, &x, |v| {
            let (along, curvature) = self.differences(score, &x, &batch.sigma, v);
            curvature + along.powi_scalar(2) * 0.5
        }))
    }
}

impl FiniteDifference {
    /// vᵀs and vᵀJv as in the head of this file, `[n, m]` each, for directions `v` `[m·n, d]`.
    fn differences(&self, score: &dyn ScoreJvp, x: &Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let (h, n, rows) = (self.step, x.dims()[0], v.dims()[0]);
        let m = rows / n;
        // x₊, then x₋, and for log p then x, in one evaluation.
        let (step, around) = (v.clone() * h, for_each_direction(x.clone(), m));
        let both = Tensor::cat(vec![around.clone() + step.clone(), around - step], 0);
        let levels = |copies: usize| sigma.clone().repeat_dim(0, copies);
        let all = Tensor::cat(vec![both.clone(), x.clone()], 0);
        match score.log_density(all, &levels(2 * m + 1)) {
            Some(log) => {
                let part = |first: usize, many: usize| log.clone().narrow(0, first, many).reshape([many, 1]);
                let (up, down, here) = (part(0, rows), part(rows, rows), for_each_direction(part(2 * rows, n), m));
                let along = (up.clone() - down.clone()) * (0.5 / h);
                let curvature = ((up - here.clone()) + (down - here)) * (1.0 / (h * h));
                (by_point(along, n), by_point(curvature, n))
            }
            None => {
                let s = score.score(both, &levels(2 * m));
                let (up, down) = (s.clone().narrow(0, 0, rows), s.narrow(0, rows, rows));
                let along = row_dots(v.clone(), (up.clone() + down.clone()) * 0.5, n);
                (along, row_dots(v, (up - down) * (0.5 / h), n))
            }
        }
    }
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "finite-difference",
    aliases: &["fd", "fd-ssm"],
    summary: "sliced score matching by differences of the network: two evaluations a direction, biased by O(h²)",
    formula: "vᵀ(s(x + hv) − s(x − hv))/2h + ⅛(vᵀ(s(x + hv) + s(x − hv)))²",
    source: "Pang et al. 2020, eqs. 12 and 17",
    value: Method {
        build: (|settings| Ok(Box::new(FiniteDifference { projection: settings.projection, step: settings.step }))) as Build,
        needs: Needs::Derivatives,
        expectation: Expectation::Implicit,
        alternatives: Alternatives::Projections,
    },
};
