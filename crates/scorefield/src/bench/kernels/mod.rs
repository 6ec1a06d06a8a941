//! Kernels by themselves: operations a second where products are what they do, and bytes a second where it is moving numbers.
//!
//! A kernel is a row of [`table`]. Its bytes are those of its arguments, each read or written once; what it moves beyond that is its own
//! fault. Its operations are multiply-adds counted as two, of matrix products and convolutions only.

mod images;

use super::timing::{Timed, timed};
use crate::key::{Key, Purpose};
use scorefield_kernels::mlp::{self, Activation, Gradients, Inputs, Lines, Order, Plan};
use scorefield_kernels::philox::{self, Stream};
use scorefield_kernels::{activation, adamw, bias, layer_norm};
use std::convert::Infallible;
use std::hint::black_box;

/// A kernel at one size.
#[derive(Clone, Debug, serde::Serialize)]
pub struct KernelPace {
    /// The kernel.
    pub kernel: &'static str,
    /// The shape of what it works on.
    pub shape: String,
    /// Median seconds of a call.
    pub seconds: f64,
    /// Seconds of the fastest call: what the machine can do while nobody else wants it.
    pub least_seconds: f64,
    /// Calls that were timed.
    pub repeats: usize,
    /// 10⁹ operations a second, of kernels that are products.
    pub gflops: Option<f64>,
    /// 10⁹ bytes a second, of arguments read and written.
    pub gb_per_second: f64,
}

/// Measures each kernel for about `seconds`.
pub fn kernels(seconds: f64) -> Vec<KernelPace> {
    table().into_iter().map(|row| row.measure(seconds)).collect()
}

/// A row of the table: nothing is allocated before it is its turn.
struct Row {
    kernel: &'static str,
    dims: Vec<usize>,
    flops: Option<f64>,
    /// Numbers of four bytes that are read or written.
    moved: usize,
    make: Box<dyn FnOnce() -> Box<dyn FnMut()>>,
}

impl Row {
    /// A kernel that is no product: `per` numbers read or written for each of the array.
    fn moving<C: FnMut() + 'static>(
        kernel: &'static str,
        dims: &[usize],
        per: usize,
        make: impl FnOnce() -> C + 'static,
    ) -> Self {
        let moved = per * dims.iter().product::<usize>();
        Self { kernel, dims: dims.to_vec(), flops: None, moved, make: Box::new(|| Box::new(make())) }
    }

    /// A kernel of `flops` operations.
    fn product<C: FnMut() + 'static>(
        kernel: &'static str,
        dims: Vec<usize>,
        flops: f64,
        moved: usize,
        make: impl FnOnce() -> C + 'static,
    ) -> Self {
        Self { kernel, dims, flops: Some(flops), moved, make: Box::new(|| Box::new(make())) }
    }

    fn measure(self, seconds: f64) -> KernelPace {
        let Self { kernel, dims, flops, moved, make } = self;
        let mut call = make();
        let timed = timed(seconds, || {
            call();
            Ok::<(), Infallible>(())
        });
        let Ok(Timed { median, least, repeats }) = timed;
        // A clock that is too coarse must not divide by zero.
        let [seconds, least_seconds] = [median, least].map(|s| s.max(1e-9));
        KernelPace {
            kernel,
            shape: format!("{dims:?}"),
            seconds,
            least_seconds,
            repeats,
            gflops: flops.map(|flops| flops / seconds / 1e9),
            gb_per_second: (4 * moved) as f64 / seconds / 1e9,
        }
    }
}

/// A number for each number of memory that no cache holds.
const LONG: usize = 1 << 24;
/// Activations of a U-Net's finest level: [64, 32, 32, 32].
const IMAGES: [usize; 4] = [64, 32, 32, 32];

