//! What surrounds a score network as single differentiable operations: the kernels of `scorefield-kernels::rows`.
//!
//! A small network's step spends as long between its layers as in them, if every product and sum there is an operation that is recorded
//! and differentiated by itself. Elsewhere than in main memory the same formulas are composed.

use super::fused::{has_kernels, like, rows_of, view};
use super::{Tensor, column};
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, backend_extension, tensor::FloatTensor};
use burn::tensor::TensorData;
use burn_flex::FlexTensor;
use scorefield_kernels::rows as kernel;

/// `a`·`p` − `b`·`q`, where `a` and `b` are `[n, d]`, and `p` and `q` `[n, 1]` or `[1, 1]`.
pub fn blend(a: Tensor<2>, p: Tensor<2>, b: Tensor<2>, q: Tensor<2>) -> Tensor<2> {
    if has_kernels(&a) && a.dims() == b.dims() && !p.is_tracked() && !q.is_tracked() {
        let [a, p, b, q] = [a, p, b, q].map(Tensor::into_dispatch);
        Tensor::from_dispatch(<Dispatch as RowOperations>::blend(a, p, b, q))
    } else {
        a * p - b * q
    }
}

/// ½`w`‖`s` − `t`‖² of each row, `[n]`; `s` and `t` are `[n, d]`, `w` is `[n]`.
pub fn weighted_squares(s: Tensor<2>, t: Tensor<2>, w: Tensor<1>) -> Tensor<1> {
    if has_kernels(&s) && s.dims() == t.dims() && !w.is_tracked() {
        let ([s, t], w) = ([s, t].map(Tensor::into_dispatch), w.into_dispatch());
        Tensor::from_dispatch(<Dispatch as RowOperations>::weighted_squares(s, t, w))
    } else {
        let [n] = w.dims();
        ((s - t).powi_scalar(2).sum_dim(1) * column(&w) * 0.5).reshape([n])
    }
}

/// The operations, one implementation a backend. `sign` is 1 or −1.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait RowOperations: Backend {
    fn blend(a: FloatTensor<Self>, p: FloatTensor<Self>, b: FloatTensor<Self>, q: FloatTensor<Self>) -> FloatTensor<Self>;
    fn scaled(g: FloatTensor<Self>, p: FloatTensor<Self>, sign: f32) -> FloatTensor<Self>;
    fn weighted_squares(s: FloatTensor<Self>, t: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self>;
    fn weighted_squares_backward(
        s: FloatTensor<Self>,
        t: FloatTensor<Self>,
        w: FloatTensor<Self>,
        g: FloatTensor<Self>,
        sign: f32,
    ) -> FloatTensor<Self>;
}

/// A factor for each of `n` rows, times `sign`.
fn factors(p: &FlexTensor, n: usize, sign: f32) -> Vec<f32> {
    match view(p) {
        [one] => vec![sign * one; n],
        each => each.iter().map(|p| sign * p).collect(),
    }
}

impl RowOperations for Flex {
    fn blend(a: FlexTensor, p: FlexTensor, b: FlexTensor, q: FlexTensor) -> FlexTensor {
        let [a, p, b, q] = [a, p, b, q].map(|t| t.to_contiguous());
        let (n, d) = rows_of(&a);
        let mut y = vec![0.0; n * d];
        kernel::blend(view(&a), &factors(&p, n, 1.0), view(&b), &factors(&q, n, 1.0), d, &mut y);
        like(&a, y)
    }

    fn scaled(g: FlexTensor, p: FlexTensor, sign: f32) -> FlexTensor {
        let [g, p] = [g, p].map(|t| t.to_contiguous());
        let (n, d) = rows_of(&g);
        let mut y = vec![0.0; n * d];
        kernel::scale(view(&g), &factors(&p, n, sign), d, &mut y);
        like(&g, y)
    }

    fn weighted_squares(s: FlexTensor, t: FlexTensor, w: FlexTensor) -> FlexTensor {
        let [s, t, w] = [s, t, w].map(|t| t.to_contiguous());
        let (n, d) = rows_of(&s);
        let mut y = vec![0.0; n];
        kernel::weighted_squares(view(&s), view(&t), view(&w), d, &mut y);
        FlexTensor::from_data(TensorData::new(y, [n]))
    }

    fn weighted_squares_backward(s: FlexTensor, t: FlexTensor, w: FlexTensor, g: FlexTensor, sign: f32) -> FlexTensor {
        let [s, t, w, g] = [s, t, w, g].map(|t| t.to_contiguous());
        let (n, d) = rows_of(&s);
        let mut by = vec![0.0; n * d];
        kernel::weighted_squares_backward(view(&s), view(&t), &factors(&w, n, sign), view(&g), d, &mut by);
        like(&s, by)
    }
}

