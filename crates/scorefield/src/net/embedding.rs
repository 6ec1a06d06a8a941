//! The noise level as features: sines and cosines of c_noise at geometric frequencies.
//!
//! Vaswani et al. 2017 for the sines, Song et al. 2021 for their use on ln σ. The frequencies are fixed, so the embedding is a
//! function of σ alone and costs nothing to differentiate.

use crate::tensor::{Device, Tensor, TensorData};

/// Lowest and highest angular frequency, in radians per unit of c_noise = ¼ ln σ/σ_data. Over the usual four decades of σ, c_noise
/// spans about 2.6: the lowest turns less than half a circle, the highest resolves a factor of 1.3 in σ.
const FREQUENCIES: (f32, f32) = (1.0, 24.0);

/// c `[n]` → `[n, features]`.
#[derive(Clone, Debug)]
pub struct LevelEmbedding {
    frequencies: Tensor<2>,
}

impl LevelEmbedding {
    /// An embedding of an even number of features, at least 2.
    pub fn new(features: usize, device: &Device) -> Self {
        let half = (features / 2).max(1);
        let (low, high) = FREQUENCIES;
        let ratio = if half > 1 { (high / low).powf(1.0 / (half - 1) as f32) } else { 1.0 };
        let values: Vec<f32> = (0..half).map(|k| low * ratio.powi(k as i32)).collect();
        Self { frequencies: Tensor::from_data(TensorData::new(values, [1, half]), device) }
    }

    /// The features of each level.
    pub fn apply(&self, c: &Tensor<1>) -> Tensor<2> {
        let [n] = c.dims();
        let angles = c.clone().reshape([n, 1]) * self.frequencies.clone().cast(c.dtype());
        Tensor::cat(vec![angles.clone().sin(), angles.cos()], 1)
    }
}
