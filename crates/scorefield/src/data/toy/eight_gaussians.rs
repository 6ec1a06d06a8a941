//! Eight separate bumps on a circle.
//!
//! A mixture of eight Gaussians of equal weight: means 2 (cos kπ/4, sin kπ/4), covariance 0.04 I. Its score is known in closed form.

use std::f32::consts::FRAC_PI_4;

use super::{Law, pick};
use crate::registry::Entry;

pub(super) const ENTRY: Entry<Law> = Entry {
    name: "eight-gaussians",
    aliases: &["8gaussians", "8-gaussians", "eight_gaussians"],
    summary: "eight Gaussian bumps on a circle",
    formula: "⅛ Σₖ N(2 (cos kπ/4, sin kπ/4), 0.04 I)",
    source: "Grathwohl et al. 2019 (FFJORD), toy data, rescaled",
    value: point,
};

fn point(u: [f32; 4], z: [f32; 4]) -> [f32; 2] {
    let (mode, _) = pick(u[0], 8);
    let (sin, cos) = (FRAC_PI_4 * mode as f32).sin_cos();
    [2.0 * cos + 0.2 * z[0], 2.0 * sin + 0.2 * z[1]]
}
