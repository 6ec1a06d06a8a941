//! Files that appear complete or not at all, and the metadata read back from a picture.

use super::svg::METADATA_NAMESPACE;
use crate::error::{Error, Result};
use std::fs;
use std::path::Path;

/// The picture formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Png,
    Svg,
}

impl Format {
    /// By the extension, in either case.
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).as_deref() {
            Some("png") => Ok(Self::Png),
            Some("svg") => Ok(Self::Svg),
            _ => Err(Error::setting("picture file", "a name ending in .png or .svg", path.display())),
        }
    }
}

/// Metadata keys have to be valid PNG keywords in both formats: 1–79 printable ASCII characters, no space at either end.
pub(super) fn check_metadata(metadata: &[(&str, &str)]) -> Result<()> {
    for (key, value) in metadata {
        let printable = key.bytes().all(|b| (b' '..=b'~').contains(&b)) && key.trim() == *key;
        if key.is_empty() || key.len() > 79 || !printable {
            return Err(Error::setting("metadata key", "1 to 79 printable ASCII characters", format!("{key:?}")));
        }
        if value.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            return Err(Error::setting(format!("metadata {key}"), "text without control characters", format!("{value:?}")));
        }
    }
    Ok(())
}

/// The key–value pairs that [`Picture::save`](super::Picture::save) wrote into a PNG or SVG file, in the file's order.
///
/// # Errors
/// `Setting` for another extension, `File` for a file that cannot be read or is no such picture.
pub fn metadata(path: &Path) -> Result<Vec<(String, String)>> {
    let format = Format::of(path)?;
    let bytes = fs::read(path).map_err(|e| Error::read(path, &e))?;
    match format {
        Format::Png => png_metadata(&bytes).map_err(|e| Error::file(path, format!("not a readable PNG: {e}"))),
        Format::Svg => {
            let text = String::from_utf8(bytes).map_err(|_| Error::file(path, "not an SVG: not UTF-8 text"))?;
            svg_metadata(&text).map_err(|e| Error::file(path, format!("not a readable SVG: {e}")))
        }
    }
}

fn png_metadata(bytes: &[u8]) -> Result<Vec<(String, String)>, png::DecodingError> {
    let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info()?;
    let info = reader.info();
    let plain = info.uncompressed_latin1_text.iter().map(|t| (t.keyword.clone(), t.text.clone()));
    let mut pairs: Vec<_> = plain.collect();
    for chunk in &info.utf8_text {
        pairs.push((chunk.keyword.clone(), chunk.get_text()?));
    }
    Ok(pairs)
}

fn svg_metadata(text: &str) -> Result<Vec<(String, String)>, roxmltree::Error> {
    let document = roxmltree::Document::parse(text)?;
    let entries = document.descendants().filter(|node| node.has_tag_name((METADATA_NAMESPACE, "entry")));
    Ok(entries.map(|e| (e.attribute("key").unwrap_or("").to_owned(), e.text().unwrap_or("").to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Images, Picture, grid};

    /// A folder of this test's own, removed at its end.
    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("scorefield-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn picture() -> Picture {
        grid(&Images::new(&[0.0, 0.5, 1.0, 0.2], [1, 1, 2, 2]).unwrap(), None).unwrap()
    }

    #[test]
    fn metadata_comes_back_from_both_formats_as_it_was_given() {
        let folder = Folder::new("metadata");
        let pairs = [("recipe", "steps = 10\n[net]\nname = \"mlp\" # <&>"), ("seed", "7"), ("note", "σ = 0.3")];
        for name in ["a.png", "b.SVG"] {
            let path = folder.0.join(name);
            picture().save(&path, &pairs).unwrap();
            let read = metadata(&path).unwrap();
            assert_eq!(read, pairs.map(|(k, v)| (k.to_owned(), v.to_owned())), "{name}");
        }
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2, "temporary files were left behind");
    }

    #[test]
    fn the_same_input_gives_the_same_bytes() {
        let pairs = [("seed", "7")];
        assert_eq!(picture().png(&pairs).unwrap(), picture().png(&pairs).unwrap());
        assert_eq!(picture().svg(&pairs).unwrap(), picture().svg(&pairs).unwrap());
    }

    #[test]
    fn other_extensions_and_bad_keys_are_settings_errors_and_leave_no_file() {
        let folder = Folder::new("extensions");
        for name in ["a.jpg", "a", "png"] {
            let error = picture().save(&folder.0.join(name), &[]).unwrap_err();
            assert_eq!(error.kind(), "setting");
        }
        for key in ["", " a", "σ"] {
            assert_eq!(picture().save(&folder.0.join("a.png"), &[(key, "v")]).unwrap_err().kind(), "setting");
        }
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_a_write_error() {
        let folder = Folder::new("nowhere");
        let error = picture().save(&folder.0.join("missing").join("a.png"), &[]).unwrap_err();
        assert_eq!(error.kind(), "write");
        fs::create_dir(folder.0.join("taken.png")).unwrap();
        assert_eq!(picture().save(&folder.0.join("taken.png"), &[]).unwrap_err().kind(), "write");
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "the temporary file was left behind");
    }

    #[test]
    fn files_that_are_no_pictures_are_file_errors() {
        let folder = Folder::new("broken");
        for name in ["a.png", "a.svg"] {
            let path = folder.0.join(name);
            fs::write(&path, b"<svg \xff").unwrap();
            assert_eq!(metadata(&path).unwrap_err().kind(), "file");
        }
    }
}
