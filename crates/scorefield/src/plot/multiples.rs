//! The same part of the plane many times: particles of several methods (rows) as time goes by (columns), over the points they should follow.

use super::axes::{Axis, range};
use super::font;
use super::heading::{Swatch, add_sentence, heading, legend};
use super::moment::Moment;
use super::picture::Picture;
use super::scatter::{check_points, not_shown};
use super::scene::{Anchor, Rect, Scene, Weight};
use super::style::{AXIS, BLUE, LABEL_SIZE, MARGIN, MUTED, PNG_SCALE, TEXT, TICK_SIZE, VERMILION, dot};
use crate::error::{Error, Result};

/// Methods as time goes by.
#[derive(Clone, Copy, Debug)]
pub struct Multiples<'a> {
    /// The picture's title.
    pub title: &'a str,
    /// What to see.
    pub caption: &'a str,
    /// The points that all panels are drawn over, `[n, 2]`; they decide the range.
    pub reference: &'a [f32],
    /// What these are ("data").
    pub reference_name: &'a str,
    /// A label and the panels of each row, equally many.
    pub rows: &'a [(String, Vec<Moment>)],
}

/// Side of a panel, scene units, and the space between two.
const SIDE: f32 = 118.0;
const GAP: f32 = 8.0;

/// Round numbers along an axis of all panels, about.
const TICKS: usize = 4;
/// Length of a tick.
const TICK: f32 = 3.0;

