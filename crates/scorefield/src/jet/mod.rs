//! Values that a network computes with: plain tensors, and jets, which carry directional derivatives forward.
//!
//! Along the line x + τv, a value f has derivatives ḟ = J·v and f̈ = vᵀHv at τ = 0 (Griewank & Walther 2008, chapters 3 and 13). A
//! network is written once, generic over [`Value`]. With `Tensor<2>` it is the network; with a [`Jet`] the same code carries f, ḟ and,
//! at second order, f̈ for M directions v at once. Burn differentiates any of them by the parameters: that is how a loss may hold
//! derivatives by the input although Burn's reverse mode cannot be nested.
//!
//! What a layer does to a jet is one of four things: a linear map, a shift, a product, or a [`Function`] of each number; everything
//! else ([`softmax`], [`group_norm`], [`attention`], …) is composed of them in `composite.rs`.

mod composite;
mod convolution;
mod forward;
mod function;
mod plain;
mod value;

pub use composite::{Groups, attention, group_norm, softmax};
pub(crate) use convolution::swapped;
pub use convolution::{Layer, Norm, Resampling, join_channels, resample};
pub use forward::{Jet, Order};
pub use function::Function;
pub use value::Value;

pub use crate::tensor::{Image, Weights, Window};

#[cfg(test)]
mod tests;
