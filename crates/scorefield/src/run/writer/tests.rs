//! A run folder through its whole life, and what is left after deaths at bad moments.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::{Row, list_runs};
use super::*;

const RECIPE_TEXT: &str = "[data]\nsource = \"digits\"\n[train]\nsteps = 300\n";

fn state(step: u64) -> State {
    State { step, samples_seen: step * 256, ..State::start(0, "data") }
}

fn save(writer: &RunWriter, step: u64, keep: usize) -> Written {
    let weights = step.to_le_bytes();
    let files = CheckpointFiles { model: &weights, ema: b"averages", optimizer: b"moments" };
    writer.write_checkpoint(&state(step), files, keep).unwrap()
}

fn steps(writer: &RunWriter) -> Vec<u64> {
    checkpoint::list(&writer.folder().checkpoints_path()).iter().map(|(step, _)| *step).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn run() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/run");
    (folder, path)
}

#[test]
fn a_run_is_made_saved_read_and_resumed() {
    let (_folder, path) = run();
    let writer = RunWriter::create(&path, RECIPE_TEXT).unwrap();
    let mut metrics = writer.metrics(0).unwrap();
    for step in [100, 200, 300] {
        metrics.append(&Row::new(step, [("loss", 1.0 / step as f64)])).unwrap();
        assert_eq!(save(&writer, step, 2).warnings, [] as [String; 0]);
    }
    writer.write_card("card").unwrap();
    assert_eq!(steps(&writer), [300, 200]);
    assert_eq!(names(&path), [".lock", "README.md", "checkpoints", "latest", "metrics.jsonl", "recipe.toml"]);
    assert_eq!(fs::read_to_string(path.join("latest")).unwrap(), "step-00000300\n");

    let reader = RunFolder::open(&path).unwrap();
    assert_eq!(reader.recipe_text().unwrap(), RECIPE_TEXT);
    assert_eq!(reader.metrics().unwrap().len(), 3);
    let found = reader.latest().unwrap();
    assert_eq!((found.checkpoint.state.samples_seen, found.warnings.len()), (300 * 256, 0));
    assert_eq!(fs::read(found.checkpoint.path.join("model.safetensors")).unwrap(), 300u64.to_le_bytes());

    let busy = RunWriter::resume(&path).unwrap_err().to_string();
    assert!(busy.contains(&format!("process {}", std::process::id())), "{busy}");
    drop(writer);
    assert_eq!(RunWriter::resume(&path).unwrap().found.unwrap().checkpoint.state.step, 300);
}

#[test]
fn an_existing_run_and_a_folder_with_other_things_are_refused_and_untouched() {
    let (folder, path) = run();
    drop(RunWriter::create(&path, RECIPE_TEXT).unwrap());
    let error = RunWriter::create(&path, "other").unwrap_err();
    assert!(error.to_string().ends_with("a run is there already") && error.hint().unwrap().contains("--resume"), "{error}");
    assert_eq!(fs::read_to_string(path.join("recipe.toml")).unwrap(), RECIPE_TEXT);

    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("thesis.tex"), "x").unwrap();
    for error in [RunWriter::create(&other, "").unwrap_err(), RunWriter::resume(&other).unwrap_err()] {
        assert!(error.to_string().contains("not empty and not a run"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
    assert_eq!(names(&other), ["thesis.tex"]);
}

#[test]
fn readers_are_told_what_is_wrong_with_a_path() {
    let (folder, path) = run();
    let message = |path: &Path| RunFolder::open(path).unwrap_err().to_string();
    assert!(message(&path).ends_with("no such run folder"));
    assert!(message(folder.path()).ends_with("it has no recipe.toml"));
    fs::write(folder.path().join("file"), "").unwrap();
    assert!(message(&folder.path().join("file")).ends_with("a file, not a run folder"));
    drop(RunWriter::create(&path, RECIPE_TEXT).unwrap());
    let error = RunFolder::open(&path).unwrap().latest().unwrap_err();
    assert!(error.to_string().contains("no checkpoint in this run folder"), "{error}");
    assert!(error.hint().unwrap().contains("--resume"));
}

#[test]
fn a_parent_that_is_a_file_is_a_write_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for error in [
        RunWriter::create(folder.path().join("file/run"), "").unwrap_err(),
        RunWriter::resume(folder.path().join("file/a/run")).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Write { .. }), "{error}");
    }
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn a_death_while_the_folder_is_made_is_started_over() {
    for resume in [true, false] {
        for leftovers in [&[][..], &[".lock"], &[".lock", "checkpoints/"], &[".lock", "checkpoints/", ".recipe.toml.tmp-7-0"]] {
            let (_folder, path) = run();
            fs::create_dir_all(&path).unwrap();
            for name in leftovers {
                match name.strip_suffix('/') {
                    Some(folder) => fs::create_dir(path.join(folder)).unwrap(),
                    None => fs::write(path.join(name), "123").unwrap(),
                }
            }
            let writer = if resume {
                let resumed = RunWriter::resume(&path).unwrap();
                assert_eq!(resumed.found, None);
                resumed.writer.write_recipe(RECIPE_TEXT).unwrap();
                resumed.writer
            } else {
                RunWriter::create(&path, RECIPE_TEXT).unwrap()
            };
            assert_eq!(names(&path), [".lock", "checkpoints", "recipe.toml"]);
            save(&writer, 1, 1);
        }
    }
}

