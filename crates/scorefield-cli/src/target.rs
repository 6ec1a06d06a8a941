//! Opening `RUN` or `density:…`, with what the user should know about it.

use std::path::Path;

use clap::Args;
use scorefield::density::DENSITIES;
use scorefield::error::{Error, Result};
use scorefield::recipe::{IMPORTED, Pick, Target};

use crate::session::Session;

/// Which of a run's weights, and the score of which class.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Which {
    /// Which average of a run's weights to use, by its half-life in steps [default: the first that the run keeps]
    #[arg(long, value_name = "STEPS")]
    pub ema: Option<f64>,
    /// Of a network of classes, as diffusers has them: which class [default: 0]
    #[arg(long, value_name = "K")]
    pub class: Option<u32>,
}

impl Which {
    /// For what is no model.
    ///
    /// # Errors
    /// A flag was given.
    pub fn refuse(self, spec: &str) -> Result<()> {
        match (self.ema, self.class) {
            (None, None) => Ok(()),
            (Some(_), _) => Err(Error::setting("--ema", "a run folder: data have no weights to average", spec)),
            (None, Some(_)) => Err(Error::setting("--class", "a run folder of a network of classes", spec)),
        }
    }
}

/// Opens a target, a model with the weights and of the class that `which` says.
///
/// # Errors
/// As [`Target::open_picked`]; a class that there is not; the bare name of a density gets the hint that it lacks its prefix.
pub fn open(spec: &str, which: Which, session: &Session) -> Result<Target> {
    let mut target = Target::open_picked(spec, Pick::from(which.ema), session.device()).map_err(|e| {
        let density = DENSITIES.iter().find(|d| d.name == spec || d.aliases.contains(&spec));
        match density {
            Some(density) if !Path::new(spec).exists() => e.with_hint(format!("did you mean density:{}?", density.name)),
            _ => e,
        }
    })?;
    match (which.class, &mut target) {
        (None, _) => {}
        (Some(class), Target::Trained(trained)) => trained.set_class(class)?,
        (Some(_), Target::Exact { .. }) => {
            return Err(Error::setting("--class", "a trained model: a density has no classes", spec));
        }
    }
    if let Target::Trained(trained) = &target {
        trained.warnings.iter().for_each(|warning| session.warn(warning));
        let (step, steps) = (trained.step, trained.recipe.train.steps);
        if step < steps && !trained.recipe.data.source.starts_with(IMPORTED) {
            session.warn(&format!("{spec} is not fully trained: step {step} of {steps}"));
        }
    }
    Ok(target)
}
