//! The same convolution of numbers rounded to bfloat16: frames and weights in pairs, sums in f32.
//!
//! Forward, and backward by a, a pair is two neighbouring channels of a pixel. Backward by W the sum runs over pixels, so there a pair is a
//! channel of two output pixels, next to each other in a row.

use super::product::convolve_pairs;
use super::walk::{Extent, Taps, Walk};
use super::{Direct, outer};
use crate::dispatch::Simd;
use crate::image::Layer;
use crate::matrix::pack::Panels;
use crate::matrix::pairs::{Dots, neighbours, zip};
use crate::matrix::scratch;
use std::mem::MaybeUninit;

/// Channels, in and out, must be a multiple of this: whole pairs, and no columns past the last.
const WHOLE: usize = 16;

impl Walk {
    fn in_pairs(self) -> Self {
        Self { first: self.first / 2, image: self.image / 2, row: self.row / 2, pixel: self.pixel / 2 }
    }
}

impl Taps {
    fn in_pairs(self) -> Self {
        Self { rows: self.rows, step: self.step / 2, run: self.run / 2 }
    }
}

impl Direct {
    /// Whether the layer's channels pair up.
    pub(super) fn pairs_up(layer: &Layer) -> bool {
        layer.channels.is_multiple_of(WHOLE) && layer.outputs.is_multiple_of(WHOLE)
    }

    /// One product in pairs of channels: `to` at each pixel of `into` = the stretches `taps` of `from` times the pairs `packed`.
    #[allow(clippy::too_many_arguments, reason = "three matrices")]
    pub(super) fn product_in_pairs(
        &self,
        dots: Dots,
        extent: Extent,
        taps: Taps,
        from: &[f32],
        walk: Walk,
        packed: &[f32],
        width: usize,
        bias: &[f32],
        to: &mut [MaybeUninit<f32>],
        into: Walk,
    ) {
        let taps = taps.in_pairs();
        let panels = Panels::new(self.simd, packed, taps.len(), width);
        convolve_pairs(dots, extent, taps, from, walk.in_pairs(), panels, bias, to, into);
    }

    /// Calls `work` with `frame` in pairs of neighbours.
    pub(super) fn with_pairs<R>(&self, frame: &[f32], work: impl FnOnce(&[f32]) -> R) -> R {
        scratch::with([frame.len() / 2], |[pairs]| {
            neighbours(self.simd, frame, pairs);
            work(pairs)
        })
    }

    /// As [`accumulate`](Self::accumulate): `a` through `walk`, and `g` through `along`.
    #[allow(clippy::too_many_arguments, reason = "three matrices")]
    pub(super) fn accumulate_in_pairs(
        &self,
        dots: Dots,
        extent: Extent,
        taps: Taps,
        a: &[f32],
        walk: Walk,
        g: &[f32],
        along: Walk,
        sum: &mut [f32],
    ) {
        let [images, height, width] = extent;
        let (outputs, across) = (self.layer.outputs, width.div_ceil(2));
        let half: Extent = [images, height, across];
        let dense = Walk::dense(half, outputs);
        scratch::with([a.len(), images * height * across * outputs], |[a_pairs, g_pairs]| {
            // At each place that pixel and the one of the next output; past a row's end it meets a zero of g.
            zip(self.simd, a, a.get(walk.pixel..).unwrap_or_default(), a_pairs);
            for (i, y) in (0..images).flat_map(|i| (0..height).map(move |y| (i, y))) {
                let row = &mut g_pairs[dense.at(i, y)..][..across * outputs];
                for (x, to) in row.chunks_exact_mut(outputs).enumerate() {
                    let pixel = |x: usize| if x < width { &g[along.at(i, y) + x * along.pixel..][..outputs] } else { &[] };
                    zip(self.simd, pixel(2 * x), pixel(2 * x + 1), to);
                }
            }
            let walk = Walk { pixel: 2 * walk.pixel, ..walk };
            outer::accumulate_pairs(dots, half, taps, a_pairs, walk, g_pairs, dense, outputs, sum);
        });
    }
}

/// `into` = the rows of packed weights `[inner, width]` two by two, panel by panel.
pub(super) fn pair_rows(simd: Simd, packed: &[f32], inner: usize, width: usize, mut into: &mut [f32]) {
    for (columns, panel) in Panels::new(simd, packed, inner, width).panels() {
        let wide = columns.len();
        let (to, rest) = std::mem::take(&mut into).split_at_mut(panel.len() / 2);
        for (rows, to) in panel.chunks_exact(2 * wide).zip(to.chunks_exact_mut(wide)) {
            zip(simd, &rows[..wide], &rows[wide..], to);
        }
        into = rest;
    }
}
