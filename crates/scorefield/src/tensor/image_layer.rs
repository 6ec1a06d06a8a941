//! A layer of an image network as one differentiable operation: the kernel of `scorefield-kernels::image`.
//!
//! Its backward pass keeps the layer's input only, and computes what is normalised and activated again. It is there for f32 in main memory;
//! [`image_layer`] answers `None` elsewhere, and the layer is composed of single operations.

use super::Tensor;
use super::fused::{has_kernels, like, view};
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, backend_extension, tensor::FloatTensor};
use burn::tensor::TensorData;
use burn_flex::FlexTensor;
use scorefield_kernels::image;

pub use image::{Layer as LayerPlan, Norm as NormPlan, Precision, Size as SizePlan};

/// The tensors of a layer of images, none of which depends on the network's input.
#[derive(Clone, Debug)]
pub struct Weights {
    /// `[1, c]`, or `[n, c]` for each image its own, if there is any.
    pub scale: Option<Tensor<2>>,
    /// As `scale`.
    pub offset: Option<Tensor<2>>,
    /// W `[c_out, c, k, k]`.
    pub kernel: Tensor<4>,
    /// `[1, c_out]`, or `[n, c_out]`, if there is any.
    pub bias: Option<Tensor<2>>,
}

/// y = (W ∗ r(a(norm(x)·scale + offset)) + bias + residual)·factor for images `x` `[n, h·w·c]`.
///
/// `None` where there is no kernel for these tensors.
pub fn image_layer(x: Tensor<2>, plan: LayerPlan, weights: &Weights, residual: Option<Tensor<2>>) -> Option<Tensor<2>> {
    if !has_kernels(&x) {
        return None;
    }
    let device = x.device();
    let given = |t: Option<Tensor<2>>| {
        t.unwrap_or_else(|| Tensor::from_data(TensorData::new(Vec::<f32>::new(), [0, 0]), &device)).into_dispatch()
    };
    let Weights { scale, offset, kernel, bias } = weights.clone();
    Some(Tensor::from_dispatch(<Dispatch as ImageLayer>::image_layer(
        x.into_dispatch(),
        given(scale),
        given(offset),
        kernel.into_dispatch(),
        given(bias),
        given(residual),
        Pass { plan, wanted: image::Wanted::All },
    )))
}

/// What a pass is told.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    plan: LayerPlan,
    /// The gradients to compute; what is not wanted comes back empty.
    wanted: image::Wanted,
}

#[backend_extension(Flex, Autodiff)]
#[allow(clippy::type_complexity, reason = "the gradient by each of five tensors")]
pub(crate) trait ImageLayer: Backend {
    fn image_layer(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        pass: Pass,
    ) -> FloatTensor<Self>;

    fn image_layer_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        g: FloatTensor<Self>,
        pass: Pass,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl ImageLayer for Flex {
    fn image_layer(
        x: FlexTensor,
        scale: FlexTensor,
        offset: FlexTensor,
        kernel: FlexTensor,
        bias: FlexTensor,
        residual: FlexTensor,
        pass: Pass,
    ) -> FlexTensor {
        let [x, scale, offset, kernel, bias, residual] = [x, scale, offset, kernel, bias, residual].map(|t| t.to_contiguous());
        let n = x.layout().shape()[0];
        let inputs = image::Inputs {
            x: view(&x),
            scale: view(&scale),
            offset: view(&offset),
            weight: view(&kernel),
            bias: view(&bias),
            residual: view(&residual),
        };
        let y = image::forward(&pass.plan, n, &inputs);
        let width = y.len() / n.max(1);
        FlexTensor::from_data(TensorData::new(y, [n, width]))
    }

    fn image_layer_backward(
        x: FlexTensor,
        scale: FlexTensor,
        offset: FlexTensor,
        kernel: FlexTensor,
        bias: FlexTensor,
        g: FlexTensor,
        pass: Pass,
    ) -> (FlexTensor, FlexTensor, FlexTensor, FlexTensor, FlexTensor) {
        let [x, scale, offset, kernel, bias, g] = [x, scale, offset, kernel, bias, g].map(|t| t.to_contiguous());
        let n = x.layout().shape()[0];
        let inputs = image::Inputs {
            x: view(&x),
            scale: view(&scale),
            offset: view(&offset),
            weight: view(&kernel),
            bias: view(&bias),
            residual: &[],
        };
        let by = image::backward(&pass.plan, n, &inputs, view(&g), pass.wanted);
        let by_x = match pass.wanted {
            image::Wanted::All => like(&x, by.x),
            image::Wanted::Parameters => FlexTensor::from_data(TensorData::new(Vec::<f32>::new(), [0, 0])),
        };
        (by_x, like(&scale, by.scale), like(&offset, by.offset), like(&kernel, by.weight), like(&bias, by.bias))
    }
}

impl<B: Backend + ImageLayer, C: CheckpointStrategy> ImageLayer for Autodiff<B, C> {
    fn image_layer(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        pass: Pass,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Layer;
        impl<B: Backend + ImageLayer> Backward<B, 6> for Layer {
            type State = ([FloatTensor<B>; 5], Pass);
            fn backward(self, ops: Ops<Self::State, 6>, grads: &mut Gradients, _: &mut Checkpointer) {
                let ([x, scale, offset, kernel, bias], mut pass) = ops.state;
                let g = grads.consume::<B>(&ops.node);
                let [of_x, of_scale, of_offset, of_kernel, of_bias, of_residual] = ops.parents;
                pass.wanted = if of_x.is_some() { image::Wanted::All } else { image::Wanted::Parameters };
                if let Some(parent) = of_residual {
                    let by_residual = match pass.plan.factor {
                        1.0 => g.clone(),
                        factor => B::float_mul_scalar(g.clone(), factor.into()),
                    };
                    grads.register::<B>(parent.id, by_residual);
                }
                let (by_x, by_scale, by_offset, by_kernel, by_bias) =
                    B::image_layer_backward(x, scale, offset, kernel, bias, g, pass);
                let parts =
                    [(of_x, by_x), (of_scale, by_scale), (of_offset, by_offset), (of_kernel, by_kernel), (of_bias, by_bias)];
                for (parent, gradient) in parts {
                    if let Some(parent) = parent {
                        grads.register::<B>(parent.id, gradient);
                    }
                }
            }
        }
        let nodes = [x.node(), scale.node(), offset.node(), kernel.node(), bias.node(), residual.node()];
        let [x, scale, offset, kernel, bias, residual] = [x, scale, offset, kernel, bias, residual].map(|t| t.into_primitive());
        let kept = [x.clone(), scale.clone(), offset.clone(), kernel.clone(), bias.clone()];
        let y = B::image_layer(x, scale, offset, kernel, bias, residual, pass.clone());
        match Layer.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((kept, pass), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }

    // Burn differentiates once: a backward pass is never itself differentiated.
    fn image_layer_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        g: FloatTensor<Self>,
        pass: Pass,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, scale, offset, kernel, bias, g] = [x, scale, offset, kernel, bias, g].map(|t| t.into_primitive());
        let (x, scale, offset, kernel, bias) = B::image_layer_backward(x, scale, offset, kernel, bias, g, pass);
        let back = <Self as AutodiffBackend>::from_inner;
        (back(x), back(scale), back(offset), back(kernel), back(bias))
    }
}
