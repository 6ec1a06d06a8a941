//! A small classifier, so that samples of labelled data can be judged by something that never saw them.
//!
//! p(class given x) = softmax(W₂ SiLU(W₁(x − μ) + b₁) + b₂), trained by cross-entropy on the labelled points.

use crate::data::{Source, all};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::net::{Init, Linear, Parameter, Parameters};
use crate::tensor::{Device, Tensor, add_silu, matrix, numbers};
use crate::train::{AdamW, Hyper};

/// How a [`Classifier`] is trained.
#[derive(Clone, Copy, Debug)]
pub struct ClassifierConfig {
    /// Hidden features.
    pub width: usize,
    /// Steps of AdamW.
    pub steps: u64,
    /// Rows in a batch.
    pub batch: usize,
    /// Learning rate, falling linearly to 0.
    pub lr: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Seed of its weights and batches.
    pub seed: u64,
}

impl Default for ClassifierConfig {
    fn default() -> Self {
        Self { width: 128, steps: 1500, batch: 128, lr: 2e-3, weight_decay: 0.02, seed: 0 }
    }
}

/// See the head of this file.
pub struct Classifier {
    layers: Layers,
    mean: Tensor<2>,
    classes: usize,
    device: Device,
}

struct Layers {
    first: Linear,
    second: Linear,
}

impl Parameters for Layers {
    fn visit(&self, f: &mut dyn FnMut(&str, &Parameter)) {
        self.first.visit("first", f);
        self.second.visit("second", f);
    }

    fn visit_mut(&mut self, f: &mut dyn FnMut(&str, &mut Parameter)) {
        self.first.visit_mut("first", f);
        self.second.visit_mut("second", f);
    }
}

impl Layers {
    /// What the last layer reads, `[n, width]`.
    fn hidden(&self, x: Tensor<2>) -> Tensor<2> {
        let h = self.first.apply(x);
        let zero = h.zeros_like();
        add_silu(h, zero)
    }

    /// Unnormalised log-probabilities, `[n, classes]`.
    fn logits(&self, x: Tensor<2>) -> Tensor<2> {
        self.second.apply(self.hidden(x))
    }
}

fn log_softmax(logits: Tensor<2>) -> Tensor<2> {
    let shifted = logits.clone() - logits.max_dim(1).detach();
    shifted.clone() - shifted.exp().sum_dim(1).log()
}

impl Classifier {
    /// Trains on all labelled points of a source.
    ///
    /// # Errors
    /// A source that is endless, empty or has no labels.
    pub fn train(source: &dyn Source, config: &ClassifierConfig) -> Result<Self> {
        let (n, d) = (source.len().unwrap_or(0) as usize, source.event().len());
        let labels = source.labels().filter(|l| !l.is_empty() && l.len() == n);
        let labels = labels.ok_or_else(|| Error::setting("classifier", "labelled points", "points without labels"))?;
        let classes = usize::from(labels.iter().copied().max().unwrap_or(0)) + 1;
        Self::fit(&all(source, n, Key::new(config.seed, Purpose::Data))?, labels, d, classes, config)
    }

