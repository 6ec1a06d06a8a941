//! Distances between sets of samples, and other figures of how good samples are.

mod classifier;
mod copies;
mod coverage;
mod energy;
mod features;
mod figure;
mod frechet;
mod jackknife;
mod mmd;
mod neighbours;
mod pairs;
mod sliced;
mod transport;
mod two_sample;

pub use classifier::{Classifier, ClassifierConfig};
pub use copies::copies;
pub use coverage::{Coverage, coverage};
pub use energy::energy_distance;
pub use features::Features;
pub use figure::{Error95, Figure, LEAST, Measure, Metric, Question, Sets, figures};
pub use frechet::frechet;
pub use jackknife::{GROUPS, T9, jackknife};
pub use mmd::{median_length, mmd};
pub use neighbours::{Neighbours, nearest, nearest_distances, nearest_within};
pub use pairs::{Pairs, View};
pub use sliced::{sliced_wasserstein, unit_directions};
pub use transport::wasserstein;
pub use two_sample::two_sample_accuracy;

use crate::registry::Entry;

/// Neighbours of precision, recall, density and coverage.
const NEIGHBOURS: usize = 5;
/// Points that are matched by the exact transport.
const MATCHED: usize = 400;
/// Where a figure, and so its interval, can be.
const REAL: [f64; 2] = [f64::NEG_INFINITY, f64::INFINITY];
const POSITIVE: [f64; 2] = [0.0, f64::INFINITY];
const SHARE: [f64; 2] = [0.0, 1.0];

/// The figures a user may name.
pub static METRICS: &[Entry<Metric>] = &[
    Entry {
        name: "mmd",
        aliases: &["mmd2"],
        summary: "maximum mean discrepancy, squared and unbiased, Gaussian kernel of the median distance",
        formula: "E k(x, x') + E k(y, y') − 2E k(x, y)",
        source: "Gretton et al. 2012",
        value: Metric {
            measure: |s| Ok(mmd(&s.view, s.length)),
            error: Error95::Jackknife,
            ideal: Some(0.0),
            range: REAL,
            most: usize::MAX,
        },
    },
    Entry {
        name: "energy_distance",
        aliases: &["energy-distance"],
        summary: "energy distance, squared; the V-statistic",
        formula: "2E‖x − y‖ − E‖x − x'‖ − E‖y − y'‖",
        source: "Székely & Rizzo 2013",
        value: Metric {
            measure: |s| Ok(energy::of_pairs(&s.view)),
            error: Error95::Jackknife,
            ideal: Some(0.0),
            range: POSITIVE,
            most: usize::MAX,
        },
    },
    Entry {
        name: "sliced_wasserstein",
        aliases: &["sliced-wasserstein"],
        summary: "sliced Wasserstein distance of order 2 over 500 directions, in data units",
        formula: "(E_v W₂²(vᵀx, vᵀy))^½",
        source: "Bonneel et al. 2015",
        value: Metric {
            measure: |s| Ok(sliced_wasserstein(&s.real, &s.samples, s.d, s.directions)),
            error: Error95::Jackknife,
            ideal: Some(0.0),
            range: POSITIVE,
            most: usize::MAX,
        },
    },
    Entry {
        name: "wasserstein",
        aliases: &["w2"],
        summary: "exact Wasserstein distance of order 2 between the first 400 points of each, in data units",
        formula: "min over matchings of (mean ‖x − y‖²)^½",
        source: "Jonker & Volgenant 1987",
        value: Metric {
            measure: |s| Ok(wasserstein(&s.view.first(MATCHED), 2.0)),
            error: Error95::Jackknife,
            ideal: Some(0.0),
            range: POSITIVE,
            most: MATCHED,
        },
    },
    Entry {
        name: "frechet",
        aliases: &["frechet-distance"],
        summary: "Fréchet distance of the features' moments; not FID, whose features are Inception's",
        formula: "‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁^½ Σ₂ Σ₁^½)^½)",
        source: "Dowson & Landau 1982",
        value: Metric {
            measure: |s| Ok(frechet(&s.features[0], &s.features[1], s.features[0].len() * s.d / s.real.len())),
            error: Error95::Jackknife,
            ideal: Some(0.0),
            range: POSITIVE,
            most: usize::MAX,
        },
    },
    Entry {
        name: "c2st",
        aliases: &["two-sample"],
        summary: "accuracy of a classifier that tells samples from real points, cross-validated; ½ is as good as the truth",
        formula: "P(right)",
        source: "Lopez-Paz & Oquab 2017",
        value: Metric {
            measure: |s| two_sample_accuracy(&s.real, &s.samples, s.d, s.seed),
            error: Error95::Share,
            ideal: Some(0.5),
            range: SHARE,
            most: usize::MAX,
        },
    },
    Entry {
        name: "precision",
        aliases: &[],
        summary: "share of samples inside the real points' neighbourhoods",
        formula: "P(y ∈ ∪B(xᵢ))",
        source: "Kynkäänniemi et al. 2019",
        value: Metric {
            measure: |s| Ok(coverage(&s.view, NEIGHBOURS).precision),
            error: Error95::Jackknife,
            ideal: None,
            range: SHARE,
            most: usize::MAX,
        },
    },
    Entry {
        name: "recall",
        aliases: &[],
        summary: "share of real points inside the samples' neighbourhoods",
        formula: "P(x ∈ ∪B(yⱼ))",
        source: "Kynkäänniemi et al. 2019",
        value: Metric {
            measure: |s| Ok(coverage(&s.view, NEIGHBOURS).recall),
            error: Error95::Jackknife,
            ideal: None,
            range: SHARE,
            most: usize::MAX,
        },
    },
    Entry {
        name: "density",
        aliases: &[],
        summary: "real points' neighbourhoods around a sample, over k",
        formula: "1/(km)·Σⱼ #{i: yⱼ ∈ B(xᵢ)}",
        source: "Naeem et al. 2020",
        value: Metric {
            measure: |s| Ok(coverage(&s.view, NEIGHBOURS).density),
            error: Error95::Jackknife,
            ideal: Some(1.0),
            range: POSITIVE,
            most: usize::MAX,
        },
    },
    Entry {
        name: "coverage",
        aliases: &[],
        summary: "share of real points with a sample in their neighbourhood",
        formula: "P(∃j: yⱼ ∈ B(xᵢ))",
        source: "Naeem et al. 2020",
        value: Metric {
            measure: |s| Ok(coverage(&s.view, NEIGHBOURS).coverage),
            error: Error95::Jackknife,
            ideal: Some(1.0 - 1.0 / 32.0),
            range: SHARE,
            most: usize::MAX,
        },
    },
    Entry {
        name: "copies",
        aliases: &["memorisation"],
        summary: "share of samples as near to a real point as only 1% of real points are to another",
        formula: "P(min_i ‖y − xᵢ‖ < q₁%)",
        source: "nearest neighbours; Meehan et al. 2020",
        value: Metric {
            measure: |s| Ok(copies(&s.view)),
            error: Error95::Jackknife,
            ideal: Some(copies::USUAL),
            range: SHARE,
            most: usize::MAX,
        },
    },
];
