//! `evaluate`: how near samples are to real points, by figures that each come with an error and a floor.

use clap::Args;
use scorefield::data::{Dequantise, Options, Source, all};
use scorefield::error::{Error, Result};
use scorefield::key::{Key, Purpose};
use scorefield::metric::{Features, Figure, LEAST, METRICS, Question, figures};
use scorefield::recipe::{Target, open_source};
use scorefield::registry::{Entry, lookup};
use scorefield::sample::{Asked, Draw, draw};
use serde_json::json;
use std::path::Path;

use crate::args::Offered;
use crate::output::Answer;
use crate::session::Session;
use crate::statistics::ModeCounts;
use crate::target::{self, Which};
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield evaluate runs/moons --against toy:two-moons
  scorefield evaluate samples.npy --against density:mixture         with the weights of the modes
  scorefield evaluate runs/digits --against digits --features classifier
  scorefield evaluate samples.npy --against train.npy --only copies

Each figure has a 95% interval, and a floor: the same figure for two halves of the real points, which is as good as it gets at that size.";

/// Measure how near samples are to real data.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Evaluate {
    /// A run folder or density:… to draw from, or a file of samples
    #[arg(value_name = "RUN|SAMPLES")]
    subject: String,
    /// Real points: anything that DATA may be
    #[arg(long, value_name = "DATA")]
    against: String,
    /// Points of each, at most; the work grows with the square
    #[arg(short, long = "number", value_name = "N", default_value_t = 2000, allow_negative_numbers = true)]
    n: usize,
    /// Features of the Fréchet distance: raw, pca, or those of a classifier trained on the real points' labels
    #[arg(long, value_name = "WORD", default_value = "raw", value_parser = Offered::new(Features::WORDS.iter().copied()))]
    features: String,
    /// Take this figure only; may be given several times
    #[arg(long, value_name = "NAME", value_parser = Offered::of(METRICS))]
    only: Vec<String>,
    #[command(flatten)]
    which: Which,
}

/// Does it.
///
/// # Errors
/// Data or samples that cannot be read, too few points, points of another dimension or that are not finite.
pub fn run(args: &Evaluate, session: &Session) -> Result<Answer> {
    if args.n < LEAST {
        return Err(Error::setting("-n", format!("at least {LEAST}"), args.n));
    }
    let features = Features::from_word(&args.features)
        .ok_or_else(|| Error::setting("--features", format!("one of {}", Features::WORDS.join(", ")), &args.features))?;
    let wanted: Vec<&'static Entry<_>> = match args.only.as_slice() {
        [] => METRICS.iter().collect(),
        names => names.iter().map(|name| lookup(METRICS, "--only", name)).collect::<Result<_>>()?,
    };
    let options = Options { held_out: 0.0, dequantise: Dequantise::None, ..session.data_options() };
    let set = open_source(&args.against, &options)?;
    let (source, d) = (&*set.train, set.train.event().len());
    let real = rows(source, args.n, session)?;
    let Samples { points: samples, drawn } = samples(args, d, set.columns.as_deref(), session)?;
    let [n, m] = [real.len() / d, samples.len() / d];
    let seen = features.of(&real, &samples, d, source, session.seed())?;
    let question = Question { real: &real, samples: &samples, d, features: [&seen[0], &seen[1]], seed: session.seed() };
    let (found, p_value) = figures(&question, &wanted)?;

    let mut text = words::table(&table(&found));
    text += &format!("{} samples against {} real points of {d} numbers\n", words::count(m as u64), words::count(n as u64));
    let mut answer =
        Answer::default().with("subject", &args.subject).with("against", &args.against).with("n", m).with("n_real", n);
    if let Some(drawn) = drawn {
        text += &format!("samples drawn {drawn}\n");
        answer = answer.with("samples", drawn);
    }
    if found.iter().any(|f| f.name == "mmd") {
        text +=
            &format!("mmd: {}% of relabelled sets are as far apart (permutation test, 199)\n", words::number(100.0 * p_value));
        answer = answer.with("mmd_p_value", p_value);
    }
    for figure in &found {
        answer = answer.with(figure.name, figure.value);
    }
    if let Some(copied) = found.iter().find(|f| f.name == "copies" && f.interval[0] > 3.0 * f.floor.max(0.01)) {
        let share = words::number(100.0 * copied.value);
        session.warn(&format!("{share}% of the samples all but repeat a real point; of new ones about 1% would"));
    }
    if let Some(name) = args.against.strip_prefix("density:")
        && let Some(mut counts) = ModeCounts::new(scorefield::density::open(name)?, 0.0)
    {
        counts.add(&samples);
        if let Some(weights) = counts.weights() {
            text += &weights.text();
            answer = answer.with_all(&weights);
        }
    }
    let answer = answer.with("features", features.word()).with("figures", json!(found));
    Ok(Answer { text, ..answer })
}

