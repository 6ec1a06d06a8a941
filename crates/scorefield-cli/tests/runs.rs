//! Runs as a user lives with them: seeds, splits, interruptions, precedence.

mod program;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use program::{command, document, run};
use serde_json::Value;

const SMALL: [&str; 16] = [
    "--width",
    "16",
    "--depth",
    "1",
    "--embedding",
    "8",
    "--batch",
    "16",
    "--warmup",
    "5",
    "--checkpoint-every",
    "10",
    "--log-every",
    "5",
    // Kept by the first of the processes that train a run, and handed on by the others.
    "--early",
    "0.001",
];

fn train<'a>(out: &'a str, steps: &'a str) -> Vec<&'a str> {
    [&["train", "toy:pinwheel", "--out", out, "--steps", steps, "--quiet"][..], &SMALL].concat()
}

fn last_weights(run: &Path) -> Vec<Vec<u8>> {
    let latest = fs::read_to_string(run.join("latest")).unwrap();
    let checkpoint = run.join("checkpoints").join(latest.trim());
    ["model", "ema", "optimizer"].iter().map(|name| fs::read(checkpoint.join(format!("{name}.safetensors"))).unwrap()).collect()
}

fn wait_for_a_checkpoint(child: &mut Child, run: &Path) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !run.join("latest").exists() {
        assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "no checkpoint before the end");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn what_is_recommended_for_the_data_is_said_before_training() {
    let at = tempfile::tempdir().unwrap();
    let train = ["train", "digits", "--steps", "2", "--batch", "8", "--out"];
    let said = |more: &[&str]| {
        let output = command(at.path(), &[&train[..], more].concat()).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let loud = said(&["one"]);
    assert!(loud.contains("recipe: recommended for digits: ") && loud.contains("schedule.p_mean = "), "{loud}");
    // What was asked for is not what is recommended.
    assert!(!loud.contains("train.steps") && !loud.contains("train.batch"), "{loud}");
    assert!(!said(&["two", "--quiet"]).contains("recommended"));
}

#[test]
fn a_unet_in_bf16_learns_other_weights_than_in_f32_but_not_far_from_them() {
    let at = tempfile::tempdir().unwrap();
    let small = ["--net", "unet", "--width", "16", "--depth", "1", "--batch", "8", "--warmup", "0", "--early", "0.5"];
    let train = |out: &str, precision: &str, more: &[&str]| {
        let of = ["train", "digits", "--out", out, "--precision", precision, "--quiet"];
        document(at.path(), &[&of[..], &small, more].concat())
    };
    let single = train("single", "f32", &["--steps", "12"]);
    let half = train("half", "bf16", &["--steps", "12"]);
    let last = |answer: &Value| answer["loss_last"].as_f64().unwrap();
    assert_ne!(last(&single), last(&half));
    // A number in bfloat16 is right to one part in 256.
    assert!((last(&half) / last(&single) - 1.0).abs() < 0.02, "{} and {}", last(&half), last(&single));
    assert_eq!(train("again", "bf16", &["--steps", "12"])["loss_last"], half["loss_last"]);
    run(at.path(), &["sample", "half", "-n", "2", "--steps", "2", "--guidance", "2", "-o", "x.npy"]);
    let sliced = ["train", "digits", "--net", "unet", "--precision", "bf16", "--objective", "sliced", "--out", "no"];
    let refused = command(at.path(), &sliced).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not computed in bf16"));
}

/// A step of Adam at this rate moves a weight by a millionth, which is lost on a bfloat16 of the size of these weights.
#[test]
fn steps_smaller_than_bfloat16_can_tell_are_kept_in_the_weights() {
    let at = tempfile::tempdir().unwrap();
    let weights = |steps: &str| {
        let small = ["--net", "unet", "--width", "16", "--depth", "1", "--batch", "8", "--warmup", "0", "--decay", "constant"];
        let of = ["train", "digits", "--precision", "bf16", "--lr", "1e-6", "--quiet", "--steps", steps, "--out", steps];
        document(at.path(), &[&of[..], &small].concat());
        let run = at.path().join(steps);
        let latest = fs::read_to_string(run.join("latest")).unwrap();
        let file = run.join("checkpoints").join(latest.trim()).join("model.safetensors");
        let tensors = scorefield::run::read_tensors(&file, &fs::read(&file).unwrap()).unwrap();
        tensors.get("down_blocks.1.resnets.0.conv1.weight").unwrap().values.clone()
    };
    let (first, second) = (weights("8"), weights("12"));
    let moved: Vec<f32> = first.iter().zip(&second).map(|(a, b)| (a - b).abs()).collect();
    assert!(moved.iter().all(|by| *by < 2e-5), "{:?}", moved.iter().copied().fold(0.0, f32::max));
    // Of a weight of 0.06 half a unit is 1.2·10⁻⁴ in bfloat16.
    let kept = moved.iter().filter(|by| **by > 0.0).count();
    assert!(10 * kept > 9 * moved.len(), "{kept} of {}", moved.len());
}

#[test]
fn a_killed_and_an_interrupted_run_go_on_to_the_weights_of_an_undisturbed_one() {
    let at = tempfile::tempdir().unwrap();
    let steps = "1500";
    run(at.path(), &train("whole", steps));
    let mut killed = command(at.path(), &train("other", steps)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_a_checkpoint(&mut killed, &at.path().join("other"));
    killed.kill().unwrap();
    killed.wait().unwrap();
    // Then Ctrl-C, which saves and says so by exit code 130.
    let resume = ["train", "--out", "other", "--resume", "--quiet"];
    let interrupted = command(at.path(), &resume).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(150));
    Command::new("kill").args(["-INT", &interrupted.id().to_string()]).status().unwrap();
    let output = interrupted.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(130 | 0)), "{:?}: {said}", output.status);
    run(at.path(), &resume);
    assert!(last_weights(&at.path().join("whole")) == last_weights(&at.path().join("other")));
}

