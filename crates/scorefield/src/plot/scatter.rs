//! Points in the plane, with the log-density they should follow.

use super::axes::{Axis, range};
use super::field2::Backdrop;
use super::frame::Frame;
use super::heading::{Swatch, add_sentence, count, heading, legend};
use super::picture::Picture;
use super::scene::Scene;
use super::style::{Ink, PNG_SCALE, SERIES, WIDTH, dot};
use crate::error::{Error, Result};

/// One set of points of a [`Scatter`].
#[derive(Clone, Copy, Debug)]
pub struct Cloud<'a> {
    /// Its name in the legend; may be empty if it is the only one.
    pub name: &'a str,
    /// `[n, 2]` row-major, data units.
    pub points: &'a [f32],
}

/// Points in the plane.
#[derive(Clone, Copy, Debug)]
pub struct Scatter<'a> {
    /// The picture's title.
    pub title: &'a str,
    /// What to see; what was left out and what the lines are is added to it.
    pub caption: &'a str,
    /// Sets of points, the later ones on top.
    pub clouds: &'a [Cloud<'a>],
    /// The log-density to show with them. Its range is then the picture's.
    pub backdrop: Option<Backdrop<'a>>,
    /// Labels of the axes ("x₁"), with units if there are any.
    pub x_label: &'a str,
    /// As `x_label`.
    pub y_label: &'a str,
}

/// Draws points with equal axes; opacity and size suit their number (1 to 100,000 and more).
///
/// Points that are not finite are skipped; they and those outside the range are counted in the caption.
///
/// # Errors
/// `Setting` if there is no point, an odd number of coordinates, or a backdrop that is not a grid of log-densities.
pub fn scatter(scatter: &Scatter) -> Result<Picture> {
    if scatter.clouds.iter().all(|cloud| cloud.points.is_empty()) {
        return Err(Error::setting("points", "at least one", 0));
    }
    for cloud in scatter.clouds {
        check_points(cloud.points)?;
    }
    if let Some(backdrop) = scatter.backdrop {
        backdrop.field().check()?;
    }
    let (x_range, y_range) = match scatter.backdrop {
        Some(backdrop) => (backdrop.field().x, backdrop.field().y),
        None => {
            let all = || scatter.clouds.iter().flat_map(|cloud| finite(cloud.points));
            (range(all().map(|p| p[0]), 0.05), range(all().map(|p| p[1]), 0.05))
        }
    };
    let (x, y) = (Axis::linear(x_range.0, x_range.1, scatter.x_label), Axis::linear(y_range.0, y_range.1, scatter.y_label));

    let mut caption = scatter.caption.to_owned();
    if let Some(backdrop) = scatter.backdrop {
        add_sentence(&mut caption, backdrop.sentence());
    }
    // The frame may widen a range, so what lies outside is counted against the range that will be drawn.
    let drawn = Frame::place_equal(&mut Scene::new(WIDTH, 0.0), 0.0, x.clone(), y.clone());
    add_sentence(&mut caption, &left_out(scatter.clouds.iter().flat_map(|cloud| cloud.points.chunks_exact(2)), &drawn));

    let mut scene = Scene::new(WIDTH, 0.0);
    let top = heading(&mut scene, scatter.title, &caption);
    let shaded = matches!(scatter.backdrop, Some(Backdrop::Shades(_)));
    let inks = inks(shaded);
    let names: Vec<(&str, Ink, Swatch)> = scatter
        .clouds
        .iter()
        .zip(inks.iter().cycle())
        .filter(|(cloud, _)| !cloud.name.is_empty())
        .map(|(cloud, ink)| (cloud.name, *ink, Swatch::Dot))
        .collect();
    let top = legend(&mut scene, &names, top);
    let frame = Frame::place_equal(&mut scene, top, x, y);
    match scatter.backdrop {
        Some(Backdrop::Shades(density)) => {
            density.draw_shades(&mut scene, &frame);
            density.draw_contours(&mut scene, &frame, 0.35);
        }
        _ => frame.draw_rules(&mut scene),
    }
    scene.clip(frame.rect());
    let among = scatter.clouds.iter().map(|cloud| cloud.points.len() / 2).sum();
    for (cloud, ink) in scatter.clouds.iter().zip(inks.iter().cycle()) {
        draw_points(&mut scene, &frame, cloud.points, *ink, among);
    }
    if let Some(Backdrop::Contours(density)) = scatter.backdrop {
        density.draw_contours(&mut scene, &frame, 0.8);
    }
    scene.unclip();
    frame.draw_axes(&mut scene);
    Ok(Picture { scene, scale: PNG_SCALE, title: scatter.title.to_owned(), caption })
}

