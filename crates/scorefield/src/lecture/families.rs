//! Claim 11: against the other families: no normalising constraint, no adversarial game, likelihood by the flow.
//!
//! An energy network's e^{−E} integrates to whatever it does, and its score is right all the same. What is learned is the minimum of one loss:
//! networks that begin differently arrive at one score. And although nothing was normalised, the probability flow has a density that is:
//! log p(x) = log p_σ₁(x₁) − ∫ σ·tr J dσ along it integrates to 1 and is log p itself.
//!
//! Autoregressive models, normalising flows, variational autoencoders and adversarial networks are not in this program, and are not measured.

use super::claim::{Evidence, Experiment, Figure, Panel, plain};
use super::learn::learn;
use super::losses::wide;
use super::stage::Stage;
use crate::density::Mixture;
use crate::error::{Error, Result};
use crate::key::Purpose;
use crate::likelihood::{Divergence, Flow, Prior};
use crate::oracle::Estimate;
use crate::plot::{Backdrop, Cloud, Comparison, Field2, Measured, Measurement, Scatter, Series, comparison, scatter};
use crate::registry::Entry;
use crate::sample::solver::Tolerance;
use crate::score::{LogDensity, Score, ScoreJvp};
use crate::tensor::{matrix, numbers, repeated};

/// Where the networks are compared.
const SIGMA: f64 = 1.0;
/// E‖s_θ − s*‖²/E‖s*‖² that trained networks are held to.
const LEARNED: f64 = 0.05;
/// Of an energy that nothing normalises ln ∫e^{−E} is at least so far from 0.
const UNNORMALISED: f64 = 0.1;
/// How far the flow's density may be from integrating to 1, and its log p from log p, nats: the error of a small network.
const INTEGRAL: f64 = 0.05;
const NATS: f64 = 0.1;
/// The part of the plane that holds all of p but 10⁻⁵ of it, and the grid over it.
const HALF: f64 = 10.0;

fn measure(stage: &mut Stage<'_>) -> Result<Evidence> {
    let p = stage.mixture()?;
    let mut evidence = Evidence {
        done: "An energy network learns the mixture's score at all noise levels, and its e^{−E} is integrated over the plane. Three networks that \
               begin at different random weights learn the same score, each by one loss and no opponent. The likelihood that the probability flow of a \
               learned score gives is held against the exact log p, and integrated."
            .to_owned(),
        not_measured: vec![
            "Autoregressive models, normalising flows, variational autoencoders and adversarial networks, which the claim names for comparison: \
             this program has none of them."
                .to_owned(),
        ],
        ..Evidence::default()
    };
    energy(stage, &p, &mut evidence)?;
    one_loss(stage, &p, &mut evidence)?;
    likelihood(stage, &p, &mut evidence)?;
    Ok(evidence)
}

/// E‖s_θ − s*‖²/E‖s*‖² at draws from p_σ.
fn relative_error(stage: &Stage<'_>, p: &Mixture, model: &dyn Score) -> Estimate {
    let n = stage.either(10_000, 50_000);
    let x = p.sample(stage.key(Purpose::Data, 1100), 0, n, SIGMA);
    let device = model.device();
    let at =
        |score: &dyn Score| wide(numbers(score.score(matrix(x.clone(), n, 2, &device), &repeated(SIGMA as f32, n, &device))));
    let (found, exact) = (at(model), at(p));
    let pairs = |of: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..n).map(|i| of(2 * i) + of(2 * i + 1)).collect() };
    Estimate::ratio(&pairs(&|i| (found[i] - exact[i]).powi(2)), &pairs(&|i| exact[i].powi(2)))
}

fn energy(stage: &mut Stage<'_>, p: &Mixture, evidence: &mut Evidence) -> Result<()> {
    let settings = [
        ("data.source", "density:mixture"),
        ("net.name", "energy-mlp"),
        ("net.width", "64"),
        ("net.depth", "2"),
        ("train.steps", stage.either("1500", "6000")),
        ("train.lr", "3e-3"),
        ("train.ema", "200"),
    ];
    let model = learn(stage, &settings)?.model;
    let nodes = Field2::nodes((-HALF - 4.0, HALF + 4.0), (-HALF - 4.0, HALF + 4.0), 281, 281);
    let (n, device) = (nodes.len() / 2, model.device());
    let missing = || Error::failed("the energy of an energy network", "it has none");
    let log = model.log_density(matrix(nodes, n, 2, &device), &repeated(SIGMA as f32, n, &device)).ok_or_else(missing)?;
    let area = (2.0 * (HALF + 4.0) / 280.0).powi(2);
    let log_z = wide(numbers(log)).iter().map(|l| l.exp() * area).sum::<f64>().ln();
    evidence.figures.extend([
        Figure::at_least("|ln ∫e^{−E}dx| of an energy network at σ = 1, nats", UNNORMALISED, plain(log_z.abs()))
            .meaning(format!("0 for a normalised density; here ln Z = {log_z:.2}. Nothing asked it to be 0.")),
        Figure::at_most("relative error of the same network's score at σ = 1", LEARNED, relative_error(stage, p, &model))
            .meaning("E‖s_θ − s*‖²/E‖s*‖²: the score does not care."),
    ]);
    Ok(())
}

