//! `diagnose mixing`: which modes the data have, which of them samplers find, and what lies between.

use std::path::PathBuf;

use clap::Args;
use scorefield::diagnostic::chains::{Draws, Trace};
use scorefield::diagnostic::manifold::pca;
use scorefield::diagnostic::mixing::{
    Barrier, LEAST, Modes, MostModes, Proportion, Transitions, Verdict, Way, barrier, compare, modes, transitions,
};
use scorefield::error::{Error, Result};
use scorefield::key::{Key, Purpose};
use scorefield::levels::Levels;
use scorefield::plot::{Curve, Multiples, Panel, Series, curve, multiples};
use scorefield::recipe::Target;
use scorefield::sample::{Asked, Draw, Kept, Start, draw};
use serde::Serialize;

use super::findings::Findings;
use super::subject::Subject;
use crate::output::Answer;
use crate::points::{sample, to_target};
use crate::session::Session;
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield diagnose mixing density:mixture                  the lecture's two modes, by four samplers
  scorefield diagnose mixing runs/moons                       against the data that the run learned from
  scorefield diagnose mixing runs/one --against all.csv       modes that the run never saw are found too
  scorefield diagnose mixing runs/rings --modes 2

Modes are peaks of the density that a valley parts. Chains at one level begin uniformly over the range of the data.";

