//! A layer in f64, straight from the formula.

use crate::image::{Activation, Inputs, Layer, Norm, Size};

/// The inputs in f64.
#[derive(Clone)]
pub(super) struct Exact {
    /// x, scale, offset, W, bias and residual, as [`Inputs`] has them.
    pub(super) inputs: [Vec<f64>; 6],
}

impl Exact {
    pub(super) fn new(inputs: &Inputs<'_>) -> Self {
        let Inputs { x, scale, offset, weight, bias, residual } = *inputs;
        Self { inputs: [x, scale, offset, weight, bias, residual].map(|v| v.iter().map(|&v| f64::from(v)).collect()) }
    }

    /// a(norm(x)·scale + offset) `[n, pixels, c]`.
    pub(super) fn entered(&self, n: usize, c: usize, norm: Option<Norm>, activation: Option<Activation>) -> Vec<f64> {
        let [x, scale, offset, ..] = &self.inputs;
        let size = x.len() / n.max(1);
        let mut u = x.clone();
        if let Some(Norm { groups, eps }) = norm {
            for u in u.chunks_exact_mut(size) {
                for group in 0..groups {
                    let of = |j: usize| j % c / (c / groups) == group;
                    let count = (size / groups) as f64;
                    let mean = (0..size).filter(|&j| of(j)).map(|j| u[j]).sum::<f64>() / count;
                    let variance = (0..size).filter(|&j| of(j)).map(|j| (u[j] - mean).powi(2)).sum::<f64>() / count;
                    (0..size).filter(|&j| of(j)).for_each(|j| u[j] = (u[j] - mean) / (variance + f64::from(eps)).sqrt());
                }
            }
        }
        for (j, u) in u.iter_mut().enumerate() {
            let (image, channel) = (j / size, j % c);
            let v = *u * at(scale, image, channel, c, 1.0) + at(offset, image, channel, c, 0.0);
            *u = match activation {
                None => v,
                Some(Activation::Silu) => v / (1.0 + (-v).exp()),
                Some(Activation::Softplus) => v.exp().ln_1p(),
                Some(Activation::Tanh) => v.tanh(),
                Some(Activation::Gelu) => v * distribution(v),
            };
        }
        u
    }

    /// y.
    pub(super) fn forward(&self, layer: &Layer, n: usize) -> Vec<f64> {
        let Layer { height, width, channels: c, outputs, kernel, stride, before, factor, .. } = *layer;
        let [.., weight, bias, residual] = &self.inputs;
        let a = self.entered(n, c, layer.norm, layer.activation);
        let times = if layer.size == Size::Double { 2 } else { 1 };
        let (rows, cols) = layer.output();
        let mut y = Vec::new();
        for image in 0..n {
            for (row, col, o) in (0..rows * cols * outputs).map(|j| (j / outputs / cols, j / outputs % cols, j % outputs)) {
                let mut sum = at(bias, image, o, outputs, 0.0) + residual.get(y.len()).copied().unwrap_or(0.0);
                for (i, j) in (0..kernel * kernel).map(|t| (t / kernel, t % kernel)) {
                    let (Some(v), Some(h)) = ((row * stride + i).checked_sub(before), (col * stride + j).checked_sub(before))
                    else {
                        continue;
                    };
                    if v < times * height && h < times * width {
                        let pixel = ((image * height + v / times) * width + h / times) * c;
                        sum += (0..c).map(|q| a[pixel + q] * weight[((o * c + q) * kernel + i) * kernel + j]).sum::<f64>();
                    }
                }
                y.push(sum * f64::from(factor));
            }
        }
        y
    }
}

fn at(given: &[f64], image: usize, channel: usize, c: usize, absent: f64) -> f64 {
    match given.len() {
        0 => absent,
        len if len == c => given[channel],
        _ => given[image * c + channel],
    }
}

/// Φ by its power series.
fn distribution(x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (x, x, 1.0);
    while term.abs() > 1e-17 {
        term *= x * x / (2.0 * k + 1.0);
        sum += term;
        k += 1.0;
    }
    0.5 + sum * (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt()
}
