//! The table of settings: key, kind and range, what may change on `--resume`, and one line of explanation each.

use super::raw::{Decay, Dequantise, OnNan, Optimizer, Precision, RawRecipe, Standardise, Switch};
use super::value::{Field, Value};
use crate::objective::Law;

/// What a setting's value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A whole number from the first to the second, both included.
    Count(u64, u64),
    /// A number in a range.
    Number(Range),
    /// One or more numbers in a range; a single one needs no brackets.
    Numbers(Range),
    /// Any text that is not empty.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// Where a number must lie. Every range excludes infinities and NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Anywhere.
    Any,
    /// x > 0.
    Positive,
    /// x ≥ 0.
    NotNegative,
    /// 0 ≤ x < 1.
    BelowOne,
    /// 0 ≤ x ≤ 1.
    UpToOne,
    /// x ≥ 1.
    AtLeastOne,
}

impl Range {
    /// Whether `x` lies in the range.
    pub fn contains(self, x: f64) -> bool {
        x.is_finite()
            && match self {
                Self::Any => true,
                Self::Positive => x > 0.0,
                Self::NotNegative => x >= 0.0,
                Self::BelowOne => (0.0..1.0).contains(&x),
                Self::UpToOne => (0.0..=1.0).contains(&x),
                Self::AtLeastOne => x >= 1.0,
            }
    }

    /// The range in words that follow "must be".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Any => "finite",
            Self::Positive => "positive",
            Self::NotNegative => "zero or more",
            Self::BelowOne => "at least 0 and below 1",
            Self::UpToOne => "between 0 and 1",
            Self::AtLeastOne => "1 or more",
        }
    }
}

/// Whether a setting may differ from the run's when training goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnResume {
    /// A change is refused: the continued run would not be the run that was started.
    Fixed,
    /// A change is allowed.
    MayChange,
}

/// One row of the table.
#[derive(Debug)]
pub struct Setting {
    /// The dotted key: `train.steps`; settings at the top of the file have no dot.
    pub key: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// Whether it may change on `--resume`.
    pub on_resume: OnResume,
    /// One line of explanation.
    pub about: &'static str,
    /// What happens when it is not set; empty for settings that have a default.
    pub unset: &'static str,
    pub(super) get: fn(&RawRecipe) -> Option<Value>,
    pub(super) put: fn(&mut RawRecipe, &Value) -> bool,
}

impl Setting {
    /// The section, empty for a setting at the top of the file.
    pub fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }

    /// The key within its section: `steps` of `train.steps`.
    pub fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    /// The flag that sets it on the command line: `--lr-final`; a registry choice is named after its section (`--net`).
    pub fn flag(&self) -> String {
        format!("--{}", self.short().replace('_', "-"))
    }

    /// The environment variables that set it, the full one first: `SCOREFIELD_TRAIN_LR`, `SCOREFIELD_LR`.
    pub fn variables(&self) -> [String; 2] {
        [self.key, self.short()].map(|name| format!("SCOREFIELD_{}", name.replace('.', "_").to_uppercase()))
    }

    /// The value that a recipe holds, `None` where it is unset.
    pub fn value_in(&self, recipe: &RawRecipe) -> Option<Value> {
        (self.get)(recipe)
    }

    fn short(&self) -> &'static str {
        if self.key == "net.config" {
            return "net_config";
        }
        if self.name() == "name" { self.section() } else { self.name() }
    }
}

/// The row of a dotted key.
pub fn find_setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// The sections in the order in which a recipe is written, each with one line of explanation.
pub const SECTIONS: &[(&str, &str)] = &[
    ("data", "where the points come from and how they are prepared"),
    ("net", "the network"),
    ("noise", "the kind of noise"),
    ("schedule", "the noise levels; sigma is a standard deviation in data units"),
    ("objective", "the loss"),
    ("train", "the training loop; ema is a list of half-lives in steps"),
];

/// The largest step that a random key can name.
const MOST_STEPS: u64 = u32::MAX as u64;
/// What a TOML integer can hold.
const MOST_SEED: u64 = i64::MAX as u64;

