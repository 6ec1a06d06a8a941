//! The figures of samples against real points agree with scikit-learn, SciPy, POT and prdc (`bench/peers/metrics.py` made the values).

use scorefield::metric::{Pairs, coverage, energy_distance, frechet, median_length, mmd, sliced_wasserstein, wasserstein};
use serde_json::Value;

fn rows(case: &Value, name: &str) -> Vec<f64> {
    let number = |v: &Value| v.as_f64().expect("a number");
    case[name].as_array().expect("rows").iter().flat_map(|row| row.as_array().expect("a row").iter().map(number)).collect()
}

#[test]
fn every_figure_agrees_with_its_reference_implementation() {
    let cases: Value = serde_json::from_str(include_str!("fixtures/metrics.json")).unwrap();
    for (i, case) in cases.as_array().unwrap().iter().enumerate() {
        let d = case["d"].as_u64().unwrap() as usize;
        let (x, y, directions) = (rows(case, "x"), rows(case, "y"), rows(case, "directions"));
        let narrow = |points: &[f64]| points.iter().map(|v| *v as f32).collect::<Vec<f32>>();
        let (a, b) = (narrow(&x), narrow(&y));
        let pairs = Pairs::new(&a, &b, d);
        let view = pairs.whole();
        let least = view.n().min(view.m());
        let length = median_length(&view);
        let found = coverage(&view, 5);
        let prdc = &case["prdc"];
        let all = [
            ("median_length", length, &case["median_length"]),
            ("mmd", mmd(&view, length), &case["mmd"]),
            ("energy_distance", energy_distance(&a, &b, d), &case["energy_distance"]),
            ("sliced_wasserstein", sliced_wasserstein(&a, &b, d, &directions), &case["sliced_wasserstein"]),
            ("wasserstein", wasserstein(&view.first(least), 2.0), &case["wasserstein"]),
            ("frechet", frechet(&x, &y, d), &case["frechet"]),
            ("precision", found.precision, &prdc["precision"]),
            ("recall", found.recall, &prdc["recall"]),
            ("density", found.density, &prdc["density"]),
            ("coverage", found.coverage, &prdc["coverage"]),
        ];
        for (name, found, expected) in all {
            let expected = expected.as_f64().unwrap();
            assert!((found - expected).abs() <= 1e-6 * expected.abs(), "case {i}, {name}: {found}, not {expected}");
        }
    }
}
