//! The bundled fonts: measuring, wrapping and outlining text.
//!
//! Inter (regular and semibold), subset to Latin, Greek, super- and subscripts, and DejaVu Sans for the mathematical symbols that
//! Inter lacks (∇, ∈, …). Their licences lie beside them in `font/`. A character in neither is drawn as an empty box.

use super::scene::Weight;
use std::sync::OnceLock;
use ttf_parser::{Face, GlyphId, OutlineBuilder};

struct Fonts {
    regular: Face<'static>,
    semibold: Face<'static>,
    symbols: Face<'static>,
}

fn fonts() -> Option<&'static Fonts> {
    static FONTS: OnceLock<Option<Fonts>> = OnceLock::new();
    FONTS
        .get_or_init(|| {
            Some(Fonts {
                regular: Face::parse(include_bytes!("font/inter-regular.otf"), 0).ok()?,
                semibold: Face::parse(include_bytes!("font/inter-semibold.otf"), 0).ok()?,
                symbols: Face::parse(include_bytes!("font/dejavu-symbols.ttf"), 0).ok()?,
            })
        })
        .as_ref()
}

struct Glyph {
    face: &'static Face<'static>,
    id: GlyphId,
    /// Left edge in units of the text size.
    x: f32,
    /// Font units to units of the text size.
    unit: f32,
}

/// Glyphs from left to right and the whole advance, for text of size 1.
fn layout(text: &str, weight: Weight) -> (Vec<Glyph>, f32) {
    let Some(fonts) = fonts() else { return (Vec::new(), 0.0) };
    let main = if weight == Weight::SemiBold { &fonts.semibold } else { &fonts.regular };
    let (mut glyphs, mut x) = (Vec::<Glyph>::new(), 0.0);
    for c in text.chars().filter(|c| !c.is_control()) {
        let (face, id) = match (main.glyph_index(c), fonts.symbols.glyph_index(c)) {
            (Some(id), _) => (main, id),
            (None, Some(id)) => (&fonts.symbols, id),
            (None, None) => (main, GlyphId(0)),
        };
        let unit = 1.0 / f32::from(face.units_per_em());
        if let Some(last) = glyphs.last().filter(|last| std::ptr::eq(last.face, face)) {
            x += unit * kerning(face, last.id, id);
        }
        glyphs.push(Glyph { face, id, x, unit });
        x += unit * f32::from(face.glyph_hor_advance(id).unwrap_or(0));
    }
    (glyphs, x)
}

fn kerning(face: &Face, left: GlyphId, right: GlyphId) -> f32 {
    let pairs = face.tables().kern.and_then(|kern| kern.subtables.into_iter().next());
    f32::from(pairs.and_then(|pairs| pairs.glyphs_kerning(left, right)).unwrap_or(0))
}

/// Width of a line of text, in the units of `size`.
pub(super) fn width(text: &str, size: f32, weight: Weight) -> f32 {
    layout(text, weight).1 * size
}

/// Breaks text at spaces into lines no wider than `limit`; a single word may be wider. Line breaks in the text are kept.
pub(super) fn wrap(text: &str, size: f32, weight: Weight, limit: f32) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if !line.is_empty() && width(&longer, size, weight) > limit {
                lines.push(std::mem::replace(&mut line, word.to_owned()));
            } else {
                line = longer;
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
    }
    lines
}

/// Receives the outline of a text; x to the right and y downwards from the start of the baseline, in the units of `size`.
pub(super) trait Pen {
    fn move_to(&mut self, to: [f32; 2]);
    fn line_to(&mut self, to: [f32; 2]);
    fn quad_to(&mut self, via: [f32; 2], to: [f32; 2]);
    fn cubic_to(&mut self, via: [f32; 2], via2: [f32; 2], to: [f32; 2]);
    fn close(&mut self);
}

/// Draws the text's outline with a pen.
pub(super) fn outline(text: &str, size: f32, weight: Weight, pen: &mut impl Pen) {
    for glyph in layout(text, weight).0 {
        let mut placed = Placed { pen, x: glyph.x * size, scale: glyph.unit * size };
        glyph.face.outline_glyph(glyph.id, &mut placed);
    }
}

struct Placed<'a, P> {
    pen: &'a mut P,
    x: f32,
    scale: f32,
}

impl<P> Placed<'_, P> {
    fn at(&self, x: f32, y: f32) -> [f32; 2] {
        [self.x + x * self.scale, -y * self.scale]
    }
}

impl<P: Pen> OutlineBuilder for Placed<'_, P> {
    fn move_to(&mut self, x: f32, y: f32) {
        self.pen.move_to(self.at(x, y));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.pen.line_to(self.at(x, y));
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.pen.quad_to(self.at(x1, y1), self.at(x, y));
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.pen.cubic_to(self.at(x1, y1), self.at(x2, y2), self.at(x, y));
    }

    fn close(&mut self) {
        self.pen.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_of_the_notation_has_a_glyph() {
        for c in "σεθλμ∇‖½√−×·≤≥±²₀₁₂∂∈ℝ→…–—’".chars().chain(' '..='~') {
            let (glyphs, _) = layout(&c.to_string(), Weight::Regular);
            assert_ne!(glyphs[0].id, GlyphId(0), "{c}");
        }
    }

    #[test]
    fn wrapped_lines_keep_every_word_and_the_limit() {
        let text = "Arrows point where the density grows; longer arrows are steeper.";
        let lines = wrap(text, 13.0, Weight::Regular, 150.0);
        assert!(lines.len() > 2);
        assert!(lines.iter().all(|line| width(line, 13.0, Weight::Regular) <= 150.0));
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn kerning_draws_a_pair_together() {
        let apart = width("A", 1.0, Weight::Regular) + width("V", 1.0, Weight::Regular);
        assert!(width("AV", 1.0, Weight::Regular) < apart);
    }
}
