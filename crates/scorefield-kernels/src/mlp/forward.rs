//! The forward pass: block after block of points, each through all layers.

use super::axes::{self, Axes};
use super::chain;
use super::layers::{Kind, Layer, pack_layers, packed_len};
use super::layout::Layout;
use super::smooth::{Jet, activate};
use super::{Activation, Inputs, Plan, parameter_count};
use crate::dispatch::{Simd, active};
use crate::matrix::scratch;
use rayon::prelude::*;
use std::ops::Range;

/// Evaluates the perceptron. `out` `[(1 + kM)·n, d_L]`, k = 0, 1, 2 by the order: first the n values, then the first derivatives, of
/// point i along direction m in row n + m·n + i, then so the second ones; derivatives along axes are rows of one number. `tape`, if
/// given, receives what [`backward`](super::backward) needs.
///
/// # Panics
/// If the lengths do not fit the plan.
pub fn forward(plan: &Plan<'_>, inputs: &Inputs<'_>, out: &mut [f32], tape: Option<&mut Vec<f32>>) {
    forward_on(active(), plan, inputs, out, tape);
}

/// [`forward`] without a tape, on the calling thread however much there is to do: for callers that keep the other threads busy themselves. A
/// thread that helps with a small pass has to fetch the weights from another core's cache, which takes as long.
///
/// # Panics
/// As [`forward`].
pub fn forward_alone(plan: &Plan<'_>, inputs: &Inputs<'_>, out: &mut [f32]) {
    run(active(), plan, inputs, out, None, false);
}

pub(super) fn forward_on(simd: Simd, plan: &Plan<'_>, inputs: &Inputs<'_>, out: &mut [f32], tape: Option<&mut Vec<f32>>) {
    let shared = Layout::new(plan).multiply_adds() > super::SHARED;
    run(simd, plan, inputs, out, tape, shared);
}

fn run(simd: Simd, plan: &Plan<'_>, inputs: &Inputs<'_>, out: &mut [f32], tape: Option<&mut Vec<f32>>, shared: bool) {
    let layout = Layout::new(plan);
    check(&layout, plan, inputs, out.len());
    let tape = tape.map(|tape| {
        tape.resize(layout.tape(layout.points), 0.0);
        &mut tape[..]
    });
    if layout.points == 0 {
        return;
    }
    super::on_pool(shared, || {
        let all = 1..layout.layers() + 1;
        scratch::with([packed_len(&layout, all.clone()), axes::columns_len(&layout)], |[space, columns]| {
            let layers = pack_layers(simd, &layout, all, inputs.params, space);
            let axes = Axes::new(simd, layout, inputs.params, columns);
            let run = Run { simd, layout, activation: plan.activation, layers: &layers, axes, inputs };
            let blocks = run.cut(out, tape);
            if shared {
                blocks.into_par_iter().for_each(|block| run.block(block));
            } else {
                blocks.into_iter().for_each(|block| run.block(block));
            }
        });
    });
}

/// Panics unless the slices have the plan's lengths.
pub(super) fn check(layout: &Layout<'_>, plan: &Plan<'_>, inputs: &Inputs<'_>, out: usize) {
    let (n, last) = (layout.points, layout.layers());
    let Inputs { params, x, v, level } = inputs;
    assert_eq!(params.len(), parameter_count(plan.widths), "mlp: parameters of {:?}", plan.widths);
    assert_eq!(x.len(), n * layout.width(0), "mlp: x, {n} rows of {}", layout.width(0));
    let given = if layout.axes.is_some() { 0 } else { layout.directions };
    assert_eq!(v.len(), n * given * layout.width(0), "mlp: v, {given} times {n} rows of {}", layout.width(0));
    assert!(
        level.is_empty() || level.len() == n * layout.width(1),
        "mlp: level {}, {n} rows of {}",
        level.len(),
        layout.width(1)
    );
    assert_eq!(out, layout.output_len(), "mlp: outputs, {n} times {} rows of {}", layout.jets(), layout.width(last));
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
    axes: Option<Axes<'a>>,
    inputs: &'a Inputs<'a>,
}

