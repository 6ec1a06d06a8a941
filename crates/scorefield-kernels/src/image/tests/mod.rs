//! Both ways of convolution, on every instruction set, against the formula in f64 and its differences.

mod bare;
mod pairs;
mod reference;

use super::backward::backward_by;
use super::convolution::Convolution;
use super::forward::forward_by;
use super::normalise::{backward_by as normalise_backward_by, normalise_by};
use super::*;
use crate::dispatch::{Simd, available};
use crate::matrix::tests::units_apart;
use crate::philox::tests::normals;
use bare::large_and_bare;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use reference::Exact;

/// A layer with numbers to run it on.
#[derive(Clone, Debug)]
struct Case {
    layer: Layer,
    n: usize,
    /// x, scale, offset, W, bias, residual.
    numbers: [Vec<f32>; 6],
    g: Vec<f32>,
}

/// How many numbers a parameter has.
#[derive(Clone, Copy, Debug)]
enum For {
    Nothing,
    All,
    Each,
}

impl Case {
    fn new(layer: Layer, n: usize, [scale, offset, bias]: [For; 3], residual: bool, step: u32) -> Self {
        let Layer { channels, outputs, kernel, .. } = layer;
        let result = n * layer.result();
        let len = |of: For, c: usize| match of {
            For::Nothing => 0,
            For::All => c,
            For::Each => n * c,
        };
        let lengths = [
            n * layer.image(),
            len(scale, channels),
            len(offset, channels),
            outputs * channels * kernel * kernel,
            len(bias, outputs),
            if residual { result } else { 0 },
        ];
        let mut k = step;
        let numbers = lengths.map(|len| {
            k = k.wrapping_add(1);
            normals(k, len)
        });
        Self { layer, n, numbers, g: normals(!step, result) }
    }

    fn inputs(&self) -> Inputs<'_> {
        let [x, scale, offset, weight, bias, residual] = &self.numbers;
        Inputs { x, scale, offset, weight, bias, residual }
    }

    fn ways(&self) -> Vec<(Simd, Convolution)> {
        let both =
            |&simd: &Simd| [Convolution::direct(simd, self.layer), Convolution::new(simd, self.layer)].map(|way| (simd, way));
        available().iter().flat_map(both).collect()
    }

    /// Units of [`units_apart`] that a layer may be from its portable twin. What differs in the last digit may round to another bfloat16.
    fn twin_units(&self) -> f64 {
        match self.layer.precision {
            Precision::F32 => 256.0,
            Precision::Bf16 => f64::from(1 << 14),
        }
    }

    fn check_forward(&self) {
        let want = Exact::new(&self.inputs()).forward(&self.layer, self.n);
        let mut twins = Vec::new();
        for (k, (simd, way)) in self.ways().into_iter().enumerate() {
            let got = forward_by(way, simd, &self.layer, self.n, &self.inputs());
            close(&got, &want, &format!("{simd}, {way:?}"));
            // The portable ones come first, either way's.
            twins.extend((k < 2).then(|| got.clone()));
            let units = units_apart(&got, &twins[k % 2]);
            assert!(units <= self.twin_units(), "{simd}, {way:?}: {units} units from its twin");
        }
    }

    /// Gradients in some coordinates and along some direction of each input, against central differences.
    fn check_backward(&self) {
        let exact = Exact::new(&self.inputs());
        let loss =
            |exact: &Exact| exact.forward(&self.layer, self.n).iter().zip(&self.g).map(|(y, g)| y * f64::from(*g)).sum::<f64>();
        let h = 1e-5;
        let mut slopes = Vec::new();
        for input in 0..5 {
            let len = self.numbers[input].len();
            let units = (0..4.min(len)).map(|k| {
                let mut unit = vec![0.0f32; len];
                unit[(k * 7919 + 13) % len] = 1.0;
                unit
            });
            let all = (len > 0).then(|| normals(77, len));
            for direction in units.chain(all) {
                let moved = |by: f64| {
                    let mut exact = exact.clone();
                    exact.inputs[input].iter_mut().zip(&direction).for_each(|(x, d)| *x += by * f64::from(*d));
                    loss(&exact)
                };
                slopes.push((input, (moved(h) - moved(-h)) / (2.0 * h), direction));
            }
        }
        let mut twins = Vec::new();
        for (k, (simd, way)) in self.ways().into_iter().enumerate() {
            let got = backward_by(way, simd, &self.layer, self.n, &self.inputs(), &self.g, Wanted::All);
            let got = [got.x, got.scale, got.offset, got.weight, got.bias];
            twins.extend((k < 2).then(|| got.clone()));
            for (input, (got, twin)) in got.iter().zip(&twins[k % 2]).enumerate() {
                let units = units_apart(got, twin);
                assert!(units <= self.twin_units(), "{simd}, {way:?}, by input {input}: {units} units from its twin");
            }
            for (got, numbers) in got.iter().zip(&self.numbers) {
                assert_eq!(got.len(), numbers.len());
            }
            for (input, want, direction) in &slopes {
                let terms = || got[*input].iter().zip(direction).map(|(g, d)| f64::from(*g) * f64::from(*d));
                let typical = (got[*input].iter().map(|g| f64::from(*g).powi(2)).sum::<f64>() / got[*input].len() as f64).sqrt();
                let length = direction.iter().map(|d| f64::from(*d).powi(2)).sum::<f64>().sqrt();
                let (found, slack) = (terms().sum::<f64>(), 2e-5 * (1.0 + typical) * length);
                assert!((found - want).abs() < slack, "{simd}, {way:?}, input {input}: {found}, not {want} ± {slack}");
            }
            let fewer = backward_by(way, simd, &self.layer, self.n, &self.inputs(), &self.g, Wanted::Parameters);
            assert!(fewer.x.is_empty());
            assert_eq!([fewer.scale, fewer.offset, fewer.weight, fewer.bias], got[1..]);
        }
    }
}

