//! Settings from several places, laid over each other: default < recipe file < environment < command line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use serde::Serialize;

use super::check::Recipe;
use super::origin::Origin;
use super::raw::{Decay, RawRecipe};
use super::settings::{SETTINGS, Setting, find_setting};
use super::value::Value;
use super::{file, misfit, recommended, typed};
use crate::error::{Error, Result};
use crate::net::unet::UNetConfig;
use crate::registry::nearest;

/// How the origin of a setting begins that is recommended for the data or the objective.
pub const RECOMMENDED: &str = "recommended for";

/// Variables that begin with `SCOREFIELD_` and are no settings of a recipe.
pub const OTHER_VARIABLES: &[&str] = &[
    "SCOREFIELD_DATA",
    "SCOREFIELD_DEVICE",
    "SCOREFIELD_EPSILON",
    "SCOREFIELD_LOG",
    "SCOREFIELD_MIRROR",
    "SCOREFIELD_QUIET",
    "SCOREFIELD_SAMPLER",
    "SCOREFIELD_SIMD",
    "SCOREFIELD_THREADS",
];

/// Settings collected so far, each with the place it was given in.
///
/// The order of the calls does not matter between kinds of places; between two of the same kind (two recipe files) the later wins.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    given: BTreeMap<&'static str, (Value, Origin)>,
}

impl Layers {
    /// Nothing but defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lays a recipe file over the defaults and earlier files.
    ///
    /// # Errors
    /// A file that cannot be read, is larger than [`MAX_RECIPE_BYTES`](super::MAX_RECIPE_BYTES), is not UTF-8 or not TOML; an
    /// unknown section or key, with the nearest right one; a value of the wrong type.
    pub fn recipe_file(mut self, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        for given in file::read(path)? {
            self.lay(given.setting, given.value, Origin::File { path: path.to_path_buf(), line: given.line });
        }
        Ok(self)
    }

    /// Lays a recipe that is already text over the defaults; `path` names it in errors and explanations.
    ///
    /// # Errors
    /// As [`Layers::recipe_file`].
    pub fn recipe_text(mut self, path: impl AsRef<Path>, text: &str) -> Result<Self> {
        let path = path.as_ref();
        for given in file::parse(path, text)? {
            self.lay(given.setting, given.value, Origin::File { path: path.to_path_buf(), line: given.line });
        }
        Ok(self)
    }

    /// These settings over those of a run's own recipe, which gives way to all of them.
    ///
    /// # Errors
    /// As [`Layers::recipe_file`].
    pub fn over(self, recipe: impl AsRef<Path>) -> Result<Self> {
        let mut all = Self::new().recipe_file(recipe)?;
        all.given.extend(self.given);
        Ok(all)
    }

