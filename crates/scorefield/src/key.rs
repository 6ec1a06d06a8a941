//! Counter-based random keys: (seed, purpose, step, row, position) → number.
//!
//! There is no generator state. A [`Key`] names a stream; row *i* of what it draws depends only on the key and on *i*, so the same
//! seed gives the same result whatever the batch split, the thread count, or a restart in the middle. The numbers are
//! Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") with the 64-bit seed as its key and the counter
//! (block within the row, row, step, purpose); the generator itself lives in `scorefield-kernels`.

use scorefield_kernels::philox;

/// The layout of the counter and the transformations above it; written into `state.json`, and raised when either changes.
pub const STREAM_VERSION: u32 = 1;

/// What a stream of random numbers is for. Streams of different purposes never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// Points of an endless source, and draws from an exact density.
    Data = 1,
    /// The order in which a finite source is visited.
    Shuffle = 2,
    /// Uniform noise that turns 8-bit levels into continuous values.
    Dequantise = 3,
    /// Initial parameters of a network.
    Init = 4,
    /// The noise level of each training sample.
    Level = 5,
    /// The noise added to each training sample.
    Noise = 6,
    /// A sampler's start.
    Start = 7,
    /// A sampler's noise.
    Chain = 8,
    /// Projection directions.
    Projection = 9,
    /// Splits, subsets and permutations in metrics and diagnostics.
    Metric = 10,
    /// Noise added by the user's request (`demo`'s noisy digits).
    Corrupt = 11,
}

/// Names one stream of random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    seed: u64,
    purpose: Purpose,
    step: u32,
}

impl Key {
    /// The stream of `seed` for one purpose, at step 0.
    pub const fn new(seed: u64, purpose: Purpose) -> Self {
        Self { seed, purpose, step: 0 }
    }

    /// The same stream at another step (a training step, a sampler step, an epoch).
    pub const fn at(self, step: u32) -> Self {
        Self { step, ..self }
    }

    /// The same seed and step for another purpose.
    pub const fn for_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    fn stream(self) -> philox::Stream {
        philox::Stream { seed: self.seed, purpose: self.purpose as u8, step: self.step }
    }

    /// Standard normal numbers for rows `first_row..`, `out.len() / cols` rows of `cols` each, row-major.
    ///
    /// # Panics
    /// If `out.len()` is not a multiple of `cols`.
    pub fn fill_normal(self, first_row: u64, cols: usize, out: &mut [f32]) {
        philox::fill_normal(self.stream(), first_row, cols, out);
    }

    /// Uniform numbers in [0, 1), laid out as in [`Key::fill_normal`].
    ///
    /// # Panics
    /// If `out.len()` is not a multiple of `cols`.
    pub fn fill_uniform(self, first_row: u64, cols: usize, out: &mut [f32]) {
        philox::fill_uniform(self.stream(), first_row, cols, out);
    }

    /// `n` × `cols` standard normal numbers starting at `first_row`.
    pub fn normal(self, first_row: u64, n: usize, cols: usize) -> Vec<f32> {
        let mut out = vec![0.0; n * cols];
        self.fill_normal(first_row, cols, &mut out);
        out
    }

    /// `n` × `cols` uniform numbers in [0, 1) starting at `first_row`.
    pub fn uniform(self, first_row: u64, n: usize, cols: usize) -> Vec<f32> {
        let mut out = vec![0.0; n * cols];
        self.fill_uniform(first_row, cols, &mut out);
        out
    }

    /// `n` × `cols` signs, −1 or +1, starting at `first_row`.
    pub fn rademacher(self, first_row: u64, n: usize, cols: usize) -> Vec<f32> {
        let mut out = vec![0.0; n * cols];
        philox::fill_rademacher(self.stream(), first_row, cols, &mut out);
        out
    }

    /// 64 random bits for one row.
    pub fn bits(self, row: u64) -> u64 {
        let [a, b, _, _] = philox::block(self.stream(), row, 0);
        u64::from(a) | u64::from(b) << 32
    }

    /// Position `index` of a pseudo-random permutation of `0..n` that this key names, in constant memory.
    ///
    /// A four-round Feistel network over the next even power of two, walked until it lands below `n` (Black & Rogaway 2002,
    /// "Ciphers with arbitrary finite domains").
    ///
    /// # Panics
    /// If `index >= n`.
    pub fn permute(self, index: u64, n: u64) -> u64 {
        assert!(index < n, "index {index} of a permutation of {n}");
        let half = (64 - (n - 1).leading_zeros()).div_ceil(2).max(1);
        let mask = (1u64 << half) - 1;
        let mut x = index;
        loop {
            let (mut left, mut right) = (x >> half, x & mask);
            for round in 0..4u64 {
                let mixed = self.bits(right << 2 | round) & mask;
                (left, right) = (right, left ^ mixed);
            }
            x = left << half | right;
            if x < n {
                return x;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permute_visits_every_index_once() {
        for n in [1u64, 2, 3, 7, 64, 1000] {
            let key = Key::new(3, Purpose::Shuffle).at(5);
            let mut seen = vec![false; n as usize];
            for i in 0..n {
                let j = key.permute(i, n) as usize;
                assert!(!seen[j], "{j} twice of {n}");
                seen[j] = true;
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_where_the_batch_starts() {
        let key = Key::new(7, Purpose::Chain).at(2);
        let whole = key.normal(0, 10, 5);
        let part = key.normal(6, 4, 5);
        assert_eq!(whole[30..], part[..]);
    }

    #[test]
    fn streams_of_different_purpose_step_and_seed_differ() {
        let a = Key::new(7, Purpose::Chain);
        assert_ne!(a.bits(0), a.at(1).bits(0));
        assert_ne!(a.bits(0), a.for_purpose(Purpose::Start).bits(0));
        assert_ne!(a.bits(0), Key::new(8, Purpose::Chain).bits(0));
        assert_ne!(a.bits(0), a.bits(1 << 40));
    }
}
