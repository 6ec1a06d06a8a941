//! What a score is to the rest of the library.
//!
//! Trained models, distributions known in closed form and posterior wrappers are all [`Score`]s, so every sampler and diagnostic works
//! for each of them. What an objective needs besides is [`ScoreJvp`]: derivatives of the score along directions.

use crate::tensor::{Device, Tensor, column, matrix, numbers, repeated, row_dots, unit_vectors, vector};

/// How rows of points are best evaluated when there are many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evaluation {
    /// Many at once, by operations that use all cores; the last bits of a row may depend on its place among the others. Networks.
    Together,
    /// Some at once, in a block of its own on one core; the last bits of a row may depend on its place in the block. Small networks.
    InBlocks,
    /// Row by row, each by itself and on one core: blocks of rows run side by side. Closed forms.
    Apart,
}

/// ∇ₓ log p_σ(x), where p_σ is the distribution of x₀ + σ·n.
pub trait Score: Send + Sync {
    /// Dimension d of a point.
    fn dim(&self) -> usize;

    /// Where tensors given to [`Score::score`] should live.
    fn device(&self) -> Device;

    /// The score at `x` `[n, d]` and noise levels `sigma` `[n]` (data units); `[n, d]`.
    fn score(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<2>;

    /// The scores of rows `x` `[n, d]`, row-major, all at noise level σ, in double precision; `[n, d]` into `out`.
    ///
    /// Unless the score says otherwise they are computed through [`Score::score`], in single precision.
    ///
    /// # Panics
    /// If `x` and `out` are not as long as each other, or no whole number of rows.
    fn score_rows(&self, x: &[f64], sigma: f64, out: &mut [f64]) {
        score_rows_in_tensors(self, x, sigma, out);
    }

    /// As [`Score::score_rows`], row i at noise level `sigma[i]`.
    ///
    /// # Panics
    /// As [`Score::score_rows`]; if there are not as many levels as rows.
    fn score_rows_at(&self, x: &[f64], sigma: &[f64], out: &mut [f64]) {
        widen(self.score(single(x, self.dim(), &self.device()), &narrow(sigma, &self.device())), out);
    }

    /// log p_σ up to a constant in x, `[n]`, and the score, `[n, d]`, of rows `x`; `None`, and nothing is written, where the score is
    /// not known to be a gradient.
    ///
    /// # Panics
    /// As [`Score::score_rows`]; if `log_density` is not `[n]`.
    fn log_density_rows(&self, _x: &[f64], _sigma: f64, _log_density: &mut [f64], _score: &mut [f64]) -> Option<()> {
        None
    }

    /// How many rows are best evaluated.
    fn evaluation(&self) -> Evaluation {
        Evaluation::Together
    }

    /// D(x, σ) = E[x₀ given x] = x + σ²·∇ log p_σ(x): Tweedie's formula (Robbins 1956; Efron 2011), for Gaussian noise.
    fn denoise(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<2> {
        let variance = column(sigma).powi_scalar(2);
        x.clone() + self.score(x, sigma) * variance
    }
}

/// A score with its derivatives along directions, J = ∂s/∂x.
///
/// M directions a point travel together: `v` is `[M·n, d]`, and direction m of point i is row m·n + i. Results that are one number a
/// direction are `[n, M]`. Where the score has parameters, every result can be differentiated by them.
pub trait ScoreJvp: Score {
    /// s `[n, d]`, and vᵀJv `[n, M]`.
    fn curvature(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>);

    /// vᵀs and vᵀJv, `[n, M]` each: all that the sliced loss looks at. A score that is the gradient of a scalar has both without
    /// computing itself in full.
    fn along(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let (s, curvature) = self.curvature(x, sigma, v.clone());
        let n = s.dims()[0];
        (row_dots(v, s, n), curvature)
    }

    /// s `[n, d]`, and the exact tr J `[n]`: from d unit directions, some at once, unless the score knows a shorter way.
    fn trace(&self, x: Tensor<2>, sigma: &Tensor<1>) -> (Tensor<2>, Tensor<1>) {
        trace_along(self, x, sigma)
    }

    /// The scores of rows `x` `[n, d]` into `score`, and the exact tr J of each into `trace` `[n]`, row i at noise level `sigma[i]`, in double
    /// precision where the score has it.
    ///
    /// # Panics
    /// As [`Score::score_rows_at`]; if `trace` is not `[n]`.
    fn trace_rows(&self, x: &[f64], sigma: &[f64], score: &mut [f64], trace: &mut [f64]) {
        let (s, tr) = self.trace(single(x, self.dim(), &self.device()), &narrow(sigma, &self.device()));
        widen(s, score);
        widen(tr, trace);
    }

    /// The scores of rows `x` `[n, d]` into `score`, and vᵀJv for M directions a point, `v` `[n, M, d]`, into `curvature` `[n, M]`; row i at
    /// noise level `sigma[i]`, in double precision where the score has it.
    ///
    /// # Panics
    /// As [`Score::score_rows_at`]; if `v` and `curvature` do not agree.
    fn curvature_rows(&self, x: &[f64], sigma: &[f64], v: &[f64], score: &mut [f64], curvature: &mut [f64]) {
        let (d, n, device) = (self.dim(), sigma.len(), self.device());
        // In a tensor direction m of point i is row m·n + i.
        let m = curvature.len() / n.max(1);
        let rows = (0..m * n).flat_map(|row| &v[(row % n * m + row / n) * d..][..d]).map(|v| *v as f32).collect();
        let (s, c) = self.curvature(single(x, d, &device), &narrow(sigma, &device), matrix(rows, m * n, d, &device));
        widen(s, score);
        widen(c, curvature);
    }

    /// log p_σ(x) up to a constant in x, `[n]`; `None` where the score is not known to be a gradient.
    fn log_density(&self, _x: Tensor<2>, _sigma: &Tensor<1>) -> Option<Tensor<1>> {
        None
    }
}

/// s `[n, d]`, and the exact tr J `[n]` from d unit directions, as many at once as `TRACE_NUMBERS` allows.
pub(crate) fn trace_along(score: &(impl ScoreJvp + ?Sized), x: Tensor<2>, sigma: &Tensor<1>) -> (Tensor<2>, Tensor<1>) {
    let ([n, d], device) = (x.dims(), x.device());
    let at_once = (TRACE_NUMBERS / (n * d).max(1)).clamp(1, d.max(1));
    let mut columns = Vec::new();
    let mut trace = Tensor::zeros([n], &device);
    for first in (0..d).step_by(at_once) {
        let unit = unit_vectors(n, d, first, at_once.min(d - first), &device);
        let (s, curvature) = score.along(x.clone(), sigma, unit);
        columns.push(s);
        trace = trace + curvature.sum_dim(1).reshape([n]);
    }
    (Tensor::cat(columns, 1), trace)
}

/// How many numbers the directions of one pass of an exact trace may have: 16 MiB, and a network's hidden values beside them.
const TRACE_NUMBERS: usize = 1 << 22;

/// A score that comes with its density.
pub trait LogDensity: Score {
    /// log p_σ(x), normalised, in nats; `[n]`.
    fn log_prob(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<1>;

    /// log p_σ of rows `x` `[n, d]`, normalised, in nats, into `log_prob` `[n]`, and their scores `[n, d]`, in double precision.
    ///
    /// # Panics
    /// As [`Score::score_rows`]; if `log_prob` is not `[n]`.
    fn log_prob_rows(&self, x: &[f64], sigma: f64, log_prob: &mut [f64], score: &mut [f64]);
}

/// [`Score::score_rows`] through [`Score::score`], for scores that have a shorter way only sometimes.
pub(crate) fn score_rows_in_tensors<S: Score + ?Sized>(score: &S, x: &[f64], sigma: f64, out: &mut [f64]) {
    let n = x.len() / score.dim();
    widen(score.score(single(x, score.dim(), &score.device()), &repeated(sigma as f32, n, &score.device())), out);
}

/// Rows as a tensor of single precision.
fn single(x: &[f64], d: usize, device: &Device) -> Tensor<2> {
    matrix(x.iter().map(|v| *v as f32).collect(), x.len() / d, d, device)
}

/// Noise levels as a tensor of single precision.
fn narrow(sigma: &[f64], device: &Device) -> Tensor<1> {
    vector(sigma.iter().map(|s| *s as f32).collect(), device)
}

/// A tensor's numbers as double precision.
fn widen<const D: usize>(tensor: Tensor<D>, out: &mut [f64]) {
    let values = numbers(tensor);
    assert_eq!(values.len(), out.len(), "as many numbers as there is room for");
    out.iter_mut().zip(values).for_each(|(o, v)| *o = f64::from(v));
}
