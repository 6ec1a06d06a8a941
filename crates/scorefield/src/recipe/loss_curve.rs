//! The course of a training loss, and nothing else: a short training that writes nothing, for losses that are themselves the question.

use super::{Resolved, learn};
use crate::error::{Error, Result};
use crate::observe::Observer;
use crate::tensor::Device;
use crate::train::{Checkpoint, LogRecord, Snapshot};
use serde::Serialize;

/// What was logged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LossCurve {
    /// Steps done, and the mean loss of the steps since the last pair.
    pub points: Vec<(u64, f64)>,
    /// The last step, and why training ended there, where the loss ceased to be finite.
    pub diverged: Option<String>,
}

/// Keeps the log.
struct Log(Vec<(u64, f64)>);

impl Checkpoint for Log {
    fn save(&mut self, _: &Snapshot) -> Result<()> {
        Ok(())
    }

    fn log(&mut self, record: &LogRecord) -> Result<()> {
        self.0.push((record.step, record.loss));
        Ok(())
    }
}

/// Trains as the recipe says. A loss that is no longer finite ends the curve and is no error.
///
/// # Errors
/// Settings or data that will not do; an interruption.
pub fn loss_curve(resolved: Resolved, device: &Device, observer: &mut dyn Observer) -> Result<LossCurve> {
    let mut log = Log(Vec::new());
    let diverged = match learn(resolved, &mut log, device, observer) {
        Ok(_) => None,
        Err(Error::Failed { what, problem, .. }) => Some(format!("{what}: {problem}")),
        Err(e) => return Err(e),
    };
    Ok(LossCurve { points: log.0, diverged })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Layers, Origin};

    fn curve(steps: &str, lr: &str) -> LossCurve {
        let settings = [
            ("data.source", "density:gaussian"),
            ("objective.name", "sliced"),
            ("schedule.name", "single"),
            ("net.width", "32"),
            ("net.depth", "1"),
            ("train.steps", steps),
            ("train.lr", lr),
            ("train.log_every", "50"),
        ];
        let set = |layers: Layers, (key, value): (&str, &str)| layers.set(key, value, Origin::Flag("test".to_owned()));
        let layers = settings.into_iter().try_fold(Layers::new(), set).unwrap();
        loss_curve(layers.build().unwrap(), &Device::flex(), &mut ()).unwrap()
    }

    #[test]
    fn the_sliced_loss_of_a_gaussian_nears_its_least_value() {
        // −½E‖s*‖² = −½ tr Σ⁻¹, and training weighs it by the data's variance a dimension, 1.5.
        let found = curve("400", "0.01");
        assert_eq!(found.points.iter().map(|p| p.0).collect::<Vec<_>>(), (1..=8).map(|i| 50 * i).collect::<Vec<_>>());
        let least = -0.5 * 3.0 / (2.0 - 0.36) * 1.5;
        let last = found.points[7].1;
        assert!(found.points[0].1 > last && (last - least).abs() < 0.1 && found.diverged.is_none(), "{found:?}");
    }
}
