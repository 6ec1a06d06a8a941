//! What is right and wrong with a score, measured.

mod fisher;

pub use fisher::{Fisher, Question, fisher};
