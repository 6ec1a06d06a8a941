//! Values that a network computes with: plain tensors, and values that carry directional derivatives forward.
//!
//! A network is written once, generic over [`Value`]. With `Tensor<2>` it is the network; with [`Dual`] the same code also carries
//! J·v, the derivative of every intermediate value in the direction v of the network's input. Burn differentiates either by the
//! parameters.

mod dual;
mod value;

pub use dual::Dual;
pub use value::Value;
