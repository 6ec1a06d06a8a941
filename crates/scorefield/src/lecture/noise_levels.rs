//! Claim 10: noise levels from large to small mend what Langevin dynamics does wrong: annealed Langevin, and from there diffusion models.
//!
//! A ladder that begins at σ₁ joins what is nearer than about σ₁. Begun below the distance of the modes it returns the starts' proportions,
//! like plain chains; begun above it, the weights. The same network that knows all levels also knows the probability-flow ODE
//! dx/dσ = −σ·∇ log p_σ(x) from noise to data (Song et al. 2021), which has no chains to mix.

use super::claim::{Evidence, Experiment, Figure, Panel};
use super::losses::wide;
use super::slow_mixing::{BAND, WEIGHT, annealed, basin, share, tolerance};
use super::stage::{CHAINS, START, Stage, log_density};
use crate::density::Mixture;
use crate::error::Result;
use crate::key::Purpose;
use crate::levels::Levels;
use crate::oracle::Estimate;
use crate::plot::{Backdrop, Cloud, Comparison, Measured, Measurement, Scatter, Series, comparison, scatter};
use crate::registry::Entry;
use crate::sample::{Churn, Heun, Start};
use crate::score::Score;
use crate::tensor::{matrix, numbers, repeated};

/// σ₁ of the ladders, data units; the modes are 14.1 apart.
const FIRST: [f64; 6] = [1.5, 2.5, 4.0, 6.5, 10.0, 20.0];
/// The ratio of the lecture's ladder, 20 to 1 in ten levels.
const RATIO: f64 = 1.395;
/// Levels of the ODE.
const LEVELS: usize = 40;
/// E‖s_θ − s*‖²/E‖s*‖² that the network is held to at every level.
const LEARNED: f64 = 0.05;

fn measure(stage: &mut Stage<'_>) -> Result<Evidence> {
    let (p, learned) = (stage.mixture()?, stage.with_noise()?);
    let mut evidence = Evidence {
        done: format!(
            "Annealed Langevin dynamics from ladders that begin at σ₁ = {} to {}, {CHAINS} chains from starts uniform on [−8, 8]², 100 steps a level \
             down to σ = 1, with the exact score and with a learned one. Then the same network's probability-flow ODE from σ = 80 to 0.",
            FIRST[0],
            FIRST[FIRST.len() - 1]
        ),
        ..Evidence::default()
    };
    every_level(stage, &p, &learned.model, &mut evidence)?;

    let mut shown = Vec::new();
    for (which, score) in [("exact", &p as &dyn Score), ("learned", &learned.model)] {
        let mut points = Vec::new();
        for first in FIRST {
            let n = 1 + (first.ln() / RATIO.ln()).round() as usize;
            let drawn = stage.draw(score, &annealed(Levels::geometric(first, 1.0, n.max(2))?), CHAINS, START, first)?.points;
            let found = share(&p, &drawn, 1.0)?;
            points.push(Measurement { x: first, y: found.weight, interval: [found.interval.0, found.interval.1] });
            let name = |what: &str| format!("share of the mode at (5, 5), ladder from σ₁ = {first}, {which} score: {what}");
            if first == FIRST[0] {
                evidence.figures.push(Figure::share(name("the starts'"), basin(first), &found, tolerance(CHAINS)).meaning(
                    "The share of starts in the basin at σ₁, ½ + ln 4·(1 + σ₁²)/160: too little noise to join the modes.",
                ));
            }
            if first == FIRST[FIRST.len() - 1] {
                evidence
                    .figures
                    .push(Figure::share(name("the weight"), WEIGHT, &found, BAND).meaning("The weight, in the lecture's band."));
            }
        }
        shown.push(points);
    }
    let theory = [(1.4, WEIGHT), (21.0, WEIGHT)];
    let picture = comparison(&Comparison {
        title: "Enough noise at first, and the proportions come right",
        caption: "Share of chains at the mode at (5, 5) against the ladder's first level, with 95 % intervals; the line is the mode's weight. The modes are \
                  14 apart.",
        theory: &[
            Series { name: "", points: &[] },
            Series { name: "", points: &[] },
            Series { name: "weight 0.8", points: &theory },
        ],
        measured: &[Measured { name: "exact score", points: &shown[0] }, Measured { name: "learned score", points: &shown[1] }],
        x_label: "first level σ₁, data units",
        y_label: "share of chains",
    })?;
    evidence.pictures.push(Panel {
        name: "shares",
        picture,
        alt: "The share rises from one half to 0.8 with the first level".to_owned(),
    });
    diffusion(stage, &p, &learned.model, &mut evidence)?;
    Ok(evidence)
}

