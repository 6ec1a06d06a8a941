//! Files that say how they were made, made again; and sets of samples that are the same however they are drawn.

mod program;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use program::{command, document, run};

/// Refused with this exit code and these words, and nothing new in the folder.
fn refused(folder: &Path, arguments: &[&str], code: i32, said: &[&str]) {
    let count = || fs::read_dir(folder).unwrap().count();
    let before = count();
    let output = command(folder, arguments).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    for part in said {
        assert!(error.contains(part), "{arguments:?}: {error:?} does not say {part:?}");
    }
    assert_eq!(count(), before, "{arguments:?} left something behind");
}

fn small_run(folder: &Path, name: &str, seed: &str) {
    let small = [
        "--width",
        "8",
        "--depth",
        "1",
        "--embedding",
        "4",
        "--batch",
        "8",
        "--steps",
        "2",
        "--early",
        "0.5",
        "--quiet",
        "--seed",
        seed,
    ];
    run(folder, &[&["train", "toy:rings", "--out", name][..], &small].concat());
}

const RING: &str =
    "kind = 'formula'\ndimension = 2\nstart = [2, 0]\nlog_density = '-0.5*((norm(x) - r)/0.3)^2'\n[parameters]\nr = 2.0\n";

#[test]
fn what_sample_score_and_denoise_write_is_made_again_bit_for_bit() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    small_run(at, "run", "1");
    small_run(at, "other", "2");
    fs::write(at.join("ring.toml"), RING).unwrap();
    fs::write(at.join("p.csv"), "a,b\n1,2\n3,4\n-0.5,1\n").unwrap();
    let ladder = ["--sigma-max", "20", "--sigma-min", "1", "--levels", "4", "--steps", "3", "--no-denoise", "-o", "c.parquet"];
    let annealed = [&["sample", "density:mixture", "-n", "300", "--sampler", "annealed"][..], &ladder].concat();
    let made: &[(&str, &[&str])] = &[
        ("a.npy", &["sample", "run", "-n", "70", "--steps", "3", "--seed", "18446744073709551615", "-o", "a.npy"]),
        (
            "b.csv",
            &["sample", "density:ring.toml", "-n", "300", "--from", "11", "--steps", "20", "--epsilon", "0.01", "-o", "b.csv"],
        ),
        ("c.parquet", &annealed),
        ("d.png", &["sample", "density:mixture", "-n", "50", "--steps", "5", "--start", "uniform:-8:8", "--out", "d.png"]),
        ("e.svg", &["sample", "run", "-n", "20", "--sampler=langevin", "--steps=3", "--sigma", "0.5", "-o", "e.svg"]),
        ("f.npy", &["denoise", "run", "p.csv", "--sigma", "1", "-o", "f.npy"]),
        ("g.csv", &["denoise", "density:mixture", "p.csv", "--sigma", "0.7", "--out=g.csv"]),
        ("h.npy", &["score", "density:ring.toml", "p.csv", "-o", "h.npy"]),
        ("i.parquet", &["score", "density:mixture", "p.csv", "--sigma", "2", "--energy", "-o", "i.parquet"]),
        ("j.png", &["score", "run", "p.csv", "--sigma", "0.5", "--picture", "j.png", "-o", "j.npy"]),
        ("j.npy", &["score", "run", "p.csv", "--sigma", "0.5", "--picture", "j.png", "-o", "j.npy"]),
        ("k.npy", &["likelihood", "density:mixture", "p.csv", "--divergence", "hutchinson", "--probes", "3", "-o", "k.npy"]),
        ("l.csv", &["likelihood", "density:gaussian", "toy:rings", "-n", "20", "--seed", "4", "-o", "l.csv"]),
        ("z.npy", &["encode", "density:mixture", "p.csv", "-o", "z.npy"]),
        ("n.png", &["decode", "density:mixture", "z.npy", "--interpolate", "4", "-o", "n.png"]),
        ("o.npy", &["sample", "density:mixture", "-n", "9", "--sampler", "heun", "--sigmas", "20,5,1,0", "-o", "o.npy"]),
        ("q.npy", &["sample", "run", "-n", "9", "--steps", "3", "--guidance", "3", "-o", "q.npy"]),
        ("r.npy", &["sample", "run", "-n", "9", "--steps", "3", "--guide", "other", "-o", "r.npy"]),
    ];
    for (file, arguments) in made {
        run(at, arguments);
        let again = document(at, &["reproduce", file]);
        assert_eq!(again["equal"], true, "{file}: {again}");
        assert_eq!(again["bytes"], fs::metadata(at.join(file)).unwrap().len());
    }
    let drawn = |file: &str| fs::read(at.join(file)).unwrap();
    run(at, &["sample", "run", "-n", "9", "--steps", "3", "-o", "alone.npy"]);
    assert!(drawn("q.npy") != drawn("alone.npy") && drawn("r.npy") != drawn("alone.npy") && drawn("q.npy") != drawn("r.npy"));
    // With a copy, also of the record beside a table.
    run(at, &["reproduce", "b.csv", "-o", "copy.csv"]);
    for (a, b) in [("b.csv", "copy.csv"), ("b.csv.json", "copy.csv.json")] {
        assert_eq!(fs::read(at.join(a)).unwrap(), fs::read(at.join(b)).unwrap());
    }
    assert_eq!(document(at, &["reproduce", "copy.csv"])["equal"], true);
    // What came from the environment is in the file.
    let mut with = command(at, &["sample", "density:mixture", "-n", "5", "--steps", "3", "-o", "env.npy"]);
    let with = with.env("SCOREFIELD_SAMPLER", "langevin").env("SCOREFIELD_EPSILON", "0.2").env("SCOREFIELD_SEED", "9").output();
    assert!(with.unwrap().status.success());
    assert_eq!(document(at, &["reproduce", "env.npy"])["equal"], true);
}

