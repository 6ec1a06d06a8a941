//! Five bent arms.
//!
//! With r = 1 + 0.3 z₀, h = 0.1 z₁ and k uniform on {0, …, 4}: 2 R(2πk/5 + eʳ/4) (r, h), where R(θ) turns by θ counterclockwise.

use std::f32::consts::TAU;

use super::{Law, pick};
use crate::registry::Entry;

pub(super) const ENTRY: Entry<Law> = Entry {
    name: "pinwheel",
    aliases: &["pin-wheel"],
    summary: "five bent arms",
    formula: "2 R(2πk/5 + eʳ/4)(r, h), r = 1 + 0.3 z₀, h = 0.1 z₁, k ~ U{0..4}",
    source: "Johnson et al. 2016 (structured VAE), pinwheel data, with the scale of Grathwohl et al. 2019",
    value: point,
};

fn point(u: [f32; 4], z: [f32; 4]) -> [f32; 2] {
    let (arm, _) = pick(u[0], 5);
    let (r, h) = (1.0 + 0.3 * z[0], 0.1 * z[1]);
    let (sin, cos) = (TAU / 5.0 * arm as f32 + 0.25 * r.exp()).sin_cos();
    [2.0 * (r * cos - h * sin), 2.0 * (r * sin + h * cos)]
}
