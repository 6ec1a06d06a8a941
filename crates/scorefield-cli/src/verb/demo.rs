//! `demo`: the main job from end to end on real digits, with a report.

use std::path::PathBuf;

use clap::Args;
use scorefield::demo::{self, Options};
use scorefield::error::Result;

use crate::output::Answer;
use crate::session::Session;
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield demo
  scorefield demo --out /tmp/demo --seed 1";

/// Learn the digits, draw new ones, clean noisy ones, and report how good it is: a minute or two, no other argument needed.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Demo {
    /// The folder for the run, the pictures and report.html
    #[arg(short, long, value_name = "DIR", default_value = "scorefield-demo")]
    out: PathBuf,
}

/// Does it.
///
/// # Errors
/// A folder that cannot be written, an interruption.
pub fn run(args: &Demo, session: &Session) -> Result<Answer> {
    let options = Options { out: args.out.clone(), seed: session.seed(), steps: None };
    let mut progress = session.progress();
    let done = demo::run(&options, session.device(), &mut progress)?;
    progress.clear();
    let mut rows = vec![["figure", "value", "wanted", ""].map(str::to_owned).to_vec()];
    for figure in &done.figures {
        let verdict = figure.ok.map_or("", |ok| if ok { "good" } else { "missed" });
        rows.push(vec![figure.name.clone(), figure.value.clone(), figure.wanted.clone(), verdict.to_owned()]);
    }
    let text = format!(
        "{}\ndone in {}; open {} in a browser\n",
        words::table(&rows),
        words::seconds(done.seconds),
        done.report.display()
    );
    let mut answer = Answer::new(text).with_all(&done);
    // The document's own time is the whole command's.
    answer.fields.remove("seconds");
    Ok(answer)
}
