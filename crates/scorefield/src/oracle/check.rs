//! A check: what theory says, what was measured, and how far apart the two may be.
//!
//! A deterministic number may differ by rounding. A mean over random numbers may differ by [`WIDTH`] of its standard errors; and because a
//! measurement that is too coarse agrees with everything, a check also fails where its tolerance is more than half of the smallest
//! mistake that it is there to notice. A mistake of that size is then at least [`WIDTH`] standard errors outside the tolerance.
//!
//! False failures: of a mean over 64 batches, beyond 5 standard errors with probability 5·10⁻⁶ (Student's t, 63 degrees of freedom), of
//! one over 10⁵ numbers 6·10⁻⁷. A gradient's check is as wide although it looks at the worst of up to 12 numbers. All of `verify` looks at a
//! few thousand: one run in about a hundred fails for no reason, with another seed.

use super::Estimate;

/// The tolerance of a statistical check, in standard errors.
pub const WIDTH: f64 = 5.0;

/// What 32-bit numbers leave of 1 after a few operations; added to statistical tolerances, for numbers that do not vary.
const ROUNDING: f64 = 2e-6;

/// See the head of this file.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Check {
    /// What was checked, in words.
    pub name: String,
    /// What the closed form says.
    pub expected: f64,
    /// What was found.
    pub measured: f64,
    /// The standard error of what was found; 0 where nothing is random.
    pub standard_error: f64,
    /// How far the two may be apart.
    pub tolerance: f64,
    /// Whether they are that near, and the tolerance is fine enough.
    pub pass: bool,
}

impl Check {
    /// A number without randomness, which may differ by `tolerance`.
    pub fn exact(name: impl Into<String>, expected: f64, measured: f64, tolerance: f64) -> Self {
        // A comparison with a NaN is false, and fails.
        let pass = (measured - expected).abs() <= tolerance;
        Self { name: name.into(), expected, measured, standard_error: 0.0, tolerance, pass }
    }

    /// A mean of random numbers; `resolution` is the smallest mistake that it must notice.
    pub fn statistical(name: impl Into<String>, expected: f64, measured: Estimate, resolution: f64) -> Self {
        let Estimate { mean, standard_error } = measured;
        let tolerance = WIDTH * standard_error + ROUNDING * (1.0 + expected.abs());
        let pass = (mean - expected).abs() <= tolerance && tolerance <= 0.5 * resolution;
        Self { name: name.into(), expected, measured: mean, standard_error, tolerance, pass }
    }

    /// A statistical check held to `width` standard errors in place of [`WIDTH`].
    pub fn within(self, width: f64) -> Self {
        let tolerance = self.tolerance - (WIDTH - width) * self.standard_error;
        let pass = self.pass && (self.measured - self.expected).abs() <= tolerance;
        Self { tolerance, pass, ..self }
    }

    /// Of several checks of one thing, the one that fails or is nearest to it.
    ///
    /// # Panics
    /// If there are none.
    pub fn worst(checks: impl IntoIterator<Item = Self>) -> Self {
        let distance = |c: &Self| if c.pass { (c.measured - c.expected).abs() / c.tolerance } else { f64::INFINITY };
        checks.into_iter().max_by(|a, b| distance(a).total_cmp(&distance(b))).expect("at least one check")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_fails_where_it_is_far_coarse_or_not_a_number() {
        let at = |mean, standard_error| Check::statistical("x", 1.0, Estimate { mean, standard_error }, 0.5).pass;
        assert!(at(1.1, 0.03));
        assert!(!at(1.2, 0.03), "too far");
        assert!(!at(1.0, 0.1), "too coarse: 5 × 0.1 is not below half of 0.5");
        assert!(!at(f64::NAN, 0.03) && !at(1.0, f64::NAN));
        let narrow = |mean| Check::statistical("x", 1.0, Estimate { mean, standard_error: 0.03 }, 0.5).within(4.0).pass;
        assert!(narrow(1.119) && !narrow(1.121), "4 × 0.03");
        assert!(Check::exact("x", 2.0, 2.0 + 1e-6, 1e-5).pass && !Check::exact("x", 2.0, f64::NAN, 1e-5).pass);
    }

    #[test]
    fn the_worst_is_the_one_that_fails() {
        let checks = [1.0, 1.4, 0.9].map(|measured| Check::exact("x", 1.0, measured, 0.3));
        assert_eq!(Check::worst(checks).measured, 1.4);
    }
}
