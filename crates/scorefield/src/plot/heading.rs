//! Title, caption and legend above a picture.

use super::font;
use super::scene::{Anchor, Mark, Rect, Scene, Text, Weight};
use super::style::{CAPTION_SIZE, Ink, LABEL_SIZE, MARGIN, MUTED, TEXT, TITLE_SIZE};

/// The title and, in grey below it, the caption, both wrapped to the width. Gives the y below them.
pub(super) fn heading(scene: &mut Scene, title: &str, caption: &str) -> f32 {
    let limit = scene.width - 2.0 * MARGIN;
    let mut y = MARGIN;
    for line in font::wrap(title, TITLE_SIZE, Weight::SemiBold, limit) {
        y += TITLE_SIZE;
        let at = [MARGIN, y];
        let (size, weight, anchor) = (TITLE_SIZE, Weight::SemiBold, Anchor::Start);
        scene.marks.push(Mark::Text(Text { at, text: line, size, weight, anchor, upwards: false, ink: TEXT }));
        y += 6.0;
    }
    y += 2.0;
    for line in font::wrap(caption, CAPTION_SIZE, Weight::Regular, limit) {
        y += CAPTION_SIZE;
        scene.text([MARGIN, y], line, CAPTION_SIZE, Anchor::Start, MUTED);
        y += 5.5;
    }
    scene.heading = (scene.marks.len(), y + 9.0 - MARGIN);
    y + 9.0
}

/// What stands for a name in the legend.
#[derive(Clone, Copy)]
pub(super) enum Swatch {
    Line,
    Dot,
    Bar,
}

/// Names with their marks in a row that wraps; nothing for an empty list. Gives the y below it.
pub(super) fn legend(scene: &mut Scene, names: &[(&str, Ink, Swatch)], top: f32) -> f32 {
    if names.is_empty() {
        return top;
    }
    const SWATCH: f32 = 18.0;
    let (mut x, mut y) = (MARGIN, top + LABEL_SIZE);
    for (name, ink, swatch) in names {
        let width = SWATCH + 7.0 + font::width(name, LABEL_SIZE, Weight::Regular);
        if x > MARGIN && x + width > scene.width - MARGIN {
            (x, y) = (MARGIN, y + 20.0);
        }
        let middle = y - 4.5;
        match swatch {
            Swatch::Line => scene.line([x + 1.5, middle], [x + SWATCH - 1.5, middle], 2.4, *ink),
            Swatch::Dot => scene.dots(vec![[x + SWATCH / 2.0, middle]], 4.0, *ink),
            Swatch::Bar => scene.rect(Rect { left: x + 2.0, top: middle - 6.0, width: 14.0, height: 12.0 }, *ink),
        }
        scene.text([x + SWATCH + 7.0, y], *name, LABEL_SIZE, Anchor::Start, TEXT);
        x += width + 22.0;
    }
    y + 15.0
}

/// Appends a sentence to a caption.
pub(super) fn add_sentence(caption: &mut String, sentence: &str) {
    if !caption.is_empty() && !sentence.is_empty() {
        let ended = caption.trim_end().ends_with(['.', '!', '?', ':']);
        caption.push_str(if ended { " " } else { ". " });
    }
    caption.push_str(sentence);
}

/// A count with thousands set apart: 12,345.
pub(super) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn sentences_are_joined_by_a_full_stop() {
        let mut caption = "Two modes".to_owned();
        add_sentence(&mut caption, "One point is missing.");
        add_sentence(&mut caption, "");
        assert_eq!(caption, "Two modes. One point is missing.");
    }
}
