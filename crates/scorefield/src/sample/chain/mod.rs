//! Chains: moves that leave p_σ (nearly) unchanged at one noise level.

mod adjusted;
mod dual_averaging;
mod law;
mod metropolis;
mod ula;

pub use adjusted::Adjusted;
pub use dual_averaging::DualAveraging;
pub use law::{Law, Place};
pub use metropolis::metropolis;
pub use ula::unadjusted_langevin;
