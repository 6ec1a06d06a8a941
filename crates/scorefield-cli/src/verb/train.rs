//! `train`: a recipe from flags, variables and files; a run folder out of it.

use std::path::{Path, PathBuf};

use clap::Args;
use scorefield::error::{Error, Result};
use scorefield::plot::{Curve, Series, curve};
use scorefield::recipe::{Layers, Origin, Plan, RECOMMENDED, Resolved, Trained, plan, train_new, train_resumed};
use scorefield::run::{Row, RunFolder};

use crate::args::Settings;
use crate::output::Answer;
use crate::session::Session;
use crate::target::{self, Which};
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield train toy:two-moons --out runs/moons
  scorefield train table.csv --out runs/table --steps 5000 --width 256 --ema 500,2000
  scorefield train density:mixture --out runs/one --schedule single --sigma 0.5
  scorefield train --resume --out runs/moons
  scorefield train --recipe runs/moons/recipe.toml --out runs/again

Settings come from flags, then SCOREFIELD_* variables (SCOREFIELD_LR), then the recipe, then what is recommended for the source, then
the default; --explain-config shows which. The run folder holds recipe.toml, metrics.jsonl, loss.png, checkpoints/ and a model card.";

/// Learn the score of DATA by a neural network, into a run folder.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Train {
    /// What to learn from: digits, toy:NAME, density:NAME, mnist, a file, a folder of pictures (scorefield list data)
    #[arg(value_name = "DATA")]
    data: Option<String>,
    /// The run folder to make, or to go on with under --resume
    #[arg(short, long, value_name = "RUN", required_unless_present_any = ["dry_run", "explain_config"])]
    out: Option<PathBuf>,
    /// Settings from a file, as a run folder's recipe.toml has them
    #[arg(long, value_name = "FILE.toml")]
    recipe: Option<PathBuf>,
    /// Go on with the run in --out, to the same weights that an uninterrupted run reaches
    #[arg(long)]
    resume: bool,
    /// Print shapes, parameters, memory and time, measured on a few steps; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print every setting with its value and where it came from; write nothing
    #[arg(long)]
    explain_config: bool,
    #[command(flatten)]
    settings: Settings,
}

/// Does it.
///
/// # Errors
/// Settings, data or folders that will not do; a loss that is not finite; an interruption.
pub fn run(args: &Train, session: &Session) -> Result<Answer> {
    let layers = layers(args, session)?;
    let saved = args.out.as_ref().filter(|_| args.resume).map(|out| out.join("recipe.toml")).filter(|path| path.is_file());
    let mut resolved = match &saved {
        Some(recipe) => layers.clone().over(recipe)?.build()?,
        None => layers.clone().recommended()?.build()?,
    };
    if !resolved.is_given("data.source") {
        return Err(nothing_to_learn_from(args));
    }
    resolved.check()?;
    if args.explain_config {
        return Ok(explained(&resolved));
    }
    if args.dry_run {
        let plan = plan(&mut resolved, session.device())?;
        plan.warnings.iter().for_each(|warning| session.warn(warning));
        return Ok(planned(&plan, &resolved));
    }
    let Some(out) = &args.out else {
        return Err(Error::setting("--out", "the run folder to make", "nothing"));
    };
    let mut progress = session.progress();
    if !args.resume {
        progress.recipe(recommended(&resolved));
    }
    let done = match args.resume {
        true => train_resumed(layers, out, session.device(), &mut progress),
        false => train_new(resolved, out, session.device(), &mut progress),
    };
    progress.clear();
    if let Ok(Trained { .. }) | Err(Error::Interrupted { .. }) = &done
        && let Err(e) = draw_loss(out)
    {
        session.warn(&format!("no picture of the loss: {e}"));
    }
    finished(&done?, session)
}

fn layers(args: &Train, session: &Session) -> Result<Layers> {
    let flag = |name: &str| Origin::Flag(name.to_owned());
    let mut layers = Layers::new().environment(std::env::vars_os())?;
    if let Some(recipe) = &args.recipe {
        layers = layers.recipe_file(recipe)?;
    }
    if let Some(data) = &args.data {
        layers = layers.set("data.source", data, flag("DATA"))?;
    }
    if let Some(seed) = session.globals().seed {
        layers = layers.set("seed", &seed.to_string(), flag("--seed"))?;
    }
    if let Some(folder) = &session.globals().data_dir {
        layers = layers.set("data.data_dir", &folder.to_string_lossy(), flag("--data-dir"))?;
    }
    for given in &args.settings.0 {
        layers = layers.set(given.setting.key, &given.value, flag(&given.setting.flag()))?;
    }
    Ok(layers)
}

