//! The components of a mixture at one noise level as the kernel of `scorefield-kernels` takes them: N(m, (Σ + σ²I)) by its inverse, in the
//! cheapest of four forms. Levels that were asked for lately are kept, since a chain asks for the same one at every step.

use super::component::Part;
use scorefield_kernels::mixture::{self, Precision, Scratch, Wanted};
use std::cell::RefCell;
use std::sync::{Arc, PoisonError, RwLock};

/// Entries of a precision matrix that are smaller than this, relative to its diagonal, come of rounding.
const NOTHING: f64 = 1e-13;

/// P = (Σ + σ²I)⁻¹.
#[derive(Debug)]
enum Inverse {
    Isotropic(f64),
    Diagonal(Vec<f64>),
    Full(Vec<f64>),
    Banded(Vec<f64>, usize),
}

impl Inverse {
    fn new(part: &Part, noise: f64) -> Self {
        let d = part.mean.len();
        let along: Vec<f64> = part.variances.iter().map(|v| 1.0 / (v + noise)).collect();
        if part.variances.iter().all(|v| *v == part.variances[0]) {
            return Self::Isotropic(along[0]);
        }
        // Where every axis is one of the coordinates'.
        let coordinate =
            |axis: &[f64]| axis.iter().position(|q| q.abs() == 1.0).filter(|_| axis.iter().filter(|q| **q != 0.0).count() == 1);
        let axes: Option<Vec<usize>> = part.axes.chunks(d).map(coordinate).collect();
        if let Some(axes) = axes {
            let mut diagonal = vec![0.0; d];
            axes.iter().zip(&along).for_each(|(j, p)| diagonal[*j] = *p);
            return Self::Diagonal(diagonal);
        }
        let mut full = vec![0.0; d * d];
        for (axis, p) in part.axes.chunks(d).zip(&along) {
            for (row, q) in full.chunks_mut(d).zip(axis) {
                row.iter_mut().zip(axis).for_each(|(entry, r)| *entry += q * p * r);
            }
        }
        // What is below the rounding of its own inverse is 0: a process with a short memory has a banded precision.
        let outside = |at: usize| full[at].abs() > NOTHING * (full[at / d * (d + 1)] * full[at % d * (d + 1)]).sqrt();
        let band = (0..d * d).filter(|at| outside(*at)).map(|at| (at / d).abs_diff(at % d)).max().unwrap_or(0);
        if 3 * band >= d {
            return Self::Full(full);
        }
        // Diagonal o − band, by rows.
        let entry = |(o, i): (usize, usize)| (i + o).checked_sub(band).filter(|j| *j < d).map_or(0.0, |j| full[i * d + j]);
        Self::Banded((0..=2 * band).flat_map(|o| (0..d).map(move |i| (o, i))).map(entry).collect(), band)
    }

    fn precision(&self) -> Precision<'_> {
        match self {
            Self::Isotropic(p) => Precision::Isotropic(*p),
            Self::Diagonal(p) => Precision::Diagonal(p),
            Self::Full(p) => Precision::Full(p),
            Self::Banded(p, band) => Precision::Banded(p, *band),
        }
    }
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Smoothed {
    components: Vec<(f64, Inverse)>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Smoothed {
    fn new(parts: &[Part], sigma: f64) -> Self {
        let noise = sigma * sigma;
        let one = |part: &Part| {
            let volume: f64 = part.variances.iter().map(|v| (std::f64::consts::TAU * (v + noise)).ln()).sum();
            (part.weight.ln() - 0.5 * volume, Inverse::new(part, noise))
        };
        Self { components: parts.iter().map(one).collect() }
    }

    /// log p_σ `[n]` and scores `[n, d]` of rows `x`, either of which may be empty; `parts` are those that this was made of.
    pub fn evaluate(&self, parts: &[Part], x: &[f64], log_prob: &mut [f64], score: &mut [f64]) {
        let kernel: Vec<mixture::Part<'_>> = self
            .components
            .iter()
            .zip(parts)
            .map(|((offset, inverse), part)| mixture::Part { offset: *offset, mean: &part.mean, precision: inverse.precision() })
            .collect();
        SCRATCH.with_borrow_mut(|scratch| {
            mixture::evaluate(&kernel, parts[0].mean.len(), x, Wanted { log_prob, score }, scratch);
        });
    }
}

/// The levels that were asked for lately.
#[derive(Debug, Default)]
pub(super) struct Levels(RwLock<Vec<(u64, Arc<Smoothed>)>>);

/// Levels that are kept.
const MOST: usize = 64;

impl Levels {
    /// The components at level σ.
    pub fn at(&self, parts: &[Part], sigma: f64) -> Arc<Smoothed> {
        let bits = sigma.to_bits();
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, smoothed)) = known.iter().find(|(level, _)| *level == bits) {
            return smoothed.clone();
        }
        drop(known);
        let smoothed = Arc::new(Smoothed::new(parts, sigma));
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() == MOST {
            known.remove(0);
        }
        known.push((bits, smoothed.clone()));
        smoothed
    }
}

/// A copy of a mixture begins with no level kept.
impl Clone for Levels {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::density::{Component, Mixture};
    use crate::score::{LogDensity, Score};

    #[test]
    fn an_autoregressive_normal_has_the_score_and_density_of_its_process_to_twelve_digits() {
        let (d, rho) = (100usize, 0.9f64);
        let cov = (0..d as i32).map(|i| (0..d as i32).map(|j| rho.powi((i - j).abs())).collect()).collect();
        let p = Mixture::new(vec![Component { weight: 1.0, mean: vec![0.0; d], cov }]).unwrap();
        let x: Vec<f64> = (0..d).map(|i| (3.7 * i as f64).sin() * 2.0).collect();
        let (mut log, mut score) = ([0.0], vec![0.0; d]);
        p.log_prob_rows(&x, 0.0, &mut log, &mut score);
        // x_0 ~ N(0, 1), x_i ~ N(ρ x_{i−1}, v), v = 1 − ρ².
        let v = 1.0 - rho * rho;
        let step = |i: usize| x[i] - rho * x[i - 1];
        let normal = |e: f64, v: f64| -0.5 * (e * e / v + (std::f64::consts::TAU * v).ln());
        let expected = normal(x[0], 1.0) + (1..d).map(|i| normal(step(i), v)).sum::<f64>();
        assert!((log[0] - expected).abs() < 1e-11 * expected.abs(), "{} {expected}", log[0]);
        let size = score.iter().map(|s| s * s).sum::<f64>().sqrt();
        for (i, score) in score.iter().enumerate() {
            let own = if i == 0 { -x[0] } else { -step(i) / v };
            let next = if i + 1 < d { rho * step(i + 1) / v } else { 0.0 };
            assert!((score - own - next).abs() < 1e-12 * size, "{i}: {score} {}", own + next);
        }
        // Under noise the process remembers for ever: no band, and the score changes smoothly.
        let mut near = vec![0.0; d];
        p.score_rows(&x, 1e-4, &mut near);
        assert!(near.iter().zip(&score).all(|(a, b)| (a - b).abs() < 1e-5 * size));
    }
}
