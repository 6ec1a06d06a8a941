//! The six linear maps of F(4, 3) along one side of a tile, and their two-sided form x ↦ S x Sᵀ.
//!
//! ```text
//!      ⎡4  0 −5  0  1  0⎤        ⎡ 1/4    0    0 ⎤
//!      ⎢0 −4 −4  1  1  0⎥        ⎢−1/6 −1/6 −1/6⎥        ⎡1  1  1  1  1  0⎤
//! Bᵀ = ⎢0  4 −4 −1  1  0⎥    G = ⎢−1/6  1/6 −1/6⎥   Aᵀ = ⎢0  1 −1  2 −2  0⎥
//!      ⎢0 −2 −1  2  1  0⎥        ⎢1/24 1/12  1/6⎥        ⎢0  1  1  4  4  0⎥
//!      ⎢0  2 −1 −2  1  0⎥        ⎢1/24−1/12  1/6⎥        ⎣0  1 −1  8 −8  1⎦
//!      ⎣0  4  0 −5  0  1⎦        ⎣  0    0    1 ⎦
//! ```
//!
//! Rows 1 and 2, and 3 and 4, belong to points ±1 and ±2: their even and odd parts are computed once for both.

pub(super) mod halves;

use crate::matrix::lanes::Lanes;

/// A linear map of I numbers to O, in each lane of registers.
pub(super) trait Side<const I: usize, const O: usize> {
    /// # Safety
    /// The processor has V's instruction set.
    unsafe fn map<V: Lanes>(x: [V; I]) -> [V; O];
}

/// S x Sᵀ.
///
/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
pub(super) unsafe fn square<S: Side<I, O>, V: Lanes, const I: usize, const O: usize>(x: [[V; I]; I]) -> [[V; O]; O] {
    // SAFETY: as the caller promises.
    unsafe {
        // x Sᵀ, then S of its columns.
        let mut half = [[V::splat(0.0); O]; I];
        for (half, x) in half.iter_mut().zip(x) {
            *half = S::map(x);
        }
        let mut whole = [[V::splat(0.0); O]; O];
        for j in 0..O {
            let mut column = [V::splat(0.0); I];
            for i in 0..I {
                column[i] = half[i][j];
            }
            let column = S::map(column);
            for i in 0..O {
                whole[i][j] = column[i];
            }
        }
        whole
    }
}

/// `by`·x + y.
///
/// # Safety
/// The processor has V's instruction set.
#[inline(always)]
unsafe fn more<V: Lanes>(by: f32, x: V, y: V) -> V {
    // SAFETY: as the caller promises.
    unsafe { x.multiply_add(V::splat(by), y) }
}

/// Bᵀ, of the inputs of a tile.
pub(super) struct Input;

impl Side<6, 6> for Input {
    #[inline(always)]
    unsafe fn map<V: Lanes>([d0, d1, d2, d3, d4, d5]: [V; 6]) -> [V; 6] {
        // SAFETY: as the caller promises.
        unsafe {
            let (even, odd) = (more(-4.0, d2, d4), more(-4.0, d1, d3));
            let (even2, odd2) = (d4.subtract(d2), d3.subtract(d1));
            [
                more(4.0, d0, more(-5.0, d2, d4)),
                even.add(odd),
                even.subtract(odd),
                more(2.0, odd2, even2),
                more(-2.0, odd2, even2),
                more(4.0, d1, more(-5.0, d3, d5)),
            ]
        }
    }
}

/// B, of gradients by Bᵀ d B.
pub(super) struct InputAdjoint;

impl Side<6, 6> for InputAdjoint {
    #[inline(always)]
    unsafe fn map<V: Lanes>([v0, v1, v2, v3, v4, v5]: [V; 6]) -> [V; 6] {
        // SAFETY: as the caller promises.
        unsafe {
            let (even, odd, even2, odd2) = (v1.add(v2), v1.subtract(v2), v3.add(v4), v3.subtract(v4));
            [
                v0.multiply(V::splat(4.0)),
                more(-4.0, odd.subtract(v5), odd2.multiply(V::splat(-2.0))),
                more(-5.0, v0, more(-4.0, even, V::splat(0.0).subtract(even2))),
                more(-5.0, v5, more(2.0, odd2, odd)),
                v0.add(even).add(even2),
                v5,
            ]
        }
    }
}

/// Aᵀ, of the products.
pub(super) struct Output;

impl Side<6, 4> for Output {
    #[inline(always)]
    unsafe fn map<V: Lanes>([m0, m1, m2, m3, m4, m5]: [V; 6]) -> [V; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let (even, odd, even2, odd2) = (m1.add(m2), m1.subtract(m2), m3.add(m4), m3.subtract(m4));
            [m0.add(even).add(even2), more(2.0, odd2, odd), more(4.0, even2, even), more(8.0, odd2, odd).add(m5)]
        }
    }
}

