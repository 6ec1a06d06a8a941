//! What a computation is held against: closed forms, and the checks that compare them with what was measured.
//!
//! A score that is linear in x turns every objective into a polynomial in the first two moments of the points, so that its expectation and
//! its gradient by the parameters are known without any sampling ([`Expectation`], [`Affine`], [`LinearScore`]).

mod check;
mod estimate;
mod expectation;
mod linear;

pub use check::{Check, WIDTH};
pub use estimate::{Estimate, slope};
pub use expectation::{Affine, Expectation, Moments, Truth, Value};
pub use linear::LinearScore;
