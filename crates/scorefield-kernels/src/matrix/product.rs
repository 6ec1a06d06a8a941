//! C = s + A·B, the product of rows with packed weights: the forward pass of a layer, and with Wᵀ the pass of its gradient back.
//!
//! A tile of C, some rows by one panel of B, stays in registers while k runs over the whole inner dimension. Every number of C is
//! ((s + a₀b₀) + a₁b₁) + …, one fused multiply-add a step, whatever the size of its tile: a row's result does not depend on its
//! neighbours.

use crate::matrix::lanes::{Lanes, registers};
use crate::matrix::pack::Panels;
use crate::matrix::rows::{Rows, RowsMut};

registers! {
    /// `c` `[r, w]` = `start` `[w]` in each row + `a` `[r, k]` · `b` `[k, w]`.
    ///
    /// # Panics
    /// If the shapes differ.
    pub(crate) fn product(a: Rows<'_>, b: Panels<'_>, start: &[f32], c: RowsMut<'_>) = over_panels, or portable;
}

/// Steps of the sum in one turn of its loop.
const STEPS: usize = 4;

fn check(a: Rows<'_>, b: Panels<'_>, start: &[f32], c: &RowsMut<'_>) {
    let fits = a.cols() == b.inner() && c.cols() == b.width() && start.len() == b.width() && a.rows() == c.rows();
    assert!(fits, "product: {}×{} by {}×{}", a.rows(), a.cols(), b.inner(), b.width());
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn over_panels<V: Lanes>(a: Rows<'_>, b: Panels<'_>, start: &[f32], mut c: RowsMut<'_>) {
    check(a, b, start, &c);
    let c_stride = c.stride();
    for (cols, panel) in b.panels() {
        let to = c.as_mut_ptr().wrapping_add(cols.start);
        // SAFETY: `check` found a's rows as long as the panel, and c and `start` as wide as all panels together, of which this one has
        // as many registers as the arm says. `Rows` and `RowsMut` hold what they say.
        unsafe {
            let start = start.as_ptr().add(cols.start);
            match cols.len() / V::WIDTH {
                1 => over_rows::<V, 1>(a, panel.as_ptr(), start, to, c_stride),
                2 => over_rows::<V, 2>(a, panel.as_ptr(), start, to, c_stride),
                4 => over_rows::<V, 4>(a, panel.as_ptr(), start, to, c_stride),
                _ => unreachable!("panels have 16 or 32 columns"),
            }
        }
    }
}

/// # Safety
/// V's instruction set; `panel` has `a.cols()` times N registers, `start` N registers, `c` as many rows as `a`, of N registers each.
#[inline(always)]
unsafe fn over_rows<V: Lanes, const N: usize>(a: Rows<'_>, panel: *const f32, start: *const f32, c: *mut f32, c_stride: usize) {
    let (k, a_stride) = (a.cols(), a.stride());
    let mut i = 0;
    while i < a.rows() {
        let left = a.rows() - i;
        let (from, to) = (a.as_ptr().wrapping_add(i * a_stride), c.wrapping_add(i * c_stride));
        // SAFETY: at least as many rows are left as the tile has.
        unsafe {
            if V::ROWS >= 12 && left >= 12 {
                tile::<V, 12, N>(k, from, a_stride, panel, start, to, c_stride);
                i += 12;
            } else if V::ROWS >= 8 && left >= 8 {
                tile::<V, 8, N>(k, from, a_stride, panel, start, to, c_stride);
                i += 8;
            // Eight are 4 and 4: two rows alone wait for each of their additions.
            } else if V::ROWS < 8 && left >= 6 && left != 8 {
                tile::<V, 6, N>(k, from, a_stride, panel, start, to, c_stride);
                i += 6;
            } else if left >= 4 {
                tile::<V, 4, N>(k, from, a_stride, panel, start, to, c_stride);
                i += 4;
            } else if left >= 2 {
                tile::<V, 2, N>(k, from, a_stride, panel, start, to, c_stride);
                i += 2;
            } else {
                tile::<V, 1, N>(k, from, a_stride, panel, start, to, c_stride);
                i += 1;
            }
        }
    }
}

/// # Safety
/// V's instruction set; `a` has M rows of `k`, `b` k rows of N registers one after the other, `start` N registers, `c` M rows of N
/// registers.
#[inline(always)]
unsafe fn tile<V: Lanes, const M: usize, const N: usize>(
    k: usize,
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    start: *const f32,
    c: *mut f32,
    c_stride: usize,
) {
    // SAFETY: i < M, p < k and v < N, so every address is inside what the caller promises.
    unsafe {
        let mut sum = [[V::splat(0.0); N]; M];
        for row in &mut sum {
            for (v, s) in row.iter_mut().enumerate() {
                *s = V::load(start.add(v * V::WIDTH));
            }
        }
        // One pointer a row and four steps a turn: the addresses are constants beside them, and the adds are not where the time goes.
        let rows: [*const f32; M] = std::array::from_fn(|i| a.wrapping_add(i * a_stride));
        let mut step = |p: usize| {
            let mut right = [V::splat(0.0); N];
            for (v, r) in right.iter_mut().enumerate() {
                *r = V::load(b.add((p * N + v) * V::WIDTH));
            }
            for (row, a) in sum.iter_mut().zip(rows) {
                let left = V::splat(*a.add(p));
                for (s, r) in row.iter_mut().zip(right) {
                    *s = left.multiply_add(r, *s);
                }
            }
        };
        let turns = k / STEPS * STEPS;
        for p in (0..turns).step_by(STEPS) {
            for q in 0..STEPS {
                step(p + q);
            }
        }
        for p in turns..k {
            step(p);
        }
        for (i, row) in sum.iter().enumerate() {
            for (v, s) in row.iter().enumerate() {
                s.store(c.add(i * c_stride + v * V::WIDTH));
            }
        }
    }
}

fn portable(a: Rows<'_>, b: Panels<'_>, start: &[f32], mut c: RowsMut<'_>) {
    check(a, b, start, &c);
    for (cols, panel) in b.panels() {
        let (steps, _) = panel.as_chunks::<16>();
        for i in 0..a.rows() {
            let mut sum = [0.0f32; 16];
            sum.copy_from_slice(&start[cols.clone()]);
            for (left, right) in a.row(i).iter().zip(steps) {
                for (s, r) in sum.iter_mut().zip(right) {
                    *s += left * r;
                }
            }
            c.row(i)[cols.clone()].copy_from_slice(&sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::available;
    use crate::philox::tests::normals;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_variant_is_the_sum_over_the_inner_dimension_and_a_row_does_not_see_its_neighbours(
            rows in 1usize..40, inner in 0usize..70, panels in 1usize..6, gap in 0usize..20, step: u32,
        ) {
            let (width, a_stride) = (16 * panels, inner + gap);
            let (a, w, start) = (normals(step, rows * a_stride), normals(!step, inner * width), normals(step ^ 1, width));
            for &simd in available() {
                let mut packed = vec![0.0; inner * width];
                if inner > 0 {
                    crate::matrix::pack::pack(simd, &w, width, width, &mut packed);
                }
                let b = Panels::new(simd, &packed, inner, width);
                let (mut c, stride) = (vec![7.0; rows * (width + gap)], width + gap);
                product(simd, Rows::new(&a, rows, inner, a_stride), b, &start, RowsMut::new(&mut c, rows, width, stride));
                for i in 0..rows {
                    for j in 0..width {
                        let terms = (0..inner).map(|k| f64::from(a[i * a_stride + k]) * f64::from(w[k * width + j]));
                        let want = f64::from(start[j]) + terms.sum::<f64>();
                        prop_assert!((f64::from(c[i * stride + j]) - want).abs() < 1e-4, "{simd}: {}, not {want}", c[i * stride + j]);
                    }
                    prop_assert!(c[i * stride + width..][..gap].iter().all(|&c| c == 7.0), "written between rows");
                    let mut alone = vec![0.0; width];
                    let row = Rows::new(&a[i * a_stride..], 1, inner, a_stride);
                    product(simd, row, b, &start, RowsMut::new(&mut alone, 1, width, width));
                    prop_assert_eq!(&alone, &c[i * stride..][..width]);
                }
            }
        }
    }
}