fn nothing_to_learn_from(args: &Train) -> Error {
    match &args.out {
        Some(out) if args.resume => Error::file(out, "there is no run to go on with")
            .with_hint("name the data to begin one: scorefield train DATA --resume --out RUN"),
        _ => Error::setting("DATA", "what to learn from, as digits or toy:two-moons", "nothing")
            .with_hint("scorefield list data shows what there is"),
    }
}

fn explained(resolved: &Resolved) -> Answer {
    let rows = resolved.explain();
    let lines: Vec<Vec<String>> =
        rows.iter().map(|row| vec![row.key.to_owned(), row.value.clone(), row.origin.clone()]).collect();
    let mut answer = Answer::new(words::table(&lines)).with("settings", &rows);
    answer.seed = Some(resolved.recipe.seed);
    answer
}

/// The settings that are recommended for the data or the objective and that nothing else was said of, a line for each of the two.
fn recommended(resolved: &Resolved) -> Vec<String> {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for row in resolved.explain().into_iter().filter(|row| row.origin.starts_with(RECOMMENDED)) {
        let setting = format!("{} = {}", row.key, row.value);
        match lines.iter_mut().find(|(origin, _)| *origin == row.origin) {
            Some((_, settings)) => settings.push(setting),
            None => lines.push((row.origin, vec![setting])),
        }
    }
    lines.into_iter().map(|(origin, settings)| format!("{origin}: {}", settings.join(", "))).collect()
}

fn memory_in_words(plan: &Plan) -> String {
    let state = format!("{} for weights, gradients, moments and averages", words::bytes(plan.state_bytes));
    match (plan.peak_bytes, plan.free_bytes) {
        (Some(peak), Some(free)) => format!("{} in all, of {} free; {state}", words::bytes(peak), words::bytes(free)),
        _ => state,
    }
}

fn planned(plan: &Plan, resolved: &Resolved) -> Answer {
    let recipe = &resolved.recipe;
    let rows = plan.rows.map_or("endless".to_owned(), words::count);
    let words = |what: &str, value: String| vec![what.to_owned(), value];
    let mut text = words::table(&[
        words("data", format!("{}, {rows} points of shape {:?}, σ_data = {}", plan.dataset, plan.shape, plan.sigma_data)),
        words("noise", format!("σ from {} to {}", words::number(plan.sigma.0), words::number(plan.sigma.1))),
        words("network", format!("{}, {} parameters", recipe.net.name, words::count(plan.parameter_count as u64))),
        words("memory", memory_in_words(plan)),
        words(
            "time",
            format!(
                "{} for {} steps of {} ({} a step)",
                words::seconds(plan.seconds),
                words::count(recipe.train.steps),
                recipe.train.batch,
                words::seconds(plan.seconds_per_step)
            ),
        ),
    ]);
    let parameters: Vec<Vec<String>> =
        plan.parameters.iter().map(|(name, shape)| vec![format!("  {name}"), format!("{shape:?}")]).collect();
    text += &format!("parameters\n{}nothing was written\n", words::table(&parameters));
    let shapes: Vec<_> =
        plan.parameters.iter().map(|(name, shape)| serde_json::json!({ "name": name, "shape": shape })).collect();
    let mut answer = Answer::new(text)
        .with("data", &plan.dataset)
        .with("rows", plan.rows)
        .with("shape", &plan.shape)
        .with("parameters", plan.parameter_count)
        .with("parameter_shapes", shapes)
        .with("state_bytes", plan.state_bytes)
        .with("peak_bytes", plan.peak_bytes)
        .with("free_bytes", plan.free_bytes)
        .with("steps", recipe.train.steps)
        .with("seconds_per_step", plan.seconds_per_step)
        .with("expected_seconds", plan.seconds)
        .with("sigma_min", plan.sigma.0)
        .with("sigma_max", plan.sigma.1)
        .with("sigma_data", plan.sigma_data);
    answer.seed = Some(recipe.seed);
    answer
}

