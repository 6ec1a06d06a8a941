//! `lecture`: what it writes, what it refuses, and that one claim alone gives what it gives among others.

mod program;

use std::fs;

use program::{command, document, run};
use serde_json::Value;

#[test]
fn claims_are_written_as_a_document_a_page_and_pictures_and_each_alone_gives_the_same() {
    let at = tempfile::tempdir().unwrap();
    let at = at.path();
    let quick = ["lecture", "--quick", "--quiet", "--seed", "3", "--only", "normaliser", "--only", "langevin"];
    let both = document(at, &[&quick[..], &["--out", "both"]].concat());
    assert_eq!((&both["verb"], &both["agreed"], &both["disagreed"]), (&"lecture".into(), &2.into(), &0.into()));
    let written: Value = serde_json::from_str(&fs::read_to_string(at.join("both/claims.json")).unwrap()).unwrap();
    assert_eq!((&written["schema"], &written["seed"], &written["effort"]), (&"scorefield/1".into(), &3.into(), &"quick".into()));
    assert_eq!(written["claims"], both["claims"]);
    for claim in written["claims"].as_array().unwrap() {
        for figure in claim["figures"].as_array().unwrap() {
            let number = |name: &str| figure[name].as_f64().unwrap();
            let (expected, measured, tolerance) = (number("expected"), number("measured"), number("tolerance"));
            let agrees = match figure["relation"].as_str().unwrap() {
                "equals" => (measured - expected).abs() <= tolerance,
                "at-most" => measured <= expected,
                "at-least" => measured >= expected,
                other => panic!("{other}"),
            };
            assert_eq!(figure["agrees"], agrees, "{figure}");
        }
        for picture in claim["pictures"].as_array().unwrap() {
            assert!(at.join("both").join(picture["file"].as_str().unwrap()).exists(), "{picture}");
        }
    }
    assert!(fs::read_to_string(at.join("both/report.html")).unwrap().contains("6 · Langevin dynamics samples p"));

    // The command that the document names, in a folder of its own.
    let said = both["claims"][1]["command"].as_str().unwrap();
    assert_eq!(said, "scorefield lecture --only langevin --quick --seed 3");
    let words: Vec<&str> = said.split(' ').skip(1).chain(["--quiet"]).collect();
    let alone = document(at, &words);
    assert_eq!(alone["claims"][0]["figures"], both["claims"][1]["figures"]);
    // What claim 1 wrote is a density like any other.
    run(at, &["score", "density:both/unnormalised.toml", "--picture", "field.png", "--quiet"]);
}

#[test]
fn a_claim_that_is_none_and_a_data_folder_that_is_not_there_are_refused_and_nothing_is_left() {
    let at = tempfile::tempdir().unwrap();
    let output = command(at.path(), &["lecture", "--only", "slow-mixin"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean slow-mixing?"));
    assert!(!at.path().join("scorefield-lecture").exists());
    let output = command(at.path(), &["lecture", "--quick", "--only", "manifold", "--data-dir", "nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
