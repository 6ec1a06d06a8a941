//! Which rows a step sees, and at which noise levels: functions of the step alone, so that nothing random has to be saved.

use crate::data::Source;
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::noise::Schedule;
use crate::objective::Batch;
use crate::tensor::{Device, matrix, vector};

/// Draws the batch of any step.
pub struct Batches<'a> {
    source: &'a dyn Source,
    schedule: &'a dyn Schedule,
    rows: usize,
    seed: u64,
}

impl<'a> Batches<'a> {
    /// Batches of `rows` rows of `source`.
    pub fn new(source: &'a dyn Source, schedule: &'a dyn Schedule, rows: usize, seed: u64) -> Self {
        Self { source, schedule, rows, seed }
    }

    /// The batch of step `step`, counted from 0.
    ///
    /// A finite source is visited in a fresh random order each epoch; an endless one is read onwards. The levels are stratified: row i
    /// of n takes its σ from the i-th n-th of the schedule's law, which leaves the loss unbiased and lowers its variance.
    ///
    /// # Errors
    /// The source cannot be read.
    pub fn at(&self, step: u64, device: &Device) -> Result<Batch> {
        let (n, d) = (self.rows, self.source.event().len());
        let first = step * n as u64;
        let key = Key::new(self.seed, Purpose::Data).at(step as u32);
        let shuffle = Key::new(self.seed, Purpose::Shuffle);
        let indices: Vec<u64> = match self.source.len() {
            None => (first..first + n as u64).collect(),
            Some(len) => (first..first + n as u64).map(|i| shuffle.at((i / len) as u32).permute(i % len, len)).collect(),
        };
        let mut clean = vec![0.0; n * d];
        self.source.fill(&indices, key, &mut clean)?;
        let jitter = key.for_purpose(Purpose::Level).uniform(0, n, 1);
        let quantile = |(i, u): (usize, f32)| (i as f64 + f64::from(u).clamp(1e-6, 1.0 - 1e-6)) / n as f64;
        let sigmas: Vec<f64> = jitter.into_iter().enumerate().map(|iu| self.schedule.quantile(quantile(iu))).collect();
        let weights = sigmas.iter().map(|s| self.schedule.weight(*s) as f32).collect();
        Ok(Batch {
            clean: matrix(clean, n, d, device),
            sigma: vector(sigmas.iter().map(|s| *s as f32).collect(), device),
            weight: vector(weights, device),
        })
    }
}
