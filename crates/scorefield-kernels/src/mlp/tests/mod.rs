//! The whole perceptron against the reference in f64, finite differences of it, and itself under other conditions.

mod axes;
mod reference;

use super::backward::backward_on;
use super::forward::forward_on;
use super::*;
use crate::dispatch::{Simd, active, available};
use crate::philox::tests::normals;
use proptest::prelude::*;
use reference::Exact;

const ACTIVATIONS: [Activation; 4] = [Activation::Silu, Activation::Softplus, Activation::Tanh, Activation::Gelu];
const ORDERS: [Order; 3] = [Order::Value, Order::First, Order::Second];

/// Inputs of a plan, filled with numbers that keep all layers of size one.
struct Data {
    params: Vec<f32>,
    x: Vec<f32>,
    v: Vec<f32>,
    level: Vec<f32>,
    g_out: Vec<f32>,
}

impl Data {
    fn new(plan: &Plan<'_>, level: bool) -> Self {
        let (n, d0) = (plan.rows, plan.widths[0]);
        let mut params = normals(1, parameter_count(plan.widths));
        let mut rest = &mut params[..];
        for d in plan.widths.windows(2) {
            let (here, after) = rest.split_at_mut((d[0] + 1) * d[1]);
            here.iter_mut().for_each(|w| *w *= (1.0 + d[0] as f32).sqrt().recip() * 1.3);
            rest = after;
        }
        let directions = if plan.order == Order::Value || plan.lines != Lines::Given { 0 } else { plan.directions };
        Self {
            params,
            x: normals(2, n * d0),
            v: normals(3, directions * n * d0),
            level: normals(4, if level { n * plan.widths[1] } else { 0 }),
            g_out: normals(5, plan.output_len()),
        }
    }

    fn inputs(&self) -> Inputs<'_> {
        Inputs { params: &self.params, x: &self.x, v: &self.v, level: &self.level }
    }

    /// Output, and gradients by parameters, level and x.
    fn run(&self, simd: Simd, plan: &Plan<'_>) -> [Vec<f32>; 4] {
        let mut tape = vec![f32::NAN; 3];
        let mut out = vec![f32::NAN; self.g_out.len()];
        forward_on(simd, plan, &self.inputs(), &mut out, Some(&mut tape));
        assert_eq!(tape.len(), tape_len(plan));
        let mut again = vec![f32::NAN; out.len()];
        forward_on(simd, plan, &self.inputs(), &mut again, None);
        assert_eq!(bits(&out), bits(&again), "with a tape and without");
        let [mut params, mut level, mut x] = [&self.params, &self.level, &self.x].map(|s| vec![f32::NAN; s.len()]);
        let gradients = Gradients { params: &mut params, level: &mut level, x: &mut x };
        backward_on(simd, plan, &self.inputs(), &tape, &self.g_out, gradients);
        [out, params, level, x]
    }
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// The largest error relative to the largest number.
fn error(got: &[f32], want: impl IntoIterator<Item = f64>) -> f64 {
    let (mut worst, mut largest) = (0.0f64, 1e-3f64);
    for (&got, want) in got.iter().zip(want) {
        // Not `max`, which passes over NaN.
        let error = (f64::from(got) - want).abs();
        worst = if error <= worst { worst } else { error };
        largest = largest.max(want.abs());
    }
    worst / largest
}

fn loss(plan: &Plan<'_>, at: &Exact, g_out: &[f32]) -> f64 {
    at.forward(plan).iter().zip(g_out).map(|(y, &g)| y * f64::from(g)).sum()
}

/// The gradient of Σ g·y by the numbers that `pick` picks, by central differences in f64.
fn differences(plan: &Plan<'_>, data: &Data, pick: fn(&mut Exact) -> &mut Vec<f64>) -> Vec<f64> {
    let mut at = Exact::new(&data.inputs());
    let step = 1e-5;
    let mut slope = |i: usize| {
        let here = pick(&mut at)[i];
        let mut side = |to| {
            pick(&mut at)[i] = to;
            loss(plan, &at, &data.g_out)
        };
        let slope = (side(here + step) - side(here - step)) / (2.0 * step);
        side(here);
        slope
    };
    let n = pick(&mut Exact::new(&data.inputs())).len();
    (0..n).map(&mut slope).collect()
}

const SMALL: [&[usize]; 9] =
    [&[2, 5, 3], &[1, 1], &[3, 2], &[1, 7, 1], &[2, 18, 4, 1], &[5, 3, 17, 2], &[17, 4, 5], &[2, 3, 3, 3, 2], &[3, 2, 33]];

