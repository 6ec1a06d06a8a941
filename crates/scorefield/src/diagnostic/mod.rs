//! What is right and wrong with a score, measured.

pub mod chains;

mod convolved;
mod fisher;
mod quadrature;

pub use convolved::{Convolved, truth};
pub use fisher::{Fisher, Question, fisher};
pub use quadrature::Quadrature;
