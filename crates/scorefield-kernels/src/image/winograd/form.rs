//! The two algorithms, one for each stride.

use super::TILE;
use super::sides::{self, Side};

/// Pixels from one output to the next, by which the algorithm goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stride {
    /// F(4, 3): 6 factors along a side of a tile, one for each point.
    One,
    /// F(4, 2) of the even inputs with the outer numbers of the filter, 5 factors, and beside it the 4 odd inputs as they are, all to be
    /// multiplied by the middle one.
    Two,
}

impl Stride {
    /// Of a convolution that takes so many pixels from one output to the next.
    pub(crate) fn of(pixels: usize) -> Option<Self> {
        match pixels {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => None,
        }
    }

    /// Inputs along a side of a tile, and as many factors.
    pub(super) const fn side(self) -> usize {
        match self {
            Self::One => 6,
            Self::Two => 9,
        }
    }

    /// Pixels from one tile of inputs to the next.
    pub(super) const fn step(self) -> usize {
        match self {
            Self::One => TILE,
            Self::Two => 2 * TILE,
        }
    }

    /// Rows or columns that a tile of inputs has in common with the next.
    pub(super) const fn common(self) -> usize {
        self.side() - self.step()
    }

    /// Multiplications a tile, input channel and output channel.
    pub(crate) const fn multiplications(self) -> usize {
        self.side() * self.side()
    }

    /// Tiles at a time. A matrix of weights with its factors and products stays in a core's own cache up to a few hundred channels, and
    /// each group reads all weights, and in the backward pass reads and writes all their gradients: fewer tiles only read them more often.
    /// Of stride 2 a tile has more than twice the factors.
    pub(super) const fn group(self) -> usize {
        match self {
            Self::One => 64,
            Self::Two => 16,
        }
    }

    /// Factors along a side that number `point` of six of the transformed filter multiplies.
    pub(super) const fn share(self, point: usize) -> usize {
        match self {
            Self::Two if point == 5 => 4,
            _ => 1,
        }
    }
}

/// The maps of one of the algorithms along a side, of I inputs and factors.
pub(super) trait Form<const I: usize> {
    /// Whose they are.
    const STRIDE: Stride;
    /// Factors that are made of several inputs; the others are every second input, from the second on.
    const MIXED: usize;
    /// Of the inputs of a tile to its factors.
    type Input: Side<I, I>;
    /// Its adjoint.
    type InputAdjoint: Side<I, I>;
    /// Of products to outputs.
    type Output: Side<I, TILE>;
    /// Its adjoint.
    type OutputAdjoint: Side<TILE, I>;
}

/// [`Stride::One`].
pub(super) struct One;

impl Form<6> for One {
    const STRIDE: Stride = Stride::One;
    const MIXED: usize = 6;
    type Input = sides::Input;
    type InputAdjoint = sides::InputAdjoint;
    type Output = sides::Output;
    type OutputAdjoint = sides::OutputAdjoint;
}

/// [`Stride::Two`].
pub(super) struct Two;

impl Form<9> for Two {
    const STRIDE: Stride = Stride::Two;
    const MIXED: usize = 5;
    type Input = sides::halves::Input;
    type InputAdjoint = sides::halves::InputAdjoint;
    type Output = sides::halves::Output;
    type OutputAdjoint = sides::halves::OutputAdjoint;
}
