//! The grid as a picture: what a step costs and how noisy its gradient is, against the dimension, one line an objective.

use super::objectives::{Measured, Row};
use crate::error::Result;
use crate::objective::OBJECTIVES;
use crate::plot::{Curve, Picture, Series, curve, stack};

/// The noise level at which `denoising` is shown.
pub(super) const SIGMA: f64 = 0.2;

/// The row that stands for an objective: one direction, no control variate.
pub(super) fn plain<'a>(measured: &'a Measured, objective: &str, d: usize) -> Option<&'a Row> {
    measured.rows.iter().find(|r| {
        let usual = r.projections.is_none_or(|m| m == 1) && r.control_variate.is_none_or(|v| v == "off");
        r.objective == objective && r.d == d && usual && (r.sigma == 0.0 || r.sigma == SIGMA)
    })
}

/// The dimensions of the grid, ascending.
pub(super) fn dimensions(measured: &Measured) -> Vec<usize> {
    let mut all: Vec<usize> = measured.rows.iter().map(|r| r.d).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Two panels: seconds a step, and the gradient's noise.
///
/// # Errors
/// Nothing was measured.
pub fn picture(measured: &Measured) -> Result<Picture> {
    let time = panel(
        measured,
        "Time of a training step",
        "128 rows, plain-mlp of 3 × 128, one direction a point; denoising at σ = 0.2.",
        "seconds a step",
        |r| r.seconds_per_step,
    )?;
    let noise = panel(
        measured,
        "Noise of its gradient",
        "Variance from batch to batch over the squared mean, points, directions and added noise together.",
        "tr Cov / ‖mean‖²",
        |r| r.gradient_noise_of_batches,
    )?;
    stack(&[time, noise])
}

fn panel(measured: &Measured, title: &str, caption: &str, y_label: &str, value: fn(&Row) -> Option<f64>) -> Result<Picture> {
    let dimensions = dimensions(measured);
    let lines: Vec<(&str, Vec<(f64, f64)>)> = OBJECTIVES
        .iter()
        .map(|e| {
            let at = |d: &usize| Some((*d as f64, value(plain(measured, e.name, *d)?)?));
            (e.name, dimensions.iter().filter_map(at).collect())
        })
        .collect();
    let series: Vec<Series> = lines.iter().map(|(name, points)| Series { name, points }).collect();
    curve(&Curve { title, caption, series: &series, x_label: "dimension d", y_label })
}