#[test]
fn of_many_who_begin_and_give_up_the_same_run_one_at_a_time_holds_it() {
    let (_folder, path) = run();
    let (inside, entered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..60 {
                    let Ok(writer) = RunWriter::create(&path, RECIPE_TEXT) else { continue };
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold the folder");
                    entered.fetch_add(1, Ordering::SeqCst);
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    // Takes away the lock file and the folder, under the hands of the others.
                    writer.abandon();
                }
            });
        }
    });
    assert!(entered.load(Ordering::SeqCst) > 0);
    drop(RunWriter::create(&path, RECIPE_TEXT).unwrap());
}

#[test]
fn resuming_what_was_never_begun_begins_it() {
    let (_folder, path) = run();
    assert_eq!(RunWriter::resume(&path).unwrap().found, None);
}

#[test]
fn a_death_between_checkpoint_and_pointer_loses_nothing() {
    let (_folder, path) = run();
    let writer = RunWriter::create(&path, RECIPE_TEXT).unwrap();
    save(&writer, 100, 2);
    let pointer = fs::read(path.join("latest")).unwrap();
    save(&writer, 200, 2);
    fs::write(path.join("latest"), pointer).unwrap();
    drop(writer);
    let resumed = RunWriter::resume(&path).unwrap();
    assert_eq!(resumed.found.unwrap().checkpoint.state.step, 100);
    save(&resumed.writer, 200, 2);
    assert_eq!(steps(&resumed.writer), [200, 100]);
    assert_eq!(resumed.writer.folder().latest().unwrap().checkpoint.state.step, 200);
}

#[test]
fn a_death_while_a_checkpoint_is_written_leaves_the_former_one_and_the_rest_is_cleared() {
    let (_folder, path) = run();
    let writer = RunWriter::create(&path, RECIPE_TEXT).unwrap();
    save(&writer, 100, 2);
    drop(writer);
    let half = path.join("checkpoints/.step-00000200.tmp-4242-0");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("model.safetensors"), "half").unwrap();
    fs::write(path.join(".latest.tmp-4242-1"), "step-").unwrap();
    assert_eq!(RunFolder::open(&path).unwrap().latest().unwrap().checkpoint.state.step, 100);
    assert!(half.exists(), "a reader changes nothing");
    let resumed = RunWriter::resume(&path).unwrap();
    assert_eq!(resumed.found.unwrap().checkpoint.state.step, 100);
    assert_eq!(names(&path.join("checkpoints")), ["step-00000100"]);
    assert!(!path.join(".latest.tmp-4242-1").exists());
}

#[test]
fn a_pointer_that_is_missing_or_garbage_is_replaced_by_a_search() {
    let (_folder, path) = run();
    let writer = RunWriter::create(&path, RECIPE_TEXT).unwrap();
    save(&writer, 100, 2);
    save(&writer, 200, 2);
    for garbage in [&b""[..], b"step-00000999", b"../../elsewhere/step-00000100", b"\xff\xfe", b"step-00000100/../step-00000100"]
    {
        fs::write(path.join("latest"), garbage).unwrap();
        let found = writer.folder().latest().unwrap();
        assert_eq!((found.checkpoint.state.step, found.warnings.len()), (200, 1), "{garbage:?}");
    }
    fs::remove_file(path.join("latest")).unwrap();
    assert_eq!(writer.folder().latest().unwrap().checkpoint.state.step, 200);
    fs::write(path.join("latest"), "step-00000100").unwrap();
    assert_eq!(writer.folder().latest().unwrap().checkpoint.state.step, 100);
}

#[test]
fn a_damaged_newest_checkpoint_falls_back_to_the_former_with_a_warning() {
    let (_folder, path) = run();
    let writer = RunWriter::create(&path, RECIPE_TEXT).unwrap();
    save(&writer, 100, 3);
    save(&writer, 200, 3);
    let model = path.join("checkpoints/step-00000200/model.safetensors");
    fs::write(&model, "cut").unwrap();
    let found = writer.folder().latest().unwrap();
    assert_eq!(found.checkpoint.state.step, 100);
    assert!(found.warnings[0].contains("step-00000200/model.safetensors: 3 bytes, expected 8"), "{:?}", found.warnings);
    save(&writer, 200, 3);
    assert_eq!(writer.folder().latest().unwrap().checkpoint.state.step, 200);
    for step in ["100", "200"] {
        fs::remove_file(path.join(format!("checkpoints/step-00000{step}/state.json"))).unwrap();
    }
    let error = writer.folder().latest().unwrap_err();
    assert!(error.to_string().contains("step-00000200/state.json: cannot read"), "{error}");
}