/// Winograd's transforms spread the rounding of a tile's largest number over all of it, so the slack goes by the typical size of all numbers.
fn close(got: &[f32], want: &[f64], of: &str) {
    assert_eq!(got.len(), want.len());
    let typical = (want.iter().map(|w| w * w).sum::<f64>() / want.len().max(1) as f64).sqrt();
    for (i, (&got, want)) in got.iter().zip(want).enumerate() {
        assert!((f64::from(got) - want).abs() < 4e-5 * (1.0 + typical), "{of}, number {i}: {got}, not {want}");
    }
}

/// Shapes and contents of all kinds.
fn cases() -> impl Strategy<Value = Case> {
    let shape = (1usize..4, 1usize..10, 1usize..10, channels(), channels());
    let filters = prop_oneof![Just((1usize, 0usize, 0usize)), Just((3, 1, 1)), Just((3, 0, 1)), Just((3, 0, 0)), Just((3, 1, 0))];
    let of = || prop_oneof![Just(For::Nothing), Just(For::All), Just(For::Each)];
    let activation = prop_oneof![
        Just(None),
        Just(Some(Activation::Silu)),
        Just(Some(Activation::Softplus)),
        Just(Some(Activation::Tanh)),
        Just(Some(Activation::Gelu)),
    ];
    let rest = (0usize..4, activation, any::<bool>(), any::<bool>(), any::<u32>(), 1usize..3);
    (shape, filters, [of(), of(), of()], rest).prop_map(|((n, height, width, channels, outputs), filters, of, rest)| {
        let ((kernel, before, after), (norm, activation, double, residual, step, stride)) = (filters, rest);
        // The norm's slope is steep where a group has few numbers of one value.
        let groups = [channels, 1, if channels.is_multiple_of(4) { 4 } else { 1 }];
        let norm = groups.get(norm).map(|&groups| Norm { groups, eps: 0.1 });
        let size = if double { Size::Double } else { Size::Same };
        let height = height.max(3);
        let width = width.max(3);
        let layer = Layer {
            height,
            width,
            channels,
            outputs,
            kernel,
            stride,
            before,
            after,
            norm,
            activation,
            size,
            factor: 0.75,
            precision: Precision::F32,
        };
        Case::new(layer, n, of, residual, step)
    })
}

/// The same cases at every run.
fn fixed(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, rng_seed: RngSeed::Fixed(13), ..ProptestConfig::default() }
}

fn channels() -> impl Strategy<Value = usize> {
    prop_oneof![Just(1usize), Just(3), Just(16), Just(32), 2usize..50]
}

proptest! {
    #![proptest_config(fixed(96))]

    #[test]
    fn the_forward_pass_is_the_formula(case in cases()) {
        case.check_forward();
    }
}

proptest! {
    #![proptest_config(fixed(48))]

    #[test]
    fn the_backward_pass_gives_the_slopes_of_the_formula(case in cases()) {
        case.check_backward();
    }
}

