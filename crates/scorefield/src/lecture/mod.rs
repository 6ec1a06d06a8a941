//! The lecture that this project grew from (Ermon, CS236, lecture 13), claim by claim: each an experiment with its number and its picture.
//!
//! A claim is a row of [`CLAIMS`] and a file here. Its experiment answers with figures, each an expected value from theory beside the measured
//! one with its error, and with pictures; [`run`] writes them as a page for people and a document for programs. Each experiment can be run
//! alone, and gives the same numbers then.

mod claim;
mod counted;
mod denoising;
mod families;
mod implicit_cost;
mod langevin;
mod learn;
mod losses;
mod low_density;
mod manifold;
mod noise_levels;
mod normaliser;
mod page;
mod sliced;
mod slow_mixing;
mod stage;
mod tweedie;

pub use claim::{Claim, Evidence, Experiment, Figure, Measure, Panel, Relation, Shown};
pub use stage::{Effort, Stage};

use crate::atomic::atomic_write;
use crate::error::{Error, Result};
use crate::observe::Observer;
use crate::registry::{Entry, lookup};
use crate::tensor::{Device, device_name};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The claims, in the lecture's order.
pub static CLAIMS: &[Entry<Experiment>] = &[
    normaliser::ENTRY,
    implicit_cost::ENTRY,
    denoising::ENTRY,
    tweedie::ENTRY,
    sliced::ENTRY,
    langevin::ENTRY,
    manifold::ENTRY,
    low_density::ENTRY,
    slow_mixing::ENTRY,
    noise_levels::ENTRY,
    families::ENTRY,
];

/// What the lecture is asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder for the page, the document and the pictures.
    pub out: PathBuf,
    /// Names of claims; empty: all of them.
    pub only: Vec<String>,
    /// How much work.
    pub effort: Effort,
    /// Seed of everything random.
    pub seed: u64,
    /// The folder of published data sets, if one was named.
    pub data_dir: Option<PathBuf>,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Lecture {
    /// The folder.
    pub out: PathBuf,
    /// `report.html`.
    pub report: PathBuf,
    /// `claims.json`.
    pub document: PathBuf,
    /// How much work was done.
    pub effort: Effort,
    /// Claims whose every figure agrees.
    pub agreed: usize,
    /// Claims of which some figure does not.
    pub disagreed: usize,
    /// The claims.
    pub claims: Vec<Claim>,
}

/// `claims.json`.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    verb: &'static str,
    version: &'static str,
    seed: u64,
    device: String,
    effort: Effort,
    seconds: f64,
    agreed: usize,
    disagreed: usize,
    claims: &'a [Claim],
}

/// Does the experiments. Page and document are written anew after each, so that an interruption leaves what was done.
///
/// # Errors
/// A name that is no claim's, a folder that cannot be written, data that cannot be read, the observer's stop.
pub fn run(options: &Options, device: &Device, observer: &mut dyn Observer) -> Result<Lecture> {
    let begun = Instant::now();
    let chosen = chosen(&options.only)?;
    let out = &options.out;
    std::fs::create_dir_all(out).map_err(|e| Error::write(out, e))?;
    let mut stage = Stage::new(options.effort, options.seed, device, out, options.data_dir.clone(), observer);
    let mut lecture = Lecture {
        out: out.clone(),
        report: out.join("report.html"),
        document: out.join("claims.json"),
        effort: options.effort,
        agreed: 0,
        disagreed: 0,
        claims: Vec::new(),
    };
    for entry in &chosen {
        let start = Instant::now();
        let found = (entry.value.measure)(&mut stage).map_err(|e| interrupted(e, &lecture, chosen.len()))?;
        let pictures = save(&found.pictures, entry, out, options)?;
        let claim = Claim::of(entry, found, pictures, command(entry.name, options), start.elapsed().as_secs_f64());
        lecture.agreed += usize::from(claim.agrees);
        lecture.disagreed += usize::from(!claim.agrees);
        lecture.claims.push(claim);
        write(&lecture, options, device, begun.elapsed().as_secs_f64())?;
        stage.told(lecture.claims.len(), chosen.len()).map_err(|e| interrupted(e, &lecture, chosen.len()))?;
    }
    Ok(lecture)
}

