//! A scene as pixels, by tiny-skia, and as a PNG file.

use super::font::{self, Pen};
use super::scene::{Anchor, Bitmap, Mark, Rect, Scene, Text};
use super::style::Ink;
use crate::error::{Error, Result};
use tiny_skia::{FillRule, LineCap, LineJoin, Mask, Paint, PathBuilder, Pixmap, PremultipliedColorU8, Stroke, Transform};

/// More pixels than this are refused: drawing and encoding hold about eight bytes for each.
const MAX_PIXELS: f64 = 6e7;

/// Draws a scene at `zoom` device pixels per unit, over its background.
pub(super) fn draw(scene: &Scene, zoom: f32) -> Result<Pixmap> {
    let mut pixmap = empty(scene.width * zoom, scene.height * zoom)?;
    pixmap.fill(colour(scene.background));
    marks(&mut pixmap, &scene.marks, zoom);
    Ok(pixmap)
}

/// One mark alone over nothing: the layer that an SVG embeds where single elements would be too many.
pub(super) fn layer(scene: &Scene, mark: &Mark, zoom: f32) -> Result<Pixmap> {
    let mut pixmap = empty(scene.width * zoom, scene.height * zoom)?;
    marks(&mut pixmap, std::slice::from_ref(mark), zoom);
    Ok(pixmap)
}

fn empty(width: f32, height: f32) -> Result<Pixmap> {
    let (width, height) = (width.round(), height.round());
    let size = || format!("{width} × {height}");
    if f64::from(width) * f64::from(height) > MAX_PIXELS {
        return Err(Error::setting("picture size", "at most 60 million pixels", size()).with_hint("draw fewer samples"));
    }
    Pixmap::new(width as u32, height as u32).ok_or_else(|| Error::setting("picture size", "at least one pixel", size()))
}

fn marks(pixmap: &mut Pixmap, marks: &[Mark], zoom: f32) {
    let scale = Transform::from_scale(zoom, zoom);
    let mut mask: Option<Mask> = None;
    for mark in marks {
        let clip = mask.as_ref();
        match mark {
            Mark::Rect(rect, ink) => {
                if let Some(rect) = tiny_skia::Rect::from_xywh(rect.left, rect.top, rect.width, rect.height) {
                    pixmap.fill_rect(rect, &paint(*ink), scale, clip);
                }
            }
            Mark::Lines { lines, width, ink } => {
                let stroke = Stroke { width: *width, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Stroke::default() };
                for line in lines {
                    if let Some(path) = polyline(line, false) {
                        pixmap.stroke_path(&path, &paint(*ink), &stroke, scale, clip);
                    }
                }
            }
            Mark::Polygons { polygons, ink } => {
                for path in polygons.iter().filter_map(|polygon| polyline(polygon, true)) {
                    pixmap.fill_path(&path, &paint(*ink), FillRule::Winding, scale, clip);
                }
            }
            Mark::Dots { centres, radius, ink } => {
                if let Some(circle) = PathBuilder::from_circle(0.0, 0.0, *radius) {
                    let paint = paint(*ink);
                    for [x, y] in centres {
                        pixmap.fill_path(&circle, &paint, FillRule::Winding, scale.pre_translate(*x, *y), clip);
                    }
                }
            }
            Mark::Text(text) => set(pixmap, text, scale, clip),
            Mark::Image(rect, bitmap) => stretch(pixmap, rect, bitmap, zoom),
            Mark::Clip(rect) => mask = rect.and_then(|rect| clip_mask(pixmap, &rect, scale)),
        }
    }
}

fn colour(ink: Ink) -> tiny_skia::Color {
    let [r, g, b] = ink.rgb;
    tiny_skia::Color::from_rgba8(r, g, b, (ink.alpha * 255.0).round() as u8)
}

fn paint(ink: Ink) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(colour(ink));
    paint
}

fn polyline(points: &[[f32; 2]], close: bool) -> Option<tiny_skia::Path> {
    let mut path = PathBuilder::new();
    let (first, rest) = points.split_first()?;
    path.move_to(first[0], first[1]);
    for [x, y] in rest {
        path.line_to(*x, *y);
    }
    if close {
        path.close();
    }
    path.finish()
}

fn clip_mask(pixmap: &Pixmap, rect: &Rect, scale: Transform) -> Option<Mask> {
    let mut mask = Mask::new(pixmap.width(), pixmap.height())?;
    let rect = tiny_skia::Rect::from_xywh(rect.left, rect.top, rect.width, rect.height)?;
    mask.fill_path(&PathBuilder::from_rect(rect), FillRule::Winding, true, scale);
    Some(mask)
}

fn set(pixmap: &mut Pixmap, text: &Text, scale: Transform, clip: Option<&Mask>) {
    let shift = match text.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -0.5,
        Anchor::End => -1.0,
    };
    let mut pen = PathPen(PathBuilder::new());
    font::outline(&text.text, text.size, text.weight, &mut pen);
    let mut place = scale.pre_translate(text.at[0], text.at[1]);
    if text.upwards {
        place = place.pre_rotate(-90.0);
    }
    place = place.pre_translate(shift * font::width(&text.text, text.size, text.weight), 0.0);
    if let Some(path) = pen.0.finish() {
        pixmap.fill_path(&path, &paint(text.ink), FillRule::Winding, place, clip);
    }
}

struct PathPen(PathBuilder);

