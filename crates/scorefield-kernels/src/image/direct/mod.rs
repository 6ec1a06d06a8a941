//! Convolution of any stride and padding straight from its definition, in register tiles:
//!
//! out[y, x] = Σ W[·, ·, i, j]·a[s·y + i, s·x + j] over the taps (i, j), a in a frame of zeros.
//!
//! Backward by a: pixel Y = p + s·m of the frame is reached by the taps i = p, p + s, …, so the pixels of each remainder (p, q) modulo s
//! are a convolution of stride 1 of the gradient with their own taps in reverse:
//!
//! da[p + s·m, q + s·l] = Σ Wᵀ[·, ·, p + s·i, q + s·j]·g[m − i, l − j].
//!
//! Backward by W: dW[·, ·, i, j] = Σ g[y, x]·a[s·y + i, s·x + j]ᵀ over pixels.

mod few;
mod outer;
mod pairs;
mod product;
mod walk;
mod weights;

use crate::dispatch::Simd;
use crate::image::{Frame, Layer};
use crate::matrix::pack::Panels;
use crate::matrix::pairs::Dots;
use crate::matrix::scratch;
use few::FEW;
use std::mem::MaybeUninit;
use walk::{Extent, Taps, Walk};
use weights::Order;

/// The numbers past a frame of gradients that [`outer`] may read.
const PAST: usize = 16;

/// The convolution of one layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Direct {
    pub(super) simd: Simd,
    pub(super) layer: Layer,
    /// How the products are taken in pairs of bfloat16, if they are: frames, packed and summed numbers stay f32.
    pub(super) dots: Option<Dots>,
}

/// The pixels whose row or column is `first`, `first` + s, …, `count` of them, in coordinates of the frame, and the taps that reach them.
#[derive(Clone, Copy)]
struct Phase {
    first: usize,
    count: usize,
    taps: usize,
}

impl Direct {
    pub(super) fn new(simd: Simd, layer: Layer) -> Self {
        Self { simd, layer, dots: None }
    }

    /// In pairs, where the layer's channels make some.
    pub(super) fn in_pairs(simd: Simd, layer: Layer, dots: Dots) -> Option<Self> {
        Self::pairs_up(&layer).then_some(Self { simd, layer, dots: Some(dots) })
    }

    /// Numbers in one place: of what is packed.
    fn in_a_place(&self) -> usize {
        if self.dots.is_some() { 2 } else { 1 }
    }

    /// Where a is kept.
    pub(super) fn frame(&self, images: usize) -> Frame {
        let Layer { before, after, channels, .. } = self.layer;
        let (height, width) = self.layer.middle();
        Frame { images, height: before + height + after, width: before + width + after, channels }
    }

    /// Where g is kept, and the zeros above and left of it.
    pub(super) fn gradient_frame(&self, images: usize) -> (Frame, usize) {
        let Layer { before, stride, kernel, outputs, .. } = self.layer;
        let ((height, width), (h, w)) = (self.layer.output(), self.layer.middle());
        let edge = kernel.div_ceil(stride) - 1;
        let reach = |outputs: usize, inputs: usize| edge + outputs.max((before + inputs - 1) / stride + 1);
        (Frame { images, height: reach(height, h), width: reach(width, w), channels: outputs }, edge)
    }

    /// Numbers to have for such a frame.
    pub(super) fn gradient_len(&self, images: usize) -> usize {
        self.gradient_frame(images).0.len() + PAST
    }

    /// Numbers of the weights, packed.
    pub(super) fn weights_len(&self) -> usize {
        let Layer { channels, outputs, .. } = self.layer;
        self.sum_of(channels, outputs, self.few_outputs()) / self.in_a_place()
    }

    /// Numbers of their transpose, packed.
    pub(super) fn transpose_len(&self) -> usize {
        let Layer { channels, outputs, .. } = self.layer;
        self.sum_of(outputs, channels, self.few_channels()) / self.in_a_place()
    }

    /// Numbers of a matrix for each tap.
    fn sum_of(&self, rows: usize, columns: usize, few: bool) -> usize {
        self.taps() * rows * if few { columns } else { columns.next_multiple_of(16) }
    }

    /// Numbers of what [`accumulate`](Self::accumulate) adds to.
    pub(super) fn sum_len(&self) -> usize {
        self.sum_of(self.layer.channels, self.layer.outputs, self.few_outputs())
    }

