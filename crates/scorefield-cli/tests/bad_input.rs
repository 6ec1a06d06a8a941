//! Bad input, case by case: one clear line that says what is wrong and where, exit code 2, and no partial file.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn scorefield(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scorefield"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SCOREFIELD_")) {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(folder).output().unwrap()
}

/// The command is refused with exit code 2, an error of one line that contains all of `said`, and the folder as it was.
fn refused(folder: &Path, arguments: &[&str], said: &[&str]) {
    let before = names(folder);
    let output = scorefield(folder, arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    let lines: Vec<&str> = error.lines().filter(|line| !line.starts_with("hint: ")).collect();
    assert_eq!(lines.len(), 1, "{arguments:?}: {error}");
    for part in said {
        assert!(error.contains(part), "{arguments:?}: {error:?} does not say {part:?}");
    }
    assert_eq!(names(folder), before, "{arguments:?} left something behind");
}

/// Everything below a folder, hidden files included.
fn names(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        all.push(entry.path().display().to_string());
        if entry.file_type().unwrap().is_dir() {
            all.extend(names(&entry.path()));
        }
    }
    all.sort();
    all
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn small_run(folder: &Path, name: &str) {
    small_run_with(folder, name, &[]);
}

fn small_run_with(folder: &Path, name: &str, more: &[&str]) {
    let small = ["--width", "8", "--depth", "1", "--embedding", "4", "--batch", "8", "--steps", "2", "--quiet"];
    let output = scorefield(folder, &[&["train", "toy:rings", "--out", name][..], &small, more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn idx(magic: u32, images: u32, pixels: usize) -> Vec<u8> {
    let header: Vec<u8> = [magic, images, 28, 28].iter().flat_map(|v| v.to_be_bytes()).collect();
    [header, vec![7; pixels]].concat()
}

fn png(path: &Path, side: u32) {
    let file = fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&vec![9; (side * side) as usize]).unwrap();
}

#[test]
fn a_truncated_idx_and_one_of_another_magic_are_named() {
    let at = folder();
    let data = at.path().join("data");
    fs::create_dir(&data).unwrap();
    let train = ["train", "mnist", "--data-dir", "data", "--out", "run"];
    for (bytes, said) in [(idx(2051, 60_000, 500), "bytes"), (idx(2049, 60_000, 500), "magic"), (vec![0, 0], "")] {
        for name in ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"] {
            fs::write(data.join(name), &bytes).unwrap();
        }
        for name in ["train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"] {
            fs::write(data.join(name), [0, 0, 8, 1, 0, 0, 0, 0]).unwrap();
        }
        refused(at.path(), &train, &["train-images-idx3-ubyte", said]);
    }
}

#[test]
fn a_text_cell_is_named_by_row_and_column() {
    let at = folder();
    fs::write(at.path().join("t.csv"), "age,height\n1,2\n3,tall\n").unwrap();
    refused(at.path(), &["train", "t.csv", "--out", "run"], &["t.csv", "3", "height", "tall"]);
}

#[test]
fn a_nan_in_an_array_is_named_by_its_row() {
    let at = folder();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n";
    let values: Vec<u8> = [1.0f32, 2.0, 3.0, f32::NAN].iter().flat_map(|v| v.to_le_bytes()).collect();
    let bytes = [b"\x93NUMPY\x01\x00", &[header.len() as u8, 0][..], header.as_bytes(), &values].concat();
    fs::write(at.path().join("x.npy"), bytes).unwrap();
    refused(at.path(), &["train", "x.npy", "--out", "run"], &["x.npy", "row", "NaN"]);
}

#[test]
fn an_empty_folder_and_pictures_of_mixed_size_are_refused() {
    let at = folder();
    let pictures = at.path().join("pictures");
    fs::create_dir(&pictures).unwrap();
    refused(at.path(), &["train", "pictures", "--out", "run"], &["pictures"]);
    png(&pictures.join("a.png"), 8);
    png(&pictures.join("b.png"), 9);
    refused(at.path(), &["train", "pictures", "--out", "run"], &["8×8", "9×9"]);
}

#[test]
fn a_misspelt_key_names_its_line_and_the_right_one() {
    let at = folder();
    fs::write(at.path().join("r.toml"), "seed = 1\n[train]\nstepz = 5\n").unwrap();
    let train = ["train", "toy:rings", "--recipe", "r.toml", "--out", "run"];
    refused(at.path(), &train, &["train.stepz", "line 3", "train.steps"]);
}

#[test]
fn numbers_out_of_range_are_named() {
    let at = folder();
    refused(at.path(), &["train", "toy:rings", "--schedule", "single", "--sigma", "-0.5", "--out", "run"], &["sigma", "-0.5"]);
    refused(at.path(), &["train", "toy:rings", "--schedule", "single", "--sigma", "0", "--out", "run"], &["sigma", "positive"]);
    refused(at.path(), &["train", "toy:rings", "--batch", "0", "--out", "run"], &["batch"]);
    refused(at.path(), &["sample", "density:mixture", "-n", "0", "-o", "x.npy"], &["-n", "0"]);
    refused(at.path(), &["sample", "density:mixture", "-n", "5", "--epsilon", "0", "-o", "x.npy"], &["epsilon"]);
    refused(at.path(), &["sample", "density:mixture", "-n", "5", "-o", "x.bmp"], &["x.bmp"]);
}

#[test]
fn names_that_do_not_exist_come_with_the_nearest_one() {
    let at = folder();
    refused(at.path(), &["train", "toy:two-mons", "--out", "run"], &["two-moons"]);
    refused(at.path(), &["train", "digts", "--out", "run"], &["digits"]);
    refused(at.path(), &["sample", "density:mixtur", "-n", "5", "-o", "x.npy"], &["mixture"]);
    refused(at.path(), &["train", "toy:rings", "--schedule", "edn", "--out", "run"], &["edm"]);
    refused(at.path(), &["bench", "--only", "objectivs"], &["--only", "did you mean objectives?"]);
    refused(at.path(), &["bench", "--only", "objectives-peers", "--case", "sliced-12"], &["--case", "did you mean sliced-128?"]);
}

#[test]
fn measurements_that_do_not_go_together_are_refused_before_they_begin() {
    let at = folder();
    fs::write(at.path().join("prose.md"), "# Prose\n").unwrap();
    refused(at.path(), &["bench", "--only", "objectives-peers"], &["--case", "sliced-1024"]);
    refused(at.path(), &["bench", "--only", "unet", "--case", "sliced-128"], &["--case", "small, large"]);
    refused(at.path(), &["bench", "--only", "mlp", "--case", "sliced-128"], &["--case", "objectives-peers"]);
    refused(at.path(), &["bench", "--seconds", "-1"], &["--seconds", "positive"]);
    refused(at.path(), &["bench", "--only", "objectives", "--picture", "a.jpg"], &["a.jpg", ".png"]);
    refused(at.path(), &["bench", "--only", "objectives", "--markdown", "prose.md"], &["prose.md", "measured: begin"]);
}

#[test]
fn run_folders_that_will_not_do_are_refused() {
    let at = folder();
    small_run(at.path(), "run");
    refused(at.path(), &["train", "toy:rings", "--out", "run"], &["run", "--resume"]);
    refused(at.path(), &["train", "--out", "run", "--resume", "--width", "16"], &["net.width", "8", "16"]);
    fs::create_dir(at.path().join("empty")).unwrap();
    refused(at.path(), &["sample", "empty", "-n", "5", "-o", "x.npy"], &["empty"]);
    fs::create_dir_all(at.path().join("begun/checkpoints")).unwrap();
    fs::copy(at.path().join("run/recipe.toml"), at.path().join("begun/recipe.toml")).unwrap();
    refused(at.path(), &["sample", "begun", "-n", "5", "-o", "x.npy"], &["begun", "checkpoint"]);
}

#[test]
fn what_holds_for_gaussian_noise_alone_is_refused_of_other_noise() {
    let at = folder();
    small_run_with(at.path(), "run", &["--noise", "laplace"]);
    fs::write(at.path().join("p.csv"), "a,b\n1,2\n").unwrap();
    refused(at.path(), &["denoise", "run", "p.csv", "--sigma", "1", "-o", "d.csv"], &["laplace", "Tweedie"]);
    refused(at.path(), &["sample", "run", "-n", "4", "--sampler", "heun", "-o", "x.csv"], &["laplace", "langevin"]);
    refused(at.path(), &["sample", "run", "-n", "4", "--sampler", "annealed", "-o", "x.csv"], &["laplace", "--no-denoise"]);
    let explicit = ["fisher", "run", "density:mixture", "--estimator", "explicit", "--sigma", "1"];
    refused(at.path(), &explicit, &["--estimator", "laplace", "one dimension"]);
    let sampled = scorefield(at.path(), &["sample", "run", "-n", "4", "--steps", "3", "-o", "x.csv"]);
    assert!(sampled.status.success(), "{}", String::from_utf8_lossy(&sampled.stderr));
}

#[test]
fn the_numbers_of_noise_that_data_have_already_are_checked() {
    let at = folder();
    fs::write(at.path().join("p.csv"), "a,b\n1,2\n3,-4\n").unwrap();
    let denoise = |more: &[&'static str]| [&["denoise", "density:gaussian", "p.csv", "-o", "d.csv"][..], more].concat();
    refused(at.path(), &denoise(&["--noise", "poisson", "--gain", "0"]), &["--gain", "positive"]);
    refused(at.path(), &denoise(&["--noise", "poisson"]), &["--gain", "nothing"]);
    refused(at.path(), &denoise(&["--noise", "gamma", "--shape", "1"]), &["--shape", "above 1"]);
    refused(at.path(), &denoise(&["--noise", "gamma", "--shape", "2", "--sigma", "1"]), &["--sigma", "--shape alone"]);
    refused(at.path(), &denoise(&["--sigma", "1", "--gain", "2"]), &["--gain", "--noise poisson"]);
    refused(at.path(), &denoise(&["--noise", "poison", "--gain", "2"]), &["poison", "did you mean poisson"]);
    refused(at.path(), &denoise(&["--noise", "gamma", "--shape", "2"]), &["p.csv", "row 2, column 2", "-4"]);
    small_run_with(at.path(), "run", &["--objective", "implicit"]);
    refused(at.path(), &["denoise", "run", "p.csv", "--sigma", "1", "-o", "d.csv"], &["--noise gaussian"]);
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let at = folder();
    fs::write(at.path().join("file"), "").unwrap();
    refused(at.path(), &["train", "toy:rings", "--out", "file/run"], &["file"]);
    refused(at.path(), &["train", "toy:rings", "--out", "file"], &["file"]);
    refused(at.path(), &["sample", "density:mixture", "-n", "5", "--steps", "2", "-o", "file/x.npy"], &["file/x.npy"]);
    refused(at.path(), &["sample", "density:mixture", "-n", "5", "--steps", "2", "-o", "missing/x.npy"], &["missing"]);
}

#[test]
fn usage_errors_are_json_where_json_was_asked_for() {
    let at = folder();
    for arguments in
        [&["sample", "nowhere", "-n", "5", "--json"][..], &["sampel", "--json"], &["train", "--stepz", "5", "--json"]]
    {
        let output = scorefield(at.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(document["schema"], "scorefield/1");
        assert!(document["error"]["message"].is_string() && document["error"]["kind"].is_string(), "{document}");
    }
}

#[test]
fn verify_corrects_a_name_and_refuses_too_few_points() {
    let at = folder();
    refused(at.path(), &["verify", "--only", "slicd"], &["--only", "sliced"]);
    refused(at.path(), &["verify", "-n", "100"], &["-n", "100000"]);
    refused(at.path(), &["verify", "-n", "200000", "--thorough"], &["--thorough"]);
}

#[test]
fn networks_of_images_refuse_what_is_none_and_configurations_that_do_not_fit() {
    let dir = folder();
    refused(dir.path(), &["train", "toy:two-moons", "--net", "unet", "--out", "run"], &["net.name", "images"]);
    let blocks = r#""down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"], "block_out_channels": [8], "norm_num_groups": 4"#;
    let configured = |more: &str, said: &[&str]| {
        let config = format!("{{{blocks}, {more}}}");
        refused(dir.path(), &["train", "digits", "--net", "unet", "--net-config", &config, "--out", "run"], said);
    };
    configured(r#""in_channels": 1, "out_channels": 1, "time_embedding_type": "fourier""#, &["positional", "fourier"]);
    configured(r#""in_channels": 3, "out_channels": 3"#, &["in_channels"]);
    configured(r#""in_channels": 1, "out_channels": 1, "dropout": 0.1"#, &["dropout"]);
    configured(r#""in_channels": 1, "out_channels": 1, "act_fn": "mish""#, &["act_fn", "mish"]);
    configured(r#""in_channels": 1, "out_channels": 1, "layers": 2"#, &["layers"]);
}

#[test]
fn chains_refuse_steps_that_are_none_and_flags_that_belong_to_others() {
    let at = folder();
    let at = at.path();
    let sample = |more: &[&'static str]| -> Vec<&'static str> { [&["sample", "density:mixture", "-n", "2"][..], more].concat() };
    for (more, said) in [
        (&["--sampler", "mala", "--epsilon", "0"][..], &["--epsilon", "positive", "0"][..]),
        (&["--sampler", "hmc", "--epsilon=-1"], &["--epsilon", "positive"]),
        (&["--sampler", "underdamped", "--epsilon", "nan"], &["--epsilon", "positive"]),
        (&["--sampler", "langevin", "--epsilon", "fast"], &["--epsilon", "a number, or auto", "fast"]),
        (&["--sampler", "heun", "--epsilon", "auto"], &["--epsilon auto", "heun"]),
        (&["--sampler", "underdamped", "--friction", "0"], &["--friction", "positive"]),
        (&["--sampler", "hmc", "--leapfrog", "0"], &["--leapfrog", "at least 1"]),
        (&["--sampler", "hmc", "--leapfrog", "3", "--path", "2"], &["--path", "--leapfrog"]),
        (&["--sampler", "hmc", "--path", "-2"], &["--path", "positive"]),
        (&["--sampler", "mala", "--steps", "0"], &["--steps", "at least 1"]),
        (&["--sampler", "tempering", "--levels", "1"], &["--levels", "at least 2"]),
        (&["--sampler", "tempering", "--sigma-max", "1", "--sigma-min", "2"], &["--sigma-max", "above"]),
        (&["--sampler", "heun", "--trace", "t.npy"], &["--trace", "Markov chain", "heun"]),
        (&["--sampler", "mala", "--trace", "t.csv"], &["--trace", ".npy"]),
        (&["--sampler", "mala", "--advise"], &["--advise", "tempering or annealed"]),
    ] {
        refused(at, &sample(more), said);
    }
    refused(at, &["sample", "density:funnel", "-n", "2", "--sampler", "annealed"], &["--sampler", "without noise", "hmc"]);
    small_run(at, "run");
    refused(at, &["sample", "run", "-n", "2", "--sampler", "tempering"], &["tempering", "log p"]);
}
