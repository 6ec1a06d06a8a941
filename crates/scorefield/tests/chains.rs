//! Chain statistics are those of ArviZ, to 1e-6 of each, on ordinary and on pathological chains (bench/peers/arviz_chains.py).

use scorefield::diagnostic::chains::Variable;
use serde_json::Value;

fn cases() -> Vec<Value> {
    let text = include_str!("fixtures/chains.json");
    let document: Value = serde_json::from_str(text).unwrap();
    document["cases"].as_array().unwrap().clone()
}

fn variable(case: &Value) -> Variable {
    let size = |name: &str| case[name].as_u64().unwrap() as usize;
    let values = case["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    Variable::new(values, size("chains"), size("draws")).unwrap()
}

fn measured(v: &Variable, name: &str) -> f64 {
    let (statistic, p) = name.split_once(' ').map_or((name, 0.0), |(s, p)| (s, p.parse().unwrap()));
    match statistic {
        "rhat" => v.rhat(),
        "ess_bulk" => v.ess_bulk(),
        "ess_tail" => v.ess_tail(),
        "ess_mean" => v.ess_mean(),
        "ess_quantile" => v.ess_quantile(p),
        "mcse_mean" => v.mcse_mean(),
        "mcse_sd" => v.mcse_sd(),
        "mcse_quantile" => v.mcse_quantile(p),
        other => panic!("{other}"),
    }
}

/// Null stands for a number that is not defined.
fn agree(measured: f64, expected: &Value) -> bool {
    match expected.as_f64() {
        Some(expected) => (measured - expected).abs() <= 1e-6 * expected.abs(),
        None => measured.is_nan(),
    }
}

#[test]
fn every_statistic_agrees_with_arviz_on_ten_sets_of_chains() {
    let cases = cases();
    assert_eq!(cases.len(), 10);
    let mut off = Vec::new();
    for case in &cases {
        let v = variable(case);
        for (name, expected) in case["statistics"].as_object().unwrap() {
            let measured = measured(&v, name);
            if !agree(measured, expected) {
                off.push(format!("{}, {name}: {measured}, not {expected}", case["name"]));
            }
        }
    }
    assert!(off.is_empty(), "{}", off.join("\n"));
}

#[test]
fn autocorrelations_of_a_chain_agree_with_arviz() {
    for case in cases() {
        let v = variable(&case);
        let first = Variable::new(v.values()[..v.draws()].to_vec(), 1, v.draws()).unwrap();
        let expected = case["autocorrelation"].as_array().unwrap();
        for (t, (measured, expected)) in first.autocorrelation(5).into_iter().zip(expected).enumerate() {
            let near = expected.as_f64().map_or(measured.is_nan(), |e| (measured - e).abs() < 1e-9);
            assert!(near, "{}, lag {t}: {measured}, not {expected}", case["name"]);
        }
    }
}