/// The rows that were asked for, in the lecture's order.
fn chosen(only: &[String]) -> Result<Vec<&'static Entry<Experiment>>> {
    let asked = only.iter().map(|name| lookup(CLAIMS, "--only", name).map(|e| e.name)).collect::<Result<Vec<_>>>()?;
    Ok(CLAIMS.iter().filter(|e| asked.is_empty() || asked.contains(&e.name)).collect())
}

/// The command that repeats one experiment alone.
fn command(name: &str, options: &Options) -> String {
    let mut words = format!("scorefield lecture --only {name}");
    if options.effort == Effort::Quick {
        words.push_str(" --quick");
    }
    if options.seed != 0 {
        words.push_str(&format!(" --seed {}", options.seed));
    }
    if let Some(folder) = &options.data_dir {
        words.push_str(&format!(" --data-dir '{}'", folder.display()));
    }
    words
}

fn interrupted(error: Error, lecture: &Lecture, of: usize) -> Error {
    match error {
        Error::Interrupted { .. } => {
            Error::Interrupted { saved: format!("{} of {of} claims are in {}", lecture.claims.len(), lecture.report.display()) }
        }
        other => other,
    }
}

/// Writes an experiment's pictures as `NN-claim-name.png`.
fn save(panels: &[Panel], entry: &Entry<Experiment>, out: &Path, options: &Options) -> Result<Vec<Shown>> {
    let seed = options.seed.to_string();
    let metadata = [("scorefield", env!("CARGO_PKG_VERSION")), ("claim", entry.name), ("seed", &seed)];
    let one = |panel: &Panel| {
        let file = format!("{:02}-{}-{}.png", entry.value.number, entry.name, panel.name);
        panel.picture.save(&out.join(&file), &metadata)?;
        let (title, caption) = (panel.picture.title().to_owned(), panel.picture.caption().to_owned());
        let body = panel.picture.clone().without_heading().png(&metadata)?;
        Ok(Shown { file, title, caption, alt: panel.alt.clone(), body })
    };
    panels.iter().map(one).collect()
}

fn write(lecture: &Lecture, options: &Options, device: &Device, seconds: f64) -> Result<()> {
    let document = Document {
        schema: "scorefield/1",
        verb: "lecture",
        version: env!("CARGO_PKG_VERSION"),
        seed: options.seed,
        device: device_name(device),
        effort: options.effort,
        seconds,
        agreed: lecture.agreed,
        disagreed: lecture.disagreed,
        claims: &lecture.claims,
    };
    let text = serde_json::to_string_pretty(&document).map_err(|e| Error::failed("writing claims.json", e.to_string()))?;
    atomic_write(&lecture.document, format!("{text}\n").as_bytes())?;
    page::page(lecture, options, seconds)?.save(&lecture.report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_numbered_in_the_lectures_order_and_their_names_are_unique() {
        for (i, entry) in CLAIMS.iter().enumerate() {
            assert_eq!(entry.value.number, i as u32 + 1, "{}", entry.name);
            assert!(CLAIMS.iter().filter(|e| e.name == entry.name || e.aliases.contains(&entry.name)).count() == 1);
        }
    }

    #[test]
    fn a_name_that_is_no_claims_is_refused_and_the_order_is_the_lectures() {
        assert_eq!(chosen(&["normalizer".to_owned()]).unwrap().len(), 1);
        let wrong = chosen(&["normalisr".to_owned()]).err().unwrap();
        assert_eq!((wrong.exit_code(), wrong.hint()), (2, Some("did you mean normaliser?")));
        assert_eq!(chosen(&[]).unwrap().len(), CLAIMS.len());
    }
}
