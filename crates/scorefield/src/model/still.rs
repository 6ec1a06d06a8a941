//! A model that is only evaluated: at few rows the way through tensors costs as much as the layers of a small network, so these are kept in
//! one piece, and what depends on the noise level alone is computed once a level.

use super::Precondition;
use crate::net::{Network, Output};
use crate::tensor::{Device, Layers, numbers, vector};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Levels that are remembered: blocks of a sample that run side by side are at some neighbouring ones.
const LEVELS: usize = 16;

/// What is kept of a model; forgotten when its parameters may change.
#[derive(Default)]
pub(super) struct Still {
    /// `None` inside where the network has no such layers.
    layers: OnceLock<Option<Layers>>,
    /// The last ones first.
    levels: Mutex<Vec<Arc<Level>>>,
}

/// What depends on σ alone: the factors of `conditioning`, and what the level adds to the first layer.
struct Level {
    sigma: f32,
    c_in: f32,
    skip: f32,
    out: f32,
    first_layer: Vec<f32>,
}

impl Still {
    /// The score of rows `x` `[n, d]`, all at level σ, into `out`; `false`, and nothing is written, where there is no short way.
    pub(super) fn score(
        &self,
        net: &dyn Network,
        precondition: &Precondition,
        device: &Device,
        x: &[f64],
        sigma: f32,
        out: &mut [f64],
    ) -> bool {
        let Some(layers) = self.layers.get_or_init(|| if net.output() == Output::Score { net.layers() } else { None }) else {
            return false;
        };
        let level = self.level(net, precondition, device, sigma);
        let z = x
            .chunks_exact(precondition.mean.len())
            .flat_map(|x| x.iter().zip(&precondition.mean).map(|(x, mean)| *x as f32 - mean));
        let field = layers.at(&z.clone().map(|z| z * level.c_in).collect::<Vec<f32>>(), &level.first_layer);
        for ((out, z), field) in out.iter_mut().zip(z).zip(field) {
            *out = f64::from(field * level.out - z * level.skip);
        }
        true
    }

    fn level(&self, net: &dyn Network, precondition: &Precondition, device: &Device, sigma: f32) -> Arc<Level> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = levels.iter().position(|level| level.sigma.to_bits() == sigma.to_bits()) {
            return levels[at].clone();
        }
        let f = precondition.factors(&vector(vec![sigma], device), device);
        let first_layer = net.level(&f.c_noise).map(numbers).unwrap_or_default();
        let [c_in, skip, out] = [f.c_in, f.skip, f.out].map(|factor| numbers(factor)[0]);
        let level = Arc::new(Level { sigma, c_in, skip, out, first_layer });
        levels.truncate(LEVELS - 1);
        levels.insert(0, level.clone());
        level
    }
}
