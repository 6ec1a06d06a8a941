//! Claim 6: Langevin dynamics samples p as ε → 0 and T → ∞.
//!
//! On N(0, 1) the step x ← x − (ε/2)x + √ε·z is an autoregression with coefficient 1 − ε/2: its mean forgets the start as (1 − ε/2)ᵀ, and its
//! variance goes to ε/(1 − (1 − ε/2)²) = 1/(1 − ε/4), which is 1 only as ε → 0. On a mixture of two modes, near enough to be crossed, the
//! chains' distribution function is held against the exact one: sup|F_n − F| of n independent draws is below 1.95/√n in 999 sets of 1000
//! (Kolmogorov 1933).

use super::claim::{Evidence, Experiment, Figure, Panel, plain};
use super::stage::Stage;
use crate::density::{Component, Mixture, mixture};
use crate::error::Result;
use crate::oracle::{Estimate, slope};
use crate::plot::{Comparison, Histogram, Measured, Measurement, Series, comparison, histogram};
use crate::registry::Entry;
use crate::sample::{Langevin, Start};
use statrs::function::erf::erfc;
use std::sync::Arc;

const STEP_SIZES: [f64; 4] = [0.1, 0.25, 0.5, 1.0];
/// Where chains begin that must forget it.
const FAR: f64 = 6.0;
/// The 99.9 % point of Kolmogorov's distribution.
const KOLMOGOROV: f64 = 1.95;
/// A long and a short step for the mixture, whose narrower mode has variance 0.09, and how many of each there are. The weights of the modes
/// settle as e^{−0.0372 t}, t = ε·steps (the second eigenvalue of the dynamics' generator, on a grid): after t = 120 a start that is off by 0.14 is
/// off by 0.0016.
const LENGTHS: [(f64, usize); 2] = [(0.25, 2000), (0.002, 60_000)];

fn measure(stage: &mut Stage<'_>) -> Result<Evidence> {
    let mut evidence = Evidence {
        done: "Many chains of x ← x + (ε/2)·s(x) + √ε·z with the exact score. On N(0, 1) the law of a step of any size is known: the variance \
               that the chains settle at, and how fast they forget a far start. On two modes of unequal width the distribution of the chains is \
               held against the exact one, for a long and a short step."
            .to_owned(),
        ..Evidence::default()
    };
    small_steps(stage, &mut evidence)?;
    many_steps(stage, &mut evidence)?;
    two_modes(stage, &mut evidence)?;
    Ok(evidence)
}

fn normal() -> Result<Mixture> {
    Mixture::new(vec![Component::isotropic(1.0, vec![0.0], 1.0)])
}

/// ε → 0: the variance.
fn small_steps(stage: &mut Stage<'_>, evidence: &mut Evidence) -> Result<()> {
    let (p, n) = (normal()?, stage.either(200_000, 1_000_000));
    let law = |epsilon: f64| 1.0 / (1.0 - epsilon / 4.0);
    let (mut dots, mut biases) = (Vec::new(), Vec::new());
    for epsilon in STEP_SIZES {
        // What is left of the start's variance after so many steps: below 10⁻⁵.
        let steps = (12.0 / epsilon).ceil() as usize;
        let start = Start::Normal { mean: vec![0.0], sigma_data: 1.0 };
        let x = stage.draw(&p, &Langevin { steps, epsilon, sigma: 0.0 }, n, start, 0.0)?.points;
        let found = Estimate::mean(&x.iter().map(|x| x * x).collect::<Vec<_>>());
        evidence.figures.push(
            Figure::statistical(
                format!("variance that chains settle at, ε = {epsilon}"),
                law(epsilon),
                found,
                1.6 * (law(epsilon) - 1.0),
            )
            .meaning("1/(1 − ε/4) for a target of variance 1."),
        );
        let half = 2.0 * found.standard_error;
        dots.push(Measurement { x: epsilon, y: found.mean, interval: [found.mean - half, found.mean + half] });
        biases.push(Estimate { mean: found.mean - 1.0, ..found }.ln());
    }
    let logs = STEP_SIZES.map(f64::ln);
    let exact: Vec<Estimate> = STEP_SIZES.iter().map(|e| Estimate { mean: law(*e) - 1.0, standard_error: 0.0 }.ln()).collect();
    evidence.figures.push(
        Figure::statistical("slope of ln(variance − 1) over ln ε", slope(&logs, &exact).mean, slope(&logs, &biases), 0.9)
            .meaning("About 1: the error of the variance goes to 0 as ε does. Expected: the same slope of 1/(1 − ε/4) − 1."),
    );
    let fine: Vec<(f64, f64)> = (1..=110).map(|i| 0.01 * f64::from(i)).map(|e| (e, law(e))).collect();
    let one = [(0.01, 1.0), (1.1, 1.0)];
    let picture = comparison(&Comparison {
        title: "A short step has little bias",
        caption: "The variance that Langevin chains settle at on a target of variance 1, ± 2 standard errors.",
        theory: &[Series { name: "1/(1 − ε/4)", points: &fine }, Series { name: "the target's", points: &one }],
        measured: &[Measured { name: "chains", points: &dots }],
        x_label: "step size ε, data units²",
        y_label: "variance, data units²",
    })?;
    evidence.pictures.push(Panel {
        name: "bias",
        picture,
        alt: "Dots on a curve that rises from 1 with the step size".to_owned(),
    });
    Ok(())
}

