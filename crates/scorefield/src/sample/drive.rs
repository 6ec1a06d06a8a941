//! The one driver of all samplers.

use super::Start;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::observe::{Flow, Observer, SampleStep};
use crate::score::Score;
use crate::tensor::{Tensor, matrix, numbers, repeated};

/// Moves one block of points from the start to its end.
pub trait Sampler: Send + Sync {
    /// How many times a block calls [`Walk::moved`].
    fn steps(&self) -> usize;

    /// The algorithm.
    ///
    /// # Errors
    /// The observer said stop.
    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()>;
}

/// What is to be drawn.
#[derive(Clone, Debug)]
pub struct Draw {
    /// Rows.
    pub n: usize,
    /// Number of the first row: `from` > 0 extends an earlier set.
    pub from: u64,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Where the points begin.
    pub start: Start,
    /// The noise level of the start.
    pub start_sigma: f64,
}

/// What was drawn.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// `[n, d]`, row-major.
    pub points: Vec<f32>,
    /// Evaluations of the score, a point.
    pub evaluations: u64,
    /// Rows (numbered from `from`) that are not finite.
    pub diverged: Vec<u64>,
}

/// A sampler's view of its block.
pub struct Walk<'a, 'o> {
    score: &'a dyn Score,
    key: Key,
    first_row: u64,
    rows: usize,
    step: usize,
    evaluations: u64,
    x: Tensor<2>,
    observer: &'o mut dyn Observer,
    of: (usize, usize, usize),
}

impl Walk<'_, '_> {
    /// The block's points, `[rows, d]`.
    pub fn x(&self) -> Tensor<2> {
        self.x.clone()
    }

    /// ∇ log p_σ at `x`; counted.
    pub fn score(&mut self, x: &Tensor<2>, sigma: f64) -> Tensor<2> {
        self.evaluations += 1;
        self.score.score(x.clone(), &repeated(sigma as f32, self.rows, &x.device()))
    }

    /// z ~ N(0, I), fresh at each step, `[rows, d]`.
    pub fn noise(&self) -> Tensor<2> {
        let [n, d] = self.x.dims();
        matrix(self.key.at(self.step as u32).normal(self.first_row, n, d), n, d, &self.x.device())
    }

    /// Takes the step to `x`, which is now at noise level `sigma`.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the observer said stop.
    pub fn moved(&mut self, x: Tensor<2>, sigma: f64) -> Result<()> {
        self.x = x;
        self.step += 1;
        let (n, steps, counted) = self.of;
        let seen = SampleStep { first_row: self.first_row, step: self.step, steps, sigma, x: &self.x, n, rows: counted };
        match self.observer.sampled(&seen) {
            Flow::Continue => Ok(()),
            Flow::Stop => Err(Error::Interrupted { saved: "no samples were written".to_owned() }),
        }
    }
}

/// Rows that move together. A function of the dimension alone, so that a row's place in its block, and with it every rounding in a
/// matrix product, never depends on how many rows were asked for.
fn block_rows(d: usize) -> usize {
    ((1usize << 14) / d.max(1)).clamp(64, 2048).next_power_of_two()
}

/// Draws `draw.n` rows, block by block.
///
/// Blocks are aligned to the row number, and a block that is only partly asked for is computed whole: that is what makes the rows
/// independent of the split.
///
/// # Errors
/// The observer said stop.
pub fn draw(score: &dyn Score, sampler: &dyn Sampler, draw: &Draw, observer: &mut dyn Observer) -> Result<Drawn> {
    let (d, device) = (score.dim(), score.device());
    let rows = block_rows(d);
    let end = draw.from + draw.n as u64;
    let mut drawn = Drawn { points: Vec::with_capacity(draw.n * d), evaluations: 0, diverged: Vec::new() };
    let mut first_row = draw.from - draw.from % rows as u64;
    while first_row < end {
        let wanted = first_row.max(draw.from)..end.min(first_row + rows as u64);
        let start = draw.start.rows(Key::new(draw.seed, Purpose::Start), first_row, rows, d, draw.start_sigma);
        let mut walk = Walk {
            score,
            key: Key::new(draw.seed, Purpose::Chain),
            first_row,
            rows,
            step: 0,
            evaluations: 0,
            x: matrix(start, rows, d, &device),
            observer: &mut *observer,
            of: (draw.n, sampler.steps(), (wanted.end - wanted.start) as usize),
        };
        sampler.run(&mut walk)?;
        drawn.evaluations = walk.evaluations;
        let points = numbers(walk.x);
        for row in wanted {
            let at = (row - first_row) as usize * d;
            let point = &points[at..at + d];
            if point.iter().any(|v| !v.is_finite()) {
                drawn.diverged.push(row);
            }
            drawn.points.extend_from_slice(point);
        }
        first_row += rows as u64;
    }
    Ok(drawn)
}
