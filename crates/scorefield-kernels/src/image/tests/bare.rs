//! Layers that do nothing before the convolution: blocks are read and written where they lie.

use super::*;
use crate::image::winograd::Stride;

/// Layers that do nothing before the convolution, and often nothing after it: blocks are read and written where they lie, if channels are in
/// whole registers.
pub(super) fn bare() -> impl Strategy<Value = Case> {
    let shape = (1usize..6, 3usize..14, 3usize..14, [1usize..4, 1..4], any::<bool>());
    let filters = prop_oneof![Just((1usize, 0usize, 0usize)), Just((3, 1, 1)), Just((3, 0, 1)), Just((3, 0, 0)), Just((3, 2, 2))];
    let bias = prop_oneof![Just(For::Nothing), Just(For::All), Just(For::Each)];
    let rest = (bias, any::<bool>(), prop_oneof![Just(1.0f32), Just(0.75)], any::<u32>(), 1usize..3);
    (shape, filters, rest).prop_map(|((n, height, width, sixteens, whole), filters, (bias, residual, factor, step, stride))| {
        let ((kernel, before, after), [channels, outputs]) = (filters, sixteens.map(|k| 16 * k - usize::from(!whole)));
        let size = Size::Same;
        let (norm, activation, precision) = (None, None, Precision::F32);
        let layer =
            Layer { height, width, channels, outputs, kernel, stride, before, after, norm, activation, size, factor, precision };
        Case::new(layer, n, [For::Nothing, For::Nothing, bias], residual, step)
    })
}

proptest! {
    #![proptest_config(fixed(96))]

    #[test]
    fn a_bare_convolution_is_the_formula(case in bare()) {
        case.check_forward();
    }
}

proptest! {
    #![proptest_config(fixed(48))]

    #[test]
    fn a_bare_convolutions_backward_pass_gives_its_slopes(case in bare()) {
        case.check_backward();
    }
}

/// Layers that read and write where numbers lie, in blocks of several images, the last one smaller.
pub(super) fn large_and_bare() -> Vec<Case> {
    let shapes =
        [(1, 1, 1.0, false), (1, 2, 1.0, true), (3, 1, 1.0, true), (3, 2, 0.75, true), (3, 2, 1.0, false), (3, 1, 0.5, false)];
    let case = |(kernel, stride, factor, residual)| {
        let (norm, activation, size) = (None, None, Size::Same);
        let layer = Layer { height: 14, width: 14, norm, activation, size, factor, ..large(32, 48, kernel, stride).layer };
        Case::new(layer, 23, [For::Nothing, For::Nothing, For::Each], residual, 7)
    };
    shapes.map(case).into()
}

#[test]
fn blocks_of_several_images_read_and_written_where_they_lie_are_the_formula() {
    for case in large_and_bare() {
        for (_, way) in case.ways() {
            let images = way.images(case.n);
            assert!(images > 1 && !case.n.is_multiple_of(images), "{way:?}: blocks of {images}");
        }
        case.check_forward();
        case.check_backward();
    }
    let stride_two = |layer: Layer| matches!(Convolution::new(Simd::PORTABLE, layer), Convolution::Winograd(_, Stride::Two, _));
    assert!(large_and_bare().iter().any(|case| stride_two(case.layer)));
    assert!(stride_two(large(32, 40, 3, 2).layer));
}
