//! Claim 8: where there are no data the learned score is wrong, and Langevin dynamics starts there.
//!
//! The loss of score matching is a mean over the data: what s_θ does where p is nearly 0 it never sees. Noise fills the space: at a level σ of the
//! order of the modes' distance, points between them are common, and the score that a network learns of all levels is right there too. The
//! relative error of a region is (E‖s_θ − s*‖²/E‖s*‖²)^½ over points of it: draws of p_σ at the modes, and between them points of the middle
//! third between clean draws of either mode, with noise. At large σ the two regions overlap, which brings the quotient towards 1; it depends on
//! where `between` is taken to be.

use super::claim::{Evidence, Experiment, Figure, Panel};
use super::stage::{START, Stage};
use crate::density::Mixture;
use crate::diagnostic::density::{Between, between_modes};
use crate::error::Result;
use crate::key::Purpose;
use crate::oracle::Estimate;
use crate::plot::{Comparison, Measured, Measurement, ScoreField, Series, comparison, field};
use crate::registry::Entry;
use crate::score::Score;
use crate::words::number;

/// The claim's own bounds: how many times larger the relative error is between the modes.
const WITHOUT: f64 = 10.0;
const WITH: f64 = 2.0;
/// Levels at which the network that was trained with noise is looked at, and those of them at which chains pass from mode to mode: where
/// a mode's standard deviation is near the half distance of the modes, 7.1, or beyond.
const LEVELS: [f64; 7] = [1.0, 2.0, 4.0, 7.0, 10.0, 14.0, 20.0];
const JOINED: [f64; 4] = [7.0, 10.0, 14.0, 20.0];
/// Starts on [−8, 8]² farther than this from both modes lie where p is below e⁻⁸ of its peak there.
const FAR: f64 = 4.0;

/// The relative error between the modes over that at them, with an interval: that of the quotient of the root mean squares of s_θ − s*,
/// scaled, since E‖s*‖² is known far better.
fn quotient(found: &Between) -> (Estimate, [f64; 2]) {
    let mean = (found.between.relative / found.at.relative).sqrt();
    let interval = found.interval.map(|end| end * mean / found.ratio);
    (Estimate { mean, standard_error: (interval[1] - interval[0]) / 4.0 }, interval)
}

/// What the quotient is made of, in words.
fn parts(found: &Between) -> String {
    let [at, between] = [found.at.relative, found.between.relative].map(f64::sqrt);
    format!(
        "Relative error {} at the modes, {} between them; the root mean square of s_θ − s* itself is {} times as large between them.",
        number(at),
        number(between),
        number(found.ratio)
    )
}

fn measure(stage: &mut Stage<'_>) -> Result<Evidence> {
    let (p, n) = (stage.mixture()?, stage.either(4000, 40_000));
    let (without, with) = (stage.without_noise()?, stage.with_noise()?);
    let mut evidence = Evidence {
        done: "Two networks learn the score of the lecture's mixture: one without noise, by sliced score matching, one by denoising at all noise \
               levels. Their relative errors between the modes are held against those at the modes, the second's at the levels where annealed \
               chains pass from one mode to the other."
            .to_owned(),
        ..Evidence::default()
    };
    let at = |score: &dyn Score, sigma: f64| between_modes(score, &p, sigma, n, stage.key(Purpose::Data, 800));
    let clean = at(&without.model, 0.0)?;
    let (of_clean, interval) = quotient(&clean);
    let name = "relative error between the modes over that at them, trained without noise";
    evidence
        .figures
        .extend([Figure { interval, ..Figure::at_least(name, WITHOUT, of_clean) }.meaning(parts(&clean)), outside(stage, &p)?]);
    let first = Measurement { x: 0.9, y: of_clean.mean, interval };
    let mut dots = Vec::new();
    for sigma in LEVELS {
        let found = at(&with.model, sigma)?;
        let (of_noisy, interval) = quotient(&found);
        dots.push(Measurement { x: sigma, y: of_noisy.mean, interval });
        if JOINED.contains(&sigma) {
            let name = format!("relative error between the modes over that at them, trained with noise levels, at σ = {sigma}");
            let figure = Figure::at_most(name, WITH, of_noisy).meaning(parts(&found));
            evidence.figures.push(Figure { interval, ..figure });
        }
    }
    let line = |y: f64| [(0.9, y), (22.0, y)];
    let picture = comparison(&Comparison {
        title: "Noise fills the gap between the modes",
        caption: "How many times larger the relative error of the score is between the modes than at them, with 95 % intervals. Without noise (drawn at the \
                  left end) nothing teaches the score there; the larger σ, the more data there are between the modes.",
        theory: &[
            Series { name: "", points: &[] },
            Series { name: "", points: &[] },
            Series { name: "2 and 10", points: &line(WITH) },
            Series { name: "", points: &line(WITHOUT) },
        ],
        measured: &[
            Measured { name: "trained with noise", points: &dots },
            Measured { name: "trained without", points: &[first] },
        ],
        x_label: "noise level σ, data units",
        y_label: "error between / at the modes",
    })?;
    evidence.pictures.push(Panel {
        name: "errors",
        picture,
        alt: "The quotient of errors falls as the noise level rises, below 2 from about 4 on, where chains begin to pass between the modes; without noise it is above 10".to_owned(),
    });
    for (name, title, score) in
        [("exact", "The exact score", &p as &dyn Score), ("learned", "What was learned without noise", &without.model)]
    {
        evidence.pictures.push(arrows(stage, &p, name, title, score)?);
    }
    Ok(evidence)
}

