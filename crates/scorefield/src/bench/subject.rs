//! The network that is measured: a fresh one whose every weight has been pushed at random, as training would have.
//!
//! A fresh network's last layer is 0, and with it every derivative: nothing that is measured on it says anything about training.

use crate::data::EventShape;
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::model::{Model, Precondition};
use crate::net::{LevelCount, NETS, NetSettings, Network, Precision};
use crate::registry::lookup;
use crate::tensor::{Device, vector};
use crate::train::{Decay, OnNan, TrainConfig};

/// Weights are pushed by normal numbers of this size over √inputs.
const PUSH: f32 = 0.5;

/// What is measured.
#[derive(Clone, Debug)]
pub(super) struct Subject<'a> {
    /// The network's name.
    pub net: &'a str,
    /// Features of a hidden layer.
    pub width: usize,
    /// Hidden layers.
    pub depth: usize,
    /// What the model knows of the data.
    pub precondition: Precondition,
    /// Of all random numbers.
    pub seed: u64,
}

impl Subject<'_> {
    /// The model, on a device with gradients.
    ///
    /// # Errors
    /// A name that is no network's.
    pub fn model(&self, device: &Device) -> Result<Model> {
        let device = device.clone().autodiff();
        let event = EventShape::Vector(self.precondition.mean.len());
        let sizes = NetSettings {
            width: self.width,
            depth: self.depth,
            embedding: 2,
            precision: Precision::F32,
            levels: LevelCount::One,
        };
        let key = Key::new(self.seed, Purpose::Init);
        let mut net = (lookup(NETS, "net", self.net)?.value.build)(&sizes, &event, key, &device)?;
        push(&mut *net, self.width, key, &device);
        Ok(Model::new(net, self.precondition.clone(), event, &device))
    }
}

/// Pushes every weight at random; `width` stands for the inputs of those that have none of their own, such as biases.
pub(super) fn push(net: &mut dyn Network, width: usize, key: Key, device: &Device) {
    let mut row = 0;
    net.visit_mut(&mut |_, p| {
        let inputs = match p.shape() {
            [inputs, _] => *inputs,
            [_, kernel @ ..] if !kernel.is_empty() => kernel.iter().product(),
            _ => width,
        };
        let size = PUSH / (inputs as f32).sqrt();
        let push = key.normal(row, 1, p.len()).into_iter().map(|z| size * z).collect();
        row += 1;
        p.update(|values| values + vector(push, device));
    });
}

/// AdamW at one rate from the first step to the last, without weight decay; averages of the given half-lives, and nothing logged.
pub(super) fn steady(lr: f64, clip: f64, ema: &[f64]) -> TrainConfig {
    TrainConfig {
        steps: u64::MAX,
        batch: 0,
        lr,
        warmup: 0,
        decay: Decay::Constant,
        lr_final: 1.0,
        beta1: 0.9,
        beta2: 0.999,
        muon: None,
        eps: 1e-8,
        weight_decay: 0.0,
        clip,
        ema: ema.to_vec(),
        early: 0.0,
        on_nan: OnNan::Stop,
        log_every: u64::MAX,
        checkpoint_every: u64::MAX,
        seed: 0,
    }
}
