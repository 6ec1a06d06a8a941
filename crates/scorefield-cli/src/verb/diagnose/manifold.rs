//! `diagnose manifold`: how many dimensions the data fill, from points and from the score.

use std::path::PathBuf;

use clap::Args;
use scorefield::data::EventShape;
use scorefield::diagnostic::manifold::{
    FEWEST, Intrinsic, Pca, Rank, flipd, growth, intrinsic_dimension, normal_space, pca, score_norms,
};
use scorefield::error::{Error, Result};
use scorefield::key::{Key, Purpose};
use scorefield::levels::Levels;
use scorefield::likelihood::Divergence;
use scorefield::objective::Law;
use scorefield::plot::{Curve, Images, Series, Strip, StripRow, curve, strip};
use scorefield::recipe::Target;
use serde_json::json;

use super::findings::{Findings, with_interval};
use super::sliced_loss;
use super::subject::Subject;
use crate::output::Answer;
use crate::points::to_target;
use crate::session::Session;
use crate::target::Which;
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield diagnose manifold digits
  scorefield diagnose manifold mnist -n 10000 --out mnist-manifold
  scorefield diagnose manifold runs/digits                          the learned score's view too
  scorefield diagnose manifold digits --sliced-loss 2000            what a little noise does for sliced score matching

Of data: principal components and nearest neighbours. Of a run or a density also: the rank of scores about a point, FLIPD, and the length of
the score beside the data as the noise goes to 0.";

