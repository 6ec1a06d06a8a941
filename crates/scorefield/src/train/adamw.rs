//! AdamW over everything that has [`Parameters`] (Loshchilov & Hutter 2019), or Muon over what is a matrix and AdamW over the rest (Jordan et
//! al. 2024), with clipping of the whole gradient's norm.

use crate::net::{Parameter, Parameters};
use crate::tensor::{AdamStep, Gradient, MuonMatrix, MuonStep, Tensor, adam_step, muon_step, sum_of_squares};
use burn::tensor::Gradients;

/// Settings of one step.
#[derive(Clone, Copy, Debug)]
pub struct Hyper {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// ε.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Largest norm of the whole gradient; 0: no limit.
    pub clip: f64,
    /// Muon's decay of the momentum, if it is to move the matrices.
    pub muon: Option<f64>,
}

/// The fewest rows and columns of what Muon takes for a matrix: a network's first and last layers, of a few features, are no such.
const SHORTEST: usize = 16;

/// A parameter as rows, outputs, and columns, inputs, if it is a matrix.
fn matrix(p: &Parameter) -> Option<(usize, usize)> {
    let (rows, rest) = p.shape().split_first()?;
    let cols = rest.iter().product();
    (!rest.is_empty() && SHORTEST <= cols && SHORTEST <= *rows && !p.is_fixed()).then_some((*rows, cols))
}

/// The optimiser's state: two moments a parameter, and the number of steps. Muon keeps its momentum for the first; the second stays 0.
pub struct AdamW {
    /// First moments, flat, in visiting order.
    pub first: Vec<Tensor<1>>,
    /// Second moments.
    pub second: Vec<Tensor<1>>,
    /// Steps taken.
    pub t: u64,
}

impl AdamW {
    /// Moments 0; makes every parameter a leaf of the gradient graph.
    pub fn new(parameters: &mut dyn Parameters) -> Self {
        let mut first = Vec::new();
        parameters.visit_mut(&mut |_, p| {
            let fixed = p.is_fixed();
            first.push(p.flat().inner().zeros_like());
            p.update(|v| if fixed { v.autodiff() } else { v.autodiff().require_grad() });
        });
        Self { second: first.clone(), first, t: 0 }
    }

    /// One step down `grads`; `moved` sees each parameter's number and new values. Returns the gradient's norm before clipping; if that is
    /// not finite, the step is counted and changes nothing.
    pub fn step(
        &mut self,
        parameters: &mut dyn Parameters,
        mut grads: Gradients,
        hyper: &Hyper,
        moved: &mut dyn FnMut(usize, &Tensor<1>),
    ) -> f64 {
        self.t += 1;
        let mut flat = Vec::with_capacity(self.first.len());
        let mut squares = 0.0;
        parameters.visit(&mut |_, p| {
            let leaf = p.flat();
            let g = leaf.grad_remove(&mut grads).unwrap_or_else(|| leaf.inner().zeros_like());
            let (sum, g) = sum_of_squares(g);
            squares += sum;
            flat.push(g);
        });
        drop(grads);
        let norm = f64::sqrt(squares);
        if !norm.is_finite() {
            return norm;
        }
        let step = AdamStep {
            lr: hyper.lr as f32,
            beta1: hyper.beta1 as f32,
            beta2: hyper.beta2 as f32,
            eps: hyper.eps as f32,
            weight_decay: hyper.weight_decay as f32,
            grad_scale: if hyper.clip > 0.0 && norm > hyper.clip { (hyper.clip / norm) as f32 } else { 1.0 },
            t: self.t,
        };
        let mut flat: Vec<Option<Gradient>> = flat.into_iter().map(Some).collect();
        let mut turned = self.step_matrices(parameters, &mut flat, hyper, step.grad_scale).into_iter();
        let mut i = 0;
        parameters.visit_mut(&mut |_, p| {
            let Some(g) = flat[i].take() else {
                let (values, m) = turned.next().expect("one step a matrix");
                p.update(|_| {
                    self.first[i] = m;
                    moved(i, &values);
                    values.autodiff().require_grad()
                });
                i += 1;
                return;
            };
            if p.is_fixed() {
                moved(i, &p.flat().inner());
                i += 1;
                return;
            }
            let (m, v) = (taken(&mut self.first[i]), taken(&mut self.second[i]));
            p.update(|values| {
                let (values, m, v) = adam_step(values.inner(), g, m, v, &step);
                (self.first[i], self.second[i]) = (m, v);
                moved(i, &values);
                values.autodiff().require_grad()
            });
            i += 1;
        });
        norm
    }