const LARGE: [&[usize]; 6] =
    [&[2, 128, 128, 128, 2], &[33, 70, 47, 5], &[1, 200, 1], &[64, 96, 64], &[3, 48, 16, 80, 3], &[130, 65]];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn outputs_and_every_gradient_are_those_of_the_reference(
        widths in prop::sample::select(&SMALL[..]), activation in prop::sample::select(&ACTIVATIONS[..]),
        order in prop::sample::select(&ORDERS[..]), directions in 1usize..5, rows in 1usize..8, level: bool,
    ) {
        let plan = Plan { widths, activation, order, directions, lines: Lines::Given, rows };
        let data = Data::new(&plan, level);
        let want = Exact::new(&data.inputs()).forward(&plan);
        let gradients = [
            differences(&plan, &data, |at| &mut at.params),
            differences(&plan, &data, |at| &mut at.level),
            differences(&plan, &data, |at| &mut at.x),
        ];
        for &simd in available() {
            let [out, params, level, x] = data.run(simd, &plan);
            prop_assert!(error(&out, want.clone()) < 5e-6, "{simd}: out {}", error(&out, want.clone()));
            for (name, got, want) in [("params", params, &gradients[0]), ("level", level, &gradients[1]), ("x", x, &gradients[2])] {
                let error = error(&got, want.iter().copied());
                prop_assert!(error < 1e-5, "{simd}: gradient by {name}, {error}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn wide_layers_and_many_points_are_right_along_a_random_line_and_alike_on_all_sets(
        widths in prop::sample::select(&LARGE[..]), activation in prop::sample::select(&ACTIVATIONS[..]),
        order in prop::sample::select(&ORDERS[..]), directions in 1usize..4, rows in 1usize..150, level: bool,
    ) {
        let plan = Plan { widths, activation, order, directions, lines: Lines::Given, rows };
        let data = Data::new(&plan, level);
        let at = Exact::new(&data.inputs());
        let want = at.forward(&plan);
        // The slope of the loss along one line through all inputs.
        let line = [normals(11, data.params.len()), normals(12, data.level.len()), normals(13, data.x.len())];
        let side = |step: f64| {
            let mut to = at.clone();
            for (to, line) in [&mut to.params, &mut to.level, &mut to.x].into_iter().zip(&line) {
                to.iter_mut().zip(line).for_each(|(to, &line)| *to += step * f64::from(line));
            }
            loss(&plan, &to, &data.g_out)
        };
        let slope = (side(1e-6) - side(-1e-6)) / 2e-6;
        let portable = data.run(Simd::PORTABLE, &plan);
        for &simd in available() {
            let got = data.run(simd, &plan);
            prop_assert!(error(&got[0], want.iter().copied()) < 1e-5, "{simd}: out {}", error(&got[0], want.iter().copied()));
            for (got, twin) in got.iter().zip(&portable) {
                prop_assert!(error(got, twin.iter().map(|&t| t.into())) < 2e-5, "{simd} and its portable twin");
            }
            let (mut sum, mut squares) = (0.0, 0.0);
            for (g, line) in got[1..].iter().flatten().zip(line.iter().flatten()) {
                let term = f64::from(*g) * f64::from(*line);
                (sum, squares) = (sum + term, squares + term * term);
            }
            prop_assert!((sum - slope).abs() < 2e-5 * squares.sqrt().max(1e-2), "{simd}: slope {sum}, not {slope}");
        }
    }
}

#[test]
fn a_point_has_the_same_result_in_any_batch_and_at_any_place_in_it() {
    for order in ORDERS {
        let whole =
            Plan { widths: &[3, 40, 33, 2], activation: Activation::Silu, order, directions: 2, lines: Lines::Given, rows: 301 };
        let data = Data::new(&whole, true);
        for &simd in available() {
            let mut all = vec![0.0; data.g_out.len()];
            forward_on(simd, &whole, &data.inputs(), &mut all, None);
            for (first, rows) in [(0, 1), (300, 1), (17, 2), (40, 11), (100, 130)] {
                let part = Plan { rows, ..whole };
                let n = whole.rows;
                let of = |s: &[f32], width: usize| {
                    s.chunks(n * width).flat_map(|s| &s[first * width..][..rows * width]).copied().collect::<Vec<f32>>()
                };
                let (x, v, level) = (of(&data.x, 3), of(&data.v, 3), of(&data.level, 40));
                let inputs = Inputs { params: &data.params, x: &x, v: &v, level: &level };
                let mut out = vec![0.0; part.output_len()];
                forward_on(simd, &part, &inputs, &mut out, None);
                assert_eq!(bits(&out), bits(&of(&all, 2)), "{simd}, {order:?}, {rows} from {first} on");
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for (widths, rows) in [(&[2, 128, 128, 2], 700), (&[5, 64, 50, 7], 333)] {
        for order in ORDERS {
            let plan = Plan { widths, activation: Activation::Gelu, order, directions: 3, lines: Lines::Given, rows };
            let data = Data::new(&plan, true);
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| data.run(active(), &plan)).map(|v| bits(&v))
            };
            let one = on(1);
            assert!([2, 3].into_iter().all(|threads| on(threads) == one), "{order:?}");
        }
    }
}

#[test]
fn gradients_that_are_not_wanted_may_be_left_out() {
    let plan = Plan {
        widths: &[2, 20, 2],
        activation: Activation::Tanh,
        order: Order::First,
        directions: 2,
        lines: Lines::Given,
        rows: 9,
    };
    let data = Data::new(&plan, true);
    let [mut out, params, level, x] = data.run(active(), &plan);
    let mut tape = Vec::new();
    forward(&plan, &data.inputs(), &mut out, Some(&mut tape));
    for wanted in [[true, false, false], [false, true, false], [false, false, true]] {
        let mut got = [&params, &level, &x].map(|s| vec![f32::NAN; s.len()]);
        let [p, l, gx] = &mut got;
        let pick = |i: usize, s: &mut [f32]| if wanted[i] { s.len() } else { 0 };
        let (np, nl, nx) = (pick(0, p), pick(1, l), pick(2, gx));
        let gradients = Gradients { params: &mut p[..np], level: &mut l[..nl], x: &mut gx[..nx] };
        backward(&plan, &data.inputs(), &tape, &data.g_out, gradients);
        for ((got, want), wanted) in got.iter().zip([&params, &level, &x]).zip(wanted) {
            assert!(if wanted { got == want } else { got.iter().all(|g| g.is_nan()) });
        }
    }
}

#[test]
fn no_points_give_no_output_and_a_gradient_of_zero() {
    let plan = Plan {
        widths: &[2, 5, 1],
        activation: Activation::Silu,
        order: Order::First,
        directions: 1,
        lines: Lines::Given,
        rows: 0,
    };
    let data = Data::new(&plan, false);
    let [out, params, ..] = data.run(active(), &plan);
    assert!(out.is_empty() && params.iter().all(|&g| g == 0.0));
}
