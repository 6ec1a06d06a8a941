//! What a picture consists of: a list of marks in scene units, origin at the top left, y downwards.

use super::style::{Ink, WHITE};

/// An RGB image, row-major, three bytes a pixel.
#[derive(Clone, Debug)]
pub(super) struct Bitmap {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub left: f32,
    pub top: f32,
    pub width: f32,
    pub height: f32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    SemiBold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a string is set. `at` is on the baseline, at the end that `anchor` names.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub at: [f32; 2],
    pub text: String,
    pub size: f32,
    pub weight: Weight,
    pub anchor: Anchor,
    /// Reads upwards, as the label of a vertical axis does.
    pub upwards: bool,
    pub ink: Ink,
}

#[derive(Clone, Debug)]
pub(super) enum Mark {
    /// A filled rectangle.
    Rect(Rect, Ink),
    /// Open polylines of one width and colour.
    Lines {
        lines: Vec<Vec<[f32; 2]>>,
        width: f32,
        ink: Ink,
    },
    /// Filled polygons of one colour.
    Polygons {
        polygons: Vec<Vec<[f32; 2]>>,
        ink: Ink,
    },
    /// Filled circles of one radius and colour, each blended on its own.
    Dots {
        centres: Vec<[f32; 2]>,
        radius: f32,
        ink: Ink,
    },
    Text(Text),
    /// An image stretched over a rectangle; its pixels stay squares.
    Image(Rect, Bitmap),
    /// Everything after it is cut at the rectangle, until the next `Clip`.
    Clip(Option<Rect>),
}

impl Mark {
    /// Moves the mark `down` further down.
    pub fn lower(&mut self, down: f32) {
        match self {
            Self::Rect(rect, _) | Self::Image(rect, _) | Self::Clip(Some(rect)) => rect.top += down,
            Self::Lines { lines: points, .. } | Self::Polygons { polygons: points, .. } => {
                points.iter_mut().flatten().for_each(|p| p[1] += down);
            }
            Self::Dots { centres, .. } => centres.iter_mut().for_each(|p| p[1] += down),
            Self::Text(text) => text.at[1] += down,
            Self::Clip(None) => {}
        }
    }
}

/// A picture before it has a format.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub width: f32,
    pub height: f32,
    pub background: Ink,
    pub marks: Vec<Mark>,
    /// How many of the first marks are title and caption, and where the picture below them begins.
    pub heading: (usize, f32),
}

impl Scene {
    pub fn new(width: f32, height: f32) -> Self {
        Self { width, height, background: WHITE, marks: Vec::new(), heading: (0, 0.0) }
    }

    pub fn line(&mut self, from: [f32; 2], to: [f32; 2], width: f32, ink: Ink) {
        self.lines(vec![vec![from, to]], width, ink);
    }

    pub fn lines(&mut self, lines: Vec<Vec<[f32; 2]>>, width: f32, ink: Ink) {
        self.marks.push(Mark::Lines { lines, width, ink });
    }

    pub fn dots(&mut self, centres: Vec<[f32; 2]>, radius: f32, ink: Ink) {
        self.marks.push(Mark::Dots { centres, radius, ink });
    }

    pub fn rect(&mut self, rect: Rect, ink: Ink) {
        self.marks.push(Mark::Rect(rect, ink));
    }

    pub fn image(&mut self, rect: Rect, bitmap: Bitmap) {
        self.marks.push(Mark::Image(rect, bitmap));
    }

    pub fn clip(&mut self, rect: Rect) {
        self.marks.push(Mark::Clip(Some(rect)));
    }

    pub fn unclip(&mut self) {
        self.marks.push(Mark::Clip(None));
    }

    /// A line of regular text.
    pub fn text(&mut self, at: [f32; 2], text: impl Into<String>, size: f32, anchor: Anchor, ink: Ink) {
        let text = text.into();
        self.marks.push(Mark::Text(Text { at, text, size, weight: Weight::Regular, anchor, upwards: false, ink }));
    }
}
