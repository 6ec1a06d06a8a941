//! What is done to every parameter after a gradient: AdamW, the moving average, and the norm that clipping needs.
//!
//! AdamW is Adam (Kingma & Ba 2015) with decoupled weight decay (Loshchilov & Hutter 2019, Algorithm 2, with the learning rate in front
//! of the decay too, as PyTorch has it). With ĝ = c·g, c the gradient's scale:
//!
//! m ← β₁m + (1 − β₁)ĝ,  v ← β₂v + (1 − β₂)ĝ²,  p ← p − η·λ·p − η·(m/(1 − β₁ᵗ)) / (√(v/(1 − β₂ᵗ)) + ε).

use crate::dispatch::{active, simd};
use crate::share::{SPAN, shares};
use rayon::prelude::*;

/// The constants of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hyper {
    /// Learning rate η.
    pub lr: f32,
    /// Decay β₁ of the mean of the gradient.
    pub beta1: f32,
    /// Decay β₂ of the mean of its square.
    pub beta2: f32,
    /// ε, added to the root of the mean square.
    pub eps: f32,
    /// Weight decay λ.
    pub weight_decay: f32,
    /// 1 − β₁ᵗ at step t = 1, 2, ….
    pub bias1: f32,
    /// 1 − β₂ᵗ.
    pub bias2: f32,
    /// Factor on the gradient: 1, or less where it is clipped.
    pub grad_scale: f32,
}

/// One AdamW step on parameters `p` with gradient `g` and running means `m` and `v`.
///
/// # Panics
/// If the lengths differ.
pub fn adamw(p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], hyper: Hyper) {
    let n = p.len();
    assert!(g.len() == n && m.len() == n && v.len() == n, "adamw: p {n}, g {}, m {}, v {}", g.len(), m.len(), v.len());
    if !shares(n, 150) {
        return adamw_span(active(), p, g, m, v, hyper);
    }
    (p.par_chunks_mut(SPAN), g.par_chunks(SPAN), m.par_chunks_mut(SPAN), v.par_chunks_mut(SPAN))
        .into_par_iter()
        .for_each(|(p, g, m, v)| adamw_span(active(), p, g, m, v, hyper));
}

/// The exponential moving average `avg` ← `avg` + (1 − `decay`)·(`p` − `avg`), which leaves an average that equals `p` as it is.
///
/// # Panics
/// If the lengths differ.
pub fn ema(avg: &mut [f32], p: &[f32], decay: f32) {
    assert_eq!(avg.len(), p.len(), "ema: avg and p");
    let weight = 1.0 - decay;
    if !shares(p.len(), 50) {
        return ema_span(active(), avg, p, weight);
    }
    avg.par_chunks_mut(SPAN).zip(p.par_chunks(SPAN)).for_each(|(avg, p)| ema_span(active(), avg, p, weight));
}

/// Σ xᵢ² in f64, in an order that only the length fixes.
pub fn sum_of_squares(x: &[f32]) -> f64 {
    if !shares(x.len(), 50) {
        return x.chunks(SPAN).map(|x| squares_span(active(), x)).sum();
    }
    let spans: Vec<f64> = x.par_chunks(SPAN).map(|x| squares_span(active(), x)).collect();
    spans.iter().sum()
}

simd! {
    fn adamw_span(p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], hyper: Hyper) = adamw_body;
    fn ema_span(avg: &mut [f32], p: &[f32], weight: f32) = ema_body;
    fn squares_span(x: &[f32]) -> f64 = squares_body;
}

#[inline(always)]
fn adamw_body(p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], hyper: Hyper) {
    let Hyper { lr, beta1, beta2, eps, weight_decay, bias1, bias2, grad_scale } = hyper;
    let (rest1, rest2) = (1.0 - beta1, 1.0 - beta2);
    let keep = 1.0 - lr * weight_decay;
    let step = lr / bias1;
    let inv_root2 = 1.0 / bias2.sqrt();
    for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
        let g = g * grad_scale;
        *m = beta1 * *m + rest1 * g;
        *v = beta2 * *v + rest2 * (g * g);
        *p = *p * keep - step * *m / (v.sqrt() * inv_root2 + eps);
    }
}

#[inline(always)]
fn ema_body(avg: &mut [f32], p: &[f32], weight: f32) {
    for (avg, p) in avg.iter_mut().zip(p) {
        *avg += weight * (p - *avg);
    }
}

/// Squares in flight: enough for several vector registers.
const LANES: usize = 32;

