//! Curves over training steps or settings. Where they are noisy, faint, and their running mean over them.

use super::axes::{Axis, Scale, round_step};
use super::frame::Frame;
use super::heading::{Swatch, add_sentence, heading, legend};
use super::picture::Picture;
use super::scatter::not_shown;
use super::scene::Scene;
use super::style::{Ink, PNG_SCALE, SERIES, WIDTH};
use crate::error::{Error, Result};

/// Fewer points than this are joined as they are; from here on a running mean is drawn over those that are noisy.
const SMOOTH_FROM: usize = 40;
/// Noisy is what turns at more than this share of its points: a random series does at two thirds, a smooth one at a few.
const TURNS: f64 = 0.2;
/// Up to this many points are also marked by dots.
const DOTS_UP_TO: usize = 20;
/// The raw line keeps the lowest and the highest value of each of so many stretches.
const STRETCHES: usize = 600;

/// One named line of a [`Curve`].
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// (x, y) with x increasing.
    pub points: &'a [(f64, f64)],
}

/// A plot of one or more series.
#[derive(Clone, Copy, Debug)]
pub struct Curve<'a> {
    /// The picture's title.
    pub title: &'a str,
    /// What to see; the smoothing and what was left out are added to it.
    pub caption: &'a str,
    /// The lines.
    pub series: &'a [Series<'a>],
    /// Label of the x-axis ("training step").
    pub x_label: &'a str,
    /// Label of the y-axis ("loss").
    pub y_label: &'a str,
}

/// Draws series as lines. An axis is logarithmic if its values are positive and would crowd at one end of a linear one.
///
/// Values that are not finite are skipped and counted in the caption.
///
/// # Errors
/// `Setting` if no series has a point.
pub fn curve(curve: &Curve) -> Result<Picture> {
    let total: usize = curve.series.iter().map(|s| s.points.len()).sum();
    if total == 0 {
        return Err(Error::setting("curve", "at least one point", 0));
    }
    let lines: Vec<Line> = curve.series.iter().map(|series| Line::of(series.points)).collect();
    let kept: usize = lines.iter().map(|line| line.raw.len()).sum();
    let mut caption = curve.caption.to_owned();
    if lines.iter().any(|line| line.window > 1) {
        add_sentence(&mut caption, "Faint: every value; line: running mean.");
    }
    add_sentence(&mut caption, &not_shown(total, total - kept, 0));

    let mut scene = Scene::new(WIDTH, 0.0);
    let mut top = heading(&mut scene, curve.title, &caption);
    let inks = || SERIES.iter().cycle();
    if curve.series.len() > 1 {
        let names: Vec<(&str, Ink, Swatch)> =
            curve.series.iter().zip(inks()).map(|(series, ink)| (series.name, *ink, Swatch::Line)).collect();
        top = legend(&mut scene, &names, top);
    }
    let frame = Frame::place(&mut scene, top, 310.0, x_axis(&lines, curve.x_label), y_axis(&lines, curve.y_label));
    frame.draw_rules(&mut scene);
    scene.clip(frame.rect());
    let place = |points: &[(f64, f64)]| -> Vec<[f32; 2]> { points.iter().map(|(x, y)| frame.at(*x, *y)).collect() };
    for (line, ink) in lines.iter().zip(inks()) {
        if line.window > 1 {
            scene.lines(vec![place(&extremes(&line.raw))], 1.0, ink.fade(0.28));
        }
    }
    for (line, ink) in lines.iter().zip(inks()) {
        scene.lines(vec![place(&extremes(&line.smooth))], 2.0, *ink);
    }
    scene.unclip();
    for (line, ink) in lines.iter().zip(inks()) {
        if line.raw.len() <= DOTS_UP_TO {
            scene.dots(place(&line.raw), 3.2, *ink);
        }
    }
    frame.draw_axes(&mut scene);
    Ok(Picture { scene, scale: PNG_SCALE, title: curve.title.to_owned(), caption })
}

/// A series without its bad values, and its running mean.
pub(super) struct Line {
    raw: Vec<(f64, f64)>,
    smooth: Vec<(f64, f64)>,
    window: usize,
}

impl Line {
    pub fn of(points: &[(f64, f64)]) -> Self {
        let raw: Vec<(f64, f64)> = points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        let window = if raw.len() < SMOOTH_FROM || !is_noisy(&raw) { 1 } else { (raw.len() / 40).max(3) | 1 };
        Self { smooth: running_mean(&raw, window), raw, window }
    }
}

fn is_noisy(points: &[(f64, f64)]) -> bool {
    let turns = points.windows(3).filter(|w| (w[1].1 - w[0].1) * (w[2].1 - w[1].1) < 0.0).count();
    turns as f64 > TURNS * points.len() as f64
}

/// The mean over the `window` values around each. At the start, where losses are steep, the window shrinks evenly so that the mean
/// is not biased; at the end, where they are level and noisy, it is cut on one side only.
fn running_mean(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
    let n = points.len();
    (0..n)
        .map(|i| {
            let half = (window / 2).min(i);
            let around = &points[i - half..=(i + half).min(n - 1)];
            (points[i].0, around.iter().map(|p| p.1).sum::<f64>() / around.len() as f64)
        })
        .collect()
}

/// The same line with at most two points a stretch: its lowest and its highest, in order.
fn extremes(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= 2 * STRETCHES {
        return points.to_vec();
    }
    let mut out = Vec::with_capacity(2 * STRETCHES);
    for stretch in points.chunks(points.len().div_ceil(STRETCHES)) {
        let by_value = |a: &usize, b: &usize| stretch[*a].1.total_cmp(&stretch[*b].1);
        let low = (0..stretch.len()).min_by(by_value).unwrap_or(0);
        let high = (0..stretch.len()).max_by(by_value).unwrap_or(0);
        out.push(stretch[low.min(high)]);
        if low != high {
            out.push(stretch[low.max(high)]);
        }
    }
    out
}

