//! C = Aᵀ·B or C += Aᵀ·B, a sum of outer products of rows: the gradient of a layer's weights from a block of rows.
//!
//! A tile of C stays in registers while the sum runs over the rows, in order.

use crate::matrix::lanes::{Lanes, registers};
use crate::matrix::rows::{Rows, RowsMut};

/// What a sum begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    Zero,
    /// What is already there.
    There,
}

registers! {
    /// `c` `[k, w]` = `a` `[r, k]`ᵀ · `b` `[r, w]`, or `c` + that, with w a multiple of 16.
    ///
    /// # Panics
    /// If the shapes differ.
    pub(crate) fn outer(begin: Begin, a: Rows<'_>, b: Rows<'_>, c: RowsMut<'_>) = over_panels, or portable;
}

fn check(a: Rows<'_>, b: Rows<'_>, c: &RowsMut<'_>) {
    let fits = a.cols() == c.rows() && b.cols() == c.cols() && a.rows() == b.rows() && b.cols().is_multiple_of(16);
    assert!(fits, "outer: {}×{} transposed by {}×{}", a.rows(), a.cols(), b.rows(), b.cols());
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn over_panels<V: Lanes>(begin: Begin, a: Rows<'_>, b: Rows<'_>, mut c: RowsMut<'_>) {
    check(a, b, &c);
    let c_stride = c.stride();
    let mut first = 0;
    while first < b.cols() {
        let vectors = ((b.cols() - first) / V::WIDTH).min(if V::WIDTH == 4 { 4 } else { 2 });
        let (from, to) = (b.as_ptr().wrapping_add(first), c.as_mut_ptr().wrapping_add(first));
        // SAFETY: `check` found c as high as a is wide and as wide as b, of which `vectors` registers from column `first` on are left.
        unsafe {
            match vectors {
                1 => over_rows::<V, 1>(begin, a, from, b.stride(), to, c_stride),
                2 => over_rows::<V, 2>(begin, a, from, b.stride(), to, c_stride),
                _ => over_rows::<V, 4>(begin, a, from, b.stride(), to, c_stride),
            }
        }
        first += vectors * V::WIDTH;
    }
}

/// # Safety
/// V's instruction set; `b` has as many rows as `a`, and `c` as many as `a` has columns, of N registers each.
#[inline(always)]
unsafe fn over_rows<V: Lanes, const N: usize>(
    begin: Begin,
    a: Rows<'_>,
    b: *const f32,
    b_stride: usize,
    c: *mut f32,
    c_stride: usize,
) {
    let (rows, a_stride) = (a.rows(), a.stride());
    let mut i = 0;
    while i < a.cols() {
        let left = a.cols() - i;
        let (from, to) = (a.as_ptr().wrapping_add(i), c.wrapping_add(i * c_stride));
        // SAFETY: at least as many columns of a are left as the tile has rows.
        unsafe {
            if V::ROWS >= 12 && left >= 12 {
                tile::<V, 12, N>(begin, rows, from, a_stride, b, b_stride, to, c_stride);
                i += 12;
            } else if V::ROWS >= 8 && left >= 8 {
                tile::<V, 8, N>(begin, rows, from, a_stride, b, b_stride, to, c_stride);
                i += 8;
            // Eight are 4 and 4: two rows alone wait for each of their additions.
            } else if V::ROWS < 8 && left >= 6 && left != 8 {
                tile::<V, 6, N>(begin, rows, from, a_stride, b, b_stride, to, c_stride);
                i += 6;
            } else if left >= 4 {
                tile::<V, 4, N>(begin, rows, from, a_stride, b, b_stride, to, c_stride);
                i += 4;
            } else if left >= 2 {
                tile::<V, 2, N>(begin, rows, from, a_stride, b, b_stride, to, c_stride);
                i += 2;
            } else {
                tile::<V, 1, N>(begin, rows, from, a_stride, b, b_stride, to, c_stride);
                i += 1;
            }
        }
    }
}

/// # Safety
/// V's instruction set; `a` has `rows` rows of M, `b` as many of N registers, `c` M rows of N registers.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "three matrices")]
unsafe fn tile<V: Lanes, const M: usize, const N: usize>(
    begin: Begin,
    rows: usize,
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    b_stride: usize,
    c: *mut f32,
    c_stride: usize,
) {
    // SAFETY: i < M, p < rows and v < N, so every address is inside what the caller promises.
    unsafe {
        let mut sum = [[V::splat(0.0); N]; M];
        if begin == Begin::There {
            for (i, row) in sum.iter_mut().enumerate() {
                for (v, s) in row.iter_mut().enumerate() {
                    *s = V::load(c.add(i * c_stride + v * V::WIDTH));
                }
            }
        }
        for p in 0..rows {
            let mut right = [V::splat(0.0); N];
            for (v, r) in right.iter_mut().enumerate() {
                *r = V::load(b.add(p * b_stride + v * V::WIDTH));
            }
            for (i, row) in sum.iter_mut().enumerate() {
                let left = V::splat(*a.add(p * a_stride + i));
                for (s, r) in row.iter_mut().zip(right) {
                    *s = left.multiply_add(r, *s);
                }
            }
        }
        for (i, row) in sum.iter().enumerate() {
            for (v, s) in row.iter().enumerate() {
                s.store(c.add(i * c_stride + v * V::WIDTH));
            }
        }
    }
}

fn portable(begin: Begin, a: Rows<'_>, b: Rows<'_>, mut c: RowsMut<'_>) {
    check(a, b, &c);
    if begin == Begin::Zero {
        (0..c.rows()).for_each(|i| c.row(i).fill(0.0));
    }
    for p in 0..a.rows() {
        for (i, left) in a.row(p).iter().enumerate() {
            for (s, r) in c.row(i).iter_mut().zip(b.row(p)) {
                *s += left * r;
            }
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
        fn every_variant_is_the_sum_over_rows_begun_at_zero_or_at_what_is_there(
            rows in 0usize..40, inner in 1usize..40, panels in 1usize..6, gap in 0usize..20, step: u32,
        ) {
            let width = 16 * panels;
            let (a_stride, stride) = (inner + gap, width + gap);
            let (a, b, there) = (normals(step, rows * a_stride), normals(!step, rows * stride), normals(step ^ 1, inner * stride));
            for (&simd, begin) in available().iter().flat_map(|simd| [(simd, Begin::Zero), (simd, Begin::There)]) {
                let mut c = there.clone();
                let (left, right) = (Rows::new(&a, rows, inner, a_stride), Rows::new(&b, rows, width, stride));
                outer(simd, begin, left, right, RowsMut::new(&mut c, inner, width, stride));
                for (at, (&got, &there)) in c.iter().zip(&there).enumerate() {
                    let (i, j) = (at / stride, at % stride);
                    let terms = (0..rows).map(|r| f64::from(a[r * a_stride + i]) * f64::from(b[r * stride + j]));
                    let want = match begin {
                        _ if j >= width => there.into(),
                        Begin::Zero => terms.sum(),
                        Begin::There => f64::from(there) + terms.sum::<f64>(),
                    };
                    prop_assert!((f64::from(got) - want).abs() < 1e-4, "{simd}: {got}, not {want}");
                }
            }
        }
    }
}
