//! A Gaussian mixture, p = Σ_k w_k N(m_k, Σ_k), and its smoothing p_σ = Σ_k w_k N(m_k, Σ_k + σ²I).
//!
//! Each covariance is diagonalised once, Σ_k = Q Λ Qᵀ; at any σ the smoothed one is Q (Λ + σ²) Qᵀ, so every quantity is a sum over
//! components of closed forms. Everything is computed in f64; results are rounded to f32 where they become tensors. Rows of tensors run in
//! parallel, slices of rows on one core.

use super::component::{Component, Part};
use super::exact::{Constant, Exact, Smoothing};
use super::fresh::{self, HELD_OUT_ROW};
use super::smoothed::Levels;
use crate::data::{EventShape, Source};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::score::{Evaluation, LogDensity, Score, ScoreJvp};
use crate::tensor::{Device, Tensor, matrix, numbers, vector};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct Mixture {
    dim: usize,
    event: EventShape,
    parts: Vec<Part>,
    /// Where its rows begin when it serves as data.
    first_row: u64,
    levels: Levels,
}

impl Mixture {
    /// Checks and prepares the components.
    ///
    /// # Errors
    /// No components, unequal dimensions, weights that are not positive, covariances that are not symmetric positive definite.
    pub fn new(components: Vec<Component>) -> Result<Self> {
        let dim = components.first().map_or(0, |c| c.mean.len());
        if dim == 0 {
            return Err(Error::setting("mixture", "at least one component with a mean", "none"));
        }
        let total: f64 = components.iter().map(|c| c.weight).sum();
        let parts = components.into_iter().enumerate().map(|(k, c)| Part::new(k + 1, c, dim, total)).collect::<Result<_>>()?;
        Ok(Self { dim, event: EventShape::Vector(dim), parts, first_row: 0, levels: Levels::default() })
    }

    /// The same density as data of other rows, which training never sees.
    pub fn held_out(self) -> Self {
        Self { first_row: HELD_OUT_ROW, ..self }
    }