#[test]
fn what_cannot_be_made_again_is_said_in_one_line() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    small_run(at, "run", "1");
    fs::write(at.join("ring.toml"), RING).unwrap();
    fs::write(at.join("p.csv"), "a,b\n1,2\n").unwrap();
    run(at, &["sample", "run", "-n", "10", "--steps", "3", "-o", "a.npy"]);
    run(at, &["sample", "density:ring.toml", "-n", "10", "--steps", "3", "-o", "b.png"]);
    run(at, &["score", "density:mixture", "p.csv", "-o", "c.npy"]);
    small_run(at, "guide", "3");
    run(at, &["sample", "run", "-n", "10", "--steps", "3", "--guide", "guide", "-o", "g.npy"]);
    fs::remove_dir_all(at.join("guide")).unwrap();
    refused(at, &["reproduce", "g.npy"], 2, &["guide", "g.npy was made from run"]);
    small_run(at, "guide", "4");
    refused(at, &["reproduce", "g.npy"], 2, &["g.npy", "another guide", "guide was"]);
    refused(at, &["reproduce", "p.csv"], 2, &["p.csv", "no record", "p.csv.json"]);
    fs::write(at.join("q.csv"), "a,b\n1,2\n").unwrap();
    for (record, said) in
        [(r#"{"scorefield": {"argum"#, "another program's"), (r#"{"scorefield": {"arguments": "sample"}}"#, "no list of words")]
    {
        fs::write(at.join("q.csv.json"), record).unwrap();
        refused(at, &["reproduce", "q.csv"], 2, &["q.csv", "damaged", said]);
    }
    refused(at, &["reproduce", "ring.toml"], 2, &["FILE", "ring.toml", ".npy"]);
    refused(at, &["reproduce", "missing.npy"], 2, &["missing.npy"]);
    refused(at, &["reproduce", "a.npy", "-o", "x.csv"], 2, &["-o", ".npy", "x.csv"]);
    refused(at, &["reproduce", "a.npy", "-o", "a.npy"], 2, &["-o", "another name"]);
    refused(at, &["reproduce", "a.npy", "-o", "no/x.npy"], 2, &["no/x.npy"]);
    fs::write(at.join("p.csv"), "a,b\n1,3\n").unwrap();
    refused(at, &["reproduce", "c.npy"], 2, &["c.npy", "the points", "others by now"]);
    fs::write(at.join("ring.toml"), RING.replace("2.0", "2.5")).unwrap();
    refused(at, &["reproduce", "b.png"], 2, &["b.png", "another model", "density:ring.toml was"]);
    fs::remove_file(at.join("ring.toml")).unwrap();
    refused(at, &["reproduce", "b.png"], 2, &["ring.toml", "b.png was made from density:ring.toml"]);
    fs::rename(at.join("run"), at.join("elsewhere")).unwrap();
    refused(at, &["reproduce", "a.npy"], 2, &["run", "a.npy was made from run"]);
    small_run(at, "run", "2");
    refused(at, &["reproduce", "a.npy"], 2, &["a.npy", "another model"]);
    // A byte of the numbers that is another's: made again, and not equal.
    fs::remove_dir_all(at.join("run")).unwrap();
    fs::rename(at.join("elsewhere"), at.join("run")).unwrap();
    let mut bytes = fs::read(at.join("a.npy")).unwrap();
    bytes[130] ^= 1;
    fs::write(at.join("a.npy"), bytes).unwrap();
    let output = command(at, &["reproduce", "a.npy", "--json"]).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &answer["equal"], &answer["first_difference"]),
        (Some(1), &Value::from(false), &Value::from(130))
    );
    // A record that asks for something else than a file of numbers.
    let record =
        r#"{"scorefield": {"arguments": "[\"train\", \"toy:rings\", \"--out\", \"{}\"]", "target": "run", "model": "x"}}"#;
    fs::write(at.join("p.csv.json"), record).unwrap();
    refused(at, &["reproduce", "p.csv"], 2, &["p.csv", "damaged"]);
    // Records that would write over other files: under -o with the file's own name elsewhere, or beside it.
    fs::write(at.join("letter.npy"), "dear").unwrap();
    let chains = r#"\"sample\", \"density:mixture\", \"-n\", \"4\", \"--sampler\", \"mala\", \"--steps\", \"2\""#;
    for places in [
        r#"\"--trace\", \"letter.npy\", \"-o\", \"{}\""#,
        r#"\"--animate\", \"letter.npy\", \"-o\", \"{}\""#,
        r#"\"--trace=letter.npy\", \"-o\", \"{}\""#,
        r#"\"-o\", \"letter.npy\", \"--trace\", \"{}\""#,
        r#"\"-oletter.npy\", \"--chains-plot\", \"{}\""#,
    ] {
        let record =
            format!(r#"{{"scorefield": {{"arguments": "[{chains}, {places}]", "target": "density:mixture", "model": "x"}}}}"#);
        fs::write(at.join("p.csv.json"), record).unwrap();
        refused(at, &["reproduce", "p.csv"], 2, &["p.csv", "damaged", "another place"]);
        assert_eq!(fs::read_to_string(at.join("letter.npy")).unwrap(), "dear");
    }
}

