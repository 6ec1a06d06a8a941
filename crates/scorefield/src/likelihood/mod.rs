//! Latents and log p by the probability-flow ODE (Song et al. 2021, section 4.3 and appendix D.2; Chen et al. 2018).
//!
//! The flow dx/dσ = f = −σ·s(x, σ) carries p_σ to p_σ' without randomness. From the lowest level σ₀ to the highest σ₁ it turns a point x into
//! x₁ and, in units of the prior N(μ, (σ_d² + σ₁²)·I), into a latent z; back again it turns z into x. Along it
//!
//! log p_σ₀(x) = log p_σ₁(x₁) + ∫ div f dσ, div f = −σ·tr J, J = ∂s/∂x,
//!
//! where p_σ₁ is taken to be the prior: what the data's shape leaves of the difference is the error of log p that no tolerance removes. It
//! falls as (σ_d/σ₁)². For a model, p_σ₀ is the data's density under its smallest noise; for a density known without noise σ₀ = 0.

mod divergence;
mod flow;
mod interpolate;

pub use divergence::{Divergence, Likelihood};
pub use flow::{Flow, Prior};
pub use interpolate::spherical;
