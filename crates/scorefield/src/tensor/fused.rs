//! The kernels as differentiable tensor operations.
//!
//! On the CPU each operation calls one fused kernel forwards and one backwards (a Burn backend extension); on any other device the
//! same formula is composed from Burn's own operations. Nothing above this file knows which of the two ran.

use super::{DType, Tensor, is_cpu};
use burn::backend::autodiff::{
    NodeId,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension, tensor::FloatTensor};
use burn_flex::FlexTensor;
use scorefield_kernels as kernels;

pub use kernels::mlp::Activation;

/// Layer normalisation's guard against a constant row.
pub(crate) const EPSILON: f32 = 1e-5;

/// SiLU of a sum, y = u·sigmoid(u) with u = a + b; `a` and `b` are `[n, d]`.
///
/// Adding and activating in one pass is what a conditioned layer does: a is the layer, b the contribution of the noise level.
pub fn add_silu(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    if has_kernels(&a) && a.dims() == b.dims() {
        Tensor::from_dispatch(<Dispatch as ScoreKernels>::add_silu(a.into_dispatch(), b.into_dispatch()))
    } else {
        burn::tensor::activation::silu(a + b)
    }
}

/// The k-th derivative of an activation at each number, k = `order` ≤ 2, where there is a kernel for these tensors.
pub fn activation(u: Tensor<2>, f: Activation, order: usize) -> Option<Tensor<2>> {
    has_kernels(&u)
        .then(|| Tensor::from_dispatch(<Dispatch as ScoreKernels>::activation(u.into_dispatch(), Derivative { f, order })))
}

/// A derivative of an activation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Derivative {
    f: Activation,
    order: usize,
}

/// The kernels compute in f32, in main memory; anything else is composed.
pub(super) fn has_kernels<const D: usize>(t: &Tensor<D>) -> bool {
    is_cpu(&t.device()) && t.dtype() == DType::F32
}

/// Each row of `x` `[n, d]` shifted and scaled to mean 0 and variance 1 (Ba, Kiros, Hinton 2016), without learned parameters.
pub fn layer_norm(x: Tensor<2>) -> Tensor<2> {
    if has_kernels(&x) {
        Tensor::from_dispatch(<Dispatch as ScoreKernels>::row_norm(x.into_dispatch()))
    } else {
        let centred = x.clone() - x.mean_dim(1);
        let variance = centred.clone().powi_scalar(2).mean_dim(1);
        centred / (variance + EPSILON).sqrt()
    }
}

