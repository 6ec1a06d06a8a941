//! The arithmetic of Markov chains over rows of points in double precision, on the calling thread.
//!
//! Points, scores, noise and step sizes are flat, `[rows, d]`: a step size that belongs to a row stands there d times, and 0 where a row is
//! to stay. Multiply-adds are fused on every machine, so the bits are the same everywhere.

use crate::dispatch::{active, simd};

/// `to` = `from`, wider.
///
/// # Panics
/// If the lengths differ; so for all functions here.
pub fn widen(from: &[f32], to: &mut [f64]) {
    assert_eq!(from.len(), to.len());
    widen_with(active(), from, to);
}

/// x ← x + a·s + b·z.
pub fn langevin(x: &mut [f64], s: &[f64], z: &[f64], a: f64, b: f64) {
    assert!(x.len() == s.len() && x.len() == z.len());
    langevin_with(active(), x, s, z, a, b);
}

/// to = x + (root²/2)·s + root·z.
pub fn propose(x: &[f64], s: &[f64], z: &[f64], root: &[f64], to: &mut [f64]) {
    assert!(x.len() == s.len() && x.len() == z.len() && x.len() == root.len() && x.len() == to.len());
    propose_with(active(), x, s, z, root, to);
}

/// For each row ½‖z‖² − ½‖z + (root/2)(s + s')‖² into `ratio` `[rows]`.
pub fn return_ratio(s: [&[f64]; 2], z: &[f64], root: &[f64], d: usize, ratio: &mut [f64]) {
    let n = z.len();
    assert!(s[0].len() == n && s[1].len() == n && root.len() == n && ratio.len() * d == n);
    return_ratio_with(active(), s, z, root, d, ratio);
}

/// p ← p + c·h·s.
pub fn kick(p: &mut [f64], s: &[f64], h: &[f64], c: f64) {
    assert!(p.len() == s.len() && p.len() == h.len());
    kick_with(active(), p, s, h, c);
}

/// x ← x + h·p.
pub fn drift(x: &mut [f64], p: &[f64], h: &[f64]) {
    kick(x, p, h, 1.0);
}

/// For each row ½‖p‖² into `energy` `[rows]`.
pub fn kinetic(p: &[f64], d: usize, energy: &mut [f64]) {
    assert_eq!(p.len(), energy.len() * d);
    kinetic_with(active(), p, d, energy);
}

/// v ← v + (h/2)·s, x ← x + (h/2)·v, v ← keep·v + renew·z, x ← x + (h/2)·v.
pub fn baoa(x: &mut [f64], v: &mut [f64], s: &[f64], z: &[f64], half: f64, [keep, renew]: [f64; 2]) {
    assert!(x.len() == v.len() && x.len() == s.len() && x.len() == z.len());
    baoa_with(active(), x, v, s, z, half, keep, renew);
}

simd! {
    fn widen_with(from: &[f32], to: &mut [f64]) = widen_body;
    fn langevin_with(x: &mut [f64], s: &[f64], z: &[f64], a: f64, b: f64) = langevin_body;
    fn propose_with(x: &[f64], s: &[f64], z: &[f64], root: &[f64], to: &mut [f64]) = propose_body;
    fn return_ratio_with(s: [&[f64]; 2], z: &[f64], root: &[f64], d: usize, ratio: &mut [f64]) = return_ratio_body;
    fn kick_with(p: &mut [f64], s: &[f64], h: &[f64], c: f64) = kick_body;
    fn kinetic_with(p: &[f64], d: usize, energy: &mut [f64]) = kinetic_body;
    fn baoa_with(x: &mut [f64], v: &mut [f64], s: &[f64], z: &[f64], half: f64, keep: f64, renew: f64) = baoa_body;
}

#[inline(always)]
fn widen_body(from: &[f32], to: &mut [f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = f64::from(*from);
    }
}

#[inline(always)]
fn langevin_body(x: &mut [f64], s: &[f64], z: &[f64], a: f64, b: f64) {
    for ((x, s), z) in x.iter_mut().zip(s).zip(z) {
        *x = b.mul_add(*z, a.mul_add(*s, *x));
    }
}

#[inline(always)]
fn propose_body(x: &[f64], s: &[f64], z: &[f64], root: &[f64], to: &mut [f64]) {
    for ((((to, x), s), z), root) in to.iter_mut().zip(x).zip(s).zip(z).zip(root) {
        *to = root.mul_add((0.5 * root).mul_add(*s, *z), *x);
    }
}

#[inline(always)]
fn kick_body(p: &mut [f64], s: &[f64], h: &[f64], c: f64) {
    for ((p, s), h) in p.iter_mut().zip(s).zip(h) {
        *p = (c * h).mul_add(*s, *p);
    }
}

#[inline(always)]
fn baoa_body(x: &mut [f64], v: &mut [f64], s: &[f64], z: &[f64], half: f64, keep: f64, renew: f64) {
    for (((x, v), s), z) in x.iter_mut().zip(v).zip(s).zip(z) {
        let kicked = half.mul_add(*s, *v);
        let new = keep.mul_add(kicked, renew * z);
        *x = half.mul_add(kicked + new, *x);
        *v = new;
    }
}