/// The rows of a table.
fn rows(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn a_set_is_the_same_at_once_and_in_ten_parts_and_for_any_number_of_threads() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    small_run(at, "run", "1");
    fs::write(at.join("ring.toml"), RING).unwrap();
    for target in ["density:mixture", "density:ring.toml", "run"] {
        let draw = |n: &str, from: &str, threads: &str, file: &str| {
            let mut command =
                command(at, &["sample", target, "--sampler", "langevin", "--steps", "7", "-n", n, "--from", from, "-o", file]);
            assert!(command.env("SCOREFIELD_THREADS", threads).output().unwrap().status.success());
        };
        draw("5000", "0", "1", "whole.csv");
        draw("5000", "0", "3", "other.csv");
        assert_eq!(fs::read(at.join("whole.csv")).unwrap(), fs::read(at.join("other.csv")).unwrap());
        let mut parts = Vec::new();
        for part in 0..10 {
            draw("500", &(500 * part).to_string(), "2", "part.csv");
            parts.extend(rows(&at.join("part.csv")));
        }
        assert_eq!(parts, rows(&at.join("whole.csv")), "{target}");
    }
}

#[cfg(unix)]
#[test]
fn an_interruption_leaves_a_file_of_what_was_drawn_that_can_be_extended_and_made_again() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    for (file, format) in [("a.npy", "npy"), ("b.csv", "csv"), ("c.parquet", "parquet")] {
        // Far more than the time until the signal has room for.
        let sample = ["sample", "density:mixture", "-n", "400000000", "--steps", "20", "--quiet", "-o", file];
        let mut child = command(at, &sample).stderr(Stdio::piped()).spawn().unwrap();
        // The file grows under a hidden name: some of it is there before the signal is sent.
        let grown = || {
            let hidden = fs::read_dir(at)
                .unwrap()
                .filter_map(Result::ok)
                .find(|e| e.file_name().to_string_lossy().starts_with(&format!(".{file}")));
            hidden.and_then(|e| e.metadata().ok()).is_some_and(|m| m.len() > 300_000)
        };
        for _ in 0..6000 {
            if grown() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(grown(), "{format}: nothing was written");
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{format}");
        let mut said = String::new();
        std::io::Read::read_to_string(child.stderr.as_mut().unwrap(), &mut said).unwrap();
        assert!(said.contains("interrupted") && said.contains("--from"), "{said}");
        assert_eq!(
            fs::read_dir(at).unwrap().filter_map(Result::ok).filter(|e| e.file_name().to_string_lossy().starts_with('.')).count(),
            0
        );
        // The file is whole, and says how many rows it has.
        let from: u64 =
            said.split("--from ").nth(1).unwrap().split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
        let scores = document(at, &["score", "density:mixture", file, "--sigma", "1", "-o", "s.npy"]);
        assert_eq!(scores["n"], from, "{format}");
        if format == "npy" {
            assert_eq!(document(at, &["reproduce", file, "--quiet"])["equal"], true, "{format}");
        }
    }
}
