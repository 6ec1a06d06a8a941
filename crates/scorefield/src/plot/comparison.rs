//! Measured numbers with their intervals, as dots and bars, over what theory says, as lines.

use super::curve::{Line, Series, x_axis, y_axis};
use super::frame::Frame;
use super::heading::{Swatch, add_sentence, heading, legend};
use super::picture::Picture;
use super::scatter::not_shown;
use super::scene::Scene;
use super::style::{Ink, MUTED, PNG_SCALE, SERIES, WIDTH};
use crate::error::{Error, Result};

/// One measured number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// What it was measured at.
    pub x: f64,
    /// The number.
    pub y: f64,
    /// Its interval; both ends are the number itself where nothing is random.
    pub interval: [f64; 2],
}

impl Measurement {
    /// A number without an error.
    pub fn exact(x: f64, y: f64) -> Self {
        Self { x, y, interval: [y, y] }
    }
}

/// Measured numbers of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// Its name in the legend.
    pub name: &'a str,
    /// The numbers, with x increasing.
    pub points: &'a [Measurement],
}

/// Theory and measurement in one frame.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// The picture's title.
    pub title: &'a str,
    /// What to see; what was left out is added to it.
    pub caption: &'a str,
    /// Lines of theory. The first is drawn in the colour of the first kind of numbers, and so on; lines beyond are grey.
    pub theory: &'a [Series<'a>],
    /// Measured numbers.
    pub measured: &'a [Measured<'a>],
    /// Label of the x-axis, with its unit.
    pub x_label: &'a str,
    /// Label of the y-axis, with its unit.
    pub y_label: &'a str,
}

/// Half the width of a bar's ends.
const CAP: f32 = 4.0;

/// Draws a comparison; the axes are chosen as for [`super::curve()`]. Numbers that are not finite are skipped and counted in the caption.
///
/// # Errors
/// `Setting` if nothing was measured.
pub fn comparison(comparison: &Comparison) -> Result<Picture> {
    let total: usize = comparison.measured.iter().map(|m| m.points.len()).sum();
    if total == 0 {
        return Err(Error::setting("comparison", "at least one measured number", 0));
    }
    let finite = |m: &Measured<'_>| -> Vec<Measurement> {
        m.points.iter().copied().filter(|p| p.x.is_finite() && p.y.is_finite()).collect()
    };
    let measured: Vec<Vec<Measurement>> = comparison.measured.iter().map(finite).collect();
    // The axes show the bars as well.
    let ends = |m: &Vec<Measurement>| -> Vec<(f64, f64)> {
        m.iter().flat_map(|p| [p.y, p.interval[0], p.interval[1]].map(|y| (p.x, y))).collect()
    };
    let lines: Vec<Line> =
        measured.iter().map(|m| Line::of(&ends(m))).chain(comparison.theory.iter().map(|t| Line::of(t.points))).collect();
    let mut caption = comparison.caption.to_owned();
    add_sentence(&mut caption, &not_shown(total, total - measured.iter().map(Vec::len).sum::<usize>(), 0));

    let mut scene = Scene::new(WIDTH, 0.0);
    let top = heading(&mut scene, comparison.title, &caption);
    let ink_of_theory = |i: usize| if i < measured.len() { SERIES[i % SERIES.len()] } else { MUTED };
    let theory = comparison.theory.iter().enumerate().map(|(i, t)| (t.name, ink_of_theory(i), Swatch::Line));
    let dots = comparison.measured.iter().enumerate().map(|(i, m)| (m.name, SERIES[i % SERIES.len()], Swatch::Dot));
    let names: Vec<(&str, Ink, Swatch)> = dots.chain(theory).filter(|(name, ..)| !name.is_empty()).collect();
    let top = legend(&mut scene, &names, top);
    let frame = Frame::place(&mut scene, top, 300.0, x_axis(&lines, comparison.x_label), y_axis(&lines, comparison.y_label));
    frame.draw_rules(&mut scene);
    scene.clip(frame.rect());
    for (i, t) in comparison.theory.iter().enumerate() {
        let place = t.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()).map(|(x, y)| frame.at(*x, *y));
        scene.lines(vec![place.collect()], 1.8, ink_of_theory(i).fade(0.75));
    }
    scene.unclip();
    for (i, points) in measured.iter().enumerate() {
        let ink = SERIES[i % SERIES.len()];
        let mut bars = Vec::new();
        for p in points {
            let ([x, low], [_, high]) = (frame.at(p.x, p.interval[0]), frame.at(p.x, p.interval[1]));
            if low - high > 1.0 {
                bars.extend([
                    vec![[x, low], [x, high]],
                    vec![[x - CAP, low], [x + CAP, low]],
                    vec![[x - CAP, high], [x + CAP, high]],
                ]);
            }
        }
        scene.lines(bars, 1.4, ink);
        scene.dots(points.iter().map(|p| frame.at(p.x, p.y)).collect(), 3.6, ink);
    }
    frame.draw_axes(&mut scene);
    Ok(Picture { scene, scale: PNG_SCALE, title: comparison.title.to_owned(), caption })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(points: &[Measurement]) -> Result<Picture> {
        let measured = [Measured { name: "found", points }];
        let theory = [Series { name: "law", points: &[(1.0, 1.0), (2.0, 2.0)] }];
        comparison(&Comparison { title: "T", caption: "", theory: &theory, measured: &measured, x_label: "x", y_label: "y" })
    }

    #[test]
    fn numbers_are_dots_with_bars_and_those_that_are_none_are_counted() {
        let at = |y: f64, half: f64| Measurement { x: 1.5, y, interval: [y - half, y + half] };
        let picture = draw(&[at(1.0, 0.5), at(f64::NAN, 0.0)]).unwrap();
        assert_eq!(picture.caption(), "Not shown, of 2 points: 1 not finite.");
        assert!(picture.svg(&[]).unwrap().contains("law") && picture.png(&[]).is_ok());
        assert!(draw(&[]).is_err());
    }

    #[test]
    fn without_its_heading_a_picture_is_lower_by_it_and_has_no_title() {
        let picture = draw(&[Measurement::exact(1.0, 2.0), Measurement::exact(2.0, 3.0)]).unwrap();
        let bare = picture.clone().without_heading();
        assert!(bare.size().1 < picture.size().1 && bare.size().0 == picture.size().0);
        let texts = |p: &Picture| p.svg(&[]).unwrap().matches("<text").count();
        assert_eq!(texts(&bare), texts(&picture) - 1);
        // Nothing is left to take away.
        assert_eq!(bare.clone().without_heading().size(), bare.size());
    }
}
