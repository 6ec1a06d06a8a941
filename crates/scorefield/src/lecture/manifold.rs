//! Claim 7: data fill few of their dimensions, and off that manifold the score is undefined.
//!
//! Principal components count the dimensions of the flat surface nearest to real pictures. Beside a surface at distance δ the score of p_σ is
//! δ/σ² long to first order: as σ → 0 it has no limit. And the loss of sliced score matching has none: on data without noise it wanders or falls
//! without end; with N(0, σ²) added it cannot fall below −½E‖∇ log p_σ‖² ≥ −½d/σ² (the score of p_σ is a mean of scores of the noise), and settles
//! (Song & Ermon 2019, section 3.2.1 and figure 1).

use super::claim::{Evidence, Experiment, Figure, Panel, plain};
use super::learn::loss_curve;
use super::stage::{Pictures, Stage};
use crate::data::{EventShape, all};
use crate::density::{Component, Mixture};
use crate::diagnostic::manifold::{Pca, growth, pca, score_norms};
use crate::error::{Error, Result};
use crate::key::Purpose;
use crate::oracle::Estimate;
use crate::plot::{Comparison, Curve, Images, Measured, Measurement, Series, Strip, StripRow, comparison, curve, strip};
use crate::recipe::LossCurve;
use crate::registry::Entry;

/// How many axes hold 95 and 99 % of the variance: counted from NumPy's eigenvalues of the same pictures (bench/peers/pca_ranks.py).
const RANKS: [(&str, [usize; 2]); 2] = [("digits", [29, 41]), ("cifar10", [217, 658])];
const SHARES: [f64; 2] = [0.95, 0.99];
/// Pictures in the strip.
const SHOWN: usize = 8;
/// The distance beside the plane.
const OFFSET: f64 = 0.1;
/// N(0, 10⁻⁴), the lecture's noise.
const NOISE: &str = "0.01";
/// How many times more the loss without noise still falls at the end, in units of the loss.
const FALLING: f64 = 3.0;
/// Logged means of a curve.
const LOGGED: u64 = 60;
/// What learns the digits.
const ON_DIGITS: [(&str, &str); 6] = [
    ("objective.name", "sliced"),
    ("net.name", "mlp"),
    ("net.width", "64"),
    ("net.depth", "2"),
    ("train.batch", "128"),
    ("train.lr", "1e-3"),
];
/// What learns CIFAR-10. Noise of one part in a hundred shows in how a pixel differs from its neighbours: convolutions find that in a hundred
/// steps, a perceptron of width 512 not in thousands, and the loss whose second term has no variance lets it.
const ON_CIFAR: [(&str, &str); 6] = [
    ("objective.name", "sliced-vr"),
    ("net.name", "unet"),
    ("net.config", SMALL),
    ("train.batch", "8"),
    ("train.lr", "2e-3"),
    ("train.warmup", "20"),
];
const SMALL: &str = r#"{"_class_name": "UNet2DModel", "sample_size": 32, "in_channels": 3, "out_channels": 3, "block_out_channels": [16, 16],
    "down_block_types": ["DownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "UpBlock2D"], "layers_per_block": 1, "norm_num_groups": 4,
    "attention_head_dim": null, "add_attention": false}"#;

fn measure(stage: &mut Stage<'_>) -> Result<Evidence> {
    let pictures = stage.pictures()?;
    let stand_in = if pictures.source == "digits" {
        " No `--data-dir` was given, so the 1,797 digits inside the program stand in for CIFAR-10."
    } else {
        ""
    };
    let mut evidence = Evidence {
        done: format!(
            "Principal components of {}, and the pictures again from a few of them. The score of a flat plane in ten dimensions beside it, as \
             noise goes to 0. Then sliced score matching on the pictures as they are, and with noise N(0, 10⁻⁴), {}.{stand_in}",
            if pictures.source == "digits" { "real digits" } else { "CIFAR-10's 50,000 training pictures" },
            if pictures.source == "digits" { "by a perceptron" } else { "in its variance-reduced form, by a small U-Net" }
        ),
        ..Evidence::default()
    };
    components(stage, &pictures, &mut evidence)?;
    beside(stage, &mut evidence)?;
    sliced(stage, &pictures, &mut evidence)?;
    Ok(evidence)
}

