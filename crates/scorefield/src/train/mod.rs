//! Training: the loop, the optimiser, the averages, and what a checkpoint must hold.

mod adamw;
mod batches;
mod config;
mod fit;
mod misstep;
mod state;
mod step;
mod validation;

pub use adamw::{AdamW, Hyper};
pub use batches::Batches;
pub use config::{Decay, OnNan, TrainConfig};
pub use fit::{Checkpoint, LogRecord, Outcome, Task, train};
pub use state::{Average, Early, Held, Named, Snapshot, SnapshotBest, TrainState};
pub use step::{Slope, Step, gradient};
pub use validation::{Best, Validation};
