//! The noise level, or a class label, as features: sines and cosines, then two affine layers with SiLU between them.

use super::config::{TimeEmbedding, UNetConfig};
use super::parts::{Affine, Maker, named};
use crate::jet::Function;
use crate::net::{Init, Parameter};
use crate::tensor::{Tensor, TensorData};
use std::f64::consts::TAU;

/// c `[n]` → `[n, features]`.
#[derive(Clone, Debug)]
pub(super) struct Waves {
    /// Learnt by no one, drawn once and kept with the weights: the random frequencies of a Fourier embedding.
    frequencies: Option<Parameter>,
    positional: Vec<f32>,
    cosines_first: bool,
    /// An odd number of features ends with a zero.
    padded: bool,
}
named!(Waves { frequencies: "weight" });

/// Standard deviation of a Fourier embedding's frequencies.
const FOURIER_SCALE: f32 = 16.0;

impl Waves {
    pub(super) fn new(make: &mut Maker<'_>, config: &UNetConfig) -> Self {
        let features = config.block_out_channels[0];
        match config.time_embedding_type {
            TimeEmbedding::Fourier => {
                let frequencies = Some(make.normals(&[features], FOURIER_SCALE).fixed());
                Self { frequencies, positional: Vec::new(), cosines_first: false, padded: false }
            }
            TimeEmbedding::Positional => {
                let positional = config.frequencies().into_iter().map(|f| f as f32).collect();
                Self { frequencies: None, positional, cosines_first: config.flip_sin_to_cos, padded: features % 2 == 1 }
            }
        }
    }

    pub(super) fn features(&self) -> usize {
        match &self.frequencies {
            Some(frequencies) => 2 * frequencies.len(),
            None => 2 * self.positional.len() + usize::from(self.padded),
        }
    }

    pub(super) fn apply(&self, c: &Tensor<1>) -> Tensor<2> {
        let [n] = c.dims();
        let (at, kind) = (c.clone().reshape([n, 1]), (&c.device(), c.dtype()));
        let angles = match &self.frequencies {
            Some(frequencies) => {
                let row: Tensor<2> = frequencies.flat().detach().reshape([1, frequencies.len()]);
                at.log() * row * TAU
            }
            None => at * Tensor::<2>::from_data(TensorData::new(self.positional.clone(), [1, self.positional.len()]), kind),
        };
        let mut parts = vec![angles.clone().sin(), angles.cos()];
        if self.cosines_first {
            parts.reverse();
        }
        if self.padded {
            parts.push(Tensor::zeros([n, 1], kind));
        }
        Tensor::cat(parts, 1)
    }
}

/// Two affine layers with an activation between them.
#[derive(Clone, Debug)]
pub(super) struct Features {
    first: Affine,
    second: Affine,
}
named!(Features { first: "linear_1", second: "linear_2" });

impl Features {
    pub(super) fn new(make: &mut Maker<'_>, inputs: usize, outputs: usize) -> Self {
        Self { first: make.affine(inputs, outputs, Init::Scaled(1.0)), second: make.affine(outputs, outputs, Init::Scaled(1.0)) }
    }

    pub(super) fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        self.second.apply(Function::Silu.value(self.first.apply(x)))
    }
}
