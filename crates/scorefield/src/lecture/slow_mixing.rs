//! Claim 9: ∇ log p forgets the weights of separated modes, and Langevin chains return the wrong proportions.
//!
//! Where the modes do not overlap, p ∝ w_k·p_k there and ∇ log p = ∇ log p_k: w_k is gone. A chain falls into the mode in whose basin it
//! begins; between the modes of w₁N(m, I) + w₂N(−m, I) the basins meet where 2mᵀx + ln(w₁/w₂) = 0. For the lecture's mixture, m = (5, 5),
//! and starts uniform on [−8, 8]², the first basin holds ½ + ln 4/160 = 0.509 of them: Langevin's answer, whatever the weights are.
//! Annealed Langevin dynamics begins where noise has joined the modes, and finds 0.8 (Song & Ermon 2019, section 3.2.2 and figure 3).

use super::claim::{Evidence, Experiment, Figure, Panel};
use super::stage::{CHAINS, START, Stage, log_density};
use crate::density::{Component, Mixture};
use crate::diagnostic::chains::{Draws, Share, Trace, mode_shares};
use crate::error::Result;
use crate::key::Purpose;
use crate::levels::Levels;
use crate::plot::{Backdrop, Cloud, Comparison, Measured, Measurement, Scatter, Series, comparison, scatter};
use crate::registry::Entry;
use crate::sample::{Annealed, Draw, Kept, Langevin, draw};
use crate::score::{LogDensity, Score};

/// ε of plain Langevin dynamics.
const EPSILON: f64 = 0.1;
/// Steps after which the chains are looked at.
const LENGTHS: [usize; 3] = [100, 1000, 10_000];
/// The weight of the mode at (5, 5).
pub(super) const WEIGHT: f64 = 0.8;
/// The claim's own band for annealed Langevin dynamics.
pub(super) const BAND: f64 = 0.03;

/// The share of starts on [−8, 8]² in the basin of the mode at (5, 5), at noise level σ: the basins meet where
/// 10(x₁ + x₂)/(1 + σ²) + ln 4 = 0, and the sum of two uniform numbers has density 1/16 at 0.
pub(super) fn basin(sigma: f64) -> f64 {
    0.5 + 4f64.ln() * (1.0 + sigma * sigma) / 160.0
}

/// Five standard errors of a share near one half, of so many chains.
pub(super) fn tolerance(chains: usize) -> f64 {
    crate::oracle::WIDTH * (0.25 / chains as f64).sqrt()
}

/// The lecture's ladder: ten levels from 20 to 1.
pub(super) fn annealed(levels: Levels) -> Annealed {
    Annealed { levels, steps_per_level: 100, epsilon: 0.2, denoise: false }
}

/// The share of the mode at (5, 5) among points, each a chain of its own.
pub(super) fn share(p: &Mixture, points: &[f64], sigma: f64) -> Result<Share> {
    let single: Vec<f32> = points.iter().map(|x| *x as f32).collect();
    let labels = p.assign(&single, sigma);
    Ok(mode_shares(&labels, labels.len(), 1, 2)?[0])
}

