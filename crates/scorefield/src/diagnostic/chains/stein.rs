//! Kernel Stein discrepancy: how far draws are from the distribution whose score is known, without a draw of that distribution.
//!
//! With the inverse multiquadric kernel k(x, y) = (c² + ‖x − y‖²)^β, β = −½ (Gorham & Mackey 2017, which detects non-convergence where
//! Gaussian kernels do not), r = x − y, q = c² + ‖r‖²:
//!
//! k₀(x, y) = s(x)·s(y) qᵝ + 2β qᵝ⁻¹ (s(y) − s(x))·r − 2βd qᵝ⁻¹ − 4β(β − 1) qᵝ⁻² ‖r‖²
//!
//! has E_y k₀(x, y) = 0 under p for every x. KSD² = E k₀(x, x') over independent draws x, x'. It sees what the score sees: draws that have the
//! wrong proportions of modes far apart have a KSD near 0 all the same.

use super::Draws;
use crate::error::{Error, Result};
use crate::metric::{Pairs, median_length};
use crate::score::Score;
use rayon::prelude::*;

const BETA: f64 = -0.5;

/// A measured discrepancy.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Stein {
    /// KSD = √(mean of k₀ over all pairs, each draw with itself included); never negative.
    pub ksd: f64,
    /// The mean of k₀ over pairs of different draws: unbiased for KSD², about 0 (and then as often negative) where the draws are right.
    pub squared: f64,
    /// The standard error of `squared` to first order, for independent draws that are not from p.
    pub standard_error: f64,
    /// What `ksd` would be for as many independent draws of p: √(E k₀(x, x)/n), by the mean of k₀(x, x) over the draws.
    pub of_independent: f64,
    /// Draws.
    pub n: usize,
}

/// Draws that are looked at: pairs of them are compared.
const MOST: usize = 1000;

/// The discrepancy of Markov chains' draws from the distribution that has this score at noise level σ: of up to 1,000 draws, evenly spaced
/// along every chain, with the median distance between them for the kernel's length.
///
/// # Errors
/// Fewer than two draws, or draws that are all one point.
pub fn stein_of_chains(draws: &Draws, score: &dyn Score, sigma: f64) -> Result<Stein> {
    let Draws { values, d, .. } = draws;
    let n = values.len() / d;
    let stride = n.div_ceil(MOST);
    // Draws of all chains in one line; a stride that divides no chain's length falls on other steps of each.
    let x: Vec<f64> = values.chunks_exact(*d).step_by(stride).flatten().copied().collect();
    let single: Vec<f32> = x.iter().map(|x| *x as f32).collect();
    let length = median_length(&Pairs::new(&single, &[], *d).whole());
    let mut s = vec![0.0; x.len()];
    score.score_rows(&x, sigma, &mut s);
    stein_discrepancy(&x, &s, *d, length)
}

/// The discrepancy of `x` `[n, d]` with scores `score` `[n, d]`; `c` is the kernel's length, in data units. n² operations.
///
/// # Errors
/// Fewer than two draws, shapes that do not agree, a length that is not positive.
pub fn stein_discrepancy(x: &[f64], score: &[f64], d: usize, c: f64) -> Result<Stein> {
    if !(c.is_finite() && c > 0.0) {
        return Err(Error::setting("kernel length", "a positive number", c));
    }
    if d == 0 || x.len() < 2 * d || !x.len().is_multiple_of(d) || score.len() != x.len() {
        return Err(Error::setting("draws and scores", format!("two rows of {d} or more, equally many"), x.len()));
    }
    let n = x.len() / d;
    let row = |i: usize| (&x[i * d..(i + 1) * d], &score[i * d..(i + 1) * d]);
    // For each draw the sum over the others, in order, and its own term.
    let sums: Vec<(f64, f64)> = (0..n)
        .into_par_iter()
        .map(|i| {
            let others = (0..n).filter(|j| *j != i).map(|j| kernel(row(i), row(j), c)).sum();
            (others, kernel(row(i), row(i), c))
        })
        .collect();
    let (others, own) = sums.iter().fold((0.0, 0.0), |(a, b), (o, w)| (a + o, b + w));
    let size = n as f64;
    let squared = others / (size * (size - 1.0));
    // Hoeffding's projection of a U-statistic: variance 4 Var(E[k₀(x, x') given x])/n.
    let spread = sums.iter().map(|(o, _)| (o / (size - 1.0) - squared).powi(2)).sum::<f64>() / (size - 1.0);
    Ok(Stein {
        ksd: ((others + own) / (size * size)).max(0.0).sqrt(),
        squared,
        standard_error: 2.0 * (spread / size).sqrt(),
        of_independent: (own / (size * size)).max(0.0).sqrt(),
        n,
    })
}

type Row<'a> = (&'a [f64], &'a [f64]);

