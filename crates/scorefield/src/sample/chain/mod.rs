//! Chains: moves that leave p_σ (nearly) unchanged at one noise level.

mod ula;

pub use ula::unadjusted_langevin;
