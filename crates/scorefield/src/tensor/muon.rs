//! Muon's arithmetic on tensors: momentum made orthogonal, for parameters that are matrices (see `scorefield-kernels::muon`).
//!
//! On the CPU the matrices of a network are worked on side by side by one kernel; elsewhere the same formula runs as tensor operations.

use super::Tensor;
use super::adamw::{Gradient, Where, given_back, owned};
use scorefield_kernels::muon as kernel;

pub use kernel::Hyper as MuonStep;

/// A parameter `[rows, cols]`, flat, with its gradient and its momentum.
pub struct MuonMatrix {
    /// Rows: outputs.
    pub rows: usize,
    /// Columns: inputs, times the pixels of a convolution's kernel.
    pub cols: usize,
    /// The parameter, flat.
    pub p: Tensor<1>,
    /// Its gradient.
    pub g: Gradient,
    /// Its momentum, flat.
    pub m: Tensor<1>,
}

/// One step of each matrix: the parameters and the momenta, flat, in their order.
pub fn muon_step(matrices: Vec<MuonMatrix>, step: &MuonStep) -> Vec<(Tensor<1>, Tensor<1>)> {
    let Some(device) = matrices.first().map(|matrix| matrix.p.device()) else { return Vec::new() };
    let (mut host, mut done) = (Vec::new(), Vec::new());
    for MuonMatrix { rows, cols, p, g, m } in matrices {
        match g.0 {
            Where::Host(g) => host.push(kernel::Matrix { rows, cols, p: owned(p), g, m: owned(m) }),
            Where::Device(g) => done.push(composed(p, *g, m, rows, cols, step)),
        }
    }
    kernel::muon(&mut host, *step);
    done.extend(host.into_iter().map(|matrix| (given_back(matrix.p, &device), given_back(matrix.m, &device))));
    done
}

fn composed(p: Tensor<1>, g: Tensor<1>, m: Tensor<1>, rows: usize, cols: usize, step: &MuonStep) -> (Tensor<1>, Tensor<1>) {
    let new = g * (step.grad_scale * (1.0 - step.momentum));
    let m = m * step.momentum + new.clone();
    let direction: Tensor<2> = (m.clone() * step.momentum + new).reshape([rows, cols]);
    let turned = |t: Tensor<2>| if rows > cols { t.transpose() } else { t };
    let direction = turned(direction);
    let size = direction.clone().powi_scalar(2).sum().sqrt().reshape([1, 1]);
    // Zeros stay zeros.
    let mut x = direction / (size + f32::MIN_POSITIVE);
    let [a, b, c] = kernel::QUINTIC;
    for _ in 0..kernel::ITERATIONS {
        let gram = x.clone().matmul(x.clone().transpose());
        let factor = gram.clone() * b + gram.clone().matmul(gram) * c;
        x = x.clone() * a + factor.matmul(x);
    }
    let kept = 1.0 - step.lr * step.weight_decay;
    (p * kept - turned(x).reshape([rows * cols]) * step.rate(rows, cols), m)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};
    use crate::tensor::{Device, numbers, sum_of_squares, vector};

    #[test]
    fn the_kernel_and_the_composed_operations_take_the_same_step() {
        let device = Device::flex();
        let step = MuonStep { lr: 0.02, momentum: 0.95, weight_decay: 0.1, grad_scale: 0.5 };
        for (rows, cols) in [(16, 16), (20, 90), (70, 32)] {
            let [p, g, m] = [0, 1, 2].map(|step| vector(Key::new(4, Purpose::Noise).at(step).normal(0, rows, cols), &device));
            let matrix = MuonMatrix { rows, cols, p: p.clone(), g: sum_of_squares(g.clone()).1, m: m.clone() };
            let (got_p, got_m) = muon_step(vec![matrix], &step).pop().unwrap();
            let (want_p, want_m) = composed(p, g, m, rows, cols, &step);
            for (got, want) in [(got_p, want_p), (got_m, want_m)] {
                for (got, want) in numbers(got).into_iter().zip(numbers(want)) {
                    assert!((got - want).abs() <= 2e-5 * (1.0 + want.abs()), "{rows}×{cols}: {got} not {want}");
                }
            }
        }
    }
}
