//! The backward pass: block after block of points, each from the last layer to the first.
//!
//! The derivatives' rows go first, chunk by chunk, and leave at each layer what they add to the gradient by u; then the values' rows
//! take it up. Gradients of parameters are sums over groups of blocks, each in order, and then over the groups in order.

use super::layers::{Kind, Layer, is_few, pack_transposes, transposed_len};
use super::layout::Layout;
use super::outer::add_outer;
use super::rows::{Rows, RowsMut};
use super::smooth::{Jet, activate};
use super::{Activation, Gradients, Inputs, Plan, chain, forward, scratch, sums};
use crate::dispatch::{Simd, active};
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
    scratch::with([transposed_len(&layout), one * groups], |[space, partial]| {
        let first = if x.is_empty() { 2 } else { 1 };
        let transposes = pack_transposes(simd, &layout, first, inputs.params, space);
        let run = Run { simd, layout, activation: plan.activation, transposes: &transposes, inputs, tape, g_out };
        let groups = run.cut(groups, partial, level, x);
        let shared = layout.multiply_adds() > super::SHARED;
        if shared {
            groups.into_par_iter().for_each(|group| run.group(group));
        } else {
            groups.into_iter().for_each(|group| run.group(group));
        }
        if !params.is_empty() {
            sums::add_up(&layout, partial, params, shared);
        }
    });
}

/// Blocks one after the other, and what they write.
struct Group<'a> {
    points: Range<usize>,
    /// Gradients of the parameters; see [`sums`].
    sum: &'a mut [f32],
    level: &'a mut [f32],
    x: &'a mut [f32],
}

struct Run<'a> {
    simd: Simd,
    layout: Layout<'a>,
    activation: Activation,
    transposes: &'a [Layer<'a>],
    inputs: &'a Inputs<'a>,
    tape: &'a [f32],
    g_out: &'a [f32],
}

