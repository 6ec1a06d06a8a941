//! A score field in the plane: arrows that point where the density grows.

use super::axes::{Axis, number, round_step};
use super::field2::{Backdrop, check_range};
use super::frame::Frame;
use super::heading::{add_sentence, heading};
use super::picture::Picture;
use super::scatter::{check_points, draw_points, left_out};
use super::scene::{Mark, Scene};
use super::style::{BLUE, PNG_SCALE, TEXT, VERMILION, WIDTH};
use crate::error::{Error, Result};

/// Scores on a grid, with what may be shown behind and over them.
#[derive(Clone, Copy, Debug)]
pub struct ScoreField<'a> {
    /// The picture's title.
    pub title: &'a str,
    /// What to see; the arrows' scale, the lines' levels and what was left out are added to it.
    pub caption: &'a str,
    /// The picture's range of x; the arrows stand in the middle of its nx equal parts ([`ScoreField::nodes`]).
    pub x: (f64, f64),
    /// The picture's range of y.
    pub y: (f64, f64),
    /// Columns of arrows.
    pub nx: usize,
    /// Rows of arrows.
    pub ny: usize,
    /// `[ny, nx, 2]` row-major, y growing with the row: the score (∂ log p/∂x, ∂ log p/∂y) at node (i, j).
    pub scores: &'a [f32],
    /// The log-density behind the arrows.
    pub backdrop: Option<Backdrop<'a>>,
    /// Points over the arrows, `[n, 2]`; empty for none.
    pub points: &'a [f32],
    /// Trajectories over the arrows, each `[steps, 2]`: a ring where one starts, a dot where it ends.
    pub paths: &'a [Vec<f32>],
    /// Labels of the axes.
    pub x_label: &'a str,
    /// As `x_label`.
    pub y_label: &'a str,
}

impl ScoreField<'_> {
    /// The arrows' places in the order of `scores`, `[ny·nx, 2]`: where to evaluate the score.
    pub fn nodes(x: (f64, f64), y: (f64, f64), nx: usize, ny: usize) -> Vec<f32> {
        (0..ny).flat_map(|j| (0..nx).flat_map(move |i| [middle(x, i, nx) as f32, middle(y, j, ny) as f32])).collect()
    }
}

/// The middle of part k of n equal parts.
fn middle((lo, hi): (f64, f64), k: usize, n: usize) -> f64 {
    lo + (hi - lo) * (k as f64 + 0.5) / n as f64
}

/// Draws a score field with equal axes.
///
/// An arrow's length grows with log(1 + ‖s‖/s₀), so that small scores stay visible beside large ones; s₀, a round number near a
/// tenth of the median norm, is stated in the caption. Arrows are centred on their node. Scores that are not finite are left out and counted.
///
/// # Errors
/// `Setting` if there is no arrow, or a shape or range that does not fit.
pub fn field(field: &ScoreField) -> Result<Picture> {
    check(field)?;
    let arrows = Arrows::of(field);
    let mut caption = field.caption.to_owned();
    add_sentence(&mut caption, &arrows.sentence());
    if let Some(backdrop) = field.backdrop {
        add_sentence(&mut caption, backdrop.sentence());
    }
    let (x, y) = (Axis::linear(field.x.0, field.x.1, field.x_label), Axis::linear(field.y.0, field.y.1, field.y_label));
    let drawn = Frame::place_equal(&mut Scene::new(WIDTH, 0.0), 0.0, x.clone(), y.clone());
    add_sentence(&mut caption, &left_out(field.points.chunks_exact(2), &drawn));

    let mut scene = Scene::new(WIDTH, 0.0);
    let top = heading(&mut scene, field.title, &caption);
    let frame = Frame::place_equal(&mut scene, top, x, y);
    match field.backdrop {
        Some(Backdrop::Shades(density)) => density.draw_shades(&mut scene, &frame),
        _ => frame.draw_rules(&mut scene),
    }
    scene.clip(frame.rect());
    if let Some(backdrop) = field.backdrop {
        backdrop.field().draw_contours(&mut scene, &frame, 0.35);
    }
    draw_points(&mut scene, &frame, field.points, VERMILION, field.points.len() / 2);
    arrows.draw(&mut scene, &frame, field);
    draw_paths(&mut scene, &frame, field.paths);
    scene.unclip();
    frame.draw_axes(&mut scene);
    Ok(Picture { scene, scale: PNG_SCALE, title: field.title.to_owned(), caption })
}

fn check(field: &ScoreField) -> Result<()> {
    check_range("score field's x", field.x)?;
    check_range("score field's y", field.y)?;
    let values = field.nx.checked_mul(field.ny).and_then(|n| n.checked_mul(2));
    if field.scores.is_empty() || values != Some(field.scores.len()) {
        let got = format!("[{}, {}, 2] with {} values", field.ny, field.nx, field.scores.len());
        return Err(Error::setting("scores", "[ny, nx, 2] with 2·ny·nx values, at least one arrow", got));
    }
    check_points(field.points)?;
    field.paths.iter().try_for_each(|path| check_points(path))?;
    field.backdrop.map_or(Ok(()), |backdrop| backdrop.field().check())
}

/// The scale of the arrows.
struct Arrows {
    /// s₀ of the compressive scale.
    unit: f64,
    longest: f64,
    skipped: usize,
}

impl Arrows {
    fn of(field: &ScoreField) -> Self {
        let mut norms: Vec<f64> =
            field.scores.chunks_exact(2).map(|s| f64::from(s[0]).hypot(f64::from(s[1]))).filter(|n| n.is_finite()).collect();
        norms.sort_unstable_by(f64::total_cmp);
        let median = norms.get(norms.len() / 2).copied().unwrap_or(0.0);
        let longest = norms.last().copied().unwrap_or(0.0);
        let unit = if median > 0.0 { median } else { longest };
        let unit = if unit > 0.0 { round_step(0.1 * unit) } else { 1.0 };
        Self { unit, longest, skipped: field.scores.len() / 2 - norms.len() }
    }

