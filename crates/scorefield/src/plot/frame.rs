//! The frame of a plot: where data fall in the scene, and the axes around it.

use super::axes::{Axis, Tick};
use super::font;
use super::scene::{Anchor, Mark, Rect, Scene, Text, Weight};
use super::style::{AXIS, LABEL_SIZE, MARGIN, MUTED, RULE, TEXT, TICK_SIZE};

/// The place of a plot in its scene, and how data coordinates fall into it.
pub(super) struct Frame {
    left: f32,
    top: f32,
    width: f32,
    height: f32,
    pub x: Axis,
    pub y: Axis,
}

impl Frame {
    /// Height below the frame that the x-axis' ticks and label take.
    const BELOW: f32 = 46.0;

    /// A frame over the scene's width from `top` on, `height` high; the scene's height is set to end below it.
    pub fn place(scene: &mut Scene, top: f32, height: f32, x: Axis, y: Axis) -> Self {
        let left = Self::left(&y, height);
        let width = scene.width - left - MARGIN - 4.0;
        scene.height = (top + height + Self::BELOW + MARGIN * 0.5).ceil();
        Self { left, top, width, height, x, y }
    }

    /// A frame in which one unit of x is as long as one unit of y; a range is widened where the shape would be extreme.
    pub fn place_equal(scene: &mut Scene, top: f32, mut x: Axis, mut y: Axis) -> Self {
        let ratio = (y.hi - y.lo) / (x.hi - x.lo);
        let kept = ratio.clamp(0.4, 1.12);
        let widen = |axis: &mut Axis, factor: f64| {
            let (middle, half) = ((axis.lo + axis.hi) / 2.0, (axis.hi - axis.lo) / 2.0 * factor);
            (axis.lo, axis.hi) = (middle - half, middle + half);
        };
        if ratio < kept {
            widen(&mut y, kept / ratio);
        } else if ratio > kept {
            widen(&mut x, ratio / kept);
        }
        // The height follows from the width, which the labels narrow, which depend on the height: a first guess is close enough
        // for the room that the labels take.
        let guess = Self::place(&mut Scene::new(scene.width, 0.0), top, scene.width * kept as f32, x, y);
        let height = (f64::from(guess.width) * kept) as f32;
        scene.height = (top + height + Self::BELOW + MARGIN * 0.5).ceil();
        Self { height, ..guess }
    }

    /// Room for the widest tick label and, if there is one, the axis label.
    fn left(y: &Axis, height: f32) -> f32 {
        let widest = y
            .ticks(Self::tick_count(height, 62.0))
            .iter()
            .map(|(_, label)| font::width(label, TICK_SIZE, Weight::Regular))
            .fold(0.0, f32::max);
        (MARGIN + if y.label.is_empty() { 0.0 } else { LABEL_SIZE + 8.0 } + widest + 8.0).ceil()
    }

    fn tick_count(length: f32, apart: f32) -> usize {
        (length / apart).round().max(2.0) as usize
    }

    pub fn rect(&self) -> Rect {
        Rect { left: self.left, top: self.top, width: self.width, height: self.height }
    }

    /// Data to scene; outside the range it lies outside the frame.
    pub fn at(&self, x: f64, y: f64) -> [f32; 2] {
        // Far outside, single precision and the rasteriser would suffer; the picture ends long before.
        let [u, v] = [self.x.unit(x), self.y.unit(y)].map(|unit| unit.clamp(-10.0, 11.0) as f32);
        [self.left + u * self.width, self.top + (1.0 - v) * self.height]
    }

    /// Scene to data.
    pub fn data(&self, x: f32, y: f32) -> (f64, f64) {
        let (u, v) = ((x - self.left) / self.width, 1.0 - (y - self.top) / self.height);
        (self.x.value(f64::from(u)), self.y.value(f64::from(v)))
    }

    pub fn contains(&self, x: f64, y: f64) -> bool {
        (self.x.lo..=self.x.hi).contains(&x) && (self.y.lo..=self.y.hi).contains(&y)
    }

    /// The faint lines at the ticks, under the data.
    pub fn draw_rules(&self, scene: &mut Scene) {
        let (x_ticks, y_ticks) = self.ticks();
        for (x, _) in x_ticks {
            let [x, _] = self.at(x, self.y.lo);
            scene.line([x, self.top], [x, self.top + self.height], 1.0, RULE);
        }
        for (y, _) in y_ticks {
            let [_, y] = self.at(self.x.lo, y);
            scene.line([self.left, y], [self.left + self.width, y], 1.0, RULE);
        }
    }

    /// The axis lines, tick labels and axis labels.
    pub fn draw_axes(&self, scene: &mut Scene) {
        let (right, bottom) = (self.left + self.width, self.top + self.height);
        scene.line([self.left, bottom], [right, bottom], 1.0, AXIS);
        scene.line([self.left, self.top], [self.left, bottom], 1.0, AXIS);
        let (x_ticks, y_ticks) = self.ticks();
        for (x, label) in x_ticks {
            let [x, _] = self.at(x, self.y.lo);
            scene.line([x, bottom], [x, bottom + 4.0], 1.0, AXIS);
            // A label at the frame's end must not leave the picture.
            let half = font::width(&label, TICK_SIZE, Weight::Regular) / 2.0;
            scene.text([x.min(scene.width - 4.0 - half), bottom + 18.0], label, TICK_SIZE, Anchor::Middle, MUTED);
        }
        for (y, label) in y_ticks {
            let [_, y] = self.at(self.x.lo, y);
            scene.line([self.left - 4.0, y], [self.left, y], 1.0, AXIS);
            scene.text([self.left - 8.0, y + TICK_SIZE * 0.36], label, TICK_SIZE, Anchor::End, MUTED);
        }
        let middle = [self.left + self.width / 2.0, bottom + 39.0];
        scene.text(middle, self.x.label.clone(), LABEL_SIZE, Anchor::Middle, TEXT);
        scene.marks.push(Mark::Text(Text {
            at: [MARGIN + LABEL_SIZE * 0.75, self.top + self.height / 2.0],
            text: self.y.label.clone(),
            size: LABEL_SIZE,
            weight: Weight::Regular,
            anchor: Anchor::Middle,
            upwards: true,
            ink: TEXT,
        }));
    }

    fn ticks(&self) -> (Vec<Tick>, Vec<Tick>) {
        (self.x.ticks(Self::tick_count(self.width, 88.0)), self.y.ticks(Self::tick_count(self.height, 62.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_axes_give_one_unit_the_same_length_both_ways() {
        let mut scene = Scene::new(600.0, 0.0);
        let frame = Frame::place_equal(&mut scene, 50.0, Axis::linear(-8.0, 8.0, "x"), Axis::linear(-1.0, 1.0, "y"));
        let ([x0, y0], [x1, y1]) = (frame.at(0.0, 0.0), frame.at(1.0, 1.0));
        assert!(((x1 - x0) / (y0 - y1) - 1.0).abs() < 0.01);
    }
}
