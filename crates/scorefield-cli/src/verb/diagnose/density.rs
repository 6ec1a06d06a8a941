//! `diagnose density`: where a learned score is not to be trusted.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use scorefield::density::Exact;
use scorefield::diagnostic::Question;
use scorefield::diagnostic::density::{ErrorByDensity, LossBin, LossByDensity, between_modes, error_by_density, loss_by_density};
use scorefield::error::{Error, Result};
use scorefield::key::{Key, Purpose};
use scorefield::plot::{Curve, Heat, Series, curve, heat};
use scorefield::recipe::Target;
use scorefield::tensor::{matrix, numbers, repeated};
use serde_json::json;

use super::findings::{Findings, with_interval};
use super::subject::Subject;
use crate::output::Answer;
use crate::points::to_target;
use crate::session::Session;
use crate::target::Which;
use crate::{level, plane};
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield train density:mixture --out runs/mixture
  scorefield diagnose density runs/mixture                    the truth is known: a map of the error
  scorefield diagnose density runs/digits                     it is not: held-out loss against nearness to the data
  scorefield diagnose density runs/mixture --sigma 0.5 --sigma 5";

/// Where is a learned score wrong: where there are few data?
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Density {
    /// A run folder
    #[arg(value_name = "RUN")]
    subject: String,
    /// Noise level; may be given several times [default: the model's smallest, middle and largest]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    sigma: Vec<f64>,
    /// Points at each level, at most
    #[arg(short, long = "number", value_name = "N", default_value_t = 4000, allow_negative_numbers = true)]
    n: usize,
    /// Bins of density
    #[arg(long, value_name = "B", default_value_t = 10, allow_negative_numbers = true)]
    bins: usize,
    #[command(flatten)]
    which: Which,
    /// Folder for the report [default: scorefield-diagnose/density]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// How far beyond the data the map and the uniform points reach, in their range.
const BEYOND: f64 = 0.25;
/// Ends of the map's shades: log₁₀ of the relative error.
const SHADES: (f64, f64) = (-3.0, 1.0);
/// A gap between held-out points and points of training that counts, in standard errors.
const OPENS: f64 = 4.0;
/// Points of training among which neighbours are looked for.
const TRAINING: usize = 10_000;

/// Does it.
///
/// # Errors
/// A folder that is no run, levels that are not positive, too few held-out points, a folder that cannot be written.
pub fn run(args: &Density, session: &Session) -> Result<Answer> {
    if args.bins == 0 || args.n < 20 * args.bins {
        return Err(Error::setting(
            "-n, --bins",
            "at least 20 points for each of one bin or more",
            format!("{} for {}", args.n, args.bins),
        ));
    }
    let mut findings = Findings::new("density", &args.subject, args.out.as_deref())?;
    let subject = Subject::open(&args.subject, args.which, session)?;
    let Some(target @ Target::Trained(trained)) = &subject.target else {
        return Err(Error::setting("RUN", "a run folder: a learned score, which can be wrong", &args.subject)
            .with_hint("train one: scorefield train density:mixture --out RUN"));
    };
    let sigmas: Vec<f64> = if target.is_clean() {
        match args.sigma.as_slice() {
            [] => vec![0.0],
            given => return Err(Error::setting("--sigma", "none, for a model without noise", format!("{given:?}"))),
        }
    } else if args.sigma.is_empty() {
        let (low, high) = target.sigma_range();
        let mut all = vec![low, trained.schedule.quantile(0.5), high];
        all.dedup();
        all
    } else {
        args.sigma.iter().map(|sigma| level::of_noise(Some(*sigma), target, session)).collect::<Result<_>>()?
    };
    // The density is known in the data's own units.
    let exact: Vec<(f64, Arc<dyn Exact>)> = match target.standardise() {
        None => sigmas.iter().filter_map(|sigma| Some((*sigma, target.exact(*sigma)?))).collect(),
        Some(_) => Vec::new(),
    };
    findings.field("truth_known", !exact.is_empty());
    if !exact.is_empty() {
        against_truth(args, target, &exact, session, &mut findings)?;
    }
    without_truth(args, &subject, target, &sigmas, session, &mut findings)?;
    findings.finish(session)
}

/// Two sets of points: draws of p_σ, and points uniform over a box about them.
fn against_truth(
    args: &Density,
    target: &Target,
    exact: &[(f64, Arc<dyn Exact>)],
    session: &Session,
    findings: &mut Findings,
) -> Result<()> {
    findings.section("Against the truth");
    let (mut at_data, mut in_box, mut between) = (Vec::new(), Vec::new(), Vec::new());
    let key = Key::new(session.seed(), Purpose::Metric);
    for (sigma, density) in exact {
        let wide = |x: Vec<f32>| x.into_iter().map(f64::from).collect::<Vec<_>>();
        if let Some(draws) = density.draws(key.for_purpose(Purpose::Data).at(7), 1 << 40, args.n, *sigma) {
            at_data.push(error_by_density(target.score(), &**density, &wide(draws.clone()), *sigma, args.bins)?);
            in_box.push(error_by_density(
                target.score(),
                &**density,
                &wide(around(&draws, density.dim(), args.n, key)),
                *sigma,
                args.bins,
            )?);
        }
        if let Some(mixture) = density.as_mixture().filter(|m| m.weights().len() > 1) {
            match between_modes(target.score(), mixture, *sigma, args.n, key) {
                Ok(found) => between.push(found),
                // A component of so little weight that none of the draws is of it.
                Err(Error::Setting { .. }) => {
                    findings.say("Not all components are drawn from: the error between them was left out.");
                }
                Err(e) => return Err(e),
            }
        }
    }
    let rows: Vec<Vec<String>> = at_data
        .iter()
        .zip(&in_box)
        .map(|(a, b)| {
            let low = &a.bins[0];
            vec![
                words::number(a.sigma),
                with_interval(a.whole.relative, a.whole.standard_error, a.whole.interval),
                with_interval(low.relative, low.standard_error, low.interval),
                with_interval(b.whole.relative, b.whole.standard_error, b.whole.interval),
            ]
        })
        .collect();
    findings.table(&["σ", "relative error on the data", "in their least dense part", "uniform about them"], &rows);
    findings.say(&format!(
        "Relative error: E‖s − s*‖²/E‖s*‖², 0 for the exact score, 1 for none. {} points each; the least dense part is one in {}; uniform: over \
         the range of the data and a quarter of it beyond, where chains may begin.",
        words::count(args.n as u64),
        args.bins
    ));
    for b in &between {
        findings.say(&format!(
            "At σ = {}: between the modes the error (root mean square) is {} ± {}, at the modes {} ± {}: {} times larger (95%: {} to {}; {} points \
             each).",
            words::number(b.sigma),
            words::number(b.between.error),
            words::number(b.between.standard_error),
            words::number(b.at.error),
            words::number(b.at.standard_error),
            words::number(b.ratio),
            words::number(b.interval[0]),
            words::number(b.interval[1]),
            words::count(b.at.n as u64)
        ));
    }
    let worst = between.iter().map(|b| b.ratio).fold(0.0, f64::max);
    findings.say(&verdict(&at_data, &in_box, worst));
    for (a, b) in at_data.iter().zip(&in_box) {
        let line = |e: &ErrorByDensity| e.bins.iter().map(|bin| (bin.log_density, bin.relative)).collect::<Vec<_>>();
        let (on, around) = (line(a), line(b));
        findings.picture(
            &format!("error-{}.png", words::number(a.sigma)),
            &curve(&Curve {
                title: &format!("Error of the score against log p at σ = {}", words::number(a.sigma)),
                caption: "Each dot a part of the points, of equal number.",
                series: &[
                    Series { name: "draws of the density", points: &on },
                    Series { name: "uniform about them", points: &around },
                ],
                x_label: "log p, nats",
                y_label: "relative error",
            })?,
        )?;
    }
    if let Some((sigma, density)) = exact.first().filter(|(_, density)| density.dim() == 2) {
        map(target, &**density, *sigma, key, findings)?;
    }
    findings.field("error_by_density", &at_data);
    findings.field("error_about_the_data", &in_box);
    findings.field("between_modes", &between);
    Ok(())
}

fn verdict(at_data: &[ErrorByDensity], in_box: &[ErrorByDensity], ratio: f64) -> String {
    let low = at_data.iter().zip(in_box).any(|(a, b)| b.whole.relative > 3.0 * a.whole.relative.max(1e-3));
    if low || ratio > 3.0 {
        "Where there are few data the score is much worse than where they are: do not begin chains there at the smallest noise level. Samplers \
         that come down from much noise begin where the score is known."
            .to_owned()
    } else {
        "The score is about as good away from the data as at them.".to_owned()
    }
}

/// `n` points uniform over the range of some and a little beyond.
fn around(points: &[f32], d: usize, n: usize, key: Key) -> Vec<f32> {
    let range = |j: usize| {
        let all = points.iter().skip(j).step_by(d);
        let (low, high) = all.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
        let more = BEYOND as f32 * (high - low);
        (low - more, high + more)
    };
    let ranges: Vec<(f32, f32)> = (0..d).map(range).collect();
    key.uniform(0, n, d).iter().zip(ranges.iter().cycle()).map(|(u, (low, high))| low + u * (high - low)).collect()
}

/// The error over the plane.
fn map(target: &Target, density: &dyn Exact, sigma: f64, key: Key, findings: &mut Findings) -> Result<()> {
    let draws = density.draws(key.for_purpose(Purpose::Data), 0, 1000, sigma).unwrap_or_default();
    let range = plane::range(&around(&draws, 2, 2000, key), Some((density, sigma)));
    let relative = |nodes: &[f32]| {
        let (n, device) = (nodes.len() / 2, target.score().device());
        let levels = repeated(sigma as f32, n, &device);
        let [learned, truth] = [
            numbers(target.score().score(matrix(nodes.to_vec(), n, 2, &device), &levels)),
            numbers(density.score(matrix(nodes.to_vec(), n, 2, &device), &levels)),
        ];
        // Where the true score is 0 the quotient says nothing: it is held against the score at one standard deviation.
        let least = 1.0 / (density.moments().1 + sigma * sigma) as f32;
        let rows = learned.chunks_exact(2).zip(truth.chunks_exact(2));
        Some(
            rows.map(|(s, t)| {
                ((s[0] - t[0]).powi(2) + (s[1] - t[1]).powi(2)).max(1e-12) / (t[0] * t[0] + t[1] * t[1]).max(least)
            })
            .map(f32::log10)
            .collect(),
        )
    };
    let Some(values) = plane::field(range, relative) else { return Ok(()) };
    let lines = plane::log_density(density, sigma, range);
    let [x_label, y_label] = plane::labels(target.columns());
    findings.picture(
        "map.png",
        &heat(&Heat {
            title: &format!("Where the score is wrong, at σ = {}", words::number(sigma)),
            caption: "Dark: the error is as large as the score or larger.",
            values: &values,
            name: "log₁₀ ‖s − s*‖²/‖s*‖²",
            range: SHADES,
            density: Some(&lines),
            points: &draws,
            x_label: &x_label,
            y_label: &y_label,
        })?,
    )
}

/// The held-out loss, against how near points of training are.
fn without_truth(
    args: &Density,
    subject: &Subject,
    target: &Target,
    sigmas: &[f64],
    session: &Session,
    findings: &mut Findings,
) -> Result<()> {
    findings.section("By held-out loss");
    if subject.data.held_out.is_empty() {
        findings.say("The run held no points out, so this cannot be measured: train with --held-out 0.2.");
        return Ok(());
    }
    let single = |x: Vec<f32>| to_target(target, &x).into_iter().map(|v| v as f32).collect::<Vec<_>>();
    let training = single(subject.points(TRAINING, session)?);
    let held_out = single(subject.unseen(args.n, session)?);
    let m = held_out.len() / subject.d();
    let bins = args.bins.min(m / 20);
    if bins < 2 {
        findings.say(&format!("{m} held-out points are too few to be told apart by density: at least 40 are wanted."));
        return Ok(());
    }
    let estimator = if target.is_clean() { "implicit" } else { "denoising" };
    let measure = |sigma: &f64| {
        let question = Question { noise: target.noise(), seed: session.seed(), ..Question::new(estimator, *sigma) };
        loss_by_density(target.score(), &training, &held_out, &question, bins)
    };
    let found: Vec<LossByDensity> = sigmas.iter().map(measure).collect::<Result<_>>()?;
    let mut rows = Vec::new();
    for one in &found {
        for bin in [&one.bins[0], &one.bins[bins - 1]] {
            rows.push(vec![
                words::number(one.sigma),
                format!("{:.0}% to {:.0}%", 100.0 * bin.quantiles[0], 100.0 * bin.quantiles[1]),
                words::number(bin.distance),
                format!("{} ± {}", words::number(bin.loss), words::number(bin.standard_error)),
                one.of_zero.map_or_else(String::new, |zero| words::number(bin.loss - zero)),
                format!(
                    "{} ± {} ({} points of training)",
                    words::number(bin.gap),
                    words::number(bin.gap_standard_error),
                    bin.n_training
                ),
            ]);
        }
    }
    findings.table(
        &[
            "σ",
            "farthest from the data",
            "distance",
            &format!("{estimator} loss"),
            "above that of s = 0",
            "above that of points of training",
        ],
        &rows,
    );
    findings.say(&format!(
        "{} held-out points in {bins} parts by the distance to their 5th neighbour among {} points of training (standing for density); shown are \
         the part farthest from the data and the nearest one. A loss is only to be compared with another at the same place: the gap to points \
         of training that are as far from their own neighbours says how much of it was learned by heart.",
        words::count(m as u64),
        words::count((training.len() / subject.d()) as u64)
    ));
    // A score that is no better than none has learned nothing by heart either: the gap is 0 and says nothing.
    let any = |holds: &dyn Fn(f64) -> bool| -> Option<String> {
        let at = |one: &&LossByDensity| {
            one.of_zero.is_some_and(|zero| one.bins.iter().any(|b| holds((b.loss - zero) / b.standard_error)))
        };
        let levels: Vec<String> = found.iter().filter(at).map(|one| words::number(one.sigma)).collect();
        (!levels.is_empty()).then(|| levels.join(", "))
    };
    if let Some(levels) = any(&|excess| excess > OPENS) {
        findings.say(&format!(
            "THE SCORE IS WRONG at σ = {levels}: in some part its loss is above that of a score of 0 by more than {OPENS} standard errors. Do not use it there."
        ));
    }
    if let Some(levels) = any(&|excess| excess.abs() <= OPENS) {
        findings.say(&format!(
            "At σ = {levels} some part's loss cannot be told from that of a score of 0: whether anything was learned there is not to be seen, for the \
             noise in this loss grows as 1/σ²."
        ));
    }
    let open: Vec<String> = found
        .iter()
        .filter(|one| one.bins.iter().any(|b| b.gap > OPENS * b.gap_standard_error))
        .map(|one| words::number(one.sigma))
        .collect();
    findings.say(&if open.is_empty() {
        format!(
            "No part has a gap of more than {OPENS} standard errors: held-out points are treated as points of training are, well or badly."
        )
    } else {
        format!(
            "The gap opens at σ = {}: there the score knows its points of training better than the density. Train for fewer steps, on more points, \
             or with a smaller network; trust the model least far from its data.",
            open.join(", ")
        )
    });
    let lines: Vec<(String, Vec<(f64, f64)>)> = found
        .iter()
        .map(|one| {
            // In standard errors, which makes levels comparable: the loss itself grows as 1/σ².
            let gap = |b: &LossBin| (b.distance, b.gap / b.gap_standard_error);
            (format!("σ = {}", words::number(one.sigma)), one.bins.iter().rev().map(gap).collect())
        })
        .collect();
    let series: Vec<Series<'_>> = lines.iter().map(|(name, points)| Series { name, points }).collect();
    findings.picture(
        "gap.png",
        &curve(&Curve {
            title: "Held-out loss above that of points of training",
            caption: &format!(
                "Against the distance to the 5th neighbour among points of training: the farther, the less dense. Beyond {OPENS} standard errors \
                 points of training were learned by heart."
            ),
            series: &series,
            x_label: "distance to the 5th neighbour",
            y_label: "gap, standard errors",
        })?,
    )?;
    findings.field("loss_by_density", json!(found));
    Ok(())
}
