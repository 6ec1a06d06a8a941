//! The chain rule of an activation, element by element, for the rows of a block at one layer.
//!
//! Forward, with a′, a″ at the point's u:
//!
//! ḣ = a′u̇,  ḧ = a″u̇² + a′ü.
//!
//! Backward, from the gradients g₀, g₁, g₂ by h, ḣ, ḧ to those by u, u̇, ü:
//!
//! g(ü) = a′g₂,  g(u̇) = a′g₁ + 2a″u̇g₂,  g(u) = a′g₀ + Σ over directions of a″u̇g₁ + (a‴u̇² + a″ü)g₂.
//!
//! The input's second derivative is 0, so layer 1 has no ü. Nothing is fused here: every instruction set gives the same bits.

use crate::matrix::lanes::{Lanes, registers};

/// The rows of a block at one layer.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub points: usize,
    pub directions: usize,
    /// Numbers of a row, a multiple of 16; rows of u, a′, a″, a‴ have no gaps.
    pub width: usize,
    /// From row to row of h and g, at least `width`.
    pub stride: usize,
    pub bend: Bend,
}

/// Which derivatives there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bend {
    First,
    /// Also second ones, but ü = 0.
    Flat,
    /// Also second ones.
    Second,
}

impl Rows {
    fn order(&self) -> usize {
        if self.bend == Bend::First { 1 } else { 2 }
    }

    fn check(&self, a: [&[f32]; 3], u: &[f32], spaced: [&[f32]; 2]) {
        let one = self.points * self.width;
        let rows = self.points * (1 + self.order() * self.directions);
        let fits = a.iter().all(|a| a.len() >= one)
            && u.len() >= rows * self.width
            && spaced.iter().all(|s| s.len() >= rows * self.stride);
        assert!(fits && self.width <= self.stride && self.width.is_multiple_of(16), "chain: {} rows of {}", rows, self.width);
    }
}

