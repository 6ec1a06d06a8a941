//! Claim 4: E[x given x̃] = x̃ + σ²∇ log p_σ(x̃): one step along the score is the best denoising.
//!
//! With s the score at x̃, E[(x − x̃) given x̃] = σ²s, so a step of length λσ² leaves
//!
//! E‖x̃ + λσ²s − x‖² = V + (1 − λ)²σ⁴E‖s‖², V = E tr Cov[x given x̃]:
//!
//! lowest at λ = 1, where only what x̃ does not tell is left. For a mixture of N(m_k, I) the posterior is one too: with the components' shares r_k
//! given x̃ its means are μ_k = m_k + (x̃ − m_k)/(1 + σ²) and its variances σ²/(1 + σ²), so E[x given x̃] and V come from Bayes' rule alone.

use super::claim::{Evidence, Experiment, Figure, Panel};
use super::learn::learn;
use super::losses::wide;
use super::stage::Stage;
use crate::data::{self, all};
use crate::density::Mixture;
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::oracle::Estimate;
use crate::plot::{Comparison, Images, Measured, Measurement, Series, Strip, StripRow, comparison, strip};
use crate::registry::Entry;
use crate::score::Score;
use crate::tensor::{matrix, numbers, repeated};
use crate::words::number;

/// Noise that blurs the two modes, 14 apart, into each other.
const SIGMA: f64 = 4.0;
/// Noise on the digits, of which 1 is the range from black to white.
const DIGITS_SIGMA: f64 = 0.3;
const LENGTHS: [f64; 9] = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0];
/// How far the digits' best step may be from 1: their network is small, and held-out digits are few.
const LEARNED: f64 = 0.1;
/// Digits in the picture.
const SHOWN: usize = 8;

fn measure(stage: &mut Stage<'_>) -> Result<Evidence> {
    let mut evidence = Evidence {
        done: format!(
            "The lecture's mixture under noise of σ = {SIGMA}: Tweedie's step is held against the posterior mean and variance that Bayes' rule gives, \
             and steps of other lengths against it. Then real digits under σ = {DIGITS_SIGMA}, denoised by a network that learned their score in a \
             short training, held-out ones."
        ),
        ..Evidence::default()
    };
    let exact = exact(stage, &mut evidence)?;
    let digits = digits(stage, &mut evidence)?;
    let law: Vec<(f64, f64)> = (0..=40).map(|i| 0.05 * f64::from(i)).map(|l| (l, (1.0 - l).powi(2))).collect();
    let picture = comparison(&Comparison {
        title: "The best step has length σ²",
        caption: "What a step of λσ² along the score leaves of the squared error, beyond that of λ = 1, as a share of σ⁴E‖s‖². Both lie on \
                  (1 − λ)², the digits nearly: their score is learned.",
        theory: &[Series { name: "(1 − λ)²", points: &law }],
        measured: &[
            Measured { name: "mixture, exact score", points: &exact },
            Measured { name: "digits, learned score", points: &digits },
        ],
        x_label: "λ, in steps of σ²",
        y_label: "error beyond the least",
    })?;
    evidence
        .pictures
        .insert(0, Panel { name: "lengths", picture, alt: "Dots on a parabola with its lowest point at 1".to_owned() });
    Ok(evidence)
}

/// Steps of every length: what each leaves beyond λ = 1, as a share of σ⁴E‖s‖², and the best λ.
struct Steps {
    excess: Vec<Measurement>,
    best: Estimate,
    /// ‖x̃ + σ²s − x‖² of each row.
    errors: Vec<f64>,
}