#[test]
fn a_second_trainer_is_told_who_holds_the_run_and_takes_over_once_that_one_is_dead() {
    let at = tempfile::tempdir().unwrap();
    let mut first = command(at.path(), &train("run", "1000000")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_a_checkpoint(&mut first, &at.path().join("run"));
    let resume = ["train", "--out", "run", "--resume", "--quiet"];
    let second = command(at.path(), &resume).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("process {}", first.id())) && said.contains("is training in this run folder"), "{said}");
    assert!(first.try_wait().unwrap().is_none(), "the first goes on");
    first.kill().unwrap();
    first.wait().unwrap();
    let taken = command(at.path(), &resume).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut taken = taken.unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(taken.try_wait().unwrap().is_none(), "a dead process is no obstacle");
    taken.kill().unwrap();
    taken.wait().unwrap();
}

#[test]
fn the_same_recipe_and_seed_give_the_same_weights_and_another_seed_others() {
    let at = tempfile::tempdir().unwrap();
    run(at.path(), &train("a", "20"));
    run(at.path(), &["train", "--recipe", "a/recipe.toml", "--out", "b", "--quiet"]);
    run(at.path(), &[&train("c", "20")[..], &["--seed", "1"]].concat());
    let [a, b, c] = ["a", "b", "c"].map(|name| last_weights(&at.path().join(name)));
    assert!(a == b);
    assert!(a != c);
}

#[test]
fn samples_do_not_depend_on_how_the_request_is_split() {
    let at = tempfile::tempdir().unwrap();
    run(at.path(), &train("run", "20"));
    let sample = |n: &str, from: &str, file: &str| {
        run(at.path(), &["sample", "run", "-n", n, "--from", from, "--steps", "4", "-o", file, "--quiet"]);
        fs::read_to_string(at.path().join(file)).unwrap()
    };
    let (whole, first, rest) = (sample("30", "0", "whole.csv"), sample("11", "0", "first.csv"), sample("19", "11", "rest.csv"));
    let rows = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rows(&whole), [rows(&first), rows(&rest)].concat());
}

#[test]
fn documents_have_the_contracts_fields() {
    let at = tempfile::tempdir().unwrap();
    let arguments = train("run", "20");
    let trained = document(at.path(), &arguments);
    for field in [
        "schema",
        "verb",
        "seed",
        "device",
        "seconds",
        "steps",
        "loss_first",
        "loss_last",
        "samples_per_second",
        "parameters",
        "run",
    ] {
        assert!(!trained[field].is_null(), "train: {field}");
    }
    let sampled = document(at.path(), &["sample", "density:mixture", "-n", "50", "--steps", "10"]);
    for field in ["n", "network_evaluations", "samples_per_second", "mode_weights"] {
        assert!(!sampled[field].is_null(), "sample: {field}");
    }
    let fisher = document(at.path(), &["fisher", "run", "toy:pinwheel", "--sigma", "0.5", "-n", "100"]);
    for field in ["loss", "standard_error"] {
        assert!(fisher[field].is_number(), "fisher: {field}");
    }
    let truth = document(at.path(), &["fisher", "density:mixture", "density:mixture", "--sigma", "1", "-n", "100"]);
    assert_eq!(truth["relative_fisher_divergence"], 0.0);
}

#[test]
fn a_flag_wins_over_a_variable_over_a_recipe_over_the_default() {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("r.toml"), "[train]\nlr = 0.1\nbatch = 7\nclip = 3.0\n").unwrap();
    let arguments = ["train", "toy:rings", "--recipe", "r.toml", "--lr", "0.3", "--explain-config", "--json"];
    let output = command(at.path(), &arguments).env("SCOREFIELD_LR", "0.2").env("SCOREFIELD_BATCH", "8").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let settings = document["settings"].as_array().unwrap();
    let find = |key: &str| settings.iter().find(|s| s["key"] == key).unwrap();
    assert_eq!((&find("train.lr")["value"], &find("train.lr")["origin"]), (&"0.3".into(), &"--lr".into()));
    assert_eq!(find("train.batch")["origin"], "SCOREFIELD_BATCH");
    assert!(find("train.clip")["origin"].as_str().unwrap().contains("r.toml"));
    assert_eq!(find("train.beta1")["origin"], "default");
}

#[test]
fn a_table_comes_back_in_its_own_units() {
    let at = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (0..200).map(|i| format!("{},{}", 1000.0 + f64::from(i % 17), -0.001 * f64::from(i % 13))).collect();
    fs::write(at.path().join("t.csv"), format!("mass,charge\n{}\n", rows.join("\n"))).unwrap();
    run(at.path(), &[&["train", "t.csv", "--out", "run", "--steps", "200", "--quiet"][..], &SMALL].concat());
    run(at.path(), &["sample", "run", "-n", "400", "-o", "s.csv", "--quiet"]);
    let text = fs::read_to_string(at.path().join("s.csv")).unwrap();
    assert_eq!(text.lines().next(), Some("mass,charge"));
    let mean = |column: usize| {
        let values: Vec<f64> = text.lines().skip(1).map(|l| l.split(',').nth(column).unwrap().parse().unwrap()).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    // Standard deviations 4.9 and 0.0037; a barely trained model still has the right mean and scale.
    assert!((mean(0) - 1008.0).abs() < 2.0, "{}", mean(0));
    assert!((mean(1) + 0.006).abs() < 0.002, "{}", mean(1));
}
