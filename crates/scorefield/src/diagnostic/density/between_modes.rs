//! The error of a score between the modes of a mixture against its error at them.
//!
//! At the modes: draws of p_σ. Between: x = (1 − t)·x₁ + t·x₂ + σz of draws x₁, x₂ of different components of p, t uniform in the middle third.
//! The quotient of the two root mean squares of ‖s − s*‖ says how much less a score knows where there are no data.

use crate::density::{self, Component, Mixture};
use crate::diagnostic::Diagnostic;
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::metric::{GROUPS, T9, jackknife};
use crate::oracle::Check;
use crate::registry::Entry;
use crate::score::Score;
use serde::Serialize;

/// A root mean square with its errors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rms {
    /// Points.
    pub n: usize,
    /// √(mean ‖s − s*‖²).
    pub error: f64,
    /// Its standard error, by the jackknife over ten groups.
    pub standard_error: f64,
    /// Σ‖s − s*‖²/Σ‖s*‖².
    pub relative: f64,
}

/// What is known between the modes, and at them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Between {
    /// The noise level.
    pub sigma: f64,
    /// Where the data are.
    pub at: Rms,
    /// Between the modes.
    pub between: Rms,
    /// How many times larger the error is between them; infinite for a score that is exact at the modes.
    pub ratio: f64,
    /// 95% interval, by the jackknife on the logarithm.
    pub interval: [f64; 2],
}

/// Takes `n` points of each kind; `key` draws them.
///
/// # Errors
/// A mixture of one component or of another dimension; fewer than 40 points; scores that are not finite.
pub fn between_modes(learned: &dyn Score, exact: &Mixture, sigma: f64, n: usize, key: Key) -> Result<Between> {
    let d = exact.dim();
    let components = exact.weights().len();
    if components < 2 || learned.dim() != d {
        let expected = format!("a mixture of at least 2 components in {} dimensions", learned.dim());
        return Err(Error::setting("density", expected, format!("{components} in {d}")));
    }
    if n < 40 {
        return Err(Error::setting("points", "at least 40", n));
    }
    let key = key.for_purpose(Purpose::Data);
    let at: Vec<f64> = exact.sample(key, 0, n, sigma).into_iter().map(f64::from).collect();
    // Draws in their order, each with the next that is of another component.
    let draws = exact.sample(key, n as u64, 4 * n, 0.0);
    let which = exact.assign(&draws, 0.0);
    let t = key.for_purpose(Purpose::Metric).uniform(0, 4 * n, 1);
    let mut between = Vec::with_capacity(n * d);
    let mut i = 0;
    while between.len() < n * d {
        let first = i % (4 * n);
        let Some(second) = (1..4 * n).map(|k| (first + k) % (4 * n)).find(|j| which[*j] != which[first]) else {
            return Err(Error::setting(
                "density",
                "a mixture whose components are all drawn from",
                "one of so little weight that it was not",
            ));
        };
        let t = (1.0 + f64::from(t[first])) / 3.0;
        let ends = draws[first * d..(first + 1) * d].iter().zip(&draws[second * d..(second + 1) * d]);
        between.extend(ends.map(|(a, b)| (1.0 - t) * f64::from(*a) + t * f64::from(*b)));
        i += 1;
    }
    let noise = key.for_purpose(Purpose::Noise).normal(0, n, d);
    between.iter_mut().zip(noise).for_each(|(x, z)| *x += sigma * f64::from(z));
    let squares = |x: &[f64]| -> Result<Vec<(f64, f64)>> {
        let (mut truth, mut s) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        exact.score_rows(x, sigma, &mut truth);
        learned.score_rows(x, sigma, &mut s);
        if s.iter().any(|v| !v.is_finite()) {
            return Err(Error::failed("the error of a score", format!("the score is not finite at σ = {sigma}")));
        }
        let of_row =
            |(s, t): (&[f64], &[f64])| (s.iter().zip(t).map(|(a, b)| (a - b).powi(2)).sum(), t.iter().map(|v| v * v).sum());
        Ok(s.chunks_exact(d).zip(truth.chunks_exact(d)).map(of_row).collect())
    };
    let (at, between) = (squares(&at)?, squares(&between)?);
    let rms = |pairs: &[(f64, f64)], without: Option<usize>| {
        let kept: Vec<f64> = pairs.iter().enumerate().filter(|(i, _)| without != Some(i % GROUPS)).map(|(_, p)| p.0).collect();
        (kept.iter().sum::<f64>() / kept.len() as f64).sqrt()
    };
    let figure = |pairs: &[(f64, f64)]| {
        let (error, size) = pairs.iter().fold((0.0, 0.0), |(e, s), p| (e + p.0, s + p.1));
        let left: Vec<f64> = (0..GROUPS).map(|g| rms(pairs, Some(g))).collect();
        Rms { n: pairs.len(), error: rms(pairs, None), standard_error: jackknife(&left), relative: error / size }
    };
    let ratio = rms(&between, None) / rms(&at, None);
    let logs: Vec<f64> = (0..GROUPS).map(|g| (rms(&between, Some(g)) / rms(&at, Some(g))).ln()).collect();
    let reach = T9 * jackknife(&logs);
    // A score that is exact at the modes has no finite quotient, and nothing about it varies.
    let interval = if ratio.is_finite() { [ratio * (-reach).exp(), ratio * reach.exp()] } else { [ratio; 2] };
    Ok(Between { sigma, at: figure(&at), between: figure(&between), ratio, interval })
}

