//! The one driver of all samplers.

use super::tally::{StepSizes, Tally};
use super::{Kept, Start, Walk};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::observe::{Flow, Observer, SampleStep};
use crate::score::{Evaluation, Score};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Moves one block of points from the start to its end.
pub trait Sampler: Send + Sync {
    /// How many times a block calls [`Walk::moved`].
    fn steps(&self) -> usize;

    /// Which of these steps are draws of one law, if the sampler is a Markov chain; `None` where it is not.
    fn kept(&self) -> Option<Kept> {
        None
    }

    /// Its ladder of noise levels, the greatest first; empty where it has none.
    fn levels(&self) -> Vec<f64> {
        Vec::new()
    }

    /// The algorithm. What it does to a row may depend on that row alone, for the split into blocks is not the user's choice.
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
    pub points: Vec<f64>,
    /// The noise level that the points ended at.
    pub sigma: f64,
    /// Evaluations of the score, a point: the mean, rounded, where points differ.
    pub evaluations: u64,
    /// The share of proposals that were accepted, where the sampler makes proposals.
    pub acceptance: Option<f64>,
    /// The step sizes that chains adapted to, where they adapt.
    pub step_sizes: Option<StepSizes>,
    /// Of each pair of neighbouring replicas, how often they changed places; empty where there are none.
    pub exchange_rates: Vec<f64>,
    /// Rows (numbered from `from`) that are not finite.
    pub diverged: Vec<u64>,
    /// What the last two or three are made of, for sets that come in parts.
    pub(super) tally: Tally,
}

impl Drawn {
    /// The points in single precision.
    pub fn single(&self) -> Vec<f32> {
        self.points.iter().map(|x| *x as f32).collect()
    }
}

/// Who watches, told by one block at a time.
pub(super) struct Watch<'o> {
    observer: &'o mut dyn Observer,
    n: usize,
    steps: usize,
    /// Rows times steps that are done.
    done: u64,
    stopped: bool,
}

impl Watch<'_> {
    /// One block's step.
    pub(super) fn tell(
        &mut self,
        (first_row, counted): (u64, usize),
        step: usize,
        sigma: f64,
        x: &[f64],
        d: usize,
    ) -> Result<()> {
        self.done += counted as u64;
        let done = (self.done / self.steps.max(1) as u64).min(self.n as u64);
        let seen = SampleStep { first_row, step, steps: self.steps, sigma, x, d, n: self.n, done };
        self.stopped |= self.observer.sampled(&seen) == Flow::Stop;
        if self.stopped { Err(Error::Interrupted { saved: "no samples were written".to_owned() }) } else { Ok(()) }
    }
}

/// Rows of a block. A function of the score alone, so that a row's place in its block, and with it every rounding in a matrix product,
/// never depends on how many rows were asked for.
pub(super) fn block_rows(d: usize, evaluation: Evaluation) -> u64 {
    let (numbers, least, most) = match evaluation {
        Evaluation::Together => (1usize << 14, 64, 2048),
        // What keeps the registers of a matrix product full, and its operands in the cache of a core.
        Evaluation::InBlocks => (1 << 13, 64, 128),
        // What a few buffers of stay in the cache of a core.
        Evaluation::Apart => (1 << 11, 16, 512),
    };
    (numbers / d.max(1)).clamp(least, most).next_power_of_two() as u64
}

/// Rows that are evaluated apart are cut finer where there are few of them, so that every core has some. That changes nothing in them.
const FINEST: u64 = 32;
const FEW_BLOCKS: u64 = 16;

/// One block: the rows that are moved, those of them that were asked for, and where these go.
struct Block<'p> {
    rows: Range<u64>,
    wanted: Range<u64>,
    points: &'p mut [f64],
}

/// Cuts the request into blocks that are aligned to the row number. Unless rows are evaluated apart, a block that is only partly asked
/// for is computed whole: that is what makes the rows independent of the split.
fn blocks<'p>(draw: &Draw, d: usize, evaluation: Evaluation, mut points: &'p mut [f64]) -> Vec<Block<'p>> {
    let (whole, end) = (block_rows(d, evaluation), draw.from + draw.n as u64);
    let size = match evaluation {
        Evaluation::Together | Evaluation::InBlocks => whole,
        Evaluation::Apart => whole.min((draw.n as u64 / FEW_BLOCKS).next_power_of_two().max(FINEST)),
    };
    let mut blocks = Vec::new();
    let mut first = draw.from - draw.from % size;
    while first < end {
        let wanted = first.max(draw.from)..end.min(first + size);
        let rows = if evaluation == Evaluation::Apart { wanted.clone() } else { first..first + size };
        let (these, others) = points.split_at_mut((wanted.end - wanted.start) as usize * d);
        blocks.push(Block { rows, wanted, points: these });
        points = others;
        first += size;
    }
    blocks
}

/// What one block leaves besides its points.
struct Left {
    sigma: f64,
    /// Evaluations of the score, times rows.
    evaluations: u64,
    rows: u64,
    tally: Tally,
}

