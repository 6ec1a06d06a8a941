//! One error type for the library: what was wrong, where, and what would be right.
//!
//! Every variant carries fields rather than a sentence, so that a program can branch on them and the command can print one clear
//! line. [`Error::exit_code`] is the command's exit code: 2 for bad use (arguments, files, recipes, places that cannot be written),
//! 1 for work that failed, 130 for an interruption.

use std::fmt;
use std::path::{Path, PathBuf};

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong in scorefield.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting outside its range, an unknown name, a request that contradicts another.
    #[error("{what}: expected {expected}, got {got}")]
    Setting {
        /// The setting, as the user wrote it (`--sigma`, `schedule.sigma_min`).
        what: String,
        /// What would have been right.
        expected: String,
        /// What was given.
        got: String,
        /// What to do about it, if there is something short to say.
        hint: Option<String>,
    },
    /// A setting that is wrong or unknown, with the place where it was given: a recipe's line, a variable, a flag.
    #[error("{problem} ({place})")]
    Recipe {
        /// What is wrong, with the value found ("sigma must be positive, got -0.5").
        problem: String,
        /// Where it was given ("recipe.toml, line 7: schedule.sigma", "SCOREFIELD_LR", "--lr").
        place: String,
        /// The nearest right name, or what to do.
        hint: Option<String>,
    },
    /// A file or folder whose content is not what its place in the program requires.
    #[error("{}{}: {problem}", .path.display(), Place(.place))]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Where inside it: "row 7, column price", "byte 16", "line 3".
        place: Option<String>,
        /// What is wrong there, with what was expected and found.
        problem: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A data set that is in none of the places searched and could not be fetched.
    #[error("{name}: no data found; put {} into {} or name the folder with --data-dir", .files.join(", "), .folder.display())]
    MissingData {
        /// The data set's name.
        name: String,
        /// The files that would be read, as published.
        files: Vec<String>,
        /// The folder they would be looked for in.
        folder: PathBuf,
        /// Why the download did not help, if one was tried.
        hint: Option<String>,
    },
    /// A place that cannot be written: no permission, a full disk, a parent that is a file.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// Work that was well asked for and failed: a loss or a sample that is no longer finite.
    #[error("{what}: {problem}")]
    Failed {
        /// What was being done ("training, step 1200").
        what: String,
        /// What happened.
        problem: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The user asked to stop; everything so far is saved.
    #[error("interrupted: {saved}")]
    Interrupted {
        /// What was saved and how to go on.
        saved: String,
    },
}

struct Place<'a>(&'a Option<String>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

impl Error {
    /// A setting that is wrong: what it is, what was expected, what was given.
    pub fn setting(what: impl Into<String>, expected: impl Into<String>, got: impl fmt::Display) -> Self {
        Self::Setting { what: what.into(), expected: expected.into(), got: got.to_string(), hint: None }
    }

    /// A setting that is wrong, and where it was given.
    pub fn recipe(problem: impl Into<String>, place: impl Into<String>) -> Self {
        Self::Recipe { problem: problem.into(), place: place.into(), hint: None }
    }

    /// A file whose content is wrong as a whole.
    pub fn file(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::File { path: path.as_ref().to_path_buf(), place: None, problem: problem.into(), hint: None }
    }

    /// A file whose content is wrong at one place.
    pub fn file_at(path: impl AsRef<Path>, place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::File { path: path.as_ref().to_path_buf(), place: Some(place.into()), problem: problem.into(), hint: None }
    }

    /// A file that could not be opened or read.
    pub fn read(path: impl AsRef<Path>, source: &std::io::Error) -> Self {
        Self::file(path, format!("cannot read: {source}"))
    }

    /// A place that could not be written.
    pub fn write(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Write { path: path.as_ref().to_path_buf(), source }
    }

    /// Work that failed.
    pub fn failed(what: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Failed { what: what.into(), problem: problem.into(), hint: None }
    }

    /// The same error with advice (no effect on variants that carry none).
    pub fn with_hint(mut self, advice: impl Into<String>) -> Self {
        if let Self::Setting { hint, .. }
        | Self::Recipe { hint, .. }
        | Self::File { hint, .. }
        | Self::MissingData { hint, .. }
        | Self::Failed { hint, .. } = &mut self
        {
            *hint = Some(advice.into());
        }
        self
    }

    /// The variant's name in `--json` output.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Setting { .. } => "setting",
            Self::Recipe { .. } => "recipe",
            Self::File { .. } => "file",
            Self::MissingData { .. } => "missing-data",
            Self::Write { .. } => "write",
            Self::Failed { .. } => "failed",
            Self::Interrupted { .. } => "interrupted",
        }
    }

    /// Advice, where there is some.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Setting { hint, .. }
            | Self::Recipe { hint, .. }
            | Self::File { hint, .. }
            | Self::MissingData { hint, .. }
            | Self::Failed { hint, .. } => hint.as_deref(),
            Self::Write { .. } | Self::Interrupted { .. } => None,
        }
    }

    /// The command's exit code: 2 bad use, 1 failed, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed { .. } => 1,
            Self::Interrupted { .. } => 130,
            _ => 2,
        }
    }
}
