//! Weights and everything beside them as safetensors files.
//!
//! `model.safetensors` and `ema.safetensors` hold the network's parameters by name, and what a model needs besides to be used without
//! its data: `data.mean`, `data.sigma_data` and, for tables, `standardise.mean` and `standardise.std`; the event shape and the columns are
//! metadata, and so are, for models from elsewhere, the `conditioning` and the `values` of black and white. The first average has the plain names; further ones are prefixed `half-life-H/`, and the weights of the lowest held-out loss, where
//! one is watched, `best/`; early ones, where they are kept to guide samples, `early/`.

use super::assemble::Assembled;
use crate::data::{EventShape, Standardise};
use crate::error::{Error, Result};
use crate::levels::Regime;
use crate::model::{Conditioning, Precondition};
use crate::run::{Array, Checkpoint, CheckpointFiles, NamedTensor, Numbers, TensorReader, Tensors};
use crate::tensor::{Device, Tensor, numbers, vector};
use crate::train::{Held, Snapshot, SnapshotBest};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;

const WINDOW: &str = "window.loss";
/// Prefix of the best weights' names in the file of averages, and where it says how good they are.
pub(super) const BEST: &str = "best/";
const BEST_STEP: &str = "best.step";
const BEST_LOSS: &str = "best.held_out_loss";
/// The same of early weights.
pub(super) const EARLY: &str = "early/";
const EARLY_STEP: &str = "early.step";

/// Hands the three tensor files of a snapshot's checkpoint to `save`; the weights stay where they are until they are written.
pub(super) fn write_snapshot<T>(
    snapshot: &Snapshot,
    parts: &Assembled,
    save: impl FnOnce(CheckpointFiles<'_>) -> Result<T>,
) -> Result<T> {
    let (mut beside, about) = parts.about().words()?;
    beside.insert("step".to_owned(), snapshot.step.to_string());
    let mut beside_ema = beside.clone();
    if let Some(best) = &snapshot.best {
        beside_ema.insert(BEST_STEP.to_owned(), best.step.to_string());
        beside_ema.insert(BEST_LOSS.to_owned(), best.loss.to_string());
    }
    if let Some((step, _)) = &snapshot.early {
        beside_ema.insert(EARLY_STEP.to_owned(), step.to_string());
    }
    let about = || about.iter().map(Array::from);
    let best = snapshot.best.iter().flat_map(|best| arrays(BEST.to_owned(), &best.model));
    let early = snapshot.early.iter().flat_map(|(_, held)| arrays(EARLY.to_owned(), held));
    let averages = snapshot.averages.iter().enumerate();
    let averages = averages.flat_map(|(i, (half_life, held))| arrays(prefix(i, *half_life), held));
    // The unfinished window of the loss is an f64 and a count; 16-bit pieces carry their bits exactly.
    let window = tensor(WINDOW, &[8], window_to_numbers(snapshot.window));
    save(CheckpointFiles {
        model: &Tensors::new(arrays(String::new(), &snapshot.model).chain(about()), &beside)?,
        ema: &Tensors::new(averages.chain(best).chain(early).chain(about()), &beside_ema)?,
        optimizer: &Tensors::new(arrays(String::new(), &snapshot.optimizer).chain([Array::from(&window)]), &BTreeMap::new())?,
    })
}

/// Numbers of a device are fetched when they are written.
impl Numbers for Tensor<1> {
    fn numbers(&self) -> Cow<'_, [f32]> {
        Cow::Owned(numbers(self.clone()))
    }
}

fn arrays(prefix: String, held: &[Held]) -> impl Iterator<Item = Array<'_>> {
    held.iter().map(move |(name, shape, values)| Array { name: Cow::Owned(format!("{prefix}{name}")), shape, values })
}

