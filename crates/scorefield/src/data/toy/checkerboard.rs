//! The dark squares of a four by four board.
//!
//! Uniform on the squares of side 2 of [−4, 4)² whose column and row numbers have an even sum: density 1/32 there, 0 elsewhere.

use super::{Law, pick};
use crate::registry::Entry;

pub(super) const ENTRY: Entry<Law> = Entry {
    name: "checkerboard",
    aliases: &["checker-board", "checkers"],
    summary: "uniform on the dark squares of a 4 × 4 board",
    formula: "p = 1/32 on squares of side 2 of [−4, 4)² with even column + row",
    source: "Grathwohl et al. 2019 (FFJORD), toy data",
    value: point,
};

fn point(u: [f32; 4], _z: [f32; 4]) -> [f32; 2] {
    let (column, across) = pick(u[0], 4);
    let (pair, along) = pick(u[1], 2);
    let row = 2 * pair + column % 2;
    [2.0 * (column as f32 + across) - 4.0, 2.0 * (row as f32 + along) - 4.0]
}
