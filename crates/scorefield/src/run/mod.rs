//! Run folders: what training leaves on disk, written so that a kill at any instant loses nothing that was complete.
//!
//! ```text
//! RUN/
//!   recipe.toml      every setting, defaults included
//!   metrics.jsonl    one line a logged step
//!   checkpoints/step-00001000/{model.safetensors, ema.safetensors, optimizer.safetensors, state.json}
//!   latest           names the newest complete checkpoint
//!   README.md        the model card
//!   .lock            held by the process that trains
//! ```
//!
//! Two views of one folder: [`RunFolder`] reads and never changes anything, even while somebody trains; [`RunWriter`] holds the
//! lock, clears what a killed process left, and writes. Whatever is written appears complete or not at all: files and folders are
//! written under a hidden name, flushed to the disk, and renamed; only then does `latest` name them.

mod card;
mod checkpoint;
mod claim;
mod folder;
mod holder;
mod list;
mod lock;
mod metrics;
mod newest;
mod state;
mod tensor_reader;
mod tensors;
mod writer;

pub use card::Card;
pub use checkpoint::{Checkpoint, CheckpointFiles};
pub use folder::RunFolder;
pub use list::{RunSummary, list_runs};
pub use metrics::{MetricsWriter, Row, read_metrics};
pub use newest::Found;
pub use state::{FileMark, State};
pub use tensor_reader::TensorReader;
pub use tensors::{Array, Content, NamedTensor, Numbers, TensorFile, Tensors, read_tensors, write_tensors};
pub use writer::{Resumed, RunWriter, Written};
