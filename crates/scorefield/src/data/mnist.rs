//! MNIST and Fashion-MNIST: four IDX files; the published test part is held out.
//!
//! The sizes and SHA-256 are those that TensorFlow Datasets publishes for the same files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::element::Element;
use super::fetch::Remote;
use super::fingerprint::Fingerprint;
use super::idx;
use super::open::{Dataset, Options, Origin};
use super::published::{self, Places, Wanted};
use super::rows::{Levels, Rows};
use super::source::Source;
use crate::error::{Error, Result};

/// A data set in MNIST's four files.
pub(super) struct Family {
    pub name: &'static str,
    base: &'static str,
    files: [(u64, &'static str); 4],
}

const STEMS: [[&str; 2]; 4] =
    [["train-images", "idx3"], ["train-labels", "idx1"], ["t10k-images", "idx3"], ["t10k-labels", "idx1"]];

pub(super) const FAMILIES: [Family; 2] = [
    Family {
        name: "mnist",
        base: "https://storage.googleapis.com/cvdf-datasets/mnist",
        files: [
            (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ],
    },
    Family {
        name: "fashion-mnist",
        base: "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        files: [
            (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ],
    },
];

impl Family {
    pub fn open(&self, options: &Options, places: &Places) -> Result<Dataset> {
        let download = |folder: &Path| published::download_each(&self.remotes(places), folder);
        let paths = published::locate(&Wanted { name: self.name, files: spellings(), download: &download }, options, places)?;
        self.check_family(&paths[0])?;
        let levels = Levels { top: 255, dequantise: options.dequantise.of_bytes() };
        let part = |images: &PathBuf, labels: &PathBuf| -> Result<Arc<dyn Source>> {
            let (store, event) = idx::images(images, options.memory_limit)?;
            let mut rows = Rows::new(store, Element::U8, event);
            rows.levels = Some(levels);
            rows.labels = Some(idx::labels(labels, rows.len().unwrap_or_default())?);
            Ok(Arc::new(rows))
        };
        let (train, held_out) = (part(&paths[0], &paths[1])?, part(&paths[2], &paths[3])?);
        if train.event() != held_out.event() {
            let problem = format!("images of shape {}, those to train on have {}", held_out.event(), train.event());
            return Err(Error::file(&paths[2], problem));
        }
        let fingerprint = paths.iter().try_fold(Fingerprint::new("idx"), |f, path| f.file(path))?;
        let split = "The published test part is held out.".to_string();
        Ok(Dataset {
            name: self.name.to_string(),
            train,
            held_out,
            origin: Origin::Images,
            columns: None,
            fingerprint: fingerprint.finish(),
            dequantised: levels.dequantise,
            note: vec![split, levels.note()],
        })
    }

    /// Refuses the files of the other family, which have the same names and the same shape.
    fn check_family(&self, images: &Path) -> Result<()> {
        let len = std::fs::metadata(images).map_err(|e| Error::read(images, &e))?.len();
        match FAMILIES.iter().find(|other| other.files[0].0 == len && other.name != self.name) {
            Some(other) => {
                let problem = format!("this is the file of {}, not of {}", other.name, self.name);
                Err(Error::file(images, problem).with_hint(format!("put the files of {0} into a folder named {0}", self.name)))
            }
            None => Ok(()),
        }
    }

    fn remotes(&self, places: &Places) -> Vec<(&'static str, Remote)> {
        const NAMES: [&str; 4] = [
            "train-images-idx3-ubyte.gz",
            "train-labels-idx1-ubyte.gz",
            "t10k-images-idx3-ubyte.gz",
            "t10k-labels-idx1-ubyte.gz",
        ];
        let remote = |(name, (bytes, sha256)): (&'static str, (u64, &str))| {
            (name, Remote { url: places.url(self.name, self.base, name), bytes, sha256: sha256.to_string() })
        };
        NAMES.into_iter().zip(self.files).map(remote).collect()
    }
}

/// Each file's names: as published, inflated, and with the dot that some copies have.
fn spellings() -> Vec<Vec<String>> {
    let names = |[stem, idx]: [&str; 2]| {
        ["-", "."].iter().flat_map(|dot| [".gz", ""].map(|end| format!("{stem}{dot}{idx}-ubyte{end}"))).collect()
    };
    STEMS.into_iter().map(names).collect()
}
