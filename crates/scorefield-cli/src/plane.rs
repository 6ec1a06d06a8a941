//! Pictures of the plane: which part of it to show, and the exact log-density on it.

use scorefield::density::Exact;
use scorefield::key::{Key, Purpose};
use scorefield::plot::Field2;
use scorefield::tensor::{Device, matrix, numbers, repeated};

/// x and y of a part of the plane.
pub type Range = [(f64, f64); 2];

/// Draws that show where an exact density lies.
const DRAWS: usize = 2000;
/// The outermost points, which may be few and far, do not decide the picture's range.
const TAIL: f64 = 0.005;
/// Nodes of the density grid in each direction.
const NODES: usize = 201;

/// The part of the plane that holds nearly all points, and the density if there is one (smoothed by σ).
pub fn range(points: &[f32], exact: Option<(&dyn Exact, f64)>) -> Range {
    let draws = exact.and_then(|(density, sigma)| density.draws(Key::new(0, Purpose::Data), 0, DRAWS, sigma)).unwrap_or_default();
    [0, 1].map(|axis| {
        let of_points = span(points, axis, TAIL);
        let (low, high) = match (of_points, span(&draws, axis, 0.0)) {
            (Some(a), Some(b)) => (a.0.min(b.0), a.1.max(b.1)),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => (-1.0, 1.0),
        };
        let margin = if high > low { 0.06 * (high - low) } else { 0.5 * low.abs().max(1.0) };
        (low - margin, high + margin)
    })
}

fn span(points: &[f32], axis: usize, tail: f64) -> Option<(f64, f64)> {
    let mut values: Vec<f64> = points.iter().skip(axis).step_by(2).map(|v| f64::from(*v)).filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let cut = (values.len() as f64 * tail) as usize;
    Some((*values.get(cut)?, *values.get(values.len() - 1 - cut)?))
}

/// log p_σ on a grid.
pub fn log_density(density: &dyn Exact, sigma: f64, [x, y]: Range) -> Field2 {
    let nodes = Field2::nodes(x, y, NODES, NODES);
    let (n, device) = (nodes.len() / 2, Device::flex());
    let values = numbers(density.log_prob(matrix(nodes, n, 2, &device), &repeated(sigma as f32, n, &device)));
    Field2 { x, y, nx: NODES, ny: NODES, values }
}

/// Any number that a function gives at the nodes of a grid, if it gives one.
pub fn field([x, y]: Range, at: impl FnOnce(&[f32]) -> Option<Vec<f32>>) -> Option<Field2> {
    let values = at(&Field2::nodes(x, y, NODES, NODES))?;
    Some(Field2 { x, y, nx: NODES, ny: NODES, values })
}

/// What the axes are called: by the columns, else x₁ and x₂.
pub fn labels(columns: Option<&[String]>) -> [String; 2] {
    match columns {
        Some([x, y]) => [x.clone(), y.clone()],
        _ => ["x₁".to_owned(), "x₂".to_owned()],
    }
}
