//! SIMD kernels of scorefield over plain slices, each beside its portable twin.
//!
//! Every kernel gives the same bits for every number of threads: sums are taken in an order that only the shapes fix. It gives the same
//! bits on every instruction set too, as nothing is fused, or, in the double precision of [`mixture`] and [`chain`], everything is; but for the
//! matrix products of [`mlp`], [`image`] and [`attention`] and for f32 exponentials, which use fused multiply-add where there is one and so differ in
//! the last digits from the portable twin. How far, the tests say over shapes of all kinds: an activation by the ulp that its file names; a layer of
//! an image and each of its gradients by 256·2⁻²³ of their typical size, attention by 16·2⁻²³. Slices of the wrong length are errors of the calling code and panic.
#![deny(unsafe_op_in_unsafe_fn)]
#![warn(missing_docs)]

pub mod activation;
pub mod adamw;
pub mod add_silu;
pub mod attention;
pub mod bias;
pub mod chain;
pub mod dispatch;
mod elementary;
mod elementary64;
mod exponentials;
pub mod function;
pub mod image;
mod lanes;
pub mod layer_norm;
pub mod machine;
mod matrix;
pub mod memory;
pub mod mixture;
pub mod mlp;
pub mod muon;
pub mod philox;
mod pointwise;
pub mod rows;
mod share;
