//! Mistakes that are known to be made, each planted on purpose: verification must find every one.

use super::objectives::{Question, Randomness, check};
use super::{FEWEST_POINTS, Settings, projections};
use crate::key::{Key, Purpose};
use crate::noise::{Gaussian, Noise};
use crate::objective::{Batch, Denoising, Implicit, Law, Noisy, Objective, Projection, Sliced, SlicedVr, Variate};
use crate::oracle::{Check, Expectation};
use crate::score::{Score, ScoreJvp};
use crate::tensor::{Device, Tensor, matrix};
use std::sync::Arc;

fn settings() -> Settings {
    Settings { points: FEWEST_POINTS, thorough: false, seed: 0, device: Device::flex() }
}

/// What the checks say of an objective in 2 and 3 dimensions.
fn verdicts(objective: &dyn Objective, expectation: Expectation, noise: Option<Arc<dyn Noise>>) -> Vec<Check> {
    let of = |d| {
        let exact = noise.is_none() && expectation == Expectation::Implicit;
        let randomness = if exact { Randomness::Points } else { Randomness::More };
        check("planted", objective, expectation, &Question { d, noise: noise.clone(), randomness }, &settings())
    };
    [2, 3].into_iter().flat_map(of).collect()
}

/// All checks fail, the loss's and the gradient's: none may depend on luck.
fn found(objective: &dyn Objective, expectation: Expectation, noise: Option<Arc<dyn Noise>>) {
    for check in verdicts(objective, expectation, noise) {
        // Far off, not merely too coarse to tell.
        assert!(!check.pass && (check.measured - check.expected).abs() > check.tolerance, "{check:?}");
    }
}

/// A score whose derivatives are wrong by a factor.
struct Bent<'a>(&'a dyn ScoreJvp, f64);

impl Score for Bent<'_> {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn device(&self) -> Device {
        self.0.device()
    }

    fn score(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<2> {
        self.0.score(x, sigma)
    }
}

impl ScoreJvp for Bent<'_> {
    fn curvature(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let (s, curvature) = self.0.curvature(x, sigma, v);
        (s, curvature * self.1)
    }
}

/// An objective that sees the trace times a function of d.
struct Trace<O>(O, fn(f64) -> f64);

impl<O: Objective> Objective for Trace<O> {
    fn loss(&self, score: &dyn ScoreJvp, batch: &Batch, key: Key) -> Tensor<1> {
        self.0.loss(&Bent(score, (self.1)(score.dim() as f64)), batch, key)
    }
}

/// `denoising` with the target ψ(n)/σ times a power of σ.
struct Target(f64);

impl Objective for Target {
    fn loss(&self, score: &dyn ScoreJvp, batch: &Batch, key: Key) -> Tensor<1> {
        let Noisy { points, target } = batch.noisy(key);
        let sigma = batch.sigma.clone().reshape([batch.clean.dims()[0], 1]);
        let wrong = target * sigma.powf_scalar(self.0);
        let difference = score.score(points, &batch.sigma) - wrong;
        batch.weighted(difference.powi_scalar(2).sum_dim(1) * 0.5)
    }
}

/// `sliced-vr` along directions of the sphere of radius 1.
struct UnitSphere(usize);

/// `sliced-vr` with the sum over directions for their mean.
struct Sum(Projection);

fn sliced_vr(score: &dyn ScoreJvp, batch: &Batch, key: Key, projection: Projection, length: f64, factor: f64) -> Tensor<1> {
    let x = batch.points(key);
    let [n, d] = x.dims();
    let v = projection.law.draw(key.for_purpose(Purpose::Projection), 0, n * projection.count, d);
    let v = matrix(v, n * projection.count, d, &x.device()) * length;
    let (s, curvature) = score.curvature(x, &batch.sigma, v);
    batch.weighted(curvature * factor + s.powi_scalar(2).sum_dim(1) * 0.5)
}

impl Objective for UnitSphere {
    fn loss(&self, score: &dyn ScoreJvp, batch: &Batch, key: Key) -> Tensor<1> {
        let length = 1.0 / (score.dim() as f64).sqrt();
        sliced_vr(score, batch, key, Projection { law: Law::Sphere, count: self.0 }, length, 1.0)
    }
}

impl Objective for Sum {
    fn loss(&self, score: &dyn ScoreJvp, batch: &Batch, key: Key) -> Tensor<1> {
        sliced_vr(score, batch, key, self.0, 1.0, self.0.count as f64)
    }
}

fn projection() -> Projection {
    Projection { law: Law::Rademacher, count: 4 }
}

#[test]
fn a_trace_of_the_wrong_sign_is_found() {
    let flip = |_| -1.0;
    for noise in [None, Some(Arc::new(Gaussian) as Arc<dyn Noise>)] {
        found(&Trace(Implicit, flip), Expectation::Implicit, noise);
    }
    let noise = || Some(Arc::new(Gaussian) as Arc<dyn Noise>);
    found(&Trace(Sliced { projection: projection() }, flip), Expectation::Implicit, noise());
    found(&Trace(SlicedVr { projection: projection() }, flip), Expectation::Implicit, noise());
}

#[test]
fn a_trace_divided_by_d_is_found() {
    let divide = |d| 1.0 / d;
    for noise in [None, Some(Arc::new(Gaussian) as Arc<dyn Noise>)] {
        found(&Trace(Implicit, divide), Expectation::Implicit, noise);
    }
    let noise = || Some(Arc::new(Gaussian) as Arc<dyn Noise>);
    found(&Trace(Sliced { projection: projection() }, divide), Expectation::Implicit, noise());
    found(&Trace(SlicedVr { projection: projection() }, divide), Expectation::Implicit, noise());
}

#[test]
fn a_denoising_target_without_its_power_of_sigma_is_found() {
    let noise = || Some(Arc::new(Gaussian) as Arc<dyn Noise>);
    // −n and −nσ for −n/σ, that is (x − x̃)/σ and x − x̃ for (x − x̃)/σ²; and the wrong sign.
    found(&Target(1.0), Expectation::Denoising, noise());
    found(&Target(2.0), Expectation::Denoising, noise());
    let right = verdicts(&Target(0.0), Expectation::Denoising, noise());
    assert!(right.iter().all(|check| check.pass), "{right:?}");
}

#[test]
fn directions_of_length_1_are_found() {
    for count in [1, 4] {
        found(&UnitSphere(count), Expectation::Implicit, Some(Arc::new(Gaussian)));
    }
    let checks = projections::check(Law::Sphere, &settings(), &|projection| Box::new(UnitSphere(projection.count)));
    assert!(checks.iter().any(|check| !check.pass));
}

#[test]
fn a_sum_over_directions_for_their_mean_is_found() {
    found(&Sum(projection()), Expectation::Implicit, Some(Arc::new(Gaussian)));
    let checks = projections::check(Law::Gaussian, &settings(), &|projection| Box::new(Sum(projection)));
    assert!(checks.iter().any(|check| !check.pass && check.name.contains("slope")));
}

#[test]
fn without_a_mistake_everything_passes() {
    let noise = || Some(Arc::new(Gaussian) as Arc<dyn Noise>);
    let same = |_| 1.0;
    let mut checks = verdicts(&Trace(Implicit, same), Expectation::Implicit, None);
    checks.extend(verdicts(&Trace(Sliced { projection: projection() }, same), Expectation::Implicit, noise()));
    checks.extend(verdicts(&Denoising { variate: Variate::On }, Expectation::Denoising, noise()));
    assert!(checks.iter().all(|check| check.pass), "{checks:?}");
}
