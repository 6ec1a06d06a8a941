//! What the preconditioning is told of the data: their centre and spread.

use crate::data::{Dataset, EventShape, Moments, Origin, Standardise};
use crate::error::{Error, Result};
use crate::levels::Regime;
use crate::model::{Conditioning, Precondition};
use crate::net::Takes;

/// Rows that the mean and σ_data are measured on, at most.
pub(super) const MEASURED_ROWS: usize = 100_000;

/// The columns that never change, by number.
pub(super) struct Constant(Vec<usize>);

impl Constant {
    /// What is said of them before training. Nothing of single pixels: the margins of pictures are often empty.
    pub fn warning(&self, dataset: &Dataset) -> Option<String> {
        let d = dataset.train.event().len();
        if self.0.len() == d {
            let what = match dataset.train.len() {
                Some(1) => "there is one point to learn from".to_owned(),
                Some(n) => format!("all {n} points to learn from are equal"),
                None => "all points are equal".to_owned(),
            };
            return Some(format!(
                "the data do not vary: {what}; samples of a good model are that point, but for the smallest noise level"
            ));
        }
        if self.0.is_empty() || !matches!(dataset.train.event(), EventShape::Vector(_)) || dataset.origin == Origin::Digits {
            return None;
        }
        const NAMED: usize = 5;
        let name = |i: &usize| dataset.columns.as_ref().and_then(|c| c.get(*i)).cloned().unwrap_or_else(|| format!("number {i}"));
        let names: Vec<String> = self.0.iter().take(NAMED).map(name).collect();
        let more = if self.0.len() > NAMED { format!(" and {} more", self.0.len() - NAMED) } else { String::new() };
        Some(format!("constant columns ({} of {d}): {}{more}; there is nothing to learn in them", self.0.len(), names.join(", ")))
    }
}

/// Mean and spread of the points as the network sees them, and what does not vary.
pub(super) fn measure(dataset: &Dataset, standardise: Option<&Standardise>) -> Result<(Precondition, Constant)> {
    let regime = Regime::Noisy;
    if let Some(map) = standardise {
        check_columns(map, dataset)?;
        let precondition = Precondition {
            mean: vec![0.0; dataset.train.event().len()],
            sigma_data: 1.0,
            regime,
            conditioning: Conditioning::Relative,
        };
        return Ok((precondition, Constant(map.constant.clone())));
    }
    let moments = Moments::fit(&*dataset.train, MEASURED_ROWS)?;
    // A single point, or equal points, have no spread; any positive scale will do, and 1 is in the data's own units.
    let sigma_data = if moments.sigma_data > 0.0 { moments.sigma_data } else { 1.0 };
    if !sigma_data.is_finite() {
        return Err(Error::failed("measuring the data", "their variance is beyond what 32-bit numbers hold")
            .with_hint("rescale the data, or use --standardise on"));
    }
    let precondition = Precondition { mean: moments.mean, sigma_data, regime, conditioning: Conditioning::Relative };
    Ok((precondition, Constant(moments.constant)))
}

/// How many standard deviations a sample may lie from the mean, generously.
const FAR: f64 = 16.0;

/// Refuses columns whose samples would be beyond what 32-bit numbers hold.
fn check_columns(map: &Standardise, dataset: &Dataset) -> Result<()> {
    let beyond = |(mean, std): (&f32, &f32)| f64::from(mean.abs()) + FAR * f64::from(*std) > f64::from(f32::MAX);
    let Some(column) = map.mean.iter().zip(&map.std).position(beyond) else { return Ok(()) };
    let name = dataset.columns.as_ref().and_then(|c| c.get(column)).cloned().unwrap_or_else(|| format!("number {column}"));
    let got = format!("mean {:e}, standard deviation {:e}", map.mean[column], map.std[column]);
    let expected = format!("numbers of which {FAR} standard deviations fit into 32 bits (3.4e38)");
    Err(Error::setting(format!("data, column {name}"), expected, got).with_hint("rescale the column"))
}

/// The standard deviations, of data and of noise, whose squares and their inverses 32-bit numbers hold with room to spare.
const SCALES: std::ops::RangeInclusive<f64> = 1e-17..=1e17;

/// Refuses data and noise levels of a scale at which losses overflow or vanish.
pub(super) fn check_scales(sigma_data: f32, (low, high): (f64, f64)) -> Result<()> {
    for (what, sigma) in [
        ("the data's standard deviation", f64::from(sigma_data)),
        ("the smallest noise level", low),
        ("the largest noise level", high),
    ] {
        // No noise at all is no level.
        if sigma != 0.0 && !SCALES.contains(&sigma) {
            let expected = format!("between {:e} and {:e}", SCALES.start(), SCALES.end());
            return Err(Error::setting(what, expected, format!("{sigma:e}")).with_hint("rescale the data, or --standardise on"));
        }
    }
    Ok(())
}

/// One centre for all pixels where the network treats them alike: mid-grey for pictures, whose levels are in [0, 1], and else the mean of
/// all. The variance about it is what the network's input has to be scaled by.
pub(super) fn centred(precondition: Precondition, takes: Takes, origin: Origin) -> Precondition {
    if takes == Takes::Rows {
        return precondition;
    }
    let d = precondition.mean.len();
    let overall = precondition.mean.iter().map(|m| f64::from(*m)).sum::<f64>() / d as f64;
    let centre = if matches!(origin, Origin::Images | Origin::Digits) { 0.5 } else { overall };
    let about = precondition.mean.iter().map(|m| (f64::from(*m) - centre).powi(2)).sum::<f64>() / d as f64;
    let sigma_data = (f64::from(precondition.sigma_data).powi(2) + about).sqrt() as f32;
    Precondition { mean: vec![centre as f32; d], sigma_data, ..precondition }
}
