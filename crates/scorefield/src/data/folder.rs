//! A folder of PNG and JPEG pictures of one size, in the order of their names.
//!
//! Every picture is decoded once, so that a broken one is named before any training. Those that fit into the memory limit stay there
//! as bytes; of bigger folders each row is decoded when it is asked for.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use rayon::prelude::*;

use super::element::Element;
use super::rows::{Levels, Rows};
use super::shape::EventShape;
use super::source::{self, Source};
use super::store::Store;
use crate::error::{Error, Result};
use crate::key::Key;

/// No side of a picture may be longer.
const MAX_SIDE: u32 = 1 << 15;
/// No picture may take more memory while it is decoded.
const MAX_BYTES: u64 = 512 << 20;
/// Pictures decoded in one go, and numbers in them.
const CHUNK: usize = 256;
const AT_ONCE: usize = 1 << 28;

/// The pictures of a folder, and how they were brought to one shape.
pub(super) struct Folder {
    pub files: Vec<PathBuf>,
    pub source: Arc<dyn Source>,
    pub note: Vec<String>,
}

/// What a picture's header says.
struct Head {
    width: u32,
    height: u32,
    grey: bool,
    /// Whether transparency or finer levels are lost.
    alpha: bool,
    deep: bool,
}

/// Where pictures come from and what they become.
struct Pictures {
    files: Vec<PathBuf>,
    event: EventShape,
    size: Option<u32>,
    levels: Levels,
}

/// Opens a folder; `size` resizes every picture to a square of that side.
pub(super) fn open(path: &Path, size: Option<usize>, dequantise: bool, limit: u64) -> Result<Folder> {
    let (files, others) = list(path)?;
    if files.is_empty() {
        return Err(Error::file(path, format!("no picture in this folder (.png, .jpg or .jpeg), among {others} other entries")));
    }
    let size = size.map(side).transpose()?;
    let heads: Vec<Head> = files.par_iter().map(|file| head(file)).collect::<Result<_>>()?;
    if size.is_none()
        && let Some((i, odd)) = heads.iter().enumerate().find(|(_, h)| (h.width, h.height) != (heads[0].width, heads[0].height))
    {
        let (first, odd_name) = (name(&files[0]), name(&files[i]));
        let problem = format!(
            "pictures of different sizes: {first} is {}×{}, {odd_name} is {}×{}",
            heads[0].width, heads[0].height, odd.width, odd.height
        );
        return Err(Error::file(path, problem).with_hint("resize them all with --size N"));
    }
    let grey = heads.iter().all(|h| h.grey);
    let (width, height) = size.map_or((heads[0].width, heads[0].height), |n| (n, n));
    let event = EventShape::new(&[if grey { 1 } else { 3 }, height as usize, width as usize])?;
    let pictures = Pictures { files, event, size, levels: Levels { top: 255, dequantise } };
    let mut note = pictures.notes(&heads, others);
    note.push(pictures.levels.note());
    Ok(Folder { files: pictures.files.clone(), source: pictures.into_source(limit)?, note })
}

impl Pictures {
    /// Decodes every picture once, and keeps them if they fit.
    fn into_source(self, limit: u64) -> Result<Arc<dyn Source>> {
        let keep = self.files.len() as u64 * self.event.len() as u64 <= limit;
        let mut bytes = Vec::new();
        for files in self.files.chunks((AT_ONCE / self.event.len().max(1)).clamp(1, CHUNK)) {
            let decoded: Vec<Vec<u8>> = files.par_iter().map(|file| self.decode(file)).collect::<Result<_>>()?;
            if keep {
                decoded.iter().for_each(|picture| bytes.extend_from_slice(picture));
            }
        }
        if !keep {
            return Ok(Arc::new(self));
        }
        let mut rows = Rows::new(Store::Memory(bytes), Element::U8, self.event);
        rows.levels = Some(self.levels);
        Ok(Arc::new(rows))
    }

