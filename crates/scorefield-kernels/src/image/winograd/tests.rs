//! Against the definition, y(o, p) = Σ_i Σ_q w(o, i, q)·a(i, s·p + q), in f64.

use super::*;
use crate::dispatch::{Simd, available};
use crate::image::Frame;
use crate::image::enter::as_unwritten;
use crate::image::leave::Ending;
use crate::philox::tests::normals;
use proptest::prelude::*;

/// Largest error over what a number would have as standard deviation if every input of its tiles counted, all being of variance 1. The
/// points enter in powers up to 8, so it is the inputs that the error is a share of, even where they cancel in the result.
const TOLERANCE: f64 = 1e-4;

/// ‖error‖/‖result‖ of a result in which little cancels: about 2·10⁻⁶, five times that of a direct sum in f32.
const NORM_TOLERANCE: f64 = 5e-6;

#[derive(Clone, Copy, Debug)]
struct Shape {
    stride: Stride,
    /// Zeros above and to the left, and below and to the right.
    zeros: [usize; 2],
    n: usize,
    height: usize,
    width: usize,
    c_in: usize,
    c_out: usize,
}

impl Shape {
    fn frame(self) -> Frame {
        let Self { n: images, height, width, c_in, .. } = self;
        Frame { images, height, width, channels: c_in.next_multiple_of(16) }
    }

    /// Rows and columns of the outputs.
    fn outputs(self) -> [usize; 2] {
        [self.height, self.width].map(|n| (n + self.zeros[0] + self.zeros[1] - 3) / self.pixels() + 1)
    }

    fn pixels(self) -> usize {
        if self.stride == Stride::One { 1 } else { 2 }
    }

    fn wide(self) -> usize {
        self.c_out.next_multiple_of(16)
    }

    /// Standard deviations of outputs, gradients by inputs and gradients by weights, as [`TOLERANCE`] means them.
    fn scales(self) -> [f64; 3] {
        let [h, w] = self.outputs();
        let tiles = self.n * h.div_ceil(4) * w.div_ceil(4);
        [9 * self.c_in, 9 * self.c_out, 16 * tiles].map(|terms| (terms as f64).sqrt())
    }

    /// Calls `term(output, weight, input)` with the places, in `[n, h, w, wide]`, `[c_out, c_in, 3, 3]` and the images, of all products.
    fn terms(self, mut term: impl FnMut(usize, usize, usize)) {
        let (Self { zeros: [before, _], n, height, width, c_in, c_out, .. }, s, [h, w]) = (self, self.pixels(), self.outputs());
        for image in 0..n {
            for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
                for (dy, dx) in (0..3).flat_map(|dy| (0..3).map(move |dx| (dy, dx))) {
                    let at = |at: usize, n: usize| at.checked_sub(before).filter(|&at| at < n);
                    let (Some(row), Some(column)) = (at(s * y + dy, height), at(s * x + dx, width)) else { continue };
                    let pixel = self.frame().pixel(image, row, column).start;
                    for (o, i) in (0..c_out).flat_map(|o| (0..c_in).map(move |i| (o, i))) {
                        term(((image * h + y) * w + x) * self.wide() + o, (o * c_in + i) * 9 + 3 * dy + dx, pixel + i);
                    }
                }
            }
        }
    }
}

/// Images, weights and gradients of outputs; what belongs to no channel is zero.
struct Case {
    shape: Shape,
    a: Vec<f32>,
    weight: Vec<f32>,
    g: Vec<f32>,
}

impl Case {
    fn new(shape: Shape, step: u32) -> Self {
        let (Shape { n, c_in, c_out, .. }, [h, w], frame) = (shape, shape.outputs(), shape.frame());
        let mut a = vec![0.0; frame.len()];
        for (a, x) in
            a.chunks_exact_mut(frame.channels).zip(normals(step, frame.len() / frame.channels * c_in).chunks_exact(c_in))
        {
            a[..c_in].copy_from_slice(x);
        }
        let mut g = vec![0.0; n * h * w * shape.wide()];
        for (g, x) in g.chunks_exact_mut(shape.wide()).zip(normals(!step, n * h * w * c_out).chunks_exact(c_out)) {
            g[..c_out].copy_from_slice(x);
        }
        Self { shape, a, weight: normals(step ^ 1, c_out * c_in * 9), g }
    }

    /// Outputs, gradients by inputs and gradients by weights, as the sums that define them.
    fn exact(&self) -> [Vec<f64>; 3] {
        let [mut out, mut da, mut gw] = [self.g.len(), self.a.len(), self.weight.len()].map(|n| vec![0.0; n]);
        self.shape.terms(|y, w, x| {
            let [g, weight, a] = [self.g[y], self.weight[w], self.a[x]].map(f64::from);
            out[y] += weight * a;
            da[x] += weight * g;
            gw[w] += g * a;
        });
        [out, da, gw]
    }

    /// The same from the kernels.
    fn run(&self, simd: Simd) -> [Vec<f32>; 3] {
        let Shape { stride, zeros: [before, _], c_in, c_out, .. } = self.shape;
        let ([h, w], frame) = (self.shape.outputs(), self.shape.frame());
        let mut space = vec![f32::NAN; weights_len(c_in, c_out)];
        let (mut out, mut da) = (vec![f32::NAN; self.g.len()], vec![f32::NAN; self.a.len()]);
        let (mut du, mut gw) = (vec![0.0; 36 * frame.channels * self.shape.wide()], vec![f32::NAN; self.weight.len()]);
        let weights = Weights::forward(simd, stride, &self.weight, c_in, c_out, &mut space);
        let tiles = Tiles::new(stride, frame, before, h, w);
        forward(simd, tiles, &self.a, weights, &[], Ending::NONE, as_unwritten(&mut out));
        let weights = Weights::backward(simd, stride, &self.weight, c_in, c_out, &mut space);
        backward(simd, tiles, &self.a, &self.g, weights, Some(as_unwritten(&mut da)), &mut du);
        weight_gradient(simd, stride, &du, c_in, c_out, &mut gw);
        [out, da, gw]
    }
}

