//! The backward pass: block after block of points, each from the last layer to the first.
//!
//! At layer l, from the gradients g by the rows of u: hᵀg is the gradient of Wₗ, the sum of the values' rows that of bₗ, and gWᵀ that
//! by the rows of h, which the chain rule turns into those by the rows of u one layer below. Gradients of parameters are sums over
//! groups of blocks, each in order, and then over the groups in order.

use super::axes::{self, Axes};
use super::layers::{Kind, Layer, pack_layers, pack_transposes, packed_len, transposed_len};
use super::layout::Layout;
use super::smooth::{Jet, activate};
use super::{Activation, Gradients, Inputs, Plan, chain, forward, sums};
use crate::dispatch::{Simd, active};
use crate::matrix::outer::{Begin, outer};
use crate::matrix::rows::{Rows, RowsMut};
use crate::matrix::scratch;
use rayon::prelude::*;
use std::ops::Range;

/// The gradients of a loss, given that by the outputs, `g_out`, laid out as `out` of [`forward`](super::forward), and the `tape` that
/// `forward` left for the same plan and inputs.
///
/// # Panics
/// If the lengths do not fit the plan.
pub fn backward(plan: &Plan<'_>, inputs: &Inputs<'_>, tape: &[f32], g_out: &[f32], gradients: Gradients<'_>) {
    backward_on(active(), plan, inputs, tape, g_out, gradients);
}

pub(super) fn backward_on(
    simd: Simd,
    plan: &Plan<'_>,
    inputs: &Inputs<'_>,
    tape: &[f32],
    g_out: &[f32],
    gradients: Gradients<'_>,
) {
    let layout = Layout::new(plan);
    forward::check(&layout, plan, inputs, g_out.len());
    let Gradients { params, level, x } = gradients;
    assert_eq!(tape.len(), layout.tape(layout.points), "mlp: the tape of another plan");
    assert!(params.is_empty() || params.len() == inputs.params.len(), "mlp: gradient of {} parameters", params.len());
    assert!(level.is_empty() || level.len() == layout.points * layout.width(1), "mlp: gradient by level {}", level.len());
    assert!(x.is_empty() || x.len() == inputs.x.len(), "mlp: gradient by x {}", x.len());
    if layout.points == 0 {
        return params.fill(0.0);
    }
    let groups = sums::groups(&layout);
    let one = if params.is_empty() { 0 } else { sums::len(&layout) };
    let shared = layout.multiply_adds() > super::SHARED;
    super::on_pool(shared, || {
        let again = 1..if layout.is_taped(1) || layout.layers() == 1 { 1 } else { 2 };
        let lengths = [transposed_len(&layout), packed_len(&layout, again.clone()), axes::columns_len(&layout), one * groups];
        scratch::with(lengths, |[space, first_layer, columns, partial]| {
            let first_layer = pack_layers(simd, &layout, again, inputs.params, first_layer);
            let first = if x.is_empty() { 2 } else { 1 };
            let transposes = pack_transposes(simd, &layout, first, inputs.params, space);
            let run = Run {
                simd,
                layout,
                activation: plan.activation,
                transposes: &transposes,
                again: first_layer.first(),
                axes: Axes::new(simd, layout, inputs.params, columns),
                inputs,
                tape,
                g_out,
            };
            let groups = run.cut(groups, partial, level, x);
            if shared {
                groups.into_par_iter().for_each(|group| run.group(group));
            } else {
                groups.into_iter().for_each(|group| run.group(group));
            }
            if !params.is_empty() {
                sums::add_up(&layout, partial, params, shared);
            }
        });
    });
}

/// Blocks one after the other, and what they write.
struct Group<'a> {
    points: Range<usize>,
    /// Gradients of the parameters; see [`sums`].
    sum: &'a mut [f32],
    begin: Begin,
    level: &'a mut [f32],
    x: &'a mut [f32],
}

struct Run<'a> {
    simd: Simd,
    layout: Layout<'a>,
    activation: Activation,
    transposes: &'a [Layer<'a>],
    /// The first layer, if its u is not on the tape.
    again: Option<&'a Layer<'a>>,
    axes: Option<Axes<'a>>,
    inputs: &'a Inputs<'a>,
    tape: &'a [f32],
    g_out: &'a [f32],
}