/// A layer large enough for several threads and blocks, with filters as wide as given.
fn large(channels: usize, outputs: usize, kernel: usize, stride: usize) -> Case {
    let layer = Layer {
        height: 12,
        width: 12,
        channels,
        outputs,
        kernel,
        stride,
        before: kernel / 2,
        after: kernel / 2,
        norm: Some(Norm { groups: 4, eps: 1e-5 }),
        activation: Some(Activation::Silu),
        size: Size::Double,
        factor: 0.5,
        precision: Precision::F32,
    };
    Case::new(layer, 21, [For::All, For::Each, For::All], true, 5)
}

/// All ways of convolution, tiles of all kinds, and weights so many that there are fewer parts.
fn all_large() -> Vec<Case> {
    let shapes = [(8, 20, 3, 1), (24, 20, 3, 1), (24, 20, 3, 2), (32, 40, 3, 2), (32, 40, 1, 1), (32, 3, 3, 1), (96, 96, 3, 1)];
    let normed = shapes.map(|(channels, outputs, kernel, stride)| large(channels, outputs, kernel, stride));
    normed.into_iter().chain(large_and_bare()).collect()
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for case in all_large() {
        assert!(case.layer.is_shared(case.n));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let gradients = backward(&case.layer, case.n, &case.inputs(), &case.g, Wanted::All);
                let Gradients { x, scale, offset, weight, bias } = gradients;
                [forward(&case.layer, case.n, &case.inputs()), x, scale, offset, weight, bias]
                    .map(|v| v.into_iter().map(f32::to_bits).collect::<Vec<_>>())
            })
        };
        let alone = run(1);
        assert_eq!(alone, run(2));
        assert_eq!(alone, run(3));
    }
}

#[test]
fn an_images_result_does_not_depend_on_the_others() {
    for case in all_large() {
        let all = forward(&case.layer, case.n, &case.inputs());
        let (size, result) = (case.layer.image(), case.layer.result());
        for n in [1, 5] {
            let [x, scale, offset, weight, bias, residual] = &case.numbers;
            let some =
                |given: &[f32], each: usize| if given.len() == case.n * each { each..(1 + n) * each } else { 0..given.len() };
            let inputs = Inputs {
                x: &x[size..][..n * size],
                scale: &scale[some(scale, case.layer.channels)],
                offset: &offset[some(offset, case.layer.channels)],
                weight,
                bias: &bias[some(bias, case.layer.outputs)],
                residual: &residual[some(residual, result)],
            };
            assert_eq!(forward(&case.layer, n, &inputs), all[result..][..n * result], "{n} images");
        }
    }
}

#[test]
fn groups_far_from_the_origin_are_normalised_about_their_mean() {
    let plan = Plan { pixels: 900, channels: 24, norm: Some(Norm { groups: 3, eps: 1e-5 }), activation: Some(Activation::Silu) };
    let near: Vec<f32> = normals(3, 2 * 900 * 24).iter().map(|z| 1000.0 + z).collect();
    // The middle of each image, about which sums are taken, is as far from the mean as can be.
    let mut far = near.clone();
    far.chunks_mut(900 * 24).for_each(|x| x[450 * 24..][..24].fill(-30_000.0));
    for x in [near, far] {
        let inputs = Inputs { x: &x, scale: &[], offset: &[], weight: &[], bias: &[], residual: &[] };
        let want = Exact::new(&inputs).entered(2, 24, plan.norm, plan.activation);
        // The numbers are exact in f32, and the mean is rounded to 2⁻²⁴·1000.
        for (got, want) in normalise(&plan, &x, &[], &[]).0.iter().zip(want) {
            assert!((f64::from(*got) - want).abs() < 1e-4, "{got}, not {want}");
        }
    }
}

proptest! {
    #![proptest_config(fixed(48))]

    #[test]
    fn a_pass_of_normalisation_is_the_layer_whose_filters_are_the_identity(case in cases()) {
        let Case { layer: Layer { height, width, channels, norm, activation, .. }, n, .. } = case;
        let layer = Layer {
            outputs: channels, kernel: 1, stride: 1, before: 0, after: 0, size: Size::Same, factor: 1.0, ..case.layer
        };
        let [x, scale, offset, ..] = &case.numbers;
        let weight: Vec<f32> = (0..channels * channels).map(|i| f32::from(u8::from(i / channels == i % channels))).collect();
        let inputs = Inputs { x, scale, offset, weight: &weight, bias: &[], residual: &[] };
        let plan = Plan { pixels: height * width, channels, norm, activation };
        let want = Exact::new(&inputs).forward(&layer, n);
        let (y, moments) = normalise(&plan, x, scale, offset);
        close(&y, &want, "normalise");
        let g = normals(9, x.len());
        let got = normalise_backward(&plan, x, scale, offset, &moments, &g, Wanted::All);
        let by_layer = backward(&layer, n, &inputs, &g, Wanted::All);
        for (got, want) in [(got.0, by_layer.x), (got.1, by_layer.scale), (got.2, by_layer.offset)] {
            close(&got, &want.iter().map(|&w| f64::from(w)).collect::<Vec<_>>(), "normalise_backward");
        }
    }
}

