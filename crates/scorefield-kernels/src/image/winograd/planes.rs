//! Where the numbers of a group of tiles lie, and the way there and back, a register of channels at a time.

use super::form::Stride;
use super::sides::Side;
use crate::matrix::lanes::Lanes;

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
    first: [[usize; I]; I],
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

impl<const I: usize> Places<I> {
    /// x Sᵀ: the factors of a tile from channel `channel` on, a row of them after the other.
    ///
    /// # Safety
    /// V's instruction set, and behind `from` all [`Planes`], with a register left from that channel on.
    #[inline(always)]
    pub(super) unsafe fn rows<S: Side<I, O>, V: Lanes, const O: usize>(
        &self,
        from: *const f32,
        channel: usize,
        to: &mut [[V; O]; I],
    ) {
        // SAFETY: as the caller promises.
        unsafe {
            for (to, places) in to.iter_mut().zip(&self.first) {
                let mut d = [V::splat(0.0); I];
                for (d, at) in d.iter_mut().zip(places) {
                    *d = V::load(from.add(at + channel));
                }
                *to = S::map(d);
            }
        }
    }

    /// The other way round: x Sᵀ to the factors of a tile.
    ///
    /// # Safety
    /// As for [`rows`](Self::rows).
    #[inline(always)]
    pub(super) unsafe fn put<S: Side<O, I>, V: Lanes, const O: usize>(&self, x: &[[V; O]; I], channel: usize, to: *mut f32) {
        // SAFETY: as the caller promises.
        unsafe {
            for (x, places) in x.iter().zip(&self.first) {
                for (d, at) in S::map(*x).into_iter().zip(places) {
                    d.store(to.add(at + channel));
                }
            }
        }
    }
}

/// Column x of registers.
///
/// # Safety
/// V's instruction set.
#[inline(always)]
pub(super) unsafe fn column<V: Lanes, const I: usize, const O: usize>(of: &[[V; O]; I], x: usize) -> [V; I] {
    // SAFETY: as the caller promises.
    let mut column = unsafe { [V::splat(0.0); I] };
    for (d, of) in column.iter_mut().zip(of) {
        *d = of[x];
    }
    column
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