    /// Changes when the density does.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for p in &self.parts {
            [p.weight].iter().chain(&p.mean).chain(&p.variances).chain(&p.axes).for_each(|v| hash.update(v.to_le_bytes()));
        }
        hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The components' weights, summing to 1.
    pub fn weights(&self) -> Vec<f64> {
        self.parts.iter().map(|p| p.weight).collect()
    }

    /// The components' means.
    pub fn means(&self) -> Vec<&[f64]> {
        self.parts.iter().map(|p| p.mean.as_slice()).collect()
    }

    /// The components' variances along their principal axes, `[d]` each; in one dimension the variance itself.
    pub fn variances(&self) -> Vec<&[f64]> {
        self.parts.iter().map(|p| p.variances.as_slice()).collect()
    }

    /// The mixture's mean and its overall variance per dimension, averaged over dimensions.
    pub fn moments(&self) -> (Vec<f64>, f64) {
        let mut mean = vec![0.0; self.dim];
        for p in &self.parts {
            mean.iter_mut().zip(&p.mean).for_each(|(m, pm)| *m += p.weight * pm);
        }
        let spread = |p: &Part| {
            let between: f64 = p.mean.iter().zip(&mean).map(|(a, b)| (a - b).powi(2)).sum();
            p.variances.iter().sum::<f64>() + between
        };
        let variance = self.parts.iter().map(|p| p.weight * spread(p)).sum::<f64>() / self.dim as f64;
        (mean, variance)
    }

    /// `n` draws from p_σ, row-major `[n, d]`; row i depends on the key and on `first_row + i` alone.
    pub fn sample(&self, key: Key, first_row: u64, n: usize, sigma: f64) -> Vec<f32> {
        let d = self.dim;
        let which = key.at(0).uniform(first_row, n, 1);
        let mut out = key.at(1).normal(first_row, n, d);
        out.par_chunks_mut(d).zip(which).for_each(|(row, u)| {
            let mut left = f64::from(u);
            let part = self.parts.iter().find(|p| {
                left -= p.weight;
                left < 0.0
            });
            part.unwrap_or(&self.parts[self.parts.len() - 1]).place(row, sigma);
        });
        out
    }

    /// Which component each row of `x` `[n, d]` most probably belongs to under p_σ.
    pub fn assign(&self, x: &[f32], sigma: f64) -> Vec<usize> {
        let most = |work: &mut Work, row: &[f32]| {
            work.row.iter_mut().zip(row).for_each(|(to, from)| *to = f64::from(*from));
            let logs = self.parts.iter().map(|p| p.log_density(&work.row, sigma * sigma, &mut work.along[..self.dim]));
            logs.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(k, _)| k)
        };
        x.par_chunks(self.dim).map_init(|| Work::new(self), most).collect()
    }

    /// log p_σ and its gradient for one point; leaves the components' shares and Qᵀ(x − m) in `work`.
    fn evaluate(&self, row: &[f64], sigma: f64, work: &mut Work, score: &mut [f64]) -> f64 {
        let (d, variance) = (self.dim, sigma * sigma);
        let parts = self.parts.iter().zip(work.along.chunks_mut(d));
        work.share.iter_mut().zip(parts).for_each(|(log, (part, along))| *log = part.log_density(row, variance, along));
        let top = work.share.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for share in &mut work.share {
            *share = (*share - top).exp();
            sum += *share;
        }
        score.fill(0.0);
        for ((part, share), along) in self.parts.iter().zip(&mut work.share).zip(work.along.chunks(d)) {
            *share /= sum;
            // −(Σ + σ²I)⁻¹(x − m) = −Q (Λ + σ²)⁻¹ Qᵀ(x − m); `along` is Qᵀ(x − m).
            for (axis, (a, v)) in part.axes.chunks(d).zip(along.iter().zip(&part.variances)) {
                let c = -*share * a / (v + variance);
                score.iter_mut().zip(axis).for_each(|(s, q)| *s += c * q);
            }
        }
        top + sum.ln()
    }

    /// [`Mixture::evaluate`] for each row of `x` at its own level, told with its number, its score and its work.
    fn each_at(&self, x: &[f64], sigma: &[f64], score: &mut [f64], mut tell: impl FnMut(usize, &[f64], &Work)) {
        assert_eq!((x.len(), score.len()), (sigma.len() * self.dim, x.len()), "a level and a score for each point");
        let mut work = Work::new(self);
        for (i, (row, score)) in x.chunks_exact(self.dim).zip(score.chunks_exact_mut(self.dim)).enumerate() {
            self.evaluate(row, sigma[i], &mut work, score);
            tell(i, score, &work);
        }
    }

    /// vᵀJv at a point that was evaluated: Σ_k r_k((vᵀu_k)² − vᵀ(Σ_k + σ²I)⁻¹v) − (vᵀs)².
    fn bend(&self, work: &Work, score: &[f64], noise: f64, v: impl Fn(usize) -> f64) -> f64 {
        let d = self.dim;
        let of_part = |((part, share), centred): ((&Part, &f64), &[f64])| {
            let (mut slope, mut bend) = (0.0, 0.0);
            for ((axis, c), variance) in part.axes.chunks(d).zip(centred).zip(&part.variances) {
                let q: f64 = axis.iter().enumerate().map(|(j, a)| a * v(j)).sum();
                slope -= q * c / (variance + noise);
                bend += q * q / (variance + noise);
            }
            share * (slope * slope - bend)
        };
        let parts = self.parts.iter().zip(&work.share).zip(work.along.chunks(d));
        let along: f64 = score.iter().enumerate().map(|(j, s)| s * v(j)).sum();
        parts.map(of_part).sum::<f64>() - along * along
    }
}

/// Room for the evaluation of one point.
struct Work {
    /// The point in double precision, where it came in single, `[d]`.
    row: Vec<f64>,
    /// r_k: each component's share of p_σ at the point.
    share: Vec<f64>,
    /// Qᵀ(x − m) of each component, `[K, d]`.
    along: Vec<f64>,
    score: Vec<f64>,
}

