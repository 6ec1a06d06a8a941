//! Where a chain left the range of numbers: as a row depends on nothing but its number, it is drawn once more and watched.

use super::{Draw, Sampler, draw};
use crate::error::{Error, Result};
use crate::observe::{Flow, Observer, SampleStep};
use crate::score::Score;

/// Waits for the first step at which a row is beyond what samples, 32-bit numbers, can hold.
struct Watch {
    row: u64,
    found: Option<usize>,
}

impl Observer for Watch {
    fn sampled(&mut self, seen: &SampleStep<'_>) -> Flow {
        let own = (self.row - seen.first_row) as usize;
        let row = seen.x.chunks_exact(seen.d).nth(own);
        if row.is_some_and(|row| row.iter().any(|x| !(*x as f32).is_finite())) {
            self.found = Some(seen.step);
            return Flow::Stop;
        }
        Flow::Continue
    }
}

/// The first step of row `row` of `request` after which it is not finite as 32-bit numbers; `None` if it stays finite.
///
/// # Errors
/// What the sampler refuses.
pub fn divergence(score: &dyn Score, sampler: &dyn Sampler, request: &Draw, row: u64) -> Result<Option<usize>> {
    let mut watch = Watch { row, found: None };
    let alone = Draw { n: 1, from: row, ..request.clone() };
    match draw(score, sampler, &alone, &mut watch) {
        Ok(_) | Err(Error::Interrupted { .. }) => Ok(watch.found),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;
    use crate::sample::{Langevin, Start};

    #[test]
    fn the_step_is_the_first_at_which_the_chain_alone_is_not_finite() {
        let p = density::mixture("standard-normal").unwrap();
        let start = Start::Uniform { low: 1.0, high: 2.0 };
        let request = Draw { n: 3, from: 5, seed: 1, start, start_sigma: 0.0 };
        // x ← −19x + … grows by a factor of about 19 a step: 3.4·10³⁸ is passed after some 30.
        let chain = Langevin { steps: 300, epsilon: 40.0, sigma: 0.0 };
        let step = divergence(&p, &chain, &request, 6).unwrap().unwrap();
        assert!((28..=32).contains(&step), "{step}");
        let before = Langevin { steps: step - 1, ..chain };
        assert!(draw(&p, &before, &request, &mut ()).unwrap().single()[2..4].iter().all(|x| x.is_finite()));
        assert_eq!(divergence(&p, &Langevin { epsilon: 0.1, ..chain }, &request, 6).unwrap(), None);
    }
}
