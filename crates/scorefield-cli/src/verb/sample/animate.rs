//! `--animate`: the samples' way through the plane, as an animated picture.

use std::path::Path;
use std::sync::Arc;

use scorefield::atomic::atomic_write;
use scorefield::data::EventShape;
use scorefield::density::Exact;
use scorefield::diagnostic::chains::{Draws, Trace};
use scorefield::error::{Error, Result};
use scorefield::observe::Observer;
use scorefield::plot::{Backdrop, Film, Moment, film};
use scorefield::recipe::Target;
use scorefield::sample::{Kept, Sampler};

use super::Sample;
use crate::plane;
use crate::session::Session;
use crate::sink::check_place;
use scorefield::words;

/// Samples that are shown, and frames.
const SHOWN: usize = 1000;
const FRAMES: usize = 48;

impl Sample {
    /// Refuses a film of what has none, before the work.
    pub(super) fn check_film(&self, target: &Target) -> Result<()> {
        let Some(path) = &self.animate else { return Ok(()) };
        if target.event() != EventShape::Vector(2) {
            return Err(Error::setting(
                "--animate",
                "points in the plane",
                format!("{} of shape {}", self.target, target.event()),
            ));
        }
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        if !matches!(extension.as_deref(), Some("png" | "apng")) {
            return Err(Error::setting("--animate", "a name that ends in .png or .apng", path.display()));
        }
        check_place(path)
    }

    /// Watches the first samples at every step, where a film is wanted.
    pub(super) fn watch<'o>(&self, sampler: &dyn Sampler, d: usize, inner: &'o mut dyn Observer) -> Trace<'o> {
        let shown = if self.animate.is_some() { self.n.min(SHOWN) } else { 0 };
        Trace::of(SHOWN, Kept { after: 0, steps: sampler.steps() }, self.from, shown, d, inner)
    }
}

/// What a film is made of.
pub(super) struct Course<'a> {
    /// The samples at their steps.
    pub(super) draws: Draws,
    /// Steps between two of them, and the first.
    pub(super) steps: (usize, usize),
    /// What was sampled, and at what level it ended.
    pub(super) target: &'a Target,
    pub(super) exact: Option<Arc<dyn Exact>>,
    pub(super) sigma: f64,
    pub(super) sampler: &'static str,
}

impl Course<'_> {
    /// Writes the film.
    ///
    /// # Errors
    /// A place that cannot be written.
    pub(super) fn write(&self, path: &Path, session: &Session) -> Result<()> {
        let Draws { values, chains, draws, d } = &self.draws;
        let frames = (*draws).min(FRAMES);
        let moment = |k: usize| {
            // The last frame is the last draw.
            let t = (k + 1) * draws / frames - 1;
            let of_chain = |c: usize| &values[(c * draws + t) * d..][..*d];
            let mut points: Vec<f32> = (0..*chains).flat_map(of_chain).map(|x| *x as f32).collect();
            if let Some(map) = self.target.standardise() {
                map.invert(&mut points);
            }
            Moment { label: format!("step {}", words::count((self.steps.1 + t * self.steps.0) as u64)), points }
        };
        let moments: Vec<Moment> = (0..frames).map(moment).collect();
        let last = moments.last().map_or(&[][..], |m| &m.points);
        let exact = self.exact.as_deref();
        let field = exact.map(|density| plane::log_density(density, self.sigma, plane::range(last, Some((density, self.sigma)))));
        let [x_label, y_label] = plane::labels(self.target.columns());
        let lines = if field.is_some() { " Lines: the density that they should follow at the end." } else { "" };
        let bytes = film(
            &Film {
                title: &format!("{} on its way", self.sampler),
                caption: &format!("{} samples.{lines}", words::count(*chains as u64)),
                moments: &moments,
                backdrop: field.as_ref().map(Backdrop::Contours),
                x_label: &x_label,
                y_label: &y_label,
            },
            &[
                ("scorefield", env!("CARGO_PKG_VERSION")),
                ("model", &self.target.hash()),
                ("sampler", self.sampler),
                ("seed", &session.seed().to_string()),
            ],
        )?;
        atomic_write(path, &bytes)
    }
}
