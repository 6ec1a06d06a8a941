//! A residual multilayer perceptron conditioned on the noise level.
//!
//! e = SiLU(E·embed(c)),  h = W_in x,  then for every block  h ← h + W₂ SiLU(W₁ norm(h) + W_e e + b),  and  F = W_out norm(h) + b_out.
//!
//! Pre-normalised residual blocks (Xiong et al. 2020); the second matrix of each block and the output begin at 0, so the untrained
//! network is F = 0 and the preconditioned score begins as that of a Gaussian.

use super::{Family, Forward, Init, Least, LevelEmbedding, Linear, NetSettings, Network, Parameter, Parameters, Takes};
use crate::data::EventShape;
use crate::error::{Error, Result};
use crate::jet::Value;
use crate::key::Key;
use crate::registry::Entry;
use crate::tensor::{Device, Tensor};

/// W_in, W_out and the two matrices of every block; their outputs.
fn least(settings: &NetSettings, event: &EventShape) -> Least {
    let (d, width, depth) = (event.len() as u64, settings.width as u64, settings.depth as u64);
    Least { parameters: 2 * d * width + 2 * depth * width * width, row: 2 * d + 2 * depth * width }
}

/// Sizes of an [`Mlp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MlpConfig {
    /// Dimension of the data.
    pub dim: usize,
    /// Features of a hidden layer.
    pub width: usize,
    /// Residual blocks.
    pub depth: usize,
    /// Features of the noise-level embedding (even).
    pub embedding: usize,
}

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct Mlp {
    levels: LevelEmbedding,
    level: Linear,
    input: Linear,
    blocks: Vec<Block>,
    output: Linear,
}

#[derive(Clone, Debug)]
struct Block {
    first: Linear,
    level: Linear,
    second: Linear,
}

impl MlpConfig {
    /// Fresh parameters from a key.
    pub fn init(&self, key: Key, device: &Device) -> Mlp {
        let &Self { dim, width, depth, embedding } = self;
        let mut layers = 0;
        let mut linear = |inputs, outputs, bias, init| {
            layers += 1;
            Linear::new(inputs, outputs, bias, init, key.at(layers), device)
        };
        Mlp {
            levels: LevelEmbedding::new(embedding, device),
            level: linear(embedding, embedding, true, Init::Scaled(1.0)),
            input: linear(dim, width, true, Init::Scaled(1.0)),
            blocks: (0..depth)
                .map(|_| Block {
                    first: linear(width, width, false, Init::Scaled(1.0)),
                    level: linear(embedding, width, true, Init::Scaled(1.0)),
                    second: linear(width, width, false, Init::Zero),
                })
                .collect(),
            output: linear(width, dim, true, Init::Zero),
        }
    }
}

impl Forward for Mlp {
    fn forward<V: Value>(&self, x: V, c: &Tensor<1>) -> V {
        let e = self.levels.apply(c);
        let zero = e.zeros_like();
        let e = crate::tensor::add_silu(self.level.apply(e), zero);
        let mut h = x.linear(&self.input);
        for block in &self.blocks {
            let hidden = h.clone().layer_norm().linear(&block.first).add_silu(block.level.apply(e.clone()));
            h = h.plus(hidden.linear(&block.second));
        }
        h.layer_norm().linear(&self.output)
    }
}

impl Parameters for Mlp {
    fn visit(&self, f: &mut dyn FnMut(&str, &Parameter)) {
        self.level.visit("level", f);
        self.input.visit("input", f);
        for (i, block) in self.blocks.iter().enumerate() {
            block.first.visit(&format!("blocks.{i}.first"), f);
            block.level.visit(&format!("blocks.{i}.level"), f);
            block.second.visit(&format!("blocks.{i}.second"), f);
        }
        self.output.visit("output", f);
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, &mut Parameter)) {
        self.level.visit_mut("level", f);
        self.input.visit_mut("input", f);
        for (i, block) in self.blocks.iter_mut().enumerate() {
            block.first.visit_mut(&format!("blocks.{i}.first"), f);
            block.level.visit_mut(&format!("blocks.{i}.level"), f);
            block.second.visit_mut(&format!("blocks.{i}.second"), f);
        }
        self.output.visit_mut("output", f);
    }
}

fn build(settings: &NetSettings, event: &EventShape, key: Key, device: &Device) -> Result<Box<dyn Network>> {
    let NetSettings { width, depth, embedding, .. } = *settings;
    if embedding % 2 == 1 {
        return Err(Error::setting("net.embedding", "an even number", embedding));
    }
    Ok(Box::new(MlpConfig { dim: event.len(), width, depth, embedding }.init(key, device)))
}

/// The registry's row.
pub(super) const ENTRY: Entry<Family> = Entry {
    name: "mlp",
    aliases: &["resmlp"],
    summary: "residual multilayer perceptron conditioned on the noise level: tables, 2-D densities, small images",
    formula: "h ← h + W₂ SiLU(W₁ norm(h) + W_e e(σ) + b)",
    source: "Xiong et al. 2020 (pre-normalised residual blocks); Karras et al. 2022 (preconditioning)",
    value: Family { build, takes: Takes::Rows, least },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Purpose;
    use crate::tensor::{matrix, numbers, vector};

    #[test]
    fn an_untrained_network_is_zero() {
        let device = Device::flex();
        let net = MlpConfig { dim: 2, width: 16, depth: 2, embedding: 8 }.init(Key::new(0, Purpose::Init), &device);
        let y = net.forward(matrix(vec![1.0, -2.0, 0.5, 3.0], 2, 2, &device), &vector(vec![0.0, 1.0], &device));
        assert!(numbers(y).iter().all(|y| *y == 0.0));
    }
}
