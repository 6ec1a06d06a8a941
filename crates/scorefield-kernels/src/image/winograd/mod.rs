//! The core of a 3×3 convolution with a quarter of the multiplications: Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A, F(4×4, 3×3).
//!
//! A 4×4 tile of outputs is the cross-correlation of a 6×6 tile d of inputs with a 3×3 filter g. As products of polynomials, of which
//! the values at 0, ±1, ±2 and ∞ are enough, it takes 36 multiplications and not 144. Summed over input channels, multiplication k of
//! all tiles is a matrix product M_k = V_k·U_k, `[tiles, c_in]` by `[c_in, c_out]`, with V = Bᵀ d B and U = G g Gᵀ.
//!
//! The backward pass is the adjoint of each step, so it is the gradient of what was computed: M̄ = A ȳ Aᵀ, Ū_k = V_kᵀ·M̄_k,
//! V̄_k = M̄_k·U_kᵀ, d̄ = B V̄ Bᵀ added up where tiles overlap, ḡ = Gᵀ Ū G. V is computed again.
//!
//! The points cost a little more than half a decimal: ‖error‖/‖result‖ is about 2·10⁻⁶ at 64 channels, where a direct sum in f32 has
//! 4·10⁻⁷. It is a share of all inputs of a tile, so a number that they cancel in has fewer digits right.
//!
//! Lavin & Gray, *Fast algorithms for convolutional neural networks*, CVPR 2016.

mod backward;
mod forward;
mod sides;
#[cfg(test)]
mod tests;
mod tiles;
mod weights;

pub(crate) use backward::backward;
pub(crate) use forward::forward;
pub(crate) use weights::{Weights, weight_gradient, weights_len};

use crate::image::Frame;

/// Side of a tile of outputs.
const TILE: usize = 4;
/// Multiplications a tile, input channel and output channel.
const POINTS: usize = 36;
/// Tiles at a time. One of the 36 products with its operands stays in a core's own cache up to a few hundred channels, and each group
/// reads all weights, and in the backward pass reads and writes all their gradients: fewer tiles only read them more often.
const GROUP: usize = 64;

/// The frame that h × w outputs are computed from: pixel (y, x) of an image lies at (y + 1, x + 1), and around it are zeros, up to whole
/// tiles and their margin of one pixel. `channels` are rounded up to a multiple of 16.
pub(crate) fn frame(images: usize, h: usize, w: usize, channels: usize) -> Frame {
    let side = |n: usize| n.next_multiple_of(TILE) + 2;
    Frame { images, height: side(h), width: side(w), channels: channels.next_multiple_of(16) }
}

/// Images of h × w in a block: about as many as a group has tiles, whatever the number of threads.
pub(crate) fn images_per_block(h: usize, w: usize) -> usize {
    let tiles = (h.div_ceil(TILE) * w.div_ceil(TILE)).max(1);
    ((GROUP + tiles / 2) / tiles).max(1)
}

/// Numbers from one of the 36 matrices to the next: a cache line more than the matrix has, since at powers of two all 36 would compete
/// for the same few lines of the first cache.
fn plane(rows: usize, channels: usize) -> usize {
    rows * channels + 16
}
