//! Points of the plane as time goes by: the frames of an animated PNG (APNG, which browsers show as they show a GIF, in full colour).

use super::axes::{Axis, range};
use super::field2::Backdrop;
use super::frame::Frame;
use super::heading::heading;
use super::moment::Moment;
use super::raster;
use super::save::check_metadata;
use super::scatter::{check_points, draw_points};
use super::scene::{Anchor, Scene};
use super::style::{BLUE, LABEL_SIZE, PNG_SCALE, TEXT, WIDTH};
use crate::error::{Error, Result};

/// Moments one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Film<'a> {
    /// The title above every frame.
    pub title: &'a str,
    /// What to see.
    pub caption: &'a str,
    /// The moments, in their order; the last decides the range where there is no backdrop.
    pub moments: &'a [Moment],
    /// The log-density to show with them. Its range is then the picture's.
    pub backdrop: Option<Backdrop<'a>>,
    /// Labels of the axes ("x₁"), with units if there are any.
    pub x_label: &'a str,
    /// As `x_label`.
    pub y_label: &'a str,
}

/// How long a frame is shown, and the last one before it begins again, seconds.
const SHOWN: f64 = 0.1;
const LAST: f64 = 2.0;

/// The film as an animated PNG's bytes, repeated without end. Points outside the range or not finite are not shown.
///
/// # Errors
/// `Setting` for no moment, an odd number of coordinates, moments without a finite point, or a backdrop that is no grid of log-densities.
pub fn film(film: &Film, metadata: &[(&str, &str)]) -> Result<Vec<u8>> {
    check_metadata(metadata)?;
    let Some(last) = film.moments.last() else { return Err(Error::setting("moments", "at least one", 0)) };
    film.moments.iter().try_for_each(|moment| check_points(&moment.points))?;
    if let Some(backdrop) = film.backdrop {
        backdrop.field().check()?;
    }
    let of_points =
        |j: usize| range(last.points.iter().skip(j).step_by(2).map(|v| f64::from(*v)).filter(|v| v.is_finite()), 0.15);
    let (x, y) = film.backdrop.map_or_else(|| (of_points(0), of_points(1)), |b| (b.field().x, b.field().y));
    let frames = film.moments.iter().map(|moment| raster::draw(&scene(film, moment, x, y), PNG_SCALE as f32 / 2.0));
    raster::apng(&frames.collect::<Result<Vec<_>>>()?, SHOWN, LAST, metadata)
}

fn scene(film: &Film, moment: &Moment, x: (f64, f64), y: (f64, f64)) -> Scene {
    let mut scene = Scene::new(WIDTH, 0.0);
    let top = heading(&mut scene, film.title, film.caption);
    let (x, y) = (Axis::linear(x.0, x.1, film.x_label), Axis::linear(y.0, y.1, film.y_label));
    let frame = Frame::place_equal(&mut scene, top, x, y);
    match film.backdrop {
        Some(Backdrop::Shades(density)) => density.draw_shades(&mut scene, &frame),
        _ => frame.draw_rules(&mut scene),
    }
    scene.clip(frame.rect());
    draw_points(&mut scene, &frame, &moment.points, BLUE, moment.points.len() / 2);
    if let Some(Backdrop::Contours(density)) = film.backdrop {
        density.draw_contours(&mut scene, &frame, 0.8);
    }
    scene.unclip();
    frame.draw_axes(&mut scene);
    let corner = frame.rect();
    scene.text([corner.left + 10.0, corner.top + 20.0], moment.label.clone(), LABEL_SIZE, Anchor::Start, TEXT);
    scene
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(n: usize) -> Vec<Moment> {
        (0..n).map(|i| Moment { label: format!("step {i}"), points: vec![i as f32, 0.0, 1.0, f32::NAN] }).collect()
    }

    fn draw(moments: &[Moment]) -> Result<Vec<u8>> {
        let film_ = Film { title: "F", caption: "c", moments, backdrop: None, x_label: "x", y_label: "y" };
        film(&film_, &[("seed", "7")])
    }

    #[test]
    fn a_film_is_an_animated_png_of_as_many_frames_that_says_how_it_was_made() {
        let bytes = draw(&moments(5)).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        let control = *reader.info().animation_control().unwrap();
        assert_eq!((control.num_frames, control.num_plays), (5, 0));
        assert_eq!(reader.info().uncompressed_latin1_text[0].text, "7");
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let mut seen = Vec::new();
        while reader.next_frame(&mut pixels).is_ok() {
            seen.push(pixels.clone());
        }
        // The points move, so no two frames are the same.
        assert!(seen.len() == 5 && (1..5).all(|i| seen[i] != seen[i - 1]));
    }

    #[test]
    fn one_moment_makes_a_film_and_none_or_half_a_point_is_an_error() {
        assert!(draw(&moments(1)).is_ok());
        assert!(draw(&[]).is_err());
        assert!(draw(&[Moment { label: String::new(), points: vec![1.0; 3] }]).is_err());
    }
}