fn kernel((x, s): Row<'_>, (y, t): Row<'_>, c: f64) -> f64 {
    let (mut rr, mut st, mut across) = (0.0, 0.0, 0.0);
    for ((x, s), (y, t)) in x.iter().zip(s).zip(y.iter().zip(t)) {
        let r = x - y;
        rr += r * r;
        st += s * t;
        across += (t - s) * r;
    }
    let q = c * c + rr;
    let k = q.powf(BETA);
    let slope = 2.0 * BETA * k / q;
    st * k + slope * (across - x.len() as f64) - 2.0 * (BETA - 1.0) * slope / q * rr
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density::{Component, Mixture};
    use crate::key::{Key, Purpose};

    /// ∫ f(y) N(y; m, v) dy by the trapezoid rule, which is exact to rounding for such integrands.
    fn expectation(m: f64, v: f64, f: impl Fn(f64) -> f64) -> f64 {
        let h = 0.01;
        let term = |i: i32| {
            let y = m + f64::from(i) * h;
            f(y) * (-0.5 * (y - m).powi(2) / v).exp() / (std::f64::consts::TAU * v).sqrt() * h
        };
        (-1500..=1500).map(term).sum()
    }

    #[test]
    fn the_stein_kernel_has_mean_zero_under_p_for_every_point() {
        for x in [-2.0, 0.3, 4.0] {
            let s = |x: f64| -(x - 0.5) / 2.0;
            let mean = expectation(0.5, 2.0, |y| kernel((&[x], &[s(x)]), (&[y], &[s(y)]), 0.7));
            assert!(mean.abs() < 1e-10, "{x}: {mean}");
        }
    }

    #[test]
    fn in_several_dimensions_it_is_the_sum_of_derivatives_of_the_definition() {
        let (x, y, s, t) = ([0.3, -1.0, 0.8], [1.1, 0.2, -0.4], [0.5, 2.0, -1.0], [-0.7, 0.1, 0.9]);
        let k =
            |x: &[f64; 3], y: &[f64; 3]| (1.3f64.powi(2) + x.iter().zip(y).map(|(a, b)| (a - b).powi(2)).sum::<f64>()).powf(BETA);
        let h = 1e-4;
        let moved = |x: &[f64; 3], j: usize, by: f64| {
            let mut x = *x;
            x[j] += by;
            x
        };
        let mut want = s.iter().zip(&t).map(|(s, t)| s * t).sum::<f64>() * k(&x, &y);
        for j in 0..3 {
            let [xp, xm, yp, ym] = [moved(&x, j, h), moved(&x, j, -h), moved(&y, j, h), moved(&y, j, -h)];
            want += s[j] * (k(&x, &yp) - k(&x, &ym)) / (2.0 * h) + t[j] * (k(&xp, &y) - k(&xm, &y)) / (2.0 * h);
            want += (k(&xp, &yp) - k(&xp, &ym) - k(&xm, &yp) + k(&xm, &ym)) / (4.0 * h * h);
        }
        let got = kernel((&x, &s), (&y, &t), 1.3);
        assert!((got - want).abs() < 1e-6, "{got}, not {want}");
    }

    #[test]
    fn chains_are_near_their_own_distribution_and_far_from_a_wider_one() {
        let density = |std: f64| Mixture::new(vec![Component::isotropic(1.0, vec![0.0, 0.0], std)]).unwrap();
        let z = Key::new(9, Purpose::Metric).normal(0, 4 * 1000, 2).into_iter().map(f64::from).collect();
        let draws = Draws::new(z, 4, 1000, 2).unwrap();
        let own = stein_of_chains(&draws, &density(1.0), 0.0).unwrap();
        assert_eq!(own.n, MOST);
        // n·KSD² is a weighted sum of χ²s with mean n·of_independent²; three times the mean is beyond all but a few in ten thousand.
        assert!(own.ksd < 3f64.sqrt() * own.of_independent, "{own:?}");
        let wide = stein_of_chains(&draws, &density(1.5), 0.0).unwrap();
        assert!(wide.squared > 5.0 * wide.standard_error && wide.ksd > 3.0 * wide.of_independent, "{wide:?}");
    }

    #[test]
    fn draws_of_a_shifted_normal_are_as_far_as_theory_says_and_right_ones_are_near() {
        // Scores that are off by μ everywhere: KSD² = μ² E k(x, x'), x − x' ~ N(0, 2).
        let n = 2000;
        let z: Vec<f64> = Key::new(4, Purpose::Metric).normal(0, n, 1).into_iter().map(f64::from).collect();
        for mu in [0.0, 0.5] {
            let x: Vec<f64> = z.iter().map(|z| z + mu).collect();
            let score: Vec<f64> = x.iter().map(|x| -x).collect();
            let expected = mu * mu * expectation(0.0, 2.0, |r| (1.0 + r * r).powf(BETA));
            let found = stein_discrepancy(&x, &score, 1, 1.0).unwrap();
            // At μ = 0 the first-order error vanishes; what is left is E k₀(x, x)/n = 2/n times a number of order 1.
            let error = found.standard_error.max(2.0 / n as f64);
            assert!((found.squared - expected).abs() < 4.0 * error, "μ {mu}: {found:?}, not {expected}");
        }
    }
}
