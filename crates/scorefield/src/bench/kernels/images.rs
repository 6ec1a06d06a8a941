//! Rows of image layers: convolutions by themselves, behind norm and SiLU as a network has them, and those two alone.
//!
//! Operations are those of the definition, c·c′·k² multiply-adds a pixel. A kernel that finds the same sums with fewer (Winograd) may
//! therefore show more than the peak.

use super::{Row, normals};
use scorefield_kernels::image::{self, Activation, Inputs, Layer, Norm, Precision, Size, Wanted};
use std::hint::black_box;

/// What stands in front of a convolution.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    NormSilu,
}

const NORM: Norm = Norm { groups: 8, eps: 1e-5 };

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for [n, side, channels, outputs] in [[64, 32, 32, 32], [64, 32, 64, 64], [64, 16, 64, 64], [64, 8, 64, 64]] {
        rows.extend(convolution(["3×3", "3×3 backward"], n, layer(side, channels, outputs, 3, 1), Before::Nothing));
    }
    // Where it is no faster there is nothing to see.
    for side in [32, 16].into_iter().filter(|_| image::multiplies_bf16()) {
        let layer = Layer { precision: Precision::Bf16, ..layer(side, 64, 64, 3, 1) };
        rows.extend(convolution(["3×3 bf16", "3×3 bf16 backward"], 64, layer, Before::Nothing));
    }
    for side in [32, 16, 8] {
        let names = ["norm, silu, 3×3", "norm, silu, 3×3 backward"];
        rows.extend(convolution(names, 64, layer(side, 64, 64, 3, 1), Before::NormSilu));
    }
    rows.extend(convolution(["1×1", "1×1 backward"], 64, layer(32, 64, 32, 1, 1), Before::Nothing));
    // Those of the two networks that `bench --only unet` trains.
    for (n, side, channels) in [(64, 32, 32), (64, 16, 64), (32, 32, 64), (32, 16, 128)] {
        rows.extend(convolution(["3×3 by 2", "3×3 by 2 backward"], n, layer(side, channels, channels, 3, 2), Before::Nothing));
    }
    for [n, side, channels] in [[64, 32, 32], [64, 16, 64]] {
        rows.extend(normalised(["norm", "norm backward"], n, side, channels, None));
        rows.extend(normalised(["norm, silu", "norm, silu backward"], n, side, channels, Some(Activation::Silu)));
    }
    rows
}

fn layer(side: usize, channels: usize, outputs: usize, kernel: usize, stride: usize) -> Layer {
    Layer {
        height: side,
        width: side,
        channels,
        outputs,
        kernel,
        stride,
        before: kernel / 2,
        after: kernel / 2,
        norm: None,
        activation: None,
        size: Size::Same,
        factor: 1.0,
        precision: Precision::F32,
    }
}

/// Forward and backward.
fn convolution(names: [&'static str; 2], n: usize, plain: Layer, before: Before) -> [Row; 2] {
    let is_normalised = before == Before::NormSilu;
    let layer = match before {
        Before::Nothing => plain,
        Before::NormSilu => Layer { norm: Some(NORM), activation: Some(Activation::Silu), ..plain },
    };
    let Layer { height, width, channels, outputs, kernel, .. } = layer;
    let (down, across) = layer.output();
    let (x, y, w) = (n * height * width * channels, n * down * across * outputs, outputs * channels * kernel * kernel);
    let flops = 2.0 * (n * down * across) as f64 * w as f64;
    let dims = vec![n, height, width, channels, outputs];
    let arguments = move || {
        let scale = normals(if is_normalised { channels } else { 0 });
        (normals(x), scale.clone(), scale, normals(w), normals(outputs))
    };
    let forward = move || {
        let (x, scale, offset, weight, bias) = arguments();
        move || {
            let inputs = Inputs { x: &x, scale: &scale, offset: &offset, weight: &weight, bias: &bias, residual: &[] };
            black_box(image::forward(&layer, n, black_box(&inputs)));
        }
    };
    let backward = move || {
        let ((x, scale, offset, weight, bias), g) = (arguments(), normals(y));
        move || {
            let inputs = Inputs { x: &x, scale: &scale, offset: &offset, weight: &weight, bias: &bias, residual: &[] };
            black_box(image::backward(&layer, n, black_box(&inputs), &g, Wanted::All));
        }
    };
    [
        Row::product(names[0], dims.clone(), flops, x + y + w, forward),
        // By the weights and by x.
        Row::product(names[1], dims, 2.0 * flops, 2 * x + y + 2 * w, backward),
    ]
}

/// Group norm and what follows it, forward and backward.
fn normalised(names: [&'static str; 2], n: usize, side: usize, channels: usize, activation: Option<Activation>) -> [Row; 2] {
    let plan = image::Plan { pixels: side * side, channels, norm: Some(NORM), activation };
    let dims = [n, side, side, channels];
    let numbers = dims.iter().product();
    let forward = move || {
        let (x, scale) = (normals(numbers), normals(channels));
        move || drop(black_box(image::normalise(&plan, black_box(&x), &scale, &scale)))
    };
    let backward = move || {
        let (x, scale, g) = (normals(numbers), normals(channels), normals(numbers));
        let (_, moments) = image::normalise(&plan, &x, &scale, &scale);
        move || drop(black_box(image::normalise_backward(&plan, black_box(&x), &scale, &scale, &moments, &g, Wanted::All)))
    };
    [Row::moving(names[0], &dims, 2, forward), Row::moving(names[1], &dims, 3, backward)]
}
