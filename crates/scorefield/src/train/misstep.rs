//! Steps whose loss or gradient is not finite: what is said of them, and when there are too many.
//!
//! Such a step changes nothing. Under `stop` it ends training; under `skip` training goes on without it, because a single batch may hold
//! an extreme point or draw an extreme level. Weights that are no longer good give no finite loss at all, so a long row of missteps ends
//! training whatever was asked for.

use super::config::OnNan;
use super::state::TrainState;
use super::step::Step;
use crate::error::Error;
use crate::key::Key;
use crate::objective::{Batch, Objective};
use crate::tensor::numbers;
use crate::words::number;

/// So many steps in a row without a finite loss are not an accident.
const MOST_IN_A_ROW: u64 = 100;

/// The steps left out so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Missteps {
    /// How many by this process.
    pub count: u64,
    /// The first of them.
    pub first: Option<u64>,
    /// How many one after the other up to now.
    row: u64,
}

impl Missteps {
    /// Looks at a step that was just taken, the state standing after it. `Ok(true)` if it was left out; the error that ends training if it may not be.
    pub fn look(
        &mut self,
        step: Step,
        (state, objective, batch, key): (&TrainState, &dyn Objective, &Batch, Key),
        on_nan: OnNan,
        saved: u64,
    ) -> Result<bool, Error> {
        if step.loss.is_finite() && step.grad_norm.is_finite() {
            self.row = 0;
            return Ok(false);
        }
        self.count += 1;
        self.row += 1;
        self.first.get_or_insert(state.step);
        if on_nan == OnNan::Skip && self.row < MOST_IN_A_ROW {
            return Ok(true);
        }
        // The weights are as they were before the step, so the loss is the same again, now row by row.
        let losses = numbers(objective.loss(&state.model, batch, key).inner());
        let sigmas = numbers(batch.sigma.clone());
        let mut problem = match step.loss.is_finite() {
            false => format!("the loss is {}, {}", step.loss, where_not_finite(&losses, &sigmas)),
            true => format!("the gradient's norm is {}, {}", step.grad_norm, range("the batch's", &sigmas)),
        };
        if self.row == MOST_IN_A_ROW {
            problem += &format!("; it was the {MOST_IN_A_ROW}th step in a row without a finite one");
        }
        Err(diverged(state.step, &problem, saved))
    }
}

/// Training that cannot go on at `step`, with `saved` the step of the last checkpoint.
pub(super) fn diverged(step: u64, problem: &str, saved: u64) -> Error {
    let kept = match saved {
        0 => "no checkpoint was written yet".to_owned(),
        saved => format!("the last good checkpoint, of step {saved}, is intact"),
    };
    let what = "try a smaller --lr, --clip 1, or --on-nan skip if single batches are to blame";
    Error::failed(format!("training, step {step}"), format!("{problem}; {kept}")).with_hint(what)
}

/// At which noise levels the rows are whose loss is not finite.
fn where_not_finite(losses: &[f32], sigmas: &[f32]) -> String {
    let bad: Vec<f32> = losses.iter().zip(sigmas).filter(|(loss, _)| !loss.is_finite()).map(|(_, sigma)| *sigma).collect();
    match bad.is_empty() {
        // Each loss is finite and their sum is not.
        true => range("the batch's", sigmas),
        false => format!("in {} of {} rows, {}", bad.len(), losses.len(), range("theirs", &bad)),
    }
}

fn range(whose: &str, sigmas: &[f32]) -> String {
    let (low, high) = sigmas.iter().fold((f32::INFINITY, 0.0f32), |(low, high), s| (low.min(*s), high.max(*s)));
    format!("σ from {} to {} ({whose})", number(f64::from(low)), number(f64::from(high)))
}
