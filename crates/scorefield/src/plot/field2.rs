//! A log-density known on a grid, drawn as shaded levels or as contour lines behind or over points.

use super::contour::contour_lines;
use super::frame::Frame;
use super::scene::{Bitmap, Rect, Scene};
use super::style::{PNG_SCALE, TEXT, shade};
use crate::error::{Error, Result};

/// Rings of a Gaussian at 1, 2, 3 and 4 standard deviations: its log-density is r²/2 below the peak.
const RINGS: [f64; 4] = [1.0, 2.0, 3.0, 4.0];
/// Shading fades to white at this many standard deviations.
const FADE: f64 = 5.0;

/// A log-density (nats; any constant offset) at the nodes of an nx × ny grid.
///
/// `values[j * nx + i]` belongs to x = x.0 + (x.1 − x.0)·i/(nx − 1) and y likewise with j and ny; y grows with the row. Minus
/// infinity is allowed (no density there); NaN counts as no density.
#[derive(Clone, Debug)]
pub struct Field2 {
    /// First and last x.
    pub x: (f64, f64),
    /// First and last y.
    pub y: (f64, f64),
    /// Columns, at least 2.
    pub nx: usize,
    /// Rows, at least 2.
    pub ny: usize,
    /// Row-major, `[ny, nx]`.
    pub values: Vec<f32>,
}

/// How a [`Field2`] is drawn. Both use its highest value as the peak.
#[derive(Clone, Copy, Debug)]
pub enum Backdrop<'a> {
    /// Lines ½, 2, 4½ and 8 nats below the peak, over the points.
    Contours(&'a Field2),
    /// Shading that is darkest at the peak, with the same lines, under the points.
    Shades(&'a Field2),
}

impl<'a> Backdrop<'a> {
    pub(super) fn field(self) -> &'a Field2 {
        match self {
            Self::Contours(field) | Self::Shades(field) => field,
        }
    }

    /// What a caption has to say about it.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Contours(_) => "Lines: log-density ½, 2, 4½, 8 nats below its peak (1σ to 4σ of a Gaussian).",
            Self::Shades(_) => "Shading: log-density; lines ½, 2, 4½, 8 nats below its peak (1σ to 4σ of a Gaussian).",
        }
    }
}

impl Field2 {
    /// The nodes in the order of `values`, `[ny·nx, 2]`: where to evaluate the log-density.
    pub fn nodes(x: (f64, f64), y: (f64, f64), nx: usize, ny: usize) -> Vec<f32> {
        let at =
            |(lo, hi): (f64, f64), k: usize, n: usize| (lo + (hi - lo) * k as f64 / n.saturating_sub(1).max(1) as f64) as f32;
        (0..ny).flat_map(|j| (0..nx).flat_map(move |i| [at(x, i, nx), at(y, j, ny)])).collect()
    }

    /// Checks ranges, counts and that some value is finite.
    pub(super) fn check(&self) -> Result<()> {
        for (what, (lo, hi)) in [("density grid's x", self.x), ("density grid's y", self.y)] {
            check_range(what, (lo, hi))?;
        }
        let shape = format!("[{}, {}] with {} values", self.ny, self.nx, self.values.len());
        if self.nx < 2 || self.ny < 2 || self.nx.checked_mul(self.ny) != Some(self.values.len()) {
            return Err(Error::setting("density grid", "[ny, nx] with ny·nx values, both at least 2", shape));
        }
        if self.values.contains(&f32::INFINITY) || !self.values.iter().any(|v| v.is_finite()) {
            return Err(Error::setting("density grid", "finite log-densities (−∞ where there is none)", "none, or +∞"));
        }
        Ok(())
    }

    fn peak(&self) -> f64 {
        f64::from(self.values.iter().copied().filter(|v| v.is_finite()).fold(f32::NEG_INFINITY, f32::max))
    }

    /// How far below the peak each node lies, as the standard deviations r of a Gaussian: r = √(2·(peak − value)).
    ///
    /// In r a Gaussian is a cone, so straight interpolation between nodes follows its contours closely even on a coarse grid.
    fn depths(&self) -> Vec<f64> {
        let peak = self.peak();
        let deepest = 1e3;
        self.values
            .iter()
            .map(|v| if v.is_finite() { (2.0 * (peak - f64::from(*v))).max(0.0).sqrt().min(deepest) } else { deepest })
            .collect()
    }

    /// Shading over the part of the frame that the grid covers, one pixel a device pixel.
    pub(super) fn draw_shades(&self, scene: &mut Scene, frame: &Frame) {
        let ([left, bottom], [right, top]) = (frame.at(self.x.0, self.y.0), frame.at(self.x.1, self.y.1));
        let whole = frame.rect();
        let (left, right) = (left.max(whole.left), right.min(whole.left + whole.width));
        let (top, bottom) = (top.max(whole.top), bottom.min(whole.top + whole.height));
        let pixels = |units: f32| (units.max(0.0) * PNG_SCALE as f32).round() as usize;
        let (width, height) = (pixels(right - left), pixels(bottom - top));
        if width == 0 || height == 0 {
            return;
        }
        let depths = self.depths();
        let mut rgb = Vec::with_capacity(3 * width * height);
        for row in 0..height {
            let scene_y = top + (row as f32 + 0.5) / PNG_SCALE as f32;
            for column in 0..width {
                let (x, y) = frame.data(left + (column as f32 + 0.5) / PNG_SCALE as f32, scene_y);
                rgb.extend(shade((1.0 - self.interpolate(&depths, x, y) / FADE) as f32).rgb);
            }
        }
        let rect = Rect { left, top, width: right - left, height: bottom - top };
        scene.image(rect, Bitmap { width, height, rgb });
    }

    /// Bilinear between nodes; positions outside take the nearest edge's value.
    fn interpolate(&self, nodes: &[f64], x: f64, y: f64) -> f64 {
        let place = |v: f64, (lo, hi): (f64, f64), n: usize| {
            let at = ((v - lo) / (hi - lo) * (n - 1) as f64).clamp(0.0, (n - 1) as f64);
            let cell = (at as usize).min(n - 2);
            (cell, at - cell as f64)
        };
        let ((i, u), (j, v)) = (place(x, self.x, self.nx), place(y, self.y, self.ny));
        let node = |i: usize, j: usize| nodes[j * self.nx + i];
        let lower = node(i, j) * (1.0 - u) + node(i + 1, j) * u;
        let upper = node(i, j + 1) * (1.0 - u) + node(i + 1, j + 1) * u;
        lower * (1.0 - v) + upper * v
    }

    /// The rings' lines.
    pub(super) fn draw_contours(&self, scene: &mut Scene, frame: &Frame, alpha: f32) {
        let depths = self.depths();
        for ring in RINGS {
            let lines = contour_lines(&depths, self.nx, self.ny, ring);
            let at = |v: f64, (lo, hi): (f64, f64), n: usize| lo + (hi - lo) * v / (n - 1) as f64;
            let lines = lines
                .into_iter()
                .map(|line| line.into_iter().map(|[i, j]| frame.at(at(i, self.x, self.nx), at(j, self.y, self.ny))).collect())
                .collect();
            scene.lines(lines, 0.9, TEXT.fade(alpha));
        }
    }
}

/// A range has to be finite and increasing.
pub(super) fn check_range(what: &str, (lo, hi): (f64, f64)) -> Result<()> {
    if lo.is_finite() && hi.is_finite() && lo < hi {
        return Ok(());
    }
    Err(Error::setting(format!("{what} range"), "finite, low < high", format!("{lo} to {hi}")))
}