/// A block's activations hₗ, without gaps between layers but with those between rows, and their derivatives, without any.
struct Activations<'a> {
    values: &'a [f32],
    derivatives: [&'a [f32]; 3],
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
            level: levels.next().unwrap_or_default(),
            x: xs.next().unwrap_or_default(),
        };
        (0..n).step_by(size).map(group).collect()
    }

    fn group(&self, mut group: Group<'_>) {
        let layout = &self.layout;
        group.sum.fill(0.0);
        let rows = layout.most_rows();
        let wide = rows * layout.widest_stride();
        let values = layout.block * (1..layout.layers()).map(|l| layout.stride(l)).sum::<usize>();
        let hidden = |wanted| if wanted { layout.block * layout.hidden } else { 0 };
        let order = layout.order;
        let first = if order >= 1 { wide } else { 0 };
        let second = if order >= 2 { wide } else { 0 };
        let lengths = [
            values,
            hidden(true),
            hidden(order >= 1),
            hidden(order >= 2),
            hidden(order >= 1),
            wide,
            wide,
            second,
            second,
            first,
            second,
        ];
        scratch::with(lengths, |[values, a1, a2, a3, sum, g, other, g2, other2, h1, h2]| {
            for start in group.points.clone().step_by(layout.block) {
                let points = start..(start + layout.block).min(group.points.end);
                let tape = &self.tape[layout.tape(points.start)..layout.tape(points.end)];
                self.activations(points.len(), tape, values, [&mut *a1, &mut *a2, &mut *a3]);
                sum.fill(0.0);
                let a = Activations { values, derivatives: [&*a1, &*a2, &*a3] };
                for directions in layout.chunks() {
                    let g = [&mut *g, &mut *g2];
                    let other = [&mut *other, &mut *other2];
                    self.along(&points, directions, tape, &a, sum, g, other, [&mut *h1, &mut *h2], group.sum);
                }
                self.values(&points, &a, sum, [&mut *g, &mut *other], &mut group);
            }
        });
    }

    /// hₗ and the derivatives of the activations of the hidden layers, from their u on the tape.
    fn activations(&self, points: usize, tape: &[f32], values: &mut [f32], [a1, a2, a3]: [&mut [f32]; 3]) {
        let layout = &self.layout;
        for l in 1..layout.layers() {
            let here = layout.on_tape(points, l);
            let to = Jet {
                values: &mut values[values_at(layout, l)],
                stride: layout.stride(l),
                first: &mut a1[here.clone()],
                second: a2.get_mut(here.clone()).unwrap_or_default(),
                third: a3.get_mut(here.clone()).unwrap_or_default(),
            };
            activate(self.simd, self.activation, layout.order + 1, &tape[here], layout.padded(l), to);
        }
    }

    /// The rows of derivatives along some directions: adds to the gradient by u of the hidden layers, `at_u`, and of the weights.
    #[allow(clippy::too_many_arguments, reason = "work space")]
    fn along(
        &self,
        points: &Range<usize>,
        directions: Range<usize>,
        tape: &[f32],
        a: &Activations<'_>,
        at_u: &mut [f32],
        [mut g1, mut g2]: [&mut [f32]; 2],
        [mut other1, mut other2]: [&mut [f32]; 2],
        [h1, h2]: [&mut [f32]; 2],
        sum: &mut [f32],
    ) {
        let layout = &self.layout;
        let (n, last) = (points.len(), layout.layers());
        let rows = n * directions.len();
        let twice = layout.order >= 2;
        for (m, g) in directions.clone().zip(g1.chunks_mut(n * layout.stride(last))) {
            self.output_gradient(1 + m, points, g);
        }
        if twice {
            for (m, g) in directions.clone().zip(g2.chunks_mut(n * layout.stride(last))) {
                self.output_gradient(1 + layout.directions + m, points, g);
            }
        }
        for l in (1..=last).rev() {
            let stride = layout.stride(l);
            if l == 1 {
                if sum.is_empty() {
                    return;
                }
                let d0 = layout.width(0);
                for (m, h) in directions.clone().zip(h1.chunks_mut(n * layout.stride(0))) {
                    let v = &self.inputs.v[(m * layout.points + points.start) * d0..][..n * d0];
                    forward::spread(v, d0, h, layout.stride(0));
                }
                self.add_weights(1, rows, h1, g1, sum);
                return;
            }
            let (padded, before) = (layout.padded(l - 1), layout.stride(l - 1));
            let transpose = &self.transposes[l - 1];
            transpose.apply(Kind::Derivatives, rows, g1, stride, other1, before);
            if twice {
                transpose.apply(Kind::Derivatives, rows, g2, stride, other2, before);
            }
            let (u1, u2) = tape[layout.derivatives_on_tape(n, &directions, l - 1)].split_at(rows * padded);
            let here = layout.on_tape(n, l - 1);
            let at_u = &mut at_u[here.clone()];
            for m in 0..directions.len() {
                let flat = m * n * padded..(m + 1) * n * padded;
                let spaced = m * n * before..(m + 1) * n * before;
                let u1 = &u1[flat.clone()];
                let (g1, h1) = (&mut other1[spaced.clone()], &mut h1[spaced.clone()]);
                if twice {
                    let a = a.derivatives.map(|a| &a[here.clone()]);
                    let u2 = if l == 2 { &[] } else { &u2[flat] };
                    let (g2, h2) = (&mut other2[spaced.clone()], &mut h2[spaced]);
                    chain::second_backward(self.simd, padded, before, a, u1, u2, g1, g2, at_u, h1, h2);
                } else {
                    let [a1, a2, _] = a.derivatives;
                    chain::first_backward(self.simd, padded, before, &a1[here.clone()], &a2[here.clone()], u1, g1, at_u, h1);
                }
            }
            if !sum.is_empty() {
                self.add_weights(l, rows, h1, g1, sum);
                if twice {
                    self.add_weights(l, rows, h2, g2, sum);
                }
            }
            std::mem::swap(&mut g1, &mut other1);
            std::mem::swap(&mut g2, &mut other2);
        }
    }

    /// The rows of values, with what the derivatives have added to their gradients, `at_u`.
    fn values(
        &self,
        points: &Range<usize>,
        a: &Activations<'_>,
        at_u: &[f32],
        [mut g, mut other]: [&mut [f32]; 2],
        to: &mut Group<'_>,
    ) {
        let layout = &self.layout;
        let (n, last) = (points.len(), layout.layers());
        let at = points.start - to.points.start;
        self.output_gradient(0, points, g);
        for l in (1..=last).rev() {
            let (stride, before) = (layout.stride(l), layout.stride(l - 1));
            if !to.sum.is_empty() {
                let bias = &mut to.sum[sums::bias(layout, l)];
                sums::add_rows(self.simd, g, n, stride, bias);
            }
            if l == 1 {
                break;
            }
            self.transposes[l - 1].apply(Kind::Derivatives, n, g, stride, other, before);
            let here = layout.on_tape(n, l - 1);
            let at_u = at_u.get(here.clone()).unwrap_or_default();
            chain::values_backward(
                self.simd,
                layout.padded(l - 1),
                before,
                &a.derivatives[0][here],
                at_u,
                &mut other[..n * before],
            );
            if !to.sum.is_empty() {
                self.add_weights(l, n, &a.values[values_at(layout, l - 1)], g, to.sum);
            }
            std::mem::swap(&mut g, &mut other);
        }
        let (d0, d1) = (layout.width(0), layout.width(1));
        if !to.level.is_empty() {
            forward::gather(&g[..n * layout.stride(1)], layout.stride(1), &mut to.level[at * d1..][..n * d1], d1);
        }
        if !to.sum.is_empty() {
            let x = &self.inputs.x[points.start * d0..points.end * d0];
            forward::spread(x, d0, other, layout.stride(0));
            self.add_weights(1, n, other, g, to.sum);
        }
        if !to.x.is_empty() {
            self.transposes[0].apply(Kind::Derivatives, n, g, layout.stride(1), other, layout.stride(0));
            forward::gather(&other[..n * layout.stride(0)], layout.stride(0), &mut to.x[at * d0..][..n * d0], d0);
        }
    }

    /// The gradient by one of the output's sections, padded with zeros.
    fn output_gradient(&self, section: usize, points: &Range<usize>, g: &mut [f32]) {
        let layout = &self.layout;
        let (width, stride) = (layout.width(layout.layers()), layout.stride(layout.layers()));
        let from = &self.g_out[(section * layout.points + points.start) * width..][..points.len() * width];
        for (from, to) in from.chunks_exact(width).zip(g.chunks_exact_mut(stride)) {
            to[..width].copy_from_slice(from);
            to[width..].fill(0.0);
        }
    }

    /// Adds hᵀg to the gradient of layer l's weights: its transpose, gᵀh, if the layer has few outputs.
    fn add_weights(&self, l: usize, rows: usize, h: &[f32], g: &[f32], sum: &mut [f32]) {
        let layout = &self.layout;
        let (before, stride) = (layout.stride(l - 1), layout.stride(l));
        let (inner, width, padded) = (layout.width(l - 1), layout.width(l), layout.padded(l));
        let to = &mut sum[sums::weights(layout, l)];
        if is_few(layout, l) {
            let inner = layout.padded(l - 1);
            let c = RowsMut::new(to, width, inner, inner);
            add_outer(self.simd, Rows::new(g, rows, width, stride), Rows::new(h, rows, inner, before), c);
        } else {
            let c = RowsMut::new(to, inner, padded, padded);
            add_outer(self.simd, Rows::new(h, rows, inner, before), Rows::new(g, rows, padded, stride), c);
        }
    }
}

/// hₗ among the activations of a block.
fn values_at(layout: &Layout<'_>, layer: usize) -> Range<usize> {
    let first = layout.block * (1..layer).map(|l| layout.stride(l)).sum::<usize>();
    first..first + layout.block * layout.stride(layer)
}