/// Draws panels with equal axes, whose numbers stand at the last row and the last column. Particles outside the range, and those that are not finite, are counted in the caption.
///
/// # Errors
/// `Setting` if there is no row, no panel, no reference point, rows of different lengths, or an odd number of coordinates.
pub fn multiples(multiples: &Multiples) -> Result<Picture> {
    let Multiples { title, caption, reference, reference_name, rows } = *multiples;
    let columns = rows.first().map_or(0, |row| row.1.len());
    if columns == 0 || rows.iter().any(|row| row.1.len() != columns) {
        return Err(Error::setting("panels", "at least one row, all of equal length", rows.len()));
    }
    check_points(reference)?;
    rows.iter().flat_map(|row| &row.1).try_for_each(|panel| check_points(&panel.points))?;
    if reference.is_empty() {
        return Err(Error::setting("points", "at least one", 0));
    }
    let axis = |j: usize| range(reference.iter().skip(j).step_by(2).map(|v| f64::from(*v)).filter(|v| v.is_finite()), 0.15);
    let [(x0, x1), (y0, y1)] = [axis(0), axis(1)];
    // One unit of x is as long as one of y.
    let half = 0.5 * (x1 - x0).max(y1 - y0);
    let (x_low, y_low) = (0.5 * (x0 + x1) - half, 0.5 * (y0 + y1) - half);
    let inside = |p: &[f32]| {
        let unit = [(f64::from(p[0]) - x_low) / (2.0 * half), (f64::from(p[1]) - y_low) / (2.0 * half)];
        unit.iter().all(|u| (0.0..=1.0).contains(u)).then_some(unit)
    };
    let all = || rows.iter().flat_map(|row| &row.1).flat_map(|panel| panel.points.chunks_exact(2));
    let infinite = all().filter(|p| p.iter().any(|v| !v.is_finite())).count();
    let shown = all().filter(|p| inside(p).is_some()).count();
    let mut caption = caption.to_owned();
    add_sentence(&mut caption, &not_shown(all().count(), infinite, all().count() - shown - infinite));

    let labels = rows.iter().map(|row| font::width(&row.0, LABEL_SIZE, Weight::Regular)).fold(0.0, f32::max).ceil();
    let left = MARGIN + labels + 12.0;
    // None at the corners, where the numbers of neighbours would meet.
    let ticks = |low: f64| Axis::linear(low + 0.2 * half, low + 1.8 * half, "").ticks(TICKS);
    let numbers = ticks(y_low).iter().map(|(_, label)| font::width(label, TICK_SIZE, Weight::Regular)).fold(0.0, f32::max).ceil();
    let right = left + columns as f32 * (SIDE + GAP) - GAP;
    let mut scene = Scene::new(right + TICK + 3.0 + numbers + MARGIN, 0.0);
    let top = heading(&mut scene, title, &caption);
    let mut y = legend(&mut scene, &[(reference_name, BLUE, Swatch::Dot), ("particles", VERMILION, Swatch::Dot)], top);
    for (label, panels) in rows {
        y += TICK_SIZE + 4.0;
        scene.text([MARGIN, y + 0.5 * SIDE], label.clone(), LABEL_SIZE, Anchor::Start, TEXT);
        for (column, panel) in panels.iter().enumerate() {
            let rect = Rect { left: left + column as f32 * (SIDE + GAP), top: y, width: SIDE, height: SIDE };
            scene.text([rect.left + 0.5 * SIDE, y - 4.0], panel.label.clone(), TICK_SIZE, Anchor::Middle, MUTED);
            let at = |p: &[f32]| inside(p).map(|[u, v]| [rect.left + SIDE * u as f32, rect.top + SIDE * (1.0 - v as f32)]);
            for (points, ink) in [(reference, BLUE), (&panel.points, VERMILION)] {
                let centres: Vec<[f32; 2]> = points.chunks_exact(2).filter_map(at).collect();
                let (alpha, radius) = dot(points.len() / 2);
                scene.dots(centres, 0.6 * radius, ink.fade(if ink == BLUE { 0.6 * alpha } else { alpha }));
            }
            let (right, bottom) = (rect.left + SIDE, rect.top + SIDE);
            let border =
                vec![[rect.left, rect.top], [right, rect.top], [right, bottom], [rect.left, bottom], [rect.left, rect.top]];
            scene.lines(vec![border], 1.0, AXIS);
        }
        for (value, label) in ticks(y_low) {
            let at = y + SIDE * (1.0 - ((value - y_low) / (2.0 * half)) as f32);
            scene.line([right, at], [right + TICK, at], 1.0, AXIS);
            scene.text([right + TICK + 3.0, at + 0.35 * TICK_SIZE], label, TICK_SIZE, Anchor::Start, MUTED);
        }
        y += SIDE + GAP;
    }
    let bottom = y - GAP;
    for (column, (value, label)) in (0..columns).flat_map(|column| ticks(x_low).into_iter().map(move |tick| (column, tick))) {
        let at = left + column as f32 * (SIDE + GAP) + SIDE * ((value - x_low) / (2.0 * half)) as f32;
        scene.line([at, bottom], [at, bottom + TICK], 1.0, AXIS);
        scene.text([at, bottom + TICK + TICK_SIZE], label, TICK_SIZE, Anchor::Middle, MUTED);
    }
    scene.height = (bottom + TICK + TICK_SIZE + MARGIN).ceil();
    Ok(Picture { scene, scale: PNG_SCALE, title: title.to_owned(), caption })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(rows: &[(String, Vec<Moment>)], reference: &[f32]) -> Result<Picture> {
        multiples(&Multiples { title: "T", caption: "", reference, reference_name: "data", rows })
    }

    #[test]
    fn what_is_outside_or_not_finite_is_counted_and_labels_stand_in_the_picture() {
        let panel = |label: &str, points: &[f32]| Moment { label: label.to_owned(), points: points.to_vec() };
        let row = ("langevin".to_owned(), vec![panel("start", &[0.5, 0.5, 90.0, 0.0]), panel("end", &[f32::NAN, 0.0])]);
        let picture = draw(&[row], &[0.0, 0.0, 1.0, 2.0]).unwrap();
        assert_eq!(picture.caption(), "Not shown, of 3 points: 1 not finite, 1 outside the picture.");
        let svg = picture.svg(&[]).unwrap();
        for label in ["langevin", "start", "end", "data", "particles"] {
            assert!(svg.contains(label), "{label}");
        }
    }

    #[test]
    fn no_panel_uneven_rows_and_half_a_point_are_errors() {
        let panel = |points: &[f32]| Moment { label: String::new(), points: points.to_vec() };
        let row = |panels: &[Moment]| (String::new(), panels.to_vec());
        assert!(draw(&[], &[0.0, 0.0]).is_err() && draw(&[row(&[])], &[0.0, 0.0]).is_err());
        assert!(draw(&[row(&[panel(&[])]), row(&[panel(&[]), panel(&[])])], &[0.0, 0.0]).is_err());
        assert!(draw(&[row(&[panel(&[1.0])])], &[0.0, 0.0]).is_err() && draw(&[row(&[panel(&[])])], &[]).is_err());
    }
}
