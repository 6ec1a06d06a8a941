//! What may be typed: the global flags and the verbs. The arguments of a verb stand beside what it does, in `verb/`.

mod offered;
mod sampler;
mod settings;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use offered::Offered;
pub use sampler::SamplerArgs;
pub use settings::Settings;

use crate::verb;

const EXAMPLES: &str = "\
Examples:
  scorefield demo                                           digits from end to end, with a report
  scorefield train toy:two-moons --out runs/moons           learn a score
  scorefield sample runs/moons -n 2000 -o moons.png         draw from it
  scorefield list samplers                                  what there is to choose from

DATA is `digits`, `toy:NAME`, `density:NAME`, `mnist`, `fashion-mnist`, `cifar10`, a .npy, .npz, .csv or .parquet file, or a folder of
pictures. RUN is the folder that `train --out` made. Settings come from flags, then SCOREFIELD_* variables, then the recipe.";

/// Learn the score of a distribution from samples, and use it: sample, denoise, measure.
#[derive(Debug, Parser)]
#[command(name = "scorefield", version, about, after_help = EXAMPLES, arg_required_else_help = true, max_term_width = 130)]
#[command(disable_help_subcommand = true, infer_long_args = false)]
pub struct Cli {
    #[command(flatten)]
    pub globals: Globals,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Flags that every verb understands.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Everywhere")]
pub struct Globals {
    /// Print one JSON document on stdout instead of text
    #[arg(long, global = true, display_order = 900)]
    pub json: bool,
    /// Names every random number: the same seed gives the same files [default: 0]
    #[arg(long, global = true, value_name = "N", display_order = 901)]
    pub seed: Option<u64>,
    /// Where to compute: cpu, cuda[:N] or vulkan[:N] [default: cpu]
    #[arg(long, global = true, value_name = "NAME", display_order = 902)]
    pub device: Option<String>,
    /// No progress and no warnings
    #[arg(short, long, global = true, display_order = 903)]
    pub quiet: bool,
    /// Folder of published data sets (mnist, fashion-mnist, cifar10) [default: SCOREFIELD_DATA, else the cache folder]
    #[arg(long, global = true, value_name = "DIR", display_order = 904)]
    pub data_dir: Option<PathBuf>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    Demo(verb::demo::Demo),
    Train(Box<verb::train::Train>),
    Sample(Box<verb::sample::Sample>),
    Score(verb::score::Score),
    Denoise(verb::denoise::Denoise),
    Likelihood(verb::likelihood::Likelihood),
    Encode(verb::encode::Encode),
    Decode(verb::decode::Decode),
    Fisher(verb::fisher::Fisher),
    Evaluate(verb::evaluate::Evaluate),
    Diagnose(verb::diagnose::Diagnose),
    Export(verb::export::Export),
    Import(verb::import::Import),
    Lecture(verb::lecture::Lecture),
    Verify(verb::verify::Verify),
    List(verb::list::List),
    Reproduce(verb::reproduce::Reproduce),
    Runs(verb::runs::Runs),
    Doctor(verb::doctor::Doctor),
    Bench(verb::bench::Bench),
    Completions(verb::completions::Completions),
    #[command(hide = true)]
    Reference(verb::reference::Reference),
}

impl Verb {
    /// The verb as it is typed.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Demo(_) => "demo",
            Self::Train(_) => "train",
            Self::Sample(_) => "sample",
            Self::Score(_) => "score",
            Self::Denoise(_) => "denoise",
            Self::Likelihood(_) => "likelihood",
            Self::Encode(_) => "encode",
            Self::Decode(_) => "decode",
            Self::Fisher(_) => "fisher",
            Self::Evaluate(_) => "evaluate",
            Self::Diagnose(_) => "diagnose",
            Self::Export(_) => "export",
            Self::Import(_) => "import",
            Self::Lecture(_) => "lecture",
            Self::Verify(_) => "verify",
            Self::List(_) => "list",
            Self::Reproduce(_) => "reproduce",
            Self::Runs(_) => "runs",
            Self::Doctor(_) => "doctor",
            Self::Bench(_) => "bench",
            Self::Completions(_) => "completions",
            Self::Reference(_) => "reference",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_flags_of_a_verb_clash() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn every_setting_of_a_recipe_is_a_flag_of_train_or_an_argument_of_its_own() {
        let command = <Cli as clap::CommandFactory>::command();
        let train = command.find_subcommand("train").unwrap();
        let has = |flag: &str| {
            let mut all = train.get_arguments().chain(command.get_arguments());
            all.any(|a| a.get_long().is_some_and(|long| flag == format!("--{long}")))
        };
        for setting in scorefield::recipe::SETTINGS {
            assert!(setting.key == "data.source" || has(&setting.flag()), "{}", setting.key);
        }
    }
}
