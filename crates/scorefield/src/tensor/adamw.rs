//! The optimiser's arithmetic on flat tensors: AdamW (Loshchilov & Hutter 2019) and exponential averages.
//!
//! On the CPU the tensor's memory is taken, updated in place by one fused kernel, and given back; elsewhere the same formula runs as
//! tensor operations on the device.

use super::{Device, Tensor, TensorData, is_cpu};
use scorefield_kernels as kernels;

/// The numbers of one AdamW step.
#[derive(Clone, Copy, Debug)]
pub struct AdamStep {
    /// Learning rate.
    pub lr: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// Decoupled weight decay, multiplied by the learning rate.
    pub weight_decay: f32,
    /// What the gradient is multiplied by before anything else (clipping).
    pub grad_scale: f32,
    /// How many steps have been taken, this one included; at least 1.
    pub t: u64,
}

impl AdamStep {
    fn bias(&self, beta: f32) -> f32 {
        (1.0 - f64::from(beta).powf(self.t as f64)) as f32
    }
}

/// A parameter's gradient, flat `[k]`, on its way from [`sum_of_squares`] to [`adam_step`].
pub struct Gradient(pub(super) Where);

pub(super) enum Where {
    Host(Vec<f32>),
    Device(Box<Tensor<1>>),
}

/// One step: returns the parameter and its two moments, all flat `[k]`.
pub fn adam_step(p: Tensor<1>, g: Gradient, m: Tensor<1>, v: Tensor<1>, step: &AdamStep) -> (Tensor<1>, Tensor<1>, Tensor<1>) {
    let device = p.device();
    let (bias1, bias2) = (step.bias(step.beta1), step.bias(step.beta2));
    match g.0 {
        Where::Host(g) => {
            let (mut p, mut m, mut v) = (owned(p), owned(m), owned(v));
            let hyper = kernels::adamw::Hyper {
                lr: step.lr,
                beta1: step.beta1,
                beta2: step.beta2,
                eps: step.eps,
                weight_decay: step.weight_decay,
                bias1,
                bias2,
                grad_scale: step.grad_scale,
            };
            kernels::adamw::adamw(&mut p, &g, &mut m, &mut v, hyper);
            (given_back(p, &device), given_back(m, &device), given_back(v, &device))
        }
        Where::Device(g) => {
            let g = *g * step.grad_scale;
            let m = m * step.beta1 + g.clone() * (1.0 - step.beta1);
            let v = v * step.beta2 + g.powi_scalar(2) * (1.0 - step.beta2);
            let direction = (m.clone() / bias1) / ((v.clone() / bias2).sqrt() + step.eps);
            let p = p * (1.0 - step.lr * step.weight_decay) - direction * step.lr;
            (p, m, v)
        }
    }
}

/// `decay`·average + (1 − `decay`)·p.
pub fn average(average: Tensor<1>, p: &Tensor<1>, decay: f32) -> Tensor<1> {
    let device = average.device();
    if is_cpu(&device) {
        let mut values = owned(average);
        kernels::adamw::ema(&mut values, &owned(p.clone()), decay);
        given_back(values, &device)
    } else {
        average * decay + p.clone() * (1.0 - decay)
    }
}

/// Σ g², in f64 on the CPU, and the gradient itself for the step.
pub fn sum_of_squares(g: Tensor<1>) -> (f64, Gradient) {
    if is_cpu(&g.device()) {
        let values = owned(g);
        (kernels::adamw::sum_of_squares(&values), Gradient(Where::Host(values)))
    } else {
        let sum = owned(g.clone().powi_scalar(2).sum())[0];
        (f64::from(sum), Gradient(Where::Device(Box::new(g))))
    }
}

pub(super) fn owned(t: Tensor<1>) -> Vec<f32> {
    super::numbers(t)
}

pub(super) fn given_back(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}
