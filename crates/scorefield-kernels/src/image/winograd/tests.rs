//! Against the definition, y(o, p) = Σ_i Σ_q w(o, i, q)·a(i, p + q), in f64.

use super::*;
use crate::dispatch::{Simd, available};
use crate::image::Frame;
use crate::philox::tests::normals;
use proptest::prelude::*;

/// Largest error over the largest number. Points up to 2 enter in fourth powers: a sum of f32 products loses about one decimal more
/// than it would without the transforms.
const TOLERANCE: f64 = 1e-5;

#[derive(Clone, Copy, Debug)]
struct Shape {
    n: usize,
    h: usize,
    w: usize,
    c_in: usize,
    c_out: usize,
}

impl Shape {
    fn frame(self) -> Frame {
        frame(self.n, self.h, self.w, self.c_in)
    }

    fn wide(self) -> usize {
        self.c_out.next_multiple_of(16)
    }

    /// Calls `term(output, weight, input)` with the places, in `[n, h, w, wide]`, `[c_out, c_in, 3, 3]` and the frame, of all products.
    fn terms(self, mut term: impl FnMut(usize, usize, usize)) {
        let Self { n, h, w, c_in, c_out } = self;
        for image in 0..n {
            for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
                for (dy, dx) in (0..3).flat_map(|dy| (0..3).map(move |dx| (dy, dx))) {
                    let pixel = self.frame().pixel(image, y + dy, x + dx).start;
                    for (o, i) in (0..c_out).flat_map(|o| (0..c_in).map(move |i| (o, i))) {
                        term(((image * h + y) * w + x) * self.wide() + o, (o * c_in + i) * 9 + 3 * dy + dx, pixel + i);
                    }
                }
            }
        }
    }
}

/// Images in their frame, weights and gradients of outputs; what belongs to no channel or pixel is zero.
struct Case {
    shape: Shape,
    a: Vec<f32>,
    weight: Vec<f32>,
    g: Vec<f32>,
}

struct Passes {
    out: Vec<f32>,
    da: Vec<f32>,
    gw: Vec<f32>,
}

impl Case {
    fn new(shape: Shape, step: u32) -> Self {
        let Shape { n, h, w, c_in, c_out } = shape;
        let frame = shape.frame();
        let mut a = vec![0.0; frame.len()];
        let x = normals(step, n * h * w * c_in);
        for (at, x) in x.chunks_exact(c_in).enumerate() {
            a[frame.pixel(at / (h * w), at / w % h + 1, at % w + 1)][..c_in].copy_from_slice(x);
        }
        let mut g = vec![0.0; n * h * w * shape.wide()];
        for (g, x) in g.chunks_exact_mut(shape.wide()).zip(normals(!step, n * h * w * c_out).chunks_exact(c_out)) {
            g[..c_out].copy_from_slice(x);
        }
        Self { shape, a, weight: normals(step ^ 1, c_out * c_in * 9), g }
    }

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

    fn run(&self, simd: Simd) -> Passes {
        let Shape { h, w, c_in, c_out, .. } = self.shape;
        let frame = self.shape.frame();
        let mut space = vec![f32::NAN; weights_len(c_in, c_out)];
        let (mut out, mut da) = (vec![f32::NAN; self.g.len()], vec![f32::NAN; self.a.len()]);
        let (mut du, mut gw) = (vec![0.0; 36 * frame.channels * self.shape.wide()], vec![f32::NAN; self.weight.len()]);
        forward(simd, frame, h, w, &self.a, Weights::forward(simd, &self.weight, c_in, c_out, &mut space), &mut out);
        let weights = Weights::backward(simd, &self.weight, c_in, c_out, &mut space);
        backward(simd, frame, h, w, &self.a, &self.g, weights, Some(&mut da), &mut du);
        let one = du.clone();
        // A second time without `da`: du has twice the gradient.
        backward(simd, frame, h, w, &self.a, &self.g, weights, None, &mut du);
        assert!(relative(&du, one.iter().map(|&u| 2.0 * f64::from(u))) < TOLERANCE);
        weight_gradient(simd, &one, c_in, c_out, &mut gw);
        Passes { out, da, gw }
    }
}

/// Largest difference over the largest number.
fn relative(got: &[f32], want: impl IntoIterator<Item = f64>) -> f64 {
    let (mut most, mut scale) = (0.0f64, 1e-30f64);
    for (&got, want) in got.iter().zip(want) {
        // Not `max` alone, which would ignore a NaN.
        let error = (f64::from(got) - want).abs();
        most = if error.is_nan() { f64::INFINITY } else { most.max(error) };
        scale = scale.max(want.abs());
    }
    most / scale
}

