//! Speed of each kernel, over sizes that fit the first cache, the last cache and neither.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use scorefield_kernels::mlp::{self, Activation, Gradients, Inputs, Lines, Order, Plan};
use scorefield_kernels::philox::{self, Stream};
use scorefield_kernels::{activation, adamw, bias, layer_norm};

fn main() {
    divan::main();
}

const STREAM: Stream = Stream { seed: 1, purpose: 2, step: 3 };

#[divan::bench(args = [1, 2, 3, 5, 8, 64, 784, 3072])]
fn normal(bencher: Bencher, cols: usize) {
    let mut out = vec![0.0; 12_288 / cols * cols];
    bencher.counter(ItemsCount::new(out.len())).bench_local(|| philox::fill_normal(STREAM, 0, cols, black_box(&mut out)));
}

#[divan::bench(args = [2, 8, 784])]
fn uniform(bencher: Bencher, cols: usize) {
    let mut out = vec![0.0; 12_288 / cols * cols];
    bencher.counter(ItemsCount::new(out.len())).bench_local(|| philox::fill_uniform(STREAM, 0, cols, black_box(&mut out)));
}

#[divan::bench(args = [8, 784])]
fn rademacher(bencher: Bencher, cols: usize) {
    let mut out = vec![0.0; 12_288 / cols * cols];
    bencher.counter(ItemsCount::new(out.len())).bench_local(|| philox::fill_rademacher(STREAM, 0, cols, black_box(&mut out)));
}

/// 2¹³: first cache; 2²⁰: last cache; 2²⁴: memory.
const LENGTHS: [usize; 3] = [1 << 13, 1 << 20, 1 << 24];

fn normals(n: usize) -> Vec<f32> {
    let mut out = vec![0.0; n];
    philox::fill_normal(STREAM, 0, 1, &mut out);
    out
}

#[divan::bench(args = LENGTHS)]
fn silu(bencher: Bencher, n: usize) {
    let (x, mut y) = (normals(n), vec![0.0; n]);
    bencher.counter(ItemsCount::new(n)).bench_local(|| activation::silu(black_box(&x), black_box(&mut y)));
}

#[divan::bench(args = LENGTHS)]
fn silu_backward(bencher: Bencher, n: usize) {
    let (x, g, mut gx) = (normals(n), normals(n), vec![0.0; n]);
    bencher.counter(ItemsCount::new(n)).bench_local(|| activation::silu_backward(black_box(&x), &g, black_box(&mut gx)));
}

#[divan::bench(args = LENGTHS)]
fn silu_derivatives(bencher: Bencher, n: usize) {
    let (x, mut d1, mut d2) = (normals(n), vec![0.0; n], vec![0.0; n]);
    bencher.counter(ItemsCount::new(n)).bench_local(|| activation::silu_derivatives(black_box(&x), &mut d1, black_box(&mut d2)));
}

/// Rows × width.
const SHAPES: [(usize, usize); 5] = [(4096, 2), (128, 64), (32, 256), (256, 256), (1024, 1024)];

#[divan::bench(args = SHAPES)]
fn layer_norm_forward(bencher: Bencher, (n, d): (usize, usize)) {
    let (x, mut y, mut inv_std) = (normals(n * d), vec![0.0; n * d], vec![0.0; n]);
    bencher
        .counter(ItemsCount::new(n * d))
        .bench_local(|| layer_norm::forward(black_box(&x), d, 1e-5, black_box(&mut y), &mut inv_std));
}

#[divan::bench(args = SHAPES)]
fn layer_norm_backward(bencher: Bencher, (n, d): (usize, usize)) {
    let (y, g, inv_std, mut gx) = (normals(n * d), normals(n * d), vec![1.0; n], vec![0.0; n * d]);
    bencher
        .counter(ItemsCount::new(n * d))
        .bench_local(|| layer_norm::backward(black_box(&y), &inv_std, &g, d, black_box(&mut gx)));
}

#[divan::bench(args = SHAPES)]
fn add_bias(bencher: Bencher, (n, d): (usize, usize)) {
    let (x, b, mut y) = (normals(n * d), normals(d), vec![0.0; n * d]);
    bencher.counter(ItemsCount::new(n * d)).bench_local(|| bias::add_bias(black_box(&x), &b, black_box(&mut y)));
}

#[divan::bench(args = SHAPES)]
fn column_sums(bencher: Bencher, (n, d): (usize, usize)) {
    let (g, mut gb) = (normals(n * d), vec![0.0; d]);
    bencher.counter(ItemsCount::new(n * d)).bench_local(|| bias::column_sums(black_box(&g), d, black_box(&mut gb)));
}

#[divan::bench(args = SHAPES)]
fn bias_silu(bencher: Bencher, (n, d): (usize, usize)) {
    let (x, b, mut y) = (normals(n * d), normals(d), vec![0.0; n * d]);
    bencher.counter(ItemsCount::new(n * d)).bench_local(|| bias::bias_silu(black_box(&x), &b, black_box(&mut y)));
}

#[divan::bench(args = SHAPES)]
fn bias_silu_backward(bencher: Bencher, (n, d): (usize, usize)) {
    let (x, b, g) = (normals(n * d), normals(d), normals(n * d));
    let (mut gx, mut gb) = (vec![0.0; n * d], vec![0.0; d]);
    bencher
        .counter(ItemsCount::new(n * d))
        .bench_local(|| bias::bias_silu_backward(black_box(&x), &b, &g, black_box(&mut gx), &mut gb));
}

