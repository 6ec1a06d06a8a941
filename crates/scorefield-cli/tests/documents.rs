//! What each verb answers: documents that programs read, and text that people read.

mod program;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use program::{command, document, run};

/// A run of three steps on all of the data.
fn small_run(folder: &Path, data: &str) {
    let small =
        ["--held-out", "0", "--width", "8", "--depth", "1", "--embedding", "4", "--batch", "8", "--steps", "3", "--quiet"];
    run(folder, &[&["train", data, "--out", "run"][..], &small].concat());
}

/// The rows of a table.
fn rows(path: &Path) -> Vec<Vec<f64>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect()).collect()
}

#[test]
fn every_verb_answers_with_a_document_of_its_own() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    small_run(at, "toy:rings");
    fs::write(at.join("p.csv"), "a,b\n1,2\n3,4\n").unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (&["train", "toy:rings", "--dry-run"], &["parameters", "state_bytes", "expected_seconds", "steps"]),
        (&["train", "toy:rings", "--explain-config"], &["settings"]),
        (&["sample", "run", "-n", "7", "--steps", "3"], &["n", "network_evaluations", "samples_per_second", "sampler", "mean"]),
        (&["score", "run", "p.csv", "--sigma", "1", "-o", "s.npy"], &["n", "sigma", "mean_norm", "out"]),
        (&["denoise", "run", "p.csv", "--sigma", "1", "-o", "d.npy"], &["n", "sigma", "out"]),
        (&["fisher", "run", "toy:rings", "--sigma", "1", "--sigma", "2", "-n", "50"], &["loss", "standard_error", "levels"]),
        (
            &["likelihood", "run", "p.csv", "-o", "l.npy"],
            &["mean_log_prob", "bits_per_dim", "standard_error", "n", "divergence", "latent_mean_square"],
        ),
        (&["likelihood", "run", "toy:rings", "-n", "5", "--probes", "3"], &["mean_log_prob", "probes", "mean_half_width"]),
        (
            &["likelihood", "density:mixture", "density:mixture", "-n", "20"],
            &["mean_log_prob", "exact_mean_log_prob", "mean_absolute_error", "prior_error"],
        ),
        (&["encode", "run", "p.csv", "-o", "z.npy"], &["n", "latent_mean_square", "sigma_max", "out"]),
        (&["decode", "run", "z.npy", "-o", "back.csv"], &["n", "sigma_min", "out"]),
        (&["list"], &["rooms"]),
        (&["list", "samplers"], &["entries"]),
        (&["runs"], &["runs"]),
        (&["completions", "bash"], &["script"]),
        (&["bench", "--only", "mlp", "--seconds", "0.001"], &["mlp", "fma_peak_gflops"]),
        (&["bench", "--only", "mlp,kernels", "--seconds", "0.000001"], &["mlp", "kernels", "fma_peak_gflops", "only"]),
        (
            &["bench", "--only", "objectives-peers", "--case", "sliced-128", "--steps", "1"],
            &["seconds_per_step", "steps", "parameters", "gflops", "fma_peak_gflops", "share_of_peak"],
        ),
        (&["bench", "--only", "kernels", "--seconds", "0.000001"], &["kernels", "fma_peak_gflops", "copy_gb_per_second"]),
        (&["bench", "--only", "objectives", "--quick", "--seconds", "0.000001"], &["rows", "slopes", "machine"]),
        (&["verify", "--only", "noises"], &["checks", "passed", "failed", "points"]),
        (&["doctor"], &["simd_active", "threads", "fma_gflops_one_thread", "devices", "data_folders"]),
    ];
    for (arguments, fields) in cases {
        let answer = document(at, arguments);
        assert_eq!(answer["schema"], "scorefield/1", "{arguments:?}");
        assert_eq!((answer["verb"].as_str(), answer["device"].as_str()), (Some(arguments[0]), Some("cpu")), "{arguments:?}");
        for field in ["seed", "seconds"].iter().chain(*fields) {
            assert!(!answer[field].is_null(), "{arguments:?}: no {field} in {answer}");
        }
    }
    assert_eq!(document(at, &["fisher", "run", "toy:rings", "--sigma", "2", "-n", "50"])["levels"][0]["sigma"], 2.0);
    assert_eq!(document(at, &["runs"])["runs"][0]["step"], 3);
    assert!(!at.join("samples.png").exists() && at.join("run/loss.png").is_file());
}

