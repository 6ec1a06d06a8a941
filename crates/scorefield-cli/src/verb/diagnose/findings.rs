//! What a diagnosis found, told three times: as text, as fields, and as a folder with a report and its pictures.

use std::path::{Path, PathBuf};

use scorefield::atomic::atomic_write;
use scorefield::error::{Error, Result};
use scorefield::plot::Picture;
use scorefield::report::{Image, Report};
use serde::Serialize;

use crate::output::{Answer, document};
use crate::session::Session;
use scorefield::words;

/// See the head of this file.
pub struct Findings {
    out: PathBuf,
    report: Report,
    answer: Answer,
    pictures: Vec<(String, Vec<u8>)>,
}

impl Findings {
    /// A diagnosis that will be in the folder `out`.
    ///
    /// # Errors
    /// A place that is a file.
    pub fn new(diagnosis: &str, subject: &str, out: Option<&Path>) -> Result<Self> {
        let out = out.map_or_else(|| Path::new("scorefield-diagnose").join(diagnosis), Path::to_path_buf);
        if out.exists() && !out.is_dir() {
            return Err(Error::write(&out, std::io::ErrorKind::NotADirectory.into()));
        }
        let report = Report::new(&format!("Diagnosis: {diagnosis} of {subject}"));
        let answer = Answer::default().with("diagnosis", diagnosis).with("subject", subject);
        Ok(Self { out, report, answer, pictures: Vec::new() })
    }

    /// Begins a part.
    pub fn section(&mut self, title: &str) {
        self.report.section(title);
        if !self.answer.text.is_empty() {
            self.answer.text.push('\n');
        }
        self.answer.text += &format!("{title}\n");
    }

    /// A sentence or more.
    pub fn say(&mut self, text: &str) {
        self.report.text(text);
        self.answer.text += &format!("{text}\n");
    }

    /// A table with a heading.
    pub fn table(&mut self, header: &[&str], rows: &[Vec<String>]) {
        self.report.table(header, rows);
        let head = header.iter().map(|h| (*h).to_owned()).collect();
        self.answer.text += &words::table(&[&[head], rows].concat());
    }

    /// A picture, which will be `name` in the folder.
    ///
    /// # Errors
    /// A picture that is too large.
    pub fn picture(&mut self, name: &str, picture: &Picture) -> Result<()> {
        let bytes = picture.png(&[("scorefield", env!("CARGO_PKG_VERSION"))])?;
        // Title and caption are drawn in the picture itself.
        self.report.figure(&Image::png(&bytes)?, &format!("{}. {}", picture.title(), picture.caption()), "");
        self.answer.text += &format!("{name}: {}\n", picture.title());
        self.pictures.push((name.to_owned(), bytes));
        Ok(())
    }

    /// A field of the document.
    pub fn field(&mut self, name: &str, value: impl Serialize) {
        self.answer = std::mem::take(&mut self.answer).with(name, value);
    }

    /// Writes the folder: pictures first, then the document, the report last.
    ///
    /// # Errors
    /// A place that cannot be written.
    pub fn finish(self, session: &Session) -> Result<Answer> {
        let Self { out, report, pictures, answer } = self;
        std::fs::create_dir_all(&out).map_err(|e| Error::write(&out, e))?;
        let mut written = Vec::new();
        for (name, bytes) in pictures {
            atomic_write(out.join(&name), &bytes)?;
            written.push(out.join(name));
        }
        let (page, found) = (out.join("report.html"), out.join("diagnosis.json"));
        let mut answer = answer.with("out", &out).with("report", &page).with("pictures", written);
        atomic_write(&found, format!("{}\n", document(&answer, "diagnose", session)).as_bytes())?;
        report.save(&page)?;
        answer.text += &format!("\nopen {} in a browser\n", page.display());
        Ok(answer)
    }
}

/// "2.03 ± 0.04 (95%: 1.95 to 2.11)".
pub fn with_interval(value: f64, standard_error: f64, [low, high]: [f64; 2]) -> String {
    let [value, error, low, high] = [value, standard_error, low, high].map(words::number);
    format!("{value} ± {error} (95%: {low} to {high})")
}