    /// Lays the variables `SCOREFIELD_<SECTION>_<KEY>` and their short forms (`SCOREFIELD_LR`) over the recipe. Other variables are
    /// ignored, and so is an empty value; give it `std::env::vars_os()`.
    ///
    /// # Errors
    /// A `SCOREFIELD_` variable that is neither a setting nor in [`OTHER_VARIABLES`], a value that is not text or of the wrong
    /// type, a setting given under both its names with different values.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self> {
        let ours: BTreeMap<String, OsString> = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, value)| name.starts_with("SCOREFIELD_") && !value.is_empty())
            .filter(|(name, _)| !OTHER_VARIABLES.contains(&name.as_str()))
            .collect();
        for (name, value) in ours {
            let Some(setting) = SETTINGS.iter().find(|s| s.variables().contains(&name)) else {
                return Err(unknown_variable(&name));
            };
            let Some(value) = value.to_str() else {
                return Err(Error::recipe(format!("{} is not UTF-8 text", setting.name()), name));
            };
            let value = typed::from_text(setting, value).ok_or_else(|| misfit::wrong_type(setting, value, name.clone()))?;
            if let Some((earlier, Origin::Variable(other))) = self.given.get(setting.key)
                && *earlier != value
            {
                return Err(Error::recipe(
                    format!("{} is given twice: {earlier} and {value}", setting.key),
                    format!("{other} and {name}"),
                ));
            }
            self.lay(setting, value, Origin::Variable(name));
        }
        Ok(self)
    }

    /// Sets one setting from text, as a flag gives it; several numbers are separated by commas.
    ///
    /// # Errors
    /// An unknown key, a value of the wrong type.
    pub fn set(mut self, key: &str, value: &str, origin: Origin) -> Result<Self> {
        let Some(setting) = find_setting(key) else {
            let (section, name) = key.split_once('.').unwrap_or(("", key));
            return Err(misfit::unknown(section, name, false, origin.to_string()));
        };
        let value = typed::from_text(setting, value).ok_or_else(|| misfit::wrong_type(setting, value, origin.place_of(key)))?;
        self.lay(setting, value, origin);
        Ok(self)
    }

    /// Lays what is recommended for the objective and the source directly over the defaults, below everything given so far; call it last.
    ///
    /// # Errors
    /// None for the recipes that come with the program.
    pub fn recommended(mut self) -> Result<Self> {
        let defaults = RawRecipe::default();
        let chosen = |key: &str, default: String| self.given.get(key).map_or(default, |(value, _)| value.to_string());
        let (source, objective) =
            (chosen("data.source", defaults.data.source), chosen("objective.name", defaults.objective.name));
        let of_objective = (recommended::for_objective(&objective)?, objective);
        for (settings, what) in [of_objective, (recommended::settings(&source)?, source)] {
            for given in settings {
                let origin = Origin::Derived(format!("{RECOMMENDED} {what}"));
                self.given.entry(given.setting.key).or_insert((given.value, origin));
            }
        }
        Ok(self)
    }

    /// The recipe that results, with the origin of every value.
    ///
    /// # Errors
    /// A value that does not fit its field on this machine (a count beyond the address space).
    pub fn build(self) -> Result<Resolved> {
        let mut recipe = RawRecipe::default();
        let mut origins = BTreeMap::new();
        for (key, (value, origin)) in self.given {
            let fits = find_setting(key).is_some_and(|setting| (setting.put)(&mut recipe, &value));
            if !fits {
                return Err(Error::recipe(format!("{key} cannot be {value}"), origin.place_of(key)));
            }
            origins.insert(key, origin);
        }
        Ok(Resolved { recipe, origins })
    }

    fn lay(&mut self, setting: &'static Setting, value: Value, origin: Origin) {
        let wins = self.given.get(setting.key).is_none_or(|(_, earlier)| earlier.rank() <= origin.rank());
        if wins {
            self.given.insert(setting.key, (value, origin));
        }
    }
}

fn unknown_variable(name: &str) -> Error {
    let bare = |name: &str| name.trim_start_matches("SCOREFIELD_").to_owned();
    let known: Vec<String> =
        SETTINGS.iter().flat_map(Setting::variables).map(|v| bare(&v)).chain(OTHER_VARIABLES.iter().map(|v| bare(v))).collect();
    let error = Error::recipe(format!("{name} is not a setting"), "environment");
    match nearest(&bare(name), known.iter().map(String::as_str)) {
        Some(near) => error.with_hint(format!("did you mean SCOREFIELD_{near}?")),
        None => error,
    }
}

/// A recipe with the origin of every value.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The values, not yet checked.
    pub recipe: RawRecipe,
    /// Where they came from, by key; a key that is absent has its default.
    pub origins: BTreeMap<&'static str, Origin>,
}

/// One row of `--explain-config`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The dotted key.
    pub key: &'static str,
    /// The value, or in brackets what happens without one.
    pub value: String,
    /// "default", "recipe.toml line 7", "SCOREFIELD_LR", "--lr".
    pub origin: String,
}

impl Resolved {
    /// Where a setting's value came from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }

    /// Whether somebody gave the setting (and it is neither the default nor derived).
    pub fn is_given(&self, key: &str) -> bool {
        self.origin(key).rank() > Origin::Derived(String::new()).rank()
    }

    /// The place of a setting for an error about it: "recipe.toml, line 7: net.name".
    pub fn place(&self, key: &str) -> String {
        self.origin(key).place_of(key)
    }

