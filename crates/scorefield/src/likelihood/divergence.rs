//! log p along the flow, with the divergence exact or estimated along random directions.
//!
//! Hutchinson's estimate of tr J is vᵀJv for a v with E[vvᵀ] = I (Hutchinson 1989; Grathwohl et al. 2019). A direction is drawn once for a
//! trajectory and kept along it, so each of M directions has an integral of its own, and M of them a mean and an error bar: the integrals of
//! a row are independent and of one law.

use super::Flow;
use crate::error::Result;
use crate::key::{Key, Purpose};
use crate::objective::Law;
use crate::observe::Observer;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// How tr J is had.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Divergence {
    /// In full: d directions, or as the score knows it.
    Exact,
    /// Along this many random directions of a law, at least 2.
    Hutchinson(usize, Law),
}

/// What was found for each row.
#[derive(Clone, Debug)]
pub struct Likelihood {
    /// log p, `[n]`, nats; NaN where the ODE came to no end.
    pub log_prob: Vec<f64>,
    /// The standard errors of log p over directions, `[n]`; empty where the divergence is exact.
    pub standard_error: Vec<f64>,
    /// Directions.
    pub probes: usize,
    /// The latents, `[n, d]`.
    pub latents: Vec<f64>,
}

impl Likelihood {
    /// Half the width of row i's error bar of 95 %, by Student's t with M − 1 degrees of freedom; 0 where nothing is random.
    pub fn half_width(&self, i: usize) -> f64 {
        self.standard_error.get(i).map_or(0.0, |error| error * quantile(self.probes))
    }
}

/// What the standard error of a mean of `m` numbers is multiplied by for a bar of 95 %.
fn quantile(m: usize) -> f64 {
    StudentsT::new(0.0, 1.0, (m - 1) as f64).map_or(f64::INFINITY, |t| t.inverse_cdf(0.975))
}