#[inline(always)]
fn squares_body(x: &[f32]) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let (x, tail) = x.as_chunks::<LANES>();
    for x in x {
        for i in 0..LANES {
            lanes[i] += f64::from(x[i]) * f64::from(x[i]);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(tail) {
        *lane += f64::from(x) * f64::from(x);
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{Simd, available};
    use crate::philox::tests::normals;
    use proptest::prelude::*;

    fn hyper(t: i32) -> Hyper {
        let (beta1, beta2) = (0.9f32, 0.999f32);
        let (bias1, bias2) = (1.0 - beta1.powi(t), 1.0 - beta2.powi(t));
        Hyper { lr: 1e-2, beta1, beta2, eps: 1e-8, weight_decay: 0.1, bias1, bias2, grad_scale: 0.5 }
    }

    #[test]
    fn the_first_step_moves_each_parameter_by_the_learning_rate_against_the_sign_of_its_gradient() {
        let n = 40_001;
        let (start, g) = (normals(1, n), normals(2, n));
        let (mut p, mut m, mut v) = (start.clone(), vec![0.0; n], vec![0.0; n]);
        let h = Hyper { weight_decay: 0.0, ..hyper(1) };
        adamw(&mut p, &g, &mut m, &mut v, h);
        for i in 0..n {
            let want = start[i] - h.lr * g[i].signum() * (1.0 - 1e-8 / (0.5 * g[i].abs() + 1e-8));
            assert!((p[i] - want).abs() < 1e-6, "{i}: {}, not {want}", p[i]);
        }
    }

    #[test]
    fn fifty_steps_follow_the_algorithm_in_double_precision() {
        let n = 37;
        let mut p = normals(3, n);
        let (mut m, mut v) = (vec![0.0; n], vec![0.0; n]);
        let mut exact: Vec<[f64; 3]> = p.iter().map(|&p| [p.into(), 0.0, 0.0]).collect();
        for t in 1..=50 {
            let g = normals(100 + t as u32, n);
            let h = hyper(t);
            adamw(&mut p, &g, &mut m, &mut v, h);
            for ([p, m, v], g) in exact.iter_mut().zip(g) {
                let (b1, b2, lr) = (f64::from(h.beta1), f64::from(h.beta2), f64::from(h.lr));
                let g = f64::from(g) * f64::from(h.grad_scale);
                *m = b1 * *m + (1.0 - b1) * g;
                *v = b2 * *v + (1.0 - b2) * g * g;
                let (m_hat, v_hat) = (*m / (1.0 - b1.powi(t)), *v / (1.0 - b2.powi(t)));
                *p -= lr * (f64::from(h.weight_decay) * *p + m_hat / (v_hat.sqrt() + 1e-8));
            }
        }
        for (p, [want, _, _]) in p.iter().zip(exact) {
            assert!((f64::from(*p) - want).abs() < 1e-5, "{p}, not {want}");
        }
    }

    #[test]
    fn without_a_gradient_only_the_weights_decay() {
        let (mut p, mut m, mut v) = ([2.0], [0.0], [0.0]);
        adamw(&mut p, &[0.0], &mut m, &mut v, hyper(1));
        assert_eq!((p, m, v), ([2.0 * (1.0 - 1e-3)], [0.0], [0.0]));
    }

    #[test]
    fn the_average_of_a_constant_closes_in_geometrically_and_then_stays() {
        let n = 20_000;
        let p = normals(4, n);
        let mut avg = vec![0.0; n];
        for _ in 0..10 {
            ema(&mut avg, &p, 0.5);
        }
        for (a, p) in avg.iter().zip(&p) {
            assert!((a - p * (1.0 - 0.5f32.powi(10))).abs() < 1e-6);
        }
        avg.copy_from_slice(&p);
        ema(&mut avg, &p, 0.999);
        assert_eq!(avg, p);
    }

    #[test]
    fn the_sum_of_squares_is_exact_for_whole_numbers_and_does_not_overflow() {
        for n in [0, 1, 31, 33, 1000, 40_000] {
            let x: Vec<f32> = (0..n).map(|i| (i % 100) as f32).collect();
            assert_eq!(sum_of_squares(&x), (0..n).map(|i| (i % 100 * (i % 100)) as f64).sum());
        }
        assert!((sum_of_squares(&[f32::MAX; 3]) / f64::from(f32::MAX).powi(2) - 3.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn every_variant_gives_the_bits_of_the_portable_twin(n in 0usize..150, step: u32, t in 1i32..1000) {
            let (start, g, mean, square) = (normals(step, n), normals(!step, n), normals(step ^ 1, n), normals(step ^ 2, n));
            let run = |simd| {
                let (mut p, mut m, mut avg) = (start.clone(), mean.clone(), mean.clone());
                let mut v: Vec<f32> = square.iter().map(|v| v * v).collect();
                adamw_span(simd, &mut p, &g, &mut m, &mut v, hyper(t));
                ema_span(simd, &mut avg, &p, 1e-3);
                let bits = [p, m, v, avg].map(|v| v.into_iter().map(f32::to_bits).collect::<Vec<_>>());
                (bits, squares_span(simd, &g).to_bits())
            };
            for &simd in available() {
                prop_assert_eq!(run(simd), run(Simd::PORTABLE), "{}", simd);
            }
        }
    }
}
