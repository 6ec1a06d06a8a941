//! Opening `RUN` or `density:…`, with what the user should know about it.

use std::path::Path;

use scorefield::density::DENSITIES;
use scorefield::error::Result;
use scorefield::recipe::{IMPORTED, Pick, Target};

use crate::session::Session;

/// Opens a target, a model with the weights that `pick` says.
///
/// # Errors
/// As [`Target::open`]; the bare name of a density gets the hint that it lacks its prefix.
pub fn open(spec: &str, pick: impl Into<Pick>, session: &Session) -> Result<Target> {
    let target = Target::open_picked(spec, pick.into(), session.device()).map_err(|e| {
        let density = DENSITIES.iter().find(|d| d.name == spec || d.aliases.contains(&spec));
        match density {
            Some(density) if !Path::new(spec).exists() => e.with_hint(format!("did you mean density:{}?", density.name)),
            _ => e,
        }
    })?;
    if let Target::Trained(trained) = &target {
        trained.warnings.iter().for_each(|warning| session.warn(warning));
        let (step, steps) = (trained.step, trained.recipe.train.steps);
        if step < steps && !trained.recipe.data.source.starts_with(IMPORTED) {
            session.warn(&format!("{spec} is not fully trained: step {step} of {steps}"));
        }
    }
    Ok(target)
}
