//! From what a user writes to a data set: the one place that knows every form.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::element::Element;
use super::fingerprint::Fingerprint;
use super::mnist::FAMILIES;
use super::published::Places;
use super::rows::{Levels, Rows};
use super::source::Source;
use super::toy::{self, TOYS, Toy};
use super::{cifar, columns, csv, digits, folder, npy, npz, parquet, split};
use crate::error::{Error, Result};
use crate::key::STREAM_VERSION;
use crate::registry::{lookup, nearest};

/// What kind of thing the points are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The digits inside the binary.
    Digits,
    /// Drawn from a formula.
    Synthetic,
    /// Pictures of 8 bits a channel.
    Images,
    /// A NumPy array.
    Array,
    /// A table with named columns.
    Table,
}

/// Whether integer levels are made continuous by adding uniform noise below one level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dequantise {
    /// Bytes are, the digits' 17 levels are not.
    #[default]
    Auto,
    /// (level + u) / (number of levels), u uniform in [0, 1).
    Uniform,
    /// level / (highest level).
    None,
}

impl Dequantise {
    /// The choice for bytes.
    pub(super) fn of_bytes(self) -> bool {
        self != Self::None
    }
}

/// How a data set is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where published data sets are looked for first.
    pub data_dir: Option<PathBuf>,
    /// The fraction of a finite source that is held out, in [0, 1); data sets with a published test part ignore it.
    pub held_out: f64,
    /// Chooses which rows are held out.
    pub split_seed: u64,
    /// Whether integer levels are made continuous.
    pub dequantise: Dequantise,
    /// The side to which the pictures of a folder are resized.
    pub size: Option<usize>,
    /// Bytes kept in memory; bigger sources are read from disk.
    pub memory_limit: u64,
    /// Never downloads.
    pub offline: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data_dir: None,
            held_out: 0.2,
            split_seed: 0,
            dequantise: Dequantise::Auto,
            size: None,
            memory_limit: 1 << 30,
            offline: false,
        }
    }
}

/// Rows to learn from, rows held out, and what a model card has to say about them.
#[derive(Clone)]
pub struct Dataset {
    /// A short name: `digits`, `toy:rings`, a file's name.
    pub name: String,
    /// The rows for training.
    pub train: Arc<dyn Source>,
    /// The rows that training never sees; there may be none.
    pub held_out: Arc<dyn Source>,
    /// What kind of thing the points are.
    pub origin: Origin,
    /// The names of a table's columns, `[d]`.
    pub columns: Option<Vec<String>>,
    /// Identifies the content: SHA-256 of all files up to 256 MiB; of what lies beyond, of 64 blocks a file with its size and time.
    pub fingerprint: String,
    /// Whether uniform noise was added to integer levels.
    pub dequantised: bool,
    /// Sentences for the model card: what was dropped, scaled, held out.
    pub note: Vec<String>,
}

impl std::fmt::Debug for Dataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Dataset({}, {} rows of {})",
            self.name,
            self.train.len().map_or("endless".into(), |n| n.to_string()),
            self.train.event()
        )
    }
}

/// One form of DATA, for help and `list`.
#[derive(Clone, Debug, Serialize)]
pub struct Form {
    /// What to write.
    pub form: String,
    /// What it means.
    pub meaning: String,
}

/// Every form that [`open()`] understands.
pub fn describe() -> Vec<Form> {
    let row = |form: &str, meaning: &str| Form { form: form.to_string(), meaning: meaning.to_string() };
    let mut forms = vec![row("digits", "1,797 real 8×8 handwritten digits, inside the program, in [0, 1]")];
    forms.extend(TOYS.iter().map(|toy| row(&format!("toy:{}", toy.name), toy.summary)));
    forms.extend([
        row("mnist", "60,000 handwritten digits of 28×28, with a test part of 10,000; found in --data-dir or downloaded"),
        row(
            "fashion-mnist",
            "60,000 pictures of clothes of 28×28, with a test part of 10,000; found in --data-dir or downloaded",
        ),
        row("cifar10", "50,000 colour pictures of 32×32, with a test part of 10,000; found in --data-dir or downloaded"),
        row("PATH.npy, PATH.npz[:ARRAY]", "a float32, float64 or uint8 array, [n, d] or [n, c, h, w]"),
        row("PATH.csv, PATH.tsv, PATH.parquet", "a table of numbers, one row a sample"),
        row("PATH/", "a folder of PNG and JPEG pictures of one size, or resized with --size"),
    ]);
    forms
}

/// Opens DATA: any form of [`describe`]. The densities (`density:…`) are not data and are the caller's.
///
/// # Errors
/// A form that is none, a file that is not what it should be (with the place in it), a published data set that is nowhere and
/// cannot be fetched, a setting out of range.
pub fn open(spec: &str, options: &Options) -> Result<Dataset> {
    open_from(spec, options, &Places::from_environment())
}

