//! A Vulkan device computes what the CPU computes. Built with `--features vulkan`; Mesa's lavapipe is device enough.
#![cfg(feature = "vulkan")]

use scorefield::key::{Key, Purpose};
use scorefield::recipe::{Layers, Origin, Target, train_new};
use scorefield::tensor::{Device, device, device_name, matrix, numbers, vector};
use std::path::Path;

fn vulkan() -> Device {
    device("vulkan").expect("a Vulkan driver: Mesa's lavapipe will do")
}

/// What is trained: a perceptron on points, and a U-Net with attention on images.
const POINTWISE: &[(&str, &str)] =
    &[("data.source", "toy:two-moons"), ("net.width", "32"), ("net.depth", "2"), ("net.embedding", "16"), ("train.batch", "128")];
const IMAGES: &[(&str, &str)] =
    &[("data.source", "digits"), ("net.name", "unet"), ("net.width", "16"), ("net.depth", "1"), ("train.batch", "16")];

fn train(settings: &[(&str, &str)], path: &Path, steps: u64, device: &Device) {
    let mut layers = Layers::new();
    let steps = steps.to_string();
    let common = [("seed", "3"), ("train.steps", &steps), ("train.warmup", "5"), ("train.ema", "5")];
    for (key, value) in settings.iter().chain(&common) {
        layers = layers.set(key, value, Origin::Flag("test".to_owned())).expect("a setting");
    }
    train_new(layers.build().expect("a recipe"), path, device, &mut ()).expect("a trained run");
}

/// Scores of a run on a device, at points and levels that cover what training saw.
fn scores(run: &Path, device: &Device) -> Vec<f32> {
    let target = Target::open(run.to_str().expect("a path"), device).expect("a run");
    let (score, key) = (target.score(), Key::new(11, Purpose::Metric));
    let d = score.dim();
    let points = if d == 2 { 300 } else { 60 };
    let sigma: Vec<f32> = (0..points).map(|i| 0.02 * 6.0f32.powf(3.0 * i as f32 / points as f32)).collect();
    let x = matrix(key.normal(0, points, d), points, d, device);
    numbers(score.score(x, &vector(sigma, device)))
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

fn a_forward_pass_on_vulkan_equals_the_cpus(settings: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train(settings, &run, 20, &Device::flex());
    let gap = gap(&scores(&run, &vulkan()), &scores(&run, &Device::flex()));
    // The same weights: only the rounding of f32 differs.
    assert!(gap < 1e-4, "{gap}");
}

fn training_on_vulkan_follows_training_on_the_cpu(settings: &[(&str, &str)], steps: u64) {
    let folder = tempfile::tempdir().unwrap();
    let [on_vulkan, on_cpu] = ["vulkan", "cpu"].map(|name| folder.path().join(name));
    train(settings, &on_vulkan, steps, &vulkan());
    train(settings, &on_cpu, steps, &Device::flex());
    let [trained, begun] = [&on_vulkan, &on_cpu].map(|run| scores(run, &Device::flex()));
    let gap_trained = gap(&trained, &begun);
    assert!(gap_trained < 1e-3, "{gap_trained}");
    // The agreement is not that of two untrained networks.
    let untrained = folder.path().join("untrained");
    train(settings, &untrained, 1, &Device::flex());
    assert!(gap(&trained, &scores(&untrained, &Device::flex())) > 20.0 * gap_trained);
}

#[test]
fn a_perceptrons_forward_pass_on_vulkan_equals_the_cpus() {
    a_forward_pass_on_vulkan_equals_the_cpus(POINTWISE);
}

#[test]
fn a_u_nets_forward_pass_on_vulkan_equals_the_cpus() {
    a_forward_pass_on_vulkan_equals_the_cpus(IMAGES);
}

#[test]
fn training_a_perceptron_on_vulkan_follows_training_it_on_the_cpu() {
    training_on_vulkan_follows_training_on_the_cpu(POINTWISE, 20);
}

#[test]
fn training_a_u_net_on_vulkan_follows_training_it_on_the_cpu() {
    training_on_vulkan_follows_training_on_the_cpu(IMAGES, 4);
}