fn shapes() -> impl Strategy<Value = Shape> {
    let channels = || prop_oneof![Just(1usize), 1usize..40, Just(48usize)];
    (1usize..4, 1usize..11, 1usize..11, channels(), channels()).prop_map(|(n, h, w, c_in, c_out)| Shape { n, h, w, c_in, c_out })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_variant_is_the_convolution_and_its_gradients(shape in shapes(), step: u32) {
        let case = Case::new(shape, step);
        let [out, da, gw] = case.exact();
        let twin = case.run(Simd::PORTABLE);
        for &simd in available() {
            let got = case.run(simd);
            for (name, got, twin, want) in
                [("outputs", &got.out, &twin.out, &out), ("da", &got.da, &twin.da, &da), ("gw", &got.gw, &twin.gw, &gw)]
            {
                let error = relative(got, want.iter().copied());
                prop_assert!(error < TOLERANCE, "{simd}: {name} off by {error}");
                let error = relative(got, twin.iter().map(|&x| x.into()));
                prop_assert!(error < TOLERANCE, "{simd}: {name} off from the portable twin by {error}");
            }
        }
    }
}

#[test]
fn groups_of_tiles_join_without_a_seam() {
    // More tiles than in a group, and not a multiple of it.
    let case = Case::new(Shape { n: 3, h: 22, w: 27, c_in: 17, c_out: 3 }, 5);
    let exact = case.exact();
    for &simd in available() {
        let Passes { out, da, gw } = case.run(simd);
        for (got, want) in [out, da, gw].iter().zip(&exact) {
            let error = relative(got, want.iter().copied());
            assert!(error < TOLERANCE, "{simd}: off by {error}");
        }
    }
}

#[test]
fn a_block_has_about_as_many_tiles_whatever_the_size_of_its_images() {
    for (side, images) in [(4, 64), (8, 16), (14, 4), (16, 4), (28, 1), (32, 1), (256, 1)] {
        assert_eq!(images_per_block(side, side), images);
    }
}

#[test]
#[ignore]
fn speed() {
    use std::time::Instant;
    let simd = crate::dispatch::active();
    let best = |mut f: Box<dyn FnMut() + '_>| {
        let start = Instant::now();
        let mut best = f64::INFINITY;
        while start.elapsed().as_secs_f64() < 0.3 {
            let t = Instant::now();
            f();
            best = best.min(t.elapsed().as_secs_f64());
        }
        best
    };
    for (c, side) in [(32, 32), (64, 32), (64, 16), (128, 16), (128, 8), (256, 8), (16, 28)] {
        let n = images_per_block(side, side);
        let case = Case::new(Shape { n, h: side, w: side, c_in: c, c_out: c }, 1);
        let f = case.shape.frame();
        let (mut s1, mut s2) = (vec![0.0; weights_len(c, c)], vec![0.0; weights_len(c, c)]);
        let wt = best(Box::new(|| {
            Weights::forward(simd, &case.weight, c, c, &mut s1);
        }));
        let wf = Weights::forward(simd, &case.weight, c, c, &mut s1);
        let wb = Weights::backward(simd, &case.weight, c, c, &mut s2);
        let (mut out, mut da, mut du) = (case.g.clone(), case.a.clone(), vec![0.0; 36 * c * c]);
        let mut gw = case.weight.clone();
        let tf = best(Box::new(|| forward(simd, f, side, side, &case.a, wf, &mut out)));
        let tb = best(Box::new(|| backward(simd, f, side, side, &case.a, &case.g, wb, Some(&mut da), &mut du)));
        let tg = best(Box::new(|| weight_gradient(simd, &du, c, c, &mut gw)));
        let tiles = tiles::Tiles::new(f, side, side);
        let t = tiles.count();
        let mut v = vec![0.0; 36 * plane(t, c)];
        let i = best(Box::new(|| tiles::from_frame(simd, tiles, 0..t, &case.a, &mut v)));
        let o = best(Box::new(|| tiles::to_outputs(simd, tiles, 0..t, c, &v, &mut out)));
        let oa = best(Box::new(|| tiles::from_outputs(simd, tiles, 0..t, c, &case.g, &mut v)));
        let ia = best(Box::new(|| tiles::to_frame(simd, tiles, 0..t, &v, &mut da)));
        let flops = 2.0 * 9.0 * (c * c * side * side * n) as f64;
        println!(
            "c {c:3} {side}x{side} n {n:2}: forward {:6.1} us {:5.0} GF/s  backward {:6.1} us {:5.0} GF/s  all {:5.0}  weights {:.1} us, gradient {:.1} us; transforms {:.1} {:.1} {:.1} {:.1} us, products at 110: {:.1}",
            tf * 1e6,
            flops / tf / 1e9,
            tb * 1e6,
            2.0 * flops / tb / 1e9,
            3.0 * flops / (tf + tb) / 1e9,
            wt * 1e6,
            tg * 1e6,
            i * 1e6,
            o * 1e6,
            oa * 1e6,
            ia * 1e6,
            72.0 * (t * c * c) as f64 / 110e3
        );
    }
}
