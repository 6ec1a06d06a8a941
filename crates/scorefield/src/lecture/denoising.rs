//! Claim 3: denoising score matching needs no trace; its target is (x − x̃)/σ² for Gaussian noise, and any noise with a closed-form score will do.
//!
//! A least-squares fit of the target t = ψ(n)/σ by a function of x̃ is E[t given x̃], which is ∇ log p_σ(x̃) (Vincent 2011, section 4.2). So the best
//! step function over bins of x̃ must be the exact smoothed score, averaged over each bin: for every noise the sum over B bins of (mean of t − s in
//! the bin)², in its standard errors, is a χ² with B degrees of freedom. The exact score comes by quadrature and knows nothing of targets.

use super::claim::{Evidence, Experiment, Figure, Panel};
use super::learn::learn;
use super::losses::{Points, asked, wide};
use super::stage::Stage;
use crate::density::{self, Exact};
use crate::diagnostic::truth;
use crate::error::{Error, Result};
use crate::key::Purpose;
use crate::noise::NOISES;
use crate::objective::{Denoising, Noisy, Variate};
use crate::oracle::{Estimate, WIDTH};
use crate::plot::{Comparison, Measured, Measurement, Series, comparison};
use crate::registry::Entry;
use crate::score::Score;
use crate::tensor::{Device, matrix, numbers, repeated};
use std::sync::Arc;

const SIGMA: f64 = 0.5;
const BINS: usize = 40;
/// E‖s_θ − s*‖²/E‖s*‖² that a trained network is held to.
const LEARNED: f64 = 0.02;

fn measure(stage: &mut Stage<'_>) -> Result<Evidence> {
    let density: Arc<dyn Exact> = density::open("mixture-1d")?;
    let mut evidence = Evidence {
        done: format!(
            "Points of a mixture on the line get noise of σ = {SIGMA}, of each kind that there is. The target of denoising is averaged in {BINS} bins \
             of the noisy point: that is the best step function, and it is held against the exact score of the noisy density, which is found \
             by quadrature. Then a small network learns from the same targets."
        ),
        ..Evidence::default()
    };
    for (k, entry) in NOISES.iter().enumerate() {
        one(stage, &density, k as u32, entry.name, &mut evidence)?;
        stage.told(k + 1, NOISES.len())?;
    }
    let (directions, values) = asked(&Denoising { variate: Variate::Off }, 512, 1.0, stage.key(Purpose::Data, 300))?;
    evidence.figures.extend([
        Figure::exact("directions a point for denoising, d = 512", 0.0, directions, 0.0)
            .meaning("No derivative of the score is asked for: the trace is gone."),
        Figure::exact("evaluations a point for denoising, d = 512", 1.0, values, 0.0).meaning("One, at the noisy point."),
    ]);
    Ok(evidence)
}

fn one(stage: &mut Stage<'_>, density: &Arc<dyn Exact>, k: u32, name: &'static str, evidence: &mut Evidence) -> Result<()> {
    let n = stage.either(24_000, 200_000);
    let noise = (NOISES[k as usize].value)();
    let missing = || Error::failed(format!("the exact score under {name} noise"), "it is not known");
    let exact = truth(density, &noise).ok_or_else(missing)?;
    let clean = density.draws(stage.key(Purpose::Data, 300 + k), 0, n, 0.0).ok_or_else(missing)?;
    let device = Device::flex();
    let Noisy { points, target } = Points { sigma: SIGMA, noise: noise.clone(), ..Points::clean(&clean, 1) }
        .batch(&device)
        .noisy(stage.key(Purpose::Noise, 300 + k));
    let (x, t) = (wide(numbers(points.clone())), wide(numbers(target)));
    let s = wide(numbers(exact.score(points.clone(), &repeated(SIGMA as f32, n, &device))));

    let bins = bins(&x, &t, &s);
    let squares: f64 = bins.iter().map(|b| (b.left.mean / b.left.standard_error).powi(2)).sum();
    let spread = (2.0 / BINS as f64).sqrt();
    let chi = Estimate { mean: squares / BINS as f64, standard_error: spread };
    evidence.figures.push(
        Figure::within(format!("χ² a bin of the mean target against the exact score, {name} noise"), 1.0, chi, WIDTH * spread)
            .meaning("1 if the mean target is the exact smoothed score in every bin; the error of a χ²/B is √(2/B)."),
    );

    let settings = [
        ("data.source", "density:mixture-1d"),
        ("noise.name", name),
        ("objective.name", "denoising"),
        ("schedule.name", "single"),
        ("schedule.sigma", "0.5"),
        ("net.name", "plain-mlp"),
        ("net.width", "64"),
        ("net.depth", "2"),
        ("train.steps", stage.either("1000", "4000")),
        ("train.batch", "512"),
        ("train.lr", "3e-3"),
        ("train.ema", "100"),
    ];
    let learned = learn(stage, &settings)?.model;
    let found = wide(numbers(learned.score(points, &repeated(SIGMA as f32, n, &learned.device()))));
    let errors: Vec<f64> = found.iter().zip(&s).map(|(a, b)| (a - b).powi(2)).collect();
    let sizes: Vec<f64> = s.iter().map(|s| s * s).collect();
    evidence.figures.push(
        Figure::at_most(
            format!("relative error of a network trained with {name} noise"),
            LEARNED,
            Estimate::ratio(&errors, &sizes),
        )
        .meaning("E‖s_θ − s*‖²/E‖s*‖²: 1 for a network that says 0. The bound is for a network of finite size and training."),
    );
    if ["gaussian", "laplace"].contains(&name) {
        evidence.pictures.push(picture(name, &bins, &learned, &*exact)?);
    }
    Ok(())
}

