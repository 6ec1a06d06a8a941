//! U = G g Gᵀ of all filters, packed as the products read it, and the way back for gradients, Gᵀ Ū G.
//!
//! Columns come in panels, and each panel holds its part of all 36 matrices: panels are transformed by different threads.

use super::sides::{Filter, FilterAdjoint, halves, square};
use super::{POINTS, Stride, plane};
use crate::dispatch::Simd;
use crate::matrix::lanes::{Lanes, Plain, panel_width, registers};
use crate::matrix::pack::Panels;
use crate::matrix::product::product;
use crate::matrix::rows::{Rows, RowsMut};
use crate::share::shares;
use rayon::prelude::*;

/// What a number of U or Ū costs to transform, in picoseconds.
const PICOSECONDS: usize = 200;

/// Numbers of space that transformed weights take, either way round and for every instruction set.
pub(crate) fn weights_len(c_in: usize, c_out: usize) -> usize {
    let [inner, width] = [c_in, c_out].map(|n| n.next_multiple_of(16));
    // A panel has 16 columns or more.
    POINTS * (inner * width + inner.max(width))
}

/// Which way a pass goes: square matrices fit both, and would give a wrong result without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    Forward,
    Backward,
}

/// The 36 matrices that tiles are multiplied by, for one instruction set. Channels are rounded up to multiples of 16 with zeros.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    simd: Simd,
    stride: Stride,
    pass: Pass,
    data: &'a [f32],
    inner: usize,
    width: usize,
}

impl<'a> Weights<'a> {
    /// For the forward pass, U_k `[c_in, c_out]`, from `weight` `[c_out, c_in, 3, 3]`; `space` has [`weights_len`] numbers. Large ones
    /// on several threads.
    pub(crate) fn forward(simd: Simd, stride: Stride, weight: &[f32], c_in: usize, c_out: usize, space: &'a mut [f32]) -> Self {
        Self::filled(simd, stride, Pass::Forward, Filters { weight, sides: [c_in, c_out], steps: [1, c_in] }, space)
    }

    /// For the backward pass, U_kᵀ `[c_out, c_in]`, from the same.
    pub(crate) fn backward(simd: Simd, stride: Stride, weight: &[f32], c_in: usize, c_out: usize, space: &'a mut [f32]) -> Self {
        Self::filled(simd, stride, Pass::Backward, Filters { weight, sides: [c_out, c_in], steps: [c_in, 1] }, space)
    }

    fn filled(simd: Simd, stride: Stride, pass: Pass, filters: Filters<'_>, space: &'a mut [f32]) -> Self {
        let [rows, cols] = filters.sides;
        assert!(filters.weight.len() == 9 * rows * cols, "{} weights of {rows}×{cols} filters", filters.weight.len());
        assert!(space.len() == weights_len(rows, cols), "{} numbers for weights {rows}×{cols}", space.len());
        let [inner, width] = filters.sides.map(|n| n.next_multiple_of(16));
        let panel = panel_width(simd);
        let size = POINTS * plane(inner, panel);
        let fill = |(i, into): (usize, &mut [f32])| {
            let first = i * panel;
            transform(simd, stride, filters, first, panel.min(width - first), into);
        };
        let used = &mut space[..POINTS * (inner * width + 16 * width.div_ceil(panel))];
        if shares(used.len(), PICOSECONDS) {
            used.par_chunks_mut(size).enumerate().for_each(fill);
        } else {
            used.chunks_mut(size).enumerate().for_each(fill);
        }
        Self { simd, stride, pass, data: space, inner, width }
    }

    /// Rows and columns of each matrix, multiples of 16.
    ///
    /// # Panics
    /// If the weights are those of the other pass or stride, or for another instruction set than `simd`.
    pub(super) fn sides(&self, simd: Simd, stride: Stride, pass: Pass) -> [usize; 2] {
        let (for_these, made) = ((simd, stride, pass), (self.simd, self.stride, self.pass));
        assert!(for_these == made, "weights for {made:?}, not {for_these:?}");
        [self.inner, self.width]
    }

    /// `c` `[rows, width]` = `a` `[rows, inner]` times matrix k; `zeros` are `width` zeros.
    ///
    /// # Panics
    /// If the shapes differ.
    pub(super) fn multiply(&self, k: usize, a: Rows<'_>, zeros: &[f32], c: &mut [f32]) {
        let panel = panel_width(self.simd);
        for (i, first) in (0..self.width).step_by(panel).enumerate() {
            let cols = panel.min(self.width - first);
            let at = POINTS * plane(self.inner, panel) * i + plane(self.inner, cols) * k;
            let part = Panels::new(self.simd, &self.data[at..][..self.inner * cols], self.inner, cols);
            let c = RowsMut::new(&mut c[first..], a.rows(), cols, self.width);
            product(self.simd, a, part, &zeros[first..first + cols], c);
        }
    }
}

/// `gw` `[c_out, c_in, 3, 3]` = Gᵀ `du` G, from `du` `[36, c_in, c_out]` with channels rounded up to multiples of 16. Large ones on
/// several threads.
///
/// # Panics
/// If the shapes differ.
pub(crate) fn weight_gradient(simd: Simd, stride: Stride, du: &[f32], c_in: usize, c_out: usize, gw: &mut [f32]) {
    let [inner, width] = [c_in, c_out].map(|n| n.next_multiple_of(16));
    assert!(du.len() == POINTS * inner * width && gw.len() == 9 * c_in * c_out, "{} of {c_out}×{c_in} filters", gw.len());
    let size = 16 * 9 * c_in;
    let fill = |(i, gw): (usize, &mut [f32])| sixteen_gradients(simd, stride, du, 16 * i, width, c_in, gw);
    if shares(du.len(), PICOSECONDS) {
        gw.par_chunks_mut(size).enumerate().for_each(fill);
    } else {
        gw.chunks_mut(size).enumerate().for_each(fill);
    }
}

