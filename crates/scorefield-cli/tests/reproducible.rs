//! The same seed on the same machine: the same bytes for any number of threads, and nearly the same numbers from other instruction sets.

mod program;

use std::fs;
use std::path::Path;

use program::command;

/// What is trained and drawn: each network, with each family of samplers.
const RUNS: &[(&str, &[&str])] = &[
    ("mlp", &["toy:two-moons", "--width", "32", "--depth", "2", "--embedding", "8", "--batch", "100", "--steps", "30"]),
    (
        "energy",
        &[
            "toy:rings",
            "--net",
            "energy-mlp",
            "--objective",
            "sliced",
            "--width",
            "24",
            "--depth",
            "2",
            "--batch",
            "90",
            "--steps",
            "20",
        ],
    ),
    ("unet", &["digits", "--net", "unet", "--width", "16", "--depth", "1", "--embedding", "16", "--batch", "7", "--steps", "4"]),
];
const DRAWS: &[(&str, &str, &[&str])] = &[
    ("mlp", "heun", &["-n", "700", "--steps", "6"]),
    ("mlp", "euler-maruyama", &["-n", "300", "--steps", "6"]),
    ("mlp", "annealed", &["-n", "130", "--steps", "2"]),
    ("energy", "langevin", &["-n", "130", "--steps", "5", "--epsilon", "0.01"]),
    ("unet", "dpmpp-2m", &["-n", "9", "--steps", "4"]),
    ("density:mixture", "hmc", &["-n", "300", "--steps", "5", "--epsilon", "0.2"]),
    ("density:mixture", "pf-ode", &["-n", "300"]),
];

fn go(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) {
    let mut command = command(folder, arguments);
    command.arg("--quiet").env_remove("RAYON_NUM_THREADS").envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{variables:?} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Trains and draws everything under some variables: the bytes of weights and samples, by name.
fn everything(variables: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let mut bytes = Vec::new();
    for (name, arguments) in RUNS {
        go(at, variables, &[&["train"], *arguments, &["--out", name]].concat());
        let latest = fs::read_to_string(at.join(name).join("latest")).unwrap();
        let folder = at.join(name).join("checkpoints").join(latest.trim());
        for file in ["model", "ema", "optimizer"] {
            bytes.push((format!("{name}, {file}"), fs::read(folder.join(format!("{file}.safetensors"))).unwrap()));
        }
    }
    for (target, sampler, arguments) in DRAWS {
        go(at, variables, &[&["sample", target, "--sampler", sampler, "-o", "x.npy"], *arguments].concat());
        bytes.push((format!("{target}, {sampler}"), fs::read(at.join("x.npy")).unwrap()));
    }
    bytes
}

#[test]
fn weights_and_samples_are_the_same_bytes_for_any_number_of_threads() {
    let one = everything(&[("RAYON_NUM_THREADS", "1")]);
    for threads in ["2", "3", "8"] {
        for ((name, first), (_, other)) in one.iter().zip(everything(&[("RAYON_NUM_THREADS", threads)])) {
            assert!(*first == other, "{name}: {threads} threads give other bytes than one");
        }
    }
}

/// The numbers of a .npy file of floats; what follows them is a record that names the model's hash.
fn numbers(npy: &[u8]) -> Vec<f32> {
    let start = 10 + usize::from(u16::from_le_bytes([npy[8], npy[9]]));
    let header = std::str::from_utf8(&npy[10..start]).unwrap();
    let shape = header.split("'shape': (").nth(1).unwrap().split(')').next().unwrap();
    let n: usize = shape.split(',').filter_map(|k| k.trim().parse::<usize>().ok()).product();
    npy[start..start + 4 * n].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// ‖a − b‖ / ‖b‖.
fn relative(a: &[f32], b: &[f32]) -> f64 {
    let square = |it: &mut dyn Iterator<Item = f64>| it.map(|x| x * x).sum::<f64>().sqrt();
    let difference = square(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    difference / square(&mut b.iter().map(|b| f64::from(*b)))
}

/// One model, evaluated by each instruction set: products of matrices fuse multiply and add where they can, which rounds once instead of twice.
///
/// A sum of k products differs by at most about k ε, ε = 6e-8, of its absolute sum; some hundred products, a few layers and steps make 1e-5.
/// Acceptance of a Metropolis step may turn over on such a difference, so chains are held to their first step.
#[test]
fn another_instruction_set_gives_the_same_scores_and_samples_to_rounding() {
    const TOLERANCE: f64 = 1e-4;
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    for (name, arguments) in RUNS {
        go(at, &[], &[&["train"], *arguments, &["--out", name]].concat());
    }
    let draw = |simd: &str, target: &str, sampler: &str, more: &[&str]| {
        go(at, &[("SCOREFIELD_SIMD", simd)], &[&["sample", target, "--sampler", sampler, "-o", "x.npy"], more].concat());
        numbers(&fs::read(at.join("x.npy")).unwrap())
    };
    let mut worst = 0.0f64;
    for (target, sampler, more) in DRAWS.iter().filter(|(_, sampler, _)| *sampler != "hmc") {
        let portable = draw("portable", target, sampler, more);
        for simd in ["avx2", "avx512"] {
            let other = relative(&draw(simd, target, sampler, more), &portable);
            println!("{target}, {sampler}: {simd} and portable differ by {other:.1e}");
            assert!(other < TOLERANCE, "{target}, {sampler}: {simd} and portable differ by {other}");
            worst = worst.max(other);
        }
    }
    println!("at most {worst:.1e} of the samples' norm");
    // On a machine with one of the sets at least, something must have been compared: the products of a network round differently.
    #[cfg(target_arch = "x86_64")]
    assert!(worst > 0.0 || !std::arch::is_x86_feature_detected!("fma"));
}
