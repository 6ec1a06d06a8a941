//! Measurements of speed, and of what a step's time buys: training steps of every objective, against the dimension and the number of
//! directions, with the noise of their gradients.
//!
//! Everything runs through the step that training takes. Times are of this machine at this moment; the variances are functions of
//! the seed.

mod memory;
mod peers;
mod subject;
mod work;

pub use memory::peak_bytes;
pub use peers::{CASES, Case, Pace, case, pace};
pub use work::{Perceptron, step_flops};
