//! Recipes: every setting of a training run, from where it was given to the checked value.
//!
//! A setting travels one way: text in a recipe file, a `SCOREFIELD_*` variable or a flag → [`Layers`], which remembers the place →
//! [`Resolved`], a [`RawRecipe`] with the [`Origin`] of each value → [`Recipe`], whose numbers are known to be in range. The later
//! layer wins: default < recipe file < environment < command line.
//!
//! The settings themselves are the rows of [`SETTINGS`]: key, kind, range, what may change on `--resume`, and one line of
//! explanation. Adding one is a field and its default in `raw.rs` and a row in `settings.rs`.

mod assemble;

mod centre;
mod check;
mod differences;
mod file;
mod flow;
mod guide;
mod imported;
mod job;
mod layers;
mod learn;
mod loss_curve;
mod memory;
mod misfit;
mod origin;
mod raw;
mod recommended;
mod settings;
mod target;
mod typed;
mod value;
mod weights;
mod write;

pub use assemble::{Assembled, IMPORTED, open_data, open_source};
pub use check::Recipe;
pub use differences::{Difference, differences};
pub use file::MAX_RECIPE_BYTES;
pub(crate) use file::read_text;
pub use guide::guided;
pub(crate) use imported::{Foreign, write_foreign};
pub use job::{Plan, Trained, plan, train_new, train_resumed};
pub use layers::{Explained, Layers, OTHER_VARIABLES, RECOMMENDED, Resolved};
pub use learn::{Learned, learn};
pub use loss_curve::{LossCurve, loss_curve};
pub use origin::Origin;
pub use raw::{
    Data, Decay, Dequantise, Named, Net, Objective, OnNan, Optimizer, Precision, RawRecipe, Schedule, Standardise, Switch, Train,
};
pub use settings::{Kind, OnResume, Range, SECTIONS, SETTINGS, Setting, find_setting};
pub use target::{Pick, Target, TrainedModel};
pub use value::Value;
pub(crate) use weights::About;
