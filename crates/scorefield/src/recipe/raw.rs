//! The settings as plain data, not yet checked, and all their default values.

use crate::objective::Law;
use serde::{Deserialize, Serialize};

/// Every setting of a training run. `None` means: resolved later, from the data or by the schedule.
///
/// The numbers may be anything; [`RawRecipe::check`] makes a [`Recipe`](super::Recipe) of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawRecipe {
    /// Names every random stream of the run.
    pub seed: u64,
    /// Where the points come from.
    pub data: Data,
    /// The network.
    pub net: Net,
    /// The kind of noise, by registry name.
    pub noise: Named,
    /// The noise levels.
    pub schedule: Schedule,
    /// The loss.
    pub objective: Objective,
    /// The training loop.
    pub train: Train,
}

/// A choice from a registry that has no settings of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Named {
    /// The registry name.
    pub name: String,
}

/// Where the points come from and how they are prepared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// A source as on the command line: `digits`, `toy:NAME`, `density:NAME`, `mnist`, a path.
    pub source: String,
    /// The folder in which published data sets are looked up.
    pub data_dir: Option<String>,
    /// The share of a finite source that is held out, in [0, 1).
    pub held_out: f64,
    /// Names the split; apart from `seed`, so that runs of different seeds are compared on the same points.
    pub split_seed: u64,
    /// Whether 8-bit levels get uniform noise.
    pub dequantise: Dequantise,
    /// Whether the columns are brought to mean 0 and standard deviation 1.
    pub standardise: Standardise,
    /// Side length to which images are resized, in pixels.
    pub size: Option<usize>,
    /// How many points there are to be had, training and held-out ones together.
    pub rows: Option<u64>,
}

/// The network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Net {
    /// The registry name.
    pub name: String,
    /// Units (or channels) of a layer.
    pub width: usize,
    /// Residual blocks.
    pub depth: usize,
    /// Size of the noise-level embedding.
    pub embedding: usize,
    /// What a U-Net's convolutions multiply.
    pub precision: Precision,
    /// All settings of a U-Net, as diffusers' `config.json` has them: JSON text, or the file's path until it is read.
    pub config: Option<String>,
}

/// The noise levels; standard deviations are in data units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The registry name.
    pub name: String,
    /// The one level of `single`.
    pub sigma: Option<f64>,
    /// The smallest level.
    pub sigma_min: Option<f64>,
    /// The largest level.
    pub sigma_max: Option<f64>,
    /// How many levels a ladder has.
    pub levels: Option<usize>,
    /// Mean of ln σ in training (EDM).
    pub p_mean: Option<f64>,
    /// Standard deviation of ln σ in training (EDM).
    pub p_std: Option<f64>,
}

/// The loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// The registry name.
    pub name: String,
    /// The law of the sliced losses' directions.
    pub projection: Law,
    /// Directions a point.
    pub projections: usize,
    /// The step of `finite-difference`, in standard deviations of the data.
    pub fd_step: f64,
    /// Whether `denoising` subtracts its control variate.
    pub control_variate: Switch,
}

/// The training loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Train {
    /// Optimiser steps.
    pub steps: u64,
    /// Samples a step.
    pub batch: usize,
    /// The learning rate after warm-up.
    pub lr: f64,
    /// Steps over which the learning rate rises from 0.
    pub warmup: u64,
    /// How the learning rate falls after warm-up.
    pub decay: Decay,
    /// Where it ends, as a fraction of `lr`.
    pub lr_final: f64,
    /// What turns gradients into steps.
    pub optimizer: Optimizer,
    /// Muon's decay of the momentum.
    pub momentum: f64,
    /// AdamW's decay of the first moment.
    pub beta1: f64,
    /// AdamW's decay of the second moment.
    pub beta2: f64,
    /// AdamW's ε.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// The largest global gradient norm; 0 turns clipping off.
    pub clip: f64,
    /// Half-lives of the weight averages, in steps; the first one is what `sample` uses.
    pub ema: Vec<f64>,
    /// Part of the steps after which the averaged weights are kept, to guide samples; 0: none.
    pub early: f64,
    /// What is done about a step whose loss or gradient is not finite.
    pub on_nan: OnNan,
    /// Steps between two lines of metrics.jsonl.
    pub log_every: u64,
    /// Steps between two checkpoints.
    pub checkpoint_every: u64,
    /// How many checkpoints are kept.
    pub keep: usize,
    /// Whether held-out points decide which weights are used.
    pub keep_best: Switch,
    /// Steps between two looks at the held-out points.
    pub validate_every: u64,
}