/// Largest difference; a NaN is infinite.
fn largest(got: &[f32], want: impl IntoIterator<Item = f64>) -> f64 {
    let differences = got.iter().zip(want).map(|(&got, want)| (f64::from(got) - want).abs());
    differences.fold(0.0, |most: f64, d| if d.is_nan() { f64::INFINITY } else { most.max(d) })
}

fn norm(x: impl IntoIterator<Item = f64>) -> f64 {
    x.into_iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn shapes() -> impl Strategy<Value = Shape> {
    let channels = || prop_oneof![Just(1usize), 1usize..40, Just(48usize)];
    let stride = || prop_oneof![Just(Stride::One), Just(Stride::Two)];
    (stride(), [0usize..3, 0..3], 1usize..4, 1usize..22, 1usize..22, channels(), channels())
        .prop_map(|(stride, zeros, n, height, width, c_in, c_out)| Shape { stride, zeros, n, height, width, c_in, c_out })
        .prop_filter("filters no larger than the image, and every pixel in a tile", |shape| {
            let Shape { stride, zeros: [before, after], height, width, .. } = *shape;
            height.min(width) + before + after >= 3 && (stride == Stride::One || after > 0)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_variant_is_the_convolution_and_its_gradients(shape in shapes(), step: u32) {
        let case = Case::new(shape, step);
        let (exact, twin) = (case.exact(), case.run(Simd::PORTABLE));
        for &simd in available() {
            let got = case.run(simd);
            for (i, name) in ["outputs", "gradients by inputs", "gradients by weights"].into_iter().enumerate() {
                let most = TOLERANCE * shape.scales()[i];
                let error = largest(&got[i], exact[i].iter().copied());
                prop_assert!(error < most, "{simd}: {name} off by {error}");
                let error = largest(&got[i], twin[i].iter().map(|&x| x.into()));
                prop_assert!(error < most, "{simd}: {name} off from the portable twin by {error}");
            }
        }
    }
}

#[test]
fn groups_of_tiles_join_without_a_seam() {
    // More tiles than in a group, and not a multiple of it.
    for stride in [Stride::One, Stride::Two] {
        let case = Case::new(Shape { stride, zeros: [1, 1], n: 3, height: 42, width: 53, c_in: 17, c_out: 35 }, 5);
        let exact = case.exact();
        for &simd in available() {
            for (got, want) in case.run(simd).iter().zip(&exact) {
                let error = norm(got.iter().zip(want).map(|(&got, want)| f64::from(got) - want)) / norm(want.iter().copied());
                assert!(error < NORM_TOLERANCE, "{simd}: {stride:?} off by {error}");
            }
        }
    }
}

#[test]
fn gradients_by_weights_are_added_and_do_not_need_those_by_inputs() {
    for (stride, &simd) in
        [Stride::One, Stride::Two].into_iter().flat_map(|stride| available().iter().map(move |simd| (stride, simd)))
    {
        let shape = Shape { stride, zeros: [1, 1], n: 2, height: 5, width: 9, c_in: 20, c_out: 7 };
        let (case, frame, [h, w]) = (Case::new(shape, 3), shape.frame(), shape.outputs());
        let mut space = vec![0.0; weights_len(shape.c_in, shape.c_out)];
        let weights = Weights::backward(simd, stride, &case.weight, shape.c_in, shape.c_out, &mut space);
        let (mut once, mut da) = (vec![0.0; 36 * frame.channels * shape.wide()], case.a.clone());
        let tiles = Tiles::new(stride, frame, 1, h, w);
        backward(simd, tiles, &case.a, &case.g, weights, Some(as_unwritten(&mut da)), &mut once);
        let mut twice = once.clone();
        backward(simd, tiles, &case.a, &case.g, weights, None, &mut twice);
        let error = largest(&twice, once.iter().map(|&u| 2.0 * f64::from(u)));
        assert!(error < 1e-5 * norm(once.iter().map(|&u| u.into())), "{simd}: off by {error}");
    }
}

#[test]
fn an_image_does_not_see_the_others_of_its_block() {
    for (stride, &simd) in
        [Stride::One, Stride::Two].into_iter().flat_map(|stride| available().iter().map(move |simd| (stride, simd)))
    {
        let shape = Shape { stride, zeros: [0, 1], n: 5, height: 14, width: 15, c_in: 16, c_out: 16 };
        let case = Case::new(shape, 9);
        let [out, da, _] = case.run(simd);
        for i in 0..shape.n {
            let part = |x: &[f32]| x[x.len() / shape.n * i..][..x.len() / shape.n].to_vec();
            let alone = Case { shape: Shape { n: 1, ..shape }, a: part(&case.a), weight: case.weight.clone(), g: part(&case.g) };
            let [out_alone, da_alone, _] = alone.run(simd);
            assert_eq!((out_alone, da_alone), (part(&out), part(&da)), "{simd}: image {i}");
        }
    }
}

#[test]
fn a_block_has_about_as_many_tiles_whatever_the_size_of_its_images() {
    for (side, images) in [(4, 64), (8, 16), (14, 4), (16, 4), (28, 1), (32, 1), (256, 1)] {
        assert_eq!(images_per_block(Stride::One, side, side), images);
    }
}