    fn few_outputs(&self) -> bool {
        self.dots.is_none() && self.layer.outputs <= FEW && self.layer.channels.is_multiple_of(16)
    }

    fn few_channels(&self) -> bool {
        self.dots.is_none() && self.layer.channels <= FEW && self.layer.outputs.is_multiple_of(16)
    }

    fn taps(&self) -> usize {
        self.layer.kernel * self.layer.kernel
    }

    /// Packs the weights for [`forward`](Self::forward).
    pub(super) fn pack(&self, w: &[f32], into: &mut [f32]) {
        let Layer { channels, outputs, .. } = self.layer;
        let order = Order { size: (channels, outputs), rows: self.taps(), cols: channels * self.taps() };
        let taps: Vec<usize> = (0..self.taps()).collect();
        if self.few_outputs() {
            weights::pack_few(w, &taps, order, into);
        } else {
            self.pack_panels(w, &taps, order, outputs.next_multiple_of(16), into);
        }
    }

    /// Packs the weights for [`backward`](Self::backward).
    pub(super) fn pack_transpose(&self, w: &[f32], mut into: &mut [f32]) {
        let Layer { channels, outputs, kernel, stride, .. } = self.layer;
        let order = Order { size: (outputs, channels), rows: channels * self.taps(), cols: self.taps() };
        let width = channels.next_multiple_of(16);
        for (p, q) in self.phases() {
            let reversed = |phase: usize, n: usize| (0..n).rev().map(move |i| phase + i * stride);
            let (rows, cols) = (self.reached(p), self.reached(q));
            let taps: Vec<usize> = reversed(p, rows).flat_map(|i| reversed(q, cols).map(move |j| i * kernel + j)).collect();
            let columns = if self.few_channels() { channels } else { width };
            let (part, rest) = std::mem::take(&mut into).split_at_mut(taps.len() * outputs * columns / self.in_a_place());
            if self.few_channels() {
                weights::pack_few(w, &taps, order, part);
            } else {
                self.pack_panels(w, &taps, order, width, part);
            }
            into = rest;
        }
    }

    fn pack_panels(&self, w: &[f32], taps: &[usize], order: Order, width: usize, into: &mut [f32]) {
        if self.dots.is_none() {
            return weights::pack(self.simd, w, taps, order, width, into);
        }
        scratch::with([2 * into.len()], |[packed]| {
            weights::pack(self.simd, w, taps, order, width, packed);
            pairs::pair_rows(self.simd, packed, taps.len() * order.size.0, width, into);
        });
    }

    fn phases(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let stride = self.layer.stride;
        (0..stride).flat_map(move |p| (0..stride).map(move |q| (p, q)))
    }

    /// The number of taps p, p + s, …
    fn reached(&self, p: usize) -> usize {
        self.layer.kernel.saturating_sub(p).div_ceil(self.layer.stride)
    }

    fn phase(&self, p: usize, inputs: usize) -> Phase {
        let Layer { before, stride, .. } = self.layer;
        let first = p + before.saturating_sub(p).next_multiple_of(stride);
        Phase { first, count: (before + inputs).saturating_sub(first).div_ceil(stride), taps: self.reached(p) }
    }

    fn extent(&self, images: usize) -> Extent {
        let (height, width) = self.layer.output();
        [images, height, width]
    }

    /// The taps of an output pixel, and the way through the frame.
    fn reading(&self, frame: Frame) -> (Taps, Walk) {
        let Layer { kernel, stride, channels, .. } = self.layer;
        let row = frame.width * channels;
        let walk = Walk { first: 0, image: frame.height * row, row: stride * row, pixel: stride * channels };
        (Taps { rows: kernel, step: row, run: kernel * channels }, walk)
    }

    /// `out` `[images, h', w', c_out]`, c_out rounded up to a multiple of 16, = W ∗ `a` + `bias`: `[c_out]`, `[images, c_out]`
    /// or empty, as it is for few outputs.
    pub(super) fn forward(&self, images: usize, a: &[f32], packed: &[f32], bias: &[f32], out: &mut [MaybeUninit<f32>]) {
        let (taps, walk) = self.reading(self.frame(images));
        let (extent, width) = (self.extent(images), self.layer.outputs.next_multiple_of(16));
        let into = Walk::dense(extent, width);
        if let Some(dots) = self.dots {
            return self.with_pairs(a, |a| self.product_in_pairs(dots, extent, taps, a, walk, packed, width, bias, out, into));
        }
        if self.few_outputs() {
            assert!(bias.is_empty(), "few outputs and a bias");
            return few::convolve(self.simd, extent, taps, a, walk, packed, self.layer.outputs, out, into);
        }
        let panels = Panels::new(self.simd, packed, taps.len(), width);
        product::convolve(self.simd, extent, taps, a, walk, panels, bias, out, into);
    }

