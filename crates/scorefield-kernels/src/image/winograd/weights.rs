//! U = G g Gᵀ of all filters, packed as the products read it, and the way back for gradients, Gᵀ Ū G.

use super::sides::{Filter, FilterAdjoint, square};
use super::{POINTS, plane};
use crate::dispatch::Simd;
use crate::matrix::lanes::{Lanes, Plain, panel_width, registers};
use crate::matrix::pack::Panels;

/// Numbers of space that transformed weights take.
pub(crate) fn weights_len(c_in: usize, c_out: usize) -> usize {
    POINTS * plane(c_in.next_multiple_of(16), c_out.next_multiple_of(16))
}

/// The 36 matrices that tiles are multiplied by, for one instruction set. Channels are rounded up to multiples of 16 with zeros.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    simd: Simd,
    data: &'a [f32],
    inner: usize,
    width: usize,
}

impl<'a> Weights<'a> {
    /// For the forward pass, U_k `[c_in, c_out]`, from `weight` `[c_out, c_in, 3, 3]`; `space` has [`weights_len`] numbers.
    pub(crate) fn forward(simd: Simd, weight: &[f32], c_in: usize, c_out: usize, space: &'a mut [f32]) -> Self {
        assert!(weight.len() == 9 * c_in * c_out, "{} weights of {c_out}×{c_in} filters", weight.len());
        Self::filled(simd, weight, [c_in, c_out], [1, c_in], space)
    }

    /// For the backward pass, U_kᵀ `[c_out, c_in]`, from the same.
    pub(crate) fn backward(simd: Simd, weight: &[f32], c_in: usize, c_out: usize, space: &'a mut [f32]) -> Self {
        assert!(weight.len() == 9 * c_in * c_out, "{} weights of {c_out}×{c_in} filters", weight.len());
        Self::filled(simd, weight, [c_out, c_in], [c_in, 1], space)
    }

    fn filled(simd: Simd, weight: &[f32], sides: [usize; 2], strides: [usize; 2], space: &'a mut [f32]) -> Self {
        let [inner, width] = sides.map(|n| n.next_multiple_of(16));
        assert!(space.len() == POINTS * plane(inner, width), "{} numbers for weights {inner}×{width}", space.len());
        transform(simd, panel_width(simd), weight, sides, strides, space);
        Self { simd, data: space, inner, width }
    }

    /// Channels of the rows that are multiplied, a multiple of 16.
    pub(super) fn inner(&self) -> usize {
        self.inner
    }

    /// Channels of the result, a multiple of 16.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Matrix k.
    ///
    /// # Panics
    /// If the weights were packed for another instruction set than `simd`.
    pub(super) fn matrix(&self, simd: Simd, k: usize) -> Panels<'a> {
        assert!(simd == self.simd, "weights for {}, not {simd}", self.simd);
        let data = &self.data[k * plane(self.inner, self.width)..][..self.inner * self.width];
        Panels::new(simd, data, self.inner, self.width)
    }
}

registers! {
    /// Filter (i, j), i < rows and j < cols, is `weight[9·(i·strides[0] + j·strides[1])..][..9]`.
    fn transform(panel: usize, weight: &[f32], sides: [usize; 2], strides: [usize; 2], into: &mut [f32]) = transform_in, or transform_portable;

    /// `gw` `[c_out, c_in, 3, 3]` = Gᵀ `du` G, from `du` `[36, c_in, c_out]` with channels rounded up to multiples of 16.
    pub(crate) fn weight_gradient(du: &[f32], c_in: usize, c_out: usize, gw: &mut [f32]) = gradient_in, or gradient_portable;
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn transform_in<V: Lanes>(panel: usize, weight: &[f32], sides: [usize; 2], strides: [usize; 2], into: &mut [f32]) {
    let [inner, width] = sides.map(|n| n.next_multiple_of(16));
    let plane = plane(inner, width);
    assert!(into.len() == POINTS * plane);
    for j in (0..width).step_by(16) {
        // Row i of the panel that column j is in, and in it column j.
        let (begin, cols) = (j / panel * panel, panel.min(width - j / panel * panel));
        let real = 16.min(sides[1].saturating_sub(j));
        let mut g = [[0.0f32; 16]; 9];
        for i in 0..inner {
            if i < sides[0] {
                for lane in 0..real {
                    let (filter, _) = weight[9 * (i * strides[0] + (j + lane) * strides[1])..].split_at(9);
                    for (g, &w) in g.iter_mut().zip(filter) {
                        g[lane] = w;
                    }
                }
            } else {
                g = [[0.0; 16]; 9];
            }
            let to = into[begin * inner + i * cols + j - begin..].as_mut_ptr();
            let mut first = 0;
            while first < 16 {
                // SAFETY: 16 numbers of row i from column j on are inside each of the 36 planes, and the register's width divides 16.
                unsafe {
                    let mut x = [[V::splat(0.0); 3]; 3];
                    for (k, g) in g.iter().enumerate() {
                        x[k / 3][k % 3] = V::load(g.as_ptr().add(first));
                    }
                    let u = square::<Filter, V, 3, 6>(x);
                    for (y, u) in u.iter().enumerate() {
                        for (x, u) in u.iter().enumerate() {
                            u.store(to.add((6 * y + x) * plane + first));
                        }
                    }
                }
                first += V::WIDTH;
            }
        }
    }
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn gradient_in<V: Lanes>(du: &[f32], c_in: usize, c_out: usize, gw: &mut [f32]) {
    let [inner, width] = [c_in, c_out].map(|n| n.next_multiple_of(16));
    assert!(du.len() == POINTS * inner * width && gw.len() == 9 * c_in * c_out, "{} of {c_out}×{c_in} filters", gw.len());
    for o in (0..c_out).step_by(16) {
        for i in 0..c_in {
            let from = du[i * width + o..].as_ptr();
            let mut g = [[0.0f32; 16]; 9];
            let mut first = 0;
            while first < 16 {
                // SAFETY: 16 numbers of row i from column o on are inside each of the 36 matrices, and the register's width divides 16.
                unsafe {
                    let mut u = [[V::splat(0.0); 6]; 6];
                    for (y, u) in u.iter_mut().enumerate() {
                        for (x, u) in u.iter_mut().enumerate() {
                            *u = V::load(from.add((6 * y + x) * inner * width + first));
                        }
                    }
                    let x = square::<FilterAdjoint, V, 6, 3>(u);
                    for (k, g) in g.iter_mut().enumerate() {
                        x[k / 3][k % 3].store(g.as_mut_ptr().add(first));
                    }
                }
                first += V::WIDTH;
            }
            for lane in 0..16.min(c_out - o) {
                let filter = &mut gw[9 * ((o + lane) * c_in + i)..][..9];
                for (w, g) in filter.iter_mut().zip(&g) {
                    *w = g[lane];
                }
            }
        }
    }
}

fn transform_portable(panel: usize, weight: &[f32], sides: [usize; 2], strides: [usize; 2], into: &mut [f32]) {
    // SAFETY: `Plain` asks for no instruction set.
    unsafe { transform_in::<Plain>(panel, weight, sides, strides, into) }
}

fn gradient_portable(du: &[f32], c_in: usize, c_out: usize, gw: &mut [f32]) {
    // SAFETY: as above.
    unsafe { gradient_in::<Plain>(du, c_in, c_out, gw) }
}
