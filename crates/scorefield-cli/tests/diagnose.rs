//! The diagnoses: what is planted is found, and what is found stands in the document, the report and the pictures.

mod program;

use std::fs;
use std::path::Path;

use serde_json::Value;

use program::{command, document, run};

/// A mixture of Gaussians of variance 1 in the plane.
fn mixture(path: &Path, parts: &[(f64, [f64; 2])]) {
    let part = |(w, [x, y]): &(f64, [f64; 2])| format!("[[component]]\nweight = {w}\nmean = [{x}, {y}]\nstd = 1.0\n");
    fs::write(path, format!("kind = \"mixture\"\n{}", parts.iter().map(part).collect::<String>())).unwrap();
}

fn train(at: &Path, data: &str, out: &str, more: &[&str]) {
    let small = ["--width", "48", "--depth", "2", "--embedding", "16", "--batch", "256", "--lr", "0.005", "--quiet"];
    run(at, &[&["train", data, "--out", out][..], &small, more].concat());
}

/// What every diagnosis leaves: the same document in the folder as on stdout, a report, and pictures that are there.
fn check_folder(at: &Path, answer: &Value, diagnosis: &str) {
    assert_eq!((answer["verb"].as_str(), answer["diagnosis"].as_str()), (Some("diagnose"), Some(diagnosis)));
    let out = at.join(answer["out"].as_str().unwrap());
    let saved: Value = serde_json::from_slice(&fs::read(out.join("diagnosis.json")).unwrap()).unwrap();
    for (name, value) in saved.as_object().unwrap().iter().filter(|(name, _)| *name != "seconds") {
        assert_eq!(value, &answer[name.as_str()], "{name}");
    }
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("</html>"));
    let pictures = answer["pictures"].as_array().unwrap();
    assert!(!pictures.is_empty());
    for picture in pictures {
        assert!(fs::read(at.join(picture.as_str().unwrap())).unwrap().starts_with(b"\x89PNG"), "{picture}");
    }
}

#[test]
fn digits_fill_few_dimensions_and_their_principal_components_are_scikit_learns() {
    let at = tempfile::tempdir().unwrap();
    let answer = document(at.path(), &["diagnose", "manifold", "digits", "-n", "800"]);
    check_folder(at.path(), &answer, "manifold");
    assert_eq!(answer["out"], "scorefield-diagnose/manifold");
    // scikit-learn's (bench/peers/pca.py).
    assert!((answer["pca"]["explained_variance"][0].as_f64().unwrap() - 0.699_245_820_695_203_4).abs() < 1e-6);
    let ranks = ["dimensions_90", "dimensions_95", "dimensions_99"].map(|name| answer["pca"][name].as_u64().unwrap());
    assert_eq!((answer["pca"]["n"].as_u64(), ranks), (Some(1797), [21, 29, 41]));
    assert!(at.path().join("scorefield-diagnose/manifold/reconstructions.png").is_file());
    // Published values for these digits lie about 8 to 11.
    let k = answer["two_nn"]["dimension"].as_f64().unwrap();
    assert!((6.0..14.0).contains(&k), "{k}");
}

#[test]
fn a_flat_density_has_its_dimension_by_points_and_by_score() {
    let at = tempfile::tempdir().unwrap();
    let variance = |i: usize| if i < 3 { 1.0 } else { 1e-6 };
    let rows: Vec<String> =
        (0..6).map(|i| format!("{:?}", (0..6).map(|j| if i == j { variance(i) } else { 0.0 }).collect::<Vec<f64>>())).collect();
    let text =
        format!("kind = \"mixture\"\n[[component]]\nweight = 1.0\nmean = [0, 0, 0, 0, 0, 0]\ncov = [{}]\n", rows.join(", "));
    fs::write(at.path().join("flat.toml"), text.replace("mean = [0, 0, 0, 0, 0, 0]", "mean = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]"))
        .unwrap();
    let answer = document(at.path(), &["diagnose", "manifold", "density:flat.toml", "-n", "2000", "--out", "flat"]);
    check_folder(at.path(), &answer, "manifold");
    for estimator in ["two_nn", "levina_bickel"] {
        let k = answer[estimator]["dimension"].as_f64().unwrap();
        assert!((k - 3.0).abs() < 0.3, "{estimator}: {k}");
    }
    assert_eq!((answer["normal_space"]["dimension"].as_f64(), answer["pca"]["dimensions_99"].as_u64()), (Some(3.0), Some(3)));
    let plateau = answer["flipd"].as_array().unwrap().iter().filter(|f| (0.004..0.05).contains(&f["sigma"].as_f64().unwrap()));
    for f in plateau {
        assert!((f["dimension"].as_f64().unwrap() - 3.0).abs() < 0.3, "{f}");
    }
}

#[test]
fn a_model_of_one_mode_is_found_to_lack_the_other() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    mixture(&at.join("one.toml"), &[(1.0, [5.0, 5.0])]);
    train(at, "density:one.toml", "one", &["--steps", "400"]);
    let arguments =
        ["diagnose", "mixing", "one", "--against", "density:mixture", "-n", "400", "--points", "1500", "--steps", "100"];
    let answer = document(at, &arguments);
    check_folder(at, &answer, "mixing");
    assert_eq!((answer["mode_count"].as_u64(), answer["missing_modes"].as_array().unwrap().len()), (Some(2), 1), "{answer}");
    let text = String::from_utf8(run(at, &arguments).stdout).unwrap();
    assert!(text.contains("MODE 1 IS MISSING: 19.3%"), "{text}");
}

