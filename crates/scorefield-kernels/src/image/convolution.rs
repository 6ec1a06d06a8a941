//! Which way a convolution is computed, behind one face: blocks of images in, blocks of outputs out.
//!
//! Winograd's way takes a quarter of the multiplications of 3×3 filters, or of stride 2 little more than half, and pays where both numbers
//! of channels are large enough that its transforms cost little beside the products. All else goes the direct way.

use super::direct::Direct;
use super::enter::{Entry, Place, as_unwritten};
use super::leave::Ending;
use super::{Frame, Layer, Precision, winograd};
use crate::dispatch::Simd;
use crate::matrix::pairs::{Dots, round};
use std::borrow::Cow;
use std::mem::MaybeUninit;

/// The convolution of one layer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Convolution {
    Direct(Direct),
    Winograd(Simd, winograd::Stride, Layer),
}

/// Numbers of a block's frame, gradient and sums that a core's second cache has room for.
const ROOM: usize = 3 << 16;

/// Parts that gradients of weights are summed in: work for as many threads.
const PARTS: usize = 8;

/// Numbers of a sum that a core's second cache has no room for.
const LARGE: usize = 1 << 18;

/// Numbers of all sums together, where there are more than two.
const WEIGHTS: usize = 1 << 23;

/// The fewest channels, in and out, for which Winograd's way is the faster one; of stride 2 twice as many.
const MANY: usize = 16;

use Convolution::Winograd;

impl Convolution {
    pub(super) fn new(simd: Simd, layer: Layer) -> Self {
        let Layer { kernel, stride, after, channels, outputs, precision, .. } = layer;
        // As asked for: no machine was at hand to weigh it against rounding and then Winograd's way.
        let pairs = Dots::of(simd).filter(|_| precision == Precision::Bf16);
        if let Some(direct) = pairs.and_then(|dots| Direct::in_pairs(simd, layer, dots)) {
            return Self::Direct(direct);
        }
        let way = winograd::Stride::of(stride).filter(|way| {
            let (height, width) = layer.output();
            // So many multiplications a tile of 4×4 outputs, some of them past the image, must be fewer than 9 an output by this factor,
            // for the transforms to pay.
            let (by, many, covers) = match way {
                winograd::Stride::One => ((2, 1), MANY, true),
                // With no row of zeros below, the last row of an image may be in no tile.
                winograd::Stride::Two => ((4, 3), 2 * MANY, after > 0),
            };
            let tiles = height.div_ceil(4) * width.div_ceil(4);
            let saves = by.0 * way.multiplications() * tiles <= by.1 * 9 * height * width;
            kernel == 3 && covers && saves && channels >= many && outputs >= many
        });
        way.map_or_else(|| Self::direct(simd, layer), |way| Winograd(simd, way, layer))
    }

    pub(super) fn direct(simd: Simd, layer: Layer) -> Self {
        Self::Direct(Direct::new(simd, layer))
    }

    /// Whether its factors are to be rounded to bfloat16 beforehand: where they are asked for and the products do not round themselves.
    pub(super) fn rounds(&self) -> bool {
        let by_itself = matches!(self, Self::Direct(Direct { dots: Some(_), .. }));
        self.layer().precision == Precision::Bf16 && !by_itself
    }

    fn layer(&self) -> &Layer {
        match self {
            Self::Direct(Direct { layer, .. }) | Winograd(_, _, layer) => layer,
        }
    }

    /// c_out as the sums have it: a multiple of 16.
    pub(super) fn wide(&self) -> usize {
        self.layer().outputs.next_multiple_of(16)
    }

    /// Parts that the work on `n` images is cut into, each with a sum of its own for the gradient of the weights: at most [`PARTS`], and
    /// fewer where there are so many weights that a pass over them counts.
    pub(super) fn parts(&self, n: usize) -> usize {
        if self.sum_len() < LARGE {
            return PARTS;
        }
        // Whole blocks, and a power of two: so many threads get the same number of parts each.
        let most = (WEIGHTS / self.sum_len()).min(n.div_ceil(self.most()));
        1 << most.max(1).ilog2().clamp(1, PARTS.ilog2())
    }

    /// Images in a block of `n`: as many as there is room for, but blocks enough for several threads.
    pub(super) fn images(&self, n: usize) -> usize {
        self.most().min(n.div_ceil(self.parts(n))).max(1)
    }

    /// The most images in a block.
    fn most(&self) -> usize {
        let (height, width) = self.layer().output();
        let most = match self {
            Self::Direct(_) => ROOM / (self.place(1).frame.len() + self.gradient_len(1) + self.sums_len(1)),
            Winograd(_, stride, _) => winograd::images_per_block(*stride, height, width),
        };
        most.max(1)
    }

