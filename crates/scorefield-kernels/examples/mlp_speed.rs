//! Speed of the perceptron's training step against the machine's multiply-add peak, on one thread and on all.

use scorefield_kernels::machine::fma_peak_gflops;
use scorefield_kernels::mlp::{self, Activation, Gradients, Inputs, Lines, Order, Plan};
use std::time::{Duration, Instant};

/// Widths, order, directions, what they are, points.
type Step = (&'static [usize], Order, usize, Lines, usize);

const STEPS: [Step; 9] = [
    (&[2, 128, 128, 128, 2], Order::First, 1, Lines::Given, 128),
    (&[2, 128, 128, 128, 2], Order::First, 1, Lines::Given, 1024),
    (&[2, 128, 128, 128, 2], Order::Value, 0, Lines::Given, 128),
    (&[2, 128, 128, 128, 2], Order::Value, 0, Lines::Given, 1024),
    (&[2, 128, 128, 1], Order::Second, 5, Lines::Given, 128),
    (&[2, 128, 128, 1], Order::Second, 5, Lines::Given, 1024),
    (&[64, 128, 128, 64], Order::First, 64, Lines::Given, 128),
    (&[64, 128, 128, 128, 64], Order::First, 64, Lines::Given, 128),
    (&[64, 128, 128, 128, 64], Order::First, 64, Lines::Axes { first: 0 }, 128),
];

fn main() {
    let all = std::thread::available_parallelism().map_or(1, |n| n.get());
    println!("threads  peak GFLOP/s  forward ms  backward ms  step ms  GFLOP/s  of peak");
    for threads in [1, all] {
        let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build() else { continue };
        for step in STEPS {
            let [forward, backward] = pool.install(|| fastest(step));
            // The best of several, as the times are: other programs only ever take away.
            let peaks = (0..5).map(|_| fma_peak_gflops(threads, Duration::from_millis(20)));
            let peak = peaks.fold(0.0, f64::max);
            let (widths, order, directions, lines, rows) = step;
            let plan = Plan { widths, activation: Activation::Silu, order, directions, lines, rows };
            let rate = (plan.forward_flops() + plan.backward_flops()) as f64 / (forward + backward) / 1e9;
            println!(
                "{threads:7}  {peak:12.0}  {:10.3}  {:11.3}  {:7.3}  {rate:7.1}  {:6.0}%   {widths:?} {order:?} ×{directions} {lines:?}, n = {rows}",
                forward * 1e3,
                backward * 1e3,
                (forward + backward) * 1e3,
                100.0 * rate / peak
            );
        }
    }
}

/// The least seconds that the two passes took.
fn fastest((widths, order, directions, lines, rows): Step) -> [f64; 2] {
    let plan = Plan { widths, activation: Activation::Silu, order, directions, lines, rows };
    let numbers = |n: usize, scale: f32| (0..n).map(|i| scale * (i as f32 * 0.7).sin()).collect::<Vec<f32>>();
    let params = numbers(mlp::parameter_count(widths), 0.1);
    let given = if lines == Lines::Given { directions } else { 0 };
    let (x, v) = (numbers(rows * widths[0], 1.0), numbers(given * rows * widths[0], 1.0));
    let inputs = Inputs { params: &params, x: &x, v: &v, level: &[] };
    let mut out = numbers(plan.output_len(), 1.0);
    let (g_out, mut g_params, mut tape) = (out.clone(), params.clone(), Vec::new());
    let mut least = [f64::INFINITY; 2];
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(700) {
        let begin = Instant::now();
        mlp::forward(&plan, &inputs, &mut out, Some(&mut tape));
        let middle = Instant::now();
        let gradients = Gradients { params: &mut g_params, level: &mut [], x: &mut [] };
        mlp::backward(&plan, &inputs, &tape, &g_out, gradients);
        least = [least[0].min((middle - begin).as_secs_f64()), least[1].min(middle.elapsed().as_secs_f64())];
    }
    least
}
