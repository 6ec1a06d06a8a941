//! Gradients of a loss by a few tensors, for what is no network.

use super::Tensor;

/// The tensor as a leaf of the gradient graph.
pub fn leaf<const D: usize>(t: Tensor<D>) -> Tensor<D> {
    t.autodiff().require_grad()
}

/// The gradient of `loss` (the sum of its numbers) by each leaf, in the leaf's shape; 0 by what it does not depend on.
pub fn gradients<const D: usize, const N: usize>(loss: Tensor<1>, leaves: [&Tensor<D>; N]) -> [Tensor<D>; N] {
    if !loss.is_tracked() {
        return leaves.map(|leaf| leaf.clone().inner().zeros_like());
    }
    let found = loss.sum().backward();
    leaves.map(|leaf| leaf.grad(&found).unwrap_or_else(|| leaf.clone().inner().zeros_like()))
}
