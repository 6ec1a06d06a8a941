//! Everything that training changes: weights, moments, averages, counts. A [`Snapshot`] is the same as plain numbers.

use super::config::TrainConfig;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::net::{flatten, unflatten};
use crate::tensor::{AdamStep, Device, Tensor, adam_step, average, numbers, sum_of_squares, vector};
use burn::tensor::Gradients;

/// A named array: name, shape, numbers.
pub type Named = (String, Vec<usize>, Vec<f32>);

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
    first: Vec<Tensor<1>>,
    second: Vec<Tensor<1>>,
    averages: Vec<Average>,
    /// Steps done.
    pub step: u64,
    /// Sum and number of the losses since the last logged step.
    pub window: (f64, u64),
}

/// A [`TrainState`] as numbers, for a checkpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Steps done.
    pub step: u64,
    /// Sum and number of the losses since the last logged step.
    pub window: (f64, u64),
    /// The weights.
    pub model: Vec<Named>,
    /// The averages, each with its half-life in steps.
    pub averages: Vec<(f64, Vec<Named>)>,
    /// First moments (`first.NAME`) and second moments (`second.NAME`).
    pub optimizer: Vec<Named>,
}

impl TrainState {
    /// A state at step 0: moments 0, averages equal to the weights.
    pub fn new(mut model: Model, half_lives: &[f64]) -> Self {
        let mut first = Vec::new();
        let mut values = Vec::new();
        model.net_mut().visit_mut(&mut |_, p| {
            values.push(p.flat().inner());
            first.push(p.flat().inner().zeros_like());
            p.update(|v| v.autodiff().require_grad());
        });
        let averages = half_lives.iter().map(|h| Average { half_life: *h, values: values.clone() }).collect();
        Self { model, second: first.clone(), first, averages, step: 0, window: (0.0, 0) }
    }

    /// Takes one step of AdamW down the gradients, and moves the averages. Returns the gradient's norm before clipping.
    pub(super) fn descend(&mut self, mut grads: Gradients, config: &TrainConfig) -> f64 {
        self.step += 1;
        let mut flat = Vec::with_capacity(self.first.len());
        let mut squares = 0.0;
        self.model.net().visit(&mut |_, p| {
            let leaf = p.flat();
            let g = leaf.grad_remove(&mut grads).unwrap_or_else(|| leaf.inner().zeros_like());
            let (sum, g) = sum_of_squares(g);
            squares += sum;
            flat.push(Some(g));
        });
        drop(grads);
        let norm = squares.sqrt();
        let step = AdamStep {
            lr: config.rate(self.step) as f32,
            beta1: config.beta1 as f32,
            beta2: config.beta2 as f32,
            eps: config.eps as f32,
            weight_decay: config.weight_decay as f32,
            grad_scale: if config.clip > 0.0 && norm > config.clip { (config.clip / norm) as f32 } else { 1.0 },
            t: self.step,
        };
        let (first, second, averages, t) = (&mut self.first, &mut self.second, &mut self.averages, self.step);
        let mut i = 0;
        self.model.net_mut().visit_mut(&mut |_, p| {
            let g = flat[i].take().expect("one gradient a parameter");
            let empty = || Tensor::empty([0], &g.device());
            let (m, v) = (std::mem::replace(&mut first[i], empty()), std::mem::replace(&mut second[i], empty()));
            p.update(|values| {
                let (values, m, v) = adam_step(values.inner(), g, m, v, &step);
                (first[i], second[i]) = (m, v);
                for a in averages.iter_mut() {
                    let old = std::mem::replace(&mut a.values[i], Tensor::empty([0], &values.device()));
                    a.values[i] = average(old, &values, TrainConfig::survival(a.half_life, t) as f32);
                }
                values.autodiff().require_grad()
            });
            i += 1;
        });
        norm
    }

    /// The model with the weights of average `index`, without gradients.
    pub fn averaged(&self, index: usize) -> Model {
        let mut model = self.model.clone();
        let mut values = self.averages[index].values.iter();
        model.net_mut().visit_mut(&mut |_, p| {
            p.update(|_| values.next().expect("one average a parameter").clone());
        });
        model
    }

    /// Everything as numbers.
    pub fn snapshot(&self) -> Snapshot {
        let model = flatten(self.model.net());
        let named = |prefix: &str, values: &[Tensor<1>]| -> Vec<Named> {
            let with = |((name, shape, _), v): (&Named, &Tensor<1>)| (format!("{prefix}{name}"), shape.clone(), numbers(v.clone()));
            model.iter().zip(values).map(with).collect()
        };
        let mut optimizer = named("first.", &self.first);
        optimizer.extend(named("second.", &self.second));
        let averages = self.averages.iter().map(|a| (a.half_life, named("", &a.values))).collect();
        Snapshot { step: self.step, window: self.window, averages, optimizer, model }
    }

    /// Takes over a snapshot of the same network and the same half-lives.
    ///
    /// # Errors
    /// A parameter that is missing or has another shape.
    pub fn restore(&mut self, snapshot: &Snapshot, device: &Device) -> Result<()> {
        self.step = snapshot.step;
        self.window = snapshot.window;
        let mut names = Vec::new();
        unflatten(self.model.net_mut(), device, |name, shape| {
            names.push((name.to_owned(), shape.to_vec()));
            find(&snapshot.model, name, shape)
        })?;
        self.model.net_mut().visit_mut(&mut |_, p| p.update(|v| v.autodiff().require_grad()));
        let load = |from: &[Named], prefix: &str| -> Result<Vec<Tensor<1>>> {
            let one = |(name, shape): &(String, Vec<usize>)| Ok(vector(find(from, &format!("{prefix}{name}"), shape)?, device));
            names.iter().map(one).collect()
        };
        self.first = load(&snapshot.optimizer, "first.")?;
        self.second = load(&snapshot.optimizer, "second.")?;
        for a in &mut self.averages {
            let saved = snapshot.averages.iter().find(|(h, _)| *h == a.half_life);
            let missing = || Error::failed("resuming", format!("the checkpoint has no average of half-life {}", a.half_life));
            a.values = load(&saved.ok_or_else(missing)?.1, "")?;
        }
        Ok(())
    }
}

/// The numbers of one named array, checked for its shape.
///
/// # Errors
/// No such name, or another shape.
pub(crate) fn find(from: &[Named], name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    match from.iter().find(|(n, _, _)| n == name) {
        Some((_, s, values)) if s == shape => Ok(values.clone()),
        Some((_, s, _)) => Err(Error::failed("loading weights", format!("{name} has shape {s:?}, the network wants {shape:?}"))),
        None => Err(Error::failed("loading weights", format!("{name} is missing"))),
    }
}
