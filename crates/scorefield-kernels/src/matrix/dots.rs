//! C = s + A·Bᵀ for a B of few rows, number by number a scalar product: a network's last layer, from many numbers to one or two.
//!
//! The products of a row are summed lane by lane along the row and the lanes last, so the order depends on the row's length only.

use crate::matrix::lanes::{Lanes, registers};
use crate::matrix::rows::{Rows, RowsMut};

/// The most columns for which this beats a tile that is mostly empty.
pub(crate) const FEW: usize = 4;

registers! {
    /// `c` `[r, n]` = `start` `[n]` in each row + `a` `[r, k]` · `b` `[n, k]`ᵀ, with n ≤ [`FEW`] and k a multiple of 16.
    ///
    /// # Panics
    /// If the shapes differ.
    pub(crate) fn dots(a: Rows<'_>, b: Rows<'_>, start: &[f32], c: RowsMut<'_>) = over_rows, or portable;
}

fn check(a: Rows<'_>, b: Rows<'_>, start: &[f32], c: &RowsMut<'_>) {
    let fits = a.cols() == b.cols() && a.rows() == c.rows() && b.rows() == c.cols() && start.len() >= b.rows();
    assert!(fits && b.rows() <= FEW && a.cols().is_multiple_of(16), "dots: {}×{} by {}", a.rows(), a.cols(), b.rows());
}

/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn over_rows<V: Lanes>(a: Rows<'_>, b: Rows<'_>, start: &[f32], mut c: RowsMut<'_>) {
    check(a, b, start, &c);
    let mut i = 0;
    while i < a.rows() {
        // SAFETY: i + M ≤ a.rows(), and `check` found the shapes to fit.
        unsafe {
            if a.rows() - i >= 4 {
                some::<V, 4>(i, a, b, start, &mut c);
                i += 4;
            } else {
                some::<V, 1>(i, a, b, start, &mut c);
                i += 1;
            }
        }
    }
}

/// Rows i to i + M.
///
/// # Safety
/// V's instruction set; i + M ≤ a.rows(); shapes as [`check`] wants them.
#[inline(always)]
unsafe fn some<V: Lanes, const M: usize>(i: usize, a: Rows<'_>, b: Rows<'_>, start: &[f32], c: &mut RowsMut<'_>) {
    for (j, &s) in start[..b.rows()].iter().enumerate() {
        // SAFETY: i + m < a.rows(), j < b.rows(), and whole registers, since 16 divides the common length of the rows.
        unsafe {
            let right = b.as_ptr().add(j * b.stride());
            let mut sum = [V::splat(0.0); M];
            let mut p = 0;
            while p < a.cols() {
                let r = V::load(right.add(p));
                for (m, sum) in sum.iter_mut().enumerate() {
                    *sum = V::load(a.as_ptr().add((i + m) * a.stride() + p)).multiply_add(r, *sum);
                }
                p += V::WIDTH;
            }
            for (m, sum) in sum.into_iter().enumerate() {
                c.row(i + m)[j] = s + sum.sum();
            }
        }
    }
}

fn portable(a: Rows<'_>, b: Rows<'_>, start: &[f32], mut c: RowsMut<'_>) {
    check(a, b, start, &c);
    for i in 0..a.rows() {
        for (j, c) in c.row(i).iter_mut().enumerate() {
            *c = start[j] + crate::lanes::sum2(a.row(i), b.row(j), |a, b| a * b);
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
        fn every_variant_is_the_scalar_product_of_rows(rows in 0usize..20, few in 1usize..=FEW, sixteens in 0usize..8, step: u32) {
            let k = 16 * sixteens;
            let (a, b, start) = (normals(step, rows * (k + 16)), normals(!step, few * k), normals(step ^ 1, few));
            for &simd in available() {
                let mut c = vec![7.0; rows * 5];
                let left = Rows::new(&a, rows, k, k + 16);
                dots(simd, left, Rows::new(&b, few, k, k), &start, RowsMut::new(&mut c, rows, few, 5));
                for (at, &got) in c.iter().enumerate() {
                    let (i, j) = (at / 5, at % 5);
                    let want = if j < few {
                        let terms = (0..k).map(|p| f64::from(a[i * (k + 16) + p]) * f64::from(b[j * k + p]));
                        f64::from(start[j]) + terms.sum::<f64>()
                    } else {
                        7.0
                    };
                    prop_assert!((f64::from(got) - want).abs() < 1e-4, "{simd}: {got}, not {want}");
                }
            }
        }
    }
}