impl<B: Backend + RowOperations, C: CheckpointStrategy> RowOperations for Autodiff<B, C> {
    fn blend(a: FloatTensor<Self>, p: FloatTensor<Self>, b: FloatTensor<Self>, q: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct Blend;
        impl<B: Backend + RowOperations> Backward<B, 2> for Blend {
            type State = [FloatTensor<B>; 2];
            fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
                let g = grads.consume::<B>(&ops.node);
                for ((parent, factor), sign) in ops.parents.into_iter().zip(ops.state).zip([1.0, -1.0]) {
                    if let Some(parent) = parent {
                        grads.register::<B>(parent.id, B::scaled(g.clone(), factor, sign));
                    }
                }
            }
        }
        let nodes = [a.node(), b.node()];
        let [a, p, b, q] = [a, p, b, q].map(|t| t.into_primitive());
        let y = B::blend(a, p.clone(), b, q.clone());
        match Blend.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish([p, q], y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }

    fn weighted_squares(s: FloatTensor<Self>, t: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct WeightedSquares;
        impl<B: Backend + RowOperations> Backward<B, 2> for WeightedSquares {
            type State = [FloatTensor<B>; 3];
            fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
                let g = grads.consume::<B>(&ops.node);
                let [s, t, w] = ops.state;
                for (parent, sign) in ops.parents.into_iter().zip([1.0, -1.0]) {
                    if let Some(parent) = parent {
                        let by = B::weighted_squares_backward(s.clone(), t.clone(), w.clone(), g.clone(), sign);
                        grads.register::<B>(parent.id, by);
                    }
                }
            }
        }
        let nodes = [s.node(), t.node()];
        let [s, t, w] = [s, t, w].map(|t| t.into_primitive());
        let y = B::weighted_squares(s.clone(), t.clone(), w.clone());
        match WeightedSquares.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish([s, t, w], y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }

    // Burn differentiates once: a backward pass is never itself differentiated.
    fn scaled(g: FloatTensor<Self>, p: FloatTensor<Self>, sign: f32) -> FloatTensor<Self> {
        <Self as AutodiffBackend>::from_inner(B::scaled(g.into_primitive(), p.into_primitive(), sign))
    }

    fn weighted_squares_backward(
        s: FloatTensor<Self>,
        t: FloatTensor<Self>,
        w: FloatTensor<Self>,
        g: FloatTensor<Self>,
        sign: f32,
    ) -> FloatTensor<Self> {
        let [s, t, w, g] = [s, t, w, g].map(|t| t.into_primitive());
        <Self as AutodiffBackend>::from_inner(B::weighted_squares_backward(s, t, w, g, sign))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};
    use crate::tensor::{Device, matrix, numbers, vector};

    fn random(rows: usize, cols: usize, step: u32, device: &Device) -> Tensor<2> {
        matrix(Key::new(5, Purpose::Noise).at(step).normal(0, rows, cols), rows, cols, device)
    }

    #[test]
    fn the_operations_and_their_gradients_equal_the_composed_ones() {
        let device = Device::flex().autodiff();
        let (n, d) = (19, 33);
        let [a, b, t] = [0, 1, 2].map(|step| random(n, d, step, &device).require_grad());
        let w = vector(numbers(random(1, n, 3, &device)), &device);
        for (p, q) in [(random(n, 1, 4, &device), random(n, 1, 5, &device)), (random(1, 1, 6, &device), random(n, 1, 7, &device))]
        {
            let fused = weighted_squares(blend(a.clone(), p.clone(), b.clone(), q.clone()), t.clone(), w.clone());
            let composed =
                ((a.clone() * p - b.clone() * q - t.clone()).powi_scalar(2).sum_dim(1) * column(&w) * 0.5).reshape([n]);
            let near = |got: Vec<f32>, want: Vec<f32>| {
                for (i, (got, want)) in got.into_iter().zip(want).enumerate() {
                    assert!((got - want).abs() <= 1e-5 * (1.0 + want.abs()), "{i}: {got} not {want}");
                }
            };
            near(numbers(fused.clone()), numbers(composed.clone()));
            let (fused, composed) = (fused.mean().backward(), composed.mean().backward());
            for leaf in [&a, &b, &t] {
                near(numbers(leaf.grad(&fused).unwrap()), numbers(leaf.grad(&composed).unwrap()));
            }
        }
    }

    #[test]
    fn what_depends_on_a_factor_is_composed_and_differentiated_by_it_too() {
        let device = Device::flex().autodiff();
        let [a, b] = [0, 1].map(|step| random(4, 3, step, &device));
        let p = random(4, 1, 2, &device).require_grad();
        let grads = blend(a.clone(), p.clone(), b, random(4, 1, 3, &device)).sum().backward();
        let want = numbers(a.sum_dim(1));
        numbers(p.grad(&grads).unwrap()).iter().zip(want).for_each(|(got, want)| assert!((got - want).abs() < 1e-5));
    }
}