    /// Where a is kept.
    pub(super) fn place(&self, images: usize) -> Place {
        match self {
            Self::Direct(direct) => {
                let (height, width) = self.layer().middle();
                Place { frame: direct.frame(images), edge: self.layer().before, height, width }
            }
            Winograd(..) => self.input_place(images),
        }
    }

    /// Whether a(x) is kept as x is: nothing is done to it before the convolution, and no zeros lie between its images.
    pub(super) fn reads(&self, entry: Entry, images: usize) -> bool {
        let layer = self.layer();
        let frame = self.place(images).frame;
        entry.is_nothing() && !self.rounds() && frame.channels == layer.channels && frame.len() == images * layer.image()
    }

    /// Whether the gradient by a is that by x, number for number, with no channels past the layer's own.
    pub(super) fn writes(&self, entry: Entry) -> bool {
        let place = self.input_place(1);
        entry.is_nothing() && place.frame.len() == self.layer().image()
    }

    /// Whether the gradient by the sums is kept as that by y is.
    pub(super) fn reads_gradient(&self, images: usize) -> bool {
        let layer = self.layer();
        let frame = self.gradient_place(images).frame;
        let as_it_is = layer.factor == 1.0 && !self.rounds();
        // Nothing past its end is read where there are whole registers.
        let whole = frame.channels == layer.outputs && layer.outputs.is_multiple_of(16);
        as_it_is && whole && frame.len() == images * layer.result()
    }

    /// Where the gradient by the sums is kept.
    pub(super) fn gradient_place(&self, images: usize) -> Place {
        let (height, width) = self.layer().output();
        match self {
            Self::Direct(direct) => {
                let (frame, edge) = direct.gradient_frame(images);
                Place { frame, edge, height, width }
            }
            Winograd(..) => Place { frame: Frame { images, height, width, channels: self.wide() }, edge: 0, height, width },
        }
    }

    /// Numbers to have for [`gradient_place`](Self::gradient_place).
    pub(super) fn gradient_len(&self, images: usize) -> usize {
        match self {
            Self::Direct(direct) => direct.gradient_len(images),
            Winograd(..) => self.sums_len(images),
        }
    }

    /// Where the gradient by a is written.
    pub(super) fn input_place(&self, images: usize) -> Place {
        let (height, width) = self.layer().middle();
        let channels = self.layer().channels.next_multiple_of(16);
        Place { frame: Frame { images, height, width, channels }, edge: 0, height, width }
    }

    /// Numbers of the sums `[images, h', w', c_out]`, c_out as [`wide`](Self::wide) has it.
    pub(super) fn sums_len(&self, images: usize) -> usize {
        let (height, width) = self.layer().output();
        images * height * width * self.wide()
    }

    /// Numbers of the weights, packed for [`forward`](Self::forward).
    pub(super) fn weights_len(&self) -> usize {
        match self {
            Self::Direct(direct) => direct.weights_len(),
            Winograd(_, _, layer) => winograd::weights_len(layer.channels, layer.outputs),
        }
    }

    /// Numbers of the weights, packed for [`backward`](Self::backward).
    pub(super) fn transpose_len(&self) -> usize {
        match self {
            Self::Direct(direct) => direct.transpose_len(),
            Winograd(_, _, layer) => winograd::weights_len(layer.outputs, layer.channels),
        }
    }