pub(super) fn open_from(spec: &str, options: &Options, places: &Places) -> Result<Dataset> {
    split::check(options.held_out)?;
    let path = Path::new(spec);
    let is_folder = !named(spec) && path.is_dir();
    if let Some(size) = options.size
        && !is_folder
    {
        return Err(Error::setting("--size", "a folder of pictures to resize", format!("{spec} with --size {size}")));
    }
    if is_folder {
        return open_folder(path, options);
    }
    if spec == "digits" {
        return open_digits(options);
    }
    if let Some(name) = spec.strip_prefix("toy:") {
        return open_toy(name, options);
    }
    if let Some(family) = FAMILIES.iter().find(|f| f.name == spec) {
        return family.open(options, places);
    }
    if spec == "cifar10" {
        return cifar::open(options, places);
    }
    open_file(spec, options)
}

fn named(spec: &str) -> bool {
    matches!(spec, "digits" | "cifar10") || spec.starts_with("toy:") || FAMILIES.iter().any(|f| f.name == spec)
}

fn open_digits(options: &Options) -> Result<Dataset> {
    let mut rows = digits::rows()?;
    let levels = Levels { top: digits::TOP, dequantise: options.dequantise == Dequantise::Uniform };
    rows.levels = Some(levels);
    let fingerprint = Fingerprint::new("digits").with(digits::PACKED).finish();
    let about = "UCI optical recognition of handwritten digits, test part (Alpaydin & Kaynak 1998, CC BY 4.0).";
    let note = vec![about.to_string(), levels.note()];
    finish("digits".into(), Arc::new(rows), Origin::Digits, None, fingerprint, levels.dequantise, note, options)
}

fn open_toy(name: &str, options: &Options) -> Result<Dataset> {
    let entry = lookup(TOYS, "toy", name)?;
    let versions = [toy::LAWS_VERSION.to_le_bytes(), STREAM_VERSION.to_le_bytes()].concat();
    let fingerprint = Fingerprint::new("toy").with(entry.name).with(versions).finish();
    let note = vec![format!("{}: {} ({}).", entry.name, entry.formula, entry.source)];
    let name = format!("toy:{}", entry.name);
    finish(name, Arc::new(Toy::new(entry.value)), Origin::Synthetic, None, fingerprint, false, note, options)
}

fn open_folder(path: &Path, options: &Options) -> Result<Dataset> {
    let dequantise = options.dequantise.of_bytes();
    let opened = folder::open(path, options.size, dequantise, options.memory_limit)?;
    let fingerprint = opened.files.iter().try_fold(Fingerprint::new("folder"), |f, file| {
        f.with(file.file_name().unwrap_or_default().as_encoded_bytes()).file(file)
    })?;
    finish(file_name(path), opened.source, Origin::Images, None, fingerprint.finish(), dequantise, opened.note, options)
}

fn open_file(spec: &str, options: &Options) -> Result<Dataset> {
    let (file, array) = match spec.rsplit_once(".npz:") {
        Some((stem, array)) => (format!("{stem}.npz"), Some(array)),
        None => (spec.to_string(), None),
    };
    let path = Path::new(&file);
    let lower = file.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|end| lower.ends_with(end));
    let limit = options.memory_limit;
    let fingerprint = |kind: &str| Fingerprint::new(kind).file(path);
    if ends(&[".npy"]) {
        let (rows, header) = npy::open(path, limit)?;
        open_array(path, rows, header.note(), fingerprint("npy")?, options)
    } else if ends(&[".npz"]) {
        let (rows, header) = npz::open(path, array, limit)?;
        open_array(path, rows, header.note(), fingerprint("npz")?.with(array.unwrap_or_default()), options)
    } else if ends(&[".csv", ".tsv", ".csv.gz", ".tsv.gz"]) {
        open_table(path, csv::open(path, limit)?, fingerprint("csv")?, options)
    } else if ends(&[".parquet"]) {
        open_table(path, parquet::open(path, limit)?, fingerprint("parquet")?, options)
    } else {
        Err(unknown(spec))
    }
}

fn open_array(
    path: &Path,
    mut rows: Rows,
    doubt: Option<String>,
    fingerprint: Fingerprint,
    options: &Options,
) -> Result<Dataset> {
    let mut note: Vec<String> = doubt.into_iter().collect();
    let mut dequantised = false;
    if rows.element == Element::U8 {
        let levels = Levels { top: 255, dequantise: options.dequantise.of_bytes() };
        dequantised = levels.dequantise;
        note.push(levels.note());
        rows.levels = Some(levels);
    }
    finish(file_name(path), Arc::new(rows), Origin::Array, None, fingerprint.finish(), dequantised, note, options)
}

fn open_table(path: &Path, table: columns::Table, fingerprint: Fingerprint, options: &Options) -> Result<Dataset> {
    let (columns, rows) = (Some(table.columns), Arc::new(table.rows));
    finish(file_name(path), rows, Origin::Table, columns, fingerprint.finish(), false, Vec::new(), options)
}

