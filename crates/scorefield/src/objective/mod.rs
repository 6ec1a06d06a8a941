//! Objectives: what a score network minimises. One file each; the body of a file is its formula.
//!
//! Every objective is a function of a [`ScoreJvp`], so the same code runs on a model in training and on a density whose score is exact.
//! All but `denoising` need no noise: at σ = 0 they match the score of the data, at σ > 0 that of x̃ = x + σn ([`Batch::points`]).

mod denoising;
mod explicit;
mod finite_difference;
mod hutchinson;
mod implicit;
mod projection;
mod sliced;
mod sliced_vr;

pub use denoising::{Denoising, Variate};
pub use explicit::Explicit;
pub use finite_difference::FiniteDifference;
pub use implicit::Implicit;
pub use projection::{Law, Projection};
pub use sliced::Sliced;
pub use sliced_vr::SlicedVr;

use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::levels::Regime;
use crate::noise::Noise;
use crate::oracle::Expectation;
use crate::registry::Entry;
use crate::score::{Score, ScoreJvp};
use crate::tensor::{Tensor, matrix, numbers};
use std::sync::Arc;

/// What one training step works on.
#[derive(Clone, Debug)]
pub struct Batch {
    /// x₀, `[n, d]`.
    pub clean: Tensor<2>,
    /// σ of each row, `[n]`.
    pub sigma: Tensor<1>,
    /// λ(σ) of each row, `[n]`.
    pub weight: Tensor<1>,
    /// Whether any σ is above 0.
    pub regime: Regime,
    /// The kind of noise.
    pub noise: Arc<dyn Noise>,
}

/// Points under noise: x̃ = x + σn.
pub struct Noisy {
    /// x̃, `[n, d]`.
    pub points: Tensor<2>,
    /// ψ(n)/σ = ∇ log q_σ(x̃ given x), `[n, d]`.
    pub target: Tensor<2>,
}

impl Batch {
    /// x̃ and the score of its noise.
    pub fn noisy(&self, key: Key) -> Noisy {
        let ([n, d], device) = (self.clean.dims(), self.clean.device());
        // On the host, where both are made, and two operations on tensors less.
        let mut noise = self.noise.sample(key.for_purpose(Purpose::Noise), 0, n, d);
        let sigma = numbers(self.sigma.clone());
        assert_eq!(sigma.len(), n, "a noise level for each row");
        let mut target: Vec<f32> = noise.iter().map(|n| self.noise.score(*n)).collect();
        for ((noise, target), sigma) in noise.chunks_exact_mut(d.max(1)).zip(target.chunks_exact_mut(d.max(1))).zip(sigma) {
            noise.iter_mut().for_each(|n| *n *= sigma);
            target.iter_mut().for_each(|t| *t /= sigma);
        }
        Noisy { points: self.clean.clone() + matrix(noise, n, d, &device), target: matrix(target, n, d, &device) }
    }

    /// Where a loss without a target looks: x̃, or x itself where there is no noise.
    pub fn points(&self, key: Key) -> Tensor<2> {
        match self.regime {
            Regime::Clean => self.clean.clone(),
            Regime::Noisy => self.noisy(key).points,
        }
    }

    /// λ(σ) times one number a row, `[n, 1]` or `[n, M]`, averaged over the M, as `[n]`.
    pub fn weighted(&self, loss: Tensor<2>) -> Tensor<1> {
        let [n, m] = loss.dims();
        let mean = if m == 1 { loss } else { loss.mean_dim(1) };
        mean.reshape([n]) * self.weight.clone()
    }
}

/// ½‖t‖² of each row, `[n, 1]`.
pub(crate) fn half_square(t: Tensor<2>) -> Tensor<2> {
    t.powi_scalar(2).sum_dim(1) * 0.5
}

/// A loss on a score.
pub trait Objective: Send + Sync {
    /// The loss of each row, `[n]`, weighted and not reduced; random directions and noise come from `key`.
    fn loss(&self, score: &dyn ScoreJvp, batch: &Batch, key: Key) -> Tensor<1>;
}

/// What a user may set; each objective reads what it has a use for.
#[derive(Clone)]
pub struct ObjectiveSettings {
    /// Directions of the sliced family.
    pub projection: Projection,
    /// h of `finite-difference`, in units of the data.
    pub step: f64,
    /// Whether `denoising` subtracts its control variate.
    pub variate: Variate,
    /// The true score, where the data are from a density.
    pub exact: Option<Arc<dyn Score>>,
}

/// Makes an objective.
///
/// # Errors
/// Of a build: something that the objective needs is not there.
pub type Build = fn(&ObjectiveSettings) -> Result<Box<dyn Objective>>;

/// What an objective is, for those who choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// The score of the noise: σ > 0.
    Noise,
    /// The true score.
    Exact,
    /// Derivatives of the score by its input.
    Derivatives,
}

/// Which of [`ObjectiveSettings`] are alternatives of one method: all of them must have its mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternatives {
    /// There is one way.
    None,
    /// Any law and number of directions.
    Projections,
    /// With and without the control variate.
    Variates,
}

/// A row's content.
pub struct Method {
    /// Makes it.
    pub build: Build,
    /// What it cannot do without.
    pub needs: Needs,
    /// What its mean is: what the method is held against.
    pub expectation: Expectation,
    /// Ways of it that leave the mean as it is.
    pub alternatives: Alternatives,
}

/// The objectives a user may name.
pub static OBJECTIVES: &[Entry<Method>] = &[
    denoising::ENTRY,
    explicit::ENTRY,
    implicit::ENTRY,
    hutchinson::ENTRY,
    sliced::ENTRY,
    sliced_vr::ENTRY,
    finite_difference::ENTRY,
];
