//! Reading a recipe file: TOML with the line of every setting, and the nearest right name for a wrong one.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::misfit::{unknown, wrong_type};
use super::settings::{SECTIONS, SETTINGS, Setting};
use super::typed::from_toml;
use super::value::Value;
use crate::error::{Error, Result};

/// The largest recipe file that is read, in bytes.
pub const MAX_RECIPE_BYTES: u64 = 1 << 20;

/// One setting as a file gives it.
pub(super) struct Given {
    pub setting: &'static Setting,
    pub value: Value,
    pub line: usize,
}

/// Reads a recipe file.
///
/// # Errors
/// As [`read_text`]; a file that is not TOML (with line and column), an unknown section or key, a value of the wrong type.
pub(super) fn read(path: &Path) -> Result<Vec<Given>> {
    parse(path, &read_text(path)?)
}

/// Reads a small text file.
///
/// # Errors
/// A file that cannot be read, is too large or is not UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| Error::read(path, &e))?;
    file.take(MAX_RECIPE_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::read(path, &e))?;
    if bytes.len() as u64 > MAX_RECIPE_BYTES {
        return Err(Error::file(path, format!("larger than {MAX_RECIPE_BYTES} bytes: these are no settings")));
    }
    String::from_utf8(bytes).map_err(|e| {
        let good = String::from_utf8_lossy(&e.as_bytes()[..e.utf8_error().valid_up_to()]);
        Error::file_at(path, line_and_column(&good, good.len()), "not UTF-8 text")
    })
}

/// Parses a recipe; `path` is only named in errors.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Given>> {
    let table = DeTable::parse(text).map_err(|e| {
        let problem = e.message().lines().collect::<Vec<_>>().join("; ");
        match e.span() {
            Some(span) => Error::file_at(path, line_and_column(text, span.start), problem),
            None => Error::file(path, problem),
        }
    })?;
    let source = Source { path, text };
    let mut given = Vec::new();
    for (name, value) in table.get_ref() {
        let section = name.get_ref().as_ref();
        if !SECTIONS.iter().any(|(known, _)| *known == section) {
            given.push(source.setting("", name, value)?);
            continue;
        }
        let DeValue::Table(inner) = value.get_ref() else {
            let place = source.place(name.span().start);
            return Err(Error::recipe(format!("{section} is a section: write [{section}] and its settings below it"), place));
        };
        for (name, value) in inner {
            given.push(source.setting(section, name, value)?);
        }
    }
    Ok(given)
}

struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn setting(&self, section: &str, name: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>) -> Result<Given> {
        let start = name.span().start;
        let bare = name.get_ref().as_ref();
        let Some(setting) = SETTINGS.iter().find(|s| s.section() == section && s.name() == bare) else {
            let is_table = value.get_ref().is_table();
            return Err(unknown(section, bare, is_table, self.place(start)));
        };
        let value = from_toml(setting, value.get_ref()).ok_or_else(|| {
            let got = self.text.get(value.span()).and_then(|v| v.lines().next()).unwrap_or_default();
            let got: String = got.chars().take(60).collect();
            let place = format!("{}: {}", self.place(start), setting.key);
            wrong_type(setting, &got, place)
        })?;
        Ok(Given { setting, value, line: line_and_column_of(self.text, start).0 })
    }

    fn place(&self, offset: usize) -> String {
        format!("{}, line {}", self.path.display(), line_and_column_of(self.text, offset).0)
    }
}

fn line_and_column(text: &str, offset: usize) -> String {
    let (line, column) = line_and_column_of(text, offset);
    format!("line {line}, column {column}")
}

