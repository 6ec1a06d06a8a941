//! How a point and its noise level go into a network, and how the network's output becomes a score.
//!
//! Every convention is one line of the same table: with z = x − μ, the network sees c_in·z and c, and s = out·F(c_in·z, c) − skip·z.
//!
//! | | c_in | c | out | skip |
//! |---|---|---|---|---|
//! | relative, edm | 1/√(σ² + σ_d²) | ¼ ln(σ/σ_d), ¼ ln σ | σ_d/(σ·√(σ² + σ_d²)) | 1/(σ² + σ_d²) |
//! | ve | 1 | σ | 1 | 0 |
//! | discrete, noise ε | 1/√(1 + σ²) | t(σ) | −1/σ | 0 |
//! | discrete, sample x₀ | 1/√(1 + σ²) | t(σ) | 1/σ² | 1/σ² |
//! | discrete, velocity v | 1/√(1 + σ²) | t(σ) | −1/(σ·√(1 + σ²)) | 1/(1 + σ²) |
//!
//! Relative and edm are Karras et al. 2022 (Table 1), ve is Song et al. 2021 (NCSN++). Discrete is Ho et al. 2020: with
//! x̃ = x_t/√ᾱ_t, σ² = (1 − ᾱ_t)/ᾱ_t, so that x_t = x̃/√(1 + σ²); v = √ᾱ·ε − √(1 − ᾱ)·x₀ is Salimans & Ho 2022.

use super::Precondition;
use super::timesteps::{Prediction, Timesteps};
use crate::levels::Regime;
use crate::tensor::{Device, Tensor, column, matrix, numbers, vector};
use serde::{Deserialize, Serialize};

/// Which line of the table at this file's head.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conditioning {
    /// That of models trained here: c says σ in units of σ_d.
    #[default]
    Relative,
    /// The paper's: c says σ itself.
    Edm,
    /// The network is the score, and takes σ.
    Ve,
    /// The network takes one of a list of time steps.
    Discrete(Timesteps),
}

/// The preconditioning's factors for a batch of noise levels, each `[n, 1]` (or `[1, 1]`), and c `[n]`.
pub(super) struct Factors {
    pub(super) c_in: Tensor<2>,
    pub(super) c_noise: Tensor<1>,
    pub(super) skip: Tensor<2>,
    pub(super) out: Tensor<2>,
    /// What multiplies an energy: σ_d/σ.
    pub(super) energy: Tensor<2>,
}

impl Precondition {
    pub(super) fn factors(&self, sigma: &Tensor<1>, device: &Device) -> Factors {
        let data = self.sigma_data;
        let one = |value: f32| Tensor::full([1, 1], value, device);
        if self.regime == Regime::Clean {
            return Factors {
                c_noise: sigma.zeros_like(),
                skip: one(1.0 / (data * data)),
                out: one(1.0 / data),
                c_in: one(1.0 / data),
                energy: one(1.0),
            };
        }
        match &self.conditioning {
            Conditioning::Relative => karras(sigma, data, |s| (s / data).ln() * 0.25),
            Conditioning::Edm => karras(sigma, data, |s| s.ln() * 0.25),
            Conditioning::Ve => {
                Factors { c_in: one(1.0), c_noise: sigma.clone(), skip: one(0.0), out: one(1.0), energy: one(1.0) }
            }
            Conditioning::Discrete(timesteps) => discrete(sigma, timesteps, one(0.0)),
        }
    }
}

/// On the host: a batch has few levels, and an operation on a tensor costs more than all of them.
fn karras(sigma: &Tensor<1>, data: f32, c_noise: impl Fn(f32) -> f32) -> Factors {
    let levels = numbers(sigma.clone());
    let total = |s: f32| s * s + data * data;
    let (c_in, ratio) = (|s: f32| total(s).sqrt().recip(), |s: f32| s.recip() * data);
    Factors {
        c_noise: vector(levels.iter().map(|s| c_noise(*s)).collect(), &sigma.device()),
        skip: rows(&levels, sigma, |s| total(s).recip()),
        out: rows(&levels, sigma, |s| c_in(s) * ratio(s)),
        c_in: rows(&levels, sigma, c_in),
        energy: rows(&levels, sigma, ratio),
    }
}

/// f of each level, `[n, 1]`, where `sigma` is.
fn rows(levels: &[f32], sigma: &Tensor<1>, f: impl Fn(f32) -> f32) -> Tensor<2> {
    matrix(levels.iter().map(|s| f(*s)).collect(), levels.len(), 1, &sigma.device())
}

fn discrete(sigma: &Tensor<1>, timesteps: &Timesteps, zero: Tensor<2>) -> Factors {
    // In f64 on the host: two levels of the list may be closer than f32 logarithms tell apart.
    let steps = numbers(sigma.clone()).into_iter().map(|s| timesteps.at(f64::from(s)) as f32).collect();
    let total = sigma.clone().powi_scalar(2) + 1.0;
    let (c_in, inverse) = (total.clone().sqrt().recip(), sigma.clone().recip());
    let (out, skip) = match timesteps.prediction() {
        Prediction::Epsilon => (inverse.clone().neg(), zero),
        Prediction::Sample => (inverse.clone().powi_scalar(2), column(&inverse.clone().powi_scalar(2))),
        Prediction::Velocity => ((inverse.clone() * c_in.clone()).neg(), column(&total.recip())),
    };
    let c_noise = vector(steps, &sigma.device()).cast(sigma.dtype());
    Factors { c_noise, skip, out: column(&out), c_in: column(&c_in), energy: column(&inverse) }
}
