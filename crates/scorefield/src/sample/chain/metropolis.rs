//! The Metropolis test: a proposal is accepted with probability min(1, exp(r)), r = log p(x')q(x given x')/p(x)q(x' given x).

/// Turns log ratios `[rows]` into acceptance probabilities; u ~ U[0, 1) decides which proposals are taken. A ratio that is not a number
/// comes of a proposal that left the range of numbers, and is refused.
pub fn metropolis(ratio: &mut [f64], u: &[f64], accepted: &mut [bool]) {
    for ((r, u), accepted) in ratio.iter_mut().zip(u).zip(accepted) {
        *r = if r.is_nan() { 0.0 } else { r.min(0.0).exp() };
        *accepted = *u < *r;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_above_one_are_taken_and_what_is_not_a_number_is_not() {
        let mut ratio = [2.0, (0.3f64).ln(), (0.3f64).ln(), f64::NAN, f64::NEG_INFINITY];
        let mut accepted = [false; 5];
        metropolis(&mut ratio, &[0.999, 0.29, 0.31, 0.0, 0.0], &mut accepted);
        assert_eq!(accepted, [true, true, false, false, false]);
    }
}