/// Do samples have the modes of the data, and can chains get from one to another?
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Mixing {
    /// A run folder, or density:…
    #[arg(value_name = "RUN|density:…")]
    subject: String,
    /// Points whose modes are to be found [default: the data that the run learned from]
    #[arg(long, value_name = "DATA")]
    against: Option<String>,
    /// How many modes there are to be [default: as many as stand out]
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    modes: Option<usize>,
    /// Samples by each sampler
    #[arg(short, long = "number", value_name = "N", default_value_t = 1000, allow_negative_numbers = true)]
    n: usize,
    /// Points in which modes are looked for, at most; the work grows with the square
    #[arg(long, value_name = "N", default_value_t = 4000, allow_negative_numbers = true)]
    points: usize,
    /// Steps of langevin and of tempering
    #[arg(long, value_name = "N", default_value_t = 1000, allow_negative_numbers = true)]
    steps: usize,
    /// Step size of langevin [default: its usual one]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    epsilon: Option<f64>,
    /// Where langevin and tempering begin: uniform:LOW:HIGH in the score's units [default: over the range of the data]
    #[arg(long, value_name = "START", allow_hyphen_values = true)]
    start: Option<String>,
    /// Which average of a run's weights to use, by its half-life in steps [default: the first that the run keeps]
    #[arg(long, value_name = "STEPS")]
    ema: Option<f64>,
    /// Folder for the report [default: scorefield-diagnose/mixing]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Chains whose course is looked at.
const WATCHED: usize = 256;
/// Moments in the picture, the start among them.
const MOMENTS: usize = 5;
/// Modes between which barriers are measured: all pairs of the largest.
const PAIRED: usize = 4;
/// Noise levels of the barrier's curve.
const LEVELS: usize = 12;
/// Plain dynamics, annealed, tempered, and the ordinary differential equation.
const SAMPLERS: [&str; 4] = ["langevin", "annealed", "tempering", "heun"];

/// One sampler and what it came to.
#[derive(Debug, Serialize)]
struct Tried {
    sampler: &'static str,
    settings: String,
    n: usize,
    proportions: Vec<Proportion>,
    /// Of chains alone: what descends from level to level has no rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    transitions: Option<Transitions>,
    #[serde(skip)]
    course: Vec<Panel>,
}

/// Does it.
///
/// # Errors
/// A subject that has no score, points that have no modes to speak of, a folder that cannot be written, an interruption.
pub fn run(args: &Mixing, session: &Session) -> Result<Answer> {
    if args.n < LEAST || args.points < LEAST {
        return Err(Error::setting("-n, --points", format!("at least {LEAST}"), args.n.min(args.points)));
    }
    if args.steps < 8 {
        return Err(Error::setting("--steps", "at least 8", args.steps));
    }
    if let Some(bad) = args.epsilon.filter(|e| !(e.is_finite() && *e > 0.0)) {
        return Err(Error::setting("--epsilon", "a positive number", bad));
    }
    let start = args.start.as_deref().map(Start::parse_uniform).transpose()?;
    let mut findings = Findings::new("mixing", &args.subject, args.out.as_deref())?;
    let subject = Subject::open(&args.subject, args.ema, session)?;
    let Some(target) = &subject.target else {
        return Err(Error::setting("TARGET", "a run folder or density:…, which have a score to sample", &args.subject)
            .with_hint("train one: scorefield train DATA --out RUN"));
    };
    let points = match &args.against {
        Some(data) => some_of(sample(data, target, session, None, args.points)?.values, subject.d(), args.points, session),
        None => subject.points(args.points, session)?,
    };
    // In the score's own units, where columns have equal weight.
    let points: Vec<f32> = to_target(target, &points).into_iter().map(|x| x as f32).collect();
    let d = subject.d();
    let most = args.modes.map_or(MostModes::Chosen, MostModes::Given);
    let found = modes(&points, d, most)?;
    say_modes(&found, args.against.as_deref().unwrap_or(&args.subject), &mut findings);

    let (low, high) = points.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
    let start = start.unwrap_or(Start::Uniform { low, high });
    let plane = Plane::new(&points, d)?;
    let mut tried = Vec::new();
    for name in SAMPLERS {
        match attempt(name, args, target, &found, &start, &plane, session) {
            Ok(one) => tried.push(one),
            Err(e @ Error::Interrupted { .. }) => return Err(e),
            Err(Error::Setting { .. }) => findings.say(&format!("{name} cannot sample this target, and was left out.")),
            Err(e) => return Err(e),
        }
    }
    let lacking = say_proportions(&found, &tried, target, &mut findings);
    say_transitions(&tried, &mut findings);
    let barriers = barriers(&found, target)?;
    say_barriers(&barriers, &tried, target, &found, &mut findings)?;
    if let Some(last) = tried.first().map(|t| t.course.len()) {
        let rows: Vec<(String, Vec<Panel>)> =
            tried.iter().filter(|t| t.course.len() == last).map(|t| (t.sampler.to_owned(), t.course.clone())).collect();
        let caption = format!("{} particles of each sampler. {}", words::count(args.n.min(WATCHED) as u64), plane.caption);
        findings.section("The particles in time");
        findings.picture(
            "particles.png",
            &multiples(&Multiples {
                title: "Particles in time",
                caption: &caption,
                reference: &plane.reference,
                reference_name: "data",
                rows: &rows,
            })?,
        )?;
    }
    findings.field("modes", &found);
    findings.field("mode_count", found.count());
    findings.field("samplers", &tried);
    findings.field("missing_modes", lacking);
    findings
        .field("barriers", barriers.iter().map(|(pair, b)| serde_json::json!({"modes": pair, "barrier": b})).collect::<Vec<_>>());
    findings.finish(session)
}

/// Up to `most` rows, dealt at random: files may be sorted.
fn some_of(values: Vec<f32>, d: usize, most: usize, session: &Session) -> Vec<f32> {
    let n = values.len() / d;
    if n <= most {
        return values;
    }
    let key = Key::new(session.seed(), Purpose::Metric);
    (0..most).flat_map(|i| &values[key.permute(i as u64, n as u64) as usize * d..][..d]).copied().collect()
}

/// The plane that particles are shown in: their own, or that of the data's first two principal components.
struct Plane {
    /// Axes, `[2, d]`, and the point that becomes (0, 0).
    axes: Option<(Vec<f64>, Vec<f64>, Vec<f64>)>,
    d: usize,
    reference: Vec<f32>,
    caption: &'static str,
}

impl Plane {
    fn new(points: &[f32], d: usize) -> Result<Self> {
        let (axes, caption) = match d {
            2 => (None, ""),
            1 => (None, "The line is drawn along x; up and down means nothing."),
            _ => {
                let found = pca(points, d)?;
                (Some((found.axis(0), found.axis(1), found.mean)), "Shown along the data's first two principal components.")
            }
        };
        let mut plane = Self { axes, d, reference: Vec::new(), caption };
        plane.reference = plane.place(&points[..points.len().min(1000 * d)]);
        Ok(plane)
    }

    fn place(&self, points: &[f32]) -> Vec<f32> {
        let along = |x: &[f32], axis: &[f64], mean: &[f64]| {
            x.iter().zip(axis).zip(mean).map(|((x, a), m)| (f64::from(*x) - m) * a).sum::<f64>() as f32
        };
        match &self.axes {
            Some((first, second, mean)) => {
                points.chunks_exact(self.d).flat_map(|x| [along(x, first, mean), along(x, second, mean)]).collect()
            }
            None if self.d == 1 => points.iter().enumerate().flat_map(|(i, x)| [*x, (i % 17) as f32 / 17.0]).collect(),
            None => points.to_vec(),
        }
    }
}

fn attempt(
    name: &'static str,
    args: &Mixing,
    target: &Target,
    found: &Modes,
    uniform: &Start,
    plane: &Plane,
    session: &Session,
) -> Result<Tried> {
    let at_one_level = name == "langevin" || name == "tempering";
    let asked = Asked {
        steps: at_one_level.then_some(args.steps),
        epsilon: args.epsilon.filter(|_| name == "langevin"),
        ..Asked::default()
    };
    let (sampler, ready) = target.sampler(Some(name), &asked)?;
    let start = if at_one_level { uniform.clone() } else { target.start() };
    let request = Draw { n: args.n, from: 0, seed: session.seed(), start, start_sigma: ready.start_sigma };
    let mut progress = session.progress();
    let whole = Kept { after: 0, steps: ready.sampler.steps() };
    let d = target.score().dim();
    let mut trace = Trace::of(WATCHED, whole, 0, args.n, d, &mut progress);
    let drawn = draw(target.score(), &*ready.sampler, &request, &mut trace)?;
    let (every, _) = trace.steps();
    let course = trace.draws()?;
    progress.clear();
    let proportions = compare(found.labels(), &found.assign(&drawn.single()), args.n, found.count())?;
    let single: Vec<f32> = course.values.iter().map(|x| *x as f32).collect();
    let changes = match ready.sampler.kept() {
        Some(_) => Some(transitions(&found.cores(&single), course.chains, every, found.count())?),
        None => None,
    };
    let rows = request.start.rows(Key::new(session.seed(), Purpose::Start), 0, course.chains, d, ready.start_sigma);
    let course = moments(&course, &single, &rows, every, plane);
    Ok(Tried { sampler, settings: ready.settings, n: args.n, proportions, transitions: changes, course })
}

/// Some moments of a course, from its start to its end.
fn moments(course: &Draws, single: &[f32], start: &[f64], every: usize, plane: &Plane) -> Vec<Panel> {
    let Draws { chains, draws, d, .. } = *course;
    let start: Vec<f32> = start.iter().map(|x| *x as f32).collect();
    let mut panels = vec![Panel { label: "start".to_owned(), points: plane.place(&start) }];
    for i in 1..MOMENTS {
        let at = (draws * i / (MOMENTS - 1)).max(1) - 1;
        let points: Vec<f32> = (0..chains).flat_map(|c| &single[(c * draws + at) * d..][..d]).copied().collect();
        panels.push(Panel { label: format!("step {}", words::count(((at + 1) * every) as u64)), points: plane.place(&points) });
    }
    panels
}

fn say_modes(found: &Modes, of: &str, findings: &mut Findings) {
    findings.section("Modes of the data");
    let mut rows = Vec::new();
    for (k, mean) in found.means.iter().enumerate() {
        let place: Vec<String> = mean.iter().take(4).map(|m| words::number(*m)).collect();
        let more = if mean.len() > 4 { ", …" } else { "" };
        let share = found.labels().iter().filter(|l| **l == Some(k)).count() as f64 / found.n as f64;
        rows.push(vec![
            format!("mode {k}"),
            format!("({}{more})", place.join(", ")),
            format!("{share:.3}"),
            if found.prominences[k].is_finite() { words::number(found.prominences[k]) } else { "the highest".to_owned() },
        ]);
    }
    findings.table(&["mode", "mean", "share", "stands out by, nats"], &rows);
    findings.say(&format!(
        "{} in {} points of {of}: peaks that stand out by more than {} nats; the next would by {}.",
        match found.count() {
            1 => "One mode".to_owned(),
            n => format!("{n} modes"),
        },
        words::count(found.n as u64),
        words::number(found.threshold),
        words::number(found.next_prominence)
    ));
    if found.count() < 2 {
        findings.say("There is no valley for a chain to cross: mixing between modes is no question here.");
    }
}

/// The modes that the sampler of least bias lacks.
fn say_proportions(found: &Modes, tried: &[Tried], target: &Target, findings: &mut Findings) -> Vec<usize> {
    findings.section("Shares of the modes");
    let mut rows = Vec::new();
    for one in tried {
        for p in &one.proportions {
            let show = |s: &scorefield::diagnostic::chains::Share| {
                format!("{:.3} ({:.3} to {:.3})", s.weight, s.interval.0, s.interval.1)
            };
            let verdict = match p.verdict {
                Verdict::Right => "agrees",
                Verdict::Missing => "MISSING",
                Verdict::TooFew => "too few",
                Verdict::TooMany => "too many",
            };
            let mode = p.mode.map_or("none".to_owned(), |k| format!("mode {k}"));
            rows.push(vec![one.sampler.to_owned(), mode, show(&p.data), show(&p.samples), verdict.to_owned()]);
        }
    }
    findings.table(&["sampler", "mode", "data (95%)", "samples (95%)", "verdict"], &rows);
    let lacks =
        |one: &Tried| one.proportions.iter().filter(|p| p.verdict == Verdict::Missing).filter_map(|p| p.mode).collect::<Vec<_>>();
    let wrong = |one: &&Tried| one.proportions.iter().any(|p| p.verdict != Verdict::Right);
    // A mode is missing from the model where no sampler finds it; a chain at one level shows where it began, and is asked only where it is alone.
    let asked: Vec<&Tried> = tried.iter().filter(|one| tried.len() == 1 || one.sampler != "langevin").collect();
    let lacking: Vec<usize> =
        (0..found.count()).filter(|k| !asked.is_empty() && asked.iter().all(|one| lacks(one).contains(k))).collect();
    for k in &lacking {
        let share = found.labels().iter().filter(|l| **l == Some(*k)).count() as f64 / found.n as f64;
        let (_, high) = target.sigma_range();
        findings.say(&format!(
            "MODE {k} IS MISSING: {:.1}% of the data are in it, and no sampler that can tell ({}) draws from it. The model does not know it: look whether its \
             training data hold it, train longer, and let the largest noise level (now {}) be as large as the distance between modes.",
            100.0 * share,
            asked.iter().map(|one| one.sampler).collect::<Vec<_>>().join(", "),
            words::number(high)
        ));
    }
    for one in tried.iter().filter(wrong) {
        let only_here: Vec<usize> = lacks(one).into_iter().filter(|k| !lacking.contains(k)).collect();
        let chain = one.sampler == "langevin";
        let what = if only_here.is_empty() {
            "has the modes in wrong proportions".to_owned()
        } else {
            format!("misses modes {only_here:?}")
        };
        findings.say(&format!(
            "{} {what}{}",
            one.sampler,
            if chain {
                ": a chain at one noise level keeps the proportions of its start, for the score does not know the weights of separated modes."
            } else {
                "."
            }
        ));
    }
    let right: Vec<&str> = tried.iter().filter(|t| !wrong(t)).map(|t| t.sampler).collect();
    if !right.is_empty() {
        findings.say(&format!("Right proportions: {}.", right.join(", ")));
    }
    lacking
}

fn say_transitions(tried: &[Tried], findings: &mut Findings) {
    let chains: Vec<(&str, &Transitions)> = tried.iter().filter_map(|t| Some((t.sampler, t.transitions.as_ref()?))).collect();
    if chains.is_empty() {
        return;
    }
    findings.section("Changes of mode");
    let row = |(name, t): &(&str, &Transitions)| {
        let [low, high] = t.interval.map(words::number);
        vec![
            (*name).to_owned(),
            words::count(t.chains as u64),
            words::count(t.steps),
            words::count(t.count),
            format!("{} ({low} to {high})", words::number(t.per_thousand)),
            format!("{} of {}", t.moved, t.chains),
        ]
    };
    findings.table(
        &["chain", "chains", "steps in all", "changes", "a thousand steps (95%)", "chains that changed"],
        &chains.iter().map(row).collect::<Vec<_>>(),
    );
    for (name, t) in chains.iter().filter(|(_, t)| t.count == 0 && t.steps > 0 && t.between.len() > 1) {
        findings
            .say(&format!("No chain of {name} changed its mode in {} steps.", words::count(t.steps / t.chains.max(1) as u64)));
    }
}

type Pair = [usize; 2];

/// Both ways between all pairs of the largest modes at the lowest level, and the straight one between the first two at all levels.
fn barriers(found: &Modes, target: &Target) -> Result<Vec<(Pair, Barrier)>> {
    let mut all = Vec::new();
    let score = target.score();
    let (low, high) = if target.is_clean() || target.knows_no_noise() { (0.0, 0.0) } else { target.sigma_range() };
    let count = found.count().min(PAIRED);
    for a in 0..count {
        for b in a + 1..count {
            for way in [Way::Straight, Way::Least] {
                all.push(([a, b], barrier(score, &found.peak(a), &found.peak(b), low, way)?));
            }
        }
    }
    if count >= 2 && high > 0.0 {
        let least = if low > 0.0 { low } else { 0.02 * target.spread() };
        let top = high.min(4.0 * target.spread()).max(2.0 * least);
        for sigma in Levels::geometric(top, least, LEVELS)?.as_slice().iter().filter(|s| **s > 0.0 && **s != low) {
            all.push(([0, 1], barrier(score, &found.peak(0), &found.peak(1), *sigma, Way::Straight)?));
        }
    }
    Ok(all)
}

fn say_barriers(all: &[(Pair, Barrier)], tried: &[Tried], target: &Target, found: &Modes, findings: &mut Findings) -> Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    findings.section("Barriers");
    let lowest = all[0].1.sigma;
    let row = |(pair, b): &(Pair, Barrier)| {
        vec![
            format!("{} to {}", pair[0], pair[1]),
            if b.way == Way::Straight { "straight" } else { "least" }.to_owned(),
            words::number(b.forward),
            words::number(b.backward),
            words::number(b.difference),
            format!("{} ± {}", words::number(b.integral), words::number(b.integral_error)),
        ]
    };
    let here: Vec<Vec<String>> = all.iter().filter(|(_, b)| b.sigma == lowest).map(row).collect();
    findings.table(&["modes", "way", "barrier, nats", "back, nats", "log p difference", "by the score's integral"], &here);
    let from = if all[0].1.from_density { "log p itself" } else { "the score's line integral" };
    findings.say(&format!("At σ = {}, between the densest points of each mode, from {from}.", words::number(lowest)));
    let least = all.iter().filter(|(_, b)| b.sigma == lowest && b.way == Way::Least).map(|(_, b)| b.forward.min(b.backward));
    let least = least.fold(f64::INFINITY, f64::min);
    let plain = tried.iter().find(|t| t.sampler == "langevin");
    if least > 3.0 && found.count() > 1 {
        let settings = plain.map_or(String::new(), |t| format!(" ({})", t.settings));
        findings.say(&format!(
            "The lowest barrier is {} nats: a chain at this level{settings} crosses about once in e^{} ≈ {} of the times in which it moves about \
             a mode. Take samplers that come down from much noise (annealed, heun){}.",
            words::number(least),
            words::number(least),
            words::number(least.min(700.0).exp()),
            if target.has_log_density() { ", or tempering" } else { "" }
        ));
    }
    let mut along: Vec<(f64, f64)> = all
        .iter()
        .filter(|(p, b)| *p == [0, 1] && b.way == Way::Straight && b.sigma > 0.0)
        .map(|(_, b)| (b.sigma, b.forward))
        .collect();
    along.sort_by(|a, b| a.0.total_cmp(&b.0));
    let profiles: Vec<(String, &Vec<(f64, f64)>)> = all
        .iter()
        .filter(|(p, b)| *p == [0, 1] && b.sigma == lowest)
        .map(|(_, b)| (if b.way == Way::Straight { "straight" } else { "way of least barrier" }.to_owned(), &b.profile))
        .collect();
    let series: Vec<Series<'_>> = profiles.iter().map(|(name, points)| Series { name, points }).collect();
    findings.picture(
        "barrier.png",
        &curve(&Curve {
            title: "log p on the way from mode 0 to mode 1",
            caption: &format!("At σ = {}, from {from}.", words::number(lowest)),
            series: &series,
            x_label: "share of the way",
            y_label: "log p − log p(mode 0), nats",
        })?,
    )?;
    if along.len() > 1 {
        findings.picture(
            "barrier-noise.png",
            &curve(&Curve {
                title: "Noise takes the barrier away",
                caption: "The barrier from mode 0 to mode 1 along the straight line, at each noise level.",
                series: &[Series { name: "barrier", points: &along }],
                x_label: "noise level σ",
                y_label: "barrier, nats",
            })?,
        )?;
    }
    Ok(())
}