fn measure(stage: &mut Stage<'_>) -> Result<Evidence> {
    let p = stage.mixture()?;
    let mut evidence = Evidence {
        done: format!(
            "The lecture's mixture, 0.8 N((5, 5), I) + 0.2 N((−5, −5), I): independent draws, {CHAINS} Langevin chains of up to 10,000 steps of \
             ε = {EPSILON} from starts uniform on [−8, 8]², and annealed Langevin dynamics down ten levels from σ = 20 to 1, 100 steps each. Once with \
             the exact score, once with scores that networks have learned: without noise for the plain chains, with noise for the annealed ones."
        ),
        ..Evidence::default()
    };
    forgotten(stage, &p, &mut evidence)?;
    let iid: Vec<f64> = p.sample(stage.key(Purpose::Data, 900), 0, CHAINS, 0.0).into_iter().map(f64::from).collect();
    let of_iid = share(&p, &iid, 0.0)?;
    evidence.figures.push(
        Figure::share(format!("share of the mode at (5, 5), {CHAINS} independent draws"), WEIGHT, &of_iid, tolerance(CHAINS))
            .meaning("Its weight, within five standard errors."),
    );

    let (without, with) = (stage.without_noise()?, stage.with_noise()?);
    let scores: [(&str, &dyn Score, &dyn Score); 2] = [("exact", &p, &p), ("learned", &without.model, &with.model)];
    let mut shown = Vec::new();
    for (which, plain, noisy) in scores {
        let (seen, mut of_steps) = (langevin(stage, plain)?, Vec::new());
        for (steps, points) in LENGTHS.iter().zip(&seen) {
            let found = share(&p, points, 0.0)?;
            evidence.figures.push(
                Figure::share(format!("the same, Langevin, {steps} steps, {which} score"), basin(0.0), &found, tolerance(CHAINS))
                    .meaning("The share of starts in that mode's basin, ½ + ln 4/160: the weights do not come in."),
            );
            of_steps.push(Measurement { x: *steps as f64, y: found.weight, interval: [found.interval.0, found.interval.1] });
        }
        let levels = Levels::geometric(20.0, 1.0, 10)?;
        let points = stage.draw(noisy, &annealed(levels), CHAINS, START, 20.0)?.points;
        let found = share(&p, &points, 1.0)?;
        evidence.figures.push(
            Figure::share(format!("the same, annealed Langevin, 10 × 100 steps, {which} score"), WEIGHT, &found, BAND)
                .meaning("The weight, in the lecture's band."),
        );
        let of_annealed = Measurement { x: 1000.0, y: found.weight, interval: [found.interval.0, found.interval.1] };
        shown.push((of_steps, of_annealed, seen[1].clone(), points));
    }
    evidence.pictures.push(shares(&shown)?);
    let (plain, annealed) = (&shown[0].2, &shown[0].3);
    let (learned_plain, learned_annealed) = (&shown[1].2, &shown[1].3);
    for (name, title, points) in [
        ("independent", "Independent draws", &iid),
        ("langevin", "Langevin, 1,000 steps, exact score", plain),
        ("langevin-learned", "Langevin, 1,000 steps, learned score", learned_plain),
        ("annealed", "Annealed Langevin, exact score", annealed),
        ("annealed-learned", "Annealed Langevin, learned score", learned_annealed),
    ] {
        evidence.pictures.push(cloud(&p, name, title, points)?);
    }
    Ok(evidence)
}

/// The scores of two mixtures that differ in their weights alone.
fn forgotten(stage: &Stage<'_>, p: &Mixture, evidence: &mut Evidence) -> Result<()> {
    let component = |at: f64| Component::isotropic(0.5, vec![at, at], 1.0);
    let even = Mixture::new(vec![component(5.0), component(-5.0)])?;
    let x: Vec<f64> = p.sample(stage.key(Purpose::Data, 901), 0, CHAINS, 0.0).into_iter().map(f64::from).collect();
    let of = |p: &Mixture, x: &[f64]| {
        let (mut log, mut score) = (vec![0.0; x.len() / 2], vec![0.0; x.len()]);
        p.log_prob_rows(x, 0.0, &mut log, &mut score);
        (log, score)
    };
    let apart = of(p, &x).1.iter().zip(&of(&even, &x).1).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let modes = of(p, &[5.0, 5.0, -5.0, -5.0]).0;
    evidence.figures.extend([
        Figure::exact("largest difference of the scores for weights (0.8, 0.2) and (½, ½), at draws", 0.0, apart, 1e-9)
            .meaning("At either mode the other is e⁻⁵⁰ and less: the score does not know the weights."),
        Figure::exact("log p at (5, 5) less log p at (−5, −5), nats", 4f64.ln(), modes[0] - modes[1], 1e-9)
            .meaning("ln(0.8/0.2): log p does know them; its slope does not."),
    ]);
    Ok(())
}

/// The chains after 100, 1,000 and 10,000 steps, `[n, 2]` each.
fn langevin(stage: &mut Stage<'_>, score: &dyn Score) -> Result<Vec<Vec<f64>>> {
    let steps = LENGTHS[LENGTHS.len() - 1];
    let request = Draw { n: CHAINS, from: 0, seed: stage.seed, start: START, start_sigma: 0.0 };
    let mut trace = Trace::of(CHAINS, Kept { after: 0, steps }, 0, CHAINS, 2, stage.observer);
    draw(score, &Langevin { steps, epsilon: EPSILON, sigma: 0.0 }, &request, &mut trace)?;
    let every = trace.steps().0;
    let Draws { values, draws, .. } = trace.draws()?;
    let after = |length: usize| {
        values.chunks_exact(2 * draws).flat_map(|chain| &chain[2 * (length / every - 1)..][..2]).copied().collect()
    };
    Ok(LENGTHS.map(after).to_vec())
}

/// One score's shares by steps, its annealed share, and the points of both.
type OfScore = (Vec<Measurement>, Measurement, Vec<f64>, Vec<f64>);