/// Images of several slabs of sums, and periods of several strips of slopes with a tail.
#[test]
fn a_pass_over_large_images_has_the_slopes_of_the_formula_on_any_number_of_threads() {
    const N: usize = 3;
    for (pixels, channels, groups) in [(900, 33, 3), (1024, 32, 8)] {
        for activation in [None, Some(Activation::Silu)] {
            let plan = Plan { pixels, channels, norm: Some(Norm { groups, eps: 1e-5 }), activation };
            let numbers = [normals(1, N * pixels * channels), normals(2, channels), normals(3, N * channels)];
            let [x, scale, offset] = &numbers;
            let g = normals(4, x.len());
            let inputs = Inputs { x, scale, offset, weight: &[], bias: &[], residual: &[] };
            let exact = Exact::new(&inputs);
            let loss = |exact: &Exact| {
                let y = exact.entered(N, channels, plan.norm, activation);
                y.iter().zip(&g).map(|(y, g)| y * f64::from(*g)).sum::<f64>()
            };
            let slopes = [0, 1, 2].map(|input| {
                let direction = normals(5, numbers[input].len());
                let moved = |by: f64| {
                    let mut exact = exact.clone();
                    exact.inputs[input].iter_mut().zip(&direction).for_each(|(x, d)| *x += by * f64::from(*d));
                    loss(&exact)
                };
                ((moved(1e-5) - moved(-1e-5)) / 2e-5, direction)
            });
            for &simd in available() {
                let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let there = |threads| pool(threads).install(|| normalise_by(simd, &plan, x, scale, offset));
                let (y, moments) = there(1);
                close(&y, &exact.entered(N, channels, plan.norm, activation), "normalise");
                assert!((y, moments.clone()) == there(3));
                let run = |threads, wanted| {
                    pool(threads).install(|| normalise_backward_by(simd, &plan, x, scale, offset, &moments, &g, wanted))
                };
                let got = run(1, Wanted::All);
                assert_eq!(got, run(2, Wanted::All));
                assert_eq!(got, run(3, Wanted::All));
                let (by_x, by_scale, by_offset) = run(2, Wanted::Parameters);
                assert!(by_x.is_empty());
                assert_eq!((&by_scale, &by_offset), (&got.1, &got.2));
                for (got, (want, direction)) in [got.0, got.1, got.2].iter().zip(&slopes) {
                    let found = got.iter().zip(direction).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum::<f64>();
                    let size = |v: &[f32]| v.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
                    let slack = 1e-5 * (1.0 + size(got) / (got.len() as f64).sqrt()) * size(direction);
                    assert!((found - want).abs() < slack, "{simd}, {plan:?}: {found}, not {want} ± {slack}");
                }
            }
        }
    }
}

#[test]
fn no_images_give_nothing_and_no_gradient() {
    let layer = large(16, 20, 3, 1).layer;
    let case = Case::new(layer, 0, [For::All, For::All, For::All], true, 1);
    assert!(forward(&layer, 0, &case.inputs()).is_empty());
    let got = backward(&layer, 0, &case.inputs(), &[], Wanted::All);
    assert!(got.x.is_empty() && got.weight.iter().chain(&got.scale).chain(&got.bias).all(|&g| g == 0.0));
    assert_eq!((got.weight.len(), got.scale.len(), got.bias.len()), (20 * 16 * 9, 16, 20));
    for norm in [None, Some(Norm { groups: 2, eps: 1e-5 })] {
        let plan = Plan { pixels: 6, channels: 4, norm, activation: Some(Activation::Silu) };
        let (y, moments) = normalise(&plan, &[], &[1.0; 4], &[]);
        assert!(y.is_empty() && moments.is_empty());
        let got = normalise_backward(&plan, &[], &[1.0; 4], &[], &moments, &[], Wanted::All);
        assert_eq!(got, (vec![], vec![0.0; 4], vec![]));
    }
}

#[test]
#[should_panic(expected = "moments of 1 groups, not 2")]
fn moments_of_another_norm_are_refused() {
    let plan = Plan { pixels: 6, channels: 4, norm: Some(Norm { groups: 2, eps: 1e-5 }), activation: None };
    normalise_backward(&plan, &[1.0; 24], &[], &[], &[[0.0, 1.0]], &[1.0; 24], Wanted::All);
}