impl Work {
    fn new(of: &Mixture) -> Self {
        let (k, d) = (of.parts.len(), of.dim);
        Self { row: vec![0.0; d], share: vec![0.0; k], along: vec![0.0; k * d], score: vec![0.0; d] }
    }

    /// Evaluates a point of single precision, its score into `self.score`.
    fn single(&mut self, of: &Mixture, row: &[f32], sigma: f32) -> f64 {
        self.row.iter_mut().zip(row).for_each(|(to, from)| *to = f64::from(*from));
        let (row, mut score) = (std::mem::take(&mut self.row), std::mem::take(&mut self.score));
        let log = of.evaluate(&row, f64::from(sigma), self, &mut score);
        (self.row, self.score) = (row, score);
        log
    }
}

impl Score for Mixture {
    fn dim(&self) -> usize {
        self.dim
    }

    fn device(&self) -> Device {
        Device::flex()
    }

    fn score(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<2> {
        let (n, d, device) = (x.dims()[0], self.dim, x.device());
        let (x, sigma) = (numbers(x), numbers(sigma.clone()));
        let mut out = vec![0.0f32; n * d];
        out.par_chunks_mut(d).zip(x.par_chunks(d)).zip(sigma).for_each_init(
            || Work::new(self),
            |work, ((out, row), sigma)| {
                work.single(self, row, sigma);
                out.iter_mut().zip(&work.score).for_each(|(o, s)| *o = *s as f32);
            },
        );
        matrix(out, n, d, &device)
    }

    fn score_rows(&self, x: &[f64], sigma: f64, out: &mut [f64]) {
        self.levels.at(&self.parts, sigma).evaluate(&self.parts, x, &mut [], out);
    }

    fn score_rows_at(&self, x: &[f64], sigma: &[f64], out: &mut [f64]) {
        self.each_at(x, sigma, out, |_, _, _| {});
    }

    fn log_density_rows(&self, x: &[f64], sigma: f64, log_density: &mut [f64], score: &mut [f64]) -> Option<()> {
        self.log_prob_rows(x, sigma, log_density, score);
        Some(())
    }

    fn evaluation(&self) -> Evaluation {
        Evaluation::Apart
    }
}

impl LogDensity for Mixture {
    fn log_prob(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<1> {
        let device = x.device();
        let (x, sigma) = (numbers(x), numbers(sigma.clone()));
        let rows = x.par_chunks(self.dim).zip(sigma);
        let log = |work: &mut Work, (row, sigma): (&[f32], f32)| work.single(self, row, sigma) as f32;
        vector(rows.map_init(|| Work::new(self), log).collect(), &device)
    }

    fn log_prob_rows(&self, x: &[f64], sigma: f64, log_prob: &mut [f64], score: &mut [f64]) {
        self.levels.at(&self.parts, sigma).evaluate(&self.parts, x, log_prob, score);
    }
}

/// The Jacobian of the score is the Hessian of log p_σ: with responsibilities r_k and u_k = −(Σ_k + σ²I)⁻¹(x − m_k),
/// J = Σ_k r_k(u_k u_kᵀ − (Σ_k + σ²I)⁻¹) − s sᵀ.
impl ScoreJvp for Mixture {
    fn curvature(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let (n, d, device) = (x.dims()[0], self.dim, x.device());
        let m = v.dims()[0] / n.max(1);
        let (rows, levels, directions) = (numbers(x), numbers(sigma.clone()), numbers(v));
        let (mut scores, mut curvatures) = (vec![0.0f32; n * d], vec![0.0f32; n * m]);
        let all = scores.par_chunks_mut(d).zip(curvatures.par_chunks_mut(m)).enumerate();
        all.for_each_init(
            || Work::new(self),
            |work, (i, (score, curvatures))| {
                work.single(self, &rows[i * d..(i + 1) * d], levels[i]);
                score.iter_mut().zip(&work.score).for_each(|(s, e)| *s = *e as f32);
                for (k, curvature) in curvatures.iter_mut().enumerate() {
                    let v = &directions[(k * n + i) * d..(k * n + i + 1) * d];
                    *curvature = self.bend(work, &work.score, f64::from(levels[i]).powi(2), |j| f64::from(v[j])) as f32;
                }
            },
        );
        (matrix(scores, n, d, &device), matrix(curvatures, n, m, &device))
    }

