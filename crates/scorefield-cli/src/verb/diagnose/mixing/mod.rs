//! `diagnose mixing`: which modes the data have, which of them samplers find, and what lies between.

mod plane;
mod told;

use std::path::PathBuf;

use clap::Args;
use scorefield::diagnostic::chains::{Draws, Trace};
use scorefield::diagnostic::mixing::{
    Barrier, LEAST, Modes, MostModes, Proportion, Transitions, Way, barrier, compare, modes, transitions,
};
use scorefield::error::{Error, Result};
use scorefield::key::{Key, Purpose};
use scorefield::levels::Levels;
use scorefield::plot::{Moment, Multiples, multiples};
use scorefield::recipe::Target;
use scorefield::sample::{Asked, Draw, Kept, Start, draw};
use serde::Serialize;

use self::plane::Plane;
use self::told::{say_barriers, say_modes, say_proportions, say_transitions};
use super::findings::Findings;
use super::subject::Subject;
use crate::output::Answer;
use crate::points::{sample, to_target};
use crate::session::Session;
use crate::target::Which;
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
    #[command(flatten)]
    which: Which,
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
    course: Vec<Moment>,
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
    let subject = Subject::open(&args.subject, args.which, session)?;
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
        let rows: Vec<(String, Vec<Moment>)> =
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
fn moments(course: &Draws, single: &[f32], start: &[f64], every: usize, plane: &Plane) -> Vec<Moment> {
    let Draws { chains, draws, d, .. } = *course;
    let start: Vec<f32> = start.iter().map(|x| *x as f32).collect();
    let mut seen = vec![Moment { label: "start".to_owned(), points: plane.place(&start) }];
    for i in 1..MOMENTS {
        let at = (draws * i / (MOMENTS - 1)).max(1) - 1;
        let points: Vec<f32> = (0..chains).flat_map(|c| &single[(c * draws + at) * d..][..d]).copied().collect();
        seen.push(Moment { label: format!("step {}", words::count(((at + 1) * every) as u64)), points: plane.place(&points) });
    }
    seen
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
