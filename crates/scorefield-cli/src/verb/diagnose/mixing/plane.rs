//! The plane that particles of any dimension are shown in.

use scorefield::diagnostic::manifold::pca;
use scorefield::error::Result;

/// The plane that particles are shown in: their own, or that of the data's first two principal components.
pub(super) struct Plane {
    /// Axes, `[2, d]`, and the point that becomes (0, 0).
    axes: Option<(Vec<f64>, Vec<f64>, Vec<f64>)>,
    d: usize,
    /// Some of the data in it, `[n, 2]`.
    pub(super) reference: Vec<f32>,
    /// What a reader must know of it.
    pub(super) caption: &'static str,
}

impl Plane {
    pub(super) fn new(points: &[f32], d: usize) -> Result<Self> {
        let (axes, caption) = match d {
            2 => (None, ""),
            1 => (None, "The line is drawn along x; up and down means nothing."),
            _ => {
                let found = pca(points, d)?;
                (Some((found.axis(0), found.axis(1), found.mean)), "Shown along the data's first two principal components.")
            }
        };
        let mut plane = Self { axes, d, reference: Vec::new(), caption };
        plane.reference = plane.place(&points[..points.len().min(1000 * d)]);
        Ok(plane)
    }

    pub(super) fn place(&self, points: &[f32]) -> Vec<f32> {
        let along = |x: &[f32], axis: &[f64], mean: &[f64]| {
            x.iter().zip(axis).zip(mean).map(|((x, a), m)| (f64::from(*x) - m) * a).sum::<f64>() as f32
        };
        match &self.axes {
            Some((first, second, mean)) => {
                points.chunks_exact(self.d).flat_map(|x| [along(x, first, mean), along(x, second, mean)]).collect()
            }
            None if self.d == 1 => points.iter().enumerate().flat_map(|(i, x)| [*x, (i % 17) as f32 / 17.0]).collect(),
            None => points.to_vec(),
        }
    }
}
