//! Oracles of the random numbers: published answers, the one-block definition, moments and distribution.

use super::*;
use crate::dispatch::available;
use proptest::prelude::*;

const STREAM: Stream = Stream { seed: 0x0123_4567_89AB_CDEF, purpose: 3, step: 11 };

/// `n` standard normal numbers, others for every `step`: what the tests of the kernels are fed with.
pub(crate) fn normals(step: u32, n: usize) -> Vec<f32> {
    let mut out = vec![0.0; n];
    fill_normal(Stream { seed: 7, purpose: 0, step }, 0, 1, &mut out);
    out
}

#[test]
fn philox_gives_the_published_known_answers() {
    assert_eq!(philox4x32_10([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    assert_eq!(philox4x32_10([!0; 4], [!0; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    assert_eq!(
        philox4x32_10([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
    );
}

#[test]
fn the_counter_is_block_then_row_then_step_then_purpose_and_high_row() {
    let s = Stream { seed: 7 << 32 | 5, purpose: 0xAB, step: 13 };
    assert_eq!(block(s, 0x1234_0000_0042, 9), philox4x32_10([9, 0x42, 13, 0x00AB_1234], [5, 7]));
}

/// The definition, number by number, with the elementary functions of the standard library.
fn normal_by_definition(s: Stream, row: u64, j: usize) -> f64 {
    let w = block(s, row, (j / 4) as u32);
    let pair = j % 4 / 2 * 2;
    let u = (f64::from(w[pair]) + 1.0) / 4_294_967_296.0;
    let angle = f64::from(w[pair + 1]) / 4_294_967_296.0 * std::f64::consts::TAU;
    let r = (-2.0 * u.ln()).sqrt();
    if j.is_multiple_of(2) { r * angle.cos() } else { r * angle.sin() }
}

#[test]
fn normals_are_box_muller_of_the_words_of_their_block() {
    let first = (1 << 32) - 3;
    for cols in [1, 2, 3, 4, 5, 8, 13, 64, 300, 784] {
        let mut out = vec![0.0; 70 * cols];
        fill_normal(STREAM, first, cols, &mut out);
        for (i, &z) in out.iter().enumerate() {
            let want = normal_by_definition(STREAM, first + (i / cols) as u64, i % cols);
            // The radius is rounded to 24 bits near u = 1, which shifts a small radius by up to 2⁻²⁵/r.
            assert!((f64::from(z) - want).abs() < 2e-6 + 6e-8 / want.abs().max(1e-4), "cols {cols}, number {i}: {z}, not {want}");
        }
    }
}

#[test]
fn uniforms_and_signs_are_the_top_bits_of_the_words_of_their_block() {
    for cols in [1, 2, 3, 6, 8, 257] {
        let mut uniform = vec![0.0; 20 * cols];
        let mut sign = vec![0.0; 20 * cols];
        fill_uniform(STREAM, 5, cols, &mut uniform);
        fill_rademacher(STREAM, 5, cols, &mut sign);
        for i in 0..uniform.len() {
            let word = block(STREAM, 5 + (i / cols) as u64, (i % cols / 4) as u32)[i % cols % 4];
            assert_eq!(f64::from(uniform[i]), f64::from(word >> 8) / 16_777_216.0);
            assert_eq!(sign[i], if word >> 31 == 0 { 1.0 } else { -1.0 });
        }
    }
}

#[test]
fn a_fill_does_not_depend_on_how_it_is_split_nor_on_the_thread_count() {
    for cols in [2, 7, 784] {
        let n = 100_000 / cols;
        let mut whole = vec![0.0; n * cols];
        fill_normal(STREAM, 17, cols, &mut whole);
        let mut parts = vec![0.0; n * cols];
        let (a, b) = parts.split_at_mut(n / 3 * cols);
        fill_normal(STREAM, 17, cols, a);
        fill_normal(STREAM, 17 + (n / 3) as u64, cols, b);
        assert_eq!(whole, parts);
        let mut serial = vec![0.0; n * cols];
        normal_rows(active(), STREAM, 17, cols, &mut serial);
        assert_eq!(whole, serial);
    }
}

#[test]
fn no_numbers_and_no_columns_are_fine() {
    fill_normal(STREAM, 0, 0, &mut []);
    fill_normal(STREAM, 0, 3, &mut []);
}

#[test]
fn the_largest_normal_is_the_one_of_the_smallest_uniform() {
    let (mut x, mut y) = ([0.0; GROUP], [0.0; GROUP]);
    let mut radius = [0; GROUP];
    radius[1] = u32::MAX;
    box_muller(&radius, &[0; GROUP], &mut x, &mut y);
    assert!((f64::from(x[0]) - (64.0 * std::f64::consts::LN_2).sqrt()).abs() < 1e-6);
    assert_eq!(x[1], 0.0);
}

#[test]
fn normals_have_the_moments_of_a_standard_normal_within_five_standard_errors() {
    let n = 1 << 20;
    for cols in [2, 64] {
        let mut out = vec![0.0; n];
        fill_normal(STREAM, 0, cols, &mut out);
        // E zᵏ and the variance of zᵏ, k = 1, …, 4.
        for (k, mean, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let got = out.iter().map(|&z| f64::from(z).powi(k)).sum::<f64>() / n as f64;
            let error = (variance / n as f64).sqrt();
            assert!((got - mean).abs() < 5.0 * error, "moment {k}: {got}, not {mean} ± {error}");
        }
        let neighbours = out.windows(2).map(|z| f64::from(z[0]) * f64::from(z[1])).sum::<f64>() / n as f64;
        assert!(neighbours.abs() < 5.0 / (n as f64).sqrt(), "correlation of neighbours: {neighbours}");
    }
}

/// erf by its series about 0, good to 1e-12 for |x| < 4.8.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (x, x, 0.0);
    while term.abs() > 1e-16 {
        term *= -x * x / (k + 1.0);
        sum += term / (2.0 * k + 3.0);
        k += 1.0;
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

#[test]
fn the_empirical_distribution_of_normals_passes_kolmogorov_and_smirnov() {
    let n = 1 << 18;
    let mut out = vec![0.0; n];
    fill_normal(STREAM, 123, 8, &mut out);
    out.sort_unstable_by(f32::total_cmp);
    let mut distance = 0.0f64;
    for (i, &z) in out.iter().enumerate().step_by(16) {
        let p = 0.5 * (1.0 + erf(f64::from(z) / std::f64::consts::SQRT_2));
        distance = distance.max((p - i as f64 / n as f64).abs());
    }
    // A distance above 1.95/√n has probability 0.001.
    assert!(distance < 1.95 / (n as f64).sqrt(), "{distance}");
    let beyond_four = out.iter().filter(|z| z.abs() > 4.0).count() as f64;
    let expected = n as f64 * 6.334e-5;
    assert!((beyond_four - expected).abs() < 5.0 * expected.sqrt(), "{beyond_four} beyond 4, not {expected}");
}

proptest! {
    #[test]
    fn every_variant_gives_the_bits_of_the_portable_twin(
        rows in 0usize..70, cols in 1usize..80, first in any::<u64>(), seed: u64, step: u32, purpose: u8
    ) {
        let s = Stream { seed, purpose, step };
        for kind in [normal_rows as Rows, uniform_rows, rademacher_rows] {
            let run = |simd| {
                let mut out = vec![0.0; rows * cols];
                kind(simd, s, first, cols, &mut out);
                out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            };
            let twin = run(Simd::PORTABLE);
            for &simd in available() {
                prop_assert_eq!(&run(simd), &twin, "{}", simd);
            }
        }
    }
}

#[test]
fn normals_have_the_same_bits_on_every_machine_and_in_every_release() {
    let mut out = vec![0.0; 4096];
    fill_normal(STREAM, 0, 8, &mut out);
    // FNV-1a over the words, taken on x86-64 and on AArch64. If this changes, so does every seeded result: raise the stream's version.
    let hash = out.iter().fold(0xCBF2_9CE4_8422_2325u64, |h, z| (h ^ u64::from(z.to_bits())).wrapping_mul(0x0100_0000_01B3));
    assert_eq!(hash, 0xE942_FF84_A6EF_9657, "{hash:#018X}");
}