    /// The bytes of one picture, channel by channel.
    fn decode(&self, path: &Path) -> Result<Vec<u8>> {
        let mut decoder = decoder(path)?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| broken(path, &e))?;
        picture.apply_orientation(orientation);
        if let Some(n) = self.size
            && (picture.width(), picture.height()) != (n, n)
        {
            let short = picture.width().min(picture.height());
            let (x, y) = ((picture.width() - short) / 2, (picture.height() - short) / 2);
            picture = picture.crop_imm(x, y, short, short).resize_exact(n, n, FilterType::Triangle);
        }
        let EventShape::Image { channels, height, width } = self.event else {
            return Err(Error::file(path, "expected the shape of a picture"));
        };
        if (picture.width() as usize, picture.height() as usize) != (width, height) {
            return Err(Error::file(path, format!("is now {}×{}, was {width}×{height}", picture.width(), picture.height())));
        }
        if channels == 1 {
            return Ok(picture.into_luma8().into_raw());
        }
        let interleaved = picture.into_rgb8().into_raw();
        Ok((0..channels).flat_map(|c| interleaved[c..].iter().step_by(channels).copied()).collect())
    }

    fn notes(&self, heads: &[Head], others: usize) -> Vec<String> {
        let mut note = Vec::new();
        if let Some(n) = self.size {
            note.push(format!("Pictures were cropped to their middle square and resized to {n}×{n} with a triangle filter."));
        }
        let count = |f: fn(&Head) -> bool| heads.iter().filter(|h| f(h)).count();
        for (n, what) in
            [(count(|h| h.alpha), "lost its transparency"), (count(|h| h.deep), "was reduced from 16 to 8 bits a channel")]
        {
            match n {
                0 => {}
                1 => note.push(format!("One picture {what}.")),
                n => note.push(format!("Of {n} pictures each {what}.")),
            }
        }
        if others > 0 {
            note.push(format!("{others} other entries of the folder were left out (subfolders are not entered)."));
        }
        note
    }
}

impl Source for Pictures {
    fn len(&self) -> Option<u64> {
        Some(self.files.len() as u64)
    }

    fn event(&self) -> &EventShape {
        &self.event
    }

    fn fill(&self, indices: &[u64], key: Key, out: &mut [f32]) -> Result<()> {
        source::check(self, indices, out)?;
        indices.par_iter().zip(out.par_chunks_exact_mut(self.event.len())).try_for_each(|(&index, out)| {
            Element::U8.decode(&self.decode(&self.files[index as usize])?, out);
            self.levels.scale(out, index, key);
            Ok(())
        })
    }
}

/// The pictures of a folder by name, and the number of other visible entries.
fn list(path: &Path) -> Result<(Vec<PathBuf>, usize)> {
    let read = |e: std::io::Error| Error::read(path, &e);
    let (mut files, mut others) = (Vec::new(), 0);
    for entry in std::fs::read_dir(path).map_err(read)? {
        let file = entry.map_err(read)?.path();
        let extension = file.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        if name(&file).starts_with('.') {
            continue;
        }
        if matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg")) && file.is_file() {
            files.push(file);
        } else {
            others += 1;
        }
    }
    files.sort();
    Ok((files, others))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn side(size: usize) -> Result<u32> {
    let side = u32::try_from(size).ok().filter(|n| (1..=MAX_SIDE).contains(n));
    side.ok_or_else(|| Error::setting("--size", format!("from 1 to {MAX_SIDE} pixels"), size))
}

fn head(path: &Path) -> Result<Head> {
    let mut decoder = decoder(path)?;
    let (width, height) = decoder.dimensions();
    let color = decoder.color_type();
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    let turned = matches!(decoder.orientation(), Ok(Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH));
    let (width, height) = if turned { (height, width) } else { (width, height) };
    let deep = color.bytes_per_pixel() > color.channel_count();
    Ok(Head { width, height, grey: !color.has_color(), alpha: color.has_alpha(), deep })
}

/// A decoder that has read a picture's header and will not take more than its share of memory.
fn decoder(path: &Path) -> Result<impl ImageDecoder> {
    let file = File::open(path).map_err(|e| Error::read(path, &e))?;
    let bytes = file.metadata().map_err(|e| Error::read(path, &e))?.len();
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(|e| Error::read(path, &e))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let jpeg = reader.format() == Some(ImageFormat::Jpeg);
    let decoder = reader.into_decoder().map_err(|e| broken(path, &e))?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE || height > MAX_SIDE || decoder.total_bytes() > MAX_BYTES {
        let problem = format!("a picture of {width}×{height} pixels, expected at most {MAX_SIDE} a side and 512 MiB");
        return Err(Error::file(path, problem));
    }
    // Each block of 8×8 pixels begins with a Huffman code, of one bit at least. The decoder fills what is missing, however much that is.
    if jpeg && u64::from(width.div_ceil(8)) * u64::from(height.div_ceil(8)) > 8 * bytes {
        return Err(Error::file(
            path,
            format!("a JPEG picture of {width}×{height} pixels cannot be in {bytes} bytes: it is cut short"),
        ));
    }
    Ok(decoder)
}

