//! s(x) = Ax + b as a score whose A and b can be differentiated by: J = A everywhere, and it is no gradient where A is not symmetric.

use super::Affine;
use crate::score::{Score, ScoreJvp};
use crate::tensor::{Device, Tensor, gradients, leaf, matrix, numbers, row_dots};

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct LinearScore {
    /// A, `[d, d]`.
    a: Tensor<2>,
    /// b, `[1, d]`.
    b: Tensor<2>,
}

impl LinearScore {
    /// The same as tensors on `device`, with gradients.
    pub fn new(affine: &Affine, device: &Device) -> Self {
        let d = affine.b.len();
        // nalgebra's columns are the rows of the transpose.
        let a = affine.a.transpose().iter().map(|a| *a as f32).collect();
        let b = affine.b.iter().map(|b| *b as f32).collect();
        Self { a: leaf(matrix(a, d, d, device)), b: leaf(matrix(b, 1, d, device)) }
    }

    /// The numbers that the tensors hold, which are the given ones rounded to 32 bits.
    pub fn rounded(affine: &Affine) -> Affine {
        let round = |x: f64| f64::from(x as f32);
        Affine { a: affine.a.map(round), b: affine.b.map(round) }
    }

    /// ∂L/∂A, row by row, then ∂L/∂b, of a loss computed from this score.
    pub fn gradient(&self, loss: Tensor<1>) -> Vec<f64> {
        gradients(loss, [&self.a, &self.b]).into_iter().flat_map(numbers).map(f64::from).collect()
    }
}

impl Score for LinearScore {
    fn dim(&self) -> usize {
        self.b.dims()[1]
    }

    fn device(&self) -> Device {
        self.b.device()
    }

    fn score(&self, x: Tensor<2>, _: &Tensor<1>) -> Tensor<2> {
        x.matmul(self.a.clone().transpose()) + self.b.clone()
    }
}

impl ScoreJvp for LinearScore {
    fn curvature(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let n = x.dims()[0];
        let jv = v.clone().matmul(self.a.clone().transpose());
        (self.score(x, sigma), row_dots(v, jv, n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::vector;
    use nalgebra::{DMatrix, DVector};

    #[test]
    fn it_is_ax_plus_b_with_trace_tr_a_and_gradients_by_both() {
        let affine =
            Affine { a: DMatrix::from_row_slice(2, 2, &[1.0, 2.0, -3.0, 0.5]), b: DVector::from_row_slice(&[0.25, -1.0]) };
        let device = Device::flex();
        let s = LinearScore::new(&affine, &device);
        let x = || matrix(vec![1.0, 2.0], 1, 2, &device.clone().autodiff());
        let (value, trace) = s.trace(x(), &vector(vec![0.0], &device.clone().autodiff()));
        assert_eq!((numbers(value), numbers(trace.clone())), (vec![5.25, -3.0], vec![1.5]));
        assert_eq!(s.gradient(trace), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        let first = s.score(x(), &vector(vec![0.0], &device)).narrow(1, 0, 1).reshape([1]);
        assert_eq!(s.gradient(first), [1.0, 2.0, 0.0, 0.0, 1.0, 0.0]);
    }
}
