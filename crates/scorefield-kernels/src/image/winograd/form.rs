//! The two algorithms, one for each stride, and where the numbers of a group of tiles lie.

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
    const fn share(self, point: usize) -> usize {
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

/// Where the factors (or products) of n tiles lie: for each of the 36 matrices of the weights, a matrix of as many channels, whose rows are
/// those that it multiplies, tile after tile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planes {
    pub(super) stride: Stride,
    pub(super) tiles: usize,
    pub(super) channels: usize,
}

impl Planes {
    /// Numbers of all.
    pub(super) const fn len(self) -> usize {
        self.start(35) + super::plane(self.rows(35), self.channels)
    }

    /// Rows of matrix k.
    pub(super) const fn rows(self, k: usize) -> usize {
        self.tiles * self.stride.share(k / 6) * self.stride.share(k % 6)
    }

    /// Where matrix k begins: a cache line after the one before, since at powers of two all would compete for the same few lines of the
    /// first cache.
    pub(super) const fn start(self, k: usize) -> usize {
        let Self { stride, tiles, channels } = self;
        let (down, across) = (k / 6, k % 6);
        // Of six matrices, of which only the last may have more rows; in the last six all have.
        let six = 5 * super::plane(tiles, channels) + super::plane(tiles * stride.share(5), channels);
        down * six + across * super::plane(tiles * stride.share(down), channels)
    }

    /// Where the factors of the first tile lie.
    #[inline(always)]
    pub(super) fn places<const I: usize>(self) -> Places<I> {
        let Self { stride, channels, .. } = self;
        let (mut first, mut step) = ([[0; I]; I], [[0; I]; I]);
        for y in 0..I {
            for x in 0..I {
                let (down, across) = (y.min(5), x.min(5));
                let share = stride.share(across);
                first[y][x] = self.start(6 * down + across) + ((y - down) * share + x - across) * channels;
                step[y][x] = stride.share(down) * share * channels;
            }
        }
        Places { first, step }
    }
}

/// Where the channels of each factor of a tile begin.
pub(super) struct Places<const I: usize> {
    pub(super) first: [[usize; I]; I],
    step: [[usize; I]; I],
}

impl<const I: usize> Places<I> {
    /// Those of the next tile.
    #[inline(always)]
    pub(super) fn next(&mut self) {
        for (first, step) in self.first.as_flattened_mut().iter_mut().zip(self.step.as_flattened()) {
            *first += step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_factor_has_a_row_of_its_own() {
        for (stride, tiles, channels) in [(Stride::One, 5, 16), (Stride::Two, 5, 32), (Stride::Two, 1, 16)] {
            let planes = Planes { stride, tiles, channels };
            let (mut six, mut nine) = (planes.places::<6>(), planes.places::<9>());
            let mut rows = Vec::new();
            for _ in 0..tiles {
                rows.extend(match stride {
                    Stride::One => six.first.as_flattened(),
                    Stride::Two => nine.first.as_flattened(),
                });
                six.next();
                nine.next();
            }
            rows.sort_unstable();
            let begins = (0..36).flat_map(|k| (0..planes.rows(k)).map(move |i| planes.start(k) + i * channels));
            assert_eq!(rows, begins.collect::<Vec<_>>(), "{planes:?}");
            assert!(rows.last().is_some_and(|last| last + channels <= planes.len()));
            assert_eq!(rows.len(), tiles * stride.multiplications());
        }
    }
}
