//! The perceptron on jets in f64, point by point and direction by direction, straight from the formulas.

use crate::mlp::{Activation, Inputs, Plan};

/// An activation's value, first and second derivative.
fn activation(activation: Activation, x: f64) -> [f64; 3] {
    let s = 1.0 / (1.0 + (-x).exp());
    let slope = s * (1.0 - s);
    match activation {
        Activation::Silu => [x * s, s + x * slope, 2.0 * slope + x * slope * (1.0 - 2.0 * s)],
        Activation::Softplus => [x.max(0.0) + (-x.abs()).exp().ln_1p(), s, slope],
        Activation::Tanh => {
            let t = x.tanh();
            [t, 1.0 - t * t, -2.0 * t * (1.0 - t * t)]
        }
        Activation::Gelu => {
            let (below, density) = normal(x);
            [x * below, below + x * density, density * (2.0 - x * x)]
        }
    }
}

/// Φ(x) = ½ + φ(x)·(x + x³/3 + x⁵/(3·5) + …), and φ(x).
fn normal(x: f64) -> (f64, f64) {
    let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    let (mut term, mut sum, mut k) = (x, x, 1.0);
    while term.abs() > 1e-18 * sum.abs() {
        k += 2.0;
        term *= x * x / k;
        sum += term;
    }
    (0.5 + density * sum, density)
}

/// All inputs of an evaluation in f64.
#[derive(Clone)]
pub(super) struct Exact {
    pub params: Vec<f64>,
    pub x: Vec<f64>,
    pub v: Vec<f64>,
    pub level: Vec<f64>,
}

impl Exact {
    pub(super) fn new(inputs: &Inputs<'_>) -> Self {
        let wide = |s: &[f32]| s.iter().map(|&s| f64::from(s)).collect();
        Self { params: wide(inputs.params), x: wide(inputs.x), v: wide(inputs.v), level: wide(inputs.level) }
    }

    /// The output, laid out as that of `forward`.
    pub(super) fn forward(&self, plan: &Plan<'_>) -> Vec<f64> {
        let (n, d0) = (plan.rows, plan.widths[0]);
        let last = plan.widths[plan.widths.len() - 1];
        let mut out = vec![0.0; plan.output_len()];
        let order = plan.order.derivatives();
        let directions = if order == 0 { 0 } else { plan.directions };
        for i in 0..n {
            let none = vec![0.0; d0];
            out[i * last..][..last].copy_from_slice(&self.point(plan, i, &none)[0]);
            for m in 0..directions {
                let row = m * n + i;
                let jet = self.point(plan, i, &self.v[row * d0..][..d0]);
                for (k, derivative) in jet[1..=order].iter().enumerate() {
                    let at = n + k * directions * n + row;
                    out[at * last..][..last].copy_from_slice(derivative);
                }
            }
        }
        out
    }

    /// Value, first and second derivative at point i along v.
    fn point(&self, plan: &Plan<'_>, i: usize, v: &[f64]) -> [Vec<f64>; 3] {
        let d0 = plan.widths[0];
        let mut h = [self.x[i * d0..][..d0].to_vec(), v.to_vec(), vec![0.0; d0]];
        let mut at = 0;
        for (l, d) in plan.widths.windows(2).enumerate() {
            let w = &self.params[at..][..d[0] * d[1]];
            let b = &self.params[at + d[0] * d[1]..][..d[1]];
            at += (d[0] + 1) * d[1];
            let mut u = h.map(|h| (0..d[1]).map(|j| (0..d[0]).map(|k| h[k] * w[k * d[1] + j]).sum()).collect::<Vec<f64>>());
            for j in 0..d[1] {
                u[0][j] += b[j];
                if l == 0 && !self.level.is_empty() {
                    u[0][j] += self.level[i * d[1] + j];
                }
                if l + 2 < plan.widths.len() {
                    let [a, a1, a2] = activation(plan.activation, u[0][j]);
                    let (u1, u2) = (u[1][j], u[2][j]);
                    (u[0][j], u[1][j], u[2][j]) = (a, a1 * u1, a2 * u1 * u1 + a1 * u2);
                }
            }
            h = u;
        }
        h
    }
}
