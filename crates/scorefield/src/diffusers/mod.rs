//! Models to and from Hugging Face diffusers: `UNet2DModel` with a scheduler, as a folder of JSON and safetensors files.
//!
//! The network's settings, names and shapes are diffusers' own, so weights pass unchanged. What differs is how a point and its level go in
//! and how the output becomes a score; that is the scheduler's part there and a [`Conditioning`](crate::model::Conditioning) here.

mod export;
mod folder;
mod import;
mod names;
mod rotation;
mod scheduler;

pub use export::{Exported, export};
pub use import::{Imported, import};