/// The share of the lecture's starts that lie where there are no data.
fn outside(stage: &Stage<'_>, p: &Mixture) -> Result<Figure> {
    let n = 20_000;
    let starts = START.rows(stage.key(Purpose::Start, 801), 0, n, 2, 0.0);
    let far = |x: &[f64]| p.means().iter().all(|m| (x[0] - m[0]).hypot(x[1] - m[1]) > FAR);
    let shares: Vec<f64> = starts.chunks_exact(2).map(|x| f64::from(u8::from(far(x)))).collect();
    // The disc of radius 4 about (5, 5) loses two segments beyond 8, at distance 3 from its centre; no point of it is beyond both, as 3² + 3² > 4².
    let segment = FAR * FAR * (3.0 / FAR).acos() - 3.0 * (FAR * FAR - 9.0f64).sqrt();
    let disc = std::f64::consts::PI * FAR * FAR - 2.0 * segment;
    let expected = 1.0 - 2.0 * disc / 256.0;
    Ok(Figure::statistical("share of starts on [−8, 8]² more than 4σ from both modes", expected, Estimate::mean(&shares), 0.1)
        .meaning("By the discs' areas: most chains begin where the learned score was never taught."))
}

fn arrows(stage: &Stage<'_>, p: &Mixture, name: &'static str, title: &str, score: &dyn Score) -> Result<Panel> {
    let (range, side) = ((-9.0, 9.0), 17);
    let nodes: Vec<f64> = ScoreField::nodes(range, range, side, side).into_iter().map(f64::from).collect();
    let mut scores = vec![0.0; nodes.len()];
    score.score_rows(&nodes, 0.0, &mut scores);
    let scores: Vec<f32> = scores.into_iter().map(|s| s as f32).collect();
    let points = p.sample(stage.key(Purpose::Data, 802), 0, 300, 0.0);
    let picture = field(&ScoreField {
        title,
        caption: "Dots: data.",
        x: range,
        y: range,
        nx: side,
        ny: side,
        scores: &scores,
        backdrop: None,
        points: &points,
        paths: &[],
        x_label: "x₁, data units",
        y_label: "x₂, data units",
    })?;
    Ok(Panel { name, picture, alt: "Arrows of a score field over two clouds of data".to_owned() })
}

/// The registry's row.
pub(super) const ENTRY: Entry<Experiment> = Entry {
    name: "low-density",
    aliases: &["density"],
    summary: "Where there are no data the learned score is wrong, and Langevin dynamics starts there",
    formula: "(E‖s_θ − s*‖²/E‖s*‖²)^½ between the modes ≫ at the modes",
    source: "Song & Ermon 2019, section 3.2.1",
    value: Experiment { number: 8, measure },
};
