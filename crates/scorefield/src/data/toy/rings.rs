//! Four concentric circles.
//!
//! With k uniform on {1, 2, 3, 4} and θ uniform: 0.75 k (cos θ, sin θ) + 0.08 z. Each ring has weight 1/4, so the inner are denser.

use std::f32::consts::TAU;

use super::{Law, pick};
use crate::registry::Entry;

pub(super) const ENTRY: Entry<Law> = Entry {
    name: "rings",
    aliases: &["circles"],
    summary: "four concentric circles of equal weight",
    formula: "0.75 k (cos θ, sin θ), k ~ U{1..4}, θ ~ U[0, 2π), + 0.08 z",
    source: "Grathwohl et al. 2019 (FFJORD), toy data",
    value: point,
};

fn point(u: [f32; 4], z: [f32; 4]) -> [f32; 2] {
    let (ring, _) = pick(u[0], 4);
    let radius = 0.75 * (ring + 1) as f32;
    let (sin, cos) = (TAU * u[1]).sin_cos();
    [radius * cos + 0.08 * z[0], radius * sin + 0.08 * z[1]]
}
