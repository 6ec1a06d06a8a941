//! What a claim is, what an experiment finds, and when the two agree.
//!
//! An expected value comes from theory; how far the measured one may be from it comes from the standard error, from rounding, or from a band
//! that is part of the claim. Nothing is compared with what was measured another day.

use super::stage::Stage;
use crate::diagnostic::chains::Share;
use crate::error::Result;
use crate::oracle::{Check, Estimate};
use crate::plot::Picture;
use crate::registry::Entry;
use crate::words::number;
use serde::{Deserialize, Serialize};

/// The two-sided 95 % point of the normal distribution.
const Z95: f64 = 1.959_963_984_540_054;

/// What a row of [`super::CLAIMS`] holds; its summary is the claim in a sentence.
pub struct Experiment {
    /// The claim's number in the lecture.
    pub number: u32,
    /// Does the experiment.
    pub measure: Measure,
}

/// What an experiment does.
///
/// # Errors
/// Of an experiment: the observer said stop, or data that cannot be read.
pub type Measure = fn(&mut Stage<'_>) -> Result<Evidence>;

/// How a measured number is held against the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// As near as the tolerance.
    Equals,
    /// Not above it.
    AtMost,
    /// Not below it.
    AtLeast,
}

/// One number of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured, in words, with its unit.
    pub name: String,
    /// How the two are compared.
    pub relation: Relation,
    /// What theory says.
    pub expected: f64,
    /// What was found.
    pub measured: f64,
    /// The standard error of what was found; 0 where nothing is random.
    pub standard_error: f64,
    /// 95 % interval of what was found.
    pub interval: [f64; 2],
    /// How far apart the two may be; 0 for a bound.
    pub tolerance: f64,
    /// Whether they are as they should be.
    pub agrees: bool,
    /// Where the expected value and the tolerance come from, and what the number means.
    pub meaning: String,
}

impl Figure {
    fn new(name: impl Into<String>, relation: Relation, expected: f64, measured: Estimate, tolerance: f64) -> Self {
        let Estimate { mean, standard_error } = measured;
        let agrees = match relation {
            Relation::Equals => (mean - expected).abs() <= tolerance,
            Relation::AtMost => mean <= expected,
            Relation::AtLeast => mean >= expected,
        };
        let half = Z95 * standard_error;
        Self {
            name: name.into(),
            relation,
            expected,
            measured: mean,
            standard_error,
            interval: [mean - half, mean + half],
            tolerance,
            agrees,
            meaning: String::new(),
        }
    }

    /// A number without randomness, which may differ by `tolerance`.
    pub fn exact(name: impl Into<String>, expected: f64, measured: f64, tolerance: f64) -> Self {
        Self::new(name, Relation::Equals, expected, Estimate { mean: measured, standard_error: 0.0 }, tolerance)
    }

    /// A mean of random numbers, judged as `verify` judges: within five standard errors, which must be small enough to notice a mistake of
    /// size `resolution`.
    pub fn statistical(name: impl Into<String>, expected: f64, measured: Estimate, resolution: f64) -> Self {
        let name = name.into();
        let check = Check::statistical(name.clone(), expected, measured, resolution);
        Self { agrees: check.pass, ..Self::new(name, Relation::Equals, expected, measured, check.tolerance) }
    }

    /// A number that may differ by a band which the claim itself states.
    pub fn within(name: impl Into<String>, expected: f64, measured: Estimate, band: f64) -> Self {
        Self::new(name, Relation::Equals, expected, measured, band)
    }

    /// A number that is to be `bound` or less.
    pub fn at_most(name: impl Into<String>, bound: f64, measured: Estimate) -> Self {
        Self::new(name, Relation::AtMost, bound, measured, 0.0)
    }

    /// A number that is to be `bound` or more.
    pub fn at_least(name: impl Into<String>, bound: f64, measured: Estimate) -> Self {
        Self::new(name, Relation::AtLeast, bound, measured, 0.0)
    }

    /// The share of a mode, with its own interval, which may differ by `band`.
    pub fn share(name: impl Into<String>, expected: f64, share: &Share, band: f64) -> Self {
        let measured = Estimate { mean: share.weight, standard_error: share.standard_error };
        Self { interval: [share.interval.0, share.interval.1], ..Self::within(name, expected, measured, band) }
    }

    /// The measured value as people read it.
    pub fn measured_words(&self) -> String {
        let value = signed(self.measured);
        if self.standard_error > 0.0 { format!("{value} (se {})", signed(self.standard_error)) } else { value }
    }

    /// The expected value as people read it.
    pub fn expected_words(&self) -> String {
        let value = signed(self.expected);
        match self.relation {
            Relation::AtMost => format!("at most {value}"),
            Relation::AtLeast => format!("at least {value}"),
            Relation::Equals if self.tolerance > 0.0 => format!("{value} ± {}", signed(self.tolerance)),
            Relation::Equals => value,
        }
    }

