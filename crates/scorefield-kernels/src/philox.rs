//! Counter-based random numbers: Philox4x32-10, and uniforms, signs and normals made from its words.
//!
//! Philox (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3") maps a 128-bit counter c and a 64-bit
//! key k to 128 random bits by ten rounds of
//!
//! c ← (hi(M₁c₂) ⊕ c₁ ⊕ k₀, lo(M₁c₂), hi(M₀c₀) ⊕ c₃ ⊕ k₁, lo(M₀c₀)), k ← k + (W₀, W₁).
//!
//! Here the key is the seed and the counter is (block within the row, row, step, purpose and the row's high bits). Number j of a row
//! is made from word j mod 4 of block ⌊j/4⌋ of that row, so it depends on nothing but the stream, the row and j.

use crate::dispatch::{Simd, active, simd};
use crate::elementary::{ln, sin_cos_turns};
use crate::share::{SPAN, shares};
use rayon::prelude::*;

/// One stream of random numbers.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// The user's seed: the key of the cipher.
    pub seed: u64,
    /// What the numbers are for.
    pub purpose: u8,
    /// Training or sampling step.
    pub step: u32,
}

const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const LOW: u64 = 0xFFFF_FFFF;

/// The Philox4x32 bijection with ten rounds.
#[inline(always)]
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    // Words live in 64-bit lanes with junk above bit 31: a vector unit then gets both halves of a product from one multiplication.
    let [mut c0, mut c1, mut c2, mut c3] = counter.map(u64::from);
    let [mut k0, mut k1] = key;
    for _ in 0..10 {
        let p0 = MULTIPLIERS[0] * (c0 & LOW);
        let p1 = MULTIPLIERS[1] * (c2 & LOW);
        (c0, c1, c2, c3) = ((p1 >> 32) ^ c1 ^ u64::from(k0), p1, (p0 >> 32) ^ c3 ^ u64::from(k1), p0);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0 as u32, c1 as u32, c2 as u32, c3 as u32]
}

/// The four words of block `block` of row `row` (of which the low 48 bits count).
#[inline(always)]
pub fn block(s: Stream, row: u64, block: u32) -> [u32; 4] {
    philox4x32_10([block, row as u32, s.step, s.last_word(row)], s.key())
}

impl Stream {
    #[inline(always)]
    fn key(self) -> [u32; 2] {
        [self.seed as u32, (self.seed >> 32) as u32]
    }

    #[inline(always)]
    fn last_word(self, row: u64) -> u32 {
        u32::from(self.purpose) << 16 | (row >> 32) as u32 & 0xFFFF
    }
}

/// Standard normal numbers for rows `first_row..`, `out.len() / cols` rows of `cols` each, row-major.
///
/// Box–Muller on the words (0, 1) and (2, 3) of a block: z = √(−2 ln u)·(cos 2πv, sin 2πv) with u in (0, 1] and v in [0, 1), of 32
/// bits each; |z| ≤ 6.66.
///
/// # Panics
/// If `out.len()` is not a multiple of `cols`.
pub fn fill_normal(s: Stream, first_row: u64, cols: usize, out: &mut [f32]) {
    fill(normal_rows, s, first_row, cols, out);
}

/// Uniform numbers in [0, 1), multiples of 2⁻²⁴, laid out as in [`fill_normal`].
///
/// # Panics
/// If `out.len()` is not a multiple of `cols`.
pub fn fill_uniform(s: Stream, first_row: u64, cols: usize, out: &mut [f32]) {
    fill(uniform_rows, s, first_row, cols, out);
}

/// −1 and +1 with probability one half each, laid out as in [`fill_normal`].
///
/// # Panics
/// If `out.len()` is not a multiple of `cols`.
pub fn fill_rademacher(s: Stream, first_row: u64, cols: usize, out: &mut [f32]) {
    fill(rademacher_rows, s, first_row, cols, out);
}

type Rows = fn(Simd, Stream, u64, usize, &mut [f32]);

fn fill(rows: Rows, s: Stream, first_row: u64, cols: usize, out: &mut [f32]) {
    if out.is_empty() {
        return;
    }
    assert!(cols > 0 && out.len().is_multiple_of(cols), "{} numbers are no whole number of rows of {cols}", out.len());
    if !shares(out.len(), 600) {
        return rows(active(), s, first_row, cols, out);
    }
    let span = SPAN.div_ceil(cols);
    out.par_chunks_mut(span * cols)
        .enumerate()
        .for_each(|(i, out)| rows(active(), s, first_row.wrapping_add((i * span) as u64), cols, out));
}

simd! {
    fn normal_rows(s: Stream, first_row: u64, cols: usize, out: &mut [f32]) = rows::<Normal>;
    fn uniform_rows(s: Stream, first_row: u64, cols: usize, out: &mut [f32]) = rows::<Uniform>;
    fn rademacher_rows(s: Stream, first_row: u64, cols: usize, out: &mut [f32]) = rows::<Rademacher>;
}

/// Blocks made in one go, whatever rows they belong to: enough for any vector width, few enough for the first-level cache.
const GROUP: usize = 64;

/// Word j of the k-th block of a group, at `[j][k]`.
type Words = [[u32; GROUP]; 4];

/// Number j of the k-th block of a group, at `[j][k]`.
type Numbers = [[f32; GROUP]; 4];

/// How words become numbers.
trait Transform {
    /// Fills numbers 0 and 1, and 2 and 3 where `all`.
    fn apply(words: &Words, all: bool, numbers: &mut Numbers);
}

