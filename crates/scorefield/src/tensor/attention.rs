//! Attention as one differentiable operation: the kernel of `scorefield-kernels::attention`, for f32 in main memory.

use super::Tensor;
use super::fused::{has_kernels, like, view};
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, backend_extension, tensor::FloatTensor};
use burn_flex::FlexTensor;
use scorefield_kernels::attention as kernel;

/// softmax(Q·Kᵀ/√c)·V of `heads` heads of `channels` features over `tokens` tokens, all `[n, tokens·heads·channels]`.
///
/// `None` where there is no kernel for these tensors.
pub fn attention(q: Tensor<2>, k: Tensor<2>, v: Tensor<2>, [tokens, heads, channels]: [usize; 3]) -> Option<Tensor<2>> {
    has_kernels(&q).then(|| {
        let shape = Sizes(kernel::Shape { tokens, heads, channels });
        let parts = [q, k, v].map(Tensor::into_dispatch);
        let [q, k, v] = parts;
        Tensor::from_dispatch(<Dispatch as Attention>::attend(q, k, v, shape))
    })
}

/// The sizes of an attention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes(kernel::Shape);

#[backend_extension(Flex, Autodiff)]
pub(crate) trait Attention: Backend {
    fn attend(q: FloatTensor<Self>, k: FloatTensor<Self>, v: FloatTensor<Self>, sizes: Sizes) -> FloatTensor<Self>;

    fn attend_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        g: FloatTensor<Self>,
        sizes: Sizes,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl Attention for Flex {
    fn attend(q: FlexTensor, k: FlexTensor, v: FlexTensor, sizes: Sizes) -> FlexTensor {
        let [q, k, v] = [q, k, v].map(|t| t.to_contiguous());
        like(&q, kernel::forward(&sizes.0, view(&q), view(&k), view(&v)))
    }

    fn attend_backward(
        q: FlexTensor,
        k: FlexTensor,
        v: FlexTensor,
        g: FlexTensor,
        sizes: Sizes,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [q, k, v, g] = [q, k, v, g].map(|t| t.to_contiguous());
        let [by_q, by_k, by_v] = kernel::backward(&sizes.0, view(&q), view(&k), view(&v), view(&g)).map(|by| like(&q, by));
        (by_q, by_k, by_v)
    }
}

impl<B: Backend + Attention, C: CheckpointStrategy> Attention for Autodiff<B, C> {
    fn attend(q: FloatTensor<Self>, k: FloatTensor<Self>, v: FloatTensor<Self>, sizes: Sizes) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Operation;
        impl<B: Backend + Attention> Backward<B, 3> for Operation {
            type State = ([FloatTensor<B>; 3], Sizes);
            fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
                let ([q, k, v], sizes) = ops.state;
                let (by_q, by_k, by_v) = B::attend_backward(q, k, v, grads.consume::<B>(&ops.node), sizes);
                for (parent, gradient) in ops.parents.into_iter().zip([by_q, by_k, by_v]) {
                    if let Some(parent) = parent {
                        grads.register::<B>(parent.id, gradient);
                    }
                }
            }
        }
        let nodes = [q.node(), k.node(), v.node()];
        let [q, k, v] = [q, k, v].map(|t| t.into_primitive());
        let y = B::attend(q.clone(), k.clone(), v.clone(), sizes);
        match Operation.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(([q, k, v], sizes), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }

    // Burn differentiates once: a backward pass is never itself differentiated.
    fn attend_backward(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        g: FloatTensor<Self>,
        sizes: Sizes,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [q, k, v, g] = [q, k, v, g].map(|t| t.into_primitive());
        let (q, k, v) = B::attend_backward(q, k, v, g, sizes);
        let back = <Self as AutodiffBackend>::from_inner;
        (back(q), back(k), back(v))
    }
}