fn components(stage: &mut Stage<'_>, pictures: &Pictures, evidence: &mut Evidence) -> Result<()> {
    let points = all(&*pictures.points, usize::MAX, stage.key(Purpose::Data, 700))?;
    let d = pictures.points.event().len();
    let found = pca(&points, d)?;
    let known = RANKS.iter().find(|(source, _)| *source == pictures.source).map_or([0; 2], |known| known.1);
    for (wanted, expected) in SHARES.into_iter().zip(known) {
        let rank = found.rank(wanted, &points);
        evidence.figures.push(
            Figure::exact(
                format!("components that hold {:.0} % of the variance, of {d}", 100.0 * wanted),
                expected as f64,
                rank.rank as f64,
                0.0,
            )
            .meaning(format!("Counted from NumPy's eigenvalues of the same pictures; they hold {:.2} %.", 100.0 * rank.share)),
        );
    }
    let half = found.rank(SHARES[0], &points);
    evidence.figures.push(
        Figure::at_most("the same for 95 %, as a share of the dimensions", 0.5, plain(half.rank as f64 / d as f64))
            .meaning("Fewer than half: the rest of the space is nearly empty."),
    );
    evidence.pictures.push(spectrum(&found)?);
    evidence.pictures.push(again(&found, &points, pictures.points.event(), known)?);
    stage.told(1, 3)
}

fn spectrum(found: &Pca) -> Result<Panel> {
    let d = found.mean.len();
    let held: Vec<(f64, f64)> = (0..=d).step_by((d / 512).max(1)).map(|r| (r as f64, 100.0 * found.share(r))).collect();
    let dots: Vec<Measurement> = held.iter().step_by((held.len() / 32).max(1)).map(|(x, y)| Measurement::exact(*x, *y)).collect();
    let level = |y: f64| [(0.0, y), (d as f64, y)];
    let picture = comparison(&Comparison {
        title: "Few components hold nearly all of the variance",
        caption: "The share of the variance that the first components hold. Grey: 95 and 99 %.",
        theory: &[
            Series { name: "", points: &held },
            Series { name: "", points: &level(95.0) },
            Series { name: "", points: &level(99.0) },
        ],
        measured: &[Measured { name: "", points: &dots }],
        x_label: "components",
        y_label: "variance held, %",
    })?;
    Ok(Panel { name: "spectrum", picture, alt: "A curve that rises steeply and then levels off at 100 %".to_owned() })
}

/// Pictures from fewer and fewer components.
fn again(found: &Pca, points: &[f32], event: &EventShape, [most, nearly]: [usize; 2]) -> Result<Panel> {
    let d = found.mean.len();
    let EventShape::Image { channels, height, width } = *event else {
        return Err(Error::failed("pictures from components", "the data are no pictures"));
    };
    let few = &points[..SHOWN * d];
    let rows: Vec<(String, Vec<f32>)> =
        [(d, "all".to_owned()), (nearly, "99 %".to_owned()), (most, "95 %".to_owned()), (most / 3, String::new())]
            .into_iter()
            .map(|(rank, share)| {
                let label = if share.is_empty() { format!("{rank}") } else { format!("{rank} · {share}") };
                (label, if rank == d { few.to_vec() } else { found.reconstruct(few, rank) })
            })
            .collect();
    let rows = rows
        .iter()
        .map(|(label, images)| Ok(StripRow { label, images: Images::new(images, [SHOWN, channels, height, width])?, notes: &[] }))
        .collect::<Result<Vec<_>>>()?;
    let picture = strip(&Strip {
        title: "The pictures again, from some of their components",
        caption: "At the left how many, and the share of the variance that they hold.",
        columns: &[],
        rows: &rows,
    })?;
    Ok(Panel {
        name: "components",
        picture,
        alt: "Rows of pictures that change little with half of their components gone".to_owned(),
    })
}

/// ‖s‖ beside a plane of two dimensions in ten, of thickness 10⁻⁶.
fn beside(stage: &mut Stage<'_>, evidence: &mut Evidence) -> Result<()> {
    let (d, n) = (10, stage.either(500, 5000));
    let cov = (0..d)
        .map(|i| {
            (0..d)
                .map(|j| {
                    if i != j {
                        0.0
                    } else if i < 2 {
                        1.0
                    } else {
                        1e-12
                    }
                })
                .collect()
        })
        .collect();
    let plane = Mixture::new(vec![Component { weight: 1.0, mean: vec![0.0; d], cov }])?;
    let x: Vec<f64> = plane.sample(stage.key(Purpose::Data, 701), 0, n, 0.0).into_iter().map(f64::from).collect();
    let sigmas: Vec<f64> = (0..9).map(|k| 0.4 * 0.5f64.powi(k)).collect();
    let norms = score_norms(&plane, &x, OFFSET, &sigmas, stage.key(Purpose::Metric, 701))?;
    // A random direction of length δ has 8/10 of its square beside the plane.
    let law: Vec<(f64, f64)> = sigmas.iter().map(|s| (*s, OFFSET * 0.8f64.sqrt() / (s * s))).collect();
    let dots: Vec<Measurement> = norms
        .iter()
        .map(|v| Measurement {
            x: v.sigma,
            y: v.off,
            interval: [v.off - 2.0 * v.off_standard_error, v.off + 2.0 * v.off_standard_error],
        })
        .collect();
    evidence.figures.push(
        Figure::within("slope of ln‖s‖ over ln σ beside a plane, as σ → 0", -2.0, plain(growth(&norms)), 0.05)
            .meaning("‖s‖ ≈ δ/σ²: it has no limit. The band is for the levels, which end at σ = 0.0016."),
    );
    let picture = comparison(&Comparison {
        title: "Beside the manifold the score has no limit",
        caption: "Mean length of the exact score 0.1 beside a plane of two dimensions in ten, as noise goes to 0.",
        theory: &[Series { name: "δ√0.8/σ²", points: &law }],
        measured: &[Measured { name: "beside the plane", points: &dots }],
        x_label: "noise level σ, data units",
        y_label: "‖s‖, 1/data unit",
    })?;
    evidence.pictures.push(Panel {
        name: "beside",
        picture,
        alt: "Dots along a straight line that rises as the noise level falls".to_owned(),
    });
    stage.told(2, 3)
}

