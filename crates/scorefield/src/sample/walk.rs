//! A sampler's view of its block: rows of points that move together, in double precision.

use super::drive::Watch;
use super::tally::{Share, Tally};
use crate::error::Result;
use crate::key::Key;
use crate::score::Score;
use scorefield_kernels::chain;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// See the head of this file. Points, scores and noise are row-major `[rows, d]`; what else a sampler keeps (log p, step sizes) is its own.
pub struct Walk<'a, 'o> {
    score: &'a dyn Score,
    key: Key,
    first_row: u64,
    /// The rows of the block that were asked for; the others fill it up.
    wanted: Range<usize>,
    rows: usize,
    x: Vec<f64>,
    sigma: f64,
    step: usize,
    draws: Cell<u32>,
    evaluations: Cell<u64>,
    tally: RefCell<Tally>,
    single: RefCell<Vec<f32>>,
    watch: &'a Mutex<Watch<'o>>,
}

impl<'a, 'o> Walk<'a, 'o> {
    pub(super) fn new(
        score: &'a dyn Score,
        key: Key,
        first_row: u64,
        wanted: &Range<u64>,
        x: Vec<f64>,
        sigma: f64,
        watch: &'a Mutex<Watch<'o>>,
    ) -> Self {
        Self {
            score,
            key,
            first_row,
            wanted: (wanted.start - first_row) as usize..(wanted.end - first_row) as usize,
            rows: x.len() / score.dim(),
            x,
            sigma,
            step: 0,
            draws: Cell::new(0),
            evaluations: Cell::new(0),
            tally: RefCell::default(),
            single: RefCell::default(),
            watch,
        }
    }
}

impl Walk<'_, '_> {
    /// Rows of the block.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// d.
    pub fn dim(&self) -> usize {
        self.score.dim()
    }

    /// The block's points.
    pub fn x(&self) -> &[f64] {
        &self.x
    }

    /// The block's points, to be moved.
    pub fn x_mut(&mut self) -> &mut [f64] {
        &mut self.x
    }

    /// Room for as many numbers as the block's points have, all 0.
    pub fn room(&self) -> Vec<f64> {
        vec![0.0; self.x.len()]
    }

    /// The noise level that the points are at.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// ∇ log p_σ at rows `x`, into `out`; counted.
    pub fn score(&self, x: &[f64], sigma: f64, out: &mut [f64]) {
        self.count(x);
        self.score.score_rows(x, sigma, out);
    }

    /// ∇ log p_σ at rows `x`, row i at level `sigma[i]`, into `out`; counted.
    pub fn score_at(&self, x: &[f64], sigma: &[f64], out: &mut [f64]) {
        self.count(x);
        self.score.score_rows_at(x, sigma, out);
    }

    /// log p_σ up to a constant in x, and the score, at rows `x`; `None` where the score has no density. Counted.
    pub fn log_density(&self, x: &[f64], sigma: f64, log_density: &mut [f64], score: &mut [f64]) -> Option<()> {
        self.count(x);
        self.score.log_density_rows(x, sigma, log_density, score)
    }

    fn count(&self, x: &[f64]) {
        self.evaluations.set(self.evaluations.get() + (x.len() / self.dim()) as u64);
    }

    /// z ~ N(0, I), fresh at each call, into `out` `[rows, cols]` for any number of columns. Row i depends on the seed, on i, and on how many
    /// calls of this and of [`Walk::uniform`] were before.
    pub fn noise(&self, out: &mut [f64]) {
        self.fill(out, Key::fill_normal);
    }

    /// u ~ U[0, 1), fresh at each call, as [`Walk::noise`].
    pub fn uniform(&self, out: &mut [f64]) {
        self.fill(out, Key::fill_uniform);
    }

    fn fill(&self, out: &mut [f64], law: fn(Key, u64, usize, &mut [f32])) {
        let call = self.draws.replace(self.draws.get() + 1);
        let mut single = self.single.borrow_mut();
        single.resize(out.len(), 0.0);
        law(self.key.at(call), self.first_row, out.len() / self.rows, &mut single);
        chain::widen(&single, out);
    }

    /// Which rows' proposals were accepted, `[rows]`.
    pub fn accepted(&self, rows: &[bool]) {
        self.tally.borrow_mut().accepted.add(&rows[self.wanted.clone()]);
    }

    /// Which rows' replicas `pair` and `pair` + 1 have exchanged places, `[rows]`.
    pub fn exchanged(&self, pair: usize, rows: &[bool]) {
        let exchanges = &mut self.tally.borrow_mut().exchanges;
        if exchanges.len() <= pair {
            exchanges.resize(pair + 1, Share::default());
        }
        exchanges[pair].add(&rows[self.wanted.clone()]);
    }

    /// The step size that each row ended with, `[rows]`.
    pub fn stepped(&self, epsilon: &[f64]) {
        let steps = &mut self.tally.borrow_mut().steps;
        epsilon[self.wanted.clone()].iter().for_each(|epsilon| steps.add(*epsilon));
    }

    /// The points have made a step, and are now at noise level `sigma`.
    ///
    /// # Errors
    /// [`crate::error::Error::Interrupted`] if the observer said stop.
    pub fn moved(&mut self, sigma: f64) -> Result<()> {
        self.step += 1;
        self.sigma = sigma;
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.tell((self.first_row, self.wanted.len()), self.step, sigma, &self.x, self.score.dim())
    }

    /// Evaluations of the score so far, each counted once for each row.
    pub(super) fn evaluations(&self) -> u64 {
        self.evaluations.get()
    }

    /// What the sampler has told of its moves.
    pub(super) fn tally(&self) -> Tally {
        self.tally.borrow().clone()
    }
}
