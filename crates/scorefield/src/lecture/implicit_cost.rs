//! Claim 2: implicit score matching needs no score of the data, and its cost grows with d.
//!
//! By parts E[tr J + ½‖s_θ‖²] = E½‖s_θ − s*‖² − ½E‖s*‖² (Hyvärinen 2005, theorem 1): the same loss but for a constant, whatever s_θ is. For the
//! correlated normal in ten dimensions, Σ_ij = ρ^|i−j|, E‖s*‖² = tr Σ⁻¹ = (2 + (d − 2)(1 + ρ²))/(1 − ρ²). The trace takes d directions a point;
//! what is counted here is how many are asked of a score that is nothing but a function.

use super::claim::{Evidence, Experiment, Figure, Panel, plain};
use super::losses::{Points, asked};
use super::stage::Stage;
use crate::bench::step_seconds;
use crate::density::{Component, Mixture, mixture};
use crate::error::Result;
use crate::key::Purpose;
use crate::objective::{Denoising, Explicit, Implicit, Law, Objective, Projection, Sliced, Variate};
use crate::oracle::{Affine, Estimate, LinearScore, slope};
use crate::plot::{Comparison, Curve, Measured, Measurement, Series, comparison, curve};
use crate::registry::Entry;
use crate::tensor::Device;
use nalgebra::{DMatrix, DVector};
use std::sync::Arc;

/// ρ of the density `gaussian-10`, and its dimension.
const RHO: f64 = 0.57;
const TEN: usize = 10;
/// Dimensions at which directions are counted.
const COUNTED: [usize; 9] = [2, 4, 8, 16, 32, 64, 128, 256, 512];

fn measure(stage: &mut Stage<'_>) -> Result<Evidence> {
    let mut evidence = Evidence {
        done: "First, the implicit and the explicit loss of the same wrong scores on the same points of a correlated normal in ten dimensions: \
               the explicit one sees the true score, the implicit one does not, and they differ by one constant. Then the implicit loss of the \
               true score of N(0, I), which is −d/2. Last, what the trace costs: directions are counted, seconds of a training step are shown."
            .to_owned(),
        ..Evidence::default()
    };
    same_loss(stage, &mut evidence)?;
    half_dimension(stage, &mut evidence)?;
    cost(stage, &mut evidence)?;
    Ok(evidence)
}

/// tr Σ⁻¹ of `gaussian-10`.
fn trace_of_precision() -> f64 {
    (2.0 + (TEN as f64 - 2.0) * (1.0 + RHO * RHO)) / (1.0 - RHO * RHO)
}

fn same_loss(stage: &mut Stage<'_>, evidence: &mut Evidence) -> Result<()> {
    let (p, n) = (mixture("gaussian-10")?, stage.either(20_000, 100_000));
    let clean = p.sample(stage.key(Purpose::Data, 200), 0, n, 0.0);
    let points = Points::clean(&clean, TEN);
    let key = stage.key(Purpose::Metric, 200);
    let explicit = Explicit { exact: Arc::new(p.clone()) };
    let constant = -0.5 * trace_of_precision();
    let cov = |scale: f64| -> Vec<Vec<f64>> {
        (0..TEN).map(|i| (0..TEN).map(|j| scale * RHO.powi(i.abs_diff(j) as i32)).collect()).collect()
    };
    let normal = |mean: f64, cov: Vec<Vec<f64>>| Mixture::new(vec![Component { weight: 1.0, mean: vec![mean; TEN], cov }]);
    let isotropic = Component::isotropic(1.0, vec![0.0; TEN], 1.0).cov;
    let wrong = [
        ("that knows no correlation", normal(0.0, isotropic)?),
        ("of twice the covariance", normal(0.0, cov(2.0))?),
        ("of a shifted mean", normal(0.5, cov(1.0))?),
    ];
    for (what, score) in &wrong {
        let implicit = points.losses(&Implicit, score, key);
        let difference: Vec<f64> = implicit.iter().zip(points.losses(&explicit, score, key)).map(|(i, e)| i - e).collect();
        let name = format!("implicit less explicit loss of a score {what}");
        evidence.figures.push(
            Figure::statistical(name, constant, Estimate::mean(&difference), 0.2 * constant.abs())
                .meaning("−½E‖s*‖² = −½ tr Σ⁻¹, whatever the score."),
        );
    }
    // s_a = −a·Σ⁻¹x: explicit ½(a − 1)² tr Σ⁻¹, implicit (½a² − a) tr Σ⁻¹.
    let fine: Vec<f64> = (0..=40).map(|i| 0.05 * f64::from(i)).collect();
    let law = |of: fn(f64) -> f64| -> Vec<(f64, f64)> { fine.iter().map(|a| (*a, of(*a) * trace_of_precision())).collect() };
    let (of_explicit, of_implicit) = (law(|a| 0.5 * (a - 1.0).powi(2)), law(|a| 0.5 * a * a - a));
    let (mut explicits, mut implicits) = (Vec::new(), Vec::new());
    for a in [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0] {
        let score = normal(0.0, cov(1.0 / a))?;
        let at = |losses: Vec<f64>| {
            let Estimate { mean, standard_error } = Estimate::mean(&losses);
            Measurement { x: a, y: mean, interval: [mean - 2.0 * standard_error, mean + 2.0 * standard_error] }
        };
        explicits.push(at(points.losses(&explicit, &score, key)));
        implicits.push(at(points.losses(&Implicit, &score, key)));
    }
    let picture = comparison(&Comparison {
        title: "One loss, up to a constant",
        caption: "Scores that are a times the true one. Both losses are lowest at a = 1; the implicit one never saw the true score.",
        theory: &[Series { name: "theory", points: &of_explicit }, Series { name: "", points: &of_implicit }],
        measured: &[Measured { name: "explicit", points: &explicits }, Measured { name: "implicit", points: &implicits }],
        x_label: "a, times the true score",
        y_label: "loss",
    })?;
    evidence.pictures.push(Panel {
        name: "losses",
        picture,
        alt: "Two parallel parabolas with their lowest points above each other".to_owned(),
    });
    Ok(())
}

