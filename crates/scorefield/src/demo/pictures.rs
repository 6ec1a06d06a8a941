//! The demo's pictures.

use super::figures::psnr;
use super::{Denoised, SIGMA};
use crate::error::Result;
use crate::observe::{Flow, Observer, SampleStep, TrainStep};
use crate::plot::{Curve, Images, Series, Strip, StripRow, curve, grid, strip};
use crate::recipe::Target;
use crate::run::Row;
use crate::words::number;
use std::path::{Path, PathBuf};

/// Digits in the sample grid, the denoising strip and the trajectory.
const GRID: usize = 100;
const STRIP: usize = 8;
const PATHS: usize = 5;
const MOMENTS: usize = 8;

/// Watches the first samples on their way, and passes everything on to another observer.
pub(super) struct Trajectory<'o> {
    inner: &'o mut dyn Observer,
    /// (σ, the first rows).
    pub seen: Vec<(f64, Vec<f32>)>,
}

impl<'o> Trajectory<'o> {
    pub fn new(inner: &'o mut dyn Observer) -> Self {
        Self { inner, seen: Vec::new() }
    }
}

impl Observer for Trajectory<'_> {
    fn trained(&mut self, step: &TrainStep) -> Flow {
        self.inner.trained(step)
    }

    fn sampled(&mut self, step: &SampleStep<'_>) -> Flow {
        if step.first_row == 0 {
            let few = step.x[..PATHS * step.d].iter().map(|x| *x as f32);
            self.seen.push((step.sigma, few.collect()));
        }
        self.inner.sampled(step)
    }
}

/// What every file carries, so that it can be told where it is from.
pub(super) fn metadata(target: &Target, seed: u64, sampler: &str) -> Vec<(&'static str, String)> {
    vec![
        ("scorefield", env!("CARGO_PKG_VERSION").to_owned()),
        ("model", target.hash()),
        ("seed", seed.to_string()),
        ("sampler", sampler.to_owned()),
    ]
}

pub(super) struct Pictures<'a> {
    pub target: &'a Target,
    pub samples: &'a [f32],
    pub trajectory: &'a [(f64, Vec<f32>)],
    pub denoised: &'a Denoised,
    pub metrics: &'a [Row],
}

impl Pictures<'_> {
    /// Writes samples.png, denoised.png, trajectory.png and loss.png.
    pub fn save(&self, out: &Path, metadata: &[(&'static str, String)]) -> Result<Vec<PathBuf>> {
        let pairs: Vec<(&str, &str)> = metadata.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let d = self.target.score().dim();
        let samples = grid(&Images::new(&self.samples[..GRID * d], self.shape(GRID))?, Some(20))?;
        let named = [
            ("samples.png", samples),
            ("denoised.png", self.denoising()?),
            ("trajectory.png", self.path()?),
            ("loss.png", self.loss()?),
        ];
        named
            .into_iter()
            .map(|(name, picture)| {
                let path = out.join(name);
                picture.save(&path, &pairs)?;
                Ok(path)
            })
            .collect()
    }

    fn shape(&self, n: usize) -> [usize; 4] {
        match self.target.event().dims()[..] {
            [c, h, w] => [n, c, h, w],
            _ => [n, 1, 1, self.target.score().dim()],
        }
    }

    fn few<'v>(&self, values: &'v [f32]) -> Result<Images<'v>> {
        let n = STRIP * self.target.score().dim();
        Images::new(&values[..n.min(values.len())], self.shape(STRIP))
    }

    fn denoising(&self) -> Result<crate::plot::Picture> {
        let (d, Denoised { clean, noisy, denoised }) = (self.target.score().dim(), self.denoised);
        let notes = |images: &[f32]| -> Vec<String> {
            let of = images.chunks(d).zip(clean.chunks(d)).take(STRIP);
            of.map(|(image, clean)| format!("{:.1} dB", psnr(image, clean))).collect()
        };
        let (noisy_notes, denoised_notes) = (notes(noisy), notes(denoised));
        strip(&Strip {
            title: "Cleaning noisy digits",
            caption: &format!(
                "Held-out digits, the same with noise of σ = {SIGMA}, and the model's best guess of the clean one, \
                               each with its peak signal-to-noise ratio: higher is closer to the clean image."
            ),
            columns: &[],
            rows: &[
                StripRow { label: "clean", images: self.few(clean)?, notes: &[] },
                StripRow { label: "noisy", images: self.few(noisy)?, notes: &noisy_notes },
                StripRow { label: "denoised", images: self.few(denoised)?, notes: &denoised_notes },
            ],
        })
    }

    /// Noise turning into digits, each moment shown shrunk to the data's scale.
    fn path(&self) -> Result<crate::plot::Picture> {
        let d = self.target.score().dim();
        let crate::sample::Start::Normal { mean, sigma_data } = self.target.start() else {
            unreachable!("a model starts from a normal distribution")
        };
        // Far above the data's own spread there is nothing to see yet, far below it nothing more: the moments lie between, and the end.
        let last = self.trajectory.len() - 1;
        let below = |factor: f64| self.trajectory.iter().position(|(sigma, _)| *sigma < factor * f64::from(sigma_data));
        let (begin, end) = (below(8.0).unwrap_or(0), below(0.05).unwrap_or(last));
        let between = (0..MOMENTS - 1).map(|i| begin + (end - begin) * i / (MOMENTS - 2));
        let chosen: Vec<usize> = between.chain([last]).collect();
        let mut images = vec![Vec::new(); PATHS];
        let mut columns = Vec::new();
        for at in chosen {
            let (sigma, points) = &self.trajectory[at];
            let shrink = sigma_data / (f64::from(sigma_data).hypot(*sigma) as f32);
            columns.push(format!("σ = {}", number(format!("{sigma:.1e}").parse().unwrap_or(*sigma))));
            for (row, point) in images.iter_mut().zip(points.chunks(d)) {
                row.extend(point.iter().zip(&mean).map(|(x, m)| m + shrink * (x - m)));
            }
        }
        let rows: Result<Vec<StripRow<'_>>> = images
            .iter()
            .map(|row| Ok(StripRow { label: "", images: Images::new(row, self.shape(MOMENTS))?, notes: &[] }))
            .collect();
        strip(&Strip {
            title: "Noise turning into digits",
            caption: "Five samples on their way down the noise levels, each moment shrunk to the data's contrast.",
            columns: &columns,
            rows: &rows?,
        })
    }

    fn loss(&self) -> Result<crate::plot::Picture> {
        let points: Vec<(f64, f64)> = self.metrics.iter().filter_map(|r| Some((r.step as f64, r.number("loss")?))).collect();
        curve(&Curve {
            title: "Training loss",
            caption: "Denoising score matching, weighted; its floor is not 0: it is what the noise hides.",
            series: &[Series { name: "loss", points: &points }],
            x_label: "step",
            y_label: "loss",
        })
    }
}
