//! Where samples go: a file of numbers or a picture, checked before the work begins and written complete or not at all.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use scorefield::data::write::{ArrayWriter, AtomicFile, Format, write_recorded};
use scorefield::data::{EventShape, check_room};
use scorefield::density::Exact;
use scorefield::error::{Error, Result};
use scorefield::plot::{Backdrop, Cloud, Images, Picture, Scatter, grid, scatter};

use crate::plane;

/// The largest picture, in images' pixels; larger ones no viewer opens.
const MOST_PIXELS: usize = 50_000_000;
/// White around each image of a grid.
const GAP: usize = 2;

/// A file that can be written.
#[derive(Debug)]
pub struct Sink {
    path: PathBuf,
    picture: bool,
}

impl Sink {
    /// Checks that `n` points of shape `event` can be written to `path` as what its extension says.
    ///
    /// # Errors
    /// An unknown extension, points of which there is no picture, a place that cannot be written.
    pub fn new(path: &Path, event: &EventShape, n: usize) -> Result<Self> {
        let picture = is_picture(path);
        if picture {
            check_shape(path, event, n)?;
        } else {
            Format::of(path)
                .map_err(|_| Error::setting("-o", "a name that ends in .npy, .csv, .parquet, .png or .svg", path.display()))?;
            check_room(path)?;
        }
        check_place(path)?;
        Ok(Self { path: path.to_path_buf(), picture })
    }

    /// As [`Sink::new`], for numbers only.
    ///
    /// # Errors
    /// An unknown extension, a place that cannot be written.
    pub fn numbers(path: &Path) -> Result<Self> {
        Format::of(path).map_err(|_| Error::setting("-o", "a name that ends in .npy, .csv or .parquet", path.display()))?;
        check_room(path)?;
        check_place(path)?;
        Ok(Self { path: path.to_path_buf(), picture: false })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is a picture's.
    pub fn is_picture(&self) -> bool {
        self.picture
    }

    /// Begins a file of numbers that is written as they come: `n` points of shape `event`.
    ///
    /// # Errors
    /// A place that cannot be written.
    pub fn begin(&self, event: &EventShape, columns: Option<&[String]>, n: usize) -> Result<ArrayWriter> {
        match columns {
            Some(columns) => ArrayWriter::create_table(&self.path, columns, n),
            None => ArrayWriter::create(&self.path, event, n),
        }
    }

    /// Writes what there is to write.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn write(&self, show: &Show<'_>) -> Result<()> {
        let (d, last) = (show.event.len(), show.clouds.len() - 1);
        let points = show.clouds[last].points;
        let n = points.len() / d;
        if self.picture {
            return show.picture(n)?.save(&self.path, show.metadata);
        }
        write_recorded(&self.path, points, &[&[n], &show.event.dims()[..]].concat(), show.columns, show.metadata)
    }
}

/// Points on their way to a file.
pub struct Show<'a> {
    /// Shape of one point.
    pub event: &'a EventShape,
    /// `[n, d]` each; the last are the result, those before it are shown beside it in a scatter plot.
    pub clouds: &'a [Cloud<'a>],
    /// Names of the columns.
    pub columns: Option<&'a [String]>,
    /// The density that the points should follow, smoothed by σ.
    pub exact: Option<(&'a dyn Exact, f64)>,
    /// What black and white are, for images.
    pub values: (f32, f32),
    /// The picture's title.
    pub title: &'a str,
    /// Images in a row of their grid; nearly square if not given.
    pub across: Option<usize>,
    /// What the file says of its making.
    pub metadata: &'a [(&'a str, &'a str)],
}

impl Show<'_> {
    fn picture(&self, n: usize) -> Result<Picture> {
        if let EventShape::Image { channels, height, width } = *self.event {
            let points = self.clouds[self.clouds.len() - 1].points;
            let grey = to_unit(points, self.values);
            return grid(&Images::new(&grey, [n, channels, height, width])?, self.across);
        }
        let [x_label, y_label] = plane::labels(self.columns);
        let around: Vec<f32> = self.clouds.iter().flat_map(|cloud| cloud.points.iter().copied()).collect();
        let field = self.exact.map(|exact| plane::log_density(exact.0, exact.1, plane::range(&around, Some(exact))));
        let backdrop = field.as_ref().map(Backdrop::Contours);
        scatter(&Scatter { title: self.title, caption: "", clouds: self.clouds, backdrop, x_label: &x_label, y_label: &y_label })
    }
}

/// Images whose black and white are `values`, as ones of [0, 1].
fn to_unit(points: &[f32], (black, white): (f32, f32)) -> Cow<'_, [f32]> {
    match (black, white) {
        (0.0, 1.0) => Cow::Borrowed(points),
        _ => Cow::Owned(points.iter().map(|v| (v - black) / (white - black)).collect()),
    }
}

/// Whether a path is a picture's.
pub fn is_picture(path: &Path) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| ["png", "svg"].contains(&e.to_ascii_lowercase().as_str()))
}

/// Refuses a place that cannot be written, before the work and without leaving anything there.
///
/// # Errors
/// No such folder, no permission, a path that is a folder.
pub fn check_place(path: &Path) -> Result<()> {
    AtomicFile::create(path).map(drop)
}

/// Refuses a picture of points of which there is none, or too large a one; other files hold anything.
///
/// # Errors
/// See above.
pub fn check_shape(path: &Path, event: &EventShape, n: usize) -> Result<()> {
    match *event {
        _ if !is_picture(path) => Ok(()),
        EventShape::Image { channels, height, width } => {
            if channels != 1 && channels != 3 {
                let expected = format!(".npy for images of {channels} channels; pictures have 1 or 3");
                return Err(Error::setting("-o", expected, path.display()));
            }
            let most = MOST_PIXELS / ((height + GAP) * (width + GAP)).max(1);
            if n > most {
                return Err(Error::setting("-n", format!("at most {most} images in a picture"), n)
                    .with_hint("write more of them to a .npy file"));
            }
            Ok(())
        }
        EventShape::Vector(2) => Ok(()),
        EventShape::Vector(d) => {
            let expected = format!("a name that ends in .npy, .csv or .parquet; there is no picture of {d} numbers");
            Err(Error::setting("-o", expected, path.display()))
        }
    }
}