/// The learned score at each of a few levels.
fn every_level(stage: &Stage<'_>, p: &Mixture, model: &dyn Score, evidence: &mut Evidence) -> Result<()> {
    let n = stage.either(20_000, 100_000);
    for (k, sigma) in [1.0, 5.0, 20.0].into_iter().enumerate() {
        let x = p.sample(stage.key(Purpose::Data, 1000 + k as u32), 0, n, sigma);
        let device = model.device();
        let at =
            |score: &dyn Score| wide(numbers(score.score(matrix(x.clone(), n, 2, &device), &repeated(sigma as f32, n, &device))));
        let (found, exact) = (at(model), at(p));
        let pairs = |of: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..n).map(|i| of(2 * i) + of(2 * i + 1)).collect() };
        let error = Estimate::ratio(&pairs(&|i| (found[i] - exact[i]).powi(2)), &pairs(&|i| exact[i].powi(2)));
        evidence.figures.push(
            Figure::at_most(format!("relative error of the learned score at σ = {sigma}"), LEARNED, error)
                .meaning("E‖s_θ − s*‖²/E‖s*‖² at draws from p_σ: one network for all levels."),
        );
    }
    Ok(())
}

/// The probability-flow ODE of the same network.
fn diffusion(stage: &mut Stage<'_>, p: &Mixture, model: &dyn Score, evidence: &mut Evidence) -> Result<()> {
    let n = stage.either(4000, 40_000);
    let levels = Levels::karras(80.0, 0.05, LEVELS, 7.0)?.to_zero();
    let (mean, variance) = p.moments();
    let start = Start::Normal { mean: mean.iter().map(|m| *m as f32).collect(), sigma_data: variance.sqrt() as f32 };
    let drawn = stage.draw(model, &Heun { levels, churn: Churn::NONE }, n, start, 80.0)?;
    let found = share(p, &drawn.points, 0.0)?;
    let points = drawn.single();
    let within: Vec<f64> = points
        .chunks_exact(2)
        .flat_map(|x| {
            let centre = if x[0] + x[1] > 0.0 { 5.0 } else { -5.0 };
            [f64::from(x[0]) - centre, f64::from(x[1]) - centre]
        })
        .collect();
    let square = Estimate::mean(&within.iter().map(|x| x * x).collect::<Vec<_>>());
    evidence.figures.extend([
        Figure::share(format!("share of the mode at (5, 5), probability-flow ODE, {n} samples"), WEIGHT, &found, BAND)
            .meaning("The same network, no chain at all: noise is turned into data."),
        Figure::within("mean square distance from the mode, a coordinate, data units²", 1.0, square, 0.1)
            .meaning("Each mode has variance 1; the band is for a learned score."),
    ]);
    let density = log_density(p, 0.0, [(-10.0, 10.0); 2]);
    let picture = scatter(&Scatter {
        title: "A diffusion model of the mixture",
        caption: &format!("{n} samples by Heun's method, {} evaluations of the network each.", drawn.evaluations),
        clouds: &[Cloud { name: "", points: &points }],
        backdrop: Some(Backdrop::Contours(&density)),
        x_label: "x₁, data units",
        y_label: "x₂, data units",
    })?;
    evidence.pictures.push(Panel {
        name: "diffusion",
        picture,
        alt: "Points around two modes, most of them around the upper one".to_owned(),
    });
    Ok(())
}

/// The registry's row.
pub(super) const ENTRY: Entry<Experiment> = Entry {
    name: "noise-levels",
    aliases: &["annealed"],
    summary: "Noise levels from large to small mend this: annealed Langevin dynamics, and from there diffusion models",
    formula: "x ← x + (α_i/2)·s(x, σ_i) + √α_i·z, α_i ∝ σ_i²; dx/dσ = −σ·s(x, σ)",
    source: "Song & Ermon 2019; Song et al. 2021",
    value: Experiment { number: 10, measure },
};
