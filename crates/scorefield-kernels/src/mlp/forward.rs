//! The forward pass: block after block of points, each through all layers.

use super::chain;
use super::layers::{Kind, Layer, pack_layers, packed_len};
use super::layout::Layout;
use super::smooth::{Jet, activate};
use super::{Activation, Inputs, Plan, parameter_count, scratch};
use crate::dispatch::{Simd, active};
use rayon::prelude::*;

/// Evaluates the perceptron. `out` `[(1 + kM)·n, d_L]`, k = 0, 1, 2 by the order: first the n values, then the first derivatives, of
/// point i along direction m in row n + m·n + i, then so the second ones. `tape`, if given, receives what [`backward`](super::backward)
/// needs.
///
/// # Panics
/// If the lengths do not fit the plan.
pub fn forward(plan: &Plan<'_>, inputs: &Inputs<'_>, out: &mut [f32], tape: Option<&mut Vec<f32>>) {
    forward_on(active(), plan, inputs, out, tape);
}

pub(super) fn forward_on(simd: Simd, plan: &Plan<'_>, inputs: &Inputs<'_>, out: &mut [f32], tape: Option<&mut Vec<f32>>) {
    let layout = Layout::new(plan);
    check(&layout, plan, inputs, out.len());
    let tape = tape.map(|tape| {
        tape.resize(layout.tape(layout.points), 0.0);
        &mut tape[..]
    });
    if layout.points == 0 {
        return;
    }
    scratch::with([packed_len(&layout)], |[space]| {
        let layers = pack_layers(simd, &layout, inputs.params, space);
        let run = Run { simd, layout, activation: plan.activation, layers: &layers, inputs };
        let blocks = run.cut(out, tape);
        if layout.multiply_adds() > super::SHARED {
            blocks.into_par_iter().for_each(|block| run.block(block));
        } else {
            blocks.into_iter().for_each(|block| run.block(block));
        }
    });
}

/// Panics unless the slices have the plan's lengths.
pub(super) fn check(layout: &Layout<'_>, plan: &Plan<'_>, inputs: &Inputs<'_>, out: usize) {
    let (n, last) = (layout.points, layout.layers());
    let Inputs { params, x, v, level } = inputs;
    assert_eq!(params.len(), parameter_count(plan.widths), "mlp: parameters of {:?}", plan.widths);
    assert_eq!(x.len(), n * layout.width(0), "mlp: x, {n} rows of {}", layout.width(0));
    assert_eq!(
        v.len(),
        n * layout.directions * layout.width(0),
        "mlp: v, {} times {n} rows of {}",
        layout.directions,
        layout.width(0)
    );
    assert!(
        level.is_empty() || level.len() == n * layout.width(1),
        "mlp: level {}, {n} rows of {}",
        level.len(),
        layout.width(1)
    );
    assert_eq!(
        out,
        n * layout.jets() * layout.width(last),
        "mlp: outputs, {n} times {} rows of {}",
        layout.jets(),
        layout.width(last)
    );
}

/// Copies rows of `width` from `from` to rows `stride` apart.
pub(super) fn spread(from: &[f32], width: usize, to: &mut [f32], stride: usize) {
    for (from, to) in from.chunks_exact(width).zip(to.chunks_mut(stride)) {
        to[..width].copy_from_slice(from);
    }
}

/// Copies rows `stride` apart to rows of `width`.
pub(super) fn gather(from: &[f32], stride: usize, to: &mut [f32], width: usize) {
    for (from, to) in from.chunks(stride).zip(to.chunks_exact_mut(width)) {
        to.copy_from_slice(&from[..width]);
    }
}

/// What a block of points writes.
struct Block<'a> {
    first: usize,
    points: usize,
    /// Its rows of the values, then of the first derivatives along each direction, then of the second ones.
    out: Vec<&'a mut [f32]>,
    tape: Option<&'a mut [f32]>,
}

struct Run<'a> {
    simd: Simd,
    layout: Layout<'a>,
    activation: Activation,
    layers: &'a [Layer<'a>],
    inputs: &'a Inputs<'a>,
}

