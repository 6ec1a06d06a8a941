//! Derivatives along axes are the diagonal of those along explicit unit vectors, with the same gradients, whatever the conditions.

use super::*;

const WIDTHS: [&[usize]; 8] =
    [&[3, 3], &[20, 20], &[1, 7, 1], &[3, 18, 3], &[6, 40, 6], &[17, 33, 5, 17], &[40, 64, 48, 64, 40], &[2, 16, 16, 16, 2]];

/// Output and gradients along explicit unit vectors, of the same numbers as `data` along axes; only the diagonal in the output.
fn explicit(simd: Simd, plan: &Plan<'_>, data: &Data, first: usize) -> [Vec<f32>; 4] {
    let (n, d, m) = (plan.rows, plan.widths[0], plan.directions);
    let diagonal = |row: usize| n * d + row * d + first + row / n;
    let mut v = vec![0.0; m * n * d];
    let mut g_out = vec![0.0; n * d * (1 + m)];
    g_out[..n * d].copy_from_slice(&data.g_out[..n * d]);
    for row in 0..m * n {
        v[row * d + first + row / n] = 1.0;
        g_out[diagonal(row)] = data.g_out[n * d + row];
    }
    let given = Data { v, g_out, params: data.params.clone(), x: data.x.clone(), level: data.level.clone() };
    let [out, params, level, x] = given.run(simd, &Plan { lines: Lines::Given, ..*plan });
    let picked = (0..m * n).map(|row| out[diagonal(row)]);
    [out[..n * d].iter().copied().chain(picked).collect(), params, level, x]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn outputs_and_gradients_are_those_along_explicit_unit_vectors(
        widths in prop::sample::select(&WIDTHS[..]), activation in prop::sample::select(&ACTIVATIONS[..]),
        (from, many) in (0.0..1.0, 0.0..=1.0), rows in 1usize..40, level: bool,
    ) {
        let first = (from * widths[0] as f64) as usize;
        let directions = 1 + (many * (widths[0] - first - 1) as f64) as usize;
        let plan = Plan { widths, activation, order: Order::First, directions, lines: Lines::Axes { first }, rows };
        let data = Data::new(&plan, level);
        for &simd in available() {
            let (got, want) = (data.run(simd, &plan), explicit(simd, &plan, &data, first));
            let values = rows * widths[0];
            prop_assert!(bits(&got[0][..values]) == bits(&want[0][..values]), "{simd}: values");
            for (what, (got, want)) in ["out", "params", "level", "x"].iter().zip(got.iter().zip(&want)) {
                let error = error(got, want.iter().map(|&w| w.into()));
                prop_assert!(got.len() == want.len() && error < 1e-5, "{simd}: {what}, {error}");
            }
        }
    }
}

#[test]
fn the_axes_may_come_in_pieces_and_the_points_in_any_batch() {
    let (d, first, rows) = (9, 2, 150);
    let whole = Plan {
        widths: &[d, 40, 33, d],
        activation: Activation::Silu,
        order: Order::First,
        directions: 6,
        lines: Lines::Axes { first },
        rows,
    };
    let data = Data::new(&whole, true);
    for &simd in available() {
        let mut all = vec![0.0; data.g_out.len()];
        forward_on(simd, &whole, &data.inputs(), &mut all, None);
        for (begin, directions, point, n) in [(2, 6, 3, 1), (5, 1, 0, rows), (4, 3, 17, 100), (7, 1, 149, 1), (3, 0, 8, 2)] {
            let part = Plan { directions, lines: Lines::Axes { first: begin }, rows: n, ..whole };
            let inputs = Inputs {
                params: &data.params,
                x: &data.x[point * d..][..n * d],
                v: &[],
                level: &data.level[point * 40..][..n * 40],
            };
            let mut out = vec![0.0; part.output_len()];
            forward_on(simd, &part, &inputs, &mut out, None);
            let mut want = all[point * d..][..n * d].to_vec();
            (begin..begin + directions).for_each(|j| want.extend(&all[rows * d + (j - first) * rows + point..][..n]));
            assert_eq!(bits(&out), bits(&want), "{simd}, {n} from {point} on, {directions} from {begin} on");
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit_along_axes() {
    let lines = Lines::Axes { first: 3 };
    let plan =
        Plan { widths: &[80, 96, 64, 80], activation: Activation::Silu, order: Order::First, directions: 70, lines, rows: 61 };
    let data = Data::new(&plan, true);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| data.run(active(), &plan)).map(|v| bits(&v))
    };
    let one = on(1);
    assert!([2, 3].into_iter().all(|threads| on(threads) == one));
}

#[test]
#[should_panic(expected = "along 3 axes from 4 on")]
fn axes_beyond_the_last_coordinate_are_refused() {
    let lines = Lines::Axes { first: 4 };
    tape_len(&Plan { widths: &[6, 8, 6], activation: Activation::Silu, order: Order::First, directions: 3, lines, rows: 1 });
}