#[test]
fn score_and_denoise_keep_the_order_of_the_points_and_equal_the_closed_form() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let points: Vec<[f64; 2]> = (0..200).map(|i| [f64::from(i) / 64.0, 1.0 - f64::from(i) / 32.0]).collect();
    let lines: Vec<String> = points.iter().map(|[a, b]| format!("{a},{b}")).collect();
    fs::write(at.join("p.csv"), format!("a,b\n{}\n", lines.join("\n"))).unwrap();
    run(at, &["score", "density:standard-normal", "p.csv", "-o", "s.csv"]);
    run(at, &["denoise", "density:standard-normal", "p.csv", "--sigma", "2", "-o", "d.csv"]);
    // N(0, I): the score is −x; x₀ given x₀ + σn = x has mean x/(1 + σ²).
    let (scores, clean) = (rows(&at.join("s.csv")), rows(&at.join("d.csv")));
    assert_eq!((scores.len(), clean.len()), (200, 200));
    for (x, (s, d)) in points.iter().zip(scores.iter().zip(&clean)) {
        assert!((0..2).all(|j| (s[j] + x[j]).abs() < 1e-6 && (d[j] - x[j] / 5.0).abs() < 1e-6), "{x:?}: {s:?}, {d:?}");
    }
}

#[test]
fn noise_that_data_have_already_is_removed_by_the_formulas_of_its_family() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let points: Vec<[f64; 2]> = (0..50).map(|i| [f64::from(i) / 16.0, 3.0 - f64::from(i) / 32.0]).collect();
    let lines: Vec<String> = points.iter().map(|[a, b]| format!("{a},{b}")).collect();
    fs::write(at.join("p.csv"), format!("a,b\n{}\n", lines.join("\n"))).unwrap();
    // On N(0, I) s(y) = −y. Poisson: (y + ζ/2)·e^{−ζy}; gamma: α·y/(α − 1 + y²).
    let poisson: fn(f64) -> f64 = |y| (y + 0.25) * (-0.5 * y).exp();
    let gamma: fn(f64) -> f64 = |y| 3.0 * y / (2.0 + y * y);
    for (kind, flag, value, expected) in [("poisson", "--gain", "0.5", poisson), ("gamma", "--shape", "3", gamma)] {
        let answer = document(at, &["denoise", "density:standard-normal", "p.csv", "--noise", kind, flag, value, "-o", "d.csv"]);
        assert!(answer["noise"].as_str().unwrap().starts_with(kind) && answer["score_sigma"] == 0.0, "{answer}");
        for (y, found) in points.iter().zip(rows(&at.join("d.csv"))) {
            assert!((0..2).all(|j| (found[j] - expected(y[j])).abs() < 1e-6), "{kind} at {y:?}: {found:?}");
        }
    }
    // A model of the noisy data themselves: Tweedie's formula with the score at level 0, in units of the data whatever those of the model.
    let small = ["--width", "8", "--depth", "1", "--embedding", "4", "--batch", "8", "--steps", "3", "--quiet"];
    run(at, &[&["train", "p.csv", "--objective", "implicit", "--held-out", "0", "--out", "run"][..], &small].concat());
    run(at, &["score", "run", "p.csv", "-o", "s.csv"]);
    run(at, &["denoise", "run", "p.csv", "--noise", "gaussian", "--sigma", "0.5", "-o", "d.csv"]);
    let (scores, clean) = (rows(&at.join("s.csv")), rows(&at.join("d.csv")));
    for (y, (s, x)) in points.iter().zip(scores.iter().zip(&clean)) {
        assert!((0..2).all(|j| (x[j] - y[j] - 0.25 * s[j]).abs() < 1e-5), "{y:?}: {x:?}");
    }
}

#[test]
fn the_score_of_a_standardised_table_is_the_derivative_in_the_tables_units() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let lines: Vec<String> = (0..64).map(|i| format!("{},{}", 500 + i, f64::from(i * 37 % 64) / 1024.0)).collect();
    fs::write(at.join("t.csv"), format!("a,b\n{}\n", lines.join("\n"))).unwrap();
    small_run(at, "t.csv");
    run(at, &["score", "run", "t.csv", "--sigma", "0.5", "-o", "s.csv", "--quiet"]);
    run(at, &["denoise", "run", "t.csv", "--sigma", "0.5", "-o", "d.csv", "--quiet"]);
    let (points, scores, clean) = (rows(&at.join("t.csv")), rows(&at.join("s.csv")), rows(&at.join("d.csv")));
    // Tweedie in the table's units: D − x = (σ·std)²·s, so (D − x)/s is one number a column, (σ·std)².
    for j in 0..2 {
        let ratio: Vec<f64> =
            (0..64).filter(|i| scores[*i][j].abs() > 1e-3).map(|i| (clean[i][j] - points[i][j]) / scores[i][j]).collect();
        let expected = [0.25 * (64.0 * 64.0 - 1.0) / 12.0, 0.25 * (64.0 * 64.0 - 1.0) / 12.0 / 1024.0 / 1024.0][j];
        assert!(
            !ratio.is_empty() && ratio.iter().all(|r| (r / expected - 1.0).abs() < 0.01),
            "column {j}: {ratio:?}, {expected}"
        );
    }
}