    /// Trains on the rows of `points`, row-major with `d` columns, of classes `labels` below `classes`.
    ///
    /// # Errors
    /// No points, or another number of labels.
    pub fn fit(points: &[f32], labels: &[u8], d: usize, classes: usize, config: &ClassifierConfig) -> Result<Self> {
        let n = points.len() / d;
        if n == 0 || labels.len() != n {
            return Err(Error::setting("classifier", "a label for each of some points", format!("{} for {n}", labels.len())));
        }
        let mut mean = vec![0.0f32; d];
        for row in points.chunks(d) {
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / n as f32);
        }
        let device = Device::flex();
        let leaves = device.clone().autodiff();
        let key = Key::new(config.seed, Purpose::Metric);
        let mut layers = Layers {
            first: Linear::new(d, config.width, true, Init::Scaled(1.4), key.at(1), &leaves),
            second: Linear::new(config.width, classes, true, Init::Scaled(1.0), key.at(2), &leaves),
        };
        let mut optimizer = AdamW::new(&mut layers);
        let order = Key::new(config.seed, Purpose::Shuffle);
        for step in 0..config.steps {
            let rows: Vec<usize> = (0..config.batch as u64)
                .map(|i| step * config.batch as u64 + i)
                .map(|i| order.at((i / n as u64) as u32).permute(i % n as u64, n as u64) as usize)
                .collect();
            let centred = |r: &usize| points[r * d..][..d].iter().zip(&mean).map(|(x, m)| x - m).collect::<Vec<_>>();
            let x: Vec<f32> = rows.iter().flat_map(centred).collect();
            let mut chosen = vec![0.0f32; config.batch * classes];
            rows.iter().enumerate().for_each(|(i, r)| chosen[i * classes + usize::from(labels[*r])] = 1.0);
            let log_p = log_softmax(layers.logits(matrix(x, config.batch, d, &leaves)));
            let loss = (log_p * matrix(chosen, config.batch, classes, &leaves)).sum().neg() / config.batch as f32;
            let hyper = Hyper {
                lr: config.lr * (1.0 - step as f64 / config.steps as f64),
                beta1: 0.9,
                beta2: 0.99,
                muon: None,
                eps: 1e-8,
                weight_decay: config.weight_decay,
                clip: 0.0,
            };
            optimizer.step(&mut layers, loss.backward(), &hyper, &mut |_, _| ());
        }
        layers.visit_mut(&mut |_, p| p.update(Tensor::inner));
        Ok(Self { layers, mean: matrix(mean, 1, d, &device), classes, device })
    }

    /// How many classes it knows.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// What its last layer sees of each row, `[n, width]`.
    pub fn features(&self, points: &[f32]) -> Vec<f32> {
        numbers(self.layers.hidden(self.centred(points)))
    }

    fn centred(&self, points: &[f32]) -> Tensor<2> {
        let d = self.mean.dims()[1];
        matrix(points.to_vec(), points.len() / d, d, &self.device) - self.mean.clone()
    }

    /// The most probable class of each row and its probability.
    pub fn classify(&self, points: &[f32]) -> Vec<(usize, f32)> {
        let p = numbers(log_softmax(self.layers.logits(self.centred(points))).exp());
        let best = |row: &[f32]| {
            let most = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            most.map_or((0, 0.0), |(k, p)| (k, *p))
        };
        p.chunks(self.classes).map(best).collect()
    }

    /// The share of a labelled source's points that it classifies rightly.
    ///
    /// # Errors
    /// A source that cannot be read.
    pub fn accuracy(&self, source: &dyn Source) -> Result<f64> {
        let n = source.len().unwrap_or(0) as usize;
        let labels = source.labels().unwrap_or(&[]);
        let found = self.classify(&all(source, n, Key::new(0, Purpose::Data))?);
        let right = found.iter().zip(labels).filter(|((k, _), l)| *k == usize::from(**l)).count();
        Ok(right as f64 / n.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data;

    #[test]
    fn it_tells_real_digits_apart_that_it_never_saw() {
        let digits = data::open("digits", &data::Options::default()).unwrap();
        let config = ClassifierConfig { steps: 600, ..Default::default() };
        let classifier = Classifier::train(&*digits.train, &config).unwrap();
        let accuracy = classifier.accuracy(&*digits.held_out).unwrap();
        // 360 held-out digits; a nearest-neighbour classifier gets about 98.5%.
        assert!(accuracy > 0.95, "{accuracy}");
        assert_eq!(classifier.classes(), 10);
    }

    #[test]
    fn points_without_labels_are_refused() {
        let toy = data::open("toy:rings", &data::Options::default()).unwrap();
        assert!(Classifier::train(&*toy.train, &ClassifierConfig::default()).is_err());
    }
}
