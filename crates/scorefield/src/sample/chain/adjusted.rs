//! One step of Metropolis-adjusted Langevin dynamics: x' = x + (ε/2)·s(x) + √ε·z, accepted with probability
//! min(1, p(x')q(x | x')/p(x)q(x' | x)), ln q(x' | x) = −‖x' − x − (ε/2)s(x)‖²/2ε (Roberts & Tweedie 1996). Each row has its own ε.

use super::{DualAveraging, Law, Place, metropolis};
use crate::sample::Walk;
use scorefield_kernels::chain;

/// What a block's steps need besides where it is.
#[derive(Clone, Debug)]
pub struct Adjusted {
    /// ε of each row.
    pub steps: DualAveraging,
    next: Place,
    z: Vec<f64>,
    /// √ε of each row, d times.
    root: Vec<f64>,
    u: Vec<f64>,
    ratio: Vec<f64>,
    accepted: Vec<bool>,
}

impl Adjusted {
    /// Steps of size `epsilon` each, which look for the acceptance `target` where they are told to adapt.
    pub fn new(walk: &Walk<'_, '_>, epsilon: f64, target: f64) -> Self {
        let rows = walk.rows();
        Self {
            steps: DualAveraging::new(rows, epsilon, target),
            next: Place::room(walk),
            z: walk.room(),
            root: walk.room(),
            u: vec![0.0; rows],
            ratio: vec![0.0; rows],
            accepted: vec![false; rows],
        }
    }

    /// Moves `now`, which is evaluated; which rows did move comes back.
    pub fn step(&mut self, walk: &Walk<'_, '_>, law: &mut Law, now: &mut Place) -> &[bool] {
        let d = walk.dim();
        walk.noise(&mut self.z);
        walk.uniform(&mut self.u);
        let rows = self.root.chunks_exact_mut(d).zip(self.steps.epsilon());
        rows.for_each(|(root, epsilon)| root.fill(epsilon.sqrt()));
        chain::propose(&now.x, &now.score, &self.z, &self.root, &mut self.next.x);
        law.evaluate(walk, &mut self.next);
        // ln q(x | x') − ln q(x' | x) = ½‖z‖² − ½‖z'‖², where z' = −z − (√ε/2)(s(x) + s(x')) leads back.
        chain::return_ratio([&now.score, &self.next.score], &self.z, &self.root, d, &mut self.ratio);
        law.add_rise(walk, now, &self.next, &mut self.ratio);
        metropolis(&mut self.ratio, &self.u, &mut self.accepted);
        now.take(&self.next, &self.accepted, d);
        &self.accepted
    }

    /// Adapts ε by the last step.
    pub fn adapt(&mut self) {
        self.steps.adapt(&self.ratio);
    }
}
