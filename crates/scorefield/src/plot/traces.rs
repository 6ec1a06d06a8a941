//! Markov chains as they ran: each chain a line over its draws. Chains that have mixed lie over each other.

use super::axes::{Axis, range};
use super::frame::Frame;
use super::heading::{add_sentence, heading};
use super::picture::Picture;
use super::scatter::not_shown;
use super::scene::Scene;
use super::style::{PNG_SCALE, SERIES, WIDTH};
use crate::error::{Error, Result};

/// Draws of several chains, one number each.
#[derive(Clone, Copy, Debug)]
pub struct Traces<'a> {
    /// The picture's title.
    pub title: &'a str,
    /// What to see.
    pub caption: &'a str,
    /// `[chains, draws]`, row-major, data units.
    pub values: &'a [f64],
    /// Draws a chain.
    pub draws: usize,
    /// Steps of the chain between two draws, and the step of the first.
    pub steps: (usize, usize),
    /// What is drawn ("x₁").
    pub y_label: &'a str,
}

/// Chains that are drawn: more would hide each other.
const LINES: usize = 8;

/// Draws up to eight chains, evenly chosen, as lines.
///
/// # Errors
/// `Setting` if there is no draw, or not a whole number of chains.
pub fn traces(traces: &Traces) -> Result<Picture> {
    check(traces.values, traces.draws)?;
    let chains = traces.values.len() / traces.draws;
    let shown = chains.min(LINES);
    let chosen: Vec<&[f64]> = (0..shown).map(|k| k * chains / shown).map(|k| chain(traces, k)).collect();
    let finite = || chosen.iter().flat_map(|c| c.iter().copied()).filter(|v| v.is_finite());
    let mut caption = traces.caption.to_owned();
    if shown < chains {
        add_sentence(&mut caption, &format!("{shown} of {chains} chains."));
    }
    let total = shown * traces.draws;
    add_sentence(&mut caption, &not_shown(total, total - finite().count(), 0));

    let (every, first) = traces.steps;
    let step = |i: usize| (first + i * every) as f64;
    let (lo, hi) = range(finite(), 0.04);
    let mut scene = Scene::new(WIDTH, 0.0);
    let top = heading(&mut scene, traces.title, &caption);
    let x = Axis::linear(step(0), step(traces.draws - 1).max(step(0) + 1.0), "step");
    let frame = Frame::place(&mut scene, top, 240.0, x, Axis::linear(lo, hi, traces.y_label));
    frame.draw_rules(&mut scene);
    scene.clip(frame.rect());
    for (values, ink) in chosen.iter().zip(SERIES.iter().cycle()) {
        // A chain that diverged is drawn up to there.
        let line = values.iter().enumerate().take_while(|v| v.1.is_finite()).map(|(i, v)| frame.at(step(i), *v)).collect();
        scene.lines(vec![line], 1.0, ink.fade(0.7));
    }
    scene.unclip();
    frame.draw_axes(&mut scene);
    Ok(Picture { scene, scale: PNG_SCALE, title: traces.title.to_owned(), caption })
}

fn chain<'a>(traces: &Traces<'a>, k: usize) -> &'a [f64] {
    &traces.values[k * traces.draws..(k + 1) * traces.draws]
}

pub(super) fn check(values: &[f64], draws: usize) -> Result<()> {
    if values.is_empty() || draws == 0 || !values.len().is_multiple_of(draws) {
        return Err(Error::setting("draws", "a whole number of chains, at least one draw", values.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(values: &[f64], draws: usize) -> Result<Picture> {
        traces(&Traces { title: "T", caption: "", values, draws, steps: (10, 500), y_label: "x₁" })
    }

    #[test]
    fn of_many_chains_eight_are_drawn_and_what_is_not_finite_is_counted() {
        let mut values: Vec<f64> = (0..200).map(f64::from).collect();
        values[3] = f64::NAN;
        let p = picture(&values, 10).unwrap();
        assert_eq!(p.caption(), "8 of 20 chains. Not shown, of 80 points: 1 not finite.");
        assert!(p.png(&[]).is_ok());
    }

    #[test]
    fn one_draw_and_a_constant_make_a_picture_and_no_whole_chain_is_an_error() {
        assert!(picture(&[2.0], 1).unwrap().png(&[]).is_ok());
        assert!(picture(&[2.0; 40], 10).unwrap().svg(&[]).is_ok());
        assert!(picture(&[], 1).is_err() && picture(&[1.0; 7], 2).is_err());
    }
}
