//! What samplers tell of their moves: how many proposals were accepted, how many replicas changed places, how long steps became.

/// How many of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Share {
    hits: u64,
    of: u64,
}

impl Share {
    pub fn add(&mut self, rows: &[bool]) {
        self.hits += rows.iter().filter(|hit| **hit).count() as u64;
        self.of += rows.len() as u64;
    }

    fn join(&mut self, other: &Self) {
        self.hits += other.hits;
        self.of += other.of;
    }

    /// The share; `None` of none.
    pub fn value(&self) -> Option<f64> {
        (self.of > 0).then(|| self.hits as f64 / self.of as f64)
    }
}

/// Step sizes of the chains of a set.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct StepSizes {
    /// The least.
    pub least: f64,
    /// The geometric mean.
    pub mean: f64,
    /// The greatest.
    pub greatest: f64,
}

/// Step sizes on their way to that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Steps {
    least: f64,
    greatest: f64,
    logs: f64,
    count: u64,
}

impl Default for Steps {
    fn default() -> Self {
        Self { least: f64::INFINITY, greatest: 0.0, logs: 0.0, count: 0 }
    }
}

impl Steps {
    pub fn add(&mut self, epsilon: f64) {
        self.join(&Self { least: epsilon, greatest: epsilon, logs: epsilon.ln(), count: 1 });
    }

    fn join(&mut self, other: &Self) {
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.logs += other.logs;
        self.count += other.count;
    }
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub accepted: Share,
    pub exchanges: Vec<Share>,
    pub steps: Steps,
}

impl Tally {
    /// Adds another block's.
    pub fn join(&mut self, other: &Self) {
        self.accepted.join(&other.accepted);
        self.exchanges.resize(self.exchanges.len().max(other.exchanges.len()), Share::default());
        self.exchanges.iter_mut().zip(&other.exchanges).for_each(|(a, b)| a.join(b));
        self.steps.join(&other.steps);
    }

    /// The share of proposals that were accepted, if there were any.
    pub fn acceptance(&self) -> Option<f64> {
        self.accepted.value()
    }

    /// The step sizes, if a sampler told them.
    pub fn step_sizes(&self) -> Option<StepSizes> {
        let Steps { least, greatest, logs, count } = self.steps;
        (count > 0).then(|| StepSizes { least, mean: (logs / count as f64).exp(), greatest })
    }

    /// Of each pair of neighbouring replicas, how often they changed places.
    pub fn exchange_rates(&self) -> Vec<f64> {
        self.exchanges.iter().filter_map(Share::value).collect()
    }
}