fn broken(path: &Path, error: &image::ImageError) -> Error {
    // Some decoders' reasons run over several lines.
    let reason = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    Error::file(path, format!("not a readable PNG or JPEG picture: {reason}"))
}

#[cfg(test)]
mod tests {
    use image::{Luma, Rgb, RgbImage};

    use super::super::source::all;
    use super::*;
    use crate::key::Purpose;

    const KEY: Key = Key::new(0, Purpose::Data);

    fn grey(path: &Path, width: u32, height: u32, level: u8) {
        image::GrayImage::from_pixel(width, height, Luma([level])).save(path).unwrap();
    }

    #[test]
    fn pictures_read_the_same_from_memory_and_one_by_one() {
        let dir = tempfile::tempdir().unwrap();
        grey(&dir.path().join("b.png"), 3, 2, 51);
        RgbImage::from_fn(3, 2, |x, y| Rgb([x as u8, y as u8, 255])).save(dir.path().join("a.png")).unwrap();
        std::fs::write(dir.path().join("notes.txt"), "x").unwrap();
        for limit in [0, 1000] {
            let folder = open(dir.path(), None, false, limit).unwrap();
            assert_eq!(folder.source.event(), &EventShape::Image { channels: 3, height: 2, width: 3 });
            assert_eq!(folder.files.iter().map(|f| name(f)).collect::<Vec<_>>(), ["a.png", "b.png"]);
            let rows = all(&*folder.source, 10, KEY).unwrap();
            let levels: Vec<u8> = rows.iter().map(|x| (x * 255.0).round() as u8).collect();
            assert_eq!(levels[..18], [0, 1, 2, 0, 1, 2, 0, 0, 0, 1, 1, 1, 255, 255, 255, 255, 255, 255]);
            assert_eq!(levels[18..], [51; 18]);
            assert!(folder.note[0].contains("1 other entries"));
        }
    }

    #[test]
    fn grey_pictures_have_one_channel_and_size_crops_and_resizes() {
        let dir = tempfile::tempdir().unwrap();
        grey(&dir.path().join("a.png"), 9, 4, 100);
        grey(&dir.path().join("b.jpeg"), 4, 6, 100);
        let message = open(dir.path(), None, false, 1000).err().unwrap().to_string();
        assert!(message.contains("different sizes: a.png is 9×4, b.jpeg is 4×6"), "{message}");
        let folder = open(dir.path(), Some(2), false, 1000).unwrap();
        assert_eq!(folder.source.event(), &EventShape::Image { channels: 1, height: 2, width: 2 });
        assert!(all(&*folder.source, 2, KEY).unwrap().iter().all(|x| (x * 255.0 - 100.0).abs() < 3.0));
        assert!(open(dir.path(), Some(0), false, 1000).is_err());
    }

    #[test]
    fn an_empty_folder_and_a_corrupt_picture_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let message = |dir: &Path| open(dir, None, false, 1000).err().unwrap().to_string();
        assert!(message(dir.path()).contains("no picture in this folder"));
        let path = dir.path().join("a.png");
        grey(&path, 30, 40, 7);
        let whole = std::fs::read(&path).unwrap();
        for bytes in [&whole[..whole.len() / 2], &whole[..10], b"", b"GIF89a-not-really"] {
            std::fs::write(&path, bytes).unwrap();
            let message = message(dir.path());
            assert!(message.contains("a.png: not a readable PNG or JPEG picture") && !message.contains('\n'), "{message}");
        }
        // A header that promises 2³¹ − 1 pixels a side.
        let mut huge = whole;
        huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        std::fs::write(&path, huge).unwrap();
        assert!(message(dir.path()).contains("a.png"));
        // Pixels that no file of this length can hold; and all those that one can.
        std::fs::remove_file(&path).unwrap();
        let path = dir.path().join("b.jpg");
        grey(&path, 512, 512, 7);
        assert_eq!(open(dir.path(), None, false, 1000).unwrap().files.len(), 1);
        let mut huge = std::fs::read(&path).unwrap();
        let size = huge.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap() + 5;
        huge[size..size + 4].copy_from_slice(&[0x40, 0, 0x40, 0]);
        std::fs::write(&path, huge).unwrap();
        assert!(message(dir.path()).contains("cannot be in"), "{}", message(dir.path()));
    }
}