impl Run<'_> {
    fn cut<'b>(&self, groups: usize, sum: &'b mut [f32], level: &'b mut [f32], x: &'b mut [f32]) -> Vec<Group<'b>> {
        let layout = &self.layout;
        let n = layout.points;
        let size = n.div_ceil(layout.block).div_ceil(groups) * layout.block;
        let mut sums = sum.chunks_mut(sums::len(layout));
        let mut levels = level.chunks_mut(size * layout.width(1));
        let mut xs = x.chunks_mut(size * layout.width(0));
        let group = |first: usize| Group {
            points: first..(first + size).min(n),
            sum: sums.next().unwrap_or_default(),
            begin: Begin::Zero,
            level: levels.next().unwrap_or_default(),
            x: xs.next().unwrap_or_default(),
        };
        (0..n).step_by(size).map(group).collect()
    }

    fn group(&self, mut group: Group<'_>) {
        let layout = &self.layout;
        let wide = layout.block * layout.jets() * layout.widest_stride();
        let slope = layout.block * layout.widest_padded();
        let slopes = [0, 1, 2].map(|order| if layout.order >= order { slope } else { 0 });
        let again = if self.again.is_some() { layout.block * layout.jets() * layout.padded(1) } else { 0 };
        scratch::with([wide, wide, wide, again, slopes[0], slopes[1], slopes[2]], |[g, other, h, u, a1, a2, a3]| {
            for first in group.points.clone().step_by(layout.block) {
                let points = first..(first + layout.block).min(group.points.end);
                self.block(&points, &mut group, [&mut *g, &mut *other], [&mut *h, &mut *u], [&mut *a1, &mut *a2, &mut *a3]);
                group.begin = Begin::There;
            }
        });
    }

    fn block(
        &self,
        points: &Range<usize>,
        to: &mut Group<'_>,
        [mut g, mut other]: [&mut [f32]; 2],
        [h, again]: [&mut [f32]; 2],
        mut slopes: [&mut [f32]; 3],
    ) {
        let layout = &self.layout;
        let (n, last) = (points.len(), layout.layers());
        for (section, g) in (0..layout.multiplied(last)).zip(g.chunks_mut(n * layout.stride(last))) {
            self.output_gradient(section, points, g);
        }
        let tape = &self.tape[layout.tape(points.start)..layout.tape(points.end)];
        for l in (2..=last).rev() {
            let (rows, before) = (n * layout.multiplied(l), layout.stride(l - 1));
            self.transposes[l - 1].apply(Kind::Derivatives, rows, g, layout.stride(l), other, before);
            if l == last {
                self.along_axes(points, |axes, m, by| axes.back(m, by, other));
            }
            let u = match self.again {
                Some(layer) if l == 2 => {
                    self.inputs.enter(layout, layer, points.clone(), h, again);
                    &*again
                }
                _ => &tape[layout.on_tape(n, l - 1)],
            };
            self.through(l - 1, n, u, other, h, &mut slopes);
            self.add_gradients(l, points, h, g, to);
            std::mem::swap(&mut g, &mut other);
        }
        if !to.sum.is_empty() {
            self.inputs.rows(layout, points, h);
            self.add_gradients(1, points, h, g, to);
        }
        let (d0, d1, at) = (layout.width(0), layout.width(1), points.start - to.points.start);
        if !to.level.is_empty() {
            forward::gather(g, layout.stride(1), &mut to.level[at * d1..][..n * d1], d1);
        }
        if !to.x.is_empty() {
            self.transposes[0].apply(Kind::Values, n, g, layout.stride(1), other, layout.stride(0));
            forward::gather(other, layout.stride(0), &mut to.x[at * d0..][..n * d0], d0);
        }
    }

    /// From the gradients `g` by the rows of h at a hidden layer to those by the rows of u; and h once more.
    fn through(&self, l: usize, n: usize, u: &[f32], g: &mut [f32], h: &mut [f32], [a1, a2, a3]: &mut [&mut [f32]; 3]) {
        let layout = &self.layout;
        let (width, stride) = (layout.padded(l), layout.stride(l));
        let to = Jet { values: h, stride, first: a1, second: a2, third: a3 };
        activate(self.simd, self.activation, layout.order + 1, &u[..n * width], width, to);
        if layout.order == 0 {
            chain::values_backward(self.simd, n, width, stride, a1, g);
        } else {
            let a3 = if layout.order > 1 { &**a3 } else { &**a1 };
            chain::backward(self.simd, layout.rows_at(n, l), a1, a2, a3, u, g, h);
        }
    }

    /// The gradient by one of the output's sections, padded with zeros.
    fn output_gradient(&self, section: usize, points: &Range<usize>, g: &mut [f32]) {
        let layout = &self.layout;
        let (width, stride) = (layout.width(layout.layers()), layout.stride(layout.layers()));
        let from = &self.g_out[layout.output(section, points)];
        for (from, to) in from.chunks_exact(width).zip(g.chunks_exact_mut(stride)) {
            to[..width].copy_from_slice(from);
            to[width..].fill(0.0);
        }
    }

    /// Calls `work` for each direction m with the gradients by the points' derivatives, if directions are axes.
    fn along_axes(&self, points: &Range<usize>, mut work: impl FnMut(&Axes<'_>, usize, &[f32])) {
        for m in 0..self.layout.directions {
            if let Some(axes) = &self.axes {
                work(axes, m, &self.g_out[self.layout.output(1 + m, points)]);
            }
        }
    }

    /// Adds to the gradient of layer l's weights hᵀg, or gᵀh where a sum holds the transpose; and to that of its bias.
    fn add_gradients(&self, l: usize, points: &Range<usize>, h: &[f32], g: &[f32], to: &mut Group<'_>) {
        let (begin, n, sum) = (to.begin, points.len(), &mut *to.sum);
        if sum.is_empty() {
            return;
        }
        let layout = &self.layout;
        let rows = n * layout.multiplied(l);
        let (before, stride) = (layout.stride(l - 1), layout.stride(l));
        let (inner, width, padded) = (layout.width(l - 1), layout.width(l), layout.padded(l));
        let to = &mut sum[sums::weights(layout, l)];
        if sums::is_transposed(layout, l) {
            let inner = layout.padded(l - 1);
            let c = RowsMut::new(to, width, inner, inner);
            outer(self.simd, begin, Rows::new(g, rows, width, stride), Rows::new(h, rows, inner, before), c);
        } else {
            let c = RowsMut::new(to, inner, padded, padded);
            outer(self.simd, begin, Rows::new(h, rows, inner, before), Rows::new(g, rows, padded, stride), c);
        }
        let bias = &mut sum[sums::bias(layout, l)];
        if begin == Begin::Zero {
            bias.fill(0.0);
        }
        sums::add_rows(self.simd, g, n, stride, bias);
        if l == layout.layers() {
            self.along_axes(points, |axes, m, by| axes.add_last(m, by, h, sum));
        } else if let (1, Some(axes)) = (l, &self.axes) {
            axes.add_first(n, g, sum);
        }
    }
}
