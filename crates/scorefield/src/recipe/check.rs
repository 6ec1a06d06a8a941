//! The one place where the numbers of a recipe are checked.

use std::ops::Deref;

use serde::Serialize;

use super::raw::RawRecipe;
use super::settings::{Kind, Range, SETTINGS, Setting, find_setting};
use super::value::Value;
use crate::error::{Error, Result};

/// A recipe whose numbers are all in range. It reads like the [`RawRecipe`] it was made from and cannot be changed; to change it,
/// take the raw one and check again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recipe(RawRecipe);

impl Deref for Recipe {
    type Target = RawRecipe;

    fn deref(&self) -> &RawRecipe {
        &self.0
    }
}

/// How many weight averages may run beside each other: each costs a copy of the weights.
const MOST_AVERAGES: usize = 16;

impl RawRecipe {
    /// Checks every number.
    ///
    /// # Errors
    /// A value out of its range, settings that contradict each other; the key stands for the place.
    pub fn check(&self) -> Result<Recipe> {
        self.check_at(str::to_owned)
    }

    /// As [`RawRecipe::check`], with the place that `place` names for a key.
    pub(super) fn check_at(&self, place: impl Fn(&str) -> String) -> Result<Recipe> {
        for setting in SETTINGS {
            if let Some(value) = setting.value_in(self) {
                check_one(setting, &value, &place)?;
            }
        }
        if let (Some(low), Some(high)) = (self.schedule.sigma_min, self.schedule.sigma_max)
            && low >= high
        {
            let problem = format!("sigma_min must be below sigma_max, got {low} and {high}");
            return Err(Error::recipe(problem, format!("{}; {}", place("schedule.sigma_min"), place("schedule.sigma_max"))));
        }
        Ok(Recipe(self.clone()))
    }
}

fn check_one(setting: &Setting, value: &Value, place: impl Fn(&str) -> String) -> Result<()> {
    let out_of = |words: &str, got: &dyn std::fmt::Display| {
        Error::recipe(format!("{} must be {words}, got {got}", setting.name()), place(setting.key))
    };
    match (setting.kind, value) {
        (Kind::Count(least, most), Value::Count(count)) => {
            if *count < least {
                let words = if least == 1 { "positive".to_owned() } else { format!("{least} or more") };
                return Err(out_of(&words, count));
            }
            if *count > most {
                return Err(out_of(&format!("at most {most}"), count));
            }
        }
        (Kind::Number(range), Value::Number(x)) => check_number(range, *x, &out_of)?,
        (Kind::Numbers(range), Value::Numbers(items)) => {
            if items.is_empty() || items.len() > MOST_AVERAGES {
                return Err(out_of(&format!("1 to {MOST_AVERAGES} numbers"), &items.len()));
            }
            for x in items {
                // Other programs take a decay per step here; 0.999 would be read as an average that forgets at once.
                if setting.key == "train.ema" && *x > 0.0 && *x < 1.0 {
                    let half_life = std::f64::consts::LN_2 / -x.ln();
                    let hint = format!("a decay of {x} per step is a half-life of {half_life:.1} steps");
                    return Err(out_of("a half-life in steps, 1 or more", x).with_hint(hint));
                }
                check_number(range, *x, &out_of)?;
            }
        }
        (Kind::Text, Value::Text(text)) if text.trim().is_empty() => return Err(out_of("a name", &"nothing")),
        _ => {}
    }
    Ok(())
}

fn check_number(range: Range, x: f64, out_of: &dyn Fn(&str, &dyn std::fmt::Display) -> Error) -> Result<()> {
    match range.contains(x) {
        true => Ok(()),
        false if !x.is_finite() => Err(out_of("finite", &x)),
        false => Err(out_of(range.words(), &x)),
    }
}

impl Recipe {
    /// One setting's value by its dotted key, as text; `None` for an unknown key or an unset value.
    pub fn show(&self, key: &str) -> Option<String> {
        find_setting(key)?.value_in(self).map(|value| value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Layers, Origin};
    use super::*;

    fn complaint(text: &str) -> String {
        Layers::new().recipe_text("recipe.toml", text).unwrap().build().unwrap().check().unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_in_range() {
        assert_eq!(*RawRecipe::default().check().unwrap(), RawRecipe::default());
    }

    #[test]
    fn a_number_out_of_range_is_named_with_file_line_and_key() {
        assert_eq!(
            complaint("\n\n\n\n\n[schedule]\nsigma = -0.5"),
            "sigma must be zero or more, got -0.5 (recipe.toml, line 7: schedule.sigma)"
        );
    }

    #[test]
    fn a_flag_and_a_variable_are_their_own_place() {
        let flag = Layers::new().set("schedule.sigma", "-1", Origin::Flag("--sigma".into())).unwrap().build().unwrap();
        assert_eq!(flag.check().unwrap_err().to_string(), "sigma must be zero or more, got -1 (--sigma)");
        let variable = Layers::new().environment([("SCOREFIELD_STEPS".into(), "0".into())]).unwrap().build().unwrap();
        assert_eq!(variable.check().unwrap_err().to_string(), "steps must be positive, got 0 (SCOREFIELD_STEPS)");
    }

    #[test]
    fn every_range_has_its_edges() {
        for (bad, words) in [
            ("[train]\nsteps = 0", "steps must be positive, got 0"),
            ("[train]\nsteps = 4294967296", "steps must be at most 4294967295"),
            ("[train]\nbatch = 0", "batch must be positive"),
            ("[train]\nlr = 0.0", "lr must be positive, got 0"),
            ("[train]\nlr = nan", "lr must be finite, got NaN"),
            ("[train]\nlr = inf", "lr must be finite, got inf"),
            ("[train]\nema = 0", "ema must be 1 or more, got 0"),
            ("[train]\nema = [10, -3]", "ema must be 1 or more, got -3"),
            ("[train]\nema = []", "ema must be 1 to 16 numbers, got 0"),
            ("[train]\nclip = -1", "clip must be zero or more"),
            ("[train]\nbeta2 = 1", "beta2 must be at least 0 and below 1"),
            ("[train]\nlr_final = 1.5", "lr_final must be between 0 and 1"),
            ("[data]\nheld_out = 1", "held_out must be at least 0 and below 1"),
            ("[data]\nheld_out = -0.1", "held_out must be at least 0 and below 1"),
            ("[net]\nembedding = 1", "embedding must be 2 or more"),
            ("[net]\nname = \" \"", "name must be a name, got nothing"),
            ("[schedule]\nsigma_min = 2\nsigma_max = 2", "sigma_min must be below sigma_max, got 2 and 2"),
        ] {
            let message = complaint(bad);
            assert!(message.starts_with(words), "{bad}: {message}");
        }
        for good in ["[data]\nheld_out = 0", "[train]\nwarmup = 0\nclip = 0\nlr_final = 1\nbeta1 = 0"] {
            Layers::new().recipe_text("r", good).unwrap().build().unwrap().check().unwrap();
        }
    }

    #[test]
    fn a_decay_given_as_ema_is_translated_into_a_half_life() {
        let resolved = Layers::new().set("train.ema", "0.999", Origin::Flag("--ema".into())).unwrap().build().unwrap();
        let error = resolved.check().unwrap_err();
        assert_eq!(error.hint(), Some("a decay of 0.999 per step is a half-life of 692.8 steps"));
    }
}