/// A, of gradients by a tile of outputs.
pub(super) struct OutputAdjoint;

impl Side<4, 6> for OutputAdjoint {
    #[inline(always)]
    unsafe fn map<V: Lanes>([y0, y1, y2, y3]: [V; 4]) -> [V; 6] {
        // SAFETY: as the caller promises.
        unsafe {
            let (even, odd) = (y0.add(y2), y1.add(y3));
            // Half of the odd part, so that it enters with ±2.
            let (even2, odd2) = (more(4.0, y2, y0), more(4.0, y3, y1));
            [y0, even.add(odd), even.subtract(odd), more(2.0, odd2, even2), more(-2.0, odd2, even2), y3]
        }
    }
}

/// G, of a filter.
pub(super) struct Filter;

impl Side<3, 6> for Filter {
    #[inline(always)]
    unsafe fn map<V: Lanes>([g0, g1, g2]: [V; 3]) -> [V; 6] {
        // SAFETY: as the caller promises.
        unsafe {
            let even = g0.add(g2).multiply(V::splat(-1.0 / 6.0));
            let even2 = more(1.0 / 24.0, g0, g2.multiply(V::splat(1.0 / 6.0)));
            [
                g0.multiply(V::splat(0.25)),
                more(-1.0 / 6.0, g1, even),
                more(1.0 / 6.0, g1, even),
                more(1.0 / 12.0, g1, even2),
                more(-1.0 / 12.0, g1, even2),
                g2,
            ]
        }
    }
}

/// Gᵀ, of gradients by G g Gᵀ.
pub(super) struct FilterAdjoint;

impl Side<6, 3> for FilterAdjoint {
    #[inline(always)]
    unsafe fn map<V: Lanes>([u0, u1, u2, u3, u4, u5]: [V; 6]) -> [V; 3] {
        // SAFETY: as the caller promises.
        unsafe {
            let (even, odd, even2, odd2) = (u1.add(u2), u2.subtract(u1), u3.add(u4), u3.subtract(u4));
            [
                more(0.25, u0, more(-1.0 / 6.0, even, even2.multiply(V::splat(1.0 / 24.0)))),
                more(1.0 / 6.0, odd, odd2.multiply(V::splat(1.0 / 12.0))),
                more(1.0 / 6.0, even2.subtract(even), u5),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::lanes::Plain;

    /// Columns of the map's matrix: its images of the unit vectors.
    pub(super) fn columns<S: Side<I, O>, const I: usize, const O: usize>() -> [[f32; O]; I] {
        std::array::from_fn(|j| {
            // SAFETY: `Plain` asks for no instruction set, and its stores have 16 numbers.
            unsafe {
                let y = S::map(std::array::from_fn(|i| Plain::splat(if i == j { 1.0 } else { 0.0 })));
                y.map(|y| {
                    let mut lanes = [0.0; 16];
                    y.store(lanes.as_mut_ptr());
                    lanes[0]
                })
            }
        })
    }

    pub(super) fn transposed<const I: usize, const O: usize>(m: [[f32; O]; I]) -> [[f32; I]; O] {
        std::array::from_fn(|i| std::array::from_fn(|j| m[j][i]))
    }

    #[test]
    fn the_maps_are_the_matrices_of_the_paper_and_their_adjoints() {
        let input = [
            [4.0, 0.0, -5.0, 0.0, 1.0, 0.0],
            [0.0, -4.0, -4.0, 1.0, 1.0, 0.0],
            [0.0, 4.0, -4.0, -1.0, 1.0, 0.0],
            [0.0, -2.0, -1.0, 2.0, 1.0, 0.0],
            [0.0, 2.0, -1.0, -2.0, 1.0, 0.0],
            [0.0, 4.0, 0.0, -5.0, 0.0, 1.0],
        ];
        let output = [
            [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
            [0.0, 1.0, -1.0, 2.0, -2.0, 0.0],
            [0.0, 1.0, 1.0, 4.0, 4.0, 0.0],
            [0.0, 1.0, -1.0, 8.0, -8.0, 1.0],
        ];
        let (a, b, c) = (1.0 / 6.0, 1.0 / 12.0, 1.0 / 24.0);
        let filter = [[0.25, 0.0, 0.0], [-a, -a, -a], [-a, a, -a], [c, b, a], [c, -b, a], [0.0, 0.0, 1.0]];
        assert_eq!(columns::<Input, 6, 6>(), transposed(input));
        assert_eq!(columns::<InputAdjoint, 6, 6>(), input);
        assert_eq!(columns::<Output, 6, 4>(), transposed(output));
        assert_eq!(columns::<OutputAdjoint, 4, 6>(), output);
        assert_eq!(columns::<Filter, 3, 6>(), transposed(filter));
        assert_eq!(columns::<FilterAdjoint, 6, 3>(), filter);
    }
}