fn steps(clean: &[f64], noisy: &[f64], s: &[f64], d: usize, sigma: f64) -> Steps {
    let rows = || clean.chunks_exact(d).zip(noisy.chunks_exact(d)).zip(s.chunks_exact(d));
    let v = sigma * sigma;
    let error = |lambda: f64| -> Vec<f64> {
        let one = |((x, y), s): ((&[f64], &[f64]), &[f64])| {
            x.iter().zip(y).zip(s).map(|((x, y), s)| (y + lambda * v * s - x).powi(2)).sum::<f64>()
        };
        rows().map(one).collect()
    };
    let sizes: Vec<f64> = rows().map(|(_, s)| v * v * s.iter().map(|s| s * s).sum::<f64>()).collect();
    let along: Vec<f64> =
        rows().map(|((x, y), s)| v * x.iter().zip(y).zip(s).map(|((x, y), s)| (x - y) * s).sum::<f64>()).collect();
    let errors = error(1.0);
    let excess = LENGTHS
        .iter()
        .map(|lambda| {
            let beyond: Vec<f64> = error(*lambda).iter().zip(&errors).map(|(a, b)| a - b).collect();
            let Estimate { mean, standard_error } = Estimate::ratio(&beyond, &sizes);
            Measurement { x: *lambda, y: mean, interval: [mean - 2.0 * standard_error, mean + 2.0 * standard_error] }
        })
        .collect();
    // The parabola in λ has its least at E[(x − x̃)ᵀs]/(σ²E‖s‖²).
    Steps { excess, best: Estimate::ratio(&along, &sizes), errors }
}

fn exact(stage: &mut Stage<'_>, evidence: &mut Evidence) -> Result<Vec<Measurement>> {
    let (p, n) = (stage.mixture()?, stage.either(50_000, 500_000));
    let clean = wide(p.sample(stage.key(Purpose::Data, 400), 0, n, 0.0));
    let noise = stage.key(Purpose::Noise, 400).normal(0, n, 2);
    let noisy: Vec<f64> = clean.iter().zip(noise).map(|(x, z)| x + SIGMA * f64::from(z)).collect();
    let mut s = vec![0.0; 2 * n];
    p.score_rows(&noisy, SIGMA, &mut s);
    let found = steps(&clean, &noisy, &s, 2, SIGMA);

    let posterior: Vec<([f64; 2], f64)> = noisy.chunks_exact(2).map(|y| bayes(&p, y)).collect();
    let apart = noisy
        .iter()
        .zip(&s)
        .zip(posterior.iter().flat_map(|(mean, _)| mean))
        .map(|((y, s), mean)| (y + SIGMA * SIGMA * s - mean).abs())
        .fold(0.0, f64::max);
    let variances: Vec<f64> = posterior.iter().map(|(_, v)| *v).collect();
    let expected = Estimate::mean(&variances).mean;
    let difference: Vec<f64> = found.errors.iter().zip(&variances).map(|(e, v)| e - v).collect();
    let error = Estimate { mean: Estimate::mean(&found.errors).mean, ..Estimate::mean(&difference) };
    let beyond = |at: usize| {
        let m = found.excess[at];
        Estimate { mean: m.y, standard_error: 0.25 * (m.interval[1] - m.interval[0]) }
    };
    evidence.figures.extend([
        Figure::exact("largest difference of Tweedie's step from the posterior mean, data units", 0.0, apart, 1e-9)
            .meaning("The posterior mean by Bayes' rule, over the components; no score is asked for it."),
        Figure::statistical("squared error of Tweedie's step, data units²", expected, error, 0.2 * expected)
            .meaning("The posterior variance: what the noisy point does not tell. Nothing can be better."),
        Figure::statistical("best length of a step, in σ²", 1.0, found.best, 0.1)
            .meaning("Where the error over λ has its least."),
        Figure::statistical("error beyond the least at λ = ½, share of σ⁴E‖s‖²", 0.25, beyond(2), 0.1).meaning("(1 − λ)²."),
        Figure::statistical("error beyond the least at λ = 1½, share of σ⁴E‖s‖²", 0.25, beyond(6), 0.1).meaning("(1 − λ)²."),
    ]);
    Ok(found.excess)
}

/// E[x given x̃] and tr Cov[x given x̃] of a mixture of N(m_k, I) in the plane, by Bayes' rule.
fn bayes(p: &Mixture, noisy: &[f64]) -> ([f64; 2], f64) {
    let v = SIGMA * SIGMA;
    let log = |(w, m): (&f64, &&[f64])| {
        w.ln() - 0.5 * noisy.iter().zip(m.iter()).map(|(y, m)| (y - m).powi(2)).sum::<f64>() / (1.0 + v)
    };
    let (weights, means) = (p.weights(), p.means());
    let logs: Vec<f64> = weights.iter().zip(&means).map(log).collect();
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logs.iter().map(|l| (l - top).exp()).sum();
    let parts = || {
        logs.iter().zip(&means).map(|(l, m)| {
            let share = (l - top).exp() / total;
            (share, [0, 1].map(|j| m[j] + (noisy[j] - m[j]) / (1.0 + v)))
        })
    };
    let mean = parts().fold([0.0; 2], |sum, (share, at)| [sum[0] + share * at[0], sum[1] + share * at[1]]);
    let apart = |at: [f64; 2]| (at[0] - mean[0]).powi(2) + (at[1] - mean[1]).powi(2);
    (mean, parts().map(|(share, at)| share * (apart(at) + 2.0 * v / (1.0 + v))).sum())
}