#[test]
fn langevin_dynamics_keeps_the_proportions_of_its_start_and_the_ladder_does_not() {
    let at = tempfile::tempdir().unwrap();
    let answer = document(
        at.path(),
        &["diagnose", "mixing", "density:mixture", "-n", "600", "--points", "1500", "--start", "uniform:-8:8"],
    );
    check_folder(at.path(), &answer, "mixing");
    assert_eq!(answer["missing_modes"].as_array().unwrap().len(), 0);
    let sampler = |name: &str| answer["samplers"].as_array().unwrap().iter().find(|s| s["sampler"] == name).unwrap();
    let (plain, annealed) = (sampler("langevin"), sampler("annealed"));
    let share = |s: &Value| s["proportions"][0]["samples"]["weight"].as_f64().unwrap();
    // Of a start that is uniform over [−8, 8]² half comes to each mode.
    assert!((share(plain) - 0.5).abs() < 0.1 && plain["proportions"][0]["verdict"] == "too-few", "{plain}");
    assert!((share(annealed) - 0.8).abs() < 0.07 && annealed["proportions"][0]["verdict"] == "right", "{annealed}");
    assert_eq!(plain["transitions"]["count"], 0);
    assert!(sampler("tempering")["transitions"]["count"].as_u64().unwrap() > 100);
    let first = &answer["barriers"][0]["barrier"];
    assert!(first["forward"].as_f64().unwrap() > 15.0 && first["from_density"] == true);
}

#[test]
fn a_score_is_worst_where_there_are_no_data() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    train(at, "density:mixture", "run", &["--steps", "1500", "--schedule", "single", "--sigma", "0.5"]);
    let answer = document(at, &["diagnose", "density", "run", "-n", "2000", "--bins", "5"]);
    check_folder(at, &answer, "density");
    assert_eq!(answer["truth_known"], true);
    let between = &answer["between_modes"][0];
    assert!(between["interval"][0].as_f64().unwrap() > 2.0, "{between}");
    let bins = answer["error_by_density"][0]["bins"].as_array().unwrap();
    let error = |i: usize| bins[i]["error"].as_f64().unwrap();
    assert!(bins.len() == 5 && error(0) > error(4), "{bins:?}");
    assert!(at.join("scorefield-diagnose/density/map.png").is_file());
    assert_eq!(answer["loss_by_density"][0]["bins"].as_array().unwrap().len(), 5);
    // At all levels of a model of many, the largest of which leaves no modes.
    train(at, "density:mixture", "many", &["--steps", "30"]);
    let answer = document(at, &["diagnose", "density", "many", "-n", "500", "--bins", "5"]);
    assert_eq!(["error_by_density", "between_modes"].map(|name| answer[name].as_array().unwrap().len()), [3, 3]);
    // Where the truth is not known, held-out points alone.
    train(at, "digits", "digits", &["--steps", "20"]);
    let answer = document(at, &["diagnose", "density", "digits", "--sigma", "0.3"]);
    check_folder(at, &answer, "density");
    assert_eq!((&answer["truth_known"], answer["error_by_density"].is_null()), (&Value::Bool(false), true));
}

#[test]
fn chains_of_a_file_have_the_figures_that_sampling_gave_them() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let drawn = document(at, &["sample", "density:gaussian", "-n", "8", "--steps", "400", "--trace", "chains.npy", "--quiet"]);
    let answer = document(at, &["diagnose", "chains", "chains.npy", "--names", "a,b"]);
    check_folder(at, &answer, "chains");
    for field in ["rhat", "ess_bulk", "ess_tail"] {
        let (a, b) = (answer[field].as_f64().unwrap(), drawn[field].as_f64().unwrap());
        // The file is of single precision.
        assert!((a - b).abs() < 1e-3 * b, "{field}: {a} and {b}");
    }
    assert_eq!((&answer["names"][1], answer["coordinates"]["mean"].as_array().unwrap().len()), (&Value::from("b"), 2));
    let text = String::from_utf8(run(at, &["diagnose", "chains", "chains.npy", "--skip", "180"]).stdout).unwrap();
    assert!(text.contains("R̂") && text.contains("x1"), "{text}");
}

#[test]
fn what_cannot_be_diagnosed_is_refused_and_leaves_nothing() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    fs::write(at.join("few.csv"), "a,b\n1,2\n3,4\n5,6\n").unwrap();
    fs::write(at.join("taken"), "").unwrap();
    let before = fs::read_dir(at).unwrap().count();
    for (arguments, words) in [
        (&["diagnose", "manifold", "few.csv"][..], "at least 50"),
        (&["diagnose", "manifold", "digits", "-n", "3"], "-n"),
        (&["diagnose", "manifold", "digits", "--out", "taken"], "taken"),
        (&["diagnose", "manifold", "no-such"], "DATA"),
        (&["diagnose", "mixing", "digits"], "a run folder or density"),
        (&["diagnose", "mixing", "density:mixture", "--start", "everywhere"], "--start"),
        (&["diagnose", "mixing", "density:mixture", "--modes", "0"], "--modes"),
        (&["diagnose", "density", "density:mixture"], "a run folder"),
        (&["diagnose", "chains", "few.csv"], "NumPy"),
        (&["diagnose", "chains", "no-such.npy"], "no-such.npy"),
        (&["diagnose", "moods"], "moods"),
    ] {
        let output = command(at, arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert_eq!(fs::read_dir(at).unwrap().count(), before, "{arguments:?}");
    }
}

#[test]
fn every_diagnostic_is_listed_with_the_word_that_measures_it() {
    let at = tempfile::tempdir().unwrap();
    let listed = document(at.path(), &["list", "diagnostics"]);
    let names: Vec<&str> = listed["entries"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
    for name in [
        "pca",
        "two-nn",
        "levina-bickel",
        "normal-space",
        "flipd",
        "modes",
        "transitions",
        "barrier",
        "error-by-density",
        "rhat",
        "ess",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}