/// Some rows of a source: of a finite one in its shuffled order, so that files may be sorted.
fn rows(source: &dyn Source, n: usize, session: &Session) -> Result<Vec<f32>> {
    all(source, n, Key::new(session.seed(), Purpose::Data))
}

/// What is measured, in data units.
struct Samples {
    points: Vec<f32>,
    /// How they were drawn, if they were.
    drawn: Option<String>,
}

/// Samples from the file or, if it is a target, drawn from it; `columns` are the names of the real points' numbers.
fn samples(args: &Evaluate, d: usize, columns: Option<&[String]>, session: &Session) -> Result<Samples> {
    let is_target = args.subject.starts_with("density:") || Path::new(&args.subject).join("recipe.toml").exists();
    let (points, event, drawn) = if is_target {
        let target = target::open(&args.subject, args.which, session)?;
        let (points, how) = drawn(&target, args.n, session)?;
        (points, target.event(), Some(how))
    } else {
        args.which.refuse(&args.subject)?;
        let options = Options { held_out: 0.0, dequantise: Dequantise::None, ..session.data_options() };
        let set = open_source(&args.subject, &options)?;
        if let (Some(ours), Some(theirs)) = (&set.columns, columns)
            && ours.as_slice() != theirs
            && ours.len() == theirs.len()
        {
            let expected = format!("the columns of {}, {}, in that order", args.against, theirs.join(", "));
            return Err(Error::setting(&args.subject, expected, ours.join(", ")));
        }
        (rows(&*set.train, args.n, session)?, set.train.event().clone(), None)
    };
    if event.len() != d {
        return Err(Error::setting(
            "RUN|SAMPLES",
            format!("points of {d} numbers, as {}", args.against),
            format!("shape {event}"),
        ));
    }
    Ok(Samples { points, drawn })
}

/// Draws of an exact density where it has them, else of the usual sampler; and how they were drawn.
fn drawn(target: &Target, n: usize, session: &Session) -> Result<(Vec<f32>, String)> {
    // Other numbers than those behind the real points, which may be of the same density.
    let exact = target.exact(0.0).and_then(|p| p.draws(Key::new(session.seed(), Purpose::Chain), 0, n, 0.0));
    if let Some(points) = exact {
        return Ok((points, "from the density itself, without a sampler".to_owned()));
    }
    let (name, ready) = target.sampler(None, &Asked { denoise: true, ..Asked::default() })?;
    let mut progress = session.progress();
    let request = Draw { n, from: 0, seed: session.seed(), start: target.start(), start_sigma: ready.start_sigma };
    let mut points = draw(target.score(), &*ready.sampler, &request, &mut progress)?.single();
    progress.clear();
    if let Some(map) = target.standardise() {
        map.invert(&mut points);
    }
    Ok((points, format!("by {name}: {}", ready.settings)))
}

fn table(found: &[Figure]) -> Vec<Vec<String>> {
    let head = ["figure", "value", "95% interval", "floor", "of equal laws", "samples, real"].map(str::to_owned).to_vec();
    let row = |f: &Figure| {
        vec![
            f.name.to_owned(),
            words::number(f.value),
            format!("{} to {}", words::number(f.interval[0]), words::number(f.interval[1])),
            words::number(f.floor),
            f.ideal.map_or_else(String::new, words::number),
            format!("{}, {}", words::count(f.n[1] as u64), words::count(f.n[0] as u64)),
        ]
    };
    std::iter::once(head).chain(found.iter().map(row)).collect()
}