#[test]
fn a_picture_says_how_it_was_made_and_the_same_command_makes_the_same_bytes() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    for file in ["a.png", "b.png", "c.svg"] {
        run(at, &["sample", "density:mixture", "-n", "20", "--steps", "4", "--seed", "9", "-o", file]);
    }
    assert!(fs::read(at.join("a.png")).unwrap() == fs::read(at.join("b.png")).unwrap());
    for file in ["a.png", "c.svg"] {
        let said = scorefield::plot::metadata(&at.join(file)).unwrap();
        let find = |key: &str| said.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
        assert_eq!((find("seed"), find("sampler"), find("n")), (Some("9"), Some("langevin"), Some("20")), "{file}");
        assert!(find("model").is_some() && find("settings").is_some() && find("scorefield").is_some(), "{file}");
    }
    run(at, &["score", "density:mixture", "--sigma", "1", "--picture", "field.svg"]);
    assert!(fs::read_to_string(at.join("field.svg")).unwrap().starts_with("<svg"));
}

#[test]
fn points_are_encoded_and_decoded_to_themselves_and_to_what_lies_between() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    small_run(at, "toy:rings");
    fs::write(at.join("p.csv"), "a,b\n1,2\n-0.5,0.25\n").unwrap();
    run(at, &["encode", "run", "p.csv", "--tolerance", "1e-6", "-o", "z.csv"]);
    run(at, &["decode", "run", "z.csv", "--tolerance", "1e-6", "-o", "back.csv"]);
    let (given, back) = (rows(&at.join("p.csv")).concat(), rows(&at.join("back.csv")).concat());
    assert!(given.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-2), "{given:?} {back:?}");
    run(at, &["decode", "run", "z.csv", "--tolerance", "1e-6", "--interpolate", "5", "-o", "way.csv"]);
    let way = rows(&at.join("way.csv"));
    assert_eq!(way.len(), 5);
    assert!(way[0].iter().chain(&way[4]).zip(&back).all(|(a, b)| (a - b).abs() < 1e-4), "{way:?} {back:?}");
    run(at, &["decode", "run", "z.csv", "--interpolate", "5", "-o", "way.png"]);
}

#[test]
fn likelihoods_are_the_densitys_own() {
    let at = tempfile::tempdir().unwrap();
    let answer = document(at.path(), &["likelihood", "density:gaussian-10", "density:gaussian-10", "-n", "300"]);
    let field = |name: &str| answer[name].as_f64().unwrap();
    assert!(field("mean_absolute_error") < 1e-3, "{answer}");
    assert!((field("mean_log_prob") - field("exact_mean_log_prob")).abs() < 1e-3, "{answer}");
    let bits = -field("mean_log_prob") / (10.0 * std::f64::consts::LN_2);
    assert!((field("bits_per_dim") - bits).abs() < 1e-9, "{answer}");
}

#[test]
fn a_density_without_noise_says_log_p_as_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(
        at.join("f.toml"),
        "kind = \"formula\"\ndimension = 2\nnormalised = true\nlog_density = \"sum(normal_lpdf(x, 1, 2))\"\n",
    )
    .unwrap();
    fs::write(at.join("p.csv"), "a,b\n1,2\n-0.5,0.25\n").unwrap();
    let answer = document(at, &["likelihood", "density:f.toml", "p.csv", "-o", "l.csv"]);
    // −½ Σ ((x − 1)/2)² − ln(2π·4).
    let expected = [0.125, 0.351_562_5].map(|square| -square - (std::f64::consts::TAU * 4.0).ln());
    let found = rows(&at.join("l.csv")).concat();
    assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}, not {expected:?}");
    let mean = answer["mean_log_prob"].as_f64().unwrap();
    assert!((mean - (expected[0] + expected[1]) / 2.0).abs() < 1e-12, "{answer}");
    assert!((answer["bits_per_dim"].as_f64().unwrap() + mean / (2.0 * std::f64::consts::LN_2)).abs() < 1e-12, "{answer}");
}

#[test]
fn a_table_of_estimated_likelihoods_has_their_error_bars() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("p.csv"), "a,b\n1,2\n-0.5,0.25\n").unwrap();
    let answer = document(at, &["likelihood", "density:mixture", "p.csv", "--probes", "4", "-o", "l.csv"]);
    let text = fs::read_to_string(at.join("l.csv")).unwrap();
    assert!(text.starts_with("log_prob,half_width\n"), "{text}");
    let rows = rows(&at.join("l.csv"));
    let mean = (rows[0][1] + rows[1][1]) / 2.0;
    assert!(
        rows.iter().all(|row| row[1] > 0.0) && (answer["mean_half_width"].as_f64().unwrap() - mean).abs() < 1e-5 * mean,
        "{answer}"
    );
}

