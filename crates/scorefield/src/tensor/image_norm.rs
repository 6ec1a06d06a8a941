//! Group normalisation of images with what follows it, where no convolution does, as one differentiable operation: the kernel of
//! `scorefield-kernels::image`.
//!
//! It keeps its input and each group's mean and deviation. It is there for f32 in main memory; [`image_norm`] answers `None` elsewhere.

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

pub use image::Plan as ImageNormPlan;

/// y = a(norm(x)·scale + offset) for images `x` `[n, h·w·c]`; `scale` and `offset` are `[1, c]`, or `[n, c]` for each image its own.
///
/// `None` where there is no kernel for these tensors.
pub fn image_norm(x: Tensor<2>, plan: ImageNormPlan, scale: Tensor<2>, offset: Tensor<2>) -> Option<Tensor<2>> {
    has_kernels(&x).then(|| {
        let [x, scale, offset] = [x, scale, offset].map(Tensor::into_dispatch);
        Tensor::from_dispatch(<Dispatch as ImageNorm>::image_norm(x, scale, offset, Pass { plan, by_x: true }).0)
    })
}

/// What a pass is told.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    plan: ImageNormPlan,
    /// Whether the gradient by x is wanted; else it comes back empty.
    by_x: bool,
}

#[backend_extension(Flex, Autodiff)]
pub(crate) trait ImageNorm: Backend {
    /// y, and what the way back needs again.
    fn image_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        pass: Pass,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    fn image_norm_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        g: FloatTensor<Self>,
        pass: Pass,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl ImageNorm for Flex {
    fn image_norm(x: FlexTensor, scale: FlexTensor, offset: FlexTensor, pass: Pass) -> (FlexTensor, FlexTensor) {
        let [x, scale, offset] = [x, scale, offset].map(|t| t.to_contiguous());
        let (y, moments) = image::normalise(&pass.plan, view(&x), view(&scale), view(&offset));
        let rows = moments.len();
        (like(&x, y), FlexTensor::from_data(TensorData::new(moments.into_flattened(), [rows, 2])))
    }

    fn image_norm_backward(
        x: FlexTensor,
        scale: FlexTensor,
        offset: FlexTensor,
        moments: FlexTensor,
        g: FlexTensor,
        pass: Pass,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [x, scale, offset, moments, g] = [x, scale, offset, moments, g].map(|t| t.to_contiguous());
        let wanted = if pass.by_x { image::Wanted::All } else { image::Wanted::Parameters };
        let (moments, _) = view(&moments).as_chunks::<2>();
        let (by_x, by_scale, by_offset) =
            image::normalise_backward(&pass.plan, view(&x), view(&scale), view(&offset), moments, view(&g), wanted);
        let by_x = match pass.by_x {
            true => like(&x, by_x),
            false => FlexTensor::from_data(TensorData::new(Vec::<f32>::new(), [0, 0])),
        };
        (by_x, like(&scale, by_scale), like(&offset, by_offset))
    }
}

impl<B: Backend + ImageNorm, C: CheckpointStrategy> ImageNorm for Autodiff<B, C> {
    fn image_norm(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        pass: Pass,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        #[derive(Debug)]
        struct Normed;
        impl<B: Backend + ImageNorm> Backward<B, 3> for Normed {
            type State = ([FloatTensor<B>; 4], Pass);
            fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
                let ([x, scale, offset, moments], mut pass) = ops.state;
                let g = grads.consume::<B>(&ops.node);
                let [of_x, of_scale, of_offset] = ops.parents;
                pass.by_x = of_x.is_some();
                let (by_x, by_scale, by_offset) = B::image_norm_backward(x, scale, offset, moments, g, pass);
                for (parent, gradient) in [(of_x, by_x), (of_scale, by_scale), (of_offset, by_offset)] {
                    if let Some(parent) = parent {
                        grads.register::<B>(parent.id, gradient);
                    }
                }
            }
        }
        let nodes = [x.node(), scale.node(), offset.node()];
        let [x, scale, offset] = [x, scale, offset].map(|t| t.into_primitive());
        let (y, moments) = B::image_norm(x.clone(), scale.clone(), offset.clone(), pass.clone());
        let y = match Normed.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(([x, scale, offset, moments.clone()], pass), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        };
        (y, <Self as AutodiffBackend>::from_inner(moments))
    }

    // Burn differentiates once: a backward pass is never itself differentiated.
    fn image_norm_backward(
        x: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        offset: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        g: FloatTensor<Self>,
        pass: Pass,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, scale, offset, moments, g] = [x, scale, offset, moments, g].map(|t| t.into_primitive());
        let (x, scale, offset) = B::image_norm_backward(x, scale, offset, moments, g, pass);
        let back = <Self as AutodiffBackend>::from_inner;
        (back(x), back(scale), back(offset))
    }
}
