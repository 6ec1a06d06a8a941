//! One training step as other libraries take it: the same objective on the same network with as many rows.
//!
//! A fixed batch of standard normal points; in each step fresh random directions or noise, the loss, its gradient by the parameters, one update
//! of Adam. No weight decay, no clipping, no average of the weights: nothing that a plain loop of a peer would not do. The model is
//! scorefield's, preconditioning included, so the step is one that `train` takes.

use super::memory::peak_bytes;
use super::subject::{Subject, steady};
use super::work::{Perceptron, step_flops, trace_step_flops};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::levels::Regime;
use crate::model::{Conditioning, Precondition};
use crate::net::parameter_count;
use crate::noise::Gaussian;
use crate::objective::{Batch, Law, OBJECTIVES, ObjectiveSettings, Projection, Variate};
use crate::registry::{lookup, unknown};
use crate::tensor::{Device, matrix, repeated};
use crate::train::TrainState;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A step that is compared.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// As it is typed.
    pub name: &'static str,
    objective: &'static str,
    net: &'static str,
    d: usize,
    depth: usize,
    outputs: usize,
    rows: usize,
    projections: usize,
    /// Numbers a row and direction that go through the network beside the value.
    order: usize,
    sigma: f32,
}

const WIDTH: usize = 128;

const SLICED: Case = Case {
    name: "sliced-128",
    objective: "sliced",
    net: "plain-mlp",
    d: 2,
    depth: 3,
    outputs: 2,
    rows: 128,
    projections: 1,
    order: 1,
    sigma: 0.0,
};
const ENERGY: Case = Case { name: "energy-128", net: "energy-mlp", depth: 2, outputs: 1, projections: 5, order: 2, ..SLICED };
/// Its directions are the d unit vectors.
const IMPLICIT: Case = Case { name: "implicit-64", objective: "implicit", d: 64, outputs: 64, projections: 64, ..SLICED };
const DENOISING: Case = Case { name: "denoising-128", objective: "denoising", order: 0, sigma: 0.5, ..SLICED };

/// The steps that are compared.
pub static CASES: &[Case] = &[
    SLICED,
    Case { name: "sliced-1024", rows: 1024, ..SLICED },
    ENERGY,
    Case { name: "energy-1024", rows: 1024, ..ENERGY },
    IMPLICIT,
    DENOISING,
    Case { name: "denoising-1024", rows: 1024, ..DENOISING },
];

/// The case of a name.
///
/// # Errors
/// No such case.
pub fn case(name: &str) -> Result<&'static Case> {
    let names: Vec<&str> = CASES.iter().map(|c| c.name).collect();
    CASES.iter().find(|c| c.name == name).ok_or_else(|| unknown("--case", name, &names))
}

/// What a step takes.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Pace {
    /// Mean over the steps.
    pub seconds_per_step: f64,
    /// Steps that were timed.
    pub steps: u64,
    /// Numbers that are trained.
    pub parameters: usize,
    /// The most memory that the process held so far.
    pub peak_rss_bytes: Option<u64>,
    /// Operations of a step's matrix products.
    pub flops: f64,
    /// 10⁹ of these a second.
    pub gflops: f64,
}

/// Steps before the clock starts, at least, and for how long.
const WARM_STEPS: u64 = 30;
const WARM: Duration = Duration::from_millis(300);
/// How long is measured if nobody says how many steps.
const MEASURE: Duration = Duration::from_millis(1500);
/// Steps between two looks at the clock.
const CHUNK: u64 = 10;

/// Takes `steps` steps of a case, or as many as a second and a half allows.
///
/// # Errors
/// A loss that is not finite: then the time would be that of nothing.
pub fn pace(case: &Case, steps: Option<u64>, seed: u64, device: &Device) -> Result<Pace> {
    let regime = if case.sigma > 0.0 { Regime::Noisy } else { Regime::Clean };
    let precondition = Precondition { mean: vec![0.0; case.d], sigma_data: 1.0, regime, conditioning: Conditioning::Relative };
    let subject = Subject { net: case.net, width: WIDTH, depth: case.depth, precondition, seed };
    let mut state = TrainState::new(subject.model(device)?, &[]);
    let projection = Projection { law: Law::Rademacher, count: case.projections };
    let settings = ObjectiveSettings { projection, step: 1.0, variate: Variate::Off, exact: None };
    let objective = (lookup(OBJECTIVES, "objective", case.objective)?.value.build)(&settings)?;
    let data = device.clone().autodiff();
    let points = Key::new(seed, Purpose::Data).normal(0, case.rows, case.d);
    let batch = Batch {
        clean: matrix(points, case.rows, case.d, &data),
        sigma: repeated(case.sigma, case.rows, &data),
        // Times σ², as peers weight it.
        weight: repeated(if case.sigma > 0.0 { case.sigma * case.sigma } else { 1.0 }, case.rows, &data),
        regime,
        noise: Arc::new(Gaussian),
    };
    // Adam as peers have it by default.
    let config = steady(1e-3, 0.0, &[]);
    let mut advance = |n: u64| -> Result<()> {
        for _ in 0..n {
            let key = Key::new(seed, Purpose::Noise).at(state.step as u32);
            let step = state.step(&*objective, &batch, key, &config);
            if !step.grad_norm.is_finite() {
                return Err(Error::failed(format!("step {} of {}", state.step, case.name), "the loss is no longer finite"));
            }
        }
        Ok(())
    };
    let begun = Instant::now();
    let mut warm = 0;
    while warm < WARM_STEPS || begun.elapsed() < WARM {
        advance(CHUNK)?;
        warm += CHUNK;
        if begun.elapsed() > MEASURE {
            break;
        }
    }
    let (begun, mut done) = (Instant::now(), 0);
    while steps.map_or(begun.elapsed() < MEASURE, |steps| done < steps) {
        let n = steps.map_or(CHUNK, |steps| CHUNK.min(steps - done));
        advance(n)?;
        done += n;
    }
    let seconds_per_step = begun.elapsed().as_secs_f64() / done.max(1) as f64;
    let peak_rss_bytes = peak_bytes();
    let net = Perceptron::new(case.d, WIDTH, case.depth, case.outputs);
    let flops = match case.objective {
        "implicit" => trace_step_flops(&net, case.rows, case.d),
        _ => step_flops(&net, case.rows * (1 + case.order * case.projections)),
    };
    let parameters = parameter_count(state.model.net());
    Ok(Pace { seconds_per_step, steps: done, parameters, peak_rss_bytes, flops, gflops: flops / seconds_per_step / 1e9 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_takes_steps_on_the_network_that_it_names() {
        for (name, parameters) in
            [("sliced-128", 33_666), ("energy-128", 17_025), ("implicit-64", 49_600), ("denoising-128", 33_666)]
        {
            let pace = pace(case(name).unwrap(), Some(1), 0, &Device::flex()).unwrap();
            assert_eq!((pace.parameters, pace.steps), (parameters, 1), "{name}");
            assert!(pace.flops > 0.0 && pace.gflops > 0.0);
        }
    }

    #[test]
    fn a_jet_of_one_direction_on_1024_rows_is_408_million_operations() {
        let net = Perceptron::new(2, 128, 3, 2);
        assert_eq!((step_flops(&net, 2048) / 1e6).round(), 408.0);
    }

    #[test]
    fn a_case_that_is_not_there_is_refused_with_the_nearest() {
        let error = case("sliced-129").unwrap_err();
        assert_eq!((error.exit_code(), error.hint()), (2, Some("did you mean sliced-128?")));
    }
}
