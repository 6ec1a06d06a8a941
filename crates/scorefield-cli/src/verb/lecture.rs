//! `lecture`: every claim of the lecture as an experiment, with a page.

use std::path::PathBuf;

use clap::Args;
use scorefield::error::Result;
use scorefield::lecture::{self, CLAIMS, Claim, Effort, Options};
use scorefield::words;

use crate::args::Offered;
use crate::output::{Answer, Verdict};
use crate::session::Session;

const EXAMPLES: &str = "\
Examples:
  scorefield lecture --quick                              all claims in a few minutes
  scorefield lecture --only slow-mixing                   one claim, in full
  scorefield lecture --data-dir /data --out lecture       CIFAR-10 in place of the digits

A claim agrees where each of its figures is within its tolerance of theory; the exit code is 1 if any is not.";

/// Put every claim of the lecture to the test: expected, measured with its error, pictures; exit code 1 if any disagrees.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Lecture {
    /// The folder for report.html, claims.json and the pictures
    #[arg(short, long, value_name = "DIR", default_value = "scorefield-lecture")]
    out: PathBuf,
    /// Smaller networks and fewer points: minutes, not half an hour
    #[arg(long)]
    quick: bool,
    /// Only this claim; may be given several times
    #[arg(long, value_name = "NAME", value_parser = Offered::of(CLAIMS))]
    only: Vec<String>,
}

/// Does it.
///
/// # Errors
/// A name that is no claim's, a folder that cannot be written, an interruption. A claim that disagrees is no error but a bad verdict.
pub fn run(args: &Lecture, session: &Session) -> Result<Answer> {
    let options = Options {
        out: args.out.clone(),
        only: args.only.clone(),
        effort: if args.quick { Effort::Quick } else { Effort::Full },
        seed: session.seed(),
        data_dir: session.globals().data_dir.clone(),
    };
    let mut progress = session.progress();
    let done = lecture::run(&options, session.device(), &mut progress)?;
    progress.clear();
    let mut text: String = done.claims.iter().map(told).collect();
    let seconds = words::seconds(session.seconds());
    text.push_str(&format!(
        "{} of {} claims agree; done in {seconds}; open {} in a browser\n",
        done.agreed,
        done.agreed + done.disagreed,
        done.report.display()
    ));
    let verdict = if done.disagreed == 0 { Verdict::Good } else { Verdict::Bad };
    Ok(Answer { verdict, ..Answer::new(text).with_all(&done) })
}

/// A claim and its figures as text.
fn told(claim: &Claim) -> String {
    let mut rows = Vec::new();
    for figure in &claim.figures {
        let verdict = if figure.agrees { "agrees" } else { "DISAGREES" };
        rows.push(vec![format!("  {}", figure.name), figure.measured_words(), figure.expected_words(), verdict.to_owned()]);
    }
    let missing: String = claim.not_measured.iter().map(|what| format!("  not measured: {what}\n")).collect();
    format!("{} · {}\n{}{missing}\n", claim.number, claim.claim, words::table(&rows))
}
