//! The affine layer y = x W + b.

use super::Parameter;
use crate::key::Key;
use crate::tensor::{Device, Tensor};

/// y = x W + b with W `[inputs, outputs]` and, if there is one, b `[outputs]`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Parameter,
    bias: Option<Parameter>,
}

/// How a layer's parameters begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Weights normal with variance gain²/inputs (LeCun et al. 1998), bias 0.
    Scaled(f32),
    /// Everything 0: a residual branch that begins as the identity, an output that begins at 0.
    Zero,
}

impl Linear {
    /// A fresh layer whose weights come from `key` (give each layer its own step).
    pub fn new(inputs: usize, outputs: usize, bias: bool, init: Init, key: Key, device: &Device) -> Self {
        let weight = match init {
            Init::Zero => vec![0.0; inputs * outputs],
            Init::Scaled(gain) => {
                let scale = gain / (inputs as f32).sqrt();
                let mut w = key.normal(0, inputs, outputs);
                w.iter_mut().for_each(|w| *w *= scale);
                w
            }
        };
        Self {
            weight: Parameter::new(weight, &[inputs, outputs], device),
            bias: bias.then(|| Parameter::new(vec![0.0; outputs], &[outputs], device)),
        }
    }

    /// x W + b for `x` `[n, inputs]`.
    pub fn apply(&self, x: Tensor<2>) -> Tensor<2> {
        let y = self.apply_linear_part(x);
        match self.bias_row() {
            Some(bias) => y + bias,
            None => y,
        }
    }

    /// x W: what the layer does to a derivative.
    pub fn apply_linear_part(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.get::<2>())
    }

    /// b as a row `[1, outputs]`, if there is one.
    pub fn bias_row(&self) -> Option<Tensor<2>> {
        self.bias.as_ref().map(|bias| bias.get::<1>().unsqueeze())
    }

    /// [inputs, outputs].
    pub fn weight_shape(&self) -> [usize; 2] {
        [self.weight.shape()[0], self.weight.shape()[1]]
    }

    /// W `[inputs, outputs]`.
    pub fn weight(&self) -> Tensor<2> {
        self.weight.get::<2>()
    }

    /// W and then b, flat, as the fused network takes them.
    pub fn flat(&self) -> Vec<Tensor<1>> {
        [Some(&self.weight), self.bias.as_ref()].into_iter().flatten().map(Parameter::flat).collect()
    }

    /// Visits `name.weight` and `name.bias`.
    pub fn visit(&self, name: &str, f: &mut dyn FnMut(&str, &Parameter)) {
        f(&format!("{name}.weight"), &self.weight);
        if let Some(bias) = &self.bias {
            f(&format!("{name}.bias"), bias);
        }
    }

    /// Visits `name.weight` and `name.bias` to change them.
    pub fn visit_mut(&mut self, name: &str, f: &mut dyn FnMut(&str, &mut Parameter)) {
        f(&format!("{name}.weight"), &mut self.weight);
        if let Some(bias) = &mut self.bias {
            f(&format!("{name}.bias"), bias);
        }
    }
}