impl Flow<'_> {
    /// log p_σ₀ of rows `x` `[n, d]`. Row i's directions depend on the key and i.
    ///
    /// # Errors
    /// The observer said stop.
    pub fn log_prob(&self, x: &[f64], divergence: Divergence, key: Key, observer: &mut dyn Observer) -> Result<Likelihood> {
        let d = self.score.dim();
        let m = match divergence {
            Divergence::Exact => 1,
            Divergence::Hutchinson(m, _) => m,
        };
        let width = d + m;
        let mut y: Vec<f64> = x.chunks_exact(d).flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0.0, m))).collect();
        let slope = |first: usize, numbers: &[usize], sigma: &[f64], y: &[f64], out: &mut [f64]| {
            let k = sigma.len();
            let points: Vec<f64> = y.chunks_exact(width).flat_map(|row| &row[..d]).copied().collect();
            let (mut score, mut trace) = (vec![0.0; k * d], vec![0.0; k * m]);
            match divergence {
                Divergence::Exact => self.score.trace_rows(&points, sigma, &mut score, &mut trace),
                Divergence::Hutchinson(m, law) => {
                    let key = key.for_purpose(Purpose::Projection);
                    // Of row i the directions are rows i·M to i·M + M of the stream: the same at every step of the trajectory.
                    let of_row = |i: &usize| law.draw(key, ((first + i) * m) as u64, m, d);
                    let v: Vec<f64> = numbers.iter().flat_map(of_row).map(f64::from).collect();
                    self.score.curvature_rows(&points, sigma, &v, &mut score, &mut trace);
                }
            }
            for (i, out) in out.chunks_exact_mut(width).enumerate() {
                out[..d].iter_mut().zip(&score[i * d..]).for_each(|(o, s)| *o = -sigma[i] * s);
                out[d..].iter_mut().zip(&trace[i * m..]).for_each(|(o, tr)| *o = -sigma[i] * tr);
            }
        };
        self.carry(&mut y, width, self.span, &slope, observer)?;
        let mut found = Likelihood { log_prob: Vec::new(), standard_error: Vec::new(), probes: m, latents: Vec::new() };
        for row in y.chunks_exact(width) {
            let (mut z, integrals) = (row[..d].to_vec(), &row[d..]);
            self.prior.standardise(&mut z);
            let mean = integrals.iter().sum::<f64>() / m as f64;
            found.log_prob.push(self.prior.log_prob(&z) + mean);
            if m > 1 {
                let variance = integrals.iter().map(|i| (i - mean).powi(2)).sum::<f64>() / (m - 1) as f64;
                found.standard_error.push((variance / m as f64).sqrt());
            }
            found.latents.extend(z);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Prior;
    use super::*;
    use crate::density::{self, Mixture};
    use crate::sample::solver::Tolerance;
    use crate::score::LogDensity;

    const TOLERANCE: Tolerance = Tolerance { absolute: 1e-6, relative: 1e-6 };

    fn flow(p: &Mixture) -> Flow<'_> {
        let (mean, variance) = p.moments();
        let high = 100.0 * variance.sqrt();
        Flow { score: p, span: (0.0, high), prior: Prior { mean, variance: variance + high * high }, tolerance: TOLERANCE }
    }

    fn draws(p: &Mixture, n: usize) -> (Vec<f64>, Vec<f64>) {
        let x: Vec<f64> = p.sample(Key::new(1, Purpose::Data), 0, n, 0.0).into_iter().map(f64::from).collect();
        let (mut exact, mut score) = (vec![0.0; n], vec![0.0; x.len()]);
        p.log_prob_rows(&x, 0.0, &mut exact, &mut score);
        (x, exact)
    }

    #[test]
    fn with_the_exact_divergence_log_p_is_exact_to_1e_3_nats() {
        for name in ["mixture", "gaussian-10", "mixture-1d", "gaussian"] {
            let p = density::mixture(name).unwrap();
            let (x, exact) = draws(&p, 300);
            let found = flow(&p).log_prob(&x, Divergence::Exact, Key::new(0, Purpose::Projection), &mut ()).unwrap();
            let error = found.log_prob.iter().zip(&exact).map(|(f, e)| (f - e).abs()).sum::<f64>() / 300.0;
            assert!(error < 1e-3, "{name}: {error}");
        }
    }

    #[test]
    fn hutchinsons_bar_of_95_percent_covers_the_truth_as_often() {
        // 1,000 rows are 1,000 repetitions: each has directions of its own. Standard error of the share: 0.7 %.
        let (p, n) = (density::mixture("gaussian-10").unwrap(), 1000);
        let (x, exact) = draws(&p, n);
        for (m, law) in [(4, Law::Rademacher), (10, Law::Rademacher), (24, Law::Gaussian)] {
            let found = flow(&p).log_prob(&x, Divergence::Hutchinson(m, law), Key::new(2, Purpose::Projection), &mut ()).unwrap();
            let within = |i: &usize| (found.log_prob[*i] - exact[*i]).abs() < found.half_width(*i);
            let share = (0..n).filter(within).count() as f64 / n as f64;
            assert!((share - 0.95).abs() < 0.02, "{m} {}: {share}", law.word());
        }
    }

    #[test]
    fn what_is_encoded_and_decoded_again_is_itself() {
        for name in ["mixture", "gaussian-10"] {
            let p = density::mixture(name).unwrap();
            let (x, flow) = (draws(&p, 400).0, flow(&p));
            let z = flow.encode(&x, &mut ()).unwrap();
            let back = flow.decode(&z, &mut ()).unwrap();
            let worst = x.iter().zip(&back).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 2e-3, "{name}: {worst}");
            // Latents of draws are standard normal: their mean square is 1 with standard error √(2/(n·d)).
            let square = z.iter().map(|z| z * z).sum::<f64>() / z.len() as f64;
            assert!((square - 1.0).abs() < 5.0 * (2.0 / z.len() as f64).sqrt(), "{name}: {square}");
        }
    }

    #[test]
    fn the_students_quantile_is_the_tables() {
        for (m, expected) in [(2, 12.706), (5, 2.776), (11, 2.228)] {
            assert!((quantile(m) - expected).abs() < 1e-3, "{m}: {}", quantile(m));
        }
    }
}
