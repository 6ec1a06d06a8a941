//! How the levels of a solver's ladder are spaced between the largest and the smallest σ.

use crate::error::Result;
use crate::levels::Levels;
use crate::registry::Entry;

/// Makes `n` levels from `high` down to `low`, with the exponent ρ where the spacing has one.
pub type Space = fn(high: f64, low: f64, n: usize, rho: f64) -> Result<Levels>;

/// A spacing: how it is made, and ρ where none is asked; `None` where it has no ρ.
pub struct Spacing {
    /// Makes the levels.
    pub space: Space,
    /// The usual ρ.
    pub rho: Option<f64>,
}

/// The spacings a user may name.
pub static SPACINGS: &[Entry<Spacing>] = &[
    Entry {
        name: "karras",
        aliases: &["edm"],
        summary: "even in σ^(1/ρ), ρ = 7: most levels are small",
        formula: "σ_i = (σ₁^(1/ρ) + i/(n−1)·(σ_n^(1/ρ) − σ₁^(1/ρ)))^ρ",
        source: "Karras et al. 2022, equation 5",
        value: Spacing { space: Levels::karras, rho: Some(7.0) },
    },
    Entry {
        name: "geometric",
        aliases: &["exponential"],
        summary: "a constant ratio between levels: even in ln σ",
        formula: "σ_i = σ₁·(σ_n/σ₁)^(i/(n−1))",
        source: "Song & Ermon 2019",
        value: Spacing { space: |high, low, n, _| Levels::geometric(high, low, n), rho: None },
    },
    Entry {
        name: "polyexponential",
        aliases: &[],
        summary: "even in (ln σ)^(1/ρ) between the ends; ρ = 1 is geometric",
        formula: "σ_i = σ_n·(σ₁/σ_n)^((1 − i/(n−1))^ρ)",
        source: "Crowson 2022 (k-diffusion)",
        value: Spacing { space: Levels::polyexponential, rho: Some(1.0) },
    },
    Entry {
        name: "linear",
        aliases: &[],
        summary: "even in σ",
        formula: "σ_i = σ₁ + i/(n−1)·(σ_n − σ₁)",
        source: "closed form",
        value: Spacing { space: |high, low, n, _| Levels::linear(high, low, n), rho: None },
    },
];