pub(super) fn x_axis(lines: &[Line], label: &str) -> Axis {
    let mut xs: Vec<f64> = lines.iter().flat_map(|line| line.raw.iter().map(|p| p.0)).collect();
    xs.sort_unstable_by(f64::total_cmp);
    let (Some(&lo), Some(&hi)) = (xs.first(), xs.last()) else { return Axis::linear(0.0, 1.0, label) };
    // Step sizes and sample counts come as ladders (1, 10, 100, …): half of them then sit in the first tenth.
    if lo > 0.0 && hi / lo >= 30.0 && xs[xs.len() / 2] - lo < 0.15 * (hi - lo) {
        return axis(lo, hi, Scale::Log, label);
    }
    if lo < hi {
        // Steps 0 … 7,999 end at the tick 8,000.
        let tick = round_step((hi - lo) / 6.0);
        let end = (hi / tick).ceil() * tick;
        return Axis::linear(lo, if end - hi < 0.03 * (hi - lo) { end } else { hi }, label);
    }
    axis(lo, hi, Scale::Linear, label)
}

pub(super) fn y_axis(lines: &[Line], label: &str) -> Axis {
    // The mean line must be whole; of the raw values the outermost hundredth may be cut.
    let mut raw: Vec<f64> = lines.iter().flat_map(|line| line.raw.iter().map(|p| p.1)).collect();
    raw.sort_unstable_by(f64::total_cmp);
    let cut = raw.len() / 200;
    let smooth = lines.iter().flat_map(|line| line.smooth.iter().map(|p| p.1));
    let shown = smooth.chain(raw[cut..raw.len() - cut].iter().copied());
    let (lo, hi) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
    if lo > hi {
        return Axis::linear(0.0, 1.0, label);
    }
    let median = raw[raw.len() / 2];
    if lo > 0.0 && hi / lo >= 8.0 && median - lo < 0.25 * (hi - lo) {
        return axis(lo, hi, Scale::Log, label);
    }
    axis(lo, hi, Scale::Linear, label)
}

/// A range with a margin; a single value gets a range around it.
fn axis(lo: f64, hi: f64, scale: Scale, label: &str) -> Axis {
    let label = label.to_owned();
    if scale == Scale::Log {
        let margin = (hi / lo).powf(0.04);
        return Axis { lo: lo / margin, hi: hi * margin, scale, label };
    }
    let half = if hi - lo > 1e-9 * lo.abs().max(hi.abs()) {
        0.05 * (hi - lo)
    } else if lo == 0.0 {
        1.0
    } else {
        0.1 * lo.abs().max(hi.abs())
    };
    // A range of positive values that nearly reaches zero shows the zero.
    let from = if lo >= 0.0 && lo < 0.3 * hi { 0.0 } else { lo - half };
    Axis { lo: from, hi: hi + half, scale, label }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(points: &[(f64, f64)]) -> Result<Picture> {
        let series = [Series { name: "loss", points }];
        curve(&Curve { title: "Loss", caption: "", series: &series, x_label: "step", y_label: "loss" })
    }

    #[test]
    fn the_running_mean_of_a_line_is_the_line_but_for_its_end() {
        let line: Vec<(f64, f64)> = (0..50).map(|i| (f64::from(i), 3.0 * f64::from(i) + 1.0)).collect();
        for (mean, point) in running_mean(&line, 7).iter().zip(&line).take(47) {
            assert!((mean.1 - point.1).abs() < 1e-9);
        }
    }

    #[test]
    fn thinning_keeps_the_extremes() {
        let mut points: Vec<(f64, f64)> = (0..50_000).map(|i| (f64::from(i), f64::from(i % 7))).collect();
        points[31_234].1 = 99.0;
        points[44_000].1 = -99.0;
        let thin = extremes(&points);
        assert!(thin.len() <= 2 * STRETCHES);
        assert!(thin.contains(&(31_234.0, 99.0)) && thin.contains(&(44_000.0, -99.0)));
        assert!(thin.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn values_that_are_not_finite_are_skipped_and_counted() {
        let picture = draw(&[(0.0, 1.0), (1.0, f64::NAN), (2.0, 0.5)]).unwrap();
        assert_eq!(picture.caption(), "Not shown, of 3 points: 1 not finite.");
    }

    #[test]
    fn one_point_constant_values_and_no_good_value_make_a_picture_and_nothing_is_an_error() {
        for points in [&[(5.0, 2.0)][..], &[(0.0, 0.0), (1.0, 0.0)], &[(0.0, f64::NAN)], &[(1e300, -1e300), (2e300, 1e300)]] {
            assert!(draw(points).unwrap().png(&[]).is_ok());
        }
        assert!(draw(&[]).is_err());
    }

    #[test]
    fn a_loss_that_falls_by_decades_gets_a_log_axis_and_one_that_hovers_does_not() {
        let lines = |f: fn(f64) -> f64| [Line::of(&(1..200).map(|i| (f64::from(i), f(f64::from(i)))).collect::<Vec<_>>())];
        assert_eq!(y_axis(&lines(|x| 1.0 / (x * x)), "").scale, Scale::Log);
        assert_eq!(y_axis(&lines(|x| 1.0 + 0.1 * x.sin()), "").scale, Scale::Linear);
        assert_eq!(y_axis(&lines(|x| x - 100.0), "").scale, Scale::Linear);
    }
}