/// How many dimensions do the data fill?
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Manifold {
    /// Anything that DATA may be, a run folder, or density:…
    #[arg(value_name = "DATA|RUN")]
    subject: String,
    /// Points whose neighbours are looked for, at most; the work grows with the square
    #[arg(short, long = "number", value_name = "N", default_value_t = 5000, allow_negative_numbers = true)]
    n: usize,
    /// Points behind the principal components, at most
    #[arg(long, value_name = "N", default_value_t = 60_000, allow_negative_numbers = true)]
    rows: usize,
    /// Points about which the score is looked at [default: 16, or 4 above 256 dimensions]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    score_points: Option<usize>,
    /// Train by sliced score matching for STEPS steps, with and without a little noise, and compare
    #[arg(long, value_name = "STEPS")]
    sliced_loss: Option<u64>,
    #[command(flatten)]
    which: Which,
    /// Folder for the report [default: scorefield-diagnose/manifold]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Shares of the variance.
const SHARES: [f64; 3] = [0.9, 0.95, 0.99];
/// A correction by a larger share of the estimate is too far to be one number.
const CORRECTED: f64 = 0.25;
/// Pictures that are reconstructed.
const SHOWN: usize = 8;
/// Noise levels of the curves.
const LEVELS: usize = 9;
/// Points of the curves over noise levels.
const CURVE_POINTS: usize = 128;
/// Up to this dimension the divergence is exact; above it is estimated along so many directions.
const EXACT: usize = 64;
const DIRECTIONS: usize = 4;
/// The score beside the data: at this many standard deviations of one dimension.
const BESIDE: f64 = 0.5;
/// Noise levels at which scores about a point are looked at, in standard deviations of one dimension.
const RANKED_AT: [f64; 4] = [0.3, 0.1, 0.03, 0.01];
/// Beyond this dimension as many scores as dimensions take too long.
const RANKED: usize = 1024;

/// Does it.
///
/// # Errors
/// Data or a run that cannot be read, too few points, a folder that cannot be written, an interruption.
pub fn run(args: &Manifold, session: &Session) -> Result<Answer> {
    if args.n < FEWEST {
        return Err(Error::setting("-n", format!("at least {FEWEST}"), args.n));
    }
    if args.rows < 2 || args.score_points.is_some_and(|n| n < 2) {
        return Err(Error::setting("--rows, --score-points", "at least 2", "fewer"));
    }
    let mut findings = Findings::new("manifold", &args.subject, args.out.as_deref())?;
    let subject = Subject::open(&args.subject, args.which, session)?;
    let points = subject.points(args.rows.max(args.n), session)?;
    let d = subject.d();
    let of_variance = components(&subject, &points[..points.len().min(args.rows.saturating_mul(d))], &mut findings)?;
    let near = &points[..points.len().min(args.n.saturating_mul(d))];
    let found = intrinsic_dimension(near, d, Key::new(session.seed(), Purpose::Metric))?;
    neighbours(&found, of_variance, d, &mut findings)?;
    if let Some(target) = &subject.target {
        of_score(args, target, &subject, session, &mut findings)?;
    }
    if let Some(steps) = args.sliced_loss {
        let data = match &subject.target {
            Some(Target::Trained(trained)) => trained.recipe.data.source.clone(),
            _ => args.subject.clone(),
        };
        sliced_loss::compare(&data, steps, session, &mut findings)?;
    }
    findings.finish(session)
}

/// Principal components; the rank of 99% of the variance.
fn components(subject: &Subject, points: &[f32], findings: &mut Findings) -> Result<usize> {
    let d = subject.d();
    let found = pca(points, d)?;
    let ranks = SHARES.map(|share| found.rank(share, points));
    findings.section("Principal components");
    let row = |r: &Rank| {
        let (low, high) = r.interval;
        vec![
            format!("{:.0}% of the variance", 100.0 * r.wanted),
            format!("{} of {d} dimensions", words::count(r.rank as u64)),
            format!("{low} to {high}"),
            format!("{:.4} ± {}", r.share, words::number(r.standard_error)),
        ]
    };
    findings.table(&["share wanted", "dimensions", "95% interval", "share held"], &ranks.iter().map(row).collect::<Vec<_>>());
    let last = ranks[2].rank;
    findings.say(&format!(
        "{} points. {}",
        words::count(found.n as u64),
        if 2 * last < d {
            format!("A flat surface of {last} dimensions holds 99% of the variance: in the other {} the data hardly move, and their density has no gradient worth the name there.", d - last)
        } else {
            "The variance needs most of the dimensions: the data lie on no flat surface. They may still lie on a curved one, which the neighbours show.".to_owned()
        }
    ));
    let shares: Vec<(f64, f64)> = (1..=d).map(|k| (k as f64, found.share(k))).collect();
    // Along the share to the curve, and down to the number of components.
    let marks = ranks.map(|r| {
        let (rank, share) = (r.rank as f64, r.share);
        (format!("{:.0}%: {}", 100.0 * r.wanted, words::count(r.rank as u64)), [(1.0, share), (rank, share), (rank, 0.0)])
    });
    let mut series = vec![Series { name: "share", points: &shares }];
    series.extend(marks.iter().map(|(name, points)| Series { name, points }));
    findings.picture(
        "spectrum.png",
        &curve(&Curve {
            title: "Variance held by the first principal components",
            caption: &format!("{} points of {d} numbers. Components for each share.", words::count(found.n as u64)),
            series: &series,
            x_label: "components",
            y_label: "share of the variance",
        })?,
    )?;
    if let EventShape::Image { channels, height, width } = *subject.event() {
        reconstructions(&found, &ranks, &points[..points.len().min(SHOWN * d)], [channels, height, width], findings)?;
    }
    let of_rank = |share: f64| ranks.iter().find(|r| r.wanted == share);
    findings.field(
        "pca",
        json!({
            "n": found.n, "explained_variance": found.variances, "total_variance": found.total(), "ranks": ranks,
            "dimensions_90": of_rank(0.9).map(|r| r.rank), "dimensions_95": of_rank(0.95).map(|r| r.rank),
            "dimensions_99": of_rank(0.99).map(|r| r.rank),
        }),
    );
    Ok(last)
}

/// Pictures from the first components, side by side.
fn reconstructions(found: &Pca, ranks: &[Rank; 3], shown: &[f32], shape: [usize; 3], findings: &mut Findings) -> Result<()> {
    let [c, h, w] = shape;
    if c != 1 && c != 3 {
        return Ok(());
    }
    let (d, n) = (found.mean.len(), shown.len() / found.mean.len());
    let mut chosen: Vec<usize> = [1, d / 64, d / 16].into_iter().chain(ranks.iter().map(|r| r.rank)).filter(|r| *r > 0).collect();
    chosen.sort_unstable();
    chosen.dedup();
    let made: Vec<(String, Vec<f32>)> = chosen
        .iter()
        .map(|rank| (format!("{rank} ({:.0}%)", 100.0 * found.share(*rank)), found.reconstruct(shown, *rank)))
        .chain([("as it is".to_owned(), shown.to_vec())])
        .collect();
    let rows: Vec<StripRow<'_>> = made
        .iter()
        .map(|(label, values)| Ok(StripRow { label, images: Images::new(values, [n, c, h, w])?, notes: &[] }))
        .collect::<Result<_>>()?;
    findings.picture(
        "reconstructions.png",
        &strip(&Strip {
            title: "Pictures from their first principal components",
            caption: "Each row: how many components, the share of the variance that they hold, and what is left of the pictures.",
            columns: &[],
            rows: &rows,
        })?,
    )
}

fn neighbours(found: &Intrinsic, of_variance: usize, d: usize, findings: &mut Findings) -> Result<()> {
    findings.section("Nearest neighbours");
    let row = |name: &str, f: &scorefield::diagnostic::manifold::Dimension| {
        vec![
            name.to_owned(),
            with_interval(f.dimension, f.standard_error, f.interval),
            format!("{} ± {}", words::number(f.uncorrected), words::number(f.uncorrected_standard_error)),
            format!("{} to {}", f.neighbours.0, f.neighbours.1),
            format!("{:.0}%", 100.0 * f.kept),
        ]
    };
    findings.table(
        &["estimator", "dimension", "as it comes", "neighbours", "points kept"],
        &[row("TwoNN", &found.two_nn), row("Levina–Bickel", &found.levina_bickel)],
    );
    let repeated = match found.repeated {
        0 => String::new(),
        n => format!(" {} that repeat another were left out.", words::count(n as u64)),
    };
    findings.say(&format!(
        "{} points.{repeated} The first figure is extrapolated to neighbourhoods of no size, where the estimators' bias vanishes; the second \
         is the estimate at the size that so many points allow.",
        words::count(found.n as u64)
    ));
    let (smallest, largest) = (found.scales.first(), found.scales.last());
    if let (Some(a), Some(b)) = (smallest, largest)
        && (a.dimension / b.dimension - 1.0).abs() > 0.25
    {
        findings.say(&format!(
            "The dimension depends on the size of the neighbourhood: {} at radius {}, {} at radius {}. No one number describes such data: \
             look at the picture.",
            words::number(a.dimension),
            words::number(a.radius),
            words::number(b.dimension),
            words::number(b.radius)
        ));
    }
    let (k, least) = (found.two_nn.dimension, found.two_nn.uncorrected);
    // Where the correction is large, it is a guess, and the estimate as it comes a lower bound.
    let about = if (k - least).abs() > CORRECTED * least {
        format!(
            "somewhere between {} (as it comes) and {} (extrapolated far)",
            words::number(least.min(k)),
            words::number(least.max(k))
        )
    } else {
        format!("about {}", words::number(k))
    };
    findings.say(&if k < 0.5 * d as f64 {
        format!(
            "The data fill {about} of {d} dimensions{}. Off that surface their score is undefined: add noise (any schedule of many levels), \
             and do not train by implicit or sliced score matching without it.",
            if (of_variance as f64) > 2.0 * k { ", on a curved surface" } else { "" }
        )
    } else {
        "The data fill their space or most of it: their score exists without noise.".to_owned()
    });
    let scales: Vec<(f64, f64)> = found.scales.iter().map(|s| (s.radius, s.dimension)).collect();
    findings.picture(
        "neighbourhoods.png",
        &curve(&Curve {
            title: "Dimension against the size of the neighbourhood",
            caption: "Levina–Bickel's estimate from all points, and from halves, quarters and eighths of them.",
            series: &[Series { name: "dimension", points: &scales }],
            x_label: "median distance to the 10th neighbour",
            y_label: "dimension",
        })?,
    )?;
    findings.field("two_nn", &found.two_nn);
    findings.field("levina_bickel", &found.levina_bickel);
    findings.field("scales", &found.scales);
    findings.field("n", found.n);
    findings.field("repeated", found.repeated);
    Ok(())
}

/// What the score says.
fn of_score(args: &Manifold, target: &Target, subject: &Subject, session: &Session, findings: &mut Findings) -> Result<()> {
    findings.section("From the score");
    if target.is_clean() || target.knows_no_noise() {
        findings
            .say("The score is known without noise alone, and these measurements follow it as the noise goes to 0: left out.");
        return Ok(());
    }
    if !target.noise().is_gaussian() {
        findings.say("These measurements hold for Gaussian noise; the model was trained on another: left out.");
        return Ok(());
    }
    let (score, d) = (target.score(), subject.d());
    let spread = target.spread();
    let lowest = match target.sigma_range().0 {
        low if low > 0.0 => low,
        _ => 0.01 * spread,
    };
    let key = Key::new(session.seed(), Purpose::Metric);
    let points = to_target(target, &subject.unseen(CURVE_POINTS, session)?);
    let of = if subject.data.held_out.is_empty() { "the data" } else { "held-out data" };
    let mut sigmas = Levels::geometric(spread.max(2.0 * lowest), lowest, LEVELS)?.as_slice().to_vec();
    sigmas.retain(|s| *s > 0.0);

    let divergence = if d <= EXACT { Divergence::Exact } else { Divergence::Hutchinson(DIRECTIONS, Law::Rademacher) };
    let local = sigmas.iter().map(|sigma| flipd(score, &points, *sigma, divergence, key)).collect::<Result<Vec<_>>>()?;
    let norms = score_norms(score, &points, BESIDE * spread, &sigmas, key)?;
    let slope = growth(&norms);
    let mut rows = vec![];
    for (f, n) in local.iter().zip(&norms) {
        rows.push(vec![
            words::number(f.sigma),
            format!("{} ± {}", words::number(f.dimension), words::number(f.standard_error)),
            format!("{} ± {}", words::number(n.on), words::number(n.on_standard_error)),
            format!("{} ± {}", words::number(n.off), words::number(n.off_standard_error)),
        ]);
    }
    findings.table(&["σ", "FLIPD dimension", "‖s‖ on the data", "‖s‖ beside them"], &rows);
    findings.say(&format!(
        "{} points of {of}; beside: moved by {} in a random direction. FLIPD's divergence is {}.",
        norms[0].n,
        words::number(BESIDE * spread),
        if d <= EXACT { "exact".to_owned() } else { format!("estimated along {DIRECTIONS} directions a point") }
    ));
    let beyond = local.iter().filter(|f| f.dimension > 1.02 * d as f64).map(|f| f.sigma).fold(0.0, f64::max);
    if beyond > 0.0 {
        findings.say(&format!(
            "At σ = {} and below FLIPD is above {d}, which no density can be: there the model does not know the score of points without noise.",
            words::number(beyond)
        ));
    }
    findings.say(&if slope < -1.0 {
        format!(
            "Beside the data the score grows as σ^{slope:.2} when the noise goes to 0 (−2: a surface): it has no limit there. Sample by noise \
             levels, and stop at the model's smallest."
        )
    } else {
        format!("Beside the data the score grows as σ^{slope:.2} when the noise goes to 0 (−2 would be a surface): it has a limit, or the model does not resolve one.")
    });
    let line = |f: &dyn Fn(usize) -> f64| sigmas.iter().enumerate().map(|(i, s)| (*s, f(i))).rev().collect::<Vec<(f64, f64)>>();
    let (on, off, dims) = (line(&|i| norms[i].on), line(&|i| norms[i].off), line(&|i| local[i].dimension));
    findings.picture(
        "score-norm.png",
        &curve(&Curve {
            title: "Length of the score as the noise goes to 0",
            caption: "Means over the points, on the data and a little beside them.",
            series: &[Series { name: "on the data", points: &on }, Series { name: "beside them", points: &off }],
            x_label: "noise level σ",
            y_label: "‖s‖",
        })?,
    )?;
    findings.picture(
        "flipd.png",
        &curve(&Curve {
            title: "Dimension from the score (FLIPD)",
            caption: "A plateau is the dimension of the data; left of it is the noise of the data themselves, or of the model.",
            series: &[Series { name: "dimension", points: &dims }],
            x_label: "noise level σ",
            y_label: "dimension",
        })?,
    )?;
    findings.field("score_norms", &norms);
    findings.field("score_norm_slope", slope);
    findings.field("flipd", &local);

    if d > RANKED {
        findings.say(&format!(
            "The rank of scores about a point needs more than {d} scores for each: left out above {RANKED} dimensions."
        ));
        return Ok(());
    }
    if d < 2 {
        return Ok(());
    }
    let about = args.score_points.unwrap_or(if d > 256 { 4 } else { 16 }).min(points.len() / d);
    let scores = if d > 256 { 2 * d } else { 4 * d.max(16) };
    let levels = RANKED_AT.map(|share| share * spread).into_iter().filter(|sigma| *sigma >= lowest * (1.0 - 1e-6));
    let all = levels.map(|sigma| normal_space(score, &points[..about * d], sigma, scores, key)).collect::<Result<Vec<_>>>()?;
    // Where the drop is clearest: the noise is small beside the surface, and not yet below what the model resolves.
    let Some(found) = all.iter().max_by(|a, b| a.drop.total_cmp(&b.drop)) else { return Ok(()) };
    findings.say(&format!(
        "Scores about {} points at σ = {} ({} each) span all but {} dimensions; the singular values fall {} times at the drop, more than at \
         the other levels that were tried{}{}.",
        found.n,
        words::number(found.sigma),
        found.scores,
        with_interval(found.dimension, found.standard_error, found.interval),
        words::number(found.drop),
        if found.standard_error == 0.0 { "; it is the same about every one of them, so the error is not known" } else { "" },
        if found.drop < 1.5 { ": hardly a drop, so this figure says little" } else { "" }
    ));
    let values: Vec<(f64, f64)> = found.singular_values.iter().enumerate().map(|(i, v)| ((i + 1) as f64, *v)).collect();
    findings.picture(
        "singular-values.png",
        &curve(&Curve {
            title: "Singular values of the scores about a point",
            caption: "Large: across the surface. Small: along it.",
            series: &[Series { name: "mean over the points", points: &values }],
            x_label: "number",
            y_label: "singular value",
        })?,
    )?;
    findings.field("normal_space", found);
    findings.field("normal_space_levels", &all);
    Ok(())
}