/// Every default value of the project's recipes stands here and nowhere else.
impl Default for RawRecipe {
    fn default() -> Self {
        Self {
            seed: 0,
            data: Data {
                source: "digits".to_owned(),
                data_dir: None,
                held_out: 0.2,
                split_seed: 0,
                dequantise: Dequantise::Auto,
                standardise: Standardise::Auto,
                size: None,
                rows: None,
            },
            net: Net { name: "mlp".to_owned(), width: 256, depth: 4, embedding: 64, precision: Precision::F32, config: None },
            noise: Named { name: "gaussian".to_owned() },
            schedule: Schedule {
                name: "edm".to_owned(),
                sigma: None,
                sigma_min: None,
                sigma_max: None,
                levels: None,
                p_mean: None,
                p_std: None,
            },
            objective: Objective {
                name: "denoising".to_owned(),
                projection: Law::Rademacher,
                projections: 1,
                fd_step: 0.03,
                control_variate: Switch::Auto,
            },
            train: Train {
                steps: 8000,
                batch: 256,
                lr: 1e-3,
                warmup: 200,
                decay: Decay::Cosine,
                lr_final: 0.0,
                optimizer: Optimizer::Adamw,
                momentum: 0.95,
                beta1: 0.9,
                beta2: 0.999,
                eps: 1e-8,
                weight_decay: 0.0,
                clip: 1.0,
                ema: vec![500.0],
                early: 0.0,
                on_nan: OnNan::Stop,
                log_every: 50,
                checkpoint_every: 1000,
                keep: 2,
                keep_best: Switch::Auto,
                validate_every: 100,
            },
        }
    }
}

/// A setting with a fixed set of words: the type, its words, and both directions.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$variant_about:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$variant_about])* $variant),+ }

        impl $name {
            /// The words that stand for the variants, in their order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The variant's word in a recipe.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The variant a word stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// Whether 8-bit levels become continuous values by uniform noise.
    Dequantise {
        /// Where the source has 8-bit levels.
        Auto = "auto",
        /// Always.
        Uniform = "uniform",
        /// Never.
        None = "none",
    }
}

words! {
    /// Whether columns are brought to mean 0 and standard deviation 1 before training.
    Standardise {
        /// For tables, not for images.
        Auto = "auto",
        /// Always.
        On = "on",
        /// Never.
        Off = "off",
    }
}

words! {
    /// How the learning rate falls after warm-up.
    Decay {
        /// Half a cosine from `lr` to `lr · lr_final`.
        Cosine = "cosine",
        /// It does not.
        Constant = "constant",
    }
}

words! {
    /// What the factors of a convolution's products are rounded to.
    Precision {
        /// Nothing: they are f32.
        F32 = "f32",
        /// bfloat16.
        Bf16 = "bf16",
    }
}

words! {
    /// What turns gradients into steps.
    Optimizer {
        /// AdamW for all parameters.
        Adamw = "adamw",
        /// Muon for those that are matrices, AdamW for the rest.
        Muon = "muon",
    }
}

words! {
    /// What is done about a step whose loss or gradient is not finite.
    OnNan {
        /// Training ends with an error.
        Stop = "stop",
        /// The step is left out and counted.
        Skip = "skip",
    }
}

words! {
    /// Something that is done, not done, or done where it helps.
    Switch {
        /// Where it helps.
        Auto = "auto",
        /// Always.
        On = "on",
        /// Never.
        Off = "off",
    }
}
