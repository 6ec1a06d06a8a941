//! Convolutions of numbers rounded to bfloat16: in pairs, by their twin and by the processor's own instructions where it has them, against the
//! formula in f64 with the factors rounded beforehand, and against the ways that round and multiply in f32.

use super::bare::bare;
use super::*;
use crate::image::direct::Direct;
use crate::matrix::pairs::{Dots, round};

/// The same case with channels that pair up, and in bfloat16.
fn paired(case: Case, channels: usize, outputs: usize, step: u32) -> Case {
    let norm = case.layer.norm.map(|norm| Norm { groups: if norm.groups > 4 { channels } else { norm.groups }, ..norm });
    let norm = norm.map(|norm| Norm { groups: if channels.is_multiple_of(norm.groups) { norm.groups } else { 1 }, ..norm });
    let layer = Layer { channels, outputs, norm, precision: Precision::Bf16, ..case.layer };
    let [_, scale, _, _, _, residual] = &case.numbers;
    let all = if scale.is_empty() { [For::Nothing, For::Nothing, For::All] } else { [For::All, For::Each, For::All] };
    Case::new(layer, case.n, all, !residual.is_empty(), step)
}

fn ways(layer: Layer) -> Vec<(Simd, Convolution)> {
    let each = |&simd: &Simd| {
        let kinds = [Some(Dots::PORTABLE), Dots::of(simd)].into_iter().flatten();
        kinds.map(move |dots| (simd, Convolution::Direct(Direct::in_pairs(simd, layer, dots).unwrap())))
    };
    available().iter().flat_map(each).collect()
}

fn rounded(numbers: &[f32]) -> Vec<f32> {
    let mut numbers = numbers.to_vec();
    round(Simd::PORTABLE, &mut numbers);
    numbers
}

proptest! {
    #![proptest_config(fixed(32))]

    #[test]
    fn pairs_give_what_f32_gives_of_rounded_factors(
        case in cases(), channels in 1usize..4, outputs in 1usize..4, bare in bare(), is_bare in any::<bool>(), step in any::<u32>(),
    ) {
        let case = if is_bare { bare } else { case };
        let case = paired(case, 16 * channels, 16 * outputs, step);
        let Case { layer, n, .. } = case;
        // Rounded beforehand, and multiplied in f32.
        let plain = Convolution::direct(Simd::PORTABLE, layer);
        assert!(plain.rounds());
        let want = forward_by(plain, Simd::PORTABLE, &layer, n, &case.inputs());
        let by = backward_by(plain, Simd::PORTABLE, &layer, n, &case.inputs(), &case.g, Wanted::All);
        let unrounded = forward(&Layer { precision: Precision::F32, ..layer }, n, &case.inputs());
        assert_ne!(unrounded, want);
        for (simd, way) in ways(layer) {
            // Exponentials of another instruction set may round the other way where two bfloat16 are as near.
            let slack = if simd == Simd::PORTABLE { 4e-5 } else { 2e-2 };
            let near = |got: &[f32], want: &[f32], what: &str| {
                let typical = (want.iter().map(|w| w * w).sum::<f32>() / want.len().max(1) as f32).sqrt();
                assert_eq!(got.len(), want.len());
                let worst = got.iter().zip(want).fold(0.0f32, |worst, (got, want)| worst.max((got - want).abs()));
                assert!(worst <= slack * (1.0 + typical), "{simd}, {what} of {layer:?}: {worst} beside {typical}");
            };
            near(&forward_by(way, simd, &layer, n, &case.inputs()), &want, "y");
            let got = backward_by(way, simd, &layer, n, &case.inputs(), &case.g, Wanted::All);
            near(&got.x, &by.x, "x");
            near(&got.scale, &by.scale, "scale");
            near(&got.offset, &by.offset, "offset");
            near(&got.weight, &by.weight, "weight");
            near(&got.bias, &by.bias, "bias");
        }
    }
}

/// Numbers of few bits: products and sums are exact, so nothing may differ.
#[test]
fn small_whole_numbers_are_multiplied_exactly() {
    for (side, stride, outputs) in [(5, 1, 16), (6, 2, 32), (9, 1, 48), (7, 2, 16)] {
        let base = large(16, outputs, 3, stride).layer;
        let layer = Layer {
            height: side,
            width: side,
            norm: None,
            activation: None,
            size: Size::Same,
            factor: 1.0,
            precision: Precision::Bf16,
            ..base
        };
        let mut case = Case::new(layer, 3, [For::Nothing; 3], false, 8);
        let whole = |numbers: &mut Vec<f32>| numbers.iter_mut().for_each(|x| *x = (*x * 3.0).round());
        case.numbers.iter_mut().for_each(whole);
        whole(&mut case.g);
        let exact = Layer { precision: Precision::F32, ..layer };
        let (simd, plain) = (Simd::PORTABLE, Convolution::direct(Simd::PORTABLE, exact));
        let want = forward_by(plain, simd, &exact, 3, &case.inputs());
        let by = backward_by(plain, simd, &exact, 3, &case.inputs(), &case.g, Wanted::All);
        for (simd, way) in ways(layer) {
            assert_eq!(forward_by(way, simd, &layer, 3, &case.inputs()), want, "{simd}");
            let got = backward_by(way, simd, &layer, 3, &case.inputs(), &case.g, Wanted::All);
            assert_eq!((&got.x, &got.weight), (&by.x, &by.weight), "{simd}");
        }
    }
}

/// Every way in bfloat16 is the formula, with what is multiplied rounded and everything else not.
#[test]
fn every_way_is_the_formula_of_rounded_factors() {
    for (channels, outputs) in [(16, 16), (32, 48), (7, 5), (32, 3), (3, 32)] {
        let base = large(4, 4, 3, 1).layer;
        let layer =
            Layer { channels, outputs, norm: None, activation: None, size: Size::Same, precision: Precision::Bf16, ..base };
        let mut case = Case::new(layer, 4, [For::Nothing, For::Nothing, For::All], true, 8);
        // What is rounded once stays so.
        (case.numbers[0], case.numbers[3], case.g) = (rounded(&case.numbers[0]), rounded(&case.numbers[3]), rounded(&case.g));
        case.check_forward();
        case.check_backward();
    }
}