#[expect(clippy::too_many_arguments, reason = "the fields of a data set, before the split")]
fn finish(
    name: String,
    source: Arc<dyn Source>,
    origin: Origin,
    columns: Option<Vec<String>>,
    fingerprint: String,
    dequantised: bool,
    mut note: Vec<String>,
    options: &Options,
) -> Result<Dataset> {
    let parts = split::split(source, options.held_out, options.split_seed)?;
    note.insert(0, parts.note);
    Ok(Dataset { name, train: parts.train, held_out: parts.held_out, origin, columns, fingerprint, dequantised, note })
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn unknown(spec: &str) -> Error {
    let forms: Vec<String> = describe().into_iter().map(|f| f.form).collect();
    if Path::new(spec).is_file() {
        return Error::file(spec, "expected a name that ends in .npy, .npz, .csv, .tsv or .parquet, or a folder of pictures");
    }
    let error = Error::setting(
        "DATA",
        "digits, toy:NAME, mnist, fashion-mnist, cifar10, or a file or folder that exists",
        format!("{spec:?}"),
    );
    match nearest(spec, forms.iter().map(String::as_str)) {
        Some(near) => error.with_hint(format!("did you mean {near}?")),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::all;
    use super::*;
    use crate::key::{Key, Purpose};

    const KEY: Key = Key::new(5, Purpose::Data);

    fn refusal(spec: &str, options: &Options) -> Error {
        open_from(spec, options, &Places::default()).unwrap_err()
    }

    #[test]
    fn digits_split_into_1437_and_360_with_labels_in_the_unit_interval() {
        let set = open("digits", &Options::default()).unwrap();
        assert_eq!((set.train.len(), set.held_out.len()), (Some(1437), Some(360)));
        assert_eq!(set.train.labels().map(<[u8]>::len), Some(1437));
        let rows = all(&*set.train, 2000, KEY).unwrap();
        assert!(rows.iter().all(|x| (x * 16.0).fract() == 0.0 && (0.0..=1.0).contains(x)));
        assert!(!set.dequantised);
        let uniform = open("digits", &Options { dequantise: Dequantise::Uniform, ..Options::default() }).unwrap();
        let noisy = all(&*uniform.train, 2000, KEY).unwrap();
        assert!(rows.iter().zip(&noisy).all(|(x, y)| (x * 16.0) == (y * 17.0).floor()));
        assert_eq!(set.fingerprint, uniform.fingerprint);
    }

    #[test]
    fn toys_are_endless_repeatable_and_held_out_far_away() {
        let set = open("toy:moons", &Options::default()).unwrap();
        assert_eq!((set.name.as_str(), set.train.len()), ("toy:two-moons", None));
        let rows = |source: &Arc<dyn Source>, key| all(&**source, 50, key).unwrap();
        assert_eq!(rows(&set.train, KEY), rows(&set.train, KEY.at(9)));
        assert_ne!(rows(&set.train, KEY), rows(&set.held_out, KEY));
        let mut later = [0.0; 2];
        set.train.fill(&[49], KEY, &mut later).unwrap();
        assert_eq!(rows(&set.train, KEY)[98..], later);
    }

    #[test]
    fn what_is_no_data_is_refused_with_the_nearest_name() {
        let options = Options::default();
        assert_eq!(refusal("digit", &options).hint(), Some("did you mean digits?"));
        assert_eq!(refusal("toy:rigns", &options).hint(), Some("did you mean rings?"));
        assert!(refusal("no/such.csv", &options).to_string().contains("cannot read"));
        assert!(refusal("density:mixture", &options).to_string().starts_with("DATA: expected"));
        assert!(refusal("digits", &Options { size: Some(8), ..Options::default() }).to_string().starts_with("--size"));
        assert!(refusal("digits", &Options { held_out: 1.5, ..Options::default() }).to_string().starts_with("held-out"));
        assert!(
            refusal("mnist", &Options { data_dir: Some("no/such".into()), ..Options::default() })
                .to_string()
                .contains("--data-dir")
        );
        assert!(describe().iter().any(|form| form.form == "toy:spirals"));
    }

    #[test]
    fn a_table_of_one_row_has_nothing_held_out_and_byte_arrays_are_dequantised() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("one.csv");
        std::fs::write(&path, "a;b\n1;2\n").unwrap();
        let set = open(path.to_str().unwrap(), &Options::default()).unwrap();
        assert_eq!((set.train.len(), set.held_out.len(), set.origin), (Some(1), Some(0), Origin::Table));
        assert_eq!(set.columns.unwrap(), ["a", "b"]);
        assert!(all(&*set.held_out, 5, KEY).unwrap().is_empty());
        let path = dir.path().join("bytes.npy");
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n";
        let bytes = [b"\x93NUMPY\x01\x00", &[header.len() as u8, 0][..], header.as_bytes(), &[0, 1, 2, 253, 254, 255]].concat();
        std::fs::write(&path, bytes).unwrap();
        let set = open(path.to_str().unwrap(), &Options { held_out: 0.0, ..Options::default() }).unwrap();
        assert!(set.dequantised && set.note[1].contains("(level + u) / 256"));
        let rows = all(&*set.train, 5, KEY).unwrap();
        assert_ne!(rows, all(&*set.train, 5, KEY.at(1)).unwrap());
    }
}
