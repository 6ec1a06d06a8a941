//! Where points come from: one file a format, all of them seen through [`Source`].
//!
//! [`open()`] turns what a user writes (`digits`, `toy:two-moons`, `mnist`, `points.npy`, `table.csv`, `photos/`) into a [`Dataset`]: rows
//! to learn from, rows held out, and what a model card has to say about them. A row is a function of (source, key, index) alone, so
//! neither the batch split nor the thread count nor a restart changes what a network sees. Nothing is standardised here: tables come
//! in their own units and images in [0, 1]; [`Standardise`] and [`Moments`] measure what a trainer needs to know.
//!
//! Sources bigger than [`Options::memory_limit`] are read from disk row by row, from their own file where its layout allows it
//! (`.npy`, plain IDX, image folders), else from a temporary file that disappears with the process.

mod cifar;
mod columns;
mod csv;
mod digits;
mod draws;
mod element;
mod fetch;
mod fingerprint;
mod first;
mod folder;
mod footer;
mod gzip;
mod idx;
mod mnist;
mod moments;
mod npy;
mod npz;
mod open;
mod page_heads;
mod pages;
mod parquet;
mod published;
mod record;
mod rows;
mod shape;
mod source;
mod split;
mod standardise;
mod store;
mod thrift;
pub mod toy;
pub mod write;

pub use draws::read_draws;
pub use first::First;
pub use moments::Moments;
pub use open::{Dataset, Dequantise, Form, Options, Origin, describe, open};
pub use record::{check_room, read_record, sidecar};
pub use shape::EventShape;
pub use source::{Source, all};
pub use standardise::{Standardise, Standardised};
