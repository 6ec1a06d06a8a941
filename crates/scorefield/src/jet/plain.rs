//! A plain tensor as a [`Value`]: no derivatives, and the fused kernels where there are some.

use super::{Function, Image, Layer, Norm, Resampling, Value, composite, convolution};
use crate::net::Linear;
use crate::tensor::{
    Activation, ImageNormPlan, LayerPlan, NormPlan, SizePlan, Tensor, Weights, add_silu, attention, beside, correlate,
    image_layer, image_norm, layer_norm,
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

    fn image_norm(self, image: Image, norm: Norm, [scale, offset]: [Tensor<2>; 2], activation: Function) -> Self {
        let fused = activation.kernel().and_then(|a| {
            let norm = Some(NormPlan { groups: norm.groups, eps: norm.eps });
            let plan = ImageNormPlan { pixels: image.pixels(), channels: image.channels, norm, activation: Some(a) };
            image_norm(self.clone(), plan, scale.clone(), offset.clone())
        });
        fused.unwrap_or_else(|| convolution::image_norm(self, image, norm, [scale, offset], activation))
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

/// W ∗ r(x), what is linear of a layer, by the kernel where there is one: for values and for derivatives along directions.
pub(super) fn convolved(x: Tensor<2>, linear: &Layer, kernel: Tensor<4>) -> Tensor<2> {
    let weights = Weights { scale: None, offset: None, kernel, bias: None };
    match image_layer(x.clone(), plan(linear, &weights, None), &weights, None) {
        Some(y) => y,
        None if linear.upsample => {
            let doubled = convolution::resample(x, linear.image, Resampling::Nearest);
            correlate(doubled, linear.image.doubled(), weights.kernel, linear.window)
        }
        None => correlate(x, linear.image, weights.kernel, linear.window),
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
