//! The draws of some chains, kept while they run: an observer that others can watch through.

use super::Draws;
use crate::error::Result;
use crate::observe::{Flow, Observer, SampleStep};
use crate::sample::Kept;

/// Chains and draws that are kept at most, and numbers in all: 64 MiB.
const MOST_CHAINS: usize = 64;
const MOST_DRAWS: usize = 1000;
const MOST_NUMBERS: usize = 1 << 23;

/// See the head of this file.
pub struct Trace<'o> {
    inner: &'o mut dyn Observer,
    first_row: u64,
    kept: Kept,
    /// One draw is kept of so many.
    every: usize,
    draws: Draws,
}

impl<'o> Trace<'o> {
    /// Keeps the first of `n` chains from row `first_row` on, of `d` numbers each, in the steps that `kept` names: all of these steps, or
    /// evenly thinned where they are many.
    pub fn new(kept: Kept, first_row: u64, n: usize, d: usize, inner: &'o mut dyn Observer) -> Self {
        Self::of(MOST_CHAINS, kept, first_row, n, d, inner)
    }

    /// As [`Trace::new`], of another number of chains at most.
    pub fn of(most: usize, kept: Kept, first_row: u64, n: usize, d: usize, inner: &'o mut dyn Observer) -> Self {
        let d = d.max(1);
        // Of very long draws fewer chains, of these no fewer than four.
        let chains = n.min(most).min((MOST_NUMBERS / (100 * d)).max(4));
        let most = MOST_DRAWS.min(MOST_NUMBERS / (chains.max(1) * d)).max(1);
        let every = kept.steps.div_ceil(most).max(1);
        let draws = kept.steps / every;
        let draws = Draws { values: vec![f64::NAN; chains * draws * d], chains, draws, d };
        Self { inner, first_row, kept, every, draws }
    }

    /// Steps between two draws that were kept, and the step of the first of them.
    pub fn steps(&self) -> (usize, usize) {
        (self.every, self.kept.after + self.every)
    }

    /// What was kept.
    ///
    /// # Errors
    /// Nothing was.
    pub fn draws(self) -> Result<Draws> {
        let Draws { values, chains, draws, d } = self.draws;
        Draws::new(values, chains, draws, d)
    }
}

impl Observer for Trace<'_> {
    fn sampled(&mut self, seen: &SampleStep<'_>) -> Flow {
        let Draws { values, chains, draws, d } = &mut self.draws;
        let since = seen.step.saturating_sub(self.kept.after);
        let t = since / self.every;
        if since > 0 && since.is_multiple_of(self.every) && t <= *draws {
            let block = seen.first_row..seen.first_row + (seen.x.len() / *d) as u64;
            for chain in 0..*chains {
                let row = self.first_row + chain as u64;
                if block.contains(&row) {
                    let from = (row - block.start) as usize * *d;
                    let to = (chain * *draws + t - 1) * *d;
                    values[to..to + *d].copy_from_slice(&seen.x[from..from + *d]);
                }
            }
        }
        self.inner.sampled(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(trace: &mut Trace<'_>, first_row: u64, step: usize, x: &[f64]) {
        let seen = SampleStep { first_row, step, steps: 10, sigma: 0.0, x, d: 2, n: 5, done: 0 };
        assert_eq!(trace.sampled(&seen), Flow::Continue);
    }

    #[test]
    fn the_rows_asked_for_are_kept_whatever_block_they_are_in() {
        let mut nobody = ();
        let mut trace = Trace::new(Kept { after: 8, steps: 2 }, 3, 2, 2, &mut nobody);
        for step in 1..=10 {
            let at = |row: f64| [10.0 * step as f64 + row, -row];
            see(&mut trace, 2, step, &[at(2.0), at(3.0)].concat());
            see(&mut trace, 4, step, &[at(4.0), at(5.0)].concat());
        }
        assert_eq!(trace.steps(), (1, 9));
        assert_eq!(trace.draws().unwrap().values, [93.0, -3.0, 103.0, -3.0, 94.0, -4.0, 104.0, -4.0]);
    }

    #[test]
    fn long_chains_are_thinned_and_many_cut() {
        let mut nobody = ();
        let trace = Trace::new(Kept { after: 0, steps: 2500 }, 0, 5000, 2, &mut nobody);
        assert_eq!((trace.steps(), trace.draws().unwrap().chains), ((3, 3), 64));
        let trace = Trace::new(Kept { after: 0, steps: 2500 }, 0, 5000, 3072, &mut nobody);
        let draws = trace.draws().unwrap();
        assert!(draws.values.len() <= MOST_NUMBERS && draws.chains >= 4 && draws.draws >= 50, "{} {}", draws.chains, draws.draws);
    }
}