    /// Says what the number means.
    pub fn meaning(self, words: impl Into<String>) -> Self {
        Self { meaning: words.into(), ..self }
    }
}

/// With a true minus sign, and a power of ten without needless digits: 1e−9.
fn signed(x: f64) -> String {
    let text = number(x);
    let text = match text.split_once('e') {
        Some((digits, power)) => format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.')),
        None => text,
    };
    text.replace('-', "−")
}

/// A number without an error.
pub(super) fn plain(mean: f64) -> Estimate {
    Estimate { mean, standard_error: 0.0 }
}

/// A picture of an experiment.
pub struct Panel {
    /// The last part of its file's name.
    pub name: &'static str,
    /// The picture.
    pub picture: Picture,
    /// What it shows, for those who cannot see it.
    pub alt: String,
}

/// What an experiment found.
#[derive(Default)]
pub struct Evidence {
    /// What was done, in a paragraph or two.
    pub done: String,
    /// The numbers.
    pub figures: Vec<Figure>,
    /// The pictures.
    pub pictures: Vec<Panel>,
    /// Parts of the claim that were not measured, and why.
    pub not_measured: Vec<String>,
}

/// A picture that was written.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The file, within the lecture's folder.
    pub file: String,
    /// Its title.
    pub title: String,
    /// What to see.
    pub caption: String,
    /// What it shows, for those who cannot see it.
    pub alt: String,
    /// The picture without title and caption, for a page that sets them as text: a PNG file's bytes.
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// A claim with what was found.
#[derive(Clone, Debug, Serialize)]
pub struct Claim {
    /// Its number in the lecture.
    pub number: u32,
    /// Its name, for `--only`.
    pub name: &'static str,
    /// The claim in a sentence.
    pub claim: &'static str,
    /// Its formula.
    pub formula: &'static str,
    /// Who showed it.
    pub source: &'static str,
    /// What was done.
    pub done: String,
    /// The numbers.
    pub figures: Vec<Figure>,
    /// The pictures.
    pub pictures: Vec<Shown>,
    /// Parts of the claim that were not measured, and why.
    pub not_measured: Vec<String>,
    /// Whether every number agrees.
    pub agrees: bool,
    /// The command that repeats this experiment alone.
    pub command: String,
    /// Seconds that it took.
    pub seconds: f64,
}

impl Claim {
    /// The row of the registry with what its experiment found.
    pub(super) fn of(
        entry: &'static Entry<Experiment>,
        found: Evidence,
        pictures: Vec<Shown>,
        command: String,
        seconds: f64,
    ) -> Self {
        Self {
            number: entry.value.number,
            name: entry.name,
            claim: entry.summary,
            formula: entry.formula,
            source: entry.source,
            done: found.done,
            agrees: found.figures.iter().all(|f| f.agrees),
            figures: found.figures,
            pictures,
            not_measured: found.not_measured,
            command,
            seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mean: f64) -> Estimate {
        Estimate { mean, standard_error: 0.01 }
    }

    #[test]
    fn a_figure_agrees_within_its_tolerance_or_on_the_right_side_of_its_bound_and_never_if_it_is_no_number() {
        assert!(Figure::within("x", 0.8, at(0.82), 0.03).agrees && !Figure::within("x", 0.8, at(0.84), 0.03).agrees);
        assert!(Figure::at_least("x", 10.0, at(10.5)).agrees && !Figure::at_least("x", 10.0, at(9.5)).agrees);
        assert!(Figure::at_most("x", 2.0, at(1.5)).agrees && !Figure::at_most("x", 2.0, at(2.5)).agrees);
        assert!(Figure::exact("x", 1.0, 1.0 + 1e-12, 1e-9).agrees && !Figure::exact("x", 1.0, 1.1, 1e-9).agrees);
        for figure in [
            Figure::within("x", 0.8, at(f64::NAN), 1.0),
            Figure::at_least("x", 0.0, at(f64::NAN)),
            Figure::at_most("x", 9.0, at(f64::NAN)),
        ] {
            assert!(!figure.agrees, "{figure:?}");
        }
    }

    #[test]
    fn a_statistical_figure_that_is_too_coarse_to_notice_a_mistake_does_not_agree() {
        assert!(Figure::statistical("x", 1.0, at(1.02), 0.2).agrees);
        assert!(!Figure::statistical("x", 1.0, at(1.02), 0.05).agrees, "5 × 0.01 is not below half of 0.05");
        assert!(!Figure::statistical("x", 1.0, at(1.06), 0.2).agrees);
    }
}
