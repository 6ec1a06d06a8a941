//! Two interleaved half circles.
//!
//! With probability 1/2 each, and θ uniform in [0, π): (cos θ, sin θ) or (1 − cos θ, 1/2 − sin θ); plus 0.1 z. The mean is (1/2, 1/4).

use std::f32::consts::PI;

use super::{Law, pick};
use crate::registry::Entry;

pub(super) const ENTRY: Entry<Law> = Entry {
    name: "two-moons",
    aliases: &["moons", "two_moons"],
    summary: "two interleaved half circles",
    formula: "(cos θ, sin θ) or (1 − cos θ, 1/2 − sin θ), θ ~ U[0, π), + 0.1 z",
    source: "scikit-learn, make_moons, with θ drawn instead of spaced",
    value: point,
};

fn point(u: [f32; 4], z: [f32; 4]) -> [f32; 2] {
    let (moon, _) = pick(u[0], 2);
    let (sin, cos) = (PI * u[1]).sin_cos();
    let (x, y) = if moon == 0 { (cos, sin) } else { (1.0 - cos, 0.5 - sin) };
    [x + 0.1 * z[0], y + 0.1 * z[1]]
}
