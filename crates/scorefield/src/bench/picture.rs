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
        "Variance from batch to batch over the squared mean. sliced lies under finite-difference, implicit-hutchinson under sliced-vr: the \
         same estimates.",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_has_a_line_for_each_objective_in_both_panels_and_none_without_rows() {
        let row = |objective, d, seconds| Row {
            objective,
            d,
            seconds_per_step: Some(seconds),
            gradient_noise_of_batches: Some(seconds),
            ..Row::default()
        };
        let of = |e: &'static str| [row(e, 2, 0.1), row(e, 32, 0.2)];
        let measured = Measured { rows: OBJECTIVES.iter().flat_map(|e| of(e.name)).collect(), ..Measured::default() };
        let svg = picture(&measured).unwrap().svg(&[]).unwrap();
        assert!(OBJECTIVES.iter().all(|e| svg.matches(&format!(">{}<", e.name)).count() == 2), "{svg}");
        assert!(picture(&Measured::default()).is_err());
    }

    #[test]
    fn the_plain_row_is_the_one_with_one_direction_and_no_variate() {
        let row = |projections, sigma, variate| Row {
            objective: "x",
            d: 2,
            projections,
            sigma,
            control_variate: variate,
            ..Row::default()
        };
        let rows = vec![
            row(None, 1.0, Some("off")),
            row(None, SIGMA, Some("on")),
            row(None, SIGMA, Some("off")),
            row(Some(2), 0.0, None),
        ];
        let measured = Measured { rows, ..Measured::default() };
        assert_eq!(plain(&measured, "x", 2), Some(&measured.rows[2]));
        assert_eq!(plain(&measured, "x", 8), None);
    }
}
