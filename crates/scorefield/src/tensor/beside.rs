//! Features side by side as one differentiable operation: Burn's own runs on one thread, and its backward pass is a strided copy.

use super::Tensor;
use super::fused::{has_kernels, rows_of, view};
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension, tensor::FloatTensor};
use burn::tensor::TensorData;
use burn_flex::FlexTensor;
use scorefield_kernels::image as kernel;
use std::ops::Range;

/// Rows `[n, d₁ + d₂ + …]` that are the rows of the parts `[n, dᵢ]` one behind the other.
///
/// # Panics
/// If there are no parts, or the parts do not have as many rows.
pub fn beside(parts: Vec<Tensor<2>>) -> Tensor<2> {
    let fused = |t: &Tensor<2>| has_kernels(t) && t.dims()[1] > 0;
    match <[Tensor<2>; 2]>::try_from(parts) {
        Ok([a, b]) if fused(&a) && fused(&b) => {
            Tensor::from_dispatch(<Dispatch as Beside>::beside(a.into_dispatch(), b.into_dispatch()))
        }
        Ok(two) => Tensor::cat(two.to_vec(), 1),
        Err(parts) => Tensor::cat(parts, 1),
    }
}

/// The operation and its backward pass, one implementation a backend.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait Beside: Backend {
    fn beside(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;
    fn part(y: FloatTensor<Self>, features: Range<usize>) -> FloatTensor<Self>;
}

impl Beside for Flex {
    fn beside(a: FlexTensor, b: FlexTensor) -> FlexTensor {
        let [a, b] = [a, b].map(|t| t.to_contiguous());
        let ((n, p), (_, q)) = (rows_of(&a), rows_of(&b));
        FlexTensor::from_data(TensorData::new(kernel::beside((view(&a), p), (view(&b), q)), [n, p + q]))
    }

    fn part(y: FlexTensor, features: Range<usize>) -> FlexTensor {
        let y = y.to_contiguous();
        let (n, d) = rows_of(&y);
        let width = features.len();
        FlexTensor::from_data(TensorData::new(kernel::part(view(&y), d, features), [n, width]))
    }
}

impl<B: Backend + Beside, C: CheckpointStrategy> Beside for Autodiff<B, C> {
    fn beside(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Joined;
        impl<B: Backend + Beside> Backward<B, 2> for Joined {
            type State = [Range<usize>; 2];
            fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
                let g = grads.consume::<B>(&ops.node);
                for (parent, features) in ops.parents.into_iter().zip(ops.state) {
                    if let Some(parent) = parent {
                        grads.register::<B>(parent.id, B::part(g.clone(), features));
                    }
                }
            }
        }
        let nodes = [a.node(), b.node()];
        let [a, b] = [a, b].map(|t| t.into_primitive());
        let (p, q) = (a.shape()[1], b.shape()[1]);
        let y = B::beside(a, b);
        match Joined.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish([0..p, p..p + q], y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }

    // Burn differentiates once: a backward pass is never itself differentiated.
    fn part(y: FloatTensor<Self>, features: Range<usize>) -> FloatTensor<Self> {
        <Self as AutodiffBackend>::from_inner(B::part(y.into_primitive(), features))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};
    use crate::tensor::{Device, matrix, numbers};

    #[test]
    fn the_rows_and_the_gradients_are_those_of_burns_own_operation() {
        let device = Device::flex().autodiff();
        let random = |step, n, d| matrix(Key::new(3, Purpose::Noise).at(step).normal(0, n, d), n, d, &device).require_grad();
        for (n, widths) in [(5, [3, 4].as_slice()), (4000, &[32, 16]), (3, &[2, 1, 2]), (2, &[7]), (3, &[0, 2])] {
            let parts: Vec<_> = widths.iter().zip(0..).map(|(d, step)| random(step, n, *d)).collect();
            let weight = random(9, n, widths.iter().sum());
            let (ours, burns) = (beside(parts.clone()), Tensor::cat(parts.clone(), 1));
            assert_eq!(numbers(ours.clone()), numbers(burns.clone()), "{n}, {widths:?}");
            let [ours, burns] = [ours, burns].map(|y| (y * weight.clone()).sum().backward());
            for part in parts.iter().filter(|part| part.dims()[1] > 0) {
                assert_eq!(numbers(part.grad(&ours).unwrap()), numbers(part.grad(&burns).unwrap()), "{n}, {widths:?}");
            }
        }
    }
}
