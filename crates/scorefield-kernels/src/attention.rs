//! Attention among the tokens of each row, forward and backward: O = P·V with P = softmax(Q·Kᵀ/√c) (Vaswani et al. 2017, eq. 1).
//!
//! Q, K, V and O are `[n, tokens, heads, c]`; every head of every row is alone. P is never stored: a span of queries at a time goes through
//! both products in a core's own cache, and the backward pass computes P again. From G = ∂L/∂O, with ∘ number by number and Σ along keys:
//!
//! ∂V = PᵀG,  ∂P = G·Vᵀ,  ∂S = P∘(∂P − Σ P∘∂P)/√c,  ∂Q = ∂S·K,  ∂K = ∂Sᵀ·Q.

use crate::dispatch::{Simd, active, simd};
use crate::elementary::exp_of_nonpositive;
use crate::lanes::{sum, sum2};
use crate::matrix::outer::{Begin, outer};
use crate::matrix::pack::{Panels, pack, pack_transposed};
use crate::matrix::product::product;
use crate::matrix::rows::{Rows, RowsMut};
use crate::matrix::scratch;
use rayon::prelude::*;

/// Queries that go through together.
const SPAN: usize = 64;
/// Columns of a matrix are a multiple of this.
const PANEL: usize = 16;

/// The sizes of an attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Tokens of a row.
    pub tokens: usize,
    /// Heads.
    pub heads: usize,
    /// Features of a token in a head, c.
    pub channels: usize,
}

impl Shape {
    /// Numbers in a row.
    pub fn row(&self) -> usize {
        self.tokens * self.heads * self.channels
    }

    /// Tokens and features as columns.
    fn wide(&self) -> (usize, usize) {
        (self.tokens.next_multiple_of(PANEL), self.channels.next_multiple_of(PANEL))
    }

    fn scale(&self) -> f32 {
        1.0 / (self.channels as f32).sqrt()
    }
}