    fn rounded<'w>(&self, w: &'w [f32]) -> Cow<'w, [f32]> {
        let mut w = Cow::Borrowed(w);
        if self.rounds() {
            round(self.simd(), w.to_mut());
        }
        w
    }

    fn simd(&self) -> Simd {
        match self {
            Self::Direct(Direct { simd, .. }) | Winograd(simd, ..) => *simd,
        }
    }

    /// Rounds numbers of a frame, where that is to be done.
    pub(super) fn round(&self, numbers: &mut [f32]) {
        if self.rounds() {
            round(self.simd(), numbers);
        }
    }

    /// Packs the weights for [`forward`](Self::forward).
    pub(super) fn pack<'a>(&self, w: &[f32], space: &'a mut [f32]) -> Packed<'a> {
        let w = &*self.rounded(w);
        match *self {
            Self::Direct(direct) => {
                direct.pack(w, space);
                Packed::Direct(space)
            }
            Winograd(simd, stride, Layer { channels, outputs, .. }) => {
                Packed::Winograd(winograd::Weights::forward(simd, stride, w, channels, outputs, space))
            }
        }
    }

    /// Packs the weights for [`backward`](Self::backward).
    pub(super) fn pack_transpose<'a>(&self, w: &[f32], space: &'a mut [f32]) -> Packed<'a> {
        let w = &*self.rounded(w);
        match *self {
            Self::Direct(direct) => {
                direct.pack_transpose(w, space);
                Packed::Direct(space)
            }
            Winograd(simd, stride, Layer { channels, outputs, .. }) => {
                Packed::Winograd(winograd::Weights::backward(simd, stride, w, channels, outputs, space))
            }
        }
    }

    /// Numbers of space for [`forward`](Self::forward): where its sums cannot be made into y as they leave their registers.
    pub(super) fn space_len(&self, images: usize, ending: Ending<'_>) -> usize {
        if self.ends(ending) { 0 } else { self.sums_len(images) }
    }

    fn ends(&self, ending: Ending<'_>) -> bool {
        let whole = self.wide() == self.layer().outputs;
        whole && (matches!(self, Winograd(..)) || ending.residual.is_empty() && ending.factor == 1.0)
    }

    fn tiles(&self, stride: winograd::Stride, layer: Layer, images: usize) -> winograd::Tiles {
        let (h, w) = layer.output();
        winograd::Tiles::new(stride, self.place(images).frame, layer.before, h, w)
    }

    /// All of `y` `[images, h', w', c_out]` = `ending` of W ∗ `a`. Winograd's way fetches `next` meanwhile. `space` is of
    /// [`space_len`](Self::space_len).
    #[allow(clippy::too_many_arguments, reason = "shapes, two inputs, two outputs")]
    pub(super) fn forward(
        &self,
        images: usize,
        a: &[f32],
        packed: Packed<'_>,
        next: &[f32],
        ending: Ending<'_>,
        space: &mut [f32],
        y: &mut [MaybeUninit<f32>],
    ) {
        assert!(y.len() == images * self.layer().result(), "{} numbers for {images} of {:?}", y.len(), self.layer());
        let run = |ending: Ending<'_>, to: &mut _| match (*self, packed) {
            (Self::Direct(direct), Packed::Direct(packed)) => direct.forward(images, a, packed, ending.bias, to),
            (Winograd(simd, stride, layer), Packed::Winograd(weights)) => {
                winograd::forward(simd, self.tiles(stride, layer, images), a, weights, next, ending, to);
            }
            _ => unreachable!("weights packed for another way"),
        };
        if self.ends(ending) {
            return run(ending, y);
        }
        run(Ending::NONE, as_unwritten(space));
        ending.leave(self.simd(), images, space, self.wide(), y, self.layer().outputs);
    }

    /// From the gradient `g` by the sums: that by a to all channels of `da`, in its [`input_place`](Self::input_place), if wanted, and what the
    /// block gives to that by the weights is added to `sum`. Channels there are past the layer's own may be left as they are.
    pub(super) fn backward(
        &self,
        images: usize,
        a: &[f32],
        g: &[f32],
        transpose: Packed<'_>,
        da: Option<&mut [MaybeUninit<f32>]>,
        sum: &mut [f32],
    ) {
        let whole = self.input_place(images).frame.len();
        assert!(da.as_ref().is_none_or(|da| da.len() == whole), "{images} of {:?}, not {whole} numbers", self.layer());
        match (*self, transpose) {
            (Self::Direct(direct), Packed::Direct(transpose)) => {
                direct.accumulate(images, a, g, sum);
                if let Some(da) = da {
                    direct.backward(images, g, transpose, da);
                }
            }
            (Winograd(simd, stride, layer), Packed::Winograd(weights)) => {
                winograd::backward(simd, self.tiles(stride, layer, images), a, g, weights, da, sum);
            }
            _ => unreachable!("weights packed for another way"),
        }
    }

    /// Numbers of what [`backward`](Self::backward) adds to.
    pub(super) fn sum_len(&self) -> usize {
        let channels = self.layer().channels;
        match self {
            Self::Direct(direct) => direct.sum_len(),
            Winograd(..) => 36 * channels.next_multiple_of(16) * self.wide(),
        }
    }

    /// `gw` `[c_out, c, k, k]` from the sum over all blocks.
    pub(super) fn weight_gradient(&self, sum: &[f32], gw: &mut [f32]) {
        match *self {
            Self::Direct(direct) => direct.weight_gradient(sum, gw),
            Winograd(simd, stride, Layer { channels, outputs, .. }) => {
                winograd::weight_gradient(simd, stride, sum, channels, outputs, gw);
            }
        }
    }
}

/// Weights as one of the ways reads them.
#[derive(Clone, Copy)]
pub(super) enum Packed<'a> {
    Direct(&'a [f32]),
    Winograd(winograd::Weights<'a>),
}