pub(super) fn read_snapshot(checkpoint: &Checkpoint, half_lives: &[f64], device: &Device) -> Result<Snapshot> {
    let (mut model, mut ema, mut optimizer) = (
        checkpoint.tensors("model.safetensors")?,
        checkpoint.tensors("ema.safetensors")?,
        checkpoint.tensors("optimizer.safetensors")?,
    );
    let window = optimizer.values(WINDOW).ok().as_deref().and_then(window_from_numbers);
    let averages = half_lives.iter().enumerate().map(|(i, h)| Ok((*h, held(&mut ema, &prefix(i, *h), device)?)));
    let averages = averages.collect::<Result<_>>()?;
    let best = best_of(&ema).map(|(step, loss)| Ok(SnapshotBest { step, loss, model: held(&mut ema, BEST, device)? }));
    let early = early_of(&ema).map(|step| Ok((step, held(&mut ema, EARLY, device)?)));
    Ok(Snapshot {
        step: checkpoint.state.step,
        window: window.unwrap_or((0.0, 0)),
        model: held(&mut model, "", device)?,
        averages,
        optimizer: held(&mut optimizer, "", device)?,
        best: best.transpose()?,
        early: early.transpose()?,
    })
}

/// The step and the loss of the best weights on held-out points, if a file of averages has such weights.
pub(super) fn best_of(ema: &TensorReader<File>) -> Option<(u64, f64)> {
    let read = |name: &str| ema.metadata().get(name);
    Some((read(BEST_STEP)?.parse().ok()?, read(BEST_LOSS)?.parse().ok()?))
}

/// The step of the early weights, if a file of averages has some.
pub(super) fn early_of(ema: &TensorReader<File>) -> Option<u64> {
    ema.metadata().get(EARLY_STEP)?.parse().ok()
}

/// What a weight file says of the data that its model was trained on.
pub(crate) struct About {
    pub event: EventShape,
    pub columns: Option<Vec<String>>,
    pub precondition: Precondition,
    pub standardise: Option<Standardise>,
    /// What black and white are, for images.
    pub values: (f32, f32),
    /// The `scheduler_config.json` of diffusers that it came with, if it did.
    pub scheduler: Option<String>,
}

/// Black and white of images as this program reads them.
pub const UNIT_VALUES: (f32, f32) = (0.0, 1.0);

impl About {
    /// The same as words and arrays of a weight file. What is as in every model trained here is left out.
    pub(crate) fn words(&self) -> Result<(BTreeMap<String, String>, Vec<NamedTensor>)> {
        let mut words =
            BTreeMap::from([("format".to_owned(), "scorefield".to_owned()), ("event".to_owned(), json(&self.event)?)]);
        if let Some(columns) = &self.columns {
            words.insert("columns".to_owned(), json(columns)?);
        }
        if self.precondition.conditioning != Conditioning::Relative {
            words.insert("conditioning".to_owned(), json(&self.precondition.conditioning)?);
        }
        if self.values != UNIT_VALUES {
            words.insert("values".to_owned(), json(&self.values)?);
        }
        if let Some(text) = &self.scheduler {
            words.insert("scheduler".to_owned(), text.clone());
        }
        let d = self.precondition.mean.len();
        let mut arrays = vec![
            tensor("data.mean", &[d], self.precondition.mean.clone()),
            tensor("data.sigma_data", &[1], vec![self.precondition.sigma_data]),
        ];
        if let Some(s) = &self.standardise {
            arrays.push(tensor("standardise.mean", &[d], s.mean.clone()));
            arrays.push(tensor("standardise.std", &[d], s.std.clone()));
        }
        Ok((words, arrays))
    }
}

