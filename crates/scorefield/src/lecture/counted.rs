//! A score that counts what is asked of it: evaluations, and directions along which it is differentiated.
//!
//! It offers the trace by no shorter way than along d directions, as a score does that is nothing but a function.

use crate::score::{Score, ScoreJvp};
use crate::tensor::{Device, Tensor};
use std::sync::atomic::{AtomicU64, Ordering};

/// See the head of this file.
pub(super) struct Counted<'a> {
    score: &'a dyn ScoreJvp,
    values: AtomicU64,
    directions: AtomicU64,
}

impl<'a> Counted<'a> {
    pub fn new(score: &'a dyn ScoreJvp) -> Self {
        Self { score, values: AtomicU64::new(0), directions: AtomicU64::new(0) }
    }

    /// Derivatives along a direction, one for each point and direction.
    pub fn directions(&self) -> u64 {
        self.directions.load(Ordering::Relaxed)
    }

    /// Values of the score without a derivative, one for each point.
    pub fn values(&self) -> u64 {
        self.values.load(Ordering::Relaxed)
    }

    fn count(&self, v: &Tensor<2>) {
        self.directions.fetch_add(v.dims()[0] as u64, Ordering::Relaxed);
    }
}

impl Score for Counted<'_> {
    fn dim(&self) -> usize {
        self.score.dim()
    }

    fn device(&self) -> Device {
        self.score.device()
    }

    fn score(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<2> {
        self.values.fetch_add(x.dims()[0] as u64, Ordering::Relaxed);
        self.score.score(x, sigma)
    }
}

impl ScoreJvp for Counted<'_> {
    fn curvature(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        self.count(&v);
        self.score.curvature(x, sigma, v)
    }

    fn along(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        self.count(&v);
        self.score.along(x, sigma, v)
    }
}