fn sliced(stage: &mut Stage<'_>, pictures: &Pictures, evidence: &mut Evidence) -> Result<()> {
    let (steps, learner): (u64, _) =
        if pictures.source == "digits" { (stage.either(2400, 12_000), ON_DIGITS) } else { (stage.either(120, 300), ON_CIFAR) };
    let d = pictures.points.event().len() as f64;
    let mut train = |sigma: &str| -> Result<LossCurve> {
        let (steps, log_every) = (steps.to_string(), (steps / LOGGED).to_string());
        let settings = [
            ("data.source", pictures.source),
            ("data.held_out", "0"),
            ("data.dequantise", "none"),
            ("schedule.name", "single"),
            ("schedule.sigma", sigma),
            ("train.steps", &steps),
            ("train.log_every", &log_every),
            ("train.weight_decay", "0"),
            ("train.decay", "constant"),
            ("train.keep_best", "off"),
        ];
        loss_curve(stage, &[&settings[..], &learner].concat())
    };
    let (clean, noisy) = (train("0")?, train(NOISE)?);
    let floor = -0.5 * d;
    let last = |curve: &LossCurve| curve.points.last().map_or(f64::NAN, |p| p.1);
    let falls = (fall(&clean), fall(&noisy));
    evidence.figures.extend([
        Figure::at_least("loss with noise N(0, 10⁻⁴) at the end, times σ²", floor, plain(last(&noisy)))
            .meaning("No score can be below −½d, for E‖∇ log p_σ‖² ≤ d/σ²."),
        Figure::at_most("loss without noise at the end, times σ_data²", floor, plain(last(&clean)))
            .meaning("Below −½d, the least that a normal law of the data's spread allows, and still falling: pictures with a few levels have no density."),
        Figure::at_least("how much more the loss still falls without noise", FALLING, plain(falls.0 / falls.1.max(0.01)))
            .meaning(format!(
                "The fall of the mean loss from the third quarter of training to the last, as a share of it: {:.3} without, {:.3} with noise (a \
                 hundredth at least).",
                falls.0, falls.1
            )),
    ]);
    for (name, title, found) in [
        ("sliced-without", "Sliced score matching without noise", &clean),
        ("sliced-with", "The same with noise N(0, 10⁻⁴)", &noisy),
    ] {
        let points: Vec<(f64, f64)> = found.points.iter().map(|(step, loss)| (*step as f64, *loss)).collect();
        let picture = curve(&Curve {
            title,
            caption: &match &found.diverged {
                Some(why) => format!("It ended by itself: {why}."),
                None => "The weighted loss; what counts is whether the curve settles, not its height.".to_owned(),
            },
            series: &[Series { name: "", points: &points }],
            x_label: "training step",
            y_label: "loss",
        })?;
        evidence.pictures.push(Panel { name, picture, alt: "A curve of the loss over training steps".to_owned() });
    }
    stage.told(3, 3)
}

/// How far the mean loss falls from the third quarter of training to the last, as a share of it.
fn fall(curve: &LossCurve) -> f64 {
    let losses: Vec<f64> = curve.points.iter().map(|p| p.1).collect();
    let (half, last) = (losses.len() / 2, 3 * losses.len() / 4);
    Estimate::mean(&losses[last..]).mean / Estimate::mean(&losses[half..last]).mean - 1.0
}

/// The registry's row.
pub(super) const ENTRY: Entry<Experiment> = Entry {
    name: "manifold",
    aliases: &["pca"],
    summary: "Data fill few of their dimensions, and off that manifold the score is undefined",
    formula: "‖∇ log p_σ(x + δu)‖ ≈ δ/σ² beside a surface",
    source: "Song & Ermon 2019, section 3.2.1 and figure 1",
    value: Experiment { number: 7, measure },
};