/// Draws `draw.n` rows, block by block: side by side on all cores, or one after the other where an evaluation uses all cores by itself.
///
/// # Errors
/// The observer said stop.
pub fn draw(score: &dyn Score, sampler: &dyn Sampler, draw: &Draw, observer: &mut dyn Observer) -> Result<Drawn> {
    let (d, evaluation) = (score.dim(), score.evaluation());
    let mut points = vec![0.0; draw.n * d];
    let watch = Mutex::new(Watch { observer, n: draw.n, steps: sampler.steps(), done: 0, stopped: false });
    let run = |block: Block<'_>| -> Result<Left> {
        if watch.lock().unwrap_or_else(PoisonError::into_inner).stopped {
            return Err(Error::Interrupted { saved: "no samples were written".to_owned() });
        }
        let rows = (block.rows.end - block.rows.start) as usize;
        let start = draw.start.rows(Key::new(draw.seed, Purpose::Start), block.rows.start, rows, d, draw.start_sigma);
        let key = Key::new(draw.seed, Purpose::Chain);
        let mut walk = Walk::new(score, key, block.rows.start, &block.wanted, start, draw.start_sigma, &watch);
        sampler.run(&mut walk)?;
        let first = (block.wanted.start - block.rows.start) as usize * d;
        block.points.copy_from_slice(&walk.x()[first..first + block.points.len()]);
        Ok(Left { sigma: walk.sigma(), evaluations: walk.evaluations(), rows: rows as u64, tally: walk.tally() })
    };
    let blocks = blocks(draw, d, evaluation, &mut points);
    let left: Vec<Left> = match evaluation {
        Evaluation::Together => blocks.into_iter().map(run).collect::<Result<_>>(),
        Evaluation::InBlocks | Evaluation::Apart => blocks.into_par_iter().map(run).collect(),
    }?;
    let sum = |of: fn(&Left) -> u64| left.iter().map(of).sum::<u64>();
    let rows = sum(|l| l.rows);
    let mut tally = Tally::default();
    left.iter().for_each(|l| tally.join(&l.tally));
    let diverged = points.chunks_exact(d).zip(draw.from..).filter(|(p, _)| p.iter().any(|v| !v.is_finite())).map(|(_, i)| i);
    Ok(Drawn {
        sigma: left.first().map_or(draw.start_sigma, |l| l.sigma),
        evaluations: (sum(|l| l.evaluations) + rows / 2) / rows.max(1),
        acceptance: tally.acceptance(),
        step_sizes: tally.step_sizes(),
        exchange_rates: tally.exchange_rates(),
        tally,
        diverged: diverged.collect(),
        points,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::{self, Mixture};
    use crate::sample::{Annealed, Langevin};
    use crate::tensor::{Device, Tensor};

    /// A score that is evaluated as networks are: through tensors of single precision, in whole blocks.
    struct Through(Mixture);

    impl Score for Through {
        fn dim(&self) -> usize {
            self.0.dim()
        }

        fn device(&self) -> Device {
            self.0.device()
        }

        fn score(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<2> {
            self.0.score(x, sigma)
        }
    }

    fn request(n: usize, from: u64) -> Draw {
        Draw { n, from, seed: 3, start: Start::Uniform { low: -8.0, high: 8.0 }, start_sigma: 0.0 }
    }

    #[test]
    fn points_depend_neither_on_threads_nor_on_the_split() {
        let p = density::mixture("mixture").unwrap();
        let chain = Langevin { steps: 5, epsilon: 0.1, sigma: 0.0 };
        for score in [&p as &dyn Score, &Through(p.clone())] {
            let drawn = |n, from| draw(score, &chain, &request(n, from), &mut ()).unwrap().points;
            let whole = drawn(3000, 0);
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert_eq!(pool.install(|| [drawn(1234, 0), drawn(1766, 1234)].concat()), whole, "{threads} threads");
            }
        }
    }

    #[test]
    fn single_and_double_precision_walk_the_same_way() {
        let p = density::mixture("mixture").unwrap();
        let chain = Langevin { steps: 50, epsilon: 0.1, sigma: 0.0 };
        let double = draw(&p, &chain, &request(300, 7), &mut ()).unwrap();
        let single = draw(&Through(p), &chain, &request(300, 7), &mut ()).unwrap();
        // The dynamics contract within a mode; the noise is the same, so only rounding is left.
        let worst = double.points.iter().zip(&single.points).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst > 0.0 && worst < 1e-4, "{worst}");
        assert_eq!((double.evaluations, single.evaluations), (50, 50));
    }

    /// Counts what it is told, and says stop after a number of steps.
    struct Counting {
        told: u64,
        done: u64,
        stop_at: u64,
    }

    impl Observer for Counting {
        fn sampled(&mut self, step: &SampleStep<'_>) -> Flow {
            assert!(step.done >= self.done && step.x.len().is_multiple_of(step.d));
            (self.told, self.done) = (self.told + 1, step.done);
            if self.told >= self.stop_at { Flow::Stop } else { Flow::Continue }
        }
    }

    #[test]
    fn the_observer_sees_every_step_of_every_block_and_can_stop_them_all() {
        let p = density::mixture("mixture").unwrap();
        let levels = crate::levels::Levels::geometric(10.0, 1.0, 3).unwrap();
        let sampler = Annealed { levels, steps_per_level: 4, epsilon: 0.1, denoise: true };
        let mut all = Counting { told: 0, done: 0, stop_at: u64::MAX };
        draw(&p, &sampler, &request(1000, 0), &mut all).unwrap();
        // 1,000 rows are cut finer than into blocks of 512: sixteen of at most 64, 13 steps each.
        assert_eq!((all.told, all.done), (16 * 13, 1000));
        let mut some = Counting { told: 0, done: 0, stop_at: 5 };
        let stopped = draw(&p, &sampler, &request(100_000, 0), &mut some);
        assert!(matches!(stopped, Err(Error::Interrupted { .. })));
        // Those that were under way when the word came are told it at their next step.
        assert!(some.told <= 5 + rayon::current_num_threads() as u64, "{}", some.told);
    }
}
