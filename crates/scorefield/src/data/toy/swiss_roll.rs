//! A strip rolled up, seen from its end.
//!
//! With t uniform in [3π/2, 9π/2): (t cos t, t sin t) / 5 + 0.1 z.

use std::f32::consts::PI;

use super::Law;
use crate::registry::Entry;

pub(super) const ENTRY: Entry<Law> = Entry {
    name: "swiss-roll",
    aliases: &["swissroll", "swiss_roll"],
    summary: "a rolled-up strip seen from its end",
    formula: "(t cos t, t sin t)/5, t ~ U[3π/2, 9π/2), + 0.1 z",
    source: "Marsland 2009 (scikit-learn, make_swiss_roll), first and third coordinate",
    value: point,
};

fn point(u: [f32; 4], z: [f32; 4]) -> [f32; 2] {
    let t = 1.5 * PI * (1.0 + 2.0 * u[0]);
    let (sin, cos) = t.sin_cos();
    [0.2 * t * cos + 0.1 * z[0], 0.2 * t * sin + 0.1 * z[1]]
}
