//! Training end to end: from a recipe to weights whose score is the true one.

use scorefield::density;
use scorefield::diagnostic::{Question, fisher};
use scorefield::noise::Gaussian;
use scorefield::objective::{Law, Projection};
use scorefield::recipe::{Layers, Origin, Pick, Target, train_new};
use scorefield::tensor::Device;
use std::sync::Arc;

fn layers(settings: &[(&str, &str)]) -> Layers {
    settings.iter().fold(Layers::new(), |layers, (key, value)| layers.set(key, value, Origin::Flag("test".to_owned())).unwrap())
}

#[test]
fn training_learns_the_exact_score_of_a_correlated_gaussian() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let settings = [
        ("data.source", "density:gaussian"),
        ("net.width", "64"),
        ("net.depth", "1"),
        ("net.embedding", "16"),
        ("train.steps", "400"),
        ("train.lr", "3e-3"),
        ("train.warmup", "20"),
        ("train.ema", "20,5"),
    ];
    let device = Device::flex();
    train_new(layers(&settings).build().unwrap(), &run, &device, &mut ()).unwrap();
    let target = Target::open(run.to_str().unwrap(), &device).unwrap();
    let p = density::mixture("gaussian").unwrap();
    let other = Target::open_picked(run.to_str().unwrap(), Pick::Average(5.0), &device).unwrap();
    let divergence = |target: &Target, sigma: f64, n: usize| {
        let question = Question {
            estimator: "explicit".to_owned(),
            sigma,
            noise: Arc::new(Gaussian),
            exact: Some(Arc::new(p.clone())),
            projection: Projection { law: Law::Rademacher, count: 1 },
            step: 1.0,
            n,
            seed: 1,
        };
        fisher(target.score(), &p.clone().held_out(), &question).unwrap().relative_fisher_divergence.unwrap()
    };
    assert!(divergence(&other, 1.0, 500) != divergence(&target, 1.0, 500), "two averages of one run are not the same weights");
    assert!(Target::open_picked(run.to_str().unwrap(), Pick::Average(7.0), &device).is_err());
    for sigma in [0.5, 1.0, 3.0] {
        let divergence = divergence(&target, sigma, 2000);
        // The untrained model ignores the correlation: about 0.1. A wrong sign or a missing factor would be above 1.
        assert!(divergence < 0.02, "σ = {sigma}: {divergence}");
    }
}