impl Pen for PathPen {
    fn move_to(&mut self, [x, y]: [f32; 2]) {
        self.0.move_to(x, y);
    }

    fn line_to(&mut self, [x, y]: [f32; 2]) {
        self.0.line_to(x, y);
    }

    fn quad_to(&mut self, [x1, y1]: [f32; 2], [x, y]: [f32; 2]) {
        self.0.quad_to(x1, y1, x, y);
    }

    fn cubic_to(&mut self, [x1, y1]: [f32; 2], [x2, y2]: [f32; 2], [x, y]: [f32; 2]) {
        self.0.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.0.close();
    }
}

/// Nearest-neighbour scaling by hand, because at whole-numbered zooms the pixels must be exactly the data's.
fn stretch(pixmap: &mut Pixmap, rect: &Rect, bitmap: &Bitmap, zoom: f32) {
    let edge = |v: f32, limit: u32| ((v * zoom).round().max(0.0) as usize).min(limit as usize);
    let (left, right) = (edge(rect.left, pixmap.width()), edge(rect.left + rect.width, pixmap.width()));
    let (top, bottom) = (edge(rect.top, pixmap.height()), edge(rect.top + rect.height, pixmap.height()));
    let stride = pixmap.width() as usize;
    let (width, height) = (right.saturating_sub(left), bottom.saturating_sub(top));
    let pixels = pixmap.pixels_mut();
    for y in 0..height {
        let row = (2 * y + 1) * bitmap.height / (2 * height);
        for x in 0..width {
            let at = 3 * (row * bitmap.width + (2 * x + 1) * bitmap.width / (2 * width));
            let [r, g, b] = [bitmap.rgb[at], bitmap.rgb[at + 1], bitmap.rgb[at + 2]];
            if let Some(pixel) = PremultipliedColorU8::from_rgba(r, g, b, 255) {
                pixels[(top + y) * stride + left + x] = pixel;
            }
        }
    }
}

/// The pixels as a PNG, grey where every pixel is grey, with the metadata as text chunks.
pub(super) fn png_of_pixmap(pixmap: &Pixmap, metadata: &[(&str, &str)]) -> Result<Vec<u8>> {
    let (width, height, pixels) = (pixmap.width(), pixmap.height(), pixmap.pixels());
    if pixels.iter().any(|p| p.alpha() < 255) {
        let rgba: Vec<u8> = pixels
            .iter()
            .flat_map(|p| {
                let c = p.demultiply();
                [c.red(), c.green(), c.blue(), c.alpha()]
            })
            .collect();
        return encode(width, height, png::ColorType::Rgba, &rgba, metadata);
    }
    let rgb: Vec<u8> = pixels.iter().flat_map(|p| [p.red(), p.green(), p.blue()]).collect();
    png_of_rgb(width, height, &rgb, metadata)
}

/// RGB bytes as a PNG.
pub(super) fn png_of_rgb(width: u32, height: u32, rgb: &[u8], metadata: &[(&str, &str)]) -> Result<Vec<u8>> {
    if rgb.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]) {
        let grey: Vec<u8> = rgb.iter().step_by(3).copied().collect();
        return encode(width, height, png::ColorType::Grayscale, &grey, metadata);
    }
    encode(width, height, png::ColorType::Rgb, rgb, metadata)
}

fn encode(width: u32, height: u32, colour: png::ColorType, bytes: &[u8], metadata: &[(&str, &str)]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let encoder = encoder(&mut out, (width, height), colour, metadata)?;
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(bytes).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

/// Frames of one size as an animated PNG that is repeated without end, each shown for `seconds`, the last for `last`; at least one frame.
pub(super) fn apng(frames: &[Pixmap], seconds: f64, last: f64, metadata: &[(&str, &str)]) -> Result<Vec<u8>> {
    let size = (frames[0].width(), frames[0].height());
    let mut out = Vec::new();
    let mut encoder = encoder(&mut out, size, png::ColorType::Rgb, metadata)?;
    encoder.set_animated(frames.len() as u32, 0).map_err(failed)?;
    let mut writer = encoder.write_header().map_err(failed)?;
    for (i, frame) in frames.iter().enumerate() {
        let shown = if i + 1 == frames.len() { last } else { seconds };
        writer.set_frame_delay((1000.0 * shown) as u16, 1000).map_err(failed)?;
        let rgb: Vec<u8> = frame.pixels().iter().flat_map(|p| [p.red(), p.green(), p.blue()]).collect();
        writer.write_image_data(&rgb).map_err(failed)?;
    }
    writer.finish().map_err(failed)?;
    Ok(out)
}

fn failed(e: png::EncodingError) -> Error {
    Error::failed("encoding a PNG", e.to_string())
}

/// An encoder of 8 bits a channel, with its text chunks.
fn encoder<'a>(
    out: &'a mut Vec<u8>,
    (width, height): (u32, u32),
    colour: png::ColorType,
    metadata: &[(&str, &str)],
) -> Result<png::Encoder<'a, &'a mut Vec<u8>>> {
    let mut encoder = png::Encoder::new(out, width, height);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    for (key, value) in metadata {
        // tEXt holds Latin-1 only; anything beyond ASCII goes into iTXt, which is UTF-8.
        let added = if value.is_ascii() {
            encoder.add_text_chunk((*key).to_owned(), (*value).to_owned())
        } else {
            encoder.add_itxt_chunk((*key).to_owned(), (*value).to_owned())
        };
        added.map_err(failed)?;
    }
    Ok(encoder)
}
