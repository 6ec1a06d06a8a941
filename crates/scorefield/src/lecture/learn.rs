//! Settings of a recipe for an experiment, and training by them.

use super::stage::Stage;
use crate::error::Result;
use crate::recipe::{self, Layers, Learned, LossCurve, Origin, Resolved};

/// These settings over what is recommended for their source, with the lecture's seed.
fn resolved(stage: &Stage<'_>, settings: &[(&str, &str)]) -> Result<Resolved> {
    let seed = stage.seed.to_string();
    let all = settings.iter().copied().chain([("seed", seed.as_str())]);
    let set = |layers: Layers, (key, value): (&str, &str)| layers.set(key, value, Origin::Flag("lecture".to_owned()));
    let mut layers = all.into_iter().try_fold(Layers::new(), set)?;
    if let Some(folder) = &stage.data_dir {
        layers = set(layers, ("data.data_dir", &folder.to_string_lossy()))?;
    }
    layers.recommended()?.build()
}

/// Trains a model.
///
/// # Errors
/// A setting that will not do, a loss that is not finite, the observer's stop.
pub(super) fn learn(stage: &mut Stage<'_>, settings: &[(&str, &str)]) -> Result<Learned> {
    recipe::learn(resolved(stage, settings)?, &mut (), stage.device, stage.observer)
}

/// Trains for the course of the loss.
///
/// # Errors
/// A setting that will not do, the observer's stop.
pub(super) fn loss_curve(stage: &mut Stage<'_>, settings: &[(&str, &str)]) -> Result<LossCurve> {
    recipe::loss_curve(resolved(stage, settings)?, stage.device, stage.observer)
}