/// O `[n, tokens, heads, c]`.
///
/// # Panics
/// If the lengths differ or are no whole number of rows.
pub fn forward(shape: &Shape, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f32> {
    let row = checked(shape, &[q, k, v]);
    let mut out = vec![0.0; q.len()];
    (out.par_chunks_mut(row), q.par_chunks(row), k.par_chunks(row), v.par_chunks(row))
        .into_par_iter()
        .for_each(|(out, q, k, v)| forward_row(active(), shape, [q, k, v], out));
    out
}

/// The gradients by q, k and v, from the gradient `g` by O.
///
/// # Panics
/// As [`forward`].
pub fn backward(shape: &Shape, q: &[f32], k: &[f32], v: &[f32], g: &[f32]) -> [Vec<f32>; 3] {
    let row = checked(shape, &[q, k, v, g]);
    let [mut gq, mut gk, mut gv] = [(); 3].map(|()| vec![0.0; q.len()]);
    let given = q.par_chunks(row).zip(k.par_chunks(row)).zip(v.par_chunks(row).zip(g.par_chunks(row)));
    (gq.par_chunks_mut(row), gk.par_chunks_mut(row), gv.par_chunks_mut(row), given)
        .into_par_iter()
        .for_each(|(gq, gk, gv, ((q, k), (v, g)))| backward_row(active(), shape, [q, k, v, g], [gq, gk, gv]));
    [gq, gk, gv]
}

fn checked(shape: &Shape, all: &[&[f32]]) -> usize {
    let row = shape.row();
    let fits = row > 0 && all.iter().all(|t| t.len() == all[0].len() && t.len().is_multiple_of(row));
    assert!(fits, "attention: {:?} in rows of {row}", all.iter().map(|t| t.len()).collect::<Vec<_>>());
    row
}

/// The numbers of one head, token after token with zeros between, `[tokens, wide]`.
fn gather(shape: &Shape, head: usize, from: &[f32], to: &mut [f32], wide: usize) {
    let c = shape.channels;
    for (from, to) in from.chunks_exact(shape.heads * c).zip(to.chunks_exact_mut(wide)) {
        to[..c].copy_from_slice(&from[head * c..][..c]);
        to[c..].fill(0.0);
    }
}

fn scatter(shape: &Shape, head: usize, from: &[f32], wide: usize, to: &mut [f32]) {
    let c = shape.channels;
    for (from, to) in from.chunks_exact(wide).zip(to.chunks_exact_mut(shape.heads * c)) {
        to[head * c..][..c].copy_from_slice(&from[..c]);
    }
}

fn forward_row(simd: Simd, shape: &Shape, [q, k, v]: [&[f32]; 3], out: &mut [f32]) {
    let (tokens, (keys, features)) = (shape.tokens, shape.wide());
    let token = tokens * features;
    scratch::with(
        [token, token, keys * features, token, token, SPAN * keys, keys.max(features)],
        |[hq, hk, kt, vp, o, p, zeros]| {
            zeros.fill(0.0);
            for head in 0..shape.heads {
                gather(shape, head, q, hq, features);
                gather(shape, head, k, hk, features);
                // V goes by way of the output's place.
                gather(shape, head, v, o, features);
                pack_transposed(simd, hk, features, keys, kt);
                pack(simd, o, features, features, vp);
                let (k, v) = (Panels::new(simd, kt, features, keys), Panels::new(simd, vp, tokens, features));
                for first in (0..tokens).step_by(SPAN) {
                    let rows = SPAN.min(tokens - first);
                    let q = Rows::new(&hq[first * features..], rows, features, features);
                    shares(simd, shape, q, k, &zeros[..keys], &mut p[..rows * keys]);
                    let o = RowsMut::new(&mut o[first * features..], rows, features, features);
                    product(simd, Rows::new(p, rows, tokens, keys), v, &zeros[..features], o);
                }
                scatter(shape, head, o, features, out);
            }
        },
    );
}

/// Rows of P, `[rows, keys]`, with zeros past the tokens.
fn shares(simd: Simd, shape: &Shape, q: Rows<'_>, k: Panels<'_>, zeros: &[f32], p: &mut [f32]) {
    let (keys, _) = shape.wide();
    product(simd, q, k, zeros, RowsMut::new(p, q.rows(), keys, keys));
    softmax(simd, p, keys, shape.tokens, shape.scale());
}

fn backward_row(simd: Simd, shape: &Shape, [q, k, v, g]: [&[f32]; 4], [gq, gk, gv]: [&mut [f32]; 3]) {
    let (tokens, (keys, features)) = (shape.tokens, shape.wide());
    let (token, span) = (tokens * features, SPAN * keys);
    let wide = keys * features;
    let lengths = [token, token, token, token, wide, wide, token, token, wide, wide, span, span, keys.max(features)];
    scratch::with(lengths, |[hq, hk, hv, hg, kt, vt, kp, by_q, by_k, by_v, p, s, zeros]| {
        zeros.fill(0.0);
        for head in 0..shape.heads {
            for (from, to) in [(q, &mut *hq), (k, &mut *hk), (v, &mut *hv), (g, &mut *hg)] {
                gather(shape, head, from, to, features);
            }
            pack_transposed(simd, hk, features, keys, kt);
            pack_transposed(simd, hv, features, keys, vt);
            pack(simd, hk, features, features, kp);
            let panels = |data| Panels::new(simd, data, features, keys);
            let (kt, vt, kp) = (panels(kt), panels(vt), Panels::new(simd, kp, tokens, features));
            for first in (0..tokens).step_by(SPAN) {
                let rows = SPAN.min(tokens - first);
                let part = |of| span_of(of, first, rows, features);
                let (q, g) = (part(hq), part(hg));
                let (p, s) = (&mut p[..rows * keys], &mut s[..rows * keys]);
                shares(simd, shape, q, kt, &zeros[..keys], p);
                product(simd, g, vt, &zeros[..keys], RowsMut::new(s, rows, keys, keys));
                let begin = if first == 0 { Begin::Zero } else { Begin::There };
                outer(simd, begin, Rows::new(p, rows, keys, keys), g, RowsMut::new(by_v, keys, features, features));
                slope(simd, p, s, keys, shape.scale());
                let to = RowsMut::new(&mut by_q[first * features..], rows, features, features);
                product(simd, Rows::new(s, rows, tokens, keys), kp, &zeros[..features], to);
                outer(simd, begin, Rows::new(s, rows, keys, keys), q, RowsMut::new(by_k, keys, features, features));
            }
            for (from, to) in [(&*by_q, &mut *gq), (&*by_k, &mut *gk), (&*by_v, &mut *gv)] {
                scatter(shape, head, from, features, to);
            }
        }
    });
}

/// Rows of a head from `first` on.
fn span_of(of: &[f32], first: usize, rows: usize, features: usize) -> Rows<'_> {
    Rows::new(&of[first * features..], rows, features, features)
}

simd! {
    fn softmax(p: &mut [f32], keys: usize, tokens: usize, scale: f32) = softmax_body::<FUSED>;
    fn slope(p: &[f32], s: &mut [f32], keys: usize, scale: f32) = slope_body;
}

/// Each row of `p` to e^(scale·p)/Σ over its tokens.
#[inline(always)]
fn softmax_body<const FUSED: bool>(p: &mut [f32], keys: usize, tokens: usize, scale: f32) {
    for row in p.chunks_exact_mut(keys) {
        let (real, rest) = row.split_at_mut(tokens);
        let top = real.iter().fold(f32::NEG_INFINITY, |top, p| if *p > top { *p } else { top });
        for p in real.iter_mut() {
            *p = exp_of_nonpositive::<FUSED>((*p - top) * scale);
        }
        let share = 1.0 / sum(real, |p| p);
        real.iter_mut().for_each(|p| *p *= share);
        rest.fill(0.0);
    }
}

