//! What training will need of memory, told before it starts.
//!
//! Two bounds. The sizes alone give a lower one, before anything large is made: weights, gradients, two moments and the averages, and for
//! each row of a batch what the layers leave for the way back. Where that comes near to what is free, two steps on small batches are taken
//! and their peaks, of b₁ and b₂ rows, drawn out in a straight line to the whole batch:
//!
//! peak(b) ≈ peak(b₂) + (peak(b₂) − peak(b₁))·(b − b₂)/(b₂ − b₁).
//!
//! What does not fit is refused; a process that the operating system kills for its memory can say nothing any more.

use super::assemble::{self, Assembled};
use crate::error::{Error, Result};
use crate::net::Least;
use crate::tensor::Device;
use crate::train::{Task, TrainConfig, TrainState, train};
use crate::words;
use scorefield_kernels::machine;

/// Only where the lower bound times this is more than what is free, a few steps are measured.
const ROOM: u64 = 16;
/// The small batches, as parts of the whole one.
const PARTS: [usize; 2] = [16, 8];
const BYTES: u64 = size_of::<f32>() as u64;

/// Refuses training that cannot fit into the memory that is free. Where the system does not tell what is free, nothing is refused.
///
/// # Errors
/// It does not fit, with what is needed and what there is.
pub(super) fn check(parts: &Assembled, device: &Device) -> Result<()> {
    let Some(free) = machine::memory().map(|memory| memory.available) else { return Ok(()) };
    let least = least(parts)?;
    if least > free {
        return Err(refused(parts, "at least", least, free));
    }
    match least.saturating_mul(ROOM) > free {
        true => check_measured(parts, device, free),
        false => Ok(()),
    }
}

fn check_measured(parts: &Assembled, device: &Device, free: u64) -> Result<()> {
    let Some(before) = machine::resident() else { return Ok(()) };
    let whole = parts.config.batch;
    let [first, second] = PARTS.map(|part| whole.div_ceil(part));
    if first == second {
        return Ok(());
    }
    let mut state = TrainState::new(parts.fresh_model(&device.clone().autodiff())?, &parts.config.ema);
    let mut peak = |batch: usize| -> Result<Option<u64>> {
        machine::forget_peak();
        let config = TrainConfig { batch, steps: state.step + 1, ..parts.config.clone() };
        let (noise, objective) = (parts.noise.clone(), &*parts.objective);
        let task = Task { source: &*parts.source, schedule: &*parts.schedule, noise, objective, validation: None };
        train(&mut state, &task, &config, &mut (), &mut ())?;
        Ok(machine::resident().map(|resident| resident.peak))
    };
    let (Some(small), Some(large)) = (peak(first)?, peak(second)?) else { return Ok(()) };
    let slope = large.saturating_sub(small) as f64 / (second - first) as f64;
    let needed = large.saturating_add((slope * (whole - second) as f64) as u64);
    // What this process holds already is not free, and is part of the need.
    let there = free.saturating_add(before.now);
    match needed > there {
        true => Err(refused(parts, "about", needed, there)),
        false => Ok(()),
    }
}

/// A lower bound, in bytes.
fn least(parts: &Assembled) -> Result<u64> {
    let recipe = &parts.recipe;
    let event = parts.dataset.train.event();
    let Least { parameters, row } = assemble::least(recipe, event)?;
    // Weights, gradients, two moments, the averages; and of the batch the clean and the noisy points.
    let copies = 4 + recipe.train.ema.len() as u64 + u64::from(recipe.train.early > 0.0);
    let batch = (parts.config.batch as u64).saturating_mul(row.saturating_add(2 * event.len() as u64));
    Ok(parameters.saturating_mul(copies).saturating_add(batch).saturating_mul(BYTES))
}

fn refused(parts: &Assembled, how: &str, needed: u64, free: u64) -> Error {
    let recipe = &parts.recipe;
    let what = format!("memory for {} of width {} and batches of {}", recipe.net.name, recipe.net.width, recipe.train.batch);
    let expected = format!("no more than the {} that are free", words::bytes(free));
    Error::setting(what, expected, format!("a need of {how} {}", words::bytes(needed)))
        .with_hint("choose a smaller --batch, --width or --depth")
}