/// T → ∞: the start is forgotten.
fn many_steps(stage: &mut Stage<'_>, evidence: &mut Evidence) -> Result<()> {
    let (p, n, epsilon) = (normal()?, stage.either(20_000, 100_000), 0.1);
    for steps in [10usize, 40, 120] {
        let start = Start::Points(Arc::from([FAR]));
        let x = stage.draw(&p, &Langevin { steps, epsilon, sigma: 0.0 }, n, start, 0.0)?.points;
        let expected = FAR * (1.0 - epsilon / 2.0).powi(steps as i32);
        evidence.figures.push(
            Figure::statistical(format!("mean after T = {steps} steps of ε = 0.1 from x = 6"), expected, Estimate::mean(&x), 0.2)
                .meaning("6·(1 − ε/2)ᵀ: the start is forgotten."),
        );
    }
    Ok(())
}

/// Both: the distribution.
fn two_modes(stage: &mut Stage<'_>, evidence: &mut Evidence) -> Result<()> {
    let (p, n) = (mixture("mixture-1d")?, stage.either(2000, 10_000));
    let bound = KOLMOGOROV / (n as f64).sqrt();
    let mut distances = Vec::new();
    for (epsilon, steps) in LENGTHS {
        let start = Start::Uniform { low: -4.0, high: 4.0 };
        let x = stage.draw(&p, &Langevin { steps, epsilon, sigma: 0.0 }, n, start, 0.0)?.single();
        distances.push(distance(&p, &x));
        let title = format!("Two modes, {steps} steps of ε = {epsilon}");
        let density: Vec<(f32, f32)> =
            (0..=240).map(|i| -4.0 + 0.03 * i as f32).map(|at| (at, height(&p, f64::from(at)) as f32)).collect();
        let caption = format!("{n} chains from U[−4, 4], each at its last step, and the exact density.");
        let picture =
            histogram(&Histogram { title: &title, caption: &caption, values: &x, density: &density, x_label: "x, data units" })?;
        let name = if epsilon < 0.01 { "short-steps" } else { "long-steps" };
        evidence.pictures.push(Panel {
            name,
            picture,
            alt: "A histogram with two peaks and the exact density over it".to_owned(),
        });
    }
    let independent = format!("1.95/√{n}: of {n} independent draws it is below in 999 cases of 1000.");
    evidence.figures.extend([
        Figure::at_most("sup|F_n − F| with short steps, ε = 0.002", bound, plain(distances[1])).meaning(&independent),
        Figure::at_least("sup|F_n − F| with long steps, ε = 0.25", bound, plain(distances[0]))
            .meaning(format!("{independent} A long step has a bias that no number of steps removes.")),
    ]);
    Ok(())
}

/// The components of a mixture on the line: weight, mean, standard deviation.
fn parts(p: &Mixture) -> impl Iterator<Item = (f64, f64, f64)> {
    p.weights().into_iter().zip(p.means()).zip(p.variances()).map(|((w, m), v)| (w, m[0], v[0].sqrt()))
}

/// p(x).
fn height(p: &Mixture, x: f64) -> f64 {
    parts(p).map(|(w, m, s)| w * (-0.5 * ((x - m) / s).powi(2)).exp() / (s * std::f64::consts::TAU.sqrt())).sum()
}

/// sup|F_n − F|.
fn distance(p: &Mixture, x: &[f32]) -> f64 {
    let mut x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
    x.sort_by(f64::total_cmp);
    let below = |x: f64| parts(p).map(|(w, m, s)| 0.5 * w * erfc((m - x) / (s * std::f64::consts::SQRT_2))).sum::<f64>();
    let n = x.len() as f64;
    let gap = |(i, x): (usize, &f64)| {
        let f = below(*x);
        (f - i as f64 / n).abs().max((f - (i + 1) as f64 / n).abs())
    };
    x.iter().enumerate().map(gap).fold(0.0, f64::max)
}

/// The registry's row.
pub(super) const ENTRY: Entry<Experiment> = Entry {
    name: "langevin",
    aliases: &["ula"],
    summary: "Langevin dynamics samples p as the step goes to 0 and the number of steps to infinity",
    formula: "x ← x + (ε/2)·∇ log p(x) + √ε·z",
    source: "Roberts & Tweedie 1996; Welling & Teh 2011",
    value: Experiment { number: 6, measure },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};

    #[test]
    fn independent_draws_are_within_kolmogorovs_bound_and_a_shifted_set_is_not() {
        let p = mixture("mixture-1d").unwrap();
        let x = p.sample(Key::new(1, Purpose::Data), 0, 4000, 0.0);
        let bound = KOLMOGOROV / 4000f64.sqrt();
        assert!(distance(&p, &x) < bound);
        let shifted: Vec<f32> = x.iter().map(|x| x + 0.1).collect();
        assert!(distance(&p, &shifted) > bound);
    }
}
