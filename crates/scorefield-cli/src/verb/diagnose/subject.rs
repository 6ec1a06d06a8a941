//! What is diagnosed: data, or something with a score together with the data that it was learned from.

use std::path::Path;

use scorefield::data::{Dataset, Dequantise, EventShape, Options, Source, all};
use scorefield::error::Result;
use scorefield::key::{Key, Purpose};
use scorefield::recipe::{Target, open_data, open_source};

use crate::session::Session;
use crate::target::{self, Which};

/// Points of an endless source.
pub const ENDLESS: usize = 10_000;

/// Data, with a score or without.
pub struct Subject {
    pub target: Option<Target>,
    pub data: Dataset,
}

/// Whether a word on the command line is something with a score.
pub fn is_target(spec: &str) -> bool {
    spec.starts_with("density:") || Path::new(spec).join("recipe.toml").exists()
}

impl Subject {
    /// Opens a run folder, a density, or data. Levels of grey or colour stay as they are where the data are opened by themselves.
    ///
    /// # Errors
    /// As for each of these.
    pub fn open(spec: &str, which: Which, session: &Session) -> Result<Self> {
        let options = Options { held_out: 0.0, dequantise: Dequantise::None, ..session.data_options() };
        if !is_target(spec) {
            which.refuse(spec)?;
            let data = open_source(spec, &options).map_err(|e| {
                let silent = e.hint().is_none() && !Path::new(spec).exists();
                if silent { e.with_hint("a run folder and density:NAME are diagnosed too") } else { e }
            })?;
            return Ok(Self { target: None, data });
        }
        let target = target::open(spec, which, session)?;
        let data = match &target {
            Target::Trained(trained) => open_data(&trained.recipe)?,
            Target::Exact { .. } => open_source(spec, &options)?,
        };
        Ok(Self { target: Some(target), data })
    }

    /// The shape of a point.
    pub fn event(&self) -> &EventShape {
        self.data.train.event()
    }

    /// Numbers in a point.
    pub fn d(&self) -> usize {
        self.event().len()
    }

    /// Up to `most` points to learn from, in data units; of an endless source [`ENDLESS`] at most.
    ///
    /// # Errors
    /// A file that can no longer be read.
    pub fn points(&self, most: usize, session: &Session) -> Result<Vec<f32>> {
        rows(&*self.data.train, most, session)
    }

    /// Up to `most` points that training did not see, or of those it saw where none were held out; data units.
    ///
    /// # Errors
    /// A file that can no longer be read.
    pub fn unseen(&self, most: usize, session: &Session) -> Result<Vec<f32>> {
        let source = if self.data.held_out.is_empty() { &self.data.train } else { &self.data.held_out };
        rows(&**source, most, session)
    }
}

/// Up to `most` rows of a source.
pub fn rows(source: &dyn Source, most: usize, session: &Session) -> Result<Vec<f32>> {
    let most = if source.len().is_none() { most.min(ENDLESS) } else { most };
    all(source, most, Key::new(session.seed(), Purpose::Data))
}