#[inline(always)]
fn rows<T: Transform>(s: Stream, first_row: u64, cols: usize, out: &mut [f32]) {
    let mut words = [[0; GROUP]; 4];
    let mut numbers = [[0.0; GROUP]; 4];
    let blocks_per_row = cols.div_ceil(4);
    let (mut row, mut block) = (first_row, 0);
    let mut rest = out;
    while !rest.is_empty() {
        let (start, start_block) = (row, block);
        let [blocks, row_low, _, last] = &mut words;
        if blocks_per_row == 1 {
            blocks.fill(0);
            for k in 0..GROUP {
                let row = start.wrapping_add(k as u64);
                row_low[k] = row as u32;
                last[k] = s.last_word(row);
            }
            row = start.wrapping_add(GROUP as u64);
        } else if blocks_per_row - start_block > GROUP {
            for (k, block) in blocks.iter_mut().enumerate() {
                *block = start_block as u32 + k as u32;
            }
            row_low.fill(row as u32);
            last.fill(s.last_word(row));
            block += GROUP;
        } else {
            for k in 0..GROUP {
                blocks[k] = block as u32;
                row_low[k] = row as u32;
                last[k] = s.last_word(row);
                block += 1;
                if block == blocks_per_row {
                    block = 0;
                    row = row.wrapping_add(1);
                }
            }
        }
        encipher(s, &mut words);
        T::apply(&words, cols > 2, &mut numbers);
        rest = store(&numbers, start_block, cols, rest);
    }
}

/// Turns counters (the third word is the step) into random words.
#[inline(always)]
fn encipher(s: Stream, words: &mut Words) {
    let [w0, w1, w2, w3] = words;
    for k in 0..GROUP {
        let [a, b, c, d] = philox4x32_10([w0[k], w1[k], s.step, w3[k]], s.key());
        (w0[k], w1[k], w2[k], w3[k]) = (a, b, c, d);
    }
}

/// Writes a group whose first block is block `block` of a row to the head of `out`; the rest of `out` comes back.
#[inline(always)]
fn store<'a>(numbers: &Numbers, mut block: usize, cols: usize, out: &'a mut [f32]) -> &'a mut [f32] {
    let [n0, n1, n2, n3] = numbers;
    match cols {
        1 => {
            let (head, rest) = out.split_at_mut(GROUP.min(out.len()));
            head.copy_from_slice(&n0[..head.len()]);
            rest
        }
        2 => {
            let (head, rest) = out.split_at_mut((2 * GROUP).min(out.len()));
            for ((out, a), b) in head.chunks_exact_mut(2).zip(n0).zip(n1) {
                (out[0], out[1]) = (*a, *b);
            }
            rest
        }
        3 => {
            let (head, rest) = out.split_at_mut((3 * GROUP).min(out.len()));
            for (((out, a), b), c) in head.chunks_exact_mut(3).zip(n0).zip(n1).zip(n2) {
                (out[0], out[1], out[2]) = (*a, *b, *c);
            }
            rest
        }
        _ if cols.is_multiple_of(4) => {
            let (head, rest) = out.split_at_mut((4 * GROUP).min(out.len()));
            for ((((out, a), b), c), d) in head.chunks_exact_mut(4).zip(n0).zip(n1).zip(n2).zip(n3) {
                (out[0], out[1], out[2], out[3]) = (*a, *b, *c, *d);
            }
            rest
        }
        _ => {
            let mut rest = out;
            for k in 0..GROUP {
                let (head, tail) = rest.split_at_mut((cols - 4 * block).min(4).min(rest.len()));
                for (out, n) in head.iter_mut().zip([n0, n1, n2, n3]) {
                    *out = n[k];
                }
                rest = tail;
                block += 1;
                if 4 * block >= cols {
                    block = 0;
                }
            }
            rest
        }
    }
}

struct Normal;

impl Transform for Normal {
    #[inline(always)]
    fn apply(words: &Words, all: bool, numbers: &mut Numbers) {
        let [w0, w1, w2, w3] = words;
        let [n0, n1, n2, n3] = numbers;
        box_muller(w0, w1, n0, n1);
        if all {
            box_muller(w2, w3, n2, n3);
        }
    }
}

#[inline(always)]
fn box_muller(radius: &[u32; GROUP], angle: &[u32; GROUP], x: &mut [f32; GROUP], y: &mut [f32; GROUP]) {
    for k in 0..GROUP {
        let u = (radius[k] as f32 + 1.0) * (1.0 / 4_294_967_296.0);
        let r = (-2.0 * ln(u)).sqrt();
        let (sin, cos) = sin_cos_turns(angle[k]);
        (x[k], y[k]) = (r * cos, r * sin);
    }
}

struct Uniform;

impl Transform for Uniform {
    #[inline(always)]
    fn apply(words: &Words, _: bool, numbers: &mut Numbers) {
        for (words, numbers) in words.iter().zip(numbers) {
            for (w, n) in words.iter().zip(numbers) {
                *n = (w >> 8) as i32 as f32 * (1.0 / 16_777_216.0);
            }
        }
    }
}

struct Rademacher;

impl Transform for Rademacher {
    #[inline(always)]
    fn apply(words: &Words, _: bool, numbers: &mut Numbers) {
        for (words, numbers) in words.iter().zip(numbers) {
            for (w, n) in words.iter().zip(numbers) {
                *n = f32::from_bits(1.0f32.to_bits() | w & 0x8000_0000);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
