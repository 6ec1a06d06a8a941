//! Contour lines of a function known on a grid: marching squares (Lorensen & Cline 1987, in two dimensions).
//!
//! Each cell is cut where its sides cross the level, by linear interpolation; a saddle cell is resolved by the mean of its corners.
//! The cuts are then joined into lines from side to side.

use std::collections::BTreeMap;

/// A grid side: horizontal ones run from node (i, j) to (i + 1, j), vertical ones to (i, j + 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Horizontal(usize, usize),
    Vertical(usize, usize),
}

/// Lines on which the function equals `level`, in grid coordinates [i, j]; a closed line ends where it starts.
///
/// `nodes` is `[ny, nx]` row-major. Cells with a corner that is not finite are left out.
pub(super) fn contour_lines(nodes: &[f64], nx: usize, ny: usize, level: f64) -> Vec<Vec<[f64; 2]>> {
    let at = |i: usize, j: usize| nodes[j * nx + i];
    let mut next: BTreeMap<Side, Vec<Side>> = BTreeMap::new();
    for j in 0..ny.saturating_sub(1) {
        for i in 0..nx.saturating_sub(1) {
            let corners = [at(i, j), at(i + 1, j), at(i + 1, j + 1), at(i, j + 1)];
            if corners.iter().all(|v| v.is_finite()) {
                for (from, to) in cuts(i, j, corners, level) {
                    next.entry(from).or_default().push(to);
                    next.entry(to).or_default().push(from);
                }
            }
        }
    }
    let place = |side: Side| {
        let (i, j, i2, j2) = match side {
            Side::Horizontal(i, j) => (i, j, i + 1, j),
            Side::Vertical(i, j) => (i, j, i, j + 1),
        };
        let (a, b) = (at(i, j), at(i2, j2));
        let t = ((level - a) / (b - a)).clamp(0.0, 1.0);
        [i as f64 + t * (i2 - i) as f64, j as f64 + t * (j2 - j) as f64]
    };
    // Lines that end at the border start there; what is left over are closed rings.
    let ends: Vec<Side> = next.iter().filter(|(_, to)| to.len() == 1).map(|(side, _)| *side).collect();
    let all: Vec<Side> = next.keys().copied().collect();
    let mut lines = Vec::new();
    for start in ends.into_iter().chain(all) {
        let mut line = vec![place(start)];
        let mut here = start;
        while let Some(to) = next.get_mut(&here).and_then(Vec::pop) {
            if let Some(back) = next.get_mut(&to)
                && let Some(index) = back.iter().position(|side| *side == here)
            {
                back.swap_remove(index);
            }
            line.push(place(to));
            here = to;
        }
        if line.len() > 1 {
            lines.push(line);
        }
    }
    lines
}

/// The cuts through one cell, as pairs of its sides.
fn cuts(i: usize, j: usize, corners: [f64; 4], level: f64) -> Vec<(Side, Side)> {
    let (bottom, right) = (Side::Horizontal(i, j), Side::Vertical(i + 1, j));
    let (top, left) = (Side::Horizontal(i, j + 1), Side::Vertical(i, j));
    let above = corners.map(|v| v >= level);
    let [a, b, c, d] = above;
    match (a, b, c, d) {
        (true, false, true, false) | (false, true, false, true) => {
            let middle = corners.iter().sum::<f64>() / 4.0 >= level;
            if middle == a { vec![(bottom, right), (top, left)] } else { vec![(left, bottom), (right, top)] }
        }
        _ => {
            let crossed: Vec<Side> = [(a != b, bottom), (b != c, right), (c != d, top), (d != a, left)]
                .into_iter()
                .filter(|s| s.0)
                .map(|s| s.1)
                .collect();
            if let [from, to] = crossed[..] { vec![(from, to)] } else { Vec::new() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(n: usize, f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        (0..n * n).map(|k| f((k % n) as f64, (k / n) as f64)).collect()
    }

    #[test]
    fn the_contour_of_a_plane_is_a_straight_line_at_the_level() {
        let nodes = sampled(20, |x, y| x + 2.0 * y);
        let lines = contour_lines(&nodes, 20, 20, 17.3);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].iter().all(|[x, y]| (x + 2.0 * y - 17.3).abs() < 1e-12));
    }

    #[test]
    fn the_contour_of_a_cone_is_one_closed_circle() {
        let radius = |x: f64, y: f64| (x - 20.3).hypot(y - 19.6);
        let lines = contour_lines(&sampled(41, radius), 41, 41, 12.0);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].first(), lines[0].last());
        // Linear interpolation of a cone errs by at most the side's second derivative: 1/(8 r).
        assert!(lines[0].iter().all(|[x, y]| (radius(*x, *y) - 12.0).abs() <= 1.0 / (8.0 * 11.0)));
        let length: f64 = lines[0].windows(2).map(|p| (p[0][0] - p[1][0]).hypot(p[0][1] - p[1][1])).sum();
        assert!((length / (2.0 * std::f64::consts::PI * 12.0) - 1.0).abs() < 0.005, "{length}");
    }

    #[test]
    fn a_saddle_is_cut_into_two_lines_that_do_not_cross() {
        let lines = contour_lines(&sampled(12, |x, y| (x - 5.4) * (y - 5.6)), 12, 12, 0.05);
        assert_eq!(lines.len(), 2);
        for line in lines {
            assert!(line.iter().all(|[x, _]| *x > 5.4) || line.iter().all(|[x, _]| *x < 5.4));
        }
    }

    #[test]
    fn cells_without_a_number_are_left_out() {
        let mut nodes = sampled(6, |x, _| x);
        nodes[2 * 6 + 2] = f64::NAN;
        let lines = contour_lines(&nodes, 6, 6, 2.5);
        assert_eq!(lines.len(), 2);
        assert!(contour_lines(&nodes, 6, 6, 99.0).is_empty());
    }
}