/// The registry's row.
pub(in crate::diagnostic) const ENTRY: Entry<Diagnostic> = Entry {
    name: "between-modes",
    aliases: &[],
    summary: "error of a learned score between the modes of a mixture, over its error at them",
    formula: "(E_between ‖s − s*‖²/E_modes ‖s − s*‖²)^½",
    source: "Song & Ermon 2019, section 3.2.1",
    value: Diagnostic { verb: "density", oracle },
};

/// Equal weights where they are 4 to 1: right at the modes, wrong between. And a score that is wrong by the same everywhere: a quotient of 1.
fn oracle(seed: u64) -> Result<Vec<Check>> {
    let p = density::mixture("mixture")?;
    let near = |w: f64| {
        Mixture::new(vec![Component::isotropic(w, vec![2.0, 2.0], 1.0), Component::isotropic(1.0 - w, vec![-2.0, -2.0], 1.0)])
    };
    let found = between_modes(&near(0.5)?, &near(0.8)?, 0.0, 2000, Key::new(seed, Purpose::Data))?;
    let offset = between_modes(&Moved(p.clone()), &p, 0.0, 400, Key::new(seed, Purpose::Data))?;
    let worse = f64::from(u8::from(found.interval[0] > 1.5));
    Ok(vec![
        Check::exact("between-modes: wrong weights are worse between than at the modes, as a truth value", 1.0, worse, 0.0),
        Check::exact("between-modes: a score that is wrong by the same everywhere", 1.0, offset.ratio, 1e-4),
        Check::exact("between-modes: by how much", 0.5, offset.between.error, 1e-4),
    ])
}

/// A score that is off by (0.3, 0.4) everywhere.
struct Moved(Mixture);

impl Score for Moved {
    fn dim(&self) -> usize {
        2
    }

    fn device(&self) -> crate::tensor::Device {
        self.0.device()
    }

    fn score(&self, x: crate::tensor::Tensor<2>, sigma: &crate::tensor::Tensor<1>) -> crate::tensor::Tensor<2> {
        let (n, device) = (x.dims()[0], x.device());
        self.0.score(x, sigma) + crate::tensor::matrix([0.3, 0.4].repeat(n), n, 2, &device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_component_is_refused() {
        let (p, one) = (density::mixture("mixture").unwrap(), density::mixture("standard-normal").unwrap());
        assert!(between_modes(&p, &one, 0.0, 100, Key::new(0, Purpose::Data)).is_err());
        assert!(between_modes(&p, &p, 0.0, 10, Key::new(0, Purpose::Data)).is_err());
        // Under so much noise that every point most probably is of the greater component.
        let merged = between_modes(&Moved(p.clone()), &p, 100.0, 400, Key::new(0, Purpose::Data)).unwrap();
        assert!((merged.ratio - 1.0).abs() < 1e-4, "{merged:?}");
    }
}
