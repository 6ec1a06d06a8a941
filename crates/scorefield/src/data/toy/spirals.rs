//! Two spiral arms, one the other turned by half a turn.
//!
//! With t = 3π √u and a sign ± of probability 1/2 each: ±(−t cos t, t sin t) / 3 + 0.1 z.

use std::f32::consts::PI;

use super::{Law, pick};
use crate::registry::Entry;

pub(super) const ENTRY: Entry<Law> = Entry {
    name: "spirals",
    aliases: &["two-spirals", "2spirals"],
    summary: "two interleaved spiral arms",
    formula: "±(−t cos t, t sin t)/3, t = 3π √u, + 0.1 z",
    source: "Grathwohl et al. 2019 (FFJORD), toy data",
    value: point,
};

fn point(u: [f32; 4], z: [f32; 4]) -> [f32; 2] {
    let (arm, _) = pick(u[0], 2);
    let t = 3.0 * PI * u[1].sqrt();
    let (sin, cos) = t.sin_cos();
    let scale = if arm == 0 { t / 3.0 } else { -t / 3.0 };
    [-scale * cos + 0.1 * z[0], scale * sin + 0.1 * z[1]]
}