registers! {
    /// The rows of ḣ and ḧ in `h`, from those of `u`, by a′ and a″. Without second derivatives, `a2` may be anything as long as `a1`.
    pub(super) fn forward(rows: Rows, a1: &[f32], a2: &[f32], u: &[f32], h: &mut [f32]) = forward_body, or forward_twin;
    /// The rows of `g`: from the gradients by h, ḣ, ḧ to those by u, u̇, ü. Also the rows of ḣ and ḧ in `h` once more. Without second
    /// derivatives, `a3` may be anything as long as `a1`.
    pub(super) fn backward(
        rows: Rows, a1: &[f32], a2: &[f32], a3: &[f32], u: &[f32], g: &mut [f32], h: &mut [f32],
    ) = backward_body, or backward_twin;
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn forward_body<V: Lanes>(rows: Rows, a1: &[f32], a2: &[f32], u: &[f32], h: &mut [f32]) {
    rows.check([a1, a2, a1], u, [&*h, &*h]);
    let Rows { points: n, directions, width, stride, bend } = rows;
    for row in 0..directions * n {
        let (i, first, second) = (row % n, n + row, n + directions * n + row);
        for j in (0..width).step_by(V::WIDTH) {
            // SAFETY: j + V::WIDTH ≤ width, since it divides 16, which divides the width; i, and `first` and, where there are second
            // derivatives, `second`, are rows that `check` found there to be.
            unsafe {
                let a1 = V::load(a1.as_ptr().add(i * width + j));
                let u1 = V::load(u.as_ptr().add(first * width + j));
                a1.multiply(u1).store(h.as_mut_ptr().add(first * stride + j));
                if bend != Bend::First {
                    let mut h2 = V::load(a2.as_ptr().add(i * width + j)).multiply(u1).multiply(u1);
                    if bend == Bend::Second {
                        h2 = h2.add(a1.multiply(V::load(u.as_ptr().add(second * width + j))));
                    }
                    h2.store(h.as_mut_ptr().add(second * stride + j));
                }
            }
        }
    }
}

fn forward_twin(rows: Rows, a1: &[f32], a2: &[f32], u: &[f32], h: &mut [f32]) {
    rows.check([a1, a2, a1], u, [&*h, &*h]);
    let Rows { points: n, directions, width, stride, bend } = rows;
    for row in 0..directions * n {
        let (i, first, second) = (row % n, n + row, n + directions * n + row);
        for j in 0..width {
            let (a1, a2, u1) = (a1[i * width + j], a2[i * width + j], u[first * width + j]);
            h[first * stride + j] = a1 * u1;
            match bend {
                Bend::First => {}
                Bend::Flat => h[second * stride + j] = a2 * u1 * u1,
                Bend::Second => h[second * stride + j] = a2 * u1 * u1 + a1 * u[second * width + j],
            }
        }
    }
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn backward_body<V: Lanes>(rows: Rows, a1: &[f32], a2: &[f32], a3: &[f32], u: &[f32], g: &mut [f32], h: &mut [f32]) {
    rows.check([a1, a2, a3], u, [&*g, &*h]);
    let Rows { points: n, directions, width, stride, bend } = rows;
    // SAFETY: the caller promises V's instruction set.
    unsafe { values_body::<V>(n, width, stride, a1, g) };
    for row in 0..directions * n {
        let (i, first, second) = (row % n, n + row, n + directions * n + row);
        for j in (0..width).step_by(V::WIDTH) {
            // SAFETY: as in `forward_body`.
            unsafe {
                let (g, h) = (g.as_mut_ptr().add(j), h.as_mut_ptr().add(j));
                let [a1, a2] = [a1, a2].map(|a| V::load(a.as_ptr().add(i * width + j)));
                let u1 = V::load(u.as_ptr().add(first * width + j));
                let g1 = V::load(g.add(first * stride));
                let slope = a2.multiply(u1);
                a1.multiply(u1).store(h.add(first * stride));
                let mut at_u = slope.multiply(g1);
                let mut at_u1 = a1.multiply(g1);
                if bend != Bend::First {
                    let a3 = V::load(a3.as_ptr().add(i * width + j));
                    let g2 = V::load(g.add(second * stride));
                    let mut h2 = slope.multiply(u1);
                    let mut bent = a3.multiply(u1).multiply(u1);
                    if bend == Bend::Second {
                        let u2 = V::load(u.as_ptr().add(second * width + j));
                        h2 = h2.add(a1.multiply(u2));
                        bent = bent.add(a2.multiply(u2));
                    }
                    h2.store(h.add(second * stride));
                    at_u = at_u.add(bent.multiply(g2));
                    at_u1 = at_u1.add(slope.add(slope).multiply(g2));
                    a1.multiply(g2).store(g.add(second * stride));
                }
                at_u1.store(g.add(first * stride));
                V::load(g.add(i * stride)).add(at_u).store(g.add(i * stride));
            }
        }
    }
}

fn backward_twin(rows: Rows, a1: &[f32], a2: &[f32], a3: &[f32], u: &[f32], g: &mut [f32], h: &mut [f32]) {
    rows.check([a1, a2, a3], u, [&*g, &*h]);
    let Rows { points: n, directions, width, stride, bend } = rows;
    values_twin(n, width, stride, a1, g);
    for row in 0..directions * n {
        let (i, first, second) = (row % n, n + row, n + directions * n + row);
        for j in 0..width {
            let [a1, a2, a3] = [a1, a2, a3].map(|a| a[i * width + j]);
            let (u1, g1) = (u[first * width + j], g[first * stride + j]);
            h[first * stride + j] = a1 * u1;
            let mut at_u = a2 * u1 * g1;
            let mut at_u1 = a1 * g1;
            if bend != Bend::First {
                let g2 = g[second * stride + j];
                let (mut h2, mut bent) = (a2 * u1 * u1, a3 * u1 * u1);
                if bend == Bend::Second {
                    let u2 = u[second * width + j];
                    h2 += a1 * u2;
                    bent += a2 * u2;
                }
                h[second * stride + j] = h2;
                at_u += bent * g2;
                at_u1 += (a2 * u1 + a2 * u1) * g2;
                g[second * stride + j] = a1 * g2;
            }
            g[first * stride + j] = at_u1;
            g[i * stride + j] += at_u;
        }
    }
}

registers! {
    /// [`backward`] where there are no derivatives: g = a′g.
    pub(super) fn values_backward(points: usize, width: usize, stride: usize, a1: &[f32], g: &mut [f32]) = values_body, or values_twin;
}

fn check_values(points: usize, width: usize, stride: usize, a1: &[f32], g: &[f32]) {
    let fits = a1.len() >= points * width && g.len() >= points * stride && width <= stride && width.is_multiple_of(16);
    assert!(fits, "chain: {points} rows of {width}");
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn values_body<V: Lanes>(points: usize, width: usize, stride: usize, a1: &[f32], g: &mut [f32]) {
    check_values(points, width, stride, a1, g);
    for i in 0..points {
        for j in (0..width).step_by(V::WIDTH) {
            // SAFETY: j + V::WIDTH ≤ width, since it divides 16, which divides the width; i is a row that `check_values` found.
            unsafe {
                let g = g.as_mut_ptr().add(i * stride + j);
                V::load(a1.as_ptr().add(i * width + j)).multiply(V::load(g)).store(g);
            }
        }
    }
}

fn values_twin(points: usize, width: usize, stride: usize, a1: &[f32], g: &mut [f32]) {
    check_values(points, width, stride, a1, g);
    for (g, a1) in g.chunks_mut(stride).zip(a1.chunks_exact(width)).take(points) {
        g.iter_mut().zip(a1).for_each(|(g, a1)| *g *= a1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{Simd, available};
    use crate::philox::tests::normals;

    #[test]
    fn every_variant_gives_the_bits_of_the_portable_twin() {
        for (bend, order) in [(Bend::First, 1), (Bend::Flat, 2), (Bend::Second, 2)] {
            for (points, directions, width, stride) in [(5, 3, 48, 80), (1, 1, 16, 16), (4, 0, 32, 48)] {
                let rows = Rows { points, directions, width, stride, bend };
                let all = points * (1 + order * directions);
                let [a1, a2, a3] = [1, 2, 3].map(|step| normals(step, points * width));
                let u = normals(4, all * width);
                let run = |simd| {
                    let (mut ahead, mut back, mut g) =
                        (normals(5, all * stride), normals(5, all * stride), normals(6, all * stride));
                    forward(simd, rows, &a1, &a2, &u, &mut ahead);
                    backward(simd, rows, &a1, &a2, &a3, &u, &mut g, &mut back);
                    assert_eq!(ahead, back);
                    let mut values = g.clone();
                    values_backward(simd, points, width, stride, &a1, &mut values);
                    [ahead, g, values]
                };
                for &simd in available() {
                    assert!(run(simd) == run(Simd::PORTABLE), "{simd}");
                }
            }
        }
    }
}