/// Line and column of a byte offset, both counted from 1, the column in characters.
fn line_and_column_of(text: &str, offset: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let line = 1 + before.iter().filter(|b| **b == b'\n').count();
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    (line, 1 + String::from_utf8_lossy(&before[start..]).chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> (String, String) {
        let Err(error) = parse(Path::new("recipe.toml"), text) else { panic!("accepted: {text}") };
        (error.to_string(), error.hint().unwrap_or_default().to_owned())
    }

    #[test]
    fn a_misspelt_key_names_the_nearest_right_one_with_file_and_line() {
        let (message, hint) = complaint("seed = 1\n\n[train]\nlr = 0.1\n\n\nstepz = 5\n");
        assert_eq!(message, "train.stepz is not a setting (recipe.toml, line 7)");
        assert_eq!(hint, "did you mean train.steps?");
    }

    #[test]
    fn a_key_in_the_wrong_section_names_the_right_section() {
        assert_eq!(complaint("[schedule]\nlr = 1").1, "did you mean train.lr?");
        assert_eq!(complaint("steps = 1").1, "did you mean train.steps?");
        assert_eq!(complaint("[train]\nseed = 1").1, "did you mean seed, at the top of the file?");
    }

    #[test]
    fn a_misspelt_section_names_the_nearest_right_one() {
        assert_eq!(
            complaint("[trian]\nlr = 1"),
            ("[trian] is not a section (recipe.toml, line 1)".into(), "did you mean [train]?".into())
        );
        assert!(complaint("train = 1").0.starts_with("train is a section"));
        assert!(complaint("[[train]]\nlr = 1").0.starts_with("train is a section"));
    }

    #[test]
    fn a_wrong_type_names_key_line_and_the_type_that_was_expected() {
        assert_eq!(
            complaint("[train]\nsteps = \"many\"").0,
            "steps must be a whole number, zero or more, got \"many\" (recipe.toml, line 2: train.steps)"
        );
        assert!(complaint("[train]\nsteps = -3").0.contains("got -3"));
        assert!(complaint("[train]\nsteps = 2.5").0.contains("whole number"));
        assert!(complaint("[train]\nema = [1, \"x\"]").0.contains("list of numbers"));
        assert!(complaint("[net]\nname = 3").0.contains("text in quotes"));
        let (message, hint) = complaint("[train]\ndecay = \"cosin\"");
        assert!(message.contains("one of cosine, constant"), "{message}");
        assert_eq!(hint, "did you mean cosine?");
    }

    #[test]
    fn broken_toml_is_reported_with_line_and_column() {
        assert!(complaint("seed = 1\n[train\n").0.starts_with("recipe.toml (line 2, column "));
        assert!(complaint("seed = 1\nseed = 2\n").0.starts_with("recipe.toml (line 2, column 1): "));
        assert!(complaint(&"[".repeat(10_000)).0.starts_with("recipe.toml"));
        assert!(complaint(&format!("seed = {}", "[".repeat(100_000))).0.starts_with("recipe.toml"));
    }

    #[test]
    fn bytes_that_are_not_text_and_files_too_large_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.toml");
        std::fs::write(&path, b"seed = 1\nab\xff\n").unwrap();
        let message = read(&path).err().unwrap().to_string();
        assert!(message.ends_with("(line 2, column 3): not UTF-8 text"), "{message}");
        std::fs::write(&path, vec![b'\n'; MAX_RECIPE_BYTES as usize + 1]).unwrap();
        assert!(read(&path).err().unwrap().to_string().contains("larger than"));
        assert!(read(folder.path()).err().unwrap().to_string().contains("cannot read"));
    }

    #[test]
    fn numbers_are_read_in_every_spelling_that_toml_has() {
        let value = |text: &str| parse(Path::new("r"), text).unwrap().remove(0).value;
        assert_eq!(value("seed = 1_000"), Value::Count(1000));
        assert_eq!(value("seed = 0xff"), Value::Count(255));
        assert_eq!(value("train.lr = 1_0.5e-1_0"), Value::Number(10.5e-10));
        assert_eq!(value("train.lr = -1"), Value::Number(-1.0));
        assert_eq!(value("train = { ema = 5 }"), Value::Numbers(vec![5.0]));
    }
}