#[test]
fn samples_that_all_diverge_are_a_failure_and_leave_no_file() {
    let at = tempfile::tempdir().unwrap();
    let arguments = ["sample", "density:mixture", "-n", "10", "--epsilon", "1000", "-o", "x.npy"];
    let output = command(at.path(), &arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("all 10 samples diverged: none is finite, the first is 0 at step "));
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let at = tempfile::tempdir().unwrap();
    // `true` reads nothing, so the pipe is closed when the list is written; a complaint would be on stderr.
    let mut shell = Command::new("sh");
    shell.args(["-c", "(sleep 0.2; exec \"$0\" list settings) | true", env!("CARGO_BIN_EXE_scorefield")]);
    let output = shell.current_dir(at.path()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_environment_stands_behind_the_flags() {
    let at = tempfile::tempdir().unwrap();
    let arguments = ["sample", "density:mixture", "-n", "3", "--steps", "2", "--json"];
    let with = |more: &[&str]| {
        let mut command = command(at.path(), &[&arguments[..], more].concat());
        command.env("SCOREFIELD_SEED", "5").env("SCOREFIELD_SAMPLER", "annealed");
        serde_json::from_slice::<Value>(&command.output().unwrap().stdout).unwrap()
    };
    let answer = with(&["--sigma-min", "1"]);
    assert_eq!((&answer["seed"], &answer["sampler"]), (&Value::from(5), &Value::from("annealed")));
    let answer = with(&["--seed", "6", "--sampler", "langevin"]);
    assert_eq!((&answer["seed"], &answer["sampler"]), (&Value::from(6), &Value::from("langevin")));
}

#[test]
fn chains_say_whether_they_have_mixed_and_leave_their_course_and_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let common = ["sample", "density:mixture", "-n", "40", "--start", "uniform:-8:8", "--steps", "200"];
    let stuck = run(at, &[&common[..], &["--sampler", "langevin"]].concat());
    let warning = String::from_utf8(stuck.stderr).unwrap();
    assert!(warning.contains("the chains have not mixed: R̂ = "), "{warning}");

    let more = ["--sampler", "mala", "--trace", "course.npy", "--chains-plot", "pictures"];
    let answer = document(at, &[&common[..], &more].concat());
    for field in ["acceptance", "rhat", "ess_bulk", "ess_tail", "ess_per_second"] {
        assert!(answer[field].is_f64(), "{field}: {answer}");
    }
    assert_eq!(answer["mixed"], false);
    assert!(answer["stein"]["ksd"].is_f64() && answer["coordinates"]["mcse_mean"][0].is_f64(), "{answer}");
    // 40 chains, the second half of 100 steps of warm-up and 200 after them, 2 numbers of 4 bytes; a header of 128.
    assert_eq!(fs::metadata(at.join("course.npy")).unwrap().len(), 128 + 40 * 150 * 2 * 4);
    for picture in ["trace.png", "ranks.png", "autocorrelation.png"] {
        assert!(at.join("pictures").join(picture).is_file(), "{picture}");
    }

    let tempered = document(at, &[&common[..], &["--sampler", "tempering", "--advise"]].concat());
    assert_eq!(tempered["exchange_rates"].as_array().unwrap().len(), 9);
    assert_eq!(tempered["advice"]["levels"].as_array().unwrap().len(), 10);
    assert_eq!(document(at, &["sample", "density:mixture", "-n", "40", "--sampler", "heun"])["rhat"], Value::Null);
}

#[test]
fn a_film_has_frames_and_is_refused_where_there_is_no_plane_or_no_such_format() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let sample = ["sample", "density:mixture", "-n", "50", "--sampler", "langevin", "--steps", "30", "--quiet"];
    run(at, &[&sample[..], &["--animate", "film.png"]].concat());
    let reader = png::Decoder::new(std::io::Cursor::new(fs::read(at.join("film.png")).unwrap())).read_info().unwrap();
    // Thirty steps are thirty frames.
    assert_eq!(reader.info().animation_control().unwrap().num_frames, 30);
    for (target, file) in [("density:mixture-1d", "line.png"), ("density:mixture", "film.gif")] {
        let refused = command(at, &["sample", target, "-n", "5", "--steps", "9", "--animate", file]).output().unwrap();
        assert_eq!(refused.status.code(), Some(2), "{target} {file}");
        assert!(!at.join(file).exists());
    }
}