    /// Muon's steps of the matrices, whose gradients are taken; none if it is not asked for.
    fn step_matrices(
        &mut self,
        parameters: &dyn Parameters,
        flat: &mut [Option<Gradient>],
        hyper: &Hyper,
        grad_scale: f32,
    ) -> Vec<(Tensor<1>, Tensor<1>)> {
        let Some(momentum) = hyper.muon else { return Vec::new() };
        let (mut matrices, mut i) = (Vec::new(), 0);
        parameters.visit(&mut |_, p| {
            if let Some(((rows, cols), g)) = matrix(p).and_then(|shape| Some((shape, flat[i].take()?))) {
                matrices.push(MuonMatrix { rows, cols, p: p.flat().inner(), g, m: taken(&mut self.first[i]) });
            }
            i += 1;
        });
        let (lr, weight_decay) = (hyper.lr as f32, hyper.weight_decay as f32);
        muon_step(matrices, &MuonStep { lr, momentum: momentum as f32, weight_decay, grad_scale })
    }
}

/// A moment, taken out so that the step owns its memory and works in place.
fn taken(moment: &mut Tensor<1>) -> Tensor<1> {
    let device = moment.device();
    std::mem::replace(moment, Tensor::empty([0], &device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{Device, numbers, vector};

    struct Two(Parameter, Parameter);

    impl Parameters for Two {
        fn visit(&self, f: &mut dyn FnMut(&str, &Parameter)) {
            f("matrix", &self.0);
            f("vector", &self.1);
        }

        fn visit_mut(&mut self, f: &mut dyn FnMut(&str, &mut Parameter)) {
            f("matrix", &mut self.0);
            f("vector", &mut self.1);
        }
    }

    #[test]
    fn muon_moves_matrices_by_orthogonal_steps_and_leaves_the_rest_to_adamw() {
        let device = Device::flex().autodiff();
        let run = |muon| {
            let waves = |n: usize| (0..n).map(|i| (1.7 * i as f32 + 0.01 * (i * i) as f32).sin()).collect::<Vec<f32>>();
            let mut two =
                Two(Parameter::new(vec![0.0; 16 * 20], &[16, 20], &device), Parameter::new(vec![0.0; 5], &[5], &device));
            let mut optimizer = AdamW::new(&mut two);
            let loss = (two.0.flat() * vector(waves(320), &device)).sum() + (two.1.flat() * vector(waves(5), &device)).sum();
            let hyper = Hyper { lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.0, clip: 1.0, muon };
            let mut seen = Vec::new();
            optimizer.step(&mut two, loss.backward(), &hyper, &mut |i, values| seen.push((i, values.dims()[0])));
            assert_eq!(seen, [(0, 320), (1, 5)]);
            (two.0.numbers(), two.1.numbers(), numbers(optimizer.second[0].clone()))
        };
        let ((muon, by_muon, second), (adamw, by_adamw, _)) = (run(Some(0.95)), run(None));
        assert_eq!(by_muon, by_adamw);
        assert!(second.iter().all(|v| *v == 0.0) && muon != adamw);
        // Rows of an orthogonal step have one length, 0.1·0.2·√20 times a singular value of 0.68 to 1.21.
        for row in muon.chunks_exact(20) {
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt() / (0.02 * 20f32.sqrt());
            assert!((0.68..1.21).contains(&length), "{length}");
        }
    }
}
