//! Where the numbers of a pixel are: images, rows and pixels each at a step of their own, so that one kernel runs over dense images,
//! over frames, and over every second pixel of either.

/// The numbers of pixel (i, y, x) begin at `first` + i·`image` + y·`row` + x·`pixel`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    pub(super) first: usize,
    pub(super) image: usize,
    pub(super) row: usize,
    pub(super) pixel: usize,
}

/// Images, rows and pixels of a row.
pub(super) type Extent = [usize; 3];

impl Walk {
    /// Through dense images of `channels` numbers a pixel.
    pub(super) fn dense([_, height, width]: Extent, channels: usize) -> Self {
        Self { first: 0, image: height * width * channels, row: width * channels, pixel: channels }
    }

    /// Where pixel (0, 0) of image i, row y is.
    #[inline(always)]
    pub(super) fn at(self, image: usize, y: usize) -> usize {
        self.first + image * self.image + y * self.row
    }

    /// Whether `reach` numbers from each pixel on lie within `len`.
    pub(super) fn fits(self, [images, height, width]: Extent, reach: usize, len: usize) -> bool {
        if images * height * width == 0 {
            return true;
        }
        let steps = [(images - 1, self.image), (height - 1, self.row), (width - 1, self.pixel)];
        let last = steps.iter().try_fold(self.first, |at, (n, step)| at.checked_add(n.checked_mul(*step)?));
        last.and_then(|at| at.checked_add(reach)).is_some_and(|end| end <= len)
    }
}

/// What of an image goes into one pixel of a convolution: `rows` stretches of `run` numbers, the taps of a row of the kernel lying one
/// after the other, `step` apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taps {
    pub(super) rows: usize,
    pub(super) step: usize,
    pub(super) run: usize,
}

impl Taps {
    /// Numbers that go into a pixel.
    pub(super) fn len(self) -> usize {
        self.rows * self.run
    }

    /// From the first number to past the last.
    pub(super) fn reach(self) -> usize {
        if self.len() == 0 { 0 } else { (self.rows - 1) * self.step + self.run }
    }
}

/// One row of pixels in place of several, and one image in place of several, where nothing lies between them: longer rows leave fewer
/// pixels over from the tiles.
pub(super) fn join([mut images, mut height, mut width]: Extent, walks: [Walk; 2]) -> Extent {
    if walks.iter().all(|w| w.row == width * w.pixel) {
        (height, width) = (1, height * width);
        if walks.iter().all(|w| w.image == width * w.pixel) {
            (images, width) = (1, images * width);
        }
    }
    [images, height, width]
}

/// Parts of about so many pixels, in order: some images, some rows of one, or some pixels of one row.
pub(super) fn strips(
    [images, height, width]: Extent,
    pixels: usize,
    walks: [Walk; 2],
) -> impl Iterator<Item = (Extent, [Walk; 2])> {
    // A row may be somewhat longer than asked for, and is not cut for that.
    let across = if width < 2 * pixels { width.max(1) } else { pixels.max(1) };
    let down = pixels.div_ceil(across).clamp(1, height.max(1));
    let some = if across == width && down == height { pixels.div_ceil((width * height).max(1)).max(1) } else { 1 };
    let starts = (0..images)
        .step_by(some)
        .flat_map(move |i| (0..height).step_by(down).flat_map(move |y| (0..width).step_by(across).map(move |x| (i, y, x))));
    starts.map(move |(i, y, x)| {
        let part = walks.map(|walk| Walk { first: walk.at(i, y) + x * walk.pixel, ..walk });
        ([some.min(images - i), down.min(height - y), across.min(width - x)], part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_are_all_pixels_in_order() {
        for (extent, pixels) in [
            ([2, 5, 7], 1),
            ([2, 5, 7], 3),
            ([2, 5, 7], 7),
            ([2, 5, 7], 16),
            ([1, 1, 70], 32),
            ([3, 4, 5], 1000),
            ([9, 2, 2], 10),
        ] {
            let walk = Walk { first: 3, image: 1000, row: 100, pixel: 10 };
            let places = |[images, height, width]: Extent, walk: Walk| {
                let rows = (0..images).flat_map(move |i| (0..height).map(move |y| walk.at(i, y)));
                rows.flat_map(move |at| (0..width).map(move |x| at + x * walk.pixel))
            };
            let most = strips(extent, pixels, [walk, walk]).map(|(extent, _)| extent.iter().product::<usize>()).max();
            assert!(most < Some(2 * pixels + extent[2]), "{extent:?} by {pixels}: {most:?}");
            let parts = strips(extent, pixels, [walk, walk]).flat_map(|(extent, [walk, _])| places(extent, walk));
            assert!(parts.eq(places(extent, walk)), "{extent:?} by {pixels}");
        }
    }
}
