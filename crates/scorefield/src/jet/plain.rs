//! A plain tensor as a [`Value`]: no derivatives, and the fused kernels where there are some.

use super::{Function, Layer, Value, composite, convolution};
use crate::net::Linear;
use crate::tensor::{
    Activation, LayerPlan, NormPlan, SizePlan, Tensor, Weights, add_silu, attention, beside, image_layer, layer_norm,
};

impl Value for Tensor<2> {
    fn primal(&self) -> &Tensor<2> {
        self
    }

    fn linear_map(self, f: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        f(self)
    }

    fn shift(self, c: Tensor<2>) -> Self {
        self + c
    }

    fn scale(self, c: Tensor<2>) -> Self {
        self * c
    }

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn bilinear(self, other: Self, f: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<2>) -> Self {
        f(self, other)
    }

    fn apply(self, f: Function) -> Self {
        f.value(self)
    }

    fn concat(parts: Vec<Self>) -> Self {
        beside(parts)
    }

    fn layer_norm(self) -> Self {
        layer_norm(self)
    }

    fn linear(self, layer: &Linear) -> Self {
        layer.apply(self)
    }

    fn layer(self, layer: &Layer, weights: &Weights, residual: Option<Self>) -> Self {
        let plan = match layer.activation.map(Function::kernel) {
            // A function that no kernel has.
            Some(None) => None,
            Some(activation) => Some(plan(layer, weights, activation)),
            None => Some(plan(layer, weights, None)),
        };
        let fused = plan.and_then(|plan| image_layer(self.clone(), plan, weights, residual.clone()));
        fused.unwrap_or_else(|| convolution::layer(self, layer, weights, residual))
    }

    fn attend(self, keys: Self, values: Self, tokens: usize, heads: usize, channels: usize) -> Self {
        match attention(self.clone(), keys.clone(), values.clone(), [tokens, heads, channels]) {
            Some(mixed) => mixed,
            None => composite::heads(self, keys, values, tokens, heads, channels),
        }
    }

    fn add_silu(self, c: Tensor<2>) -> Self {
        add_silu(self, c)
    }
}

/// The layer as its kernel is told it.
fn plan(layer: &Layer, weights: &Weights, activation: Option<Activation>) -> LayerPlan {
    let Layer { image, norm, upsample, window, factor, precision, .. } = *layer;
    let [outputs, _, kernel, _] = weights.kernel.dims();
    LayerPlan {
        height: image.height,
        width: image.width,
        channels: image.channels,
        outputs,
        kernel,
        stride: window.stride,
        before: window.before,
        after: window.after,
        norm: norm.map(|norm| NormPlan { groups: norm.groups, eps: norm.eps }),
        activation,
        size: if upsample { SizePlan::Double } else { SizePlan::Same },
        factor,
        precision,
    }
}
