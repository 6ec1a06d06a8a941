//! The same maps for stride 2: F(4, 2) of the five even inputs, and the four odd ones as they are.
//!
//! ```text
//!      ⎡2 −1 −2  1  0⎤       ⎡ 1/2   0 ⎤
//!      ⎢0 −2 −1  1  0⎥       ⎢−1/2 −1/2⎥        ⎡1  1  1  1  0⎤
//! Bᵀ = ⎢0  2 −3  1  0⎥   G = ⎢−1/6  1/6⎥   Aᵀ = ⎢0  1 −1  2  0⎥
//!      ⎢0 −1  0  1  0⎥       ⎢ 1/6  1/3⎥        ⎢0  1  1  4  0⎥
//!      ⎣0  2 −1 −2  1⎦       ⎣  0    1 ⎦        ⎣0  1 −1  8  1⎦
//! ```

use super::{Side, more};
use crate::matrix::lanes::Lanes;

/// Bᵀ of the even inputs of a tile; then the odd ones.
pub(in super::super) struct Input;

impl Side<9, 9> for Input {
    #[inline(always)]
    unsafe fn map<V: Lanes>([d0, odd0, d1, odd1, d2, odd2, d3, odd3, d4]: [V; 9]) -> [V; 9] {
        // SAFETY: as the caller promises.
        unsafe {
            let apart = d3.subtract(d1);
            [
                more(2.0, d0.subtract(d2), apart),
                more(-2.0, d1, d3.subtract(d2)),
                more(2.0, d1, more(-3.0, d2, d3)),
                apart,
                more(-2.0, apart, d4.subtract(d2)),
                odd0,
                odd1,
                odd2,
                odd3,
            ]
        }
    }
}

/// B, of gradients by [`Input`].
pub(in super::super) struct InputAdjoint;

impl Side<9, 9> for InputAdjoint {
    #[inline(always)]
    unsafe fn map<V: Lanes>([v0, v1, v2, v3, v4, odd0, odd1, odd2, odd3]: [V; 9]) -> [V; 9] {
        // SAFETY: as the caller promises.
        unsafe {
            // What `apart` has.
            let apart = more(-2.0, v4, v0.add(v3));
            [
                v0.multiply(V::splat(2.0)),
                odd0,
                more(2.0, v2.subtract(v1), V::splat(0.0).subtract(apart)),
                odd1,
                more(-2.0, v0, more(-3.0, v2, V::splat(0.0).subtract(v1).subtract(v4))),
                odd2,
                apart.add(v1).add(v2),
                odd3,
                v4,
            ]
        }
    }
}

/// Aᵀ, of the products, and those of the odd inputs added.
pub(in super::super) struct Output;

impl Side<9, 4> for Output {
    #[inline(always)]
    unsafe fn map<V: Lanes>([m0, m1, m2, m3, m4, odd0, odd1, odd2, odd3]: [V; 9]) -> [V; 4] {
        // SAFETY: as the caller promises.
        unsafe {
            let (even, odd) = (m1.add(m2), m1.subtract(m2));
            [
                m0.add(even).add(m3.add(odd0)),
                more(2.0, m3, odd).add(odd1),
                more(4.0, m3, even).add(odd2),
                more(8.0, m3, odd).add(m4.add(odd3)),
            ]
        }
    }
}

/// A, of gradients by a tile of outputs.
pub(in super::super) struct OutputAdjoint;

impl Side<4, 9> for OutputAdjoint {
    #[inline(always)]
    unsafe fn map<V: Lanes>([y0, y1, y2, y3]: [V; 4]) -> [V; 9] {
        // SAFETY: as the caller promises.
        unsafe {
            let (even, odd) = (y0.add(y2), y1.add(y3));
            let at_two = more(2.0, more(4.0, y3, y1), more(4.0, y2, y0));
            [y0, even.add(odd), even.subtract(odd), at_two, y3, y0, y1, y2, y3]
        }
    }
}

/// G of the outer numbers of a filter; then the middle one.
pub(in super::super) struct Filter;

impl Side<3, 6> for Filter {
    #[inline(always)]
    unsafe fn map<V: Lanes>([g0, g1, g2]: [V; 3]) -> [V; 6] {
        // SAFETY: as the caller promises.
        unsafe {
            let half = g0.multiply(V::splat(0.5));
            let sixth = g0.multiply(V::splat(1.0 / 6.0));
            [
                half,
                more(-0.5, g2, V::splat(0.0).subtract(half)),
                more(1.0 / 6.0, g2, V::splat(0.0).subtract(sixth)),
                more(1.0 / 3.0, g2, sixth),
                g2,
                g1,
            ]
        }
    }
}

/// Gᵀ, of gradients by [`Filter`].
pub(in super::super) struct FilterAdjoint;

impl Side<6, 3> for FilterAdjoint {
    #[inline(always)]
    unsafe fn map<V: Lanes>([u0, u1, u2, u3, u4, u5]: [V; 6]) -> [V; 3] {
        // SAFETY: as the caller promises.
        unsafe {
            [
                more(0.5, u0.subtract(u1), u3.subtract(u2).multiply(V::splat(1.0 / 6.0))),
                u5,
                more(-0.5, u1, more(1.0 / 6.0, u2, more(1.0 / 3.0, u3, u4))),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{columns, transposed};
    use super::*;

    #[test]
    fn the_maps_are_the_matrices_and_their_adjoints() {
        let input = [
            [2.0, 0.0, -1.0, 0.0, -2.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, -2.0, 0.0, -1.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 2.0, 0.0, -3.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, 0.0, 2.0, 0.0, -1.0, 0.0, -2.0, 0.0, 1.0],
            [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        ];
        let output = [
            [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            [0.0, 1.0, -1.0, 2.0, 0.0, 0.0, 1.0, 0.0, 0.0],
            [0.0, 1.0, 1.0, 4.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            [0.0, 1.0, -1.0, 8.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        ];
        let (sixth, third) = (1.0 / 6.0, 1.0 / 3.0);
        let filter =
            [[0.5, 0.0, 0.0], [-0.5, 0.0, -0.5], [-sixth, 0.0, sixth], [sixth, 0.0, third], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]];
        assert_eq!(columns::<Input, 9, 9>(), transposed(input));
        assert_eq!(columns::<InputAdjoint, 9, 9>(), input);
        assert_eq!(columns::<Output, 9, 4>(), transposed(output));
        assert_eq!(columns::<OutputAdjoint, 4, 9>(), output);
        assert_eq!(columns::<Filter, 3, 6>(), transposed(filter));
        assert_eq!(columns::<FilterAdjoint, 6, 3>(), filter);
    }
}
