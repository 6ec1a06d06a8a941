//! A derivative of an activation at each number, or that times another number: y = f⁽ᵏ⁾(u), y = g·f⁽ᵏ⁾(u), k ≤ 3.
//!
//! k = 0 with k = 1 for its gradient is an activation; k = 1 with k = 2, and k = 2 with k = 3, are what the derivatives of a jet are
//! multiplied by. The formulas, and how exact they are, stand in `mlp/smooth.rs`; SiLU's value and slope are
//! those of `exponentials.rs`.

use crate::dispatch::{Simd, active, simd};
use crate::mlp::Activation;
use crate::mlp::smooth::{gelu, softplus, tanh};
use crate::pointwise::{Pointwise, Silu, each, over};
use crate::share::{SPAN, shares};
use rayon::prelude::*;

/// `y` = f⁽ᵏ⁾(`u`) for k = `order`.
///
/// # Panics
/// If the lengths differ, or k > 3.
pub fn derivative(f: Activation, order: usize, u: &[f32], y: &mut [f32]) {
    assert_eq!(u.len(), y.len(), "derivative: u and y");
    if !shares(u.len(), 400) {
        return run(active(), f, order, u, &[], y);
    }
    u.par_chunks(SPAN).zip(y.par_chunks_mut(SPAN)).for_each(|(u, y)| run(active(), f, order, u, &[], y));
}

/// `y` = `g`·f⁽ᵏ⁾(`u`) for k = `order`: the gradient of f⁽ᵏ⁻¹⁾(u) by u, given that by its value.
///
/// # Panics
/// If the lengths differ, or k > 3.
pub fn times_derivative(f: Activation, order: usize, u: &[f32], g: &[f32], y: &mut [f32]) {
    assert!(u.len() == y.len() && u.len() == g.len(), "times_derivative: u {}, g {}, y {}", u.len(), g.len(), y.len());
    if !shares(u.len(), 400) {
        return run(active(), f, order, u, g, y);
    }
    (u.par_chunks(SPAN), g.par_chunks(SPAN), y.par_chunks_mut(SPAN))
        .into_par_iter()
        .for_each(|(u, g, y)| run(active(), f, order, u, g, y));
}

/// The functions `NAME` of (u, g, y), and the choice among them.
macro_rules! functions {
    ($($activation:ident, $order:pat, $name:ident = $f:expr;)*) => {
        simd! {$(
            fn $name(u: &[f32], g: &[f32], y: &mut [f32]) = |u, g, y| span(u, g, y, $f);
        )*}

        fn run(simd: Simd, f: Activation, order: usize, u: &[f32], g: &[f32], y: &mut [f32]) {
            let of = match (f, order) {
                $((Activation::$activation, $order) => $name,)*
                (_, order) => panic!("derivative {order} of {f:?}"),
            };
            of(simd, u, g, y);
        }
    };
}

functions! {
    Silu, 0, silu_0 = Silu::<FUSED, 0>(GRANTED);
    Silu, 1, silu_1 = Silu::<FUSED, 1>(GRANTED);
    Silu, 2, silu_2 = Silu::<FUSED, 2>(GRANTED);
    Silu, 3, silu_3 = Silu::<FUSED, 3>(GRANTED);
    Softplus, 0, softplus_0 = |u| softplus::<FUSED>(u)[0];
    Softplus, 1, softplus_1 = |u| softplus::<FUSED>(u)[1];
    Softplus, 2, softplus_2 = |u| softplus::<FUSED>(u)[2];
    Softplus, 3, softplus_3 = |u| softplus::<FUSED>(u)[3];
    Tanh, 0, tanh_0 = |u| tanh::<FUSED>(u)[0];
    Tanh, 1, tanh_1 = |u| tanh::<FUSED>(u)[1];
    Tanh, 2, tanh_2 = |u| tanh::<FUSED>(u)[2];
    Tanh, 3, tanh_3 = |u| tanh::<FUSED>(u)[3];
    Gelu, 0, gelu_0 = |u| gelu::<FUSED>(u)[0];
    Gelu, 1, gelu_1 = |u| gelu::<FUSED>(u)[1];
    Gelu, 2, gelu_2 = |u| gelu::<FUSED>(u)[2];
    Gelu, 3, gelu_3 = |u| gelu::<FUSED>(u)[3];
}

#[inline(always)]
fn span(u: &[f32], g: &[f32], y: &mut [f32], f: impl Pointwise<f32>) {
    if g.is_empty() {
        each(u, y, f);
    } else {
        over([u, g], y, |[u, _]| u, f, |[_, g], y| g * y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::available;
    use crate::philox::tests::normals;
    use proptest::prelude::*;

    const ALL: [Activation; 4] = [Activation::Silu, Activation::Softplus, Activation::Tanh, Activation::Gelu];

    proptest! {
        #[test]
        fn every_variant_is_the_portable_twin_to_rounding_and_those_that_fuse_agree(n in 0usize..200, order in 0usize..4, step: u32) {
            let (u, g) = (normals(step, n), normals(!step, n));
            for f in ALL {
                for g in [&g[..0], &g[..]] {
                    let all = |simd| {
                        let mut y = vec![0.0f32; n];
                        run(simd, f, order, &u, g, &mut y);
                        y
                    };
                    for &simd in &available()[1..] {
                        let got = all(simd);
                        prop_assert_eq!(&got, &all(available()[1]), "{} {:?}", simd, f);
                        for (i, (got, want)) in got.iter().zip(all(Simd::PORTABLE)).enumerate() {
                            // No term of any of them exceeds 6(1 + |u|).
                            let size = 6.0 * (1.0 + u[i].abs()) * g.get(i).map_or(1.0, |g| g.abs());
                            prop_assert!((got - want).abs() <= 4.0 * f32::EPSILON * size, "{} {:?}: {} not {}", simd, f, got, want);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_number_gives_the_same_bits_wherever_it_stands() {
        // A block of 64, two of 8, and single ones.
        let u: Vec<f32> = normals(7, 85).iter().map(|u| 12.0 * u).collect();
        for &simd in available() {
            for f in ALL {
                for order in 0..4 {
                    let (mut all, mut alone) = (vec![0.0f32; u.len()], vec![0.0f32; u.len()]);
                    run(simd, f, order, &u, &[], &mut all);
                    for (u, y) in u.chunks(1).zip(alone.chunks_mut(1)) {
                        run(simd, f, order, u, &[], y);
                    }
                    assert!(all.iter().zip(&alone).all(|(a, b)| a.to_bits() == b.to_bits()), "{simd}, {f:?}, {order}");
                }
            }
        }
    }

    #[test]
    fn each_derivative_is_the_slope_of_the_one_before() {
        let u: Vec<f32> = (-300..=300).map(|i| 0.02 * i as f32).collect();
        let h = 1e-2f32;
        for f in ALL {
            let at = |order: usize, shift: f32| {
                let moved: Vec<f32> = u.iter().map(|u| u + shift).collect();
                let mut y = vec![0.0; u.len()];
                derivative(f, order, &moved, &mut y);
                y
            };
            for order in 1..4 {
                let (low, high, slope) = (at(order - 1, -h), at(order - 1, h), at(order, 0.0));
                for ((low, high), slope) in low.iter().zip(&high).zip(&slope) {
                    assert!(((high - low) / (2.0 * h) - slope).abs() < 4e-4, "{f:?}, {order}");
                }
            }
        }
    }
}
