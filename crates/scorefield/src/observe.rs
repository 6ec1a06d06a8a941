//! Seeing a long computation from outside: progress, traces, and a way to stop it.

/// What an observer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Save what there is and end.
    Stop,
}

/// One step of training.
#[derive(Clone, Copy, Debug)]
pub struct TrainStep {
    /// Steps done, this one included.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Mean loss since the last logged step, where this one is logged.
    pub loss: Option<f64>,
    /// Rows in a batch.
    pub batch: usize,
}

/// One step of a sampler on one block of rows.
#[derive(Debug)]
pub struct SampleStep<'a> {
    /// First row of the block.
    pub first_row: u64,
    /// Steps done within the block.
    pub step: usize,
    /// Steps of a block in all.
    pub steps: usize,
    /// The noise level that x is now at.
    pub sigma: f64,
    /// The block's points, `[rows, d]`, row-major.
    pub x: &'a [f64],
    /// d.
    pub d: usize,
    /// Rows drawn in all.
    pub n: usize,
    /// How far all blocks together are, in rows that would be finished by as many steps. Blocks may move side by side.
    pub done: u64,
}

/// Watches, and may stop, what the library does. Every method has a default, so an observer says only what it cares for. Blocks of samples
/// that move side by side tell it in turn, from their threads.
pub trait Observer: Send {
    /// After each training step.
    fn trained(&mut self, _: &TrainStep) -> Flow {
        Flow::Continue
    }

    /// After each of several measurements: how many are done, and of how many.
    fn measured(&mut self, _: usize, _: usize) -> Flow {
        Flow::Continue
    }

    /// After each sampler step.
    fn sampled(&mut self, _: &SampleStep<'_>) -> Flow {
        Flow::Continue
    }
}

/// Watches nothing.
impl Observer for () {}
