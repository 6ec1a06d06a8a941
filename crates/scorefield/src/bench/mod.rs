//! Measurements of speed, and of what a step's time buys: training steps of every objective, against the dimension and the number of
//! directions, with the noise of their gradients; the networks and the kernels by themselves.
//!
//! Everything runs through the step that training takes. Times are of this machine at this moment; the variances are functions of
//! the seed.

mod cell;
mod correlated;
mod kernels;
mod markdown;
mod memory;
mod mlp;
mod objectives;
mod peers;
mod picture;
mod samplers;
mod slopes;
mod spread;
mod subject;
mod timing;
mod unet;
mod work;

pub use cell::Extent;
pub use kernels::{KernelPace, kernels};
pub use markdown::{check_markdown, markdown, slopes, write_markdown};
pub use memory::peak_bytes;
pub use mlp::{Pass, passes};
pub use objectives::{Measured, Plan, Row, objectives, step_seconds};
pub use peers::{CASES, Case, Pace, case, pace};
pub use picture::picture;
pub use samplers::{LANGEVIN, MCMC, SamplerCase, SamplerPace, sampler_case, samplers};
pub use slopes::Slopes;
pub use unet::{UNETS, UNetCase, UNetPace, unet, unet_case};
pub use work::{Perceptron, step_flops, trace_step_flops};
