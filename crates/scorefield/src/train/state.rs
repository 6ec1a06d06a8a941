//! Everything that training changes: weights, moments, averages, counts. A [`Snapshot`] is the same by name.

use super::adamw::{AdamW, Hyper};
use super::config::TrainConfig;
use super::validation::Best;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::net::unflatten;
use crate::score::Score;
use crate::tensor::{Tensor, average, numbers};
use burn::tensor::Gradients;

/// A named array: name, shape, numbers.
pub type Named = (String, Vec<usize>, Vec<f32>);

/// A named array whose numbers are where they were computed, and are not copied: name, shape, flat values.
pub type Held = (String, Vec<usize>, Tensor<1>);

/// An exponential average of the weights.
#[derive(Clone, Debug)]
pub struct Average {
    /// Its half-life, in steps.
    pub half_life: f64,
    /// The averaged parameters, flat, in visiting order.
    pub values: Vec<Tensor<1>>,
}

/// See the head of this file.
pub struct TrainState {
    /// The model being trained, on a device with gradients.
    pub model: Model,
    optimizer: AdamW,
    averages: Vec<Average>,
    /// Steps done.
    pub step: u64,
    /// Sum and number of the losses since the last logged step.
    pub window: (f64, u64),
    /// The weights of the lowest held-out loss, where one is measured.
    pub best: Option<Best>,
    /// The first average as it was early in training, where it is kept.
    pub early: Option<Early>,
}

/// Weights that had been trained for less: what autoguidance leads away from (Karras et al. 2024).
#[derive(Clone, Debug)]
pub struct Early {
    /// Steps they had been trained for.
    pub step: u64,
    /// The weights, flat, in visiting order.
    pub values: Vec<Tensor<1>>,
}

/// The weights of the lowest held-out loss, by name.
#[derive(Clone, Debug, Default)]
pub struct SnapshotBest {
    /// Steps they had been trained for.
    pub step: u64,
    /// Their held-out loss.
    pub loss: f64,
    /// The weights.
    pub model: Vec<Held>,
}

/// A [`TrainState`] by name, for a checkpoint. It shares the state's arrays: a step that is taken while it is kept has to copy them.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Steps done.
    pub step: u64,
    /// Sum and number of the losses since the last logged step.
    pub window: (f64, u64),
    /// The weights.
    pub model: Vec<Held>,
    /// The averages, each with its half-life in steps.
    pub averages: Vec<(f64, Vec<Held>)>,
    /// First moments (`first.NAME`) and second moments (`second.NAME`).
    pub optimizer: Vec<Held>,
    /// The weights of the lowest held-out loss, where one is measured.
    pub best: Option<SnapshotBest>,
    /// Early weights, where they are kept, and the step that they are of.
    pub early: Option<(u64, Vec<Held>)>,
}

impl Snapshot {
    /// The name of an array that is not all finite, if there is one.
    pub(super) fn not_finite(&self) -> Option<&str> {
        let averaged = self.averages.iter().flat_map(|(_, named)| named);
        let mut all = self.model.iter().chain(averaged).chain(&self.optimizer);
        all.find(|(_, _, values)| numbers(values.clone()).iter().any(|v| !v.is_finite())).map(|(name, _, _)| name.as_str())
    }

    /// The same as plain numbers, to compare.
    #[cfg(test)]
    pub(crate) fn plain(&self) -> Vec<(String, Vec<f32>)> {
        let averages = self.averages.iter().flat_map(|(_, held)| held);
        let best = self.best.iter().flat_map(|best| &best.model);
        let early = self.early.iter().flat_map(|(_, held)| held);
        let all = self.model.iter().chain(averages).chain(&self.optimizer).chain(best).chain(early);
        all.map(|(name, _, values)| (name.clone(), numbers(values.clone()))).collect()
    }
}

impl TrainState {
    /// A state at step 0: moments 0, averages equal to the weights.
    pub fn new(mut model: Model, half_lives: &[f64]) -> Self {
        let mut values = Vec::new();
        model.net().visit(&mut |_, p| values.push(p.flat().inner()));
        let optimizer = AdamW::new(model.net_mut());
        let averages = half_lives.iter().map(|h| Average { half_life: *h, values: values.clone() }).collect();
        Self { model, optimizer, averages, step: 0, window: (0.0, 0), best: None, early: None }
    }

    /// Counts a step that changes nothing, because its loss was not finite.
    pub(super) fn pass(&mut self) {
        self.step += 1;
        self.optimizer.t = self.step;
    }