fn table() -> Vec<Row> {
    let image = IMAGES.iter().product::<usize>();
    let mut rows = vec![
        Row::moving("normal", &[LONG], 1, || {
            let mut out = vec![0.0; LONG];
            move || philox::fill_normal(Stream { seed: 1, purpose: 2, step: 3 }, 0, 1024, black_box(&mut out))
        }),
        Row::moving("silu", &IMAGES, 2, move || {
            let (x, mut y) = (normals(image), vec![0.0; image]);
            move || activation::silu(black_box(&x), black_box(&mut y))
        }),
        Row::moving("silu backward", &IMAGES, 3, move || {
            let (x, g, mut gx) = (normals(image), normals(image), vec![0.0; image]);
            move || activation::silu_backward(black_box(&x), &g, black_box(&mut gx))
        }),
        Row::moving("bias and silu", &[1024, 1024], 2, || {
            let (x, b, mut y) = (normals(1 << 20), normals(1024), vec![0.0; 1 << 20]);
            move || bias::bias_silu(black_box(&x), &b, black_box(&mut y))
        }),
        Row::moving("layer norm", &[4096, 512], 2, || {
            let (x, mut y, mut inv_std) = (normals(1 << 21), vec![0.0; 1 << 21], vec![0.0; 4096]);
            move || layer_norm::forward(black_box(&x), 512, 1e-5, black_box(&mut y), &mut inv_std)
        }),
        Row::moving("layer norm backward", &[4096, 512], 3, || {
            let (y, g, inv_std, mut gx) = (normals(1 << 21), normals(1 << 21), vec![1.0; 4096], vec![0.0; 1 << 21]);
            move || layer_norm::backward(black_box(&y), &inv_std, &g, 512, black_box(&mut gx))
        }),
        // p, m and v are read and written, g is read.
        Row::moving("adamw", &[LONG], 7, || {
            let (mut p, g, mut m, mut v) = (normals(LONG), normals(LONG), vec![0.0; LONG], vec![0.0; LONG]);
            move || adamw::adamw(black_box(&mut p), &g, &mut m, &mut v, HYPER)
        }),
        Row::moving("average", &[LONG], 3, || {
            let (p, mut average) = (normals(LONG), vec![0.0; LONG]);
            move || adamw::ema(black_box(&mut average), &p, 0.999)
        }),
    ];
    rows.extend([128, 1024].map(perceptron));
    rows.extend(images::rows());
    rows
}

/// A training step of the perceptron 2→128→128→128→2 with one direction, forward and backward.
fn perceptron(rows: usize) -> Row {
    const WIDTHS: &[usize] = &[2, 128, 128, 128, 2];
    let plan =
        Plan { widths: WIDTHS, activation: Activation::Silu, order: Order::First, directions: 1, lines: Lines::Given, rows };
    let (parameters, d) = (mlp::parameter_count(WIDTHS), WIDTHS[0]);
    let make = move || {
        let params: Vec<f32> = normals(parameters).into_iter().map(|w| 0.1 * w).collect();
        let (x, v) = (normals(rows * d), normals(rows * d));
        let mut out = vec![0.0; plan.output_len()];
        let (g_out, mut g_params, mut tape) = (out.clone(), params.clone(), Vec::new());
        move || {
            let inputs = Inputs { params: &params, x: &x, v: &v, level: &[] };
            mlp::forward(&plan, black_box(&inputs), &mut out, Some(&mut tape));
            let gradients = Gradients { params: &mut g_params, level: &mut [], x: &mut [] };
            mlp::backward(&plan, &inputs, &tape, black_box(&g_out), gradients);
        }
    };
    let flops = (plan.forward_flops() + plan.backward_flops()) as f64;
    let moved = 2 * parameters + 4 * rows * d + 2 * plan.output_len();
    Row::product("perceptron step", [&[rows], WIDTHS].concat(), flops, moved, make)
}

const HYPER: adamw::Hyper =
    adamw::Hyper { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01, bias1: 0.5, bias2: 0.1, grad_scale: 1.0 };

fn normals(n: usize) -> Vec<f32> {
    Key::new(0, Purpose::Data).normal(0, 1, n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_is_named_once_a_shape_and_moves_something() {
        let rows = table();
        for (i, row) in rows.iter().enumerate() {
            assert!(row.moved > 0 && row.flops.is_none_or(|f| f > 0.0), "{}", row.kernel);
            assert!(rows[..i].iter().all(|r| (r.kernel, &r.dims) != (row.kernel, &row.dims)), "{}", row.kernel);
        }
    }

    #[test]
    fn a_row_says_bytes_and_operations_a_second() {
        let pace = perceptron(4).measure(0.0);
        assert!(
            pace.seconds >= pace.least_seconds
                && pace.least_seconds > 0.0
                && pace.repeats >= 5
                && pace.gb_per_second > 0.0
                && pace.gflops.is_some()
        );
        assert_eq!(pace.shape, "[4, 2, 128, 128, 128, 2]");
    }
}
