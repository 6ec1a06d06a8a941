//! Products of matrices of f32 in registers: what the networks' kernels are made of.
//!
//! They fuse multiply and add where the processor can, and so differ in the last bits from one instruction set to another; on one set, a
//! number of a product is one sum in an order that the shapes fix.

pub(crate) mod dots;
pub(crate) mod lanes;
pub(crate) mod outer;
pub(crate) mod pack;
pub(crate) mod pairs;
pub(crate) mod product;
pub(crate) mod rows;
pub(crate) mod scratch;
