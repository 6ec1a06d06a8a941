//! Functions of one number, applied to many: one by one, or [`TOGETHER`] side by side where that is faster. Both give the same bits.

use crate::elementary::{TOGETHER, Together, sigmoid, sigmoids, silu, silus};
use crate::mlp::smooth::silu_terms;
use std::mem::MaybeUninit;

/// A function from a number to `T`.
pub(crate) trait Pointwise<T>: Copy {
    /// f(u).
    fn one(self, u: f32) -> T;

    /// `told(i, f(u_i))` for each i.
    #[inline(always)]
    fn many(self, u: &[f32; TOGETHER], mut told: impl FnMut(usize, T)) {
        for (i, u) in u.iter().enumerate() {
            told(i, self.one(*u));
        }
    }
}

impl<T, F: Fn(f32) -> T + Copy> Pointwise<T> for F {
    #[inline(always)]
    fn one(self, u: f32) -> T {
        self(u)
    }
}

/// SiLU and its first three derivatives.
#[derive(Clone, Copy)]
pub(crate) struct SiluJet<const FUSED: bool>;

impl<const FUSED: bool> Pointwise<[f32; 4]> for SiluJet<FUSED> {
    #[inline(always)]
    fn one(self, u: f32) -> [f32; 4] {
        silu_terms::<FUSED>(u, sigmoid::<FUSED>(u))
    }

    #[inline(always)]
    fn many(self, u: &[f32; TOGETHER], mut told: impl FnMut(usize, [f32; 4])) {
        sigmoids::<FUSED>(u, |i, sigmoid| told(i, silu_terms::<FUSED>(u[i], sigmoid)));
    }
}

/// The derivative of SiLU of order `K` ≤ 3; its value for 0, which may differ from that of [`SiluJet`] in the last bits.
#[derive(Clone, Copy)]
pub(crate) struct Silu<const FUSED: bool, const K: usize>;

impl<const FUSED: bool, const K: usize> Pointwise<f32> for Silu<FUSED, K> {
    #[inline(always)]
    fn one(self, u: f32) -> f32 {
        if K == 0 { silu::<FUSED>(u) } else { SiluJet::<FUSED>.one(u)[K] }
    }

    #[inline(always)]
    fn many(self, u: &[f32; TOGETHER], mut told: impl FnMut(usize, f32)) {
        if K == 0 {
            silus::<FUSED>(u, told);
        } else {
            SiluJet::<FUSED>.many(u, |i, terms| told(i, terms[K]));
        }
    }
}

/// Room for a number.
pub(crate) trait Slot {
    /// Puts it there.
    fn put(&mut self, value: f32);
}

impl Slot for f32 {
    #[inline(always)]
    fn put(&mut self, value: f32) {
        *self = value;
    }
}

impl Slot for MaybeUninit<f32> {
    #[inline(always)]
    fn put(&mut self, value: f32) {
        self.write(value);
    }
}

/// `to`_i = f(u_i), for slices of one length.
#[inline(always)]
pub(crate) fn each<S: Slot>(u: &[f32], to: &mut [S], f: impl Pointwise<f32>) {
    let ((u, u_rest), (to, to_rest)) = (u.as_chunks::<TOGETHER>(), to.as_chunks_mut::<TOGETHER>());
    for (u, to) in u.iter().zip(to) {
        f.many(u, |i, value| to[i].put(value));
    }
    for (u, to) in u_rest.iter().zip(to_rest) {
        to.put(f.one(*u));
    }
}

/// `to`_i = last(a_i, f(first(a_i))), a_i being the i-th number of each of the slices `from`, which are as long as `to`.
#[inline(always)]
pub(crate) fn over<const N: usize, S: Slot>(
    from: [&[f32]; N],
    to: &mut [S],
    first: impl Fn([f32; N]) -> f32,
    f: impl Pointwise<f32>,
    last: impl Fn([f32; N], f32) -> f32,
) {
    let (to, to_rest) = to.as_chunks_mut::<TOGETHER>();
    let blocks = from.map(|from| from.as_chunks::<TOGETHER>().0);
    let mut u = Together::new();
    for (k, to) in to.iter_mut().enumerate() {
        let from = blocks.map(|block| &block[k]);
        for i in 0..TOGETHER {
            u.0[i] = first(from.map(|from| from[i]));
        }
        f.many(&u.0, |i, value| to[i].put(last(from.map(|from| from[i]), value)));
    }
    let from = from.map(|from| from.as_chunks::<TOGETHER>().1);
    for (i, to) in to_rest.iter_mut().enumerate() {
        let from = from.map(|from| from[i]);
        to.put(last(from, f.one(first(from))));
    }
}