/// Forward and backward passes of the fused operations, one implementation a backend.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait ScoreKernels: Backend {
    fn add_silu(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;
    fn add_silu_backward(a: FloatTensor<Self>, b: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self>;
    fn activation(u: FloatTensor<Self>, of: Derivative) -> FloatTensor<Self>;
    fn activation_backward(u: FloatTensor<Self>, g: FloatTensor<Self>, of: Derivative) -> FloatTensor<Self>;
    fn row_norm(x: FloatTensor<Self>) -> FloatTensor<Self>;
    fn row_norm_backward(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self>;
}

pub(super) fn rows_of(x: &FlexTensor) -> (usize, usize) {
    let shape = x.layout().shape();
    (shape[0], shape[1])
}

pub(super) fn like(x: &FlexTensor, values: Vec<f32>) -> FlexTensor {
    FlexTensor::from_data(burn::tensor::TensorData::new(values, x.layout().shape().clone()))
}

pub(super) fn view(x: &FlexTensor) -> &[f32] {
    x.as_slice::<f32>().expect("made contiguous before the kernel")
}

impl ScoreKernels for Flex {
    fn add_silu(a: FlexTensor, b: FlexTensor) -> FlexTensor {
        let (a, b) = (a.to_contiguous(), b.to_contiguous());
        let mut y = vec![0.0; view(&a).len()];
        kernels::add_silu::forward(view(&a), view(&b), &mut y);
        like(&a, y)
    }

    fn add_silu_backward(a: FlexTensor, b: FlexTensor, g: FlexTensor) -> FlexTensor {
        let g = g.to_contiguous();
        let mut gx = vec![0.0; view(&g).len()];
        kernels::add_silu::backward(view(&a.to_contiguous()), view(&b.to_contiguous()), view(&g), &mut gx);
        like(&g, gx)
    }

    fn activation(u: FlexTensor, of: Derivative) -> FlexTensor {
        let u = u.to_contiguous();
        let mut y = vec![0.0; view(&u).len()];
        kernels::function::derivative(of.f, of.order, view(&u), &mut y);
        like(&u, y)
    }

    fn activation_backward(u: FlexTensor, g: FlexTensor, of: Derivative) -> FlexTensor {
        let (u, g) = (u.to_contiguous(), g.to_contiguous());
        let mut gu = vec![0.0; view(&g).len()];
        kernels::function::times_derivative(of.f, of.order + 1, view(&u), view(&g), &mut gu);
        like(&u, gu)
    }

    fn row_norm(x: FlexTensor) -> FlexTensor {
        let x = x.to_contiguous();
        let (n, d) = rows_of(&x);
        let (mut y, mut inv_std) = (vec![0.0; n * d], vec![0.0; n]);
        kernels::layer_norm::forward(view(&x), d, EPSILON, &mut y, &mut inv_std);
        like(&x, y)
    }

    fn row_norm_backward(x: FlexTensor, g: FlexTensor) -> FlexTensor {
        let (x, g) = (x.to_contiguous(), g.to_contiguous());
        let (n, d) = rows_of(&x);
        let (mut y, mut inv_std, mut gx) = (vec![0.0; n * d], vec![0.0; n], vec![0.0; n * d]);
        kernels::layer_norm::forward(view(&x), d, EPSILON, &mut y, &mut inv_std);
        kernels::layer_norm::backward(&y, &inv_std, view(&g), d, &mut gx);
        like(&x, gx)
    }
}

/// An operation of one tensor whose backward pass needs that tensor and the gradient of the result.
macro_rules! unary {
    ($x:ident, $forward:ident, $backward:ident $(, $with:ident: $kind:ty)?) => {{
        #[derive(Debug)]
        struct Operation($($kind)?);
        impl<B: Backend + ScoreKernels> Backward<B, 1> for Operation {
            type State = NodeId;
            fn backward(self, ops: Ops<NodeId, 1>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
                let x = checkpointer.retrieve_node_output(ops.state);
                $(let $with: $kind = self.0;)?
                let g = B::$backward(x, grads.consume::<B>(&ops.node) $(, $with)?);
                if let [Some(parent)] = ops.parents {
                    grads.register::<B>(parent.id, g);
                }
            }
        }
        match Operation($($with)?).prepare::<C>([$x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(mut prepared) => {
                let state = prepared.checkpoint(&$x);
                prepared.finish(state, B::$forward($x.into_primitive() $(, $with)?))
            }
            OpsKind::UnTracked(prepared) => prepared.finish(B::$forward($x.into_primitive() $(, $with)?)),
        }
    }};
}

impl<B: Backend + ScoreKernels, C: CheckpointStrategy> ScoreKernels for Autodiff<B, C> {
    fn add_silu(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct AddSilu;
        impl<B: Backend + ScoreKernels> Backward<B, 2> for AddSilu {
            type State = (FloatTensor<B>, FloatTensor<B>);
            fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
                let (a, b) = ops.state;
                let g = B::add_silu_backward(a, b, grads.consume::<B>(&ops.node));
                for parent in ops.parents.into_iter().flatten() {
                    grads.register::<B>(parent.id, g.clone());
                }
            }
        }
        let nodes = [a.node(), b.node()];
        let (a, b) = (a.into_primitive(), b.into_primitive());
        let y = B::add_silu(a.clone(), b.clone());
        match AddSilu.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((a, b), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }

    fn activation(u: FloatTensor<Self>, of: Derivative) -> FloatTensor<Self> {
        unary!(u, activation, activation_backward, of: Derivative)
    }

    fn row_norm(x: FloatTensor<Self>) -> FloatTensor<Self> {
        unary!(x, row_norm, row_norm_backward)
    }

    // Burn differentiates once; a backward pass is never itself differentiated, so these only pass the values through.
    fn add_silu_backward(a: FloatTensor<Self>, b: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as burn::backend::AutodiffBackend>::from_inner(B::add_silu_backward(
            a.into_primitive(),
            b.into_primitive(),
            g.into_primitive(),
        ))
    }

    fn activation_backward(u: FloatTensor<Self>, g: FloatTensor<Self>, of: Derivative) -> FloatTensor<Self> {
        <Self as burn::backend::AutodiffBackend>::from_inner(B::activation_backward(u.into_primitive(), g.into_primitive(), of))
    }

    fn row_norm_backward(x: FloatTensor<Self>, g: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as burn::backend::AutodiffBackend>::from_inner(B::row_norm_backward(x.into_primitive(), g.into_primitive()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};
    use crate::tensor::{Device, matrix, numbers};

    fn random(rows: usize, cols: usize, step: u32, device: &Device) -> Tensor<2> {
        matrix(Key::new(1, Purpose::Noise).at(step).normal(0, rows, cols), rows, cols, device)
    }

    fn close(a: Tensor<2>, b: Tensor<2>) {
        for (i, (a, b)) in numbers(a).into_iter().zip(numbers(b)).enumerate() {
            assert!((a - b).abs() <= 2e-5 * (1.0 + b.abs()), "element {i}: {a} against {b}");
        }
    }

    #[test]
    fn the_fused_operations_and_their_gradients_equal_the_composed_ones() {
        let device = Device::flex().autodiff();
        let (rows, cols) = (37, 65);
        let a = random(rows, cols, 0, &device).require_grad();
        let b = random(rows, cols, 1, &device).require_grad();
        let w = random(rows, cols, 2, &device);

        let fused = (layer_norm(add_silu(a.clone(), b.clone()) * 3.0) * w.clone()).sum();
        let fused_grads = fused.backward();
        let (fused_a, fused_b) = (a.grad(&fused_grads).unwrap(), b.grad(&fused_grads).unwrap());

        let u = burn::tensor::activation::silu(a.clone() + b.clone()) * 3.0;
        let centred = u.clone() - u.mean_dim(1);
        let std = (centred.clone().powi_scalar(2).mean_dim(1) + EPSILON).sqrt();
        let composed_grads = ((centred / std) * w).sum().backward();
        close(fused_a, a.grad(&composed_grads).unwrap());
        close(fused_b, b.grad(&composed_grads).unwrap());
    }
}