impl Run<'_> {
    fn cut<'b>(&self, out: &'b mut [f32], tape: Option<&'b mut [f32]>) -> Vec<Block<'b>> {
        let layout = &self.layout;
        let (n, width) = (layout.points, layout.width(layout.layers()));
        let starts = (0..n).step_by(layout.block);
        let block =
            |first| Block { first, points: layout.block.min(n - first), out: Vec::with_capacity(layout.jets()), tape: None };
        let mut blocks: Vec<Block<'b>> = starts.map(block).collect();
        for section in out.chunks_mut(n * width) {
            for (block, rows) in blocks.iter_mut().zip(section.chunks_mut(layout.block * width)) {
                block.out.push(rows);
            }
        }
        if let Some(tape) = tape.filter(|tape| !tape.is_empty()) {
            for (block, tape) in blocks.iter_mut().zip(tape.chunks_mut(layout.tape(layout.block))) {
                block.tape = Some(tape);
            }
        }
        blocks
    }

    fn block(&self, mut block: Block<'_>) {
        let layout = &self.layout;
        let rows = layout.most_rows();
        let derivatives =
            [layout.order >= 1, layout.order >= 2].map(|wanted| if wanted { layout.block * layout.hidden } else { 0 });
        let wide = rows * layout.widest_stride();
        let second = if layout.order >= 2 { wide } else { 0 };
        scratch::with([wide, second, wide, second, derivatives[0], derivatives[1]], |[h1, h2, u1, u2, a1, a2]| {
            self.values(&mut block, h1, u1, a1, a2);
            for directions in layout.chunks() {
                self.along(&mut block, directions, [&mut *h1, &mut *h2], [&mut *u1, &mut *u2], a1, a2);
            }
        });
    }

    /// The values, and the derivatives of the activations, `a1` and `a2`, layer after layer.
    fn values(&self, block: &mut Block<'_>, h: &mut [f32], space: &mut [f32], a1: &mut [f32], a2: &mut [f32]) {
        let layout = &self.layout;
        let points = block.points;
        let x = &self.inputs.x[block.first * layout.width(0)..][..points * layout.width(0)];
        spread(x, layout.width(0), h, layout.stride(0));
        for (l, layer) in (1..).zip(self.layers) {
            let (width, padded) = (layout.width(l), layout.padded(l));
            let last = l == layout.layers();
            let u = match &mut block.tape {
                Some(tape) if !last => &mut tape[layout.on_tape(points, l)],
                _ => &mut space[..points * padded],
            };
            layer.apply(Kind::Values, points, h, layout.stride(l - 1), u, padded);
            if l == 1 && !self.inputs.level.is_empty() {
                let level = &self.inputs.level[block.first * width..][..points * width];
                for (u, c) in u.chunks_exact_mut(padded).zip(level.chunks_exact(width)) {
                    u.iter_mut().zip(c).for_each(|(u, c)| *u += c);
                }
            }
            if last {
                return gather(u, padded, block.out[0], width);
            }
            let here = layout.on_tape(points, l);
            let first = a1.get_mut(here.clone()).unwrap_or_default();
            let second = a2.get_mut(here).unwrap_or_default();
            let to = Jet { values: h, stride: layout.stride(l), first, second, third: &mut [] };
            activate(self.simd, self.activation, layout.order, u, padded, to);
        }
    }

    /// The derivatives along some directions.
    fn along(
        &self,
        block: &mut Block<'_>,
        directions: std::ops::Range<usize>,
        [h1, h2]: [&mut [f32]; 2],
        [space1, space2]: [&mut [f32]; 2],
        a1: &[f32],
        a2: &[f32],
    ) {
        let layout = &self.layout;
        let (points, d0) = (block.points, layout.width(0));
        let rows = points * directions.len();
        for (m, h) in directions.clone().zip(h1.chunks_mut(points * layout.stride(0))) {
            let v = &self.inputs.v[(m * layout.points + block.first) * d0..][..points * d0];
            spread(v, d0, h, layout.stride(0));
        }
        for (l, layer) in (1..).zip(self.layers) {
            let (width, padded, before, stride) = (layout.width(l), layout.padded(l), layout.stride(l - 1), layout.stride(l));
            if l == layout.layers() {
                layer.apply(Kind::Derivatives, rows, h1, before, space1, padded);
                for (m, u) in directions.clone().zip(space1.chunks(points * padded)) {
                    gather(u, padded, block.out[1 + m], width);
                }
                if layout.order >= 2 {
                    // The input's second derivative is 0.
                    if l == 1 {
                        space2[..rows * padded].fill(0.0);
                    } else {
                        layer.apply(Kind::Derivatives, rows, h2, before, space2, padded);
                    }
                    for (m, u) in directions.clone().zip(space2.chunks(points * padded)) {
                        gather(u, padded, block.out[1 + layout.directions + m], width);
                    }
                }
                return;
            }
            let (u1, u2) = match &mut block.tape {
                Some(tape) if layout.order >= 2 => {
                    tape[layout.derivatives_on_tape(points, &directions, l)].split_at_mut(rows * padded)
                }
                Some(tape) => (&mut tape[layout.derivatives_on_tape(points, &directions, l)], &mut space2[..0]),
                None => (&mut space1[..rows * padded], &mut *space2),
            };
            layer.apply(Kind::Derivatives, rows, h1, before, u1, padded);
            if layout.order >= 2 && l > 1 {
                layer.apply(Kind::Derivatives, rows, h2, before, u2, padded);
            }
            let one = points * padded;
            let here = layout.on_tape(points, l);
            for m in 0..directions.len() {
                let (u1, h1) = (&u1[m * one..][..one], &mut h1[m * points * stride..][..points * stride]);
                if layout.order >= 2 {
                    let u2 = if l == 1 { &[] } else { &u2[m * one..][..one] };
                    let h2 = &mut h2[m * points * stride..][..points * stride];
                    chain::second(self.simd, padded, stride, &a1[here.clone()], &a2[here.clone()], u1, u2, h1, h2);
                } else {
                    chain::first(self.simd, padded, stride, &a1[here.clone()], u1, h1);
                }
            }
        }
    }
}
