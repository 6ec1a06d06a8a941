//! Points at one time, as pictures of a course take them.

/// One moment.
#[derive(Clone, Debug)]
pub struct Moment {
    /// A short label ("step 250").
    pub label: String,
    /// `[n, 2]`, row-major, data units.
    pub points: Vec<f32>,
}
