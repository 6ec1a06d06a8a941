//! The lecture's page: what was claimed, how it was put to the test, and what came out, claim by claim.

use super::claim::Claim;
use super::{Effort, Lecture, Options};
use crate::error::Result;
use crate::report::{self, Image, Link, Report, Verdicts};
use crate::words::seconds;

/// The page.
///
/// # Errors
/// A picture that is none.
pub(super) fn page(lecture: &Lecture, options: &Options, spent: f64) -> Result<Report> {
    let mut page = Report::new("Score matching, claim by claim");
    page.lead(&lead(lecture, options, spent));
    let titles: Vec<String> = lecture.claims.iter().map(|c| format!("{} · {}", c.number, c.claim)).collect();
    let links: Vec<Link<'_>> =
        titles.iter().zip(&lecture.claims).map(|(title, claim)| Link { title, ok: Some(claim.agrees) }).collect();
    page.contents(&links);
    for (title, claim) in titles.iter().zip(&lecture.claims) {
        page.section(title);
        section(&mut page, claim)?;
    }
    page.section("How to read the numbers");
    page.text(
        "Expected values come from theory. “±” is what the measured value may differ by: five standard errors, rounding, or a band that the \
         claim itself states; each line says which. A standard error is given after “se”. With another `--seed` the random numbers are others, and \
         the agreement should stay.",
    );
    Ok(page)
}

fn lead(lecture: &Lecture, options: &Options, spent: f64) -> String {
    let of = lecture.agreed + lecture.disagreed;
    let verdict = match (of, lecture.disagreed) {
        (1, 0) => "What was measured agrees with it".to_owned(),
        (_, 0) => format!("All {of} agree with what was measured"),
        (_, missed) => format!("{} of {of} agree with what was measured, {missed} do not", lecture.agreed),
    };
    let effort = match options.effort {
        Effort::Quick => "the quick form",
        Effort::Full => "the full form",
    };
    format!(
        "What a lecture on score-based models claims (Ermon, CS236, lecture 13), each claim an experiment. {verdict}. This is {effort}, seed {}; it \
         took {}.",
        options.seed,
        seconds(spent)
    )
}

fn section(page: &mut Report, claim: &Claim) -> Result<()> {
    page.text(&format!("`{}`\n\n{}", claim.formula, claim.done));
    for picture in &claim.pictures {
        page.captioned(&Image::png(&picture.body)?, &picture.alt, &picture.title, &picture.caption);
    }
    let shown: Vec<[String; 2]> = claim.figures.iter().map(|f| [f.measured_words(), f.expected_words()]).collect();
    let figures: Vec<report::Figure<'_>> = claim
        .figures
        .iter()
        .zip(&shown)
        .map(|(figure, [value, wanted])| report::Figure {
            name: &figure.name,
            value,
            wanted,
            yardstick: "",
            meaning: &figure.meaning,
            ok: Some(figure.agrees),
        })
        .collect();
    page.figures(&figures, Verdicts::EXPECTED);
    if !claim.not_measured.is_empty() {
        page.text(&format!("Not measured: {}", claim.not_measured.join(" ")));
    }
    page.command(&format!("{}. Again, alone ({}):", claim.source, seconds(claim.seconds)), &claim.command);
    Ok(())
}
