//! Recipes that come with the program: what works for a known source where the user says nothing else.
//!
//! They lie directly over the defaults, below recipe files, variables and flags: what suits the objective first, then what suits the
//! source. Adding one is a file in `recipes/` and a row here.

use super::file::{Given, parse};
use crate::error::Result;
use crate::objective::{Needs, OBJECTIVES};
use std::path::Path;

/// Source, and its recipe.
static RECOMMENDED: &[(&str, &str)] = &[
    ("digits", include_str!("../../recipes/digits.toml")),
    ("mnist", include_str!("../../recipes/mnist.toml")),
    ("cifar10", include_str!("../../recipes/cifar10.toml")),
];

/// The settings recommended for an objective, by its registry name or an alias; none for `denoising` and for names that are unknown.
pub(super) fn for_objective(name: &str) -> Result<Vec<Given>> {
    let row = OBJECTIVES.iter().find(|e| e.name == name || e.aliases.contains(&name));
    let text = match row.map(|e| e.value.needs) {
        Some(Needs::Derivatives | Needs::Exact) => include_str!("../../recipes/derivatives.toml"),
        Some(Needs::Noise) | None => "",
    };
    parse(Path::new("recommended recipe"), text)
}

/// The settings recommended for a source; none for a source that has no recipe of its own.
pub(super) fn settings(source: &str) -> Result<Vec<Given>> {
    let text = RECOMMENDED.iter().find(|(name, _)| *name == source).map_or("", |(_, text)| text);
    parse(Path::new("recommended recipe"), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Layers, Origin};

    #[test]
    fn every_recommended_recipe_is_a_valid_recipe() {
        for (source, _) in RECOMMENDED {
            let layers = Layers::new().set("data.source", source, Origin::Flag("DATA".to_owned())).unwrap();
            assert!(!settings(source).unwrap().is_empty());
            layers.recommended().unwrap().build().unwrap().check().unwrap();
        }
    }

    #[test]
    fn a_recommendation_gives_way_to_a_flag_and_is_named_where_it_does_not() {
        let layers = Layers::new().set("train.steps", "5", Origin::Flag("--steps".to_owned())).unwrap();
        let resolved = layers.recommended().unwrap().build().unwrap();
        assert_eq!(resolved.recipe.train.steps, 5);
        assert!(resolved.origin("schedule.p_mean").to_string().contains("recommended for digits"));
    }
}