    /// tr J = Σ_k r_k(‖u_k‖² − tr (Σ_k + σ²I)⁻¹) − ‖s‖².
    fn trace_rows(&self, x: &[f64], sigma: &[f64], score: &mut [f64], trace: &mut [f64]) {
        self.each_at(x, sigma, score, |i, score, work| {
            let noise = sigma[i] * sigma[i];
            let of_part = |((part, share), along): ((&Part, &f64), &[f64])| {
                let axes = along.iter().zip(&part.variances).map(|(a, v)| (a / (v + noise)).powi(2) - 1.0 / (v + noise));
                share * axes.sum::<f64>()
            };
            let parts = self.parts.iter().zip(&work.share).zip(work.along.chunks(self.dim));
            trace[i] = parts.map(of_part).sum::<f64>() - score.iter().map(|s| s * s).sum::<f64>();
        });
    }

    fn curvature_rows(&self, x: &[f64], sigma: &[f64], v: &[f64], score: &mut [f64], curvature: &mut [f64]) {
        let m = curvature.len() / sigma.len().max(1);
        self.each_at(x, sigma, score, |i, score, work| {
            for k in i * m..(i + 1) * m {
                curvature[k] = self.bend(work, score, sigma[i] * sigma[i], |j| v[k * self.dim + j]);
            }
        });
    }

    fn log_density(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Option<Tensor<1>> {
        Some(self.log_prob(x, sigma))
    }
}

impl Exact for Mixture {
    fn smoothing(&self) -> Smoothing {
        Smoothing::Known
    }

    fn constant(&self) -> Constant {
        Constant::Known
    }

    fn fingerprint(&self) -> String {
        self.fingerprint()
    }

    fn moments(&self) -> (Vec<f64>, f64) {
        self.moments()
    }

    fn draws(&self, key: Key, first_row: u64, n: usize, sigma: f64) -> Option<Vec<f32>> {
        Some(self.sample(key, first_row, n, sigma))
    }

    fn as_mixture(&self) -> Option<&Mixture> {
        Some(self)
    }
}

/// As data: endless, drawn fresh.
impl Source for Mixture {
    fn len(&self) -> Option<u64> {
        None
    }

    fn event(&self) -> &EventShape {
        &self.event
    }

