//! Which rows a step sees, and at which noise levels: functions of the step alone, so that nothing random has to be saved.

use crate::data::Source;
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::noise::{Noise, Schedule};
use crate::objective::Batch;
use crate::tensor::{Device, matrix, vector};
use std::sync::Arc;

/// Draws the batch of any step.
pub struct Batches<'a> {
    source: &'a dyn Source,
    schedule: &'a dyn Schedule,
    noise: Arc<dyn Noise>,
    rows: usize,
    seed: u64,
}

impl<'a> Batches<'a> {
    /// Batches of `rows` rows of `source`.
    pub fn new(source: &'a dyn Source, schedule: &'a dyn Schedule, noise: &Arc<dyn Noise>, rows: usize, seed: u64) -> Self {
        Self { source, schedule, noise: noise.clone(), rows, seed }
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
            regime: self.schedule.regime(),
            noise: self.noise.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data;
    use crate::noise::{Gaussian, SCHEDULES, ScheduleSettings};
    use crate::tensor::numbers;

    #[test]
    fn an_epoch_sees_every_row_once_and_a_level_from_every_part_of_the_law() {
        let digits = data::open("digits", &data::Options::default()).unwrap();
        let edm = SCHEDULES.iter().find(|e| e.name == "edm").unwrap();
        let schedule = (edm.value)(&mut ScheduleSettings::default(), 0.3).unwrap();
        // 1,437 = 3 · 479.
        let batches = Batches::new(&*digits.train, &*schedule, &(Arc::new(Gaussian) as Arc<dyn Noise>), 479, 5);
        let device = Device::flex();
        let mut seen: Vec<Vec<u32>> = Vec::new();
        for step in 0..3 {
            let batch = batches.at(step, &device).unwrap();
            seen.extend(numbers(batch.clean).chunks(64).map(|row| row.iter().map(|v| v.to_bits()).collect()));
            let sigma = numbers(batch.sigma);
            let median = schedule.quantile(0.5) as f32;
            let below = sigma.iter().filter(|s| **s < median).count();
            assert!((below as i64 - 239).abs() <= 1, "{below} of 479 below the median");
        }
        let mut all: Vec<Vec<u32>> = data::all(&*digits.train, 2000, Key::new(0, Purpose::Data))
            .unwrap()
            .chunks(64)
            .map(|row| row.iter().map(|v| v.to_bits()).collect())
            .collect();
        seen.sort();
        all.sort();
        assert!(seen == all);
    }
}
