//! Which settings differ between two recipes; `--resume` refuses those that would make another run of it.
//!
//! Five may change when a run is continued: `train.steps` (train longer or stop earlier), `train.log_every`,
//! `train.checkpoint_every`, `train.keep`, and `data.data_dir` (the same files in another place). With another `train.steps` and a
//! decaying learning rate the rest of the run follows the new curve.

use super::raw::RawRecipe;
use super::settings::{OnResume, SETTINGS, find_setting};

/// One setting in which two recipes differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The dotted key.
    pub key: &'static str,
    /// The value in the first recipe, "unset" if it has none.
    pub a: String,
    /// The value in the second.
    pub b: String,
}

impl Difference {
    /// Whether a run may be continued across this difference.
    pub fn may_change_on_resume(&self) -> bool {
        find_setting(self.key).is_some_and(|setting| setting.on_resume == OnResume::MayChange)
    }
}

/// The settings in which two recipes differ, in the order in which a recipe is written.
pub fn differences(a: &RawRecipe, b: &RawRecipe) -> Vec<Difference> {
    SETTINGS
        .iter()
        .filter_map(|setting| {
            let (a, b) = (setting.value_in(a), setting.value_in(b));
            let show = |value: Option<super::Value>| value.map_or_else(|| "unset".to_owned(), |v| v.to_string());
            (a != b).then(|| Difference { key: setting.key, a: show(a), b: show(b) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_key_and_both_values() {
        let a = RawRecipe::default();
        let mut b = a.clone();
        assert_eq!(differences(&a, &b), []);
        b.train.keep = 9;
        b.schedule.sigma = Some(0.5);
        let found = differences(&a, &b);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], Difference { key: "schedule.sigma", a: "unset".into(), b: "0.5".into() });
        assert!(!found[0].may_change_on_resume());
        assert!(found[1].may_change_on_resume());
    }

    #[test]
    fn exactly_six_settings_may_change_on_resume() {
        let free: Vec<&str> = SETTINGS.iter().filter(|s| s.on_resume == OnResume::MayChange).map(|s| s.key).collect();
        assert_eq!(
            free,
            ["data.data_dir", "train.steps", "train.on_nan", "train.log_every", "train.checkpoint_every", "train.keep"]
        );
    }
}