pub(super) fn read_about(file: &mut TensorReader<File>) -> Result<About> {
    let (path, words) = (file.path().to_path_buf(), file.metadata().clone());
    let metadata = |name: &str| words.get(name);
    let event = metadata("event").and_then(|e| serde_json::from_str::<EventShape>(e).ok());
    let event = event.ok_or_else(|| Error::file_at(&path, "metadata", "no event shape: not a weight file of scorefield"))?;
    let d = event.len();
    let standardised = file.shapes().any(|(name, _)| name == "standardise.mean");
    let mut numbers = |name: &str, n: usize| match file.values(name)? {
        values if values.len() == n => Ok(values),
        values => Err(Error::file_at(&path, name.to_owned(), format!("{n} numbers expected, found {}", values.len()))),
    };
    let standardise = match standardised {
        false => None,
        true => {
            let (mean, std) = (numbers("standardise.mean", d)?, numbers("standardise.std", d)?);
            Some(Standardise { mean, std, constant: Vec::new() })
        }
    };
    let sigma_data = numbers("data.sigma_data", 1)?[0];
    if sigma_data <= 0.0 {
        return Err(Error::file_at(&path, "data.sigma_data", format!("must be positive, got {sigma_data}")));
    }
    // Files written before there were other ways say nothing.
    let conditioning = match metadata("conditioning") {
        None => Conditioning::Relative,
        Some(text) => serde_json::from_str(text).map_err(|e| Error::file_at(&path, "metadata: conditioning", e.to_string()))?,
    };
    let values = match metadata("values") {
        None => UNIT_VALUES,
        Some(text) => serde_json::from_str(text).map_err(|e| Error::file_at(&path, "metadata: values", e.to_string()))?,
    };
    if values.0 >= values.1 || !(values.1 - values.0).is_finite() {
        return Err(Error::file_at(&path, "metadata: values", format!("black {} is not below white {}", values.0, values.1)));
    }
    Ok(About {
        values,
        scheduler: metadata("scheduler").cloned(),
        columns: metadata("columns").and_then(|c| serde_json::from_str(c).ok()),
        precondition: Precondition { mean: numbers("data.mean", d)?, sigma_data, regime: Regime::Noisy, conditioning },
        standardise,
        event,
    })
}

/// The names' prefix of average `index`.
pub(super) fn prefix(index: usize, half_life: f64) -> String {
    if index == 0 { String::new() } else { format!("half-life-{half_life}/") }
}

/// The arrays whose names are `prefix` and a parameter's, which has no `/`.
fn held(file: &mut TensorReader<File>, prefix: &str, device: &Device) -> Result<Vec<Held>> {
    let shapes: Vec<_> = file.shapes().map(|(name, shape)| (name.to_owned(), shape.to_vec())).collect();
    let matching = shapes.into_iter().filter_map(|(name, shape)| {
        let short = name.strip_prefix(prefix).filter(|short| !short.contains('/'))?;
        Some((short.to_owned(), name, shape))
    });
    let read = |(short, name, shape): (_, String, _)| {
        let values = file.values(&name).map_err(|e| e.with_hint("training diverged; lower --lr"))?;
        Ok((short, shape, vector(values, device)))
    };
    matching.map(read).collect()
}

fn tensor(name: &str, shape: &[usize], values: Vec<f32>) -> NamedTensor {
    NamedTensor { name: name.to_owned(), shape: shape.to_vec(), values }
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::failed("writing a checkpoint", e.to_string()))
}

/// 16-bit pieces are exact as f32 and never look like a NaN.
fn window_to_numbers((sum, count): (f64, u64)) -> Vec<f32> {
    let pieces = |bits: u64| (0..4).map(move |i| f32::from((bits >> (16 * i)) as u16));
    pieces(sum.to_bits()).chain(pieces(count)).collect()
}

fn window_from_numbers(numbers: &[f32]) -> Option<(f64, u64)> {
    let join = |pieces: &[f32]| pieces.iter().rev().fold(0u64, |bits, p| bits << 16 | *p as u64);
    (numbers.len() == 8).then(|| (f64::from_bits(join(&numbers[..4])), join(&numbers[4..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_window_survives_to_the_bit() {
        for window in [(0.0, 0), (1.0 / 3.0, 7), (-1e300, u64::MAX)] {
            assert_eq!(window_from_numbers(&window_to_numbers(window)), Some(window));
        }
    }
}
