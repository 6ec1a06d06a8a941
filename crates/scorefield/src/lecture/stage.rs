//! What every experiment has at hand: how much work it may do, its random numbers, the lecture's mixture, and networks that several share.

use super::learn::learn;
use crate::data::{self, Dequantise, Source};
use crate::density::{self, Mixture};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::observe::{Flow, Observer};
use crate::plot::Field2;
use crate::recipe::Learned;
use crate::sample::{Draw, Drawn, Sampler, Start, draw};
use crate::score::{LogDensity, Score};
use crate::tensor::{Device, matrix, numbers, repeated};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// How much work the experiments do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effort {
    /// A few minutes.
    Quick,
    /// Up to half an hour: larger networks, more points.
    Full,
}

/// log p_σ of a density of the plane on a grid, for pictures.
pub(super) fn log_density(density: &dyn LogDensity, sigma: f64, [x, y]: [(f64, f64); 2]) -> Field2 {
    let nodes = Field2::nodes(x, y, NODES, NODES);
    let (n, device) = (nodes.len() / 2, density.device());
    let values = numbers(density.log_prob(matrix(nodes, n, 2, &device), &repeated(sigma as f32, n, &device)));
    Field2 { x, y, nx: NODES, ny: NODES, values }
}

/// Nodes of a picture's density in each direction.
const NODES: usize = 121;

/// See the head of this file.
pub struct Stage<'a> {
    /// How much work.
    pub effort: Effort,
    /// Seed of everything random.
    pub seed: u64,
    /// Where tensors live.
    pub device: &'a Device,
    /// Where files are written.
    pub out: &'a Path,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) data_dir: Option<PathBuf>,
    with_noise: Option<Rc<Learned>>,
    without_noise: Option<Rc<Learned>>,
}

/// The pictures that claims about pictures are tested on.
pub(super) struct Pictures {
    /// `cifar10` or `digits`.
    pub source: &'static str,
    /// All of them, as levels of grey or colour in [0, 1].
    pub points: Arc<dyn Source>,
}

/// The lecture's figure starts its chains here (Song & Ermon 2019, section 3.2.2).
pub(super) const START: Start = Start::Uniform { low: -8.0, high: 8.0 };
/// And has so many of them.
pub(super) const CHAINS: usize = 1280;

impl<'a> Stage<'a> {
    pub(super) fn new(
        effort: Effort,
        seed: u64,
        device: &'a Device,
        out: &'a Path,
        data_dir: Option<PathBuf>,
        observer: &'a mut dyn Observer,
    ) -> Self {
        Self { effort, seed, device, out, observer, data_dir, with_noise: None, without_noise: None }
    }

    /// One of two numbers, by the effort.
    pub(super) fn either<T>(&self, quick: T, full: T) -> T {
        match self.effort {
            Effort::Quick => quick,
            Effort::Full => full,
        }
    }

    /// The stream of random numbers of one purpose; streams of different `step` are independent.
    pub(super) fn key(&self, purpose: Purpose, step: u32) -> Key {
        Key::new(self.seed, purpose).at(step)
    }

    /// The lecture's mixture.
    pub(super) fn mixture(&self) -> Result<Mixture> {
        density::mixture("mixture")
    }

    /// Draws `n` points.
    pub(super) fn draw(&mut self, score: &dyn Score, sampler: &dyn Sampler, n: usize, start: Start, sigma: f64) -> Result<Drawn> {
        let request = Draw { n, from: 0, seed: self.seed, start, start_sigma: sigma };
        draw(score, sampler, &request, self.observer)
    }

    /// A network that learned the mixture's score by denoising at all noise levels.
    pub(super) fn with_noise(&mut self) -> Result<Rc<Learned>> {
        if let Some(known) = &self.with_noise {
            return Ok(known.clone());
        }
        let settings = [
            ("data.source", "density:mixture"),
            ("net.name", "plain-mlp"),
            ("net.width", "128"),
            ("net.depth", "3"),
            ("train.steps", self.either("4000", "16000")),
            ("train.lr", "3e-3"),
            ("train.ema", "200"),
        ];
        let learned = Rc::new(learn(self, &settings)?);
        self.with_noise = Some(learned.clone());
        Ok(learned)
    }

    /// A network that learned the mixture's score without noise, by sliced score matching.
    pub(super) fn without_noise(&mut self) -> Result<Rc<Learned>> {
        if let Some(known) = &self.without_noise {
            return Ok(known.clone());
        }
        let settings = [
            ("data.source", "density:mixture"),
            ("objective.name", "sliced-vr"),
            ("schedule.name", "single"),
            ("schedule.sigma", "0"),
            ("net.name", "plain-mlp"),
            ("net.width", "64"),
            ("net.depth", "3"),
            ("train.steps", self.either("3000", "12000")),
        ];
        let learned = Rc::new(learn(self, &settings)?);
        self.without_noise = Some(learned.clone());
        Ok(learned)
    }

    /// CIFAR-10 where `--data-dir` or `SCOREFIELD_DATA` names a folder, else the digits inside the program.
    ///
    /// # Errors
    /// A folder that was named and does not have CIFAR-10.
    pub(super) fn pictures(&self) -> Result<Pictures> {
        let named = self.data_dir.is_some() || std::env::var_os("SCOREFIELD_DATA").is_some_and(|v| !v.is_empty());
        let source = if named { "cifar10" } else { "digits" };
        // Levels of grey as they are: what noise does for them is the question.
        let (data_dir, dequantise) = (self.data_dir.clone(), Dequantise::None);
        let options = data::Options { data_dir, offline: true, dequantise, held_out: 0.0, ..Default::default() };
        let dataset = data::open(source, &options)?;
        Ok(Pictures { source, points: dataset.train })
    }

    /// Tells the onlooker that a part of an experiment is done.
    pub(super) fn told(&mut self, done: usize, of: usize) -> Result<()> {
        match self.observer.measured(done, of) {
            Flow::Continue => Ok(()),
            Flow::Stop => Err(Error::Interrupted { saved: String::new() }),
        }
    }
}