fn shares(shown: &[OfScore]) -> Result<Panel> {
    // Side by side, not over each other.
    let moved = |m: &Measurement, by: f64| Measurement { x: m.x * by, ..*m };
    let plain = |k: usize, by: f64| -> Vec<Measurement> { shown[k].0.iter().map(|m| moved(m, by)).collect() };
    let (exact, learned) = (plain(0, 0.93), plain(1, 1.07));
    let (of_exact, of_learned) = ([moved(&shown[0].1, 0.93)], [moved(&shown[1].1, 1.07)]);
    let level = |y: f64| [(80.0, y), (12_000.0, y)];
    let picture = comparison(&Comparison {
        title: "Plain chains return the starts' proportions, annealed ones the weights",
        caption: "Share of chains at the mode at (5, 5), whose weight is 0.8, with 95 % intervals. The upper line is the weight, the lower one the share of \
                  starts in that mode's basin.",
        theory: &[
            Series { name: "", points: &[] },
            Series { name: "", points: &[] },
            Series { name: "", points: &[] },
            Series { name: "", points: &[] },
            Series { name: "0.8 and 0.509", points: &level(WEIGHT) },
            Series { name: "", points: &level(basin(0.0)) },
        ],
        measured: &[
            Measured { name: "Langevin, exact score", points: &exact },
            Measured { name: "Langevin, learned score", points: &learned },
            Measured { name: "annealed, exact", points: &of_exact },
            Measured { name: "annealed, learned", points: &of_learned },
        ],
        x_label: "steps T",
        y_label: "share of chains",
    })?;
    Ok(Panel {
        name: "shares",
        picture,
        alt: "Plain chains stay near one half for any number of steps, annealed ones lie at 0.8".to_owned(),
    })
}

fn cloud(p: &Mixture, name: &'static str, title: &str, points: &[f64]) -> Result<Panel> {
    let density = log_density(p, 0.0, [(-10.0, 10.0); 2]);
    let single: Vec<f32> = points.iter().map(|x| *x as f32).collect();
    let first = single.chunks_exact(2).filter(|x| x[0] + x[1] > 0.0).count() as f64 / (single.len() / 2) as f64;
    let picture = scatter(&Scatter {
        title,
        caption: &format!("{:.0} % are at the upper mode.", 100.0 * first),
        clouds: &[Cloud { name: "", points: &single }],
        backdrop: Some(Backdrop::Contours(&density)),
        x_label: "x₁, data units",
        y_label: "x₂, data units",
    })?;
    Ok(Panel { name, picture, alt: format!("Points around two modes, {:.0} % of them around the upper one", 100.0 * first) })
}

/// The registry's row.
pub(super) const ENTRY: Entry<Experiment> = Entry {
    name: "slow-mixing",
    aliases: &["mixing"],
    summary: "The score forgets the weights of separated modes, and Langevin chains return the wrong proportions",
    formula: "p = Σ_k w_k·p_k ⇒ ∇ log p ≈ ∇ log p_k at mode k",
    source: "Song & Ermon 2019, section 3.2.2",
    value: Experiment { number: 9, measure },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_that_are_looked_at_on_their_way_are_where_shorter_ones_end() {
        let (device, out) = (crate::tensor::Device::flex(), std::path::Path::new("nowhere"));
        let mut nobody = ();
        let mut stage = Stage::new(super::super::Effort::Quick, 5, &device, out, None, &mut nobody);
        let p = stage.mixture().unwrap();
        let seen = langevin(&mut stage, &p).unwrap();
        for (points, steps) in seen.iter().zip(LENGTHS) {
            let chain = Langevin { steps, epsilon: EPSILON, sigma: 0.0 };
            assert!(*points == stage.draw(&p, &chain, CHAINS, START, 0.0).unwrap().points, "{steps}");
        }
    }

    #[test]
    fn the_basins_share_is_that_of_a_grid_of_starts() {
        let p = crate::density::mixture("mixture").unwrap();
        for sigma in [0.0, 1.0] {
            let n = 1601;
            let at = |i: usize| -8.0 + 16.0 * (i as f32 + 0.5) / n as f32;
            let grid: Vec<f32> = (0..n).flat_map(|i| (0..n).flat_map(move |j| [at(i), at(j)])).collect();
            let inside = p.assign(&grid, sigma).iter().filter(|k| **k == 0).count() as f64 / (n * n) as f64;
            assert!((inside - basin(sigma)).abs() < 1e-3, "{sigma}: {inside}");
        }
    }
}
