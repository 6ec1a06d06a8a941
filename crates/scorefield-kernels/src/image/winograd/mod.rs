//! The core of a 3×3 convolution with a quarter of the multiplications: Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A, F(4×4, 3×3).
//!
//! A 4×4 tile of outputs is the cross-correlation of a 6×6 tile d of inputs with a 3×3 filter g. As products of polynomials, of which
//! the values at 0, ±1, ±2 and ∞ are enough, it takes 36 multiplications and not 144. Summed over input channels, multiplication k of
//! all tiles is a matrix product M_k = V_k·U_k, `[tiles, c_in]` by `[c_in, c_out]`, with V = Bᵀ d B and U = G g Gᵀ.
//!
//! Of stride 2, along each side, outputs are y_i = (g₀·d₂ᵢ + g₂·d₂ᵢ₊₂) + g₁·d₂ᵢ₊₁: a filter of two on the even inputs, of which four
//! outputs take five multiplications by the values at 0, ±1, 2 and ∞, F(4, 2), and four more by g₁. So a tile has 9×9 inputs and as many
//! multiplications, 81 and not 144, and each factor is one of 36 again: where g₁ multiplies, 4 or 16 factors of a tile have it in common,
//! and are rows of one product.
//!
//! The backward pass is the adjoint of each step, so it is the gradient of what was computed: M̄ = A ȳ Aᵀ, Ū_k = V_kᵀ·M̄_k,
//! V̄_k = M̄_k·U_kᵀ, d̄ = B V̄ Bᵀ added up where tiles overlap, ḡ = Gᵀ Ū G. V is computed again.
//!
//! The points cost a little more than half a decimal: ‖error‖/‖result‖ is about 2·10⁻⁶ at 64 channels, where a direct sum in f32 has
//! 4·10⁻⁷. It is a share of all inputs of a tile, so a number that they cancel in has fewer digits right.
//!
//! Lavin & Gray, *Fast algorithms for convolutional neural networks*, CVPR 2016.

mod backward;
mod form;
mod forward;
mod inputs;
mod outputs;
mod planes;
mod sides;
#[cfg(test)]
mod tests;
mod tiles;
mod weights;

pub(crate) use backward::backward;
pub(crate) use form::Stride;
pub(crate) use forward::forward;
pub(crate) use tiles::Tiles;
pub(crate) use weights::{Weights, weight_gradient, weights_len};

/// Side of a tile of outputs.
const TILE: usize = 4;
/// Matrices of transformed weights.
const POINTS: usize = 36;

/// Images of h × w outputs in a block: about as many as a group has tiles, whatever the number of threads.
pub(crate) fn images_per_block(stride: Stride, h: usize, w: usize) -> usize {
    let tiles = (h.div_ceil(TILE) * w.div_ceil(TILE)).max(1);
    ((stride.group() + tiles / 2) / tiles).max(1)
}

/// Numbers from a matrix to the next: a cache line more than the matrix has.
const fn plane(rows: usize, channels: usize) -> usize {
    rows * channels + 16
}
