//! Speed of layers of image networks, in multiply-adds of the plain sums, and of normalisation, in numbers.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use scorefield_kernels::image::{self, Activation, Inputs, Layer, Norm, Plan, Precision, Size, Wanted};
use scorefield_kernels::philox::{self, Stream};

fn main() {
    divan::main();
}

/// Images in a batch.
const N: usize = 16;

fn normals(n: usize) -> Vec<f32> {
    let mut out = vec![0.0; n];
    philox::fill_normal(Stream { seed: 1, purpose: 2, step: 3 }, 0, 1, &mut out);
    out
}

/// Group norm, SiLU and 3×3 filters, on square images.
fn filters(side: usize, channels: usize, outputs: usize) -> Layer {
    Layer {
        height: side,
        width: side,
        channels,
        outputs,
        kernel: 3,
        stride: 1,
        before: 1,
        after: 1,
        norm: Some(Norm { groups: channels.min(32), eps: 1e-5 }),
        activation: Some(Activation::Silu),
        size: Size::Same,
        factor: 1.0,
        precision: Precision::F32,
    }
}

fn layers() -> [(&'static str, Layer); 9] {
    let plain = |layer| Layer { norm: None, activation: None, ..layer };
    [
        ("32×32, 64 to 64", filters(32, 64, 64)),
        ("16×16, 128 to 128", filters(16, 128, 128)),
        ("8×8, 256 to 256", filters(8, 256, 256)),
        ("32×32, 64 to 64, without norm", plain(filters(32, 64, 64))),
        ("16×16 doubled, 64 to 64", Layer { size: Size::Double, ..filters(16, 64, 64) }),
        ("32×32, 64 to 64, stride 2", plain(Layer { stride: 2, before: 0, ..filters(32, 64, 64) })),
        ("32×32, 64 to 64, 1×1", plain(Layer { kernel: 1, before: 0, after: 0, ..filters(32, 64, 64) })),
        ("32×32, 3 to 64", plain(filters(32, 3, 64))),
        ("32×32, 64 to 3", filters(32, 64, 3)),
    ]
}

/// Calls `run` with inputs and a gradient for the layer.
fn bench(bencher: Bencher<'_, '_>, name: &str, passes: usize, run: impl Fn(&Layer, &Inputs<'_>, &[f32])) {
    let layer = layers().into_iter().find(|(known, _)| *known == name).expect("a known layer").1;
    let Layer { height, width, channels, outputs, kernel, .. } = layer;
    let (h, w) = layer.output();
    let per_output = channels * kernel * kernel;
    let (x, g, weight) = (normals(N * height * width * channels), normals(N * h * w * outputs), normals(outputs * per_output));
    let (ones, bias) = (vec![1.0; if layer.norm.is_some() { channels } else { 0 }], normals(outputs));
    let inputs = Inputs { x: &x, scale: &ones, offset: &ones, weight: &weight, bias: &bias, residual: &[] };
    bencher.counter(ItemsCount::new(passes * g.len() * per_output)).bench_local(|| run(black_box(&layer), &inputs, &g));
}

#[divan::bench(args = layers().map(|(name, _)| name))]
fn forward(bencher: Bencher<'_, '_>, name: &str) {
    bench(bencher, name, 1, |layer, inputs, _| drop(black_box(image::forward(layer, N, inputs))));
}

#[divan::bench(args = layers().map(|(name, _)| name))]
fn backward(bencher: Bencher<'_, '_>, name: &str) {
    bench(bencher, name, 2, |layer, inputs, g| drop(black_box(image::backward(layer, N, inputs, g, Wanted::All))));
}

/// Side and channels.
const IMAGES: [(usize, usize); 3] = [(32, 64), (16, 128), (8, 256)];

fn plan((side, channels): (usize, usize)) -> Plan {
    Plan { pixels: side * side, channels, norm: Some(Norm { groups: 32, eps: 1e-5 }), activation: Some(Activation::Silu) }
}

#[divan::bench(args = IMAGES)]
fn normalise(bencher: Bencher<'_, '_>, image: (usize, usize)) {
    let plan = plan(image);
    let (x, ones) = (normals(N * plan.pixels * plan.channels), vec![1.0; plan.channels]);
    bencher.counter(ItemsCount::new(x.len())).bench_local(|| image::normalise(black_box(&plan), &x, &ones, &ones));
}

#[divan::bench(args = IMAGES)]
fn normalise_backward(bencher: Bencher<'_, '_>, image: (usize, usize)) {
    let plan = plan(image);
    let (x, ones) = (normals(N * plan.pixels * plan.channels), vec![1.0; plan.channels]);
    let (_, moments) = image::normalise(&plan, &x, &ones, &ones);
    let run = || image::normalise_backward(black_box(&plan), &x, &ones, &ones, &moments, &x, Wanted::All);
    bencher.counter(ItemsCount::new(x.len())).bench_local(run);
}