/// A bin of noisy points.
struct Bin {
    /// Mean place.
    x: f64,
    /// Mean target.
    target: Estimate,
    /// Mean of target less exact score.
    left: Estimate,
}

/// As many points in each.
fn bins(x: &[f64], t: &[f64], s: &[f64]) -> Vec<Bin> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|a, b| x[*a].total_cmp(&x[*b]));
    let of = |rows: &[usize]| {
        let mean = |f: &dyn Fn(usize) -> f64| Estimate::mean(&rows.iter().map(|i| f(*i)).collect::<Vec<_>>());
        Bin { x: mean(&|i| x[i]).mean, target: mean(&|i| t[i]), left: mean(&|i| t[i] - s[i]) }
    };
    (0..BINS).map(|b| of(&order[b * x.len() / BINS..(b + 1) * x.len() / BINS])).collect()
}

fn picture(noise: &'static str, bins: &[Bin], learned: &dyn Score, exact: &dyn Score) -> Result<Panel> {
    let x: Vec<f32> = (0..=160).map(|i| -3.2 + 0.04 * i as f32).collect();
    let at = |score: &dyn Score| -> Vec<(f64, f64)> {
        let device = score.device();
        let values =
            wide(numbers(score.score(matrix(x.clone(), x.len(), 1, &device), &repeated(SIGMA as f32, x.len(), &device))));
        x.iter().map(|x| f64::from(*x)).zip(values).collect()
    };
    let inside = |b: &&Bin| (-3.2..=3.2).contains(&b.x);
    let dots: Vec<Measurement> = bins
        .iter()
        .filter(inside)
        .map(|b| {
            let half = 2.0 * b.target.standard_error;
            Measurement { x: b.x, y: b.target.mean, interval: [b.target.mean - half, b.target.mean + half] }
        })
        .collect();
    let (truth, net) = (at(exact), at(learned));
    let picture = comparison(&Comparison {
        title: &format!("The target's mean is the score: {noise} noise"),
        caption: "Dots: mean target in bins of the noisy point, ± 2 standard errors. A single target scatters far more; its mean given x̃ is the exact \
                  score of the noisy density, and that is what a network learns.",
        theory: &[Series { name: "exact score of p_σ", points: &truth }, Series { name: "learned", points: &net }],
        measured: &[Measured { name: "mean target", points: &dots }],
        x_label: "x̃, data units",
        y_label: "score, 1/data unit",
    })?;
    Ok(Panel { name: noise, picture, alt: "Dots along two nearly equal curves".to_owned() })
}

/// The registry's row.
pub(super) const ENTRY: Entry<Experiment> = Entry {
    name: "denoising",
    aliases: &["dsm"],
    summary: "Denoising score matching needs no trace, and any noise with a closed-form score will do",
    formula: "argmin_s E½‖s(x̃) − ∇ log q_σ(x̃ given x)‖² = ∇ log p_σ; Gaussian: ∇ log q_σ = (x − x̃)/σ²",
    source: "Vincent 2011, section 4; Song & Ermon 2019",
    value: Experiment { number: 3, measure },
};