    fn fill(&self, indices: &[u64], key: Key, out: &mut [f32]) -> Result<()> {
        let key = key.for_purpose(Purpose::Data);
        fresh::fill(indices, self.dim, out, |first, n| Ok(self.sample(key, self.first_row + first, n, 0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tilted() -> Mixture {
        let first = Component { weight: 3.0, mean: vec![1.0, -2.0], cov: vec![vec![2.0, 0.6], vec![0.6, 1.0]] };
        Mixture::new(vec![first, Component::isotropic(1.0, vec![-1.0, 0.5], 0.5)]).unwrap()
    }

    fn at(m: &Mixture, x: &[f32], sigma: f64) -> (f64, Vec<f64>) {
        let mut score = vec![0.0; m.dim];
        let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        let log = m.evaluate(&x, sigma, &mut Work::new(m), &mut score);
        (log, score)
    }

    #[test]
    fn the_score_is_the_gradient_of_log_prob() {
        let m = tilted();
        for sigma in [0.0, 0.3, 2.0] {
            let x = [0.25f32, -0.75];
            let (_, score) = at(&m, &x, sigma);
            for j in 0..2 {
                let h = 1.0 / 1024.0;
                let (mut up, mut down) = (x, x);
                up[j] += h;
                down[j] -= h;
                let slope = (at(&m, &up, sigma).0 - at(&m, &down, sigma).0) / (2.0 * f64::from(h));
                assert!((slope - score[j]).abs() < 1e-5, "σ = {sigma}, axis {j}: {slope} against {}", score[j]);
            }
        }
    }

    #[test]
    fn the_trace_is_the_divergence_of_the_score() {
        let m = tilted();
        for sigma in [0.0, 0.3, 2.0] {
            let (x, h) = ([0.25, -0.75], 1e-5);
            let (mut score, mut trace) = ([0.0; 2], [0.0]);
            m.trace_rows(&x, &[sigma], &mut score, &mut trace);
            let mut divergence = 0.0;
            for j in 0..2 {
                let (mut around, mut scores) = ([x[0], x[1], x[0], x[1]], [0.0; 4]);
                around[j] += h;
                around[2 + j] -= h;
                m.score_rows(&around, sigma, &mut scores);
                divergence += (scores[j] - scores[2 + j]) / (2.0 * h);
            }
            assert!((trace[0] - divergence).abs() < 1e-8, "σ = {sigma}: {} against {divergence}", trace[0]);
            // Two orthogonal directions of length √2: half the sum of their curvatures is the trace.
            let mut curvature = [0.0; 2];
            m.curvature_rows(&x, &[sigma], &[1.0, 1.0, 1.0, -1.0], &mut score, &mut curvature);
            assert!((0.5 * (curvature[0] + curvature[1]) - trace[0]).abs() < 1e-12, "σ = {sigma}: {curvature:?}");
        }
    }

    #[test]
    fn rows_at_levels_of_their_own_are_rows_at_one_level() {
        let m = tilted();
        let x = [0.25, -0.75, 3.0, 1.0];
        let mut own = [0.0; 4];
        m.score_rows_at(&x, &[0.5, 2.0], &mut own);
        let mut one = [0.0; 4];
        m.score_rows(&x[..2], 0.5, &mut one[..2]);
        m.score_rows(&x[2..], 2.0, &mut one[2..]);
        assert!(own.iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-14), "{own:?} {one:?}");
    }

    #[test]
    fn the_density_integrates_to_one_at_every_sigma() {
        let m = tilted();
        for sigma in [0.0, 1.0] {
            let (h, side) = (0.1, 200);
            let cell = |i: i32| f64::from(i) * h;
            let total: f64 = (-side..side)
                .flat_map(|i| (-side..side).map(move |j| [cell(i) as f32, cell(j) as f32]))
                .map(|x| at(&m, &x, sigma).0.exp() * h * h)
                .sum();
            assert!((total - 1.0).abs() < 1e-4, "σ = {sigma}: {total}");
        }
    }

    #[test]
    fn a_single_gaussian_has_the_textbook_score_and_denoiser() {
        // N(m, Σ): score −(Σ + σ²I)⁻¹(x − m); posterior mean m + Σ(Σ + σ²I)⁻¹(x − m).
        let m = Mixture::new(vec![Component { weight: 1.0, mean: vec![1.0, -2.0], cov: vec![vec![2.0, 0.6], vec![0.6, 1.0]] }])
            .unwrap();
        let (x, sigma) = ([3.0f32, 0.5], 0.7f64);
        let (a, b, c) = (2.0 + sigma * sigma, 0.6, 1.0 + sigma * sigma);
        let det = a * c - b * b;
        let (u, v) = (2.0, 2.5);
        let solved = [(c * u - b * v) / det, (-b * u + a * v) / det];
        let (_, score) = at(&m, &x, sigma);
        assert!((score[0] + solved[0]).abs() < 1e-12 && (score[1] + solved[1]).abs() < 1e-12);
        let denoised = numbers(m.denoise(matrix(x.to_vec(), 1, 2, &Device::flex()), &vector(vec![0.7], &Device::flex())));
        let expected = [1.0 + 2.0 * solved[0] + 0.6 * solved[1], -2.0 + 0.6 * solved[0] + solved[1]];
        assert!((0..2).all(|j| (f64::from(denoised[j]) - expected[j]).abs() < 1e-5), "{denoised:?} against {expected:?}");
    }

    #[test]
    fn denoise_on_the_lectures_mixture_is_the_posterior_mean() {
        // E[x₀ given x] = Σ_k r_k(x)·(m_k + (x − m_k)/(1 + σ²)), r_k ∝ w_k N(x; m_k, (1 + σ²)I).
        let (p, device) = (super::super::mixture("mixture").unwrap(), Device::flex());
        for sigma in [0.1f32, 1.0, 5.0, 20.0] {
            let n = 500;
            let x = p.sample(Key::new(8, Purpose::Data), 0, n, f64::from(sigma));
            let levels = vector(vec![sigma; n], &device);
            let denoised = numbers(p.denoise(matrix(x.clone(), n, 2, &device), &levels));
            let total = 1.0 + f64::from(sigma).powi(2);
            for (x, found) in x.chunks(2).zip(denoised.chunks(2)) {
                let log = |weight: f64, m: f64| {
                    weight.ln() - x.iter().map(|x| (f64::from(*x) - m).powi(2)).sum::<f64>() / (2.0 * total)
                };
                let share = 1.0 / (1.0 + (log(0.2, -5.0) - log(0.8, 5.0)).exp());
                for (x, found) in x.iter().zip(found) {
                    let mean = |m: f64| m + (f64::from(*x) - m) / total;
                    let expected = share * mean(5.0) + (1.0 - share) * mean(-5.0);
                    // x + σ²·s cancels where σ is large: f32 keeps 1e-7 of |x|, here up to about 80.
                    let tolerance = 1e-5f64.max(2e-7 * f64::from(x.abs()) * 4.0);
                    assert!((f64::from(*found) - expected).abs() < tolerance, "σ = {sigma}: {found} against {expected}");
                }
            }
        }
    }

    #[test]
    fn draws_have_the_mixtures_moments() {
        let (m, n, sigma) = (tilted(), 200_000, 0.5);
        let x = m.sample(Key::new(3, Purpose::Data), 0, n, sigma);
        let (mean, variance) = m.moments();
        let total_variance = variance + sigma * sigma;
        for (j, expected) in mean.iter().enumerate() {
            let measured = x.iter().skip(j).step_by(2).map(|v| f64::from(*v)).sum::<f64>() / n as f64;
            assert!(
                (measured - expected).abs() < 5.0 * (2.0 * total_variance / n as f64).sqrt(),
                "{measured} against {expected}"
            );
        }
        let spread = x.chunks(2).map(|r| (0..2).map(|j| (f64::from(r[j]) - mean[j]).powi(2)).sum::<f64>()).sum::<f64>();
        let measured = spread / (2 * n) as f64;
        // The squared distance of a mixture's point has a standard deviation below twice its mean.
        let tolerance = 4.0 * 2.0 * total_variance / (n as f64).sqrt();
        assert!((measured - total_variance).abs() < tolerance, "{measured} against {total_variance}");
    }

    #[test]
    fn the_shares_of_draws_are_the_weights() {
        let m = super::super::mixture("mixture").unwrap();
        let n = 100_000;
        let x = m.sample(Key::new(1, Purpose::Data), 0, n, 0.0);
        let first = m.assign(&x, 0.0).iter().filter(|k| **k == 0).count() as f64 / n as f64;
        assert!((first - 0.8).abs() < 5.0 * (0.16 / n as f64).sqrt(), "{first}");
    }

    #[test]
    fn a_covariance_must_be_symmetric_and_positive() {
        let bad = |cov| Mixture::new(vec![Component { weight: 1.0, mean: vec![0.0, 0.0], cov }]).is_err();
        assert!(bad(vec![vec![1.0, 2.0], vec![2.0, 1.0]]));
        assert!(bad(vec![vec![1.0, 0.5], vec![0.0, 1.0]]));
        assert!(bad(vec![vec![1.0]]));
    }
}