#[divan::bench(args = LENGTHS)]
fn adamw(bencher: Bencher, n: usize) {
    let (mut p, g, mut m, mut v) = (normals(n), normals(n), vec![0.0; n], vec![0.0; n]);
    let hyper = adamw::Hyper {
        lr: 1e-3,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weight_decay: 0.01,
        bias1: 0.5,
        bias2: 0.1,
        grad_scale: 1.0,
    };
    bencher.counter(ItemsCount::new(n)).bench_local(|| adamw::adamw(black_box(&mut p), &g, &mut m, &mut v, hyper));
}

#[divan::bench(args = LENGTHS)]
fn ema(bencher: Bencher, n: usize) {
    let (p, mut avg) = (normals(n), vec![0.0; n]);
    bencher.counter(ItemsCount::new(n)).bench_local(|| adamw::ema(black_box(&mut avg), &p, 0.999));
}

#[divan::bench(args = LENGTHS)]
fn sum_of_squares(bencher: Bencher, n: usize) {
    let x = normals(n);
    bencher.counter(ItemsCount::new(n)).bench_local(|| adamw::sum_of_squares(black_box(&x)));
}

/// A training step of a perceptron.
struct Step {
    widths: &'static [usize],
    order: Order,
    directions: usize,
    rows: usize,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { widths, order, directions, rows } = self;
        write!(f, "{widths:?} {order:?} x{directions}, {rows} rows")
    }
}

const fn step(widths: &'static [usize], order: Order, directions: usize, rows: usize) -> Step {
    Step { widths, order, directions, rows }
}

const STEPS: [Step; 7] = [
    step(&[2, 128, 128, 128, 2], Order::First, 1, 128),
    step(&[2, 128, 128, 128, 2], Order::First, 1, 1024),
    step(&[2, 128, 128, 128, 2], Order::Value, 0, 128),
    step(&[2, 128, 128, 128, 2], Order::Value, 0, 1024),
    step(&[2, 128, 128, 1], Order::Second, 5, 128),
    step(&[2, 128, 128, 1], Order::Second, 5, 1024),
    step(&[64, 128, 128, 64], Order::First, 64, 128),
];

/// Forward and backward; the items are floating-point operations.
#[divan::bench(args = STEPS)]
fn mlp_step(bencher: Bencher, step: &Step) {
    let Step { widths, order, directions, rows } = *step;
    let plan = Plan { widths, activation: Activation::Silu, order, directions, lines: Lines::Given, rows };
    let params: Vec<f32> = normals(mlp::parameter_count(widths)).into_iter().map(|w| 0.1 * w).collect();
    let (x, v) = (normals(rows * widths[0]), normals(directions * rows * widths[0]));
    let inputs = Inputs { params: &params, x: &x, v: &v, level: &[] };
    let mut out = vec![0.0; plan.output_len()];
    let (g_out, mut g_params, mut tape) = (out.clone(), params.clone(), Vec::new());
    bencher.counter(ItemsCount::new(plan.forward_flops() + plan.backward_flops())).bench_local(|| {
        mlp::forward(&plan, black_box(&inputs), &mut out, Some(&mut tape));
        let gradients = Gradients { params: &mut g_params, level: &mut [], x: &mut [] };
        mlp::backward(&plan, &inputs, &tape, black_box(&g_out), gradients);
    });
}

mod mixtures {
    use super::*;
    use scorefield_kernels::mixture::{Part, Precision, Scratch, Wanted, evaluate};

    /// Scores of rows of a mixture of `parts` components, all of the precision that `precision` gives.
    fn scores(bencher: Bencher<'_, '_>, rows: usize, d: usize, parts: usize, precision: Precision<'_>) {
        let means: Vec<Vec<f64>> = (0..parts).map(|k| vec![5.0 - 10.0 * k as f64; d]).collect();
        let parts: Vec<Part<'_>> = means.iter().map(|mean| Part { offset: -1.0, mean, precision }).collect();
        let x: Vec<f64> = (0..rows * d).map(|i| (i as f64).sin()).collect();
        let (mut score, mut scratch) = (vec![0.0; rows * d], Scratch::default());
        bencher.counter(ItemsCount::new(rows)).bench_local(|| {
            let wanted = Wanted { log_prob: &mut [], score: &mut score };
            evaluate(&parts, d, black_box(&x), wanted, &mut scratch);
        });
    }

    #[divan::bench]
    fn two_isotropic_in_the_plane(bencher: Bencher<'_, '_>) {
        scores(bencher, 512, 2, 2, Precision::Isotropic(1.0));
    }

    #[divan::bench]
    fn one_full_in_100_dimensions(bencher: Bencher<'_, '_>) {
        let p: Vec<f64> = (0..10_000).map(|i| if i % 101 == 0 { 1.0 } else { 0.01 }).collect();
        scores(bencher, 128, 100, 1, Precision::Full(&p));
    }

    #[divan::bench]
    fn normals_of_two_columns(bencher: Bencher<'_, '_>) {
        let mut out = vec![0.0; 1024];
        let stream = Stream { seed: 1, purpose: 2, step: 3 };
        bencher.counter(ItemsCount::new(512usize)).bench_local(|| philox::fill_normal(stream, 0, 2, black_box(&mut out)));
    }
}