    /// `da` `[images, h, w, c_in]`, c_in rounded up to a multiple of 16: the gradient by a, from that in the frame `g`.
    pub(super) fn backward(&self, images: usize, g: &[f32], transpose: &[f32], da: &mut [MaybeUninit<f32>]) {
        match self.dots {
            Some(_) => self.with_pairs(&g[..self.gradient_frame(images).0.len()], |g| self.by_phases(images, g, transpose, da)),
            None => self.by_phases(images, g, transpose, da),
        }
    }

    /// The same of `g` as the products read it.
    fn by_phases(&self, images: usize, g: &[f32], mut transpose: &[f32], da: &mut [MaybeUninit<f32>]) {
        let Layer { before, stride, channels, outputs, .. } = self.layer;
        let ((height, width), (frame, edge)) = (self.layer.middle(), self.gradient_frame(images));
        let (wide, row) = (channels.next_multiple_of(16), frame.width * outputs);
        for (p, q) in self.phases() {
            let (rows, cols) = (self.phase(p, height), self.phase(q, width));
            // The first pixel's first stretch: m − (taps − 1), past the zeros.
            let from = |phase: Phase| phase.first / stride + edge + 1 - phase.taps.max(1);
            let taps = Taps { rows: rows.taps, step: row, run: cols.taps * outputs };
            let walk = Walk { first: from(rows) * row + from(cols) * outputs, image: frame.height * row, row, pixel: outputs };
            let into = Walk {
                first: ((rows.first - before) * width + cols.first - before) * wide,
                image: height * width * wide,
                row: stride * width * wide,
                pixel: stride * wide,
            };
            let extent = [images, rows.count, cols.count];
            let columns = if self.few_channels() { channels } else { wide };
            let (part, rest) = transpose.split_at(taps.len() * columns / self.in_a_place());
            transpose = rest;
            if let Some(dots) = self.dots {
                self.product_in_pairs(dots, extent, taps, g, walk, part, wide, &[], da, into);
            } else if self.few_channels() {
                few::convolve(self.simd, extent, taps, g, walk, part, channels, da, into);
            } else {
                let panels = Panels::new(self.simd, part, taps.len(), wide);
                product::convolve(self.simd, extent, taps, g, walk, panels, &[], da, into);
            }
        }
    }

    /// Adds to `sum` `[k², c_in, c_out]`, c_out rounded up to a multiple of 16, what a block gives to the gradient of the weights. For few
    /// outputs it is `[k, c_out, k, c_in]`, the other way round, so that registers are full.
    pub(super) fn accumulate(&self, images: usize, a: &[f32], g: &[f32], sum: &mut [f32]) {
        let (taps, walk) = self.reading(self.frame(images));
        let (frame, edge) = self.gradient_frame(images);
        let (row, pixel) = (frame.width * frame.channels, frame.channels);
        let along = Walk { first: edge * (row + pixel), image: frame.height * row, row, pixel };
        if self.few_outputs() {
            let outputs = Taps { rows: 1, step: 0, run: self.layer.outputs };
            for (i, sum) in sum.chunks_exact_mut(outputs.run * taps.run).enumerate() {
                let walk = Walk { first: i * taps.step, ..walk };
                outer::accumulate(self.simd, self.extent(images), outputs, g, along, a, walk, taps.run, sum);
            }
            return;
        }
        if let Some(dots) = self.dots {
            return self.accumulate_in_pairs(dots, self.extent(images), taps, a, walk, g, along, sum);
        }
        let width = self.layer.outputs.next_multiple_of(16);
        outer::accumulate(self.simd, self.extent(images), taps, a, walk, g, along, width, sum);
    }

    /// `gw` `[c_out, c_in, k, k]` from the sum over all blocks.
    pub(super) fn weight_gradient(&self, sum: &[f32], gw: &mut [f32]) {
        let Layer { channels, outputs, kernel, .. } = self.layer;
        if self.few_outputs() {
            return weights::unpack_few(sum, [outputs, channels], kernel, gw);
        }
        weights::unpack(sum, self.layer.channels, self.layer.outputs.next_multiple_of(16), self.taps(), gw);
    }
}