fn finished(trained: &Trained, session: &Session) -> Result<Answer> {
    trained.warnings.iter().for_each(|warning| session.warn(warning));
    let folder = RunFolder::open(&trained.run)?;
    let recipe = Layers::new().recipe_file(folder.recipe_path())?.build()?.recipe;
    let rows = folder.metrics()?;
    let logged = |row: Option<&Row>| row.and_then(|row| row.number("loss")).unwrap_or(f64::NAN);
    let outcome = &trained.outcome;
    // A resumed run's first loss is the run's, not this process's.
    let first = if trained.resumed_from == 0 { outcome.loss_first.unwrap_or(f64::NAN) } else { logged(rows.first()) };
    let last = if outcome.steps > 0 { outcome.loss_last } else { logged(rows.last()) };
    let steps = trained.resumed_from + outcome.steps;
    let rate = if outcome.steps > 0 { outcome.steps as f64 * trained.batch as f64 / outcome.seconds } else { f64::NAN };
    let run = trained.run.display();
    let mut text = match (outcome.steps, trained.resumed_from) {
        (0, done) => format!("nothing left to do: {run} is trained to step {}\n", words::count(done)),
        (n, before) => {
            let resumed = if before > 0 { format!(", from step {} on", words::count(before)) } else { String::new() };
            format!(
                "trained {} steps in {} ({} samples/s){resumed}: loss {} → {}\n",
                words::count(n),
                words::seconds(outcome.seconds),
                words::rate(rate),
                words::number(first),
                words::number(last)
            )
        }
    };
    text += &format!("{} parameters, step {}, in {run}\n", words::count(trained.parameters as u64), words::count(steps));
    if let Some((step, loss)) = outcome.held_out_best {
        let at_last = outcome.held_out_last.map_or(String::new(), |last| format!(", {} at the last step", words::number(last)));
        text += &format!(
            "held-out loss lowest at step {}: {}{at_last}; the weights of that step are used (--ema takes the last)\n",
            words::count(step),
            words::number(loss)
        );
    }
    if let Some(step) = outcome.early {
        text += &format!("early weights, of step {}, are kept: sample --guidance 2 leads away from them\n", words::count(step));
    }
    text += &format!("next: {}\n", next(&trained.run, session));
    let mut answer = Answer::new(text)
        .with("steps", steps)
        .with("resumed_from", trained.resumed_from)
        .with("loss_first", first)
        .with("loss_last", last)
        .with("samples_per_second", rate)
        .with("parameters", trained.parameters)
        .with("run", &trained.run)
        .with("held_out_best_step", outcome.held_out_best.map(|best| best.0))
        .with("held_out_best", outcome.held_out_best.map(|best| best.1))
        .with("held_out_last", outcome.held_out_last)
        .with("early_step", outcome.early);
    answer.seed = Some(recipe.seed);
    Ok(answer)
}

/// The command that a user may want to type next: samples, as a picture where there can be one.
fn next(run: &Path, session: &Session) -> String {
    let picture = target::open(&run.to_string_lossy(), Which::default(), session).is_ok_and(|target| {
        let event = target.event();
        event.is_image() || event.len() == 2
    });
    let (n, file) = if picture { (100, "samples.png") } else { (1000, "samples.csv") };
    let run = run.display().to_string();
    let quoted = if run.contains(char::is_whitespace) { format!("'{run}'") } else { run };
    format!("scorefield sample {quoted} -n {n} -o {file}")
}

/// `loss.png` in the run folder.
fn draw_loss(run: &Path) -> Result<()> {
    let rows = RunFolder::open(run)?.metrics()?;
    let points: Vec<(f64, f64)> = rows.iter().filter_map(|row| Some((row.step as f64, row.number("loss")?))).collect();
    if points.is_empty() {
        return Ok(());
    }
    let title = format!("Training loss of {}", run.display());
    let held_out: Vec<(f64, f64)> = rows.iter().filter_map(|row| Some((row.step as f64, row.number("held_out_loss")?))).collect();
    let mut series = vec![Series { name: "loss", points: &points }];
    let mut caption = "Mean weighted loss of the steps since the last logged one.".to_owned();
    if !held_out.is_empty() {
        series.push(Series { name: "held out", points: &held_out });
        caption += " Where the loss on held-out points rises, the network learns its points by heart; the weights of its minimum are used.";
    }
    let picture = curve(&Curve { title: &title, caption: &caption, series: &series, x_label: "training step", y_label: "loss" })?;
    picture.save(&run.join("loss.png"), &[("run", &run.to_string_lossy()), ("scorefield", env!("CARGO_PKG_VERSION"))])
}