    /// Fills in a setting that nobody gave; `how` says where the value is from ("from the data"). Answers whether it was taken: a
    /// setting that was given stays, and so does one of another kind.
    pub fn derive(&mut self, key: &str, value: &Value, how: &str) -> bool {
        let Some(setting) = find_setting(key) else { return false };
        let taken = !self.is_given(key) && (setting.put)(&mut self.recipe, value);
        if taken {
            self.origins.insert(setting.key, Origin::Derived(how.to_owned()));
        }
        taken
    }

    /// Reads the file that `net.config` names, and keeps the text in place of the name, so that the recipe says everything.
    ///
    /// # Errors
    /// A file that cannot be read, settings that a U-Net does not have or that do not fit each other, a network that is no U-Net.
    pub fn read_net_config(&mut self) -> Result<()> {
        let Some(given) = self.recipe.net.config.clone() else { return Ok(()) };
        let place = self.place("net.config");
        if self.recipe.net.name != "unet" {
            let problem = format!("net.config is of a unet, the network is {}", self.recipe.net.name);
            return Err(Error::recipe(problem, place).with_hint("add --net unet"));
        }
        let config = match given.trim_start().starts_with('{') {
            true => UNetConfig::parse(&given, &place)?,
            false => UNetConfig::parse(&file::read_text(Path::new(&given))?, &given)?,
        };
        self.recipe.net.config = Some(config.to_json() + "\n");
        Ok(())
    }

    /// Every setting with its value and origin, in the order in which a recipe is written.
    pub fn explain(&self) -> Vec<Explained> {
        SETTINGS
            .iter()
            .map(|setting| Explained {
                key: setting.key,
                value: setting.value_in(&self.recipe).map_or_else(|| format!("({})", setting.unset), |value| value.to_string()),
                origin: self.origin(setting.key).to_string(),
            })
            .collect()
    }

    /// Checks every number; an error names the place where the value was given.
    ///
    /// # Errors
    /// A value out of its range, settings that contradict each other.
    pub fn check(&self) -> Result<Recipe> {
        self.recipe.check_at(|key| self.place(key))
    }