#[test]
fn checkpoints_after_the_one_that_training_went_back_to_are_removed() {
    let (_folder, path) = run();
    let writer = RunWriter::create(&path, RECIPE_TEXT).unwrap();
    for step in [100, 200, 300] {
        save(&writer, step, 3);
    }
    save(&writer, 150, 1);
    assert_eq!(steps(&writer), [150]);
    assert_eq!(writer.folder().latest().unwrap().checkpoint.state.step, 150);
}

#[test]
fn an_abandoned_run_leaves_nothing_and_one_with_a_checkpoint_stays() {
    let (folder, path) = run();
    let writer = RunWriter::create(&path, RECIPE_TEXT).unwrap();
    writer.metrics(0).unwrap().append(&Row::new(1, [])).unwrap();
    writer.abandon();
    assert_eq!(names(folder.path()), [] as [String; 0]);
    let writer = RunWriter::create(&path, RECIPE_TEXT).unwrap();
    save(&writer, 1, 1);
    writer.abandon();
    RunFolder::open(&path).unwrap().latest().unwrap();
}

#[test]
fn runs_are_listed_one_and_two_folders_deep() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b", "group/a"] {
        let writer = RunWriter::create(folder.path().join(name), RECIPE_TEXT).unwrap();
        writer.metrics(0).unwrap().append(&Row::new(50, [("loss", 0.25)])).unwrap();
        save(&writer, 50, 1);
        fs::write(folder.path().join(name).join("latest"), "").unwrap();
    }
    fs::create_dir(folder.path().join("empty")).unwrap();
    let runs = list_runs(folder.path()).unwrap();
    assert_eq!(runs.iter().map(|r| r.path.clone()).collect::<Vec<_>>(), ["b", "group/a"].map(|n| folder.path().join(n)));
    let first = &runs[0];
    assert_eq!(
        (first.data.as_deref(), first.step, first.steps, first.last_loss),
        (Some("digits"), Some(50), Some(300), Some(0.25))
    );
    assert!(first.bytes > 200 && first.modified.is_some());
    assert_eq!(list_runs(folder.path().join("b")).unwrap().len(), 1);
    assert!(list_runs(folder.path().join("nothing")).is_err());
}

/// A full disk: this test runs itself again in a namespace of its own, where it may mount a small file system.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_former_checkpoint_and_no_half_one() {
    const PLACE: &str = "SCOREFIELD_TEST_SMALL_DISK";
    const NAME: &str = "run::writer::tests::a_full_disk_leaves_the_former_checkpoint_and_no_half_one";
    let Some(place) = std::env::var_os(PLACE) else {
        let folder = tempfile::tempdir().unwrap();
        let script = r#"mount -t tmpfs -o size=128k tmpfs "$1" || exit 77; exec "$2" --exact "$3" --nocapture"#;
        let outcome = std::process::Command::new("unshare")
            .args(["--mount", "--map-root-user", "sh", "-c", script, "sh"])
            .arg(folder.path())
            .arg(std::env::current_exe().unwrap())
            .arg(NAME)
            .env(PLACE, folder.path())
            .output();
        match outcome {
            Ok(run) if run.status.success() => assert!(String::from_utf8_lossy(&run.stdout).contains("1 passed")),
            Ok(run) if run.status.code() == Some(101) => panic!("{}", String::from_utf8_lossy(&run.stderr)),
            _ => eprintln!("skipped: this machine does not let a test mount a file system"),
        }
        return;
    };
    let path = Path::new(&place).join("run");
    let writer = RunWriter::create(&path, RECIPE_TEXT).unwrap();
    save(&writer, 100, 1);
    let large = vec![1; 200 << 10];
    let files = CheckpointFiles { model: b"small", ema: &large, optimizer: b"" };
    let error = writer.write_checkpoint(&state(200), files, 1).unwrap_err();
    assert!(matches!(&error, Error::Write { source, .. } if source.kind() == std::io::ErrorKind::StorageFull), "{error}");
    assert_eq!(names(&path.join("checkpoints")), ["step-00000100"]);
    assert_eq!(writer.folder().latest().unwrap().checkpoint.state.step, 100);
    let blocks = Path::new(&place).join("filler");
    let _ = fs::write(&blocks, &large);
    assert!(matches!(RunWriter::create(Path::new(&place).join("other"), &"#".repeat(9000)), Err(Error::Write { .. })));
    assert_eq!(names(Path::new(&place)), ["filler", "run"]);
}