fn one_loss(stage: &mut Stage<'_>, p: &Mixture, evidence: &mut Evidence) -> Result<()> {
    let mut errors = Vec::new();
    let seed = stage.seed;
    for other in 1..=3 {
        stage.seed = seed + other;
        let settings = [
            ("data.source", "density:mixture"),
            ("net.name", "plain-mlp"),
            ("net.width", "64"),
            ("net.depth", "3"),
            ("train.steps", stage.either("2000", "8000")),
            ("train.lr", "3e-3"),
            ("train.ema", "200"),
        ];
        let learned = learn(stage, &settings);
        stage.seed = seed;
        errors.push(relative_error(stage, p, &learned?.model));
    }
    let worst = errors.into_iter().max_by(|a, b| a.mean.total_cmp(&b.mean)).unwrap_or(plain(f64::NAN));
    evidence.figures.push(
        Figure::at_most("relative error at σ = 1, the worst of three trainings from different weights", LEARNED, worst)
            .meaning("One loss that falls, no game with an opponent: each training ends at the same score."),
    );
    Ok(())
}

fn likelihood(stage: &mut Stage<'_>, p: &Mixture, evidence: &mut Evidence) -> Result<()> {
    let learned = stage.with_noise()?;
    let low = learned.schedule.range().0;
    let high = learned.schedule.range().1;
    let known = learned.model.precondition();
    let mean: Vec<f64> = known.mean.iter().map(|m| f64::from(*m)).collect();
    let prior = Prior { mean, variance: f64::from(known.sigma_data).powi(2) + high * high };
    let tolerance = Tolerance { absolute: 1e-4, relative: 1e-4 };
    let flow = Flow { score: &learned.model, span: (low, high), prior, tolerance };
    let n = stage.either(500, 5000);
    let x = wide(p.sample(stage.key(Purpose::Data, 1101), 0, n, low));
    let key = stage.key(Purpose::Projection, 1101);
    let found = flow.log_prob(&x, Divergence::Exact, key, stage.observer)?.log_prob;
    let (mut exact, mut score) = (vec![0.0; n], vec![0.0; 2 * n]);
    p.log_prob_rows(&x, low, &mut exact, &mut score);
    let difference: Vec<f64> = found.iter().zip(&exact).map(|(f, e)| f - e).collect();
    let of_exact = Estimate::mean(&exact).mean;
    let of_flow = Estimate { mean: Estimate::mean(&found).mean, ..Estimate::mean(&difference) };
    evidence.figures.push(
        Figure::within("mean log p by the flow of a learned score, nats", of_exact, of_flow, NATS)
            .meaning("At draws, against the exact mean log p of the same draws; the band is for a learned score."),
    );

    let side = stage.either(81, 161);
    let nodes: Vec<f64> = wide(Field2::nodes((-HALF, HALF), (-HALF, HALF), side, side));
    let on_grid = flow.log_prob(&nodes, Divergence::Exact, key, stage.observer)?.log_prob;
    let area = (2.0 * HALF / (side - 1) as f64).powi(2);
    let integral = on_grid.iter().map(|l| l.exp() * area).sum::<f64>();
    evidence.figures.push(Figure::within("∫ of the flow's density over the plane", 1.0, plain(integral), INTEGRAL).meaning(
        format!("A sum over a grid of {side} × {side} nodes: the flow carries a normalised density to a normalised density."),
    ));
    let dots: Vec<Measurement> = exact.iter().zip(&found).take(300).map(|(e, f)| Measurement::exact(*e, *f)).collect();
    let (low_end, high_end) = exact.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let picture = comparison(&Comparison {
        title: "The flow's log p is log p",
        caption: "Each dot a draw. The learned score was never normalised, nor asked for a likelihood.",
        theory: &[
            Series { name: "", points: &[] },
            Series { name: "equal", points: &[(low_end, low_end), (high_end, high_end)] },
        ],
        measured: &[Measured { name: "draws", points: &dots }],
        x_label: "exact log p, nats",
        y_label: "log p by the flow, nats",
    })?;
    evidence.pictures.push(Panel { name: "likelihood", picture, alt: "Dots along the diagonal".to_owned() });
    let values = on_grid.iter().map(|v| *v as f32).collect();
    let learned_density = Field2 { x: (-HALF, HALF), y: (-HALF, HALF), nx: side, ny: side, values };
    let points: Vec<f32> = x.iter().map(|x| *x as f32).collect();
    let picture = scatter(&Scatter {
        title: "A density out of a score",
        caption: "log p by the probability flow of the learned score, and draws from the mixture over it.",
        clouds: &[Cloud { name: "", points: &points }],
        backdrop: Some(Backdrop::Shades(&learned_density)),
        x_label: "x₁, data units",
        y_label: "x₂, data units",
    })?;
    evidence.pictures.push(Panel {
        name: "density",
        picture,
        alt: "A shaded density with two modes and points over it".to_owned(),
    });
    Ok(())
}

/// The registry's row.
pub(super) const ENTRY: Entry<Experiment> = Entry {
    name: "families",
    aliases: &["likelihood"],
    summary: "Beside the other families: no normalising constraint, no adversarial game, likelihood by the flow",
    formula: "log p(x) = log p_σ₁(x₁) − ∫ σ·tr J dσ along dx/dσ = −σ·s(x, σ)",
    source: "Song et al. 2021, section 4.3; Chen et al. 2018",
    value: Experiment { number: 11, measure },
};