impl Run<'_> {
    fn cut<'b>(&self, out: &'b mut [f32], tape: Option<&'b mut [f32]>) -> Vec<Block<'b>> {
        let layout = &self.layout;
        let n = layout.points;
        let starts = (0..n).step_by(layout.block);
        let block =
            |first| Block { first, points: layout.block.min(n - first), out: Vec::with_capacity(layout.jets()), tape: None };
        let mut blocks: Vec<Block<'b>> = starts.map(block).collect();
        let mut rest = out;
        for section in 0..layout.jets() {
            let width = layout.output_width(section);
            let (here, after) = rest.split_at_mut(n * width);
            rest = after;
            for (block, rows) in blocks.iter_mut().zip(here.chunks_mut(layout.block * width)) {
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
        let rows = layout.block * layout.jets();
        let slopes = [1, 2].map(|order| if layout.order >= order { layout.block * layout.widest_padded() } else { 0 });
        let lengths = [rows * layout.widest_stride(), rows * layout.widest_padded(), slopes[0], slopes[1]];
        scratch::with(lengths, |[h, space, a1, a2]| {
            for (l, layer) in (1..).zip(self.layers) {
                let u = match &mut block.tape {
                    Some(tape) if l < layout.layers() && layout.is_taped(l) => &mut tape[layout.on_tape(block.points, l)],
                    _ => &mut *space,
                };
                if l == 1 {
                    self.inputs.enter(layout, layer, block.first..block.first + block.points, h, u);
                } else {
                    self.affine(l, layer, block.points, h, u);
                }
                if l == layout.layers() {
                    return self.output(&mut block.out, block.points, h, u);
                }
                let (points, width, stride) = (block.points, layout.padded(l), layout.stride(l));
                let to = Jet { values: h, stride, first: a1, second: a2, third: &mut [] };
                activate(self.simd, self.activation, layout.order, &u[..points * width], width, to);
                if layout.order > 0 {
                    let a2 = if layout.order > 1 { &*a2 } else { &*a1 };
                    chain::forward(self.simd, layout.rows_at(points, l), a1, a2, u, h);
                }
            }
        });
    }

    /// u of all rows at a layer after the first, from h at the one before.
    fn affine(&self, l: usize, layer: &Layer<'_>, points: usize, h: &[f32], u: &mut [f32]) {
        let layout = &self.layout;
        let (padded, stride) = (layout.padded(l), layout.stride(l - 1));
        layer.apply(Kind::Values, points, h, stride, u, padded);
        let rows = points * (layout.multiplied(l) - 1);
        layer.apply(Kind::Derivatives, rows, &h[points * stride..], stride, &mut u[points * padded..], padded);
    }

    /// Copies the last layer's rows to where they belong; `h` are those before it.
    fn output(&self, out: &mut [&mut [f32]], points: usize, h: &[f32], u: &[f32]) {
        let layout = &self.layout;
        let (width, padded) = (layout.width(layout.layers()), layout.padded(layout.layers()));
        let computed = layout.multiplied(layout.layers());
        for (section, (out, u)) in out.iter_mut().zip(u.chunks(points * padded)).enumerate() {
            match &self.axes {
                _ if section < computed => gather(u, padded, out, width),
                Some(axes) => axes.leave(section - 1, h, out),
                None => out.fill(0.0),
            }
        }
    }
}

impl Inputs<'_> {
    /// Copies some points, and then their directions, to rows of h.
    pub(super) fn rows(&self, layout: &Layout<'_>, points: &Range<usize>, h: &mut [f32]) {
        let (width, stride, n) = (layout.width(0), layout.stride(0), layout.points);
        let here = points.start * width..points.end * width;
        spread(&self.x[here.clone()], width, h, stride);
        for (v, h) in self.v.chunks_exact(n * width).zip(h.chunks_mut(points.len() * stride).skip(1)) {
            spread(&v[here.clone()], width, h, stride);
        }
    }

    /// The rows of u₁ of some points, but for the second derivatives, which are 0; and, as `rows` does, those of h₀.
    pub(super) fn enter(&self, layout: &Layout<'_>, layer: &Layer<'_>, points: Range<usize>, h: &mut [f32], u: &mut [f32]) {
        self.rows(layout, &points, h);
        let (n, width, padded, stride) = (points.len(), layout.width(1), layout.padded(1), layout.stride(0));
        layer.apply(Kind::Values, n, h, stride, u, padded);
        if !self.level.is_empty() {
            let level = &self.level[points.start * width..points.end * width];
            for (u, c) in u.chunks_exact_mut(padded).zip(level.chunks_exact(width)) {
                u.iter_mut().zip(c).for_each(|(u, c)| *u += c);
            }
        }
        let rows = n * (layout.multiplied(1) - 1);
        layer.apply(Kind::Derivatives, rows, &h[n * stride..], stride, &mut u[n * padded..], padded);
        axes::enter(layout, self.params, n, &mut u[n * padded..]);
    }
}
