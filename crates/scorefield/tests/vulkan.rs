//! A Vulkan device computes what the CPU computes. Built with `--features vulkan`; Mesa's lavapipe is device enough.
#![cfg(feature = "vulkan")]

use scorefield::key::{Key, Purpose};
use scorefield::recipe::{Layers, Origin, Target, train_new};
use scorefield::tensor::{Device, device, device_name, matrix, numbers, vector};
use std::path::Path;

const POINTS: usize = 300;

fn vulkan() -> Device {
    device("vulkan").expect("a Vulkan driver: Mesa's lavapipe will do")
}

fn train(path: &Path, steps: u64, device: &Device) {
    let mut layers = Layers::new();
    for (key, value) in [
        ("data.source", "toy:two-moons"),
        ("seed", "3"),
        ("net.width", "32"),
        ("net.depth", "2"),
        ("net.embedding", "16"),
        ("train.steps", &steps.to_string()),
        ("train.batch", "128"),
        ("train.warmup", "5"),
        ("train.ema", "5"),
    ] {
        layers = layers.set(key, value, Origin::Flag("test".to_owned())).expect("a setting");
    }
    train_new(layers.build().expect("a recipe"), path, device, &mut ()).expect("a trained run");
}

/// Scores of a run on a device, at points and levels that cover what training saw.
fn scores(run: &Path, device: &Device) -> Vec<f32> {
    let target = Target::open(run.to_str().expect("a path"), device).expect("a run");
    let key = Key::new(11, Purpose::Metric);
    let sigma: Vec<f32> = (0..POINTS).map(|i| 0.02 * 1.02f32.powi(i as i32)).collect();
    let x = matrix(key.normal(0, POINTS, 2), POINTS, 2, device);
    numbers(target.score().score(x, &vector(sigma, device)))
}

/// The largest difference, relative to the size of the scores.
fn gap(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / (1.0 + b.abs())).fold(0.0, f32::max)
}

#[test]
fn a_vulkan_device_has_a_name_that_opens_it_again() {
    let name = device_name(&vulkan());
    assert!(name.starts_with("vulkan:"), "{name}");
    assert_eq!(device(&name).unwrap(), vulkan());
    assert!(device("vulkan:99").unwrap_err().to_string().starts_with("--device: expected vulkan"));
}

#[test]
fn a_forward_pass_on_vulkan_equals_the_cpus() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train(&run, 20, &Device::flex());
    let gap = gap(&scores(&run, &vulkan()), &scores(&run, &Device::flex()));
    // The same weights: only the rounding of f32 differs.
    assert!(gap < 1e-4, "{gap}");
}

#[test]
fn training_on_vulkan_follows_training_on_the_cpu() {
    let folder = tempfile::tempdir().unwrap();
    let [on_vulkan, on_cpu] = ["vulkan", "cpu"].map(|name| folder.path().join(name));
    train(&on_vulkan, 20, &vulkan());
    train(&on_cpu, 20, &Device::flex());
    let [trained, begun] = [&on_vulkan, &on_cpu].map(|run| scores(run, &Device::flex()));
    let gap_trained = gap(&trained, &begun);
    assert!(gap_trained < 1e-3, "{gap_trained}");
    // The agreement is not that of two untrained networks.
    let untrained = folder.path().join("untrained");
    train(&untrained, 1, &Device::flex());
    assert!(gap(&trained, &scores(&untrained, &Device::flex())) > 20.0 * gap_trained);
}