/// On blue shading the first colour is vermilion and blue comes second.
fn inks(shaded: bool) -> [Ink; SERIES.len()] {
    let mut inks = SERIES;
    if shaded {
        inks.swap(0, 1);
    }
    inks
}

pub(super) fn check_points(points: &[f32]) -> Result<()> {
    if points.len().is_multiple_of(2) {
        return Ok(());
    }
    Err(Error::setting("points", "[n, 2]: an even number of coordinates", points.len()))
}

fn finite(points: &[f32]) -> impl Iterator<Item = [f64; 2]> {
    points.chunks_exact(2).map(|p| [f64::from(p[0]), f64::from(p[1])]).filter(|p| p.iter().all(|v| v.is_finite()))
}

/// Dots for the finite points inside the frame, as faint as suits a picture of `among` points.
pub(super) fn draw_points(scene: &mut Scene, frame: &Frame, points: &[f32], ink: Ink, among: usize) {
    let centres: Vec<[f32; 2]> = finite(points).filter(|[x, y]| frame.contains(*x, *y)).map(|[x, y]| frame.at(x, y)).collect();
    let (alpha, radius) = dot(among);
    scene.dots(centres, radius, ink.fade(alpha));
}

/// A sentence on the points that the frame does not show; empty if it shows all.
pub(super) fn left_out<'a>(points: impl Iterator<Item = &'a [f32]>, frame: &Frame) -> String {
    let (mut total, mut infinite, mut outside) = (0, 0, 0);
    for point in points {
        total += 1;
        if !point.iter().all(|v| v.is_finite()) {
            infinite += 1;
        } else if !frame.contains(f64::from(point[0]), f64::from(point[1])) {
            outside += 1;
        }
    }
    not_shown(total, infinite, outside)
}

/// "Not shown of 1,000 points: 3 that are not finite, 12 outside the picture."
pub(super) fn not_shown(total: usize, infinite: usize, outside: usize) -> String {
    let parts = [(infinite, "not finite"), (outside, "outside the picture")];
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", count(*n))).collect();
    if parts.is_empty() { String::new() } else { format!("Not shown, of {} points: {}.", count(total), parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Field2;

    fn draw(points: &[f32]) -> Result<Picture> {
        let clouds = [Cloud { name: "", points }];
        scatter(&Scatter { title: "Points", caption: "See", clouds: &clouds, backdrop: None, x_label: "x₁", y_label: "x₂" })
    }

    #[test]
    fn points_that_are_not_finite_are_skipped_and_counted() {
        let picture = draw(&[0.0, 1.0, f32::NAN, 2.0, 3.0, f32::INFINITY, 1.0, 1.0]).unwrap();
        assert_eq!(picture.caption(), "See. Not shown, of 4 points: 2 not finite.");
        assert_eq!(picture.svg(&[]).unwrap().matches("<circle").count(), 2);
    }

    #[test]
    fn no_points_and_half_a_point_are_errors() {
        assert!(draw(&[]).is_err());
        assert!(draw(&[1.0, 2.0, 3.0]).is_err());
    }

    #[test]
    fn one_point_and_only_bad_points_still_make_a_picture() {
        for points in [[5.0, 5.0], [f32::NAN, 0.0], [f32::MAX, f32::MIN]] {
            assert!(draw(&points).unwrap().png(&[]).is_ok());
        }
    }

    #[test]
    fn a_density_grid_that_is_none_is_an_error() {
        let good = Field2 { x: (0.0, 1.0), y: (0.0, 1.0), nx: 2, ny: 2, values: vec![0.0; 4] };
        let bad = [
            Field2 { x: (1.0, 1.0), ..good.clone() },
            Field2 { nx: 3, ..good.clone() },
            Field2 { values: vec![f32::NAN; 4], ..good.clone() },
        ];
        let clouds = [Cloud { name: "", points: &[0.5, 0.5] }];
        let draw = |field: &Field2| {
            let backdrop = Some(Backdrop::Shades(field));
            scatter(&Scatter { title: "", caption: "", clouds: &clouds, backdrop, x_label: "", y_label: "" })
        };
        assert!(draw(&good).is_ok());
        assert!(bad.iter().all(|field| draw(field).is_err()));
    }
}
