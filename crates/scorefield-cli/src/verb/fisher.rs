//! `fisher`: the score-matching loss on points that training did not see.

use clap::Args;
use scorefield::data::{Dequantise, Options, Source, Standardised};
use scorefield::diagnostic::{self, Question};
use scorefield::error::{Error, Result};
use scorefield::objective::{Law, Needs, OBJECTIVES, Projection};
use scorefield::recipe::{self, Target, open_source};
use scorefield::registry::lookup;
use scorefield::score::Score;
use std::sync::Arc;

use crate::args::Offered;
use crate::output::Answer;
use crate::session::Session;
use crate::target::Which;
use crate::{level, target};
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield fisher runs/mixture density:mixture --estimator explicit --sigma 0.5 --sigma 1 --sigma 2 --sigma 5
  scorefield fisher runs/digits digits --sigma 0.3                  the run's own held-out part
  scorefield fisher runs/table test.csv --sigma 0.1";

/// The step of finite-difference, in standard deviations of the data.
const FD_STEP: f64 = 0.03;

/// Measure the score-matching loss of a model on held-out data.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Fisher {
    /// A run folder, or density:NAME
    #[arg(value_name = "RUN|density:…")]
    target: String,
    #[command(flatten)]
    which: Which,
    /// Data to measure on: of the run's own source the part that was held out, of another all of it
    #[arg(value_name = "DATA")]
    data: String,
    /// How the loss is estimated, by the name of an objective; explicit needs DATA to be a density:…
    /// [default: denoising, or implicit for a model or a density without noise]
    #[arg(long, value_name = "NAME", value_parser = Offered::of(OBJECTIVES))]
    estimator: Option<String>,
    /// Directions a point of the sliced estimators
    #[arg(long, value_name = "M", default_value_t = 1)]
    projections: usize,
    /// Law of the directions
    #[arg(long, value_name = "WORD", default_value = "rademacher", value_parser = Offered::new(Law::WORDS.iter().copied()))]
    projection: String,
    /// Noise level; may be given several times [default: the median of those it was trained on]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    sigma: Vec<f64>,
    /// Points, at most
    #[arg(short, long = "number", value_name = "N", default_value_t = 10_000, allow_negative_numbers = true)]
    n: usize,
}

/// Does it.
///
/// # Errors
/// An unknown estimator, a level that is missing or not positive, data that cannot be read or have another dimension.
pub fn run(args: &Fisher, session: &Session) -> Result<Answer> {
    if args.n == 0 {
        return Err(Error::setting("-n", "at least 1", 0));
    }
    let law = Law::from_word(&args.projection)
        .ok_or_else(|| Error::setting("--projection", format!("one of {}", Law::WORDS.join(", ")), &args.projection))?;
    if args.projections == 0 {
        return Err(Error::setting("--projections", "at least 1", 0));
    }
    let target = target::open(&args.target, args.which, session)?;
    let source = held_out(args, &target, session)?;
    let usual = if target.is_clean() || target.knows_no_noise() { "implicit" } else { "denoising" };
    let method = lookup(OBJECTIVES, "--estimator", args.estimator.as_deref().unwrap_or(usual))?;
    let asked: Vec<Option<f64>> = if args.sigma.is_empty() { vec![None] } else { args.sigma.iter().copied().map(Some).collect() };
    let mut levels = Vec::new();
    for sigma in asked {
        // Without noise there is nothing to denoise; the explicit loss of an exact density needs none.
        let sigma = match method.value.needs {
            Needs::Noise => level::of_loss(sigma, &target, session)?,
            Needs::Exact | Needs::Derivatives => level::of_free_loss(sigma, &target, session)?,
        };
        let question = Question {
            estimator: method.name.to_owned(),
            sigma,
            noise: target.noise(),
            exact: exact(args, &target, method.name, sigma)?,
            projection: Projection { law, count: args.projections },
            step: target.spread() * FD_STEP,
            n: args.n,
            seed: session.seed(),
        };
        let found = diagnostic::fisher(target.score(), &*source, &question)?;
        levels.push(found);
    }
    let mut rows = vec![["σ", "loss", "standard error", "points", "relative Fisher divergence"].map(str::to_owned).to_vec()];
    if levels.iter().all(|level| level.relative_fisher_divergence.is_none()) {
        rows[0].pop();
    }
    for level in &levels {
        let mut row = vec![
            words::number(level.sigma),
            words::number(level.loss),
            words::number(level.standard_error),
            words::count(level.n as u64),
        ];
        row.extend(level.relative_fisher_divergence.map(words::number));
        rows.push(row);
    }
    Ok(Answer::new(words::table(&rows))
        .with("target", &args.target)
        .with("data", &args.data)
        .with("estimator", method.name)
        .with_all(levels[0])
        .with("levels", &levels))
}

/// The truth: the score of DATA's density under the target's noise, where the model works in the density's units and it is known.
fn exact(args: &Fisher, target: &Target, estimator: &str, sigma: f64) -> Result<Option<Arc<dyn Score>>> {
    let Some(name) = args.data.strip_prefix("density:").filter(|_| target.standardise().is_none()) else { return Ok(None) };
    let (density, noise) = (scorefield::density::open(name)?, target.noise());
    let found = if sigma == 0.0 { Some(density.clone() as Arc<dyn Score>) } else { diagnostic::truth(&density, &noise) };
    if found.is_none() && estimator == "explicit" {
        let expected = format!("another estimator: under {} noise the true score is known in one dimension only", noise.name());
        return Err(Error::setting("--estimator", expected, estimator));
    }
    Ok(found)
}

fn held_out(args: &Fisher, target: &Target, session: &Session) -> Result<Arc<dyn Source>> {
    let mut options = Options { held_out: 0.0, ..session.data_options() };
    let mut own = false;
    if let Target::Trained(trained) = target {
        let data = &trained.recipe.data;
        own = data.source == args.data;
        options.dequantise = match data.dequantise {
            recipe::Dequantise::Auto => Dequantise::Auto,
            recipe::Dequantise::Uniform => Dequantise::Uniform,
            recipe::Dequantise::None => Dequantise::None,
        };
        options.size = data.size;
        options.data_dir = options.data_dir.or_else(|| data.data_dir.as_ref().map(Into::into));
        if own {
            options.held_out = data.held_out;
            options.split_seed = data.split_seed;
        }
    }
    let set = open_source(&args.data, &options)?;
    let (event, wanted) = (set.train.event().clone(), target.event());
    if event.len() != wanted.len() {
        return Err(Error::setting("DATA", format!("points of shape {wanted}"), format!("{} of shape {event}", args.data)));
    }
    let source = match set.held_out.len() {
        Some(0) => {
            if own {
                session.warn("the run held nothing out: these are the points that it was trained on");
            }
            set.train
        }
        _ => set.held_out,
    };
    Ok(match target.standardise() {
        Some(map) => Arc::new(Standardised::new(source, map.clone())),
        None => source,
    })
}
