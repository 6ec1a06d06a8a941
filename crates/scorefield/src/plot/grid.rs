//! Samples as a grid of images: nothing but exact pixels, a thin white line between them, and no text.

use super::images::Images;
use super::picture::Picture;
use super::scene::{Rect, Scene};
use crate::error::{Error, Result};

/// Device pixels that the longer side of an image should come near to.
const TARGET: usize = 48;
/// The picture's longer side stays near this many pixels by zooming less, as far as whole zooms allow.
const LONGEST: usize = 3600;
/// White between images and around the grid.
const GAP: usize = 2;

/// All images in reading order, enlarged by a whole factor (an 8×8 digit becomes 48×48), 2 pixels of white around each.
///
/// `columns` is chosen for a nearly square picture if not given. One scene unit is one pixel: image i, pixel (y, x) covers the
/// zoom×zoom square at (2 + row·(h·zoom + 2) + y·zoom, 2 + column·(w·zoom + 2) + x·zoom).
///
/// # Errors
/// `Setting` if `columns` is 0. ([`Images::new`] has refused an empty batch.)
pub fn grid(images: &Images, columns: Option<usize>) -> Result<Picture> {
    let (height, width) = images.size();
    let n = images.count();
    let columns = match columns {
        Some(0) => return Err(Error::setting("columns", "at least 1", 0)),
        Some(columns) => columns.min(n),
        None => near_square(n, height, width),
    };
    let rows = n.div_ceil(columns);
    let fits = |zoom: usize| (columns * (width * zoom + GAP)).max(rows * (height * zoom + GAP)) <= LONGEST;
    let zoom = (1..=images.zoom(TARGET)).rev().find(|&zoom| fits(zoom)).unwrap_or(1);
    let (cell_width, cell_height) = (width * zoom, height * zoom);
    let span = |cells: usize, cell: usize| (cells * (cell + GAP) + GAP) as f32;
    let mut scene = Scene::new(span(columns, cell_width), span(rows, cell_height));
    for i in 0..n {
        let (row, column) = (i / columns, i % columns);
        let rect = Rect {
            left: span(column, cell_width),
            top: span(row, cell_height),
            width: cell_width as f32,
            height: cell_height as f32,
        };
        scene.image(rect, images.bitmap(i));
    }
    let title = format!("{n} image{} of {height} × {width} pixels", if n == 1 { "" } else { "s" });
    Ok(Picture { scene, scale: 1, title, caption: String::new() })
}

fn near_square(n: usize, height: usize, width: usize) -> usize {
    let square = (n as f64 * height as f64 / width as f64).sqrt();
    // A divisor of n near the square root leaves no ragged last row.
    let (low, high) = ((0.8 * square).ceil() as usize, (1.25 * square).floor() as usize);
    let whole = (low.max(1)..=high.max(1)).filter(|c| n.is_multiple_of(*c));
    let nearest = whole.min_by(|a, b| (*a as f64 - square).abs().total_cmp(&(*b as f64 - square).abs()));
    nearest.unwrap_or(square.ceil() as usize).clamp(1, n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(png: &[u8]) -> (u32, u32, Vec<u8>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        bytes.truncate(info.buffer_size());
        (info.width, info.height, bytes)
    }

    #[test]
    fn every_pixel_of_every_grey_image_comes_back_exactly() {
        let values: Vec<f32> = (0..6 * 64).map(|i| (i % 256) as f32 / 255.0).collect();
        let picture = grid(&Images::new(&values, [6, 1, 8, 8]).unwrap(), Some(3)).unwrap();
        let (width, height, bytes) = decode(&picture.png(&[]).unwrap());
        assert_eq!((width, height), (3 * 50 + 2, 2 * 50 + 2));
        assert_eq!(picture.size(), (width, height));
        let mut expected = vec![255u8; (width * height) as usize];
        for (i, value) in values.iter().enumerate() {
            let (image, y, x) = (i / 64, i % 64 / 8, i % 8);
            for dy in 0..6 {
                for dx in 0..6 {
                    let row = 2 + image / 3 * 50 + y * 6 + dy;
                    let column = 2 + image % 3 * 50 + x * 6 + dx;
                    expected[row * width as usize + column] = (value * 255.0).round() as u8;
                }
            }
        }
        assert!(bytes == expected);
    }

    #[test]
    fn colour_images_keep_their_channels_apart() {
        let mut values = vec![0.0; 3 * 4];
        values[..4].fill(1.0);
        values[8] = 0.2;
        let picture = grid(&Images::new(&values, [1, 3, 2, 2]).unwrap(), None).unwrap();
        let (width, _, bytes) = decode(&picture.png(&[]).unwrap());
        let pixel = |y: usize, x: usize| &bytes[3 * (y * width as usize + x)..][..3];
        assert_eq!(pixel(2, 2), [255, 0, 51]);
        assert_eq!(pixel(2, 2 + 24), [255, 0, 0]);
        assert_eq!(pixel(0, 0), [255, 255, 255]);
    }

    #[test]
    fn columns_are_near_the_square_root_and_leave_no_ragged_row_where_they_can() {
        assert_eq!([1, 2, 7, 64, 96, 100, 1000].map(|n| near_square(n, 8, 8)), [1, 2, 3, 8, 8, 10, 32]);
    }
}
