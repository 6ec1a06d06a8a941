//! A finished picture: saved as PNG or SVG, or handed on as bytes.

use super::save::{Format, check_metadata};
use super::scene::Scene;
use super::{raster, svg};
use crate::atomic::atomic_write;
use crate::error::Result;
use std::path::Path;

/// A picture that is drawn but has no format yet.
#[derive(Clone, Debug)]
pub struct Picture {
    pub(super) scene: Scene,
    /// Device pixels of the PNG per scene unit.
    pub(super) scale: u32,
    pub(super) title: String,
    pub(super) caption: String,
}

impl Picture {
    /// The title, in one line.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What to see, with whatever was left out of the picture and counted.
    pub fn caption(&self) -> &str {
        &self.caption
    }

    /// The same without title and caption, for a page that sets them as text.
    pub fn without_heading(mut self) -> Self {
        let (marks, height) = std::mem::take(&mut self.scene.heading);
        self.scene.marks.drain(..marks);
        self.scene.marks.iter_mut().for_each(|mark| mark.lower(-height));
        self.scene.height -= height;
        self
    }

    /// Width and height of the PNG, in pixels.
    pub fn size(&self) -> (u32, u32) {
        let pixels = |v: f32| (v * self.scale as f32).round() as u32;
        (pixels(self.scene.width), pixels(self.scene.height))
    }

    /// The picture as a PNG file's bytes. `metadata` pairs (recipe, model hash, seed, …) become text chunks.
    ///
    /// # Errors
    /// `Setting` for a metadata key that is not 1–79 printable ASCII characters, or a picture over 60 million pixels.
    pub fn png(&self, metadata: &[(&str, &str)]) -> Result<Vec<u8>> {
        check_metadata(metadata)?;
        raster::png_of_pixmap(&raster::draw(&self.scene, self.scale as f32)?, metadata)
    }

    /// The picture as SVG text, the metadata in its `<metadata>` element.
    ///
    /// # Errors
    /// As [`Picture::png`].
    pub fn svg(&self, metadata: &[(&str, &str)]) -> Result<String> {
        check_metadata(metadata)?;
        svg::document(&self.scene, &self.title, &self.caption, metadata)
    }

    /// Writes the picture, PNG or SVG by the path's extension; the file appears complete or not at all.
    ///
    /// # Errors
    /// `Setting` for another extension and as [`Picture::png`]; `Write` if the place cannot be written.
    pub fn save(&self, path: &Path, metadata: &[(&str, &str)]) -> Result<()> {
        match Format::of(path)? {
            Format::Png => atomic_write(path, &self.png(metadata)?),
            Format::Svg => atomic_write(path, self.svg(metadata)?.as_bytes()),
        }
    }
}