/// Numbers that are added side by side.
const LANES: usize = 8;

/// Σ f(i) for i < d, in an order that d alone fixes.
#[inline(always)]
fn sum(d: usize, f: impl Fn(usize) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let whole = d / LANES * LANES;
    let mut i = 0;
    while i < whole {
        for (l, lane) in lanes.iter_mut().enumerate() {
            *lane += f(i + l);
        }
        i += LANES;
    }
    let mut rest = 0.0;
    for i in whole..d {
        rest += f(i);
    }
    let [a, b, c, e, g, h, k, m] = lanes;
    ((a + g) + (c + k)) + ((b + h) + (e + m)) + rest
}

#[inline(always)]
fn return_ratio_body([s, s_next]: [&[f64]; 2], z: &[f64], root: &[f64], d: usize, ratio: &mut [f64]) {
    let rows = s.chunks_exact(d).zip(s_next.chunks_exact(d)).zip(z.chunks_exact(d)).zip(root.chunks_exact(d));
    for (ratio, (((s, s_next), z), root)) in ratio.iter_mut().zip(rows) {
        // ½(z² − (z + c)²) = −c(z + c/2), which does not cancel where c is small.
        *ratio = -sum(d, |i| {
            let c = 0.5 * root[i] * (s[i] + s_next[i]);
            c * c.mul_add(0.5, z[i])
        });
    }
}

#[inline(always)]
fn kinetic_body(p: &[f64], d: usize, energy: &mut [f64]) {
    for (energy, p) in energy.iter_mut().zip(p.chunks_exact(d)) {
        *energy = 0.5 * sum(d, |i| p[i] * p[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{Simd, available};
    use crate::philox::tests::normals;

    fn numbers(step: u32, n: usize) -> Vec<f64> {
        normals(step, n).into_iter().map(f64::from).collect()
    }

    /// Everything that the module computes, for n rows of d.
    fn all(simd: Simd, n: usize, d: usize) -> Vec<Vec<f64>> {
        let [x, s, t, z] = [1, 2, 3, 4].map(|step| numbers(step, n * d));
        let root: Vec<f64> = numbers(5, n * d).iter().map(|r| r.abs()).collect();
        let mut wide = vec![0.0; n * d];
        widen_with(simd, &normals(1, n * d), &mut wide);
        let mut moved = x.clone();
        langevin_with(simd, &mut moved, &s, &z, 0.3, 0.7);
        let mut proposed = vec![0.0; n * d];
        propose_with(simd, &x, &s, &z, &root, &mut proposed);
        let (mut ratio, mut energy) = (vec![0.0; n], vec![0.0; n]);
        return_ratio_with(simd, [&s, &t], &z, &root, d, &mut ratio);
        kinetic_with(simd, &z, d, &mut energy);
        let mut kicked = x.clone();
        kick_with(simd, &mut kicked, &s, &root, 0.5);
        let (mut at, mut v) = (x.clone(), t.clone());
        baoa_with(simd, &mut at, &mut v, &s, &z, 0.1, 0.8, 0.6);
        vec![wide, moved, proposed, ratio, energy, kicked, at, v]
    }

    #[test]
    fn each_is_its_formula() {
        for (n, d) in [(7, 1), (5, 2), (3, 8), (4, 27), (2, 100)] {
            let [x, s, t, z] = [1, 2, 3, 4].map(|step| numbers(step, n * d));
            let root: Vec<f64> = numbers(5, n * d).iter().map(|r| r.abs()).collect();
            let each = |f: &dyn Fn(usize) -> f64| (0..n * d).map(f).collect::<Vec<_>>();
            let rows = |f: &dyn Fn(usize) -> f64| (0..n).map(|r| (r * d..(r + 1) * d).map(f).sum()).collect::<Vec<f64>>();
            let kicked = |i: usize| t[i] + 0.1 * s[i];
            let new = |i: usize| 0.8 * kicked(i) + 0.6 * z[i];
            let expected = [
                x.clone(),
                each(&|i| x[i] + 0.3 * s[i] + 0.7 * z[i]),
                each(&|i| x[i] + root[i].powi(2) / 2.0 * s[i] + root[i] * z[i]),
                rows(&|i| 0.5 * z[i].powi(2) - 0.5 * (z[i] + root[i] / 2.0 * (s[i] + t[i])).powi(2)),
                rows(&|i| 0.5 * z[i].powi(2)),
                each(&|i| x[i] + 0.5 * root[i] * s[i]),
                each(&|i| x[i] + 0.1 * kicked(i) + 0.1 * new(i)),
                each(&new),
            ];
            for (k, (got, want)) in all(active(), n, d).iter().zip(&expected).enumerate() {
                assert!(
                    got.len() == want.len() && got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-13 * (1.0 + d as f64)),
                    "{k}"
                );
            }
        }
    }

    #[test]
    fn every_variant_gives_the_bits_of_the_portable_twin() {
        for (n, d) in [(3, 1), (9, 2), (4, 10), (3, 101)] {
            let twin = all(Simd::PORTABLE, n, d);
            for &simd in available() {
                assert_eq!(all(simd, n, d), twin, "{simd}");
            }
        }
    }
}