    /// Takes one step of AdamW down the gradients, and moves the averages. Returns the gradient's norm before clipping; if it is not finite,
    /// nothing but the count has changed.
    pub(super) fn descend(&mut self, grads: Gradients, config: &TrainConfig) -> f64 {
        self.step += 1;
        let hyper = Hyper {
            lr: config.rate(self.step),
            beta1: config.beta1,
            beta2: config.beta2,
            muon: config.muon,
            eps: config.eps,
            weight_decay: config.weight_decay,
            clip: config.clip,
        };
        let (averages, t) = (&mut self.averages, self.step);
        self.optimizer.step(self.model.net_mut(), grads, &hyper, &mut |i, values| {
            for a in averages.iter_mut() {
                let old = std::mem::replace(&mut a.values[i], Tensor::empty([0], &values.device()));
                a.values[i] = average(old, values, TrainConfig::survival(a.half_life, t) as f32);
            }
        })
    }

    /// The model with the weights of average `index`, without gradients.
    pub fn averaged(&self, index: usize) -> Model {
        let mut model = self.model.without_gradients();
        let mut values = self.averages[index].values.iter();
        model.net_mut().visit_mut(&mut |_, p| {
            p.update(|_| values.next().expect("one average a parameter").clone());
        });
        model
    }

    /// Notes the first average as the best weights so far.
    pub(super) fn keep_best(&mut self, loss: f64) {
        self.best = Some(Best { step: self.step, loss, values: self.averages[0].values.clone() });
    }

    /// Keeps the first average as early weights, once, from step `from` on.
    pub(super) fn keep_early(&mut self, from: u64) {
        if self.step >= from && self.early.is_none() {
            self.early = Some(Early { step: self.step, values: self.averages[0].values.clone() });
        }
    }

    /// Everything by name.
    pub fn snapshot(&self) -> Snapshot {
        let mut model: Vec<Held> = Vec::new();
        self.model.net().visit(&mut |name, p| model.push((name.to_owned(), p.shape().to_vec(), p.flat().inner())));
        let named = |prefix: &str, values: &[Tensor<1>]| -> Vec<Held> {
            let with = |((name, shape, _), v): (&Held, &Tensor<1>)| (format!("{prefix}{name}"), shape.clone(), v.clone());
            model.iter().zip(values).map(with).collect()
        };
        let mut optimizer = named("first.", &self.optimizer.first);
        optimizer.extend(named("second.", &self.optimizer.second));
        let averages = self.averages.iter().map(|a| (a.half_life, named("", &a.values))).collect();
        let best = self.best.as_ref().map(|b| SnapshotBest { step: b.step, loss: b.loss, model: named("", &b.values) });
        let early = self.early.as_ref().map(|early| (early.step, named("", &early.values)));
        Snapshot { step: self.step, window: self.window, averages, optimizer, best, early, model }
    }

    /// Takes over a snapshot of the same network and the same half-lives, on the same device.
    ///
    /// # Errors
    /// A parameter that is missing or has another shape.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<()> {
        self.step = snapshot.step;
        self.window = snapshot.window;
        let mut names = Vec::new();
        let device = Score::device(&self.model).without_autodiff();
        unflatten(self.model.net_mut(), &device, |name, shape| {
            names.push((name.to_owned(), shape.to_vec()));
            held(&snapshot.model, name, shape).map(numbers)
        })?;
        self.optimizer = AdamW::new(self.model.net_mut());
        self.optimizer.t = snapshot.step;
        let load = |from: &[Held], prefix: &str| -> Result<Vec<Tensor<1>>> {
            names.iter().map(|(name, shape)| held(from, &format!("{prefix}{name}"), shape)).collect()
        };
        self.optimizer.first = load(&snapshot.optimizer, "first.")?;
        self.optimizer.second = load(&snapshot.optimizer, "second.")?;
        for a in &mut self.averages {
            let saved = snapshot.averages.iter().find(|(h, _)| *h == a.half_life);
            let missing = || Error::failed("resuming", format!("the checkpoint has no average of half-life {}", a.half_life));
            a.values = load(&saved.ok_or_else(missing)?.1, "")?;
        }
        self.best = match &snapshot.best {
            Some(best) => Some(Best { step: best.step, loss: best.loss, values: load(&best.model, "")? }),
            None => None,
        };
        self.early = match &snapshot.early {
            Some((step, held)) => Some(Early { step: *step, values: load(held, "")? }),
            None => None,
        };
        Ok(())
    }
}

/// The values of one named array, checked for its shape.
///
/// # Errors
/// No such name, or another shape.
fn held(from: &[Held], name: &str, shape: &[usize]) -> Result<Tensor<1>> {
    match from.iter().find(|(n, _, _)| n == name) {
        Some((_, s, values)) if s == shape => Ok(values.clone()),
        Some((_, s, _)) => Err(Error::failed("loading weights", format!("{name} has shape {s:?}, the network wants {shape:?}"))),
        None => Err(Error::failed("loading weights", format!("{name} is missing"))),
    }
}