/// `s` = ∂S from `s` = ∂P.
#[inline(always)]
fn slope_body(p: &[f32], s: &mut [f32], keys: usize, scale: f32) {
    for (p, s) in p.chunks_exact(keys).zip(s.chunks_exact_mut(keys)) {
        let mean = sum2(p, s, |p, s| p * s);
        for (p, s) in p.iter().zip(s) {
            *s = scale * p * (*s - mean);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::available;
    use crate::matrix::tests::units_apart;
    use crate::philox::tests::normals;
    use proptest::prelude::*;

    /// O in f64, straight from the formula.
    fn exact(shape: &Shape, q: &[f64], k: &[f64], v: &[f64]) -> Vec<f64> {
        let Shape { tokens, heads, channels: c } = *shape;
        let at = |token: usize, head: usize, i: usize| (token * heads + head) * c + i;
        let mut out = vec![0.0; q.len()];
        for (head, i) in (0..heads).flat_map(|head| (0..tokens).map(move |i| (head, i))) {
            let dot = |j: usize| (0..c).map(|l| q[at(i, head, l)] * k[at(j, head, l)]).sum::<f64>() / (c as f64).sqrt();
            let weights: Vec<f64> = (0..tokens).map(|j| dot(j).exp()).collect();
            let total: f64 = weights.iter().sum();
            for l in 0..c {
                out[at(i, head, l)] = (0..tokens).map(|j| weights[j] / total * v[at(j, head, l)]).sum();
            }
        }
        out
    }

    fn wide(x: &[f32]) -> Vec<f64> {
        x.iter().map(|x| f64::from(*x)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn every_variant_is_the_formula_and_its_gradients_are_differences(
            tokens in 1usize..80, heads in 1usize..3, channels in 1usize..20, step: u32,
        ) {
            let shape = Shape { tokens, heads, channels };
            let row = shape.row();
            let [q, k, v, g] = [0, 1, 2, 3].map(|i| normals(step.wrapping_add(i), row));
            let (xq, xk, xv) = (wide(&q), wide(&k), wide(&v));
            let want = exact(&shape, &xq, &xk, &xv);
            let loss = |q: &[f64], k: &[f64], v: &[f64]| -> f64 {
                exact(&shape, q, k, v).iter().zip(&g).map(|(o, g)| o * f64::from(*g)).sum()
            };
            let moved = |x: &[f64], along: &[f32], t: f64| -> Vec<f64> {
                x.iter().zip(along).map(|(x, a)| x + t * f64::from(*a)).collect()
            };
            let mut twin = None;
            for &simd in available() {
                let mut out = vec![7.0; row];
                forward_row(simd, &shape, [&q, &k, &v], &mut out);
                for (got, want) in out.iter().zip(&want) {
                    prop_assert!((f64::from(*got) - want).abs() < 1e-5, "{}: {} not {}", simd, got, want);
                }
                let [mut gq, mut gk, mut gv] = [(); 3].map(|()| vec![7.0; row]);
                backward_row(simd, &shape, [&q, &k, &v, &g], [&mut gq, &mut gk, &mut gv]);
                let all = [&out, &gq, &gk, &gv].map(Vec::clone);
                for (got, twin) in all.iter().zip(twin.get_or_insert_with(|| all.clone())) {
                    let units = units_apart(got, twin);
                    prop_assert!(units <= 16.0, "{}: {} units from its twin", simd, units);
                }
                let along = normals(!step, row);
                let h = 1e-5;
                let slopes = [
                    loss(&moved(&xq, &along, h), &xk, &xv) - loss(&moved(&xq, &along, -h), &xk, &xv),
                    loss(&xq, &moved(&xk, &along, h), &xv) - loss(&xq, &moved(&xk, &along, -h), &xv),
                    loss(&xq, &xk, &moved(&xv, &along, h)) - loss(&xq, &xk, &moved(&xv, &along, -h)),
                ];
                for (by, slope) in [gq, gk, gv].iter().zip(slopes) {
                    let got: f64 = by.iter().zip(&along).map(|(b, a)| f64::from(*b) * f64::from(*a)).sum();
                    let size: f64 = by.iter().map(|b| f64::from(*b).powi(2)).sum::<f64>().sqrt();
                    let want = slope / (2.0 * h);
                    prop_assert!((got - want).abs() < 1e-4 * (1.0 + size), "{}: {} not {}", simd, got, want);
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_see_its_neighbours() {
        let shape = Shape { tokens: 65, heads: 2, channels: 5 };
        let [q, k, v] = [1, 2, 3].map(|i| normals(i, 3 * shape.row()));
        let all = forward(&shape, &q, &k, &v);
        let part = shape.row()..2 * shape.row();
        assert_eq!(forward(&shape, &q[part.clone()], &k[part.clone()], &v[part.clone()]), all[part]);
    }
}
