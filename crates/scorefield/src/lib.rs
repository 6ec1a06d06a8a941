//! scorefield learns the score of a distribution, ∇ₓ log p(x), from samples, and uses it: to draw new samples, remove noise, and show
//! where and why it fails.
#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod atomic;
pub mod bench;
pub mod data;
pub mod demo;
pub mod density;
pub mod diagnostic;
pub mod diffusers;
pub mod error;
pub mod jet;
pub mod key;
pub mod lecture;
pub mod levels;
pub mod likelihood;
pub mod metric;
pub mod model;
pub mod net;
pub mod noise;
pub mod objective;
pub mod observe;
pub mod oracle;
pub mod plot;
pub mod posterior;
pub mod recipe;
pub mod registry;
pub mod report;
pub mod run;
pub mod sample;
pub mod score;
pub mod tensor;
pub mod train;
pub mod verify;
pub mod words;
