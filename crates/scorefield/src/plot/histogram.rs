//! Numbers on a line: a histogram, with the exact density it should follow.

use super::axes::{Axis, range};
use super::frame::Frame;
use super::heading::{Swatch, add_sentence, heading, legend};
use super::picture::Picture;
use super::scatter::not_shown;
use super::scene::{Rect, Scene};
use super::style::{BLUE, Ink, PNG_SCALE, VERMILION, WIDTH};
use crate::error::{Error, Result};

const BARS: Ink = BLUE.fade(0.45);

/// A histogram of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'a> {
    /// The picture's title.
    pub title: &'a str,
    /// What to see; what was left out is added to it.
    pub caption: &'a str,
    /// The numbers, in data units.
    pub values: &'a [f32],
    /// The exact density as points (x, p(x)) with x increasing, drawn as a line; empty for none.
    pub density: &'a [(f32, f32)],
    /// Label of the axis, with its unit if there is one.
    pub x_label: &'a str,
}

/// Draws a histogram that is normalised to a density, so that it can be compared with the exact one.
///
/// Bins are Freedman & Diaconis' (1981), 8 to 120 of them. Values that are not finite are skipped and counted in the caption.
///
/// # Errors
/// `Setting` if there is no value.
pub fn histogram(histogram: &Histogram) -> Result<Picture> {
    if histogram.values.is_empty() {
        return Err(Error::setting("values", "at least one", 0));
    }
    let mut values: Vec<f64> = histogram.values.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v)).collect();
    values.sort_unstable_by(f64::total_cmp);
    let (lo, hi) = range(values.iter().copied(), 0.02);
    let bars = bars(&values, lo, hi);
    let width = (hi - lo) / bars.len() as f64;
    let curve: Vec<(f64, f64)> = histogram
        .density
        .iter()
        .map(|(x, p)| (f64::from(*x), f64::from(*p)))
        .filter(|(x, p)| x.is_finite() && p.is_finite() && (lo..=hi).contains(x))
        .collect();
    let highest = bars.iter().copied().chain(curve.iter().map(|p| p.1)).fold(0.0, f64::max);
    let highest = if highest > 0.0 { highest } else { 1.0 };

    let outside = values.iter().filter(|v| !(lo..=hi).contains(*v)).count();
    let mut caption = histogram.caption.to_owned();
    let total = histogram.values.len();
    add_sentence(&mut caption, &not_shown(total, total - values.len(), outside).replace(" points", " values"));

    let mut scene = Scene::new(WIDTH, 0.0);
    let mut top = heading(&mut scene, histogram.title, &caption);
    if !curve.is_empty() {
        top = legend(&mut scene, &[("samples", BARS, Swatch::Bar), ("exact density", VERMILION, Swatch::Line)], top);
    }
    let (x, y) = (Axis::linear(lo, hi, histogram.x_label), Axis::linear(0.0, 1.06 * highest, "density"));
    let frame = Frame::place(&mut scene, top, 300.0, x, y);
    frame.draw_rules(&mut scene);
    for (i, height) in bars.iter().enumerate().filter(|bar| *bar.1 > 0.0) {
        let [left, bar_top] = frame.at(lo + i as f64 * width, *height);
        let [right, bottom] = frame.at(lo + (i + 1) as f64 * width, 0.0);
        // A hairline of white keeps neighbouring bars apart.
        scene.rect(Rect { left, top: bar_top, width: (right - left - 0.7).max(0.5), height: bottom - bar_top }, BARS);
    }
    scene.clip(frame.rect());
    scene.lines(vec![curve.iter().map(|(x, p)| frame.at(*x, *p)).collect()], 2.0, VERMILION);
    scene.unclip();
    frame.draw_axes(&mut scene);
    Ok(Picture { scene, scale: PNG_SCALE, title: histogram.title.to_owned(), caption })
}

/// Heights of the bars between `lo` and `hi`: share of all values over the bin's width. `values` are sorted.
fn bars(values: &[f64], lo: f64, hi: f64) -> Vec<f64> {
    let n = values.len();
    if n == 0 {
        return vec![0.0; 8];
    }
    let quartile = |q: usize| values[(n - 1) * q / 4];
    let ideal = 2.0 * (quartile(3) - quartile(1)) / (n as f64).cbrt();
    let count = if ideal > 0.0 { ((hi - lo) / ideal).ceil().clamp(8.0, 120.0) as usize } else { 30 };
    let width = (hi - lo) / count as f64;
    let mut bars = vec![0.0; count];
    for v in values.iter().filter(|v| (lo..=hi).contains(*v)) {
        bars[(((v - lo) / width) as usize).min(count - 1)] += 1.0 / (n as f64 * width);
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_integrate_to_one() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i) / 1000.0).collect();
        let bars = bars(&values, -0.1, 1.1);
        let width = 1.2 / bars.len() as f64;
        assert!((bars.iter().sum::<f64>() * width - 1.0).abs() < 1e-9);
    }

    #[test]
    fn empty_input_is_an_error_and_bad_values_are_counted() {
        let draw = |values: &[f32]| {
            histogram(&Histogram { title: "", caption: "", values, density: &[(0.0, 1.0), (1.0, f32::NAN)], x_label: "x" })
        };
        assert!(draw(&[]).is_err());
        assert!(draw(&[1.0]).is_ok());
        assert_eq!(draw(&[f32::NAN, 1.0, 2.0]).unwrap().caption(), "Not shown, of 3 values: 1 not finite.");
    }
}