/// A matrix of filters: (i, j), i < `sides[0]` and j < `sides[1]`, is `weight[9·(i·steps[0] + j·steps[1])..][..9]`.
#[derive(Clone, Copy)]
struct Filters<'a> {
    weight: &'a [f32],
    sides: [usize; 2],
    steps: [usize; 2],
}

impl<'a> Filters<'a> {
    #[inline(always)]
    fn filter(&self, i: usize, j: usize) -> &'a [f32] {
        &self.weight[9 * (i * self.steps[0] + j * self.steps[1])..][..9]
    }
}

registers! {
    /// The panel of `cols` columns from `first` on, of all 36 matrices.
    fn transform(stride: Stride, filters: Filters<'_>, first: usize, cols: usize, into: &mut [f32]) = transform_in, or transform_portable;

    /// Up to sixteen output channels of the gradient, from o on, as many as `gw` `[some, c_in, 3, 3]` has.
    fn sixteen_gradients(stride: Stride, du: &[f32], o: usize, width: usize, c_in: usize, gw: &mut [f32]) = gradients_in, or gradients_portable;
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn transform_in<V: Lanes>(stride: Stride, filters: Filters<'_>, first: usize, cols: usize, into: &mut [f32]) {
    let inner = filters.sides[0].next_multiple_of(16);
    let plane = plane(inner, cols);
    assert!(into.len() == POINTS * plane && cols.is_multiple_of(16), "{} for {inner}×{cols}", into.len());
    for j in (0..cols).step_by(16) {
        let real = 16.min(filters.sides[1].saturating_sub(first + j));
        let mut g = [[0.0f32; 16]; 9];
        for i in 0..inner {
            if i < filters.sides[0] {
                for lane in 0..real {
                    for (g, &w) in g.iter_mut().zip(filters.filter(i, first + j + lane)) {
                        g[lane] = w;
                    }
                }
            } else {
                g = [[0.0; 16]; 9];
            }
            let to = into[i * cols + j..].as_mut_ptr();
            let mut lane = 0;
            while lane < 16 {
                // SAFETY: 16 numbers of row i from column j on are inside each of the 36 planes, and the register's width divides 16.
                unsafe {
                    let mut x = [[V::splat(0.0); 3]; 3];
                    for (k, g) in g.iter().enumerate() {
                        x[k / 3][k % 3] = V::load(g.as_ptr().add(lane));
                    }
                    let u = match stride {
                        Stride::One => square::<Filter, V, 3, 6>(x),
                        Stride::Two => square::<halves::Filter, V, 3, 6>(x),
                    };
                    for (y, u) in u.iter().enumerate() {
                        for (x, u) in u.iter().enumerate() {
                            u.store(to.add((6 * y + x) * plane + lane));
                        }
                    }
                }
                lane += V::WIDTH;
            }
        }
    }
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn gradients_in<V: Lanes>(stride: Stride, du: &[f32], o: usize, width: usize, c_in: usize, gw: &mut [f32]) {
    let (each, inner) = (9 * c_in, c_in.next_multiple_of(16));
    assert!(du.len() == POINTS * inner * width && o + 16 <= width, "{} for {inner}×{width}", du.len());
    for i in 0..c_in {
        let from = du[i * width + o..].as_ptr();
        let mut g = [[0.0f32; 16]; 9];
        let mut lane = 0;
        while lane < 16 {
            // SAFETY: 16 numbers of row i from column o on are inside each of the 36 matrices, and the register's width divides 16.
            unsafe {
                let mut u = [[V::splat(0.0); 6]; 6];
                for (y, u) in u.iter_mut().enumerate() {
                    for (x, u) in u.iter_mut().enumerate() {
                        *u = V::load(from.add((6 * y + x) * inner * width + lane));
                    }
                }
                let x = match stride {
                    Stride::One => square::<FilterAdjoint, V, 6, 3>(u),
                    Stride::Two => square::<halves::FilterAdjoint, V, 6, 3>(u),
                };
                for (k, g) in g.iter_mut().enumerate() {
                    x[k / 3][k % 3].store(g.as_mut_ptr().add(lane));
                }
            }
            lane += V::WIDTH;
        }
        for (lane, gw) in gw.chunks_exact_mut(each).enumerate() {
            for (w, g) in gw[9 * i..][..9].iter_mut().zip(&g) {
                *w = g[lane];
            }
        }
    }
}

fn transform_portable(stride: Stride, filters: Filters<'_>, first: usize, cols: usize, into: &mut [f32]) {
    // SAFETY: `Plain` asks for no instruction set.
    unsafe { transform_in::<Plain>(stride, filters, first, cols, into) }
}

fn gradients_portable(stride: Stride, du: &[f32], o: usize, width: usize, c_in: usize, gw: &mut [f32]) {
    // SAFETY: as above.
    unsafe { gradients_in::<Plain>(stride, du, o, width, c_in, gw) }
}