macro_rules! setting {
    ($section:ident . $field:ident, $kind:expr, $on_resume:ident, $about:literal, $unset:literal) => {
        Setting {
            key: concat!(stringify!($section), ".", stringify!($field)),
            kind: $kind,
            on_resume: OnResume::$on_resume,
            about: $about,
            unset: $unset,
            get: |recipe| recipe.$section.$field.value(),
            put: |recipe, value| recipe.$section.$field.put(value),
        }
    };
    ($section:ident . $field:ident, $kind:expr, $on_resume:ident, $about:literal) => {
        setting!($section.$field, $kind, $on_resume, $about, "")
    };
}

/// Every setting, in the order in which a recipe is written.
pub static SETTINGS: &[Setting] = &[
    Setting {
        key: "seed",
        kind: Kind::Count(0, MOST_SEED),
        on_resume: OnResume::Fixed,
        about: "names every random stream of the run",
        unset: "",
        get: |recipe| recipe.seed.value(),
        put: |recipe, value| recipe.seed.put(value),
    },
    setting!(data.source, Kind::Text, Fixed, "digits, toy:NAME, density:NAME, mnist, a file or a folder"),
    setting!(data.data_dir, Kind::Text, MayChange, "folder of published data sets", "SCOREFIELD_DATA, else the cache folder"),
    setting!(data.held_out, Kind::Number(Range::BelowOne), Fixed, "share of a finite source that is held out"),
    setting!(data.split_seed, Kind::Count(0, MOST_SEED), Fixed, "names the split into training and held-out points"),
    setting!(data.dequantise, Kind::Word(Dequantise::WORDS), Fixed, "uniform noise on 8-bit levels"),
    setting!(data.standardise, Kind::Word(Standardise::WORDS), Fixed, "columns to mean 0 and standard deviation 1"),
    setting!(data.size, Kind::Count(1, 16_384), Fixed, "side length of resized images, pixels", "images keep their size"),
    setting!(data.rows, Kind::Count(1, MOST_SEED), Fixed, "points to be had, training and held-out together", "all there are"),
    setting!(net.name, Kind::Text, Fixed, "the network"),
    setting!(net.width, Kind::Count(1, 65_536), Fixed, "units or channels of a layer"),
    setting!(net.depth, Kind::Count(1, 1024), Fixed, "residual blocks or hidden layers"),
    setting!(net.embedding, Kind::Count(2, 65_536), Fixed, "size of the noise-level embedding"),
    setting!(
        net.precision,
        Kind::Word(Precision::WORDS),
        Fixed,
        "what a unet's convolutions and per-pixel maps multiply: f32, or numbers rounded to bf16, for processors with its dot products"
    ),
    setting!(
        net.config,
        Kind::Text,
        Fixed,
        "a unet's settings: the path of a diffusers config.json, or its text",
        "made from width, depth and embedding"
    ),
    setting!(noise.name, Kind::Text, Fixed, "the kind of noise"),
    setting!(schedule.name, Kind::Text, Fixed, "how noise levels are laid out"),
    setting!(
        schedule.sigma,
        Kind::Number(Range::NotNegative),
        Fixed,
        "the level of schedule single; 0 is no noise",
        "only single needs it"
    ),
    setting!(schedule.sigma_min, Kind::Number(Range::Positive), Fixed, "the smallest level", "chosen by the schedule"),
    setting!(schedule.sigma_max, Kind::Number(Range::Positive), Fixed, "the largest level", "chosen by the schedule"),
    setting!(schedule.levels, Kind::Count(1, 100_000), Fixed, "levels of a ladder", "chosen by the schedule"),
    setting!(schedule.p_mean, Kind::Number(Range::Any), Fixed, "mean of ln sigma in training", "chosen by the schedule"),
    setting!(
        schedule.p_std,
        Kind::Number(Range::Positive),
        Fixed,
        "standard deviation of ln sigma in training",
        "chosen by the schedule"
    ),
    setting!(objective.name, Kind::Text, Fixed, "the loss"),
    setting!(objective.projection, Kind::Word(Law::WORDS), Fixed, "law of the sliced losses' directions"),
    setting!(objective.projections, Kind::Count(1, 65_536), Fixed, "directions a point"),
    setting!(
        objective.fd_step,
        Kind::Number(Range::Positive),
        Fixed,
        "step of finite-difference, in standard deviations of the data"
    ),
    setting!(objective.control_variate, Kind::Word(Switch::WORDS), Fixed, "lower denoising's variance at small sigma"),
    setting!(train.steps, Kind::Count(1, MOST_STEPS), MayChange, "optimiser steps"),
    setting!(train.batch, Kind::Count(1, 1 << 24), Fixed, "samples a step"),
    setting!(train.lr, Kind::Number(Range::Positive), Fixed, "learning rate after warm-up"),
    setting!(train.warmup, Kind::Count(0, MOST_STEPS), Fixed, "steps over which the learning rate rises from 0"),
    setting!(train.decay, Kind::Word(Decay::WORDS), Fixed, "how the learning rate falls after warm-up"),
    setting!(train.lr_final, Kind::Number(Range::UpToOne), Fixed, "where it ends, as a fraction of lr"),
    setting!(
        train.optimizer,
        Kind::Word(Optimizer::WORDS),
        Fixed,
        "what turns gradients into steps: AdamW, or Muon where a parameter is a matrix"
    ),
    setting!(train.momentum, Kind::Number(Range::BelowOne), Fixed, "Muon's decay of the momentum"),
    setting!(train.beta1, Kind::Number(Range::BelowOne), Fixed, "AdamW's decay of the first moment"),
    setting!(train.beta2, Kind::Number(Range::BelowOne), Fixed, "AdamW's decay of the second moment"),
    setting!(train.eps, Kind::Number(Range::Positive), Fixed, "AdamW's epsilon"),
    setting!(train.weight_decay, Kind::Number(Range::NotNegative), Fixed, "decoupled weight decay"),
    setting!(train.clip, Kind::Number(Range::NotNegative), Fixed, "largest global gradient norm; 0 turns clipping off"),
    setting!(train.ema, Kind::Numbers(Range::AtLeastOne), Fixed, "half-lives of the weight averages, in steps"),
    setting!(
        train.early,
        Kind::Number(Range::BelowOne),
        Fixed,
        "the part of the steps after which averaged weights are kept for `sample --guidance`; 0: none"
    ),
    setting!(
        train.on_nan,
        Kind::Word(OnNan::WORDS),
        MayChange,
        "what a loss that is not finite does: end training, or leave the step out"
    ),
    setting!(train.log_every, Kind::Count(1, MOST_STEPS), MayChange, "steps between two lines of metrics.jsonl"),
    setting!(train.checkpoint_every, Kind::Count(1, MOST_STEPS), MayChange, "steps between two checkpoints"),
    setting!(train.keep, Kind::Count(1, 1_000_000), MayChange, "checkpoints kept"),
    setting!(train.keep_best, Kind::Word(Switch::WORDS), Fixed, "use the weights of the lowest held-out loss"),
    setting!(train.validate_every, Kind::Count(1, MOST_STEPS), Fixed, "steps between two held-out losses"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_field_of_the_recipe_has_its_row_in_the_order_of_the_sections() {
        let keys: Vec<&str> = SETTINGS.iter().map(|s| s.key).collect();
        let unique: BTreeSet<&str> = keys.iter().copied().collect();
        assert_eq!(keys.len(), unique.len());
        let json = serde_json::to_value(RawRecipe::default()).unwrap();
        let mut fields = BTreeSet::new();
        for (section, value) in json.as_object().unwrap() {
            match value.as_object() {
                Some(inner) => fields.extend(inner.keys().map(|name| format!("{section}.{name}"))),
                None => drop(fields.insert(section.clone())),
            }
        }
        assert_eq!(fields, unique.iter().map(|k| (*k).to_owned()).collect());
        let mut sections: Vec<&str> = SETTINGS.iter().map(Setting::section).filter(|s| !s.is_empty()).collect();
        sections.dedup();
        assert_eq!(sections, SECTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }

    #[test]
    fn a_setting_without_a_default_says_what_happens_instead() {
        let recipe = RawRecipe::default();
        for setting in SETTINGS {
            assert_eq!(setting.value_in(&recipe).is_none(), !setting.unset.is_empty(), "{}", setting.key);
        }
    }

    #[test]
    fn no_two_settings_answer_to_one_variable() {
        let mut seen = BTreeSet::new();
        for setting in SETTINGS {
            for variable in setting.variables().into_iter().collect::<BTreeSet<_>>() {
                assert!(seen.insert(variable.clone()), "{variable}");
            }
        }
    }
}
