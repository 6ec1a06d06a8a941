//! Pictures from plain numbers: one description of a picture, written as PNG or as SVG.
//!
//! A builder ([`grid()`], [`strip()`], [`scatter()`], [`histogram()`], [`field()`], [`curve()`], [`comparison()`],
//! [`traces()`], [`rank_plot()`], [`multiples()`], [`heat()`]) takes slices and small structs, never
//! models, and gives a [`Picture`]; [`Picture::save`] writes it, the format chosen by the path's extension. A picture is a list of
//! marks (lines, circles, text, images; `scene.rs`). `raster.rs` turns the list into pixels with tiny-skia, `svg.rs` into text, so
//! that both always show the same thing. The fonts are bundled; nothing is asked of the system. The same input gives the same bytes.

mod axes;
mod comparison;
mod contour;
mod curve;
mod field;
mod field2;
mod film;
mod font;
mod frame;
mod grid;
mod heading;
mod heat;
mod histogram;
mod images;
mod moment;
mod multiples;
mod picture;
mod ranks;
mod raster;
mod save;
mod scatter;
mod scene;
mod stack;
mod strip;
mod style;
mod svg;
mod traces;

pub use comparison::{Comparison, Measured, Measurement, comparison};
pub use curve::{Curve, Series, curve};
pub use field::{ScoreField, field};
pub use field2::{Backdrop, Field2};
pub use film::{Film, film};
pub use grid::grid;
pub use heat::{Heat, heat};
pub use histogram::{Histogram, histogram};
pub use images::Images;
pub use moment::Moment;
pub use multiples::{Multiples, multiples};
pub use picture::Picture;
pub use ranks::{Ranks, rank_plot};
pub use save::metadata;
pub use scatter::{Cloud, Scatter, scatter};
pub use stack::stack;
pub use strip::{Strip, StripRow, strip};
pub use traces::{Traces, traces};

pub(crate) use svg::escape;