fn half_dimension(stage: &mut Stage<'_>, evidence: &mut Evidence) -> Result<()> {
    for d in [2usize, 8, 32, 128] {
        let affine = Affine { a: -DMatrix::identity(d, d), b: DVector::zeros(d) };
        let score = LinearScore::new(&affine, &Device::flex());
        let n = stage.either(8192, 32_768);
        let clean = stage.key(Purpose::Data, 201).normal(0, n, d);
        let losses = Points::clean(&clean, d).losses(&Implicit, &score, stage.key(Purpose::Metric, 201));
        let expected = -0.5 * d as f64;
        evidence.figures.push(
            Figure::statistical(
                format!("implicit loss of the true score of N(0, I), d = {d}"),
                expected,
                Estimate::mean(&losses),
                0.3 * expected.abs(),
            )
            .meaning("−d/2: tr J = −d, and ½E‖x‖² = d/2."),
        );
    }
    Ok(())
}

fn cost(stage: &mut Stage<'_>, evidence: &mut Evidence) -> Result<()> {
    let key = stage.key(Purpose::Data, 202);
    let sliced = Sliced { projection: Projection { law: Law::Rademacher, count: 1 } };
    let denoising = Denoising { variate: Variate::Off };
    let counts = |objective: &dyn Objective, sigma: f64| -> Result<Vec<(f64, f64)>> {
        COUNTED.iter().map(|d| Ok((*d as f64, asked(objective, *d, sigma, key)?.0))).collect()
    };
    let (of_trace, of_slice, of_noise) = (counts(&Implicit, 0.0)?, counts(&sliced, 0.0)?, counts(&denoising, 0.5)?);
    let last = |counts: &[(f64, f64)]| counts.last().map_or(f64::NAN, |c| c.1);
    let exponent = |counts: &[(f64, f64)]| {
        let x: Vec<f64> = counts.iter().map(|c| c.0.ln()).collect();
        let y: Vec<Estimate> = counts.iter().map(|c| plain(c.1).ln()).collect();
        slope(&x, &y).mean
    };
    evidence.figures.extend([
        Figure::exact("directions a point for the exact trace, d = 512", 512.0, last(&of_trace), 0.0)
            .meaning("One forward derivative for each coordinate; counted, not timed."),
        Figure::exact("exponent of the trace's cost in d", 1.0, exponent(&of_trace), 1e-9)
            .meaning("The slope of ln(directions) over ln d, d = 2 to 512."),
        Figure::exact("exponent of a slice's cost in d", 0.0, exponent(&of_slice), 1e-9).meaning("For comparison: claim 5."),
    ]);
    let seen: Vec<Measurement> = of_trace.iter().map(|c| Measurement::exact(c.0, c.1)).collect();
    let slice: Vec<Measurement> = of_slice.iter().map(|c| Measurement::exact(c.0, c.1)).collect();
    let law: Vec<(f64, f64)> = COUNTED.iter().map(|d| (*d as f64, *d as f64)).collect();
    let flat: Vec<(f64, f64)> = COUNTED.iter().map(|d| (*d as f64, 1.0)).collect();
    let none = if last(&of_noise) == 0.0 { " Denoising takes none." } else { "" };
    let counted = comparison(&Comparison {
        title: "What a loss asks for",
        caption: &format!("Derivatives along a direction, a point. The exact trace takes d of them, a slice one.{none}"),
        theory: &[Series { name: "d and 1", points: &law }, Series { name: "", points: &flat }],
        measured: &[Measured { name: "exact trace", points: &seen }, Measured { name: "one slice", points: &slice }],
        x_label: "dimension d",
        y_label: "directions a point",
    })?;
    evidence.pictures.push(Panel { name: "directions", picture: counted, alt: "A rising and a level row of dots".to_owned() });

    let dimensions = stage.either(&[2usize, 8, 32, 128][..], &[2, 8, 32, 128, 512]);
    let mut seconds = Vec::new();
    for objective in ["implicit", "sliced", "denoising"] {
        let mut points = Vec::new();
        for d in dimensions {
            let one = step_seconds(objective, *d, stage.either(0.1, 1.0), stage.seed, stage.device)?;
            points.push((*d as f64, 1e3 * one));
            stage.told(points.len(), dimensions.len())?;
        }
        seconds.push((objective, points));
    }
    let series: Vec<Series<'_>> = seconds.iter().map(|(name, points)| Series { name, points }).collect();
    let timed = curve(&Curve {
        title: "What a training step takes",
        caption: "Of a perceptron with three layers of 128, 128 points a step, on this machine just now. Seconds are shown, not judged. A \
                  perceptron's trace has a kernel of its own here, which spares the first and the last layer.",
        series: &series,
        x_label: "dimension d",
        y_label: "milliseconds a step",
    })?;
    evidence.pictures.push(Panel {
        name: "seconds",
        picture: timed,
        alt: "Three curves of time, the one of the exact trace steepest".to_owned(),
    });
    Ok(())
}

/// The registry's row.
pub(super) const ENTRY: Entry<Experiment> = Entry {
    name: "implicit-cost",
    aliases: &["implicit"],
    summary: "Implicit score matching needs no score of the data, and its cost grows with the dimension",
    formula: "E[tr J + ½‖s_θ‖²] = E ½‖s_θ − s*‖² − ½E‖s*‖²",
    source: "Hyvärinen 2005, theorem 1",
    value: Experiment { number: 2, measure },
};
