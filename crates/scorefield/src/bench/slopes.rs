//! How the cost of a step grows with dimension: exponents of measured times.

use super::objectives::Row;
use crate::oracle::{Estimate, slope};

/// How cost grows with dimension.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Slopes {
    /// Exponent of the exact trace's time in d, from d = 32 on.
    pub exact_trace: Option<f64>,
    /// The sliced step's time a number at the largest dimension over that at the smallest.
    pub sliced_per_element: Option<f64>,
    /// That largest dimension.
    pub largest_d: usize,
}

impl Slopes {
    pub(super) fn of(rows: &[Row]) -> Self {
        let of = |objective: &str, value: fn(&Row) -> Option<f64>| -> Vec<(usize, f64)> {
            let plain = rows.iter().filter(|r| r.objective == objective && r.projections.is_none_or(|m| m == 1));
            plain.filter_map(|r| Some((r.d, value(r)?))).collect()
        };
        let element = of("sliced", |r| r.seconds_per_element);
        Self {
            exact_trace: exponent(&of("implicit", |r| r.seconds_per_step)),
            sliced_per_element: element.first().zip(element.last()).map(|(first, last)| last.1 / first.1),
            largest_d: element.last().map_or(0, |last| last.0),
        }
    }
}

/// The exponent e of times ∝ dᵉ from d = 32 on.
fn exponent(times: &[(usize, f64)]) -> Option<f64> {
    let large = times.iter().filter(|(d, _)| *d >= 32);
    let (x, y): (Vec<f64>, Vec<Estimate>) =
        large.map(|(d, time)| ((*d as f64).ln(), Estimate { mean: *time, standard_error: 0.0 }.ln())).unzip();
    (x.len() > 1).then(|| slope(&x, &y).mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(objective: &'static str, d: usize, seconds: f64) -> Row {
        Row {
            objective,
            d,
            projections: (objective != "implicit").then_some(1),
            seconds_per_step: Some(seconds),
            seconds_per_element: Some(seconds / d as f64),
            ..Row::default()
        }
    }

    #[test]
    fn slopes_are_those_of_the_times_they_are_made_of() {
        let rows = [row("implicit", 2, 9.0), row("implicit", 32, 1.0), row("implicit", 128, 4.0), row("implicit", 512, 16.0)];
        assert!((Slopes::of(&rows).exact_trace.unwrap() - 1.0).abs() < 1e-12);
        let sliced = Slopes::of(&[row("sliced", 2, 1.0), row("sliced", 512, 128.0)]);
        assert_eq!((sliced.sliced_per_element, sliced.largest_d, sliced.exact_trace), (Some(0.5), 512, None));
    }
}
