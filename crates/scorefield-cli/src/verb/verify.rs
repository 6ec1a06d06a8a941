//! `verify`: every registered method against its closed form.

use clap::Args;
use scorefield::oracle::Check;
use scorefield::verify::{self, Settings};

use crate::args::Offered;
use crate::output::{Answer, Verdict};
use crate::session::Session;
use scorefield::error::Result;
use scorefield::words;

const EXAMPLES: &str = "\
Examples:
  scorefield verify
  scorefield verify --only sliced             an objective, a projection, a noise, a network, a density
  scorefield verify --only noises             a section: objectives, projections, noises, exact-scores, derivatives, …
  scorefield verify --thorough --seed 7       a million points a check, other random numbers, calibrated samplers
  scorefield verify --only calibration        every sampler on ten distributions, over a hundred seeds: ten minutes

A check passes where the measured number is within its tolerance of the closed form: rounding, or 5 standard errors, which must
also be small enough to notice a mistake. With another seed about one run in a hundred has a false failure.";

/// Hold every objective, projection, noise and network against closed forms; exit code 1 if any disagrees.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Verify {
    /// Only what concerns this name, or this section
    #[arg(long, value_name = "NAME", value_parser = Offered::new(verify::names()))]
    only: Option<String>,
    /// A million points a check, a third of the usual standard errors; and every sampler calibrated over a hundred seeds
    #[arg(long, conflicts_with = "n")]
    thorough: bool,
    /// Points a check [default: 131072]
    #[arg(short, long = "number", value_name = "N", allow_negative_numbers = true)]
    n: Option<usize>,
}

/// Does it.
///
/// # Errors
/// A name that is none, too few points, an interruption. A check that fails is no error but a bad verdict.
pub fn run(args: &Verify, session: &Session) -> Result<Answer> {
    let usual = if args.thorough { Settings::THOROUGH } else { Settings::USUAL };
    let (points, thorough, seed) = (args.n.unwrap_or(usual), args.thorough, session.seed());
    let settings = Settings { points, thorough, seed, device: session.device().clone() };
    let checks = verify::verify(args.only.as_deref(), &settings, &mut session.progress())?;
    Ok(answer(&checks, settings.points))
}

fn answer(checks: &[Check], points: usize) -> Answer {
    let failed = checks.iter().filter(|check| !check.pass).count();
    let passed = checks.len() - failed;
    // Failures last, where a reader of many lines looks first.
    let ordered = checks.iter().filter(|check| check.pass).chain(checks.iter().filter(|check| !check.pass));
    let head = ["check", "expected", "measured", "± se", "tolerance", "verdict"].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(ordered.map(row)).collect();
    let text = format!("{}\n{passed} passed, {failed} failed\n", words::table(&rows));
    let verdict = if failed == 0 { Verdict::Good } else { Verdict::Bad };
    let answer = Answer { verdict, ..Answer::new(text) };
    answer.with("points", points).with("passed", passed).with("failed", failed).with("checks", checks)
}

fn row(check: &Check) -> Vec<String> {
    let verdict = match check.pass {
        true => "ok",
        false if (check.measured - check.expected).abs() <= check.tolerance => "FAILED: too coarse to tell",
        false => "FAILED",
    };
    let mut row = vec![check.name.clone()];
    // A failure in full: four digits may hide it.
    let show = |x: f64| if check.pass { words::number(x) } else { x.to_string() };
    row.extend([check.expected, check.measured, check.standard_error, check.tolerance].map(show));
    row.push(verdict.to_owned());
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_makes_the_verdict_bad_and_stands_last_in_full() {
        let good = Check::exact("right", 1.0, 1.0, 1e-6);
        let bad = Check::exact("wrong", 1.0, 1.000_012_345, 1e-6);
        let failing = answer(&[bad, good.clone()], 100_000);
        assert_eq!((failing.verdict, &failing.fields["failed"]), (Verdict::Bad, &1.into()));
        let lines: Vec<&str> = failing.text.lines().collect();
        assert!(
            lines[1].starts_with("right") && lines[2].starts_with("wrong") && lines[2].contains("1.000012345"),
            "{}",
            failing.text
        );
        assert_eq!(lines.last(), Some(&"1 passed, 1 failed"));
        assert_eq!(answer(&[good], 100_000).verdict, Verdict::Good);
    }
}
