//! `runs`: the run folders in a folder.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use scorefield::error::Result;
use scorefield::run::{RunSummary, list_runs};
use serde_json::{Value, json};

use crate::output::Answer;
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield runs
  scorefield runs runs --json";

/// List the run folders in a folder and in its folders: data, steps done, last loss, size, age.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Runs {
    /// The folder
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// Does it.
///
/// # Errors
/// A folder that cannot be read.
pub fn run(args: &Runs) -> Result<Answer> {
    let runs = list_runs(&args.dir)?;
    let text = match runs.is_empty() {
        true => format!("no runs in {}\n", args.dir.display()),
        false => {
            let mut rows = vec![["run", "data", "step", "loss", "size", "written"].map(str::to_owned).to_vec()];
            rows.extend(runs.iter().map(row));
            words::table(&rows)
        }
    };
    Ok(Answer::new(text).with("dir", &args.dir).with("runs", runs.iter().map(document).collect::<Vec<_>>()))
}

fn row(run: &RunSummary) -> Vec<String> {
    let step = run.step.map_or("no checkpoint".to_owned(), words::count);
    let age = run.modified.and_then(|then| SystemTime::now().duration_since(then).ok());
    vec![
        run.path.display().to_string(),
        run.data.clone().unwrap_or_else(|| "?".to_owned()),
        run.steps.map_or(step.clone(), |steps| format!("{step} of {}", words::count(steps))),
        run.last_loss.map_or("-".to_owned(), words::number),
        words::bytes(run.bytes),
        age.map_or("?".to_owned(), |age| format!("{} ago", span(age.as_secs()))),
    ]
}

fn span(seconds: u64) -> String {
    match seconds {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s if s < 48 * 3600 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86400),
    }
}

fn document(run: &RunSummary) -> Value {
    let modified = run.modified.and_then(|then| then.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_secs_f64());
    json!({
        "run": run.path,
        "data": run.data,
        "steps": run.steps,
        "step": run.step,
        "loss_last": run.last_loss,
        "bytes": run.bytes,
        "modified": modified,
    })
}