    /// Refuses settings that differ from those of the run that is to be continued.
    ///
    /// # Errors
    /// The first setting that may not change and did, with both values and the place of the new one.
    pub fn check_resume(&self, saved: &RawRecipe) -> Result<()> {
        if saved.train.steps != self.recipe.train.steps && self.recipe.train.decay == Decay::Cosine {
            let (was, now) = (saved.train.steps, self.recipe.train.steps);
            let problem = format!("train.steps cannot change on --resume with decay = cosine: the run has {was}, got {now}");
            return Err(Error::recipe(problem, self.place("train.steps")).with_hint(
                "the learning rate of every step depends on the number of steps; start a new run with another --out",
            ));
        }
        match super::differences(saved, &self.recipe).into_iter().find(|d| !d.may_change_on_resume()) {
            None => Ok(()),
            Some(d) => Err(Error::recipe(
                format!("{} cannot change on --resume: the run has {}, got {}", d.key, d.a, d.b),
                self.place(d.key),
            )
            .with_hint("leave it out to continue the run, or start a new one with another --out")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs.iter().map(|(a, b)| (a.into(), b.into())).collect()
    }

    const FILE: &str = "seed = 3\n[train]\nlr = 0.1\nbatch = 7\nsteps = 10\n";

    #[test]
    fn flag_wins_over_variable_over_recipe_over_default_in_whatever_order_they_come() {
        let flag = || Origin::Flag("--lr".into());
        let env = [("SCOREFIELD_LR", "0.2"), ("SCOREFIELD_TRAIN_BATCH", "8")];
        let one = Layers::new().recipe_text("recipe.toml", FILE).unwrap().environment(variables(&env)).unwrap();
        let one = one.set("train.lr", "0.3", flag()).unwrap().build().unwrap();
        let two = Layers::new().set("train.lr", "0.3", flag()).unwrap().environment(variables(&env)).unwrap();
        let two = two.recipe_text("recipe.toml", FILE).unwrap().build().unwrap();
        assert_eq!(one.recipe, two.recipe);
        assert_eq!((one.recipe.train.lr, one.recipe.train.batch, one.recipe.train.steps), (0.3, 8, 10));
        let rows = one.explain();
        let origin = |key| rows.iter().find(|r| r.key == key).unwrap().origin.as_str();
        assert_eq!(origin("train.lr"), "--lr");
        assert_eq!(origin("train.batch"), "SCOREFIELD_TRAIN_BATCH");
        assert_eq!(origin("train.steps"), "recipe.toml line 5");
        assert_eq!(origin("train.warmup"), "default");
        assert_eq!(rows.len(), SETTINGS.len());
        assert_eq!(rows.iter().find(|r| r.key == "data.size").unwrap().value, "(images keep their size)");
    }

    #[test]
    fn an_unknown_variable_names_the_nearest_right_one() {
        let error = Layers::new().environment(variables(&[("SCOREFIELD_BATHC", "3")])).unwrap_err();
        assert_eq!(error.to_string(), "SCOREFIELD_BATHC is not a setting (environment)");
        assert_eq!(error.hint(), Some("did you mean SCOREFIELD_BATCH?"));
        let ignored = [("SCOREFIELD_SIMD", "avx2"), ("SCOREFIELD_DATA", "/tmp"), ("HOME", "/"), ("SCOREFIELD_LR", "")];
        let resolved = Layers::new().environment(variables(&ignored)).unwrap().build().unwrap();
        assert_eq!(resolved.recipe, RawRecipe::default());
    }

    #[test]
    fn two_names_of_one_setting_may_not_disagree() {
        let error =
            Layers::new().environment(variables(&[("SCOREFIELD_LR", "0.1"), ("SCOREFIELD_TRAIN_LR", "0.2")])).unwrap_err();
        assert!(error.to_string().contains("SCOREFIELD_LR and SCOREFIELD_TRAIN_LR"), "{error}");
    }

    #[test]
    fn a_flag_of_the_wrong_type_is_named() {
        let error = Layers::new().set("train.steps", "many", Origin::Flag("--steps".into())).unwrap_err();
        assert_eq!(error.to_string(), "steps must be a whole number, zero or more, got many (--steps)");
        let error = Layers::new().set("train.stepz", "1", Origin::Flag("--set".into())).unwrap_err();
        assert_eq!(error.hint(), Some("did you mean train.steps?"));
    }

    #[test]
    fn several_half_lives_come_from_one_flag() {
        let resolved = Layers::new().set("train.ema", "500, 2000", Origin::Flag("--ema".into())).unwrap().build().unwrap();
        assert_eq!(resolved.recipe.train.ema, [500.0, 2000.0]);
    }

    #[test]
    fn a_derived_value_fills_only_what_nobody_gave() {
        let mut resolved = Layers::new().recipe_text("r.toml", "schedule.sigma_max = 9").unwrap().build().unwrap();
        assert!(!resolved.derive("schedule.sigma_max", &Value::Number(80.0), "from the data"));
        assert!(resolved.derive("schedule.sigma_min", &Value::Number(0.01), "from the data"));
        assert_eq!(resolved.recipe.schedule.sigma_min, Some(0.01));
        assert_eq!(resolved.origin("schedule.sigma_min").to_string(), "from the data");
    }

    #[test]
    fn a_changed_setting_is_refused_on_resume_by_name_and_place() {
        let saved = RawRecipe::default();
        let flag = |name: &str| Origin::Flag(name.into());
        let longer = Layers::new().set("train.steps", "99", flag("--steps")).unwrap();
        // A cosine's every step depends on where it ends; a constant rate's does not.
        let error = longer.clone().build().unwrap().check_resume(&saved).unwrap_err();
        assert!(error.to_string().starts_with("train.steps cannot change on --resume with decay = cosine"), "{error}");
        let mut constant = saved.clone();
        constant.train.decay = Decay::Constant;
        longer.set("train.decay", "constant", flag("--decay")).unwrap().build().unwrap().check_resume(&constant).unwrap();
        let layers = Layers::new().set("train.keep", "5", flag("--keep")).unwrap();
        layers.clone().build().unwrap().check_resume(&saved).unwrap();
        let changed = layers.set("train.lr", "0.5", Origin::Flag("--lr".into())).unwrap().build().unwrap();
        let error = changed.check_resume(&saved).unwrap_err();
        assert_eq!(error.to_string(), "train.lr cannot change on --resume: the run has 0.001, got 0.5 (--lr)");
    }
}
