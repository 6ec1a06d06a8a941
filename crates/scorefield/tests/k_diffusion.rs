//! The solvers and their spacings against k-diffusion's, element by element, in double precision (bench/peers/kdiffusion.py).

use std::sync::Arc;

use scorefield::density;
use scorefield::levels::Levels;
use scorefield::noise::{SCHEDULES, ScheduleSettings};
use scorefield::registry::lookup;
use scorefield::sample::{Churn, Ddim, Dpmpp2M, Draw, Heun, SPACINGS, Sampler, Start, draw};
use serde_json::Value;

fn fixture() -> Value {
    serde_json::from_str(include_str!("fixtures/k_diffusion.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn table(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().flat_map(numbers).collect()
}

fn assert_near(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= tolerance * (1.0 + e.abs()), "{what}, number {i}: {f} against {e}");
    }
}

#[test]
fn the_spacings_are_theirs_to_1e_12() {
    let all = fixture();
    let (high, low) = (all["high"].as_f64().unwrap(), all["low"].as_f64().unwrap());
    for (name, case) in all["spacings"].as_object().unwrap() {
        let expected = numbers(&case["sigmas"]);
        let entry = lookup(SPACINGS, "--spacing", name.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit())).unwrap();
        let levels = (entry.value.space)(high, low, expected.len(), case["rho"].as_f64().unwrap_or(1.0)).unwrap();
        assert_near(levels.as_slice(), &expected, 1e-12, name);
    }
}

#[test]
fn the_variance_preserving_schedule_is_theirs_to_1e_12() {
    let expected = numbers(&fixture()["vp"]);
    let entry = lookup(SCHEDULES, "schedule", "vp").unwrap();
    let schedule = (entry.value)(&mut ScheduleSettings::default(), 1.0).unwrap();
    assert_near(schedule.levels(expected.len()).unwrap().as_slice(), &expected, 1e-12, "vp");
}

#[test]
fn the_solvers_end_where_theirs_do_to_1e_9() {
    let all = fixture();
    let start = table(&all["start"]);
    for (name, densities) in all["ends"].as_object().unwrap() {
        for (density, spacings) in densities.as_object().unwrap() {
            for (spacing, expected) in spacings.as_object().unwrap() {
                let levels = Levels::new(numbers(&all["spacings"][spacing]["sigmas"])).unwrap().to_zero();
                let start_sigma = levels.first();
                let sampler: Box<dyn Sampler> = match name.as_str() {
                    "ddim" => Box::new(Ddim { levels, eta: 0.0 }),
                    "heun" => Box::new(Heun { levels, churn: Churn::NONE }),
                    "dpmpp-2m" => Box::new(Dpmpp2M { levels }),
                    other => panic!("{other} has no counterpart"),
                };
                let p = density::mixture(density).unwrap();
                let points: Arc<[f64]> = start.clone().into();
                let request = Draw { n: start.len() / 2, from: 0, seed: 0, start: Start::Points(points), start_sigma };
                let drawn = draw(&p, &*sampler, &request, &mut ()).unwrap();
                assert_near(&drawn.points, &table(expected), 1e-9, &format!("{name}, {density}, {spacing}"));
            }
        }
    }
}