fn digits(stage: &mut Stage<'_>, evidence: &mut Evidence) -> Result<Vec<Measurement>> {
    let settings = [
        ("data.source", "digits"),
        ("objective.name", "denoising"),
        ("schedule.name", "single"),
        ("schedule.sigma", "0.3"),
        ("net.width", "128"),
        ("net.depth", "2"),
        ("train.steps", stage.either("1000", "5000")),
        ("train.batch", "128"),
        ("train.ema", "100"),
    ];
    let model = learn(stage, &settings)?.model;
    let dataset = data::open("digits", &data::Options::default())?;
    let clean = all(&*dataset.held_out, usize::MAX, Key::new(stage.seed, Purpose::Data))?;
    let d = model.dim();
    let n = clean.len() / d;
    let noise = stage.key(Purpose::Corrupt, 400).normal(0, n, d);
    let noisy: Vec<f32> = clean.iter().zip(noise).map(|(x, z)| x + DIGITS_SIGMA as f32 * z).collect();
    let device = model.device();
    let s = wide(numbers(model.score(matrix(noisy.clone(), n, d, &device), &repeated(DIGITS_SIGMA as f32, n, &device))));
    let (x, y) = (wide(clean), wide(noisy));
    let found = steps(&x, &y, &s, d, DIGITS_SIGMA);
    evidence.figures.push(
        Figure::within("best length of a step on held-out digits, in σ²", 1.0, found.best, LEARNED)
            .meaning("With a learned score; the band is for a small network on digits that it did not see."),
    );
    let stepped =
        |lambda: f64| -> Vec<f32> { y.iter().zip(&s).map(|(y, s)| (y + lambda * DIGITS_SIGMA.powi(2) * s) as f32).collect() };
    let rows: Vec<(&str, Vec<f32>)> = vec![
        ("clean", x.iter().map(|v| *v as f32).collect()),
        ("noisy", stepped(0.0)),
        ("half a step", stepped(0.5)),
        ("one step, σ²", stepped(1.0)),
        ("two steps", stepped(2.0)),
    ];
    let notes = |images: &[f32]| -> Vec<String> {
        let of = |i: usize| {
            let squares: f64 = (i * d..(i + 1) * d).map(|k| (f64::from(images[k]) - x[k]).powi(2)).sum();
            number((squares / d as f64 * 1e4).round() / 1e4)
        };
        (0..SHOWN).map(of).collect()
    };
    let notes: Vec<Vec<String>> =
        rows.iter().map(|(name, images)| if *name == "clean" { Vec::new() } else { notes(images) }).collect();
    let side = (d as f64).sqrt() as usize;
    let rows = rows
        .iter()
        .zip(&notes)
        .map(|((label, images), notes)| {
            Ok(StripRow { label, images: Images::new(&images[..SHOWN * d], [SHOWN, 1, side, side])?, notes })
        })
        .collect::<Result<Vec<_>>>()?;
    let picture = strip(&Strip {
        title: "Digits, a step along the score",
        caption: "Held-out digits under noise of σ = 0.3; below each its mean squared error. Half a step leaves noise, two put it back reversed.",
        columns: &[],
        rows: &rows,
    })?;
    evidence.pictures.push(Panel {
        name: "digits",
        picture,
        alt: "Rows of clean, noisy and denoised digits; those of one whole step are nearest to the clean ones".to_owned(),
    });
    Ok(found.excess)
}

/// The registry's row.
pub(super) const ENTRY: Entry<Experiment> = Entry {
    name: "tweedie",
    aliases: &["denoise"],
    summary: "One step of length σ² along the score is the best denoising",
    formula: "E[x given x̃] = x̃ + σ²∇ log p_σ(x̃)",
    source: "Robbins 1956; Efron 2011; Vincent 2011",
    value: Experiment { number: 4, measure },
};
