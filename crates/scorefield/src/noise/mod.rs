//! Noise: which levels σ there are, how training visits them, how sampling descends them.
//!
//! One convention for all: x_σ = s(t)·(x₀ + σ(t)·n). A schedule says only which pairs (s, σ) there are; networks and samplers work with
//! x₀ + σ·n (the scale s is divided out), so that each works with every schedule. In this library's units σ is a standard deviation
//! in data units. Relative defaults are multiples of σ_data, the standard deviation of the data per dimension.

mod edm;
mod gaussian;
mod geometric;
mod kind;
mod laplace;
mod logistic;
mod schedule;
mod single;
mod student_t;
mod unit;
mod variance_exploding;
mod variance_preserving;

pub use edm::Edm;
pub use gaussian::Gaussian;
pub use geometric::Geometric;
pub use kind::{MakeNoise, NOISES, Noise};
pub use laplace::Laplace;
pub use logistic::Logistic;
pub use schedule::{SCHEDULES, Schedule, ScheduleSettings};
pub use single::Single;
pub use student_t::StudentT;
pub use variance_exploding::VarianceExploding;
pub use variance_preserving::{SubVp, VariancePreserving};
