//! A number over the plane as shades, with a bar that says what they mean.

use super::axes::{Axis, number, round_step};
use super::field2::{Field2, check_range};
use super::font;
use super::frame::Frame;
use super::heading::{add_sentence, heading};
use super::picture::Picture;
use super::scatter::{check_points, draw_points, left_out};
use super::scene::{Anchor, Bitmap, Rect, Scene, Weight};
use super::style::{AXIS, MUTED, NOT_A_NUMBER, PNG_SCALE, TICK_SIZE, VERMILION, WIDTH, shade};
use crate::error::{Error, Result};

/// Shades of a number that is known on a grid.
#[derive(Clone, Copy, Debug)]
pub struct Heat<'a> {
    /// The picture's title.
    pub title: &'a str,
    /// What to see.
    pub caption: &'a str,
    /// The number at the nodes of the grid, in any unit; what is not finite is drawn vermilion.
    pub values: &'a Field2,
    /// What it is ("relative error").
    pub name: &'a str,
    /// The values at the ends of the bar; what lies beyond is drawn as the end.
    pub range: (f64, f64),
    /// The log-density whose lines are drawn over it.
    pub density: Option<&'a Field2>,
    /// Points over it, `[n, 2]`; empty for none.
    pub points: &'a [f32],
    /// Labels of the axes.
    pub x_label: &'a str,
    /// As `x_label`.
    pub y_label: &'a str,
}

/// Height of the bar, and its ticks.
const BAR: f32 = 10.0;
const TICKS: usize = 5;

/// Draws shades with equal axes.
///
/// # Errors
/// `Setting` for a grid that is none, a range that is not increasing, an odd number of coordinates.
pub fn heat(heat: &Heat) -> Result<Picture> {
    let Field2 { x, y, nx, ny, ref values } = *heat.values;
    check_range("grid's x", x)?;
    check_range("grid's y", y)?;
    check_range("range of shades", heat.range)?;
    check_points(heat.points)?;
    if nx < 2 || ny < 2 || nx.checked_mul(ny) != Some(values.len()) {
        return Err(Error::setting(
            "grid",
            "[ny, nx] with ny·nx values, both at least 2",
            format!("[{ny}, {nx}] with {} values", values.len()),
        ));
    }
    if let Some(density) = heat.density {
        density.check()?;
    }
    let (x_axis, y_axis) = (Axis::linear(x.0, x.1, heat.x_label), Axis::linear(y.0, y.1, heat.y_label));
    let mut caption = heat.caption.to_owned();
    if heat.density.is_some() {
        add_sentence(&mut caption, "Lines: log-density ½, 2, 4½, 8 nats below its peak (1σ to 4σ of a Gaussian).");
    }
    let drawn = Frame::place_equal(&mut Scene::new(WIDTH, 0.0), 0.0, x_axis.clone(), y_axis.clone());
    add_sentence(&mut caption, &left_out(heat.points.chunks_exact(2), &drawn));

    let mut scene = Scene::new(WIDTH, 0.0);
    let top = heading(&mut scene, heat.title, &caption);
    let top = bar(&mut scene, heat, top);
    let frame = Frame::place_equal(&mut scene, top, x_axis, y_axis);
    let ([left, bottom], [right, upper]) = (frame.at(x.0, y.0), frame.at(x.1, y.1));
    let (low, high) = heat.range;
    let mut rgb = Vec::with_capacity(3 * values.len());
    for row in (0..ny).rev() {
        for value in &values[row * nx..(row + 1) * nx] {
            let ink = if value.is_nan() { NOT_A_NUMBER } else { shade(((f64::from(*value) - low) / (high - low)) as f32) };
            rgb.extend(ink.rgb);
        }
    }
    let rect = Rect { left, top: upper, width: right - left, height: bottom - upper };
    scene.clip(frame.rect());
    scene.image(rect, Bitmap { width: nx, height: ny, rgb });
    draw_points(&mut scene, &frame, heat.points, VERMILION, heat.points.len() / 2);
    if let Some(density) = heat.density {
        density.draw_contours(&mut scene, &frame, 0.7);
    }
    scene.unclip();
    frame.draw_axes(&mut scene);
    Ok(Picture { scene, scale: PNG_SCALE, title: heat.title.to_owned(), caption })
}

/// The bar of shades with its ticks; gives the y below it.
fn bar(scene: &mut Scene, heat: &Heat, top: f32) -> f32 {
    let name = font::width(heat.name, TICK_SIZE, Weight::Regular);
    let (left, width) = (super::style::MARGIN + name + 14.0, 260.0);
    scene.text([super::style::MARGIN, top + BAR], heat.name, TICK_SIZE, Anchor::Start, MUTED);
    let pixels = 2 * width as usize;
    let rgb = (0..pixels).flat_map(|i| shade(i as f32 / (pixels - 1) as f32).rgb).collect();
    scene.image(Rect { left, top, width, height: BAR }, Bitmap { width: pixels, height: 1, rgb });
    let (low, high) = heat.range;
    let step = round_step((high - low) / 100.0);
    for i in 0..TICKS {
        let t = i as f32 / (TICKS - 1) as f32;
        let at = left + t * width;
        scene.line([at, top + BAR], [at, top + BAR + 3.0], 1.0, AXIS);
        let value = number(low + f64::from(t) * (high - low), step);
        scene.text([at, top + BAR + TICK_SIZE + 4.0], value, TICK_SIZE, Anchor::Middle, MUTED);
    }
    top + BAR + TICK_SIZE + 14.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_makes_a_picture_with_its_bar_and_a_broken_one_is_an_error() {
        let field = Field2 { x: (0.0, 1.0), y: (-1.0, 1.0), nx: 2, ny: 2, values: vec![0.0, 1.0, f32::NAN, 2.0] };
        let of = |values: &Field2, range, points: &[f32]| {
            heat(&Heat {
                title: "T",
                caption: "",
                values,
                name: "error",
                range,
                density: None,
                points,
                x_label: "x",
                y_label: "y",
            })
        };
        let picture = of(&field, (0.0, 2.0), &[0.5, 0.0, 9.0, 9.0]).unwrap();
        assert_eq!(picture.caption(), "Not shown, of 2 points: 1 outside the picture.");
        let svg = picture.svg(&[]).unwrap();
        assert!(svg.contains("error") && svg.contains("0.5") && svg.contains("1.5"));
        assert!(of(&Field2 { nx: 3, ..field.clone() }, (0.0, 2.0), &[]).is_err());
        assert!(of(&field, (2.0, 2.0), &[]).is_err() && of(&field, (0.0, 2.0), &[1.0]).is_err());
    }
}
