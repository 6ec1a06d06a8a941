//! Sums in an order that only the length fixes: number i goes to lane i mod 32, and the lanes are added up by halving.
//!
//! The lanes give a compiler several vector registers to add into at once, and keep the rounding error of a long sum near that of
//! one 32 times shorter.

const LANES: usize = 32;

/// Σ f(aᵢ, bᵢ) for slices of one length.
#[inline(always)]
pub(crate) fn sum2(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (a, a_tail) = a.as_chunks::<LANES>();
    let (b, b_tail) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for i in 0..LANES {
            lanes[i] += f(a[i], b[i]);
        }
    }
    for ((lane, &a), &b) in lanes.iter_mut().zip(a_tail).zip(b_tail) {
        *lane += f(a, b);
    }
    halve(lanes)
}

/// Σ f(aᵢ).
#[inline(always)]
pub(crate) fn sum(a: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let (a, tail) = a.as_chunks::<LANES>();
    for a in a {
        for i in 0..LANES {
            lanes[i] += f(a[i]);
        }
    }
    for (lane, &a) in lanes.iter_mut().zip(tail) {
        *lane += f(a);
    }
    halve(lanes)
}

#[inline(always)]
fn halve(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_small_whole_numbers_are_exact_for_every_length() {
        for n in 0..300u32 {
            let a: Vec<f32> = (0..n).map(|i| i as f32).collect();
            assert_eq!(sum(&a, |a| a), (n * n.saturating_sub(1) / 2) as f32);
            assert_eq!(sum2(&a, &a, |a, b| a - b + 1.0), n as f32);
        }
    }
}