    /// 0 for no score, 1 for the longest.
    fn share(&self, norm: f64) -> f64 {
        if self.longest > 0.0 { (norm / self.unit).ln_1p() / (self.longest / self.unit).ln_1p() } else { 0.0 }
    }

    fn sentence(&self) -> String {
        let unit = if self.unit == 1.0 { String::new() } else { format!("/{}", number(self.unit, self.unit)) };
        let longest = number(self.longest, round_step(self.longest.max(1e-30) / 100.0));
        let mut sentence = format!("Arrows grow like log(1 + ‖s‖{unit}); the longest has ‖s‖ = {longest}.");
        if self.skipped > 0 {
            let (verb, n) = (if self.skipped == 1 { "score is" } else { "scores are" }, super::heading::count(self.skipped));
            sentence.push_str(&format!(" {n} {verb} not finite and left out."));
        }
        sentence
    }

    fn draw(&self, scene: &mut Scene, frame: &Frame, field: &ScoreField) {
        let ([left, bottom], [right, top]) = (frame.at(field.x.0, field.y.0), frame.at(field.x.1, field.y.1));
        let longest = 0.92 * ((right - left) / field.nx as f32).min((bottom - top) / field.ny as f32).min(80.0);
        let (mut shafts, mut heads, mut still) = (Vec::new(), Vec::new(), Vec::new());
        for (k, score) in field.scores.chunks_exact(2).enumerate() {
            let [dx, dy] = [f64::from(score[0]), f64::from(score[1])];
            let norm = dx.hypot(dy);
            let [x, y] = frame.at(middle(field.x, k % field.nx, field.nx), middle(field.y, k / field.nx, field.ny));
            let length = longest * self.share(norm) as f32;
            if !norm.is_finite() {
                continue;
            }
            if length < 1.5 {
                still.push([x, y]);
                continue;
            }
            let (ux, uy) = ((dx / norm) as f32, (-dy / norm) as f32);
            let tip = [x + 0.5 * length * ux, y + 0.5 * length * uy];
            let head = (0.42 * length).clamp(3.0, 7.0).min(length);
            let neck = [tip[0] - head * ux, tip[1] - head * uy];
            let half = 0.42 * head;
            shafts.push(vec![[x - 0.5 * length * ux, y - 0.5 * length * uy], neck]);
            heads.push(vec![tip, [neck[0] - half * uy, neck[1] + half * ux], [neck[0] + half * uy, neck[1] - half * ux]]);
        }
        let ink = TEXT.fade(0.85);
        scene.lines(shafts, 1.2, ink);
        scene.marks.push(Mark::Polygons { polygons: heads, ink });
        scene.dots(still, 0.9, ink);
    }
}

fn draw_paths(scene: &mut Scene, frame: &Frame, paths: &[Vec<f32>]) {
    let alpha = if paths.len() > 20 { 0.5 } else { 0.85 };
    let (mut lines, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for path in paths {
        let finite = path.chunks_exact(2).take_while(|p| p.iter().all(|v| v.is_finite()));
        let line: Vec<[f32; 2]> = finite.map(|p| frame.at(f64::from(p[0]), f64::from(p[1]))).collect();
        starts.extend(line.first());
        ends.extend(line.last());
        lines.push(line);
    }
    scene.lines(lines, 1.3, VERMILION.fade(alpha));
    scene.dots(starts.clone(), 3.4, VERMILION);
    scene.dots(starts, 2.0, super::style::WHITE);
    scene.dots(ends, 3.2, BLUE);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(scores: &[f32], nx: usize, ny: usize) -> ScoreField<'_> {
        let (points, paths) = (&[][..], &[][..]);
        let (x_label, y_label, range) = ("x₁", "x₂", (-1.0, 1.0));
        ScoreField { title: "", caption: "", x: range, y: range, nx, ny, scores, backdrop: None, points, paths, x_label, y_label }
    }

    #[test]
    fn the_scale_is_stated_and_small_arrows_stay_visible() {
        let scores = [0.1, 0.0, 1.0, 0.0, 0.0, 2.0, 100.0, 0.0];
        let arrows = Arrows::of(&plain(&scores, 2, 2));
        assert_eq!(arrows.share(100.0), 1.0);
        assert!(arrows.share(1.0) > 0.1, "{}", arrows.share(1.0));
        let picture = field(&plain(&scores, 2, 2)).unwrap();
        assert_eq!(picture.caption(), "Arrows grow like log(1 + ‖s‖/0.2); the longest has ‖s‖ = 100.");
    }

    #[test]
    fn scores_that_are_not_finite_are_left_out_and_counted() {
        let picture = field(&plain(&[f32::NAN, 0.0, 1.0, 0.0], 2, 1)).unwrap();
        assert!(picture.caption().ends_with("1 score is not finite and left out."), "{}", picture.caption());
        assert!(field(&plain(&[0.0, 0.0], 1, 1)).unwrap().png(&[]).is_ok());
    }

    #[test]
    fn no_arrows_and_wrong_shapes_are_errors() {
        assert!(field(&plain(&[], 0, 0)).is_err());
        assert!(field(&plain(&[1.0; 6], 2, 2)).is_err());
        assert!(field(&ScoreField { x: (1.0, f64::NAN), ..plain(&[1.0; 8], 2, 2) }).is_err());
    }
}
