//! Claim 1: the normalising constant drops out of the score.
//!
//! With p = e^f/Z, ∇ log p = ∇f − ∇ log Z = ∇f, since Z does not depend on x. The lecture's mixture is written down twice: normalised, by its
//! components, and as a formula that lacks its constant and is scaled by 1000, whose score is the derivative of the text. No code is shared.

use super::claim::{Evidence, Experiment, Figure, Panel};
use super::stage::Stage;
use crate::atomic::atomic_write;
use crate::density;
use crate::error::{Error, Result};
use crate::key::Purpose;
use crate::plot::{Comparison, Measured, Measurement, Series, comparison};
use crate::registry::Entry;
use crate::score::LogDensity;

/// 4000·e^{−½‖x − m₁‖²} + 1000·e^{−½‖x − m₂‖²}: 5000·2π times the lecture's mixture.
const UNNORMALISED: &str = "\
# The lecture's mixture without its constant: 5000*2*pi times too large.
kind = \"formula\"
dimension = 2
log_density = \"logsumexp([log(4000) - norm2(x - 5)/2, log(1000) - norm2(x + 5)/2])\"
";
/// Points at which the two are compared.
const POINTS: usize = 10_000;
/// Points of a curve along the diagonal.
const ALONG: usize = 241;

fn measure(stage: &mut Stage<'_>) -> Result<Evidence> {
    let path = stage.out.join("unnormalised.toml");
    atomic_write(&path, UNNORMALISED.as_bytes())?;
    let name = path.to_str().ok_or_else(|| Error::setting("--out", "a path that is UTF-8 text", path.display()))?;
    let (normalised, formula) = (stage.mixture()?, density::open(name)?);

    let key = stage.key(Purpose::Metric, 100);
    let x: Vec<f64> = key.uniform(0, POINTS, 2).into_iter().map(|u| 16.0 * f64::from(u) - 8.0).collect();
    let both = |x: &[f64]| {
        let n = x.len() / 2;
        let mut found = [(vec![0.0; n], vec![0.0; 2 * n]), (vec![0.0; n], vec![0.0; 2 * n])];
        normalised.log_prob_rows(x, 0.0, &mut found[0].0, &mut found[0].1);
        formula.log_prob_rows(x, 0.0, &mut found[1].0, &mut found[1].1);
        found
    };
    let [(log_p, s), (log_f, t)] = both(&x);
    let apart = s.iter().zip(&t).map(|(s, t)| (s - t).abs()).fold(0.0, f64::max);
    let shifts: Vec<f64> = log_f.iter().zip(&log_p).map(|(f, p)| f - p).collect();
    let (low, high) = shifts.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let mean = shifts.iter().sum::<f64>() / POINTS as f64;
    let log_z = (5000.0 * std::f64::consts::TAU).ln();
    let figures = vec![
        Figure::exact("largest difference of the two scores, over 10,000 points", 0.0, apart, 1e-9)
            .meaning("The score of what is 31,416 times too large is the score of the density. What is left is rounding."),
        Figure::exact("log f − log p, nats", log_z, mean, 1e-9)
            .meaning("log Z = ln(5000·2π): the constant that the formula lacks."),
        Figure::exact("log f − log p: highest less lowest, nats", 0.0, high - low, 1e-9)
            .meaning("The same everywhere: a constant has no slope."),
    ];
    Ok(Evidence {
        done: format!(
            "The lecture's mixture twice: normalised, as two Gaussians, and as a formula 31,416 times too large (`{}`), differentiated as it is \
             written. Both are asked for their scores at 10,000 points of [−8, 8]².",
            path.display()
        ),
        figures,
        pictures: pictures(&both)?,
        not_measured: Vec::new(),
    })
}

/// log p and log f with their scores.
type Both = [(Vec<f64>, Vec<f64>); 2];

/// Both along the diagonal: two curves one above the other, one score.
fn pictures(both: &dyn Fn(&[f64]) -> Both) -> Result<Vec<Panel>> {
    let t: Vec<f64> = (0..ALONG).map(|i| -8.0 + 16.0 * i as f64 / (ALONG - 1) as f64).collect();
    let [(log_p, s), (log_f, u)] = both(&t.iter().flat_map(|t| [*t, *t]).collect::<Vec<_>>());
    let line = |values: &[f64]| -> Vec<(f64, f64)> { t.iter().copied().zip(values.iter().copied()).collect() };
    let (p, f) = (line(&log_p), line(&log_f));
    let sparse =
        |line: &[(f64, f64)]| -> Vec<Measurement> { line.iter().step_by(8).map(|(x, y)| Measurement::exact(*x, *y)).collect() };
    let (of_f, of_p) = (sparse(&f), sparse(&p));
    let heights = comparison(&Comparison {
        title: "Two logarithms, a constant apart",
        caption: "Along the diagonal x₁ = x₂ = t. The curves are parallel: ln(5000·2π) = 10.36 nats apart everywhere.",
        theory: &[Series { name: "", points: &f }, Series { name: "", points: &p }],
        measured: &[
            Measured { name: "log f, not normalised", points: &of_f },
            Measured { name: "log p, normalised", points: &of_p },
        ],
        x_label: "t, data units",
        y_label: "nats",
    })?;
    let first = |s: &[f64]| line(&s.iter().step_by(2).copied().collect::<Vec<_>>());
    let dots = sparse(&first(&u));
    let scores = comparison(&Comparison {
        title: "One score",
        caption: "The slopes of both curves, as ∂/∂x₁. Dots: the derivative of the formula; line: the score of the normalised mixture.",
        theory: &[Series { name: "∂ log p/∂x₁", points: &first(&s) }],
        measured: &[Measured { name: "∂ log f/∂x₁", points: &dots }],
        x_label: "t, data units",
        y_label: "score, 1/data unit",
    })?;
    Ok(vec![
        Panel { name: "logarithms", picture: heights, alt: "Two parallel curves with two peaks each".to_owned() },
        Panel { name: "scores", picture: scores, alt: "Dots that lie on a line".to_owned() },
    ])
}

/// The registry's row.
pub(super) const ENTRY: Entry<Experiment> = Entry {
    name: "normaliser",
    aliases: &["normalizer", "constant"],
    summary: "The normalising constant drops out of the score",
    formula: "∇ log(f/Z) = ∇ log f",
    source: "Hyvärinen 2005, section 2",
    value: Experiment { number: 1, measure },
};
