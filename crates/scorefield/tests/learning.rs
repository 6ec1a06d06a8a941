//! Training end to end: from a recipe to weights whose score is the true one.

use scorefield::density;
use scorefield::diagnostic::fisher;
use scorefield::recipe::{Layers, Origin, Target, train_new};
use scorefield::tensor::Device;

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
    let p = density::open("gaussian").unwrap();
    let other = Target::open_average(run.to_str().unwrap(), Some(5.0), &device).unwrap();
    let divergence = |target: &Target| {
        let f = fisher(target.score(), Some(&p), &p.clone().held_out(), "explicit", 1.0, 500, 1).unwrap();
        f.relative_fisher_divergence.unwrap()
    };
    assert!(divergence(&other) != divergence(&target), "two averages of one run are not the same weights");
    assert!(Target::open_average(run.to_str().unwrap(), Some(7.0), &device).is_err());
    for sigma in [0.5, 1.0, 3.0] {
        let f = fisher(target.score(), Some(&p), &p.clone().held_out(), "explicit", sigma, 2000, 1).unwrap();
        let divergence = f.relative_fisher_divergence.unwrap();
        // The untrained model ignores the correlation: about 0.1. A wrong sign or a missing factor would be above 1.
        assert!(divergence < 0.02, "σ = {sigma}: {divergence}");
    }
}
