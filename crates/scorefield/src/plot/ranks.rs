//! Rank plots (Vehtari et al. 2021, section 5): where the ranks of each chain's draws lie among all draws. Chains that have mixed have them
//! everywhere alike; a chain that lags, is stuck, or sits in one mode stands out.

use super::axes::Axis;
use super::frame::Frame;
use super::heading::{add_sentence, heading};
use super::picture::Picture;
use super::scene::Scene;
use super::style::{AXIS, PNG_SCALE, SERIES, WIDTH};
use super::traces::check;
use crate::error::Result;

/// Ranks of the draws of several chains.
#[derive(Clone, Copy, Debug)]
pub struct Ranks<'a> {
    /// The picture's title.
    pub title: &'a str,
    /// What to see.
    pub caption: &'a str,
    /// `[chains, draws]`, row-major; 1 to chains·draws.
    pub ranks: &'a [f64],
    /// Draws a chain.
    pub draws: usize,
}

/// Bins, where there are draws enough.
const BINS: usize = 20;
/// Chains that are drawn: more would hide each other.
const LINES: usize = 8;

/// Draws the histogram of each chain's ranks as steps, as a multiple of the share that a mixed chain has; up to eight chains, evenly
/// chosen. The grey band holds 95 % of the steps of independent draws.
///
/// # Errors
/// `Setting` if there is no draw, or not a whole number of chains.
pub fn rank_plot(plot: &Ranks) -> Result<Picture> {
    check(plot.ranks, plot.draws)?;
    let (size, draws) = (plot.ranks.len() as f64, plot.draws);
    let chains = plot.ranks.len() / draws;
    let bins = BINS.min(draws.div_ceil(5)).max(2);
    let shown = chains.min(LINES);
    let chosen = (0..shown).map(|k| k * chains / shown);
    let heights: Vec<Vec<f64>> = chosen.map(|k| histogram(&plot.ranks[k * draws..(k + 1) * draws], size, bins)).collect();
    let highest = heights.iter().flatten().copied().fold(2.0, f64::max);
    // A share of 1/bins among `draws`, as a multiple of itself; chains are drawn from a finite whole, which narrows it a little more.
    let spread = 1.96 * ((bins as f64 - 1.0) / draws as f64).sqrt() * (1.0 - 1.0 / chains as f64).max(0.0).sqrt();
    let mut caption = plot.caption.to_owned();
    if shown < chains {
        add_sentence(&mut caption, &format!("{shown} of {chains} chains."));
    }

    let mut scene = Scene::new(WIDTH, 0.0);
    let top = heading(&mut scene, plot.title, &caption);
    let (x, y) = (Axis::linear(0.0, size, "rank among all draws"), Axis::linear(0.0, 1.06 * highest, "share / even share"));
    let frame = Frame::place(&mut scene, top, 240.0, x, y);
    frame.draw_rules(&mut scene);
    scene.clip(frame.rect());
    let ([left, high], [right, low]) = (frame.at(0.0, 1.0 + spread), frame.at(size, (1.0 - spread).max(0.0)));
    scene.rect(super::scene::Rect { left, top: high, width: right - left, height: low - high }, AXIS.fade(0.18));
    let width = size / bins as f64;
    for (heights, ink) in heights.iter().zip(SERIES.iter().cycle()) {
        let steps = heights.iter().enumerate().flat_map(|(i, h)| [(i as f64 * width, *h), ((i + 1) as f64 * width, *h)]);
        scene.lines(vec![steps.map(|(x, y)| frame.at(x, y)).collect()], 1.5, ink.fade(0.8));
    }
    scene.unclip();
    frame.draw_axes(&mut scene);
    Ok(Picture { scene, scale: PNG_SCALE, title: plot.title.to_owned(), caption })
}

/// How many times more of the ranks lie in each bin than 1/`bins` of them.
fn histogram(ranks: &[f64], size: f64, bins: usize) -> Vec<f64> {
    let mut heights = vec![0.0; bins];
    for rank in ranks {
        let bin = ((rank - 0.5) / size * bins as f64) as usize;
        heights[bin.min(bins - 1)] += bins as f64 / ranks.len() as f64;
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_that_alternate_between_chains_are_even_and_those_of_a_low_chain_are_not() {
        let even: Vec<f64> = (0..100).map(|i| f64::from(2 * i + 1)).collect();
        assert!(histogram(&even, 200.0, 20).iter().all(|h| (h - 1.0).abs() < 1e-9));
        let low: Vec<f64> = (1..=100).map(f64::from).collect();
        let heights = histogram(&low, 200.0, 20);
        assert!(heights[..10].iter().all(|h| (h - 2.0).abs() < 1e-9) && heights[10..].iter().all(|h| *h == 0.0));
    }

    #[test]
    fn few_draws_and_many_chains_make_a_picture() {
        let all: Vec<f64> = (1..=60).map(f64::from).collect();
        for draws in [1, 3, 20, 60] {
            let picture = rank_plot(&Ranks { title: "R", caption: "", ranks: &all, draws }).unwrap();
            assert!(picture.png(&[]).is_ok());
        }
        assert!(rank_plot(&Ranks { title: "R", caption: "", ranks: &all, draws: 7 }).is_err());
    }
}
