//! A set of samples in parts, so that memory holds a part and not the set. Row i of a set depends on its number alone, so the parts are the
//! set whatever their size.

use super::drive::{Draw, Drawn, Sampler, block_rows, draw};
use super::tally::{StepSizes, Tally};
use crate::error::Result;
use crate::observe::{Flow, Observer, SampleStep};
use crate::score::{Evaluation, Score};

/// What all parts together came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Rows that were drawn and taken.
    pub rows: u64,
    /// The noise level that the points ended at.
    pub sigma: f64,
    /// Evaluations of the score, a point: the mean, rounded.
    pub evaluations: u64,
    /// The share of proposals that were accepted, where the sampler makes proposals.
    pub acceptance: Option<f64>,
    /// The step sizes that chains adapted to, where they adapt.
    pub step_sizes: Option<StepSizes>,
    /// Of each pair of neighbouring replicas, how often they changed places; empty where there are none.
    pub exchange_rates: Vec<f64>,
}

/// Draws `request` and hands it on part by part, in order, each with the number of its first row. Returns what was drawn, also where
/// the work ended early, and how it ended.
///
/// # Errors
/// The observer said stop (the part that was under way is lost, those before it have been taken); `take` failed.
pub fn draw_parts(
    score: &dyn Score,
    sampler: &dyn Sampler,
    request: &Draw,
    observer: &mut dyn Observer,
    mut take: impl FnMut(Drawn, u64) -> Result<()>,
) -> (Totals, Result<()>) {
    let (mut totals, end) = (Totals { sigma: request.start_sigma, ..Totals::default() }, request.from + request.n as u64);
    // Sums over rows, for the means.
    let (mut evaluations, mut tally) = (0u64, Tally::default());
    let part = part_rows(score);
    let mut first = request.from;
    while first < end {
        // Whole blocks, wherever the set begins.
        let last = end.min(first - first % part + part);
        let piece = Draw { n: (last - first) as usize, from: first, ..request.clone() };
        let mut shown = Whole { observer: &mut *observer, before: first - request.from, n: request.n };
        let drawn = match draw(score, sampler, &piece, &mut shown) {
            Ok(drawn) => drawn,
            Err(e) => return (totals, Err(e)),
        };
        let rows = last - first;
        evaluations += drawn.evaluations * rows;
        tally.join(&drawn.tally);
        let sigma = drawn.sigma;
        if let Err(e) = take(drawn, first) {
            return (totals, Err(e));
        }
        let all = totals.rows + rows;
        totals = Totals {
            rows: all,
            sigma,
            evaluations: (evaluations + all / 2) / all,
            acceptance: tally.acceptance(),
            step_sizes: tally.step_sizes(),
            exchange_rates: tally.exchange_rates(),
        };
        first = last;
    }
    (totals, Ok(()))
}

/// Blocks of each thread in a part: few enough that an interruption loses little, enough to keep all threads busy.
const BLOCKS_A_THREAD: u64 = 8;

/// Rows of a part, a multiple of a block's.
fn part_rows(score: &dyn Score) -> u64 {
    let block = block_rows(score.dim(), score.evaluation());
    match score.evaluation() {
        Evaluation::Together => block,
        Evaluation::InBlocks | Evaluation::Apart => block * BLOCKS_A_THREAD * rayon::current_num_threads() as u64,
    }
}

/// An observer of the whole, told of a part.
struct Whole<'o> {
    observer: &'o mut dyn Observer,
    before: u64,
    n: usize,
}

impl Observer for Whole<'_> {
    fn sampled(&mut self, step: &SampleStep<'_>) -> Flow {
        self.observer.sampled(&SampleStep { n: self.n, done: self.before + step.done, ..*step })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;
    use crate::sample::{Langevin, Start};

    fn request(n: usize, from: u64) -> Draw {
        Draw { n, from, seed: 3, start: Start::Uniform { low: -8.0, high: 8.0 }, start_sigma: 0.0 }
    }

    const CHAIN: Langevin = Langevin { steps: 5, epsilon: 0.1, sigma: 0.0 };

    #[test]
    fn parts_are_the_set_whatever_their_size_and_wherever_it_begins() {
        let p = density::mixture("mixture").unwrap();
        for (n, from) in [(9000, 0), (9000, 777), (1, 5)] {
            let whole = draw(&p, &CHAIN, &request(n, from), &mut ()).unwrap();
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let (mut points, mut next) = (Vec::new(), from);
                let (totals, ended) = pool.install(|| {
                    draw_parts(&p, &CHAIN, &request(n, from), &mut (), |part, first| {
                        assert_eq!(first, next);
                        next += (part.points.len() / 2) as u64;
                        points.extend(part.points);
                        Ok(())
                    })
                });
                ended.unwrap();
                assert_eq!(points, whole.points);
                assert_eq!(totals, Totals { rows: n as u64, evaluations: 5, ..Totals::default() });
            }
        }
    }

    /// Says stop once half of the rows are done.
    struct Half;

    impl Observer for Half {
        fn sampled(&mut self, step: &SampleStep<'_>) -> Flow {
            assert!(step.done <= step.n as u64);
            if 2 * step.done > step.n as u64 { Flow::Stop } else { Flow::Continue }
        }
    }

    #[test]
    fn what_was_taken_before_a_stop_is_the_beginning_of_the_set() {
        let p = density::mixture("mixture").unwrap();
        let mut points = Vec::new();
        let n = 200_000;
        let (totals, ended) = draw_parts(&p, &CHAIN, &request(n, 0), &mut Half, |part, _| {
            points.extend(part.points);
            Ok(())
        });
        assert!(matches!(ended, Err(crate::error::Error::Interrupted { .. })));
        assert!(totals.rows > 0 && totals.rows < n as u64 && points.len() as u64 == 2 * totals.rows, "{totals:?}");
        assert_eq!(points, draw(&p, &CHAIN, &request(totals.rows as usize, 0), &mut ()).unwrap().points);
    }
}
