//! The small perceptron by itself, against the multiply-add peak of the processor: forward and backward, values alone and with the first
//! derivatives along one direction.

use super::subject::Subject;
use super::work::Perceptron;
use crate::error::Result;
use crate::jet::{Jet, Order};
use crate::key::{Key, Purpose};
use crate::levels::Regime;
use crate::model::{Conditioning, Model, Precondition};
use crate::tensor::{Device, Tensor, matrix, numbers, repeated};
use crate::train::gradient;
use std::time::{Duration, Instant};

const D: usize = 2;
const WIDTH: usize = 128;
const DEPTH: usize = 3;
const ROWS: [usize; 2] = [128, 1024];
const REPETITIONS_LEAST: usize = 5;

/// One way through the network.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Pass {
    /// `value`, or `jet` with derivatives along one direction.
    pub what: &'static str,
    /// Points.
    pub rows: usize,
    /// Median seconds forward, as training does it: what the way back needs is kept.
    pub forward_seconds: f64,
    /// Median seconds of both less that.
    pub backward_seconds: f64,
    /// 10⁹ operations a second forward.
    pub forward_gflops: f64,
    /// 10⁹ operations a second backward.
    pub backward_gflops: f64,
}

/// Measures each pass for about `seconds`.
///
/// # Errors
/// None that this network has.
pub fn passes(seconds: f64, seed: u64, device: &Device) -> Result<Vec<Pass>> {
    let precondition =
        Precondition { mean: vec![0.0; D], sigma_data: 1.0, regime: Regime::Clean, conditioning: Conditioning::Relative };
    // Making the optimiser makes the parameters leaves of the gradient graph.
    let subject = Subject { net: "plain-mlp", width: WIDTH, depth: DEPTH, precondition, seed };
    let model = crate::train::TrainState::new(subject.model(device)?, &[]).model;
    let mut all = Vec::new();
    for rows in ROWS {
        for what in ["value", "jet"] {
            let (forward, both) = times(&model, rows, what == "jet", seconds);
            let net = Perceptron::new(D, WIDTH, DEPTH, D);
            let network_rows = if what == "jet" { 2 * rows } else { rows };
            // A clock that is too coarse must not divide by zero.
            let backward = (both - forward).max(1e-9);
            all.push(Pass {
                what,
                rows,
                forward_seconds: forward,
                backward_seconds: backward,
                forward_gflops: net.forward_flops(network_rows) / forward / 1e9,
                backward_gflops: net.backward_flops(network_rows) / backward / 1e9,
            });
        }
    }
    Ok(all)
}

/// Median seconds forward, and of forward and backward together.
fn times(model: &Model, rows: usize, derivatives: bool, seconds: f64) -> (f64, f64) {
    let device = crate::score::Score::device(model);
    let draw = |purpose| matrix(Key::new(0, purpose).normal(0, rows, D), rows, D, &device);
    let (x, v, c) = (draw(Purpose::Data), draw(Purpose::Projection), repeated(0.0, rows, &device));
    let (mut forward, mut both) = (Vec::new(), Vec::new());
    let (begun, share) = (Instant::now(), Duration::from_secs_f64(seconds));
    while both.len() <= REPETITIONS_LEAST || begun.elapsed() < share {
        let start = Instant::now();
        let sum: Tensor<1> = if derivatives {
            let (value, first, _) = model.net().jet(Jet::line(x.clone(), v.clone(), Order::First), &c).into_parts();
            value.sum() + first.sum()
        } else {
            model.net().value(x.clone(), &c).sum()
        };
        // A device that works ahead has to be waited for.
        numbers(sum.clone().inner());
        forward.push(start.elapsed().as_secs_f64());
        gradient(model.net(), sum);
        both.push(start.elapsed().as_secs_f64());
    }
    (median(forward), median(both))
}

/// Without the first, which pays for what later ones find made.
fn median(mut times: Vec<f64>) -> f64 {
    let later = &mut times[1..];
    later.sort_by(f64::total_cmp);
    later[later.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_pass_are_measured_at_both_sizes() {
        let all = passes(0.0, 0, &Device::flex()).unwrap();
        let kinds: Vec<(&str, usize)> = all.iter().map(|p| (p.what, p.rows)).collect();
        assert_eq!(kinds, [("value", 128), ("jet", 128), ("value", 1024), ("jet", 1024)]);
        assert!(all.iter().all(|p| p.forward_gflops > 0.0 && p.backward_gflops > 0.0));
    }
}
