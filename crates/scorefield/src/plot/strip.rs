//! Rows of labelled images under column headings: clean / noisy / denoised, or noise turning into samples.

use super::font;
use super::heading::heading;
use super::images::Images;
use super::picture::Picture;
use super::scene::{Anchor, Rect, Scene, Weight};
use super::style::{LABEL_SIZE, MARGIN, MUTED, PNG_SCALE, TEXT, TICK_SIZE};
use crate::error::{Error, Result};

/// Scene units that the longer side of an image should come near to (twice as many pixels in the PNG).
const TARGET: usize = 52;
const GAP: f32 = 10.0;
const NARROWEST: f32 = 340.0;

/// One row of a [`Strip`].
#[derive(Clone, Copy, Debug)]
pub struct StripRow<'a> {
    /// What the row shows ("noisy"); may be empty.
    pub label: &'a str,
    /// One image a column; all rows have images of one size.
    pub images: Images<'a>,
    /// A short note under each image ("14.2 dB"), or none at all.
    pub notes: &'a [String],
}

/// Labelled rows × columns of images.
#[derive(Clone, Copy, Debug)]
pub struct Strip<'a> {
    /// The picture's title.
    pub title: &'a str,
    /// What to see, in a sentence.
    pub caption: &'a str,
    /// A heading above each column ("σ = 5.2"), or none at all.
    pub columns: &'a [String],
    /// The rows, from the top.
    pub rows: &'a [StripRow<'a>],
}

/// Draws a strip; images are enlarged by a whole factor, pixels stay exact.
///
/// # Errors
/// `Setting` if there is no row, or rows, headings and notes disagree about the number of columns or the image size.
pub fn strip(strip: &Strip) -> Result<Picture> {
    let Some(first) = strip.rows.first() else {
        return Err(Error::setting("rows of images", "at least one", 0));
    };
    check(strip, first)?;
    let columns = first.images.count();
    let (height, width) = first.images.size();
    let zoom = first.images.zoom(TARGET);
    let (cell_width, cell_height) = ((width * zoom) as f32, (height * zoom) as f32);
    let widest = |texts: &mut dyn Iterator<Item = &str>, size| {
        texts.map(|text| font::width(text, size, Weight::Regular)).fold(0.0, f32::max)
    };
    // Notes and headings may be wider than the images; then the columns move apart.
    let notes = widest(&mut strip.rows.iter().flat_map(|row| row.notes).map(String::as_str), TICK_SIZE);
    let headings = widest(&mut strip.columns.iter().map(String::as_str), TICK_SIZE);
    let pitch = (cell_width + GAP).max(notes + 8.0).max(headings + 8.0).ceil();
    let labels = widest(&mut strip.rows.iter().map(|row| row.label), LABEL_SIZE).ceil();
    let left = MARGIN + if labels > 0.0 { labels + 14.0 } else { 0.0 };
    let content = left + columns as f32 * pitch - (pitch - cell_width).min(GAP) + MARGIN;

    let mut scene = Scene::new(content.max(NARROWEST).ceil(), 0.0);
    let mut y = heading(&mut scene, strip.title, strip.caption);
    let centre = |column: usize| left + column as f32 * pitch + pitch / 2.0 - (pitch - cell_width).min(GAP) / 2.0;
    if !strip.columns.is_empty() {
        y += TICK_SIZE;
        for (column, text) in strip.columns.iter().enumerate() {
            scene.text([centre(column), y], text, TICK_SIZE, Anchor::Middle, TEXT);
        }
        y += 8.0;
    }
    for row in strip.rows {
        let top = y.round();
        scene.text([MARGIN, top + cell_height / 2.0 + LABEL_SIZE * 0.36], row.label, LABEL_SIZE, Anchor::Start, TEXT);
        for column in 0..columns {
            let rect = Rect { left: (centre(column) - cell_width / 2.0).round(), top, width: cell_width, height: cell_height };
            scene.image(rect, row.images.bitmap(column));
        }
        y = top + cell_height;
        if !row.notes.is_empty() {
            y += TICK_SIZE + 3.0;
            for (column, text) in row.notes.iter().enumerate() {
                scene.text([centre(column), y], text, TICK_SIZE, Anchor::Middle, MUTED);
            }
            y += 3.0;
        }
        y += GAP;
    }
    scene.height = (y - GAP + MARGIN).ceil();
    Ok(Picture { scene, scale: PNG_SCALE, title: strip.title.to_owned(), caption: strip.caption.to_owned() })
}

fn check(strip: &Strip, first: &StripRow) -> Result<()> {
    let columns = first.images.count();
    let same = |what: String, got: usize| {
        if got == columns { Ok(()) } else { Err(Error::setting(what, format!("{columns}, as in the first row"), got)) }
    };
    if !strip.columns.is_empty() {
        same("column headings".to_owned(), strip.columns.len())?;
    }
    for row in strip.rows {
        same(format!("images in row {:?}", row.label), row.images.count())?;
        if !row.notes.is_empty() {
            same(format!("notes in row {:?}", row.label), row.notes.len())?;
        }
        if row.images.size() != first.images.size() {
            let ((h, w), (height, width)) = (first.images.size(), row.images.size());
            let what = format!("image size in row {:?}", row.label);
            return Err(Error::setting(what, format!("{h} × {w}, as in the first row"), format!("{height} × {width}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_svg_holds_title_headings_labels_and_notes() {
        let values = [0.5; 2 * 4];
        let images = Images::new(&values, [2, 1, 2, 2]).unwrap();
        let (columns, notes) = (["σ = 5".to_owned(), "σ = 1".to_owned()], ["1 dB".to_owned(), "2 < 3".to_owned()]);
        let rows = [StripRow { label: "noisy & grey", images, notes: &notes }];
        let picture = strip(&Strip { title: "A strip", caption: "Look.", columns: &columns, rows: &rows }).unwrap();
        let svg = picture.svg(&[]).unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts: Vec<&str> = document.descendants().filter(|n| n.has_tag_name("text")).filter_map(|n| n.text()).collect();
        assert_eq!(texts, ["A strip", "Look.", "σ = 5", "σ = 1", "noisy & grey", "1 dB", "2 < 3"]);
        assert_eq!(document.descendants().filter(|n| n.has_tag_name("image")).count(), 2);
    }

    #[test]
    fn rows_that_disagree_are_errors() {
        let values = [0.5; 8];
        let two = Images::new(&values, [2, 1, 2, 2]).unwrap();
        let eight = Images::new(&values, [2, 1, 1, 4]).unwrap();
        let note = ["x".to_owned()];
        let row = |images, notes| StripRow { label: "a", images, notes };
        let draw = |rows: &[StripRow], columns: &[String]| strip(&Strip { title: "", caption: "", columns, rows }).is_err();
        assert!(draw(&[], &[]));
        assert!(draw(&[row(two, &[]), row(eight, &[])], &[]));
        assert!(draw(&[row(two, &note)], &[]));
        assert!(draw(&[row(two, &[])], &note));
        assert!(!draw(&[row(two, &[])], &[]));
    }
}
