//! Pictures as data that a page can carry inside itself.

use crate::error::{Error, Result};
use base64::Engine;
use std::path::Path;

/// A PNG or SVG picture, ready to be embedded.
///
/// An SVG is embedded as an image, not as markup: its identifiers then cannot collide with another picture's.
#[derive(Clone, Debug)]
pub struct Image {
    uri: String,
}

impl Image {
    /// From a PNG file's bytes.
    ///
    /// # Errors
    /// `Failed` if the bytes do not begin as a PNG.
    pub fn png(bytes: &[u8]) -> Result<Self> {
        if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Err(Error::failed("embedding a picture", "the bytes are not a PNG"));
        }
        Ok(Self::embed("image/png", bytes))
    }

    /// From SVG text.
    ///
    /// # Errors
    /// `Failed` if the text is not well-formed XML with an `svg` root.
    pub fn svg(text: &str) -> Result<Self> {
        let failed = |problem: String| Error::failed("embedding a picture", problem);
        let document = roxmltree::Document::parse(text).map_err(|e| failed(format!("not an SVG: {e}")))?;
        if document.root_element().tag_name().name() != "svg" {
            return Err(failed("not an SVG: the root is another element".to_owned()));
        }
        Ok(Self::embed("image/svg+xml", text.as_bytes()))
    }

    /// From a .png or .svg file.
    ///
    /// # Errors
    /// `File` if it cannot be read or is not what its extension says; `Setting` for another extension.
    pub fn open(path: &Path) -> Result<Self> {
        let read = || std::fs::read(path).map_err(|e| Error::read(path, &e));
        let broken = |e: Error| Error::file(path, e.to_string());
        match path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).as_deref() {
            Some("png") => Self::png(&read()?).map_err(broken),
            Some("svg") => Self::svg(&String::from_utf8_lossy(&read()?)).map_err(broken),
            _ => Err(Error::setting("picture file", "a name ending in .png or .svg", path.display())),
        }
    }

    fn embed(kind: &str, bytes: &[u8]) -> Self {
        Self { uri: format!("data:{kind};base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes)) }
    }

    pub(super) fn uri(&self) -> &str {
        &self.uri
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_are_embedded() {
        assert!(Image::png(b"GIF89a").is_err());
        assert!(Image::svg("<html/>").is_err());
        assert!(Image::svg("<svg><g></svg>").is_err());
        assert!(Image::open(Path::new("picture.jpg")).is_err());
        assert!(Image::open(Path::new("no-such-picture.png")).is_err());
    }
}
