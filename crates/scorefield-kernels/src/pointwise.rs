//! Functions of one number, applied to many: one by one, or side by side where that is faster. Both give the same bits.

use crate::dispatch::Granted;
use crate::elementary::sigmoid_of;
use crate::exponentials::{TOGETHER, Together, exponential, silu, silu_slope, silus, with_exponential, with_exponentials};
use crate::mlp::smooth::silu_terms;
use std::mem::MaybeUninit;

/// Numbers that are taken side by side where there are not [`TOGETHER`] any more.
pub(crate) const FEW: usize = 8;

/// A function from a number to `T`.
pub(crate) trait Pointwise<T>: Copy {
    /// f(u).
    fn one(self, u: f32) -> T;

    /// `told(i, f(u_i))` for each i.
    #[inline(always)]
    fn many<const N: usize>(self, u: &[f32; N], mut told: impl FnMut(usize, T)) {
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
pub(crate) struct SiluJet<const FUSED: bool>(pub(crate) Granted<FUSED>);

impl<const FUSED: bool> Pointwise<[f32; 4]> for SiluJet<FUSED> {
    #[inline(always)]
    fn one(self, u: f32) -> [f32; 4] {
        with_exponential::<FUSED, _>(u, jet::<FUSED>)
    }

    #[inline(always)]
    fn many<const N: usize>(self, u: &[f32; N], told: impl FnMut(usize, [f32; 4])) {
        with_exponentials(self.0, u, jet::<FUSED>, told);
    }
}

/// All four, `e` being e^{−|u|} and `large` 1/(1 + e).
#[inline(always)]
fn jet<const FUSED: bool>(u: f32, e: f32, large: f32) -> [f32; 4] {
    silu_terms::<FUSED>(u, sigmoid_of(u, e, large))
}

/// The derivative of SiLU of order `K` ≤ 3; its value, for 0, and its slope, for 1, may differ from those of [`SiluJet`] in the last bits.
#[derive(Clone, Copy)]
pub(crate) struct Silu<const FUSED: bool, const K: usize>(pub(crate) Granted<FUSED>);

impl<const FUSED: bool, const K: usize> Pointwise<f32> for Silu<FUSED, K> {
    #[inline(always)]
    fn one(self, u: f32) -> f32 {
        match K {
            0 => silu(u, exponential::<FUSED>(u)),
            1 => with_exponential::<FUSED, _>(u, silu_slope::<FUSED>),
            _ => SiluJet(self.0).one(u)[K],
        }
    }

    #[inline(always)]
    fn many<const N: usize>(self, u: &[f32; N], mut told: impl FnMut(usize, f32)) {
        match K {
            0 => silus(self.0, u, told),
            1 => with_exponentials(self.0, u, silu_slope::<FUSED>, told),
            _ => SiluJet(self.0).many(u, |i, terms| told(i, terms[K])),
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
    let (u, to) = each_block::<TOGETHER, S>(u, to, f);
    let (u, to) = each_block::<FEW, S>(u, to, f);
    for (u, to) in u.iter().zip(to) {
        to.put(f.one(*u));
    }
}

/// [`each`] for as many blocks of `B` as there are. Returns what is left.
#[inline(always)]
fn each_block<'a, 'b, const B: usize, S: Slot>(
    u: &'a [f32],
    to: &'b mut [S],
    f: impl Pointwise<f32>,
) -> (&'a [f32], &'b mut [S]) {
    let ((blocks, u), (to_blocks, to)) = (u.as_chunks::<B>(), to.as_chunks_mut::<B>());
    for (u, to) in blocks.iter().zip(to_blocks) {
        f.many(u, |i, value| to[i].put(value));
    }
    (u, to)
}

/// `to`_i = last(a_i, f(first(a_i))), a_i being the i-th number of each of the slices `from`, which are as long as `to`.
#[inline(always)]
pub(crate) fn over<const N: usize, S: Slot>(
    from: [&[f32]; N],
    to: &mut [S],
    first: impl Fn([f32; N]) -> f32 + Copy,
    f: impl Pointwise<f32>,
    last: impl Fn([f32; N], f32) -> f32 + Copy,
) {
    let (from, to) = blocks::<TOGETHER, N, S>(from, to, first, f, last);
    let (from, to) = blocks::<FEW, N, S>(from, to, first, f, last);
    for (i, to) in to.iter_mut().enumerate() {
        let from = from.map(|from| from[i]);
        to.put(last(from, f.one(first(from))));
    }
}

/// [`over`] for as many blocks of `B` as there are. Returns what is left.
#[inline(always)]
fn blocks<'a, 'b, const B: usize, const N: usize, S: Slot>(
    from: [&'a [f32]; N],
    to: &'b mut [S],
    first: impl Fn([f32; N]) -> f32,
    f: impl Pointwise<f32>,
    last: impl Fn([f32; N], f32) -> f32,
) -> ([&'a [f32]; N], &'b mut [S]) {
    let (to, rest) = to.as_chunks_mut::<B>();
    let of = from.map(|from| from.as_chunks::<B>().0);
    let mut u = Together::<B>::new();
    for (k, to) in to.iter_mut().enumerate() {
        let from = of.map(|block| &block[k]);
        for i in 0..B {
            u.0[i] = first(from.map(|from| from[i]));
        }
        f.many(&u.0, |i, value| to[i].put(last(from.map(|from| from[i]), value)));
    }
    (from.map(|from| from.as_chunks::<B>().1), rest)
}
