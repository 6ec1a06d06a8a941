//! Where a setting's value came from.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from; the later variant wins over the earlier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// Worked out from the data or by the schedule, because nobody said anything; the words say how ("from the data").
    Derived(String),
    /// A line of a recipe file.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// An environment variable, by name.
    Variable(String),
    /// The command line, by flag.
    Flag(String),
}

impl Origin {
    /// A higher rank wins.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::Derived(_) => 1,
            Self::File { .. } => 2,
            Self::Variable(_) => 3,
            Self::Flag(_) => 4,
        }
    }

    /// The place as an error names it: "recipe.toml, line 7: schedule.sigma", "SCOREFIELD_SIGMA", "--sigma".
    pub(super) fn place_of(&self, key: &str) -> String {
        match self {
            Self::Default => format!("default: {key}"),
            Self::Derived(how) => format!("{how}: {key}"),
            Self::File { path, line } => format!("{}, line {line}: {key}", path.display()),
            Self::Variable(name) | Self::Flag(name) => name.clone(),
        }
    }
}

/// As `--explain-config` shows it: "default", "recipe.toml line 7", "SCOREFIELD_LR", "--lr".
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Derived(how) => f.write_str(how),
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}
