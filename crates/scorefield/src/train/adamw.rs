//! AdamW over everything that has [`Parameters`] (Loshchilov & Hutter 2019), with clipping of the whole gradient's norm.

use crate::net::Parameters;
use crate::tensor::{AdamStep, Tensor, adam_step, sum_of_squares};
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
}

/// The optimiser's state: two moments a parameter, and the number of steps.
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
        let (mut flat, mut i) = (flat.into_iter(), 0);
        parameters.visit_mut(&mut |_, p| {
            if p.is_fixed() {
                flat.next();
                moved(i, &p.flat().inner());
                i += 1;
                return;
            }
            // The moments are taken out, so that the step owns their memory and works in place.
            let taken = |moments: &mut Vec<Tensor<1>>| {
                let device = moments[i].device();
                std::mem::replace(&mut moments[i], Tensor::empty([0], &device))
            };
            let (g, m, v) = (flat.next().expect("one gradient a parameter"), taken(&mut self.first), taken(&mut self.second));
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
}
