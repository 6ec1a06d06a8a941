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
    let lines: Vec<&str> = error.lines().filter(|line| !line.starts_with("hint: ") && !line.starts_with("     | ")).collect();
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
fn guides_that_do_not_fit_are_refused() {
    let at = folder();
    small_run(at.path(), "run");
    small_run_with(at.path(), "clean", &["--schedule", "single", "--sigma", "0", "--objective", "implicit"]);
    fs::write(at.path().join("t.csv"), "a,b\n1,20\n3,41\n-1,30\n0,25\n").unwrap();
    let table = ["train", "t.csv", "--width", "8", "--depth", "1", "--batch", "4", "--steps", "2", "--out", "table", "--quiet"];
    assert!(scorefield(at.path(), &table).status.success());
    let sample = |more: &[&'static str]| [&["sample", "run", "-n", "5", "-o", "x.npy"][..], more].concat();
    refused(at.path(), &sample(&["--guidance", "2"]), &["--guidance", "--guide", "early weights", "run"]);
    refused(at.path(), &sample(&["--guide", "density:gaussian", "--guidance", "-1"]), &["--guidance", "-1"]);
    refused(at.path(), &sample(&["--guide", "density:gaussian", "--guidance", "nan"]), &["--guidance", "NaN"]);
    refused(at.path(), &sample(&["--guide", "density:funnel"]), &["--guide", "[2]", "[10]"]);
    refused(at.path(), &sample(&["--guide", "table"]), &["--guide", "standardised"]);
    refused(at.path(), &sample(&["--guide", "clean"]), &["--guide", "gaussian noise", "no noise"]);
    small_run_with(at.path(), "single", &["--schedule", "single", "--sigma", "1"]);
    refused(at.path(), &sample(&["--guide", "single"]), &["--guide", "from σ", "1 to 1"]);
    refused(at.path(), &sample(&["--guide", "none"]), &["none"]);
    refused(at.path(), &["sample", "density:mixture", "-n", "5", "--guidance", "2"], &["--guidance", "density"]);
    refused(at.path(), &["train", "toy:rings", "--out", "new", "--early", "1"], &["early", "below 1"]);
}

#[test]
fn bf16_is_for_convolutions() {
    let at = folder();
    refused(at.path(), &["train", "toy:rings", "--out", "new", "--precision", "bf16"], &["--precision", "bf16", "mlp"]);
    refused(at.path(), &["train", "digits", "--out", "new", "--precision", "fp16"], &["precision", "f32", "bf16", "fp16"]);
    refused(at.path(), &["bench", "--only", "mlp", "--precision", "bf16"], &["--precision", "--only unet"]);
    refused(at.path(), &["bench", "--only", "unet", "--precision", "bf17"], &["--precision", "bf17", "bf16"]);
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
fn settings_that_a_sampler_has_no_use_for_are_refused_by_name() {
    let at = folder();
    let sample = |sampler: &str, more: &[&str], said: &[&str]| {
        let arguments = [&["sample", "density:mixture", "-n", "5", "--sampler", sampler, "-o", "x.npy"][..], more].concat();
        refused(at.path(), &arguments, said);
    };
    sample("heun", &["--epsilon", "0.1"], &["--epsilon", "langevin, mala", "heun"]);
    sample("langevin", &["--sigma-max", "5"], &["--sigma-max", "langevin", "heun"]);
    sample("dpmpp-2m", &["--s-churn", "1"], &["--s-churn", "heun"]);
    sample("pf-ode", &["--steps", "10"], &["--steps", "pf-ode reads --sigma-min"]);
    sample("heun", &["--s-noise", "1.1"], &["--s-noise", "--s-churn"]);
    sample("heun", &["--s-churn", "5", "--s-tmin", "2", "--s-tmax", "1"], &["--s-tmin", "--s-tmax = 1"]);
    sample("heun", &["--no-denoise"], &["--no-denoise", "annealed"]);
    refused(at.path(), &["sample", "density:mixture", "-n", "5", "--sampler", "hune"], &["did you mean heun?"]);
}

#[test]
fn ladders_that_do_not_descend_are_refused() {
    let at = folder();
    let sample = |more: &[&str], said: &[&str]| {
        refused(at.path(), &[&["sample", "density:mixture", "-n", "5", "-o", "x.npy"][..], more].concat(), said);
    };
    sample(&["--sampler", "heun", "--sigmas", "5,1,2"], &["--sigmas", "each below the one before", "noise level 3"]);
    sample(&["--sampler", "ddim", "--sigmas", "5,0,0"], &["--sigmas"]);
    sample(&["--sampler", "ddim", "--sigmas", "5,-1"], &["--sigmas", "positive"]);
    sample(&["--sampler", "ddim", "--sigmas", "5"], &["--sigmas", "at least two"]);
    sample(&["--sampler", "ddim", "--sigmas", "5,nan"], &["--sigmas"]);
    sample(&["--sampler", "ddim", "--sigmas", "5,1", "--rho", "3"], &["--sigmas", "--rho"]);
    sample(&["--sampler", "annealed", "--sigmas", "5,1,0"], &["--sigmas", "annealed"]);
    sample(&["--sampler", "heun", "--spacing", "karas"], &["--spacing", "did you mean karras?"]);
    sample(&["--sampler", "heun", "--spacing", "linear", "--rho", "3"], &["--rho", "linear"]);
    sample(&["--sampler", "heun", "--rho", "-1"], &["--rho", "positive", "-1"]);
    sample(&["--sampler", "heun", "--sigma-min", "30", "--sigma-max", "3"], &["--sigma-min", "3"]);
    sample(&["--sampler", "pf-ode", "--sigma-min", "30", "--sigma-max", "3"], &["--sigma-min", "3"]);
    sample(&["--sampler", "heun", "--steps", "0"], &["--steps", "at least 1"]);
    sample(&["--sampler", "ddim", "--eta", "2"], &["--eta", "at most 1"]);
    sample(&["--sampler", "predictor-corrector", "--snr", "0"], &["--snr"]);
    sample(&["--sampler", "pf-ode", "--rtol", "0"], &["--rtol", "1e-13"]);
}

#[test]
fn likelihoods_and_latents_that_there_are_none_of_are_refused() {
    let at = folder();
    small_run_with(at.path(), "clean", &["--schedule", "single", "--sigma", "0.2"]);
    small_run(at.path(), "run");
    fs::write(at.path().join("p.csv"), "a,b\n1,2\n3,4\n").unwrap();
    fs::write(at.path().join("wide.csv"), "a,b,c\n1,2,3\n").unwrap();
    let likelihood = |more: &[&str], said: &[&str]| {
        refused(at.path(), &[&["likelihood"][..], more].concat(), said);
    };
    likelihood(&["clean", "p.csv"], &["many noise levels", "0.2"]);
    likelihood(&["run", "wide.csv"], &["wide.csv", "3", "2"]);
    likelihood(&["run", "p.csv", "--divergence", "hutchinson", "--probes", "1"], &["--probes", "at least 2"]);
    likelihood(&["run", "p.csv", "--divergence", "exact", "--probes", "4"], &["--probes", "hutchinson"]);
    likelihood(&["run", "p.csv", "--divergence", "trace"], &["--divergence", "exact or hutchinson"]);
    likelihood(&["run", "p.csv", "--tolerance", "0"], &["--tolerance", "1e-13"]);
    likelihood(&["run", "p.csv", "--sigma-max", "0.00001"], &["--sigma-max"]);
    likelihood(&["run", "p.csv", "-o", "x.png"], &["x.png"]);
    likelihood(&["run", "toy:rings", "-n", "0"], &["-n"]);
    refused(at.path(), &["encode", "run", "toy:rings", "-o", "z.npy"], &["endless"]);
    refused(at.path(), &["decode", "run", "wide.csv", "-o", "x.npy"], &["wide.csv", "2 numbers"]);
    refused(at.path(), &["decode", "run", "p.csv", "-o", "x.npy", "--interpolate", "1"], &["--interpolate", "at least 2"]);
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

fn density(folder: &Path, log_density: &str, more: &str) {
    let text = format!("kind = \"formula\"\ndimension = 2\nlog_density = '''{log_density}'''\n{more}\n");
    fs::write(folder.join("f.toml"), text).unwrap();
}

#[test]
fn what_is_wrong_with_a_formula_is_said_at_its_column_with_a_caret() {
    let at = folder();
    let sample = ["sample", "density:f.toml", "-n", "5", "--steps", "2", "-o", "x.npy"];
    for (formula, said) in [
        ("-x[0]^2 + sinn(x[1])", &["f.toml", "log_density, column 11", "unknown function \"sinn\"", "did you mean sin?"][..]),
        ("-x[0]^2 + sinn(x[1])", &["     | -x[0]^2 + sinn(x[1])\n     |           ^\n"]),
        ("let r = norm(x);\n-(r - 2)^2 + rr", &["log_density, line 2, column 14", "unknown name \"rr\"", "did you mean"]),
        ("-x[0]^2 - exp(x[1], 2)", &["column 11", "exp takes exp(a), got 2 arguments"]),
        ("-x[0]^2/(1 - 1) - x[1]^2", &["column 8", "division by zero"]),
        ("-1/x[0] - x[1]^2", &["start point (0, 0)", "log p is −∞", "division by zero", "start = […]"]),
        ("log(x[0]) - x[1]^2", &["column 1", "start point (0, 0)", "log p is −∞", "log of 0"]),
        ("sqrt(x[0] - 1) - x[1]^2", &["start point (0, 0)", "log p is no number", "sqrt of -1"]),
        ("-norm(x)", &["start point (0, 0)", "the score is not finite"]),
        ("-(x[0]^2 + x[2]^2)", &["index 2 of a vector of 2"]),
        ("-x^2", &["the result is a vector of 2", "sum(…)"]),
        ("-(x[0]^2", &["')' was expected"]),
        ("3", &["it is 3 everywhere"]),
        ("sum(i, 0, 10^8, x[0]*i)", &["more than 100000 operations"]),
        ("x[0]*sum(i, 0, 10^8, i)", &["the sums are too long", "2000000 steps"]),
    ] {
        density(at.path(), formula, "");
        refused(at.path(), &sample, said);
    }
    let deep = format!("{}x[0]", "(".repeat(5000));
    density(at.path(), &deep, "");
    refused(at.path(), &sample, &["200"]);
    density(at.path(), &"-x[0]^2".repeat(20_000), "");
    refused(at.path(), &sample, &["65536 characters"]);
}

#[test]
fn the_fields_of_a_formula_file_are_checked() {
    let at = folder();
    let sample = ["sample", "density:f.toml", "-n", "5", "--steps", "2", "-o", "x.npy"];
    for (more, said) in [
        ("strat = [1, 2]", &["line 4", "strat", "did you mean start?"][..]),
        ("start = [1]", &["start", "a list of 2, got a list of 1"]),
        ("start = 'origin'", &["line 4", "a number or a list of numbers"]),
        ("spread = 0", &["spread", "positive"]),
        ("[parameters]\nx = 1", &["parameters.x", "take another"]),
        ("[parameters]\na = 'b'", &["line 5", "a number or a list of numbers"]),
        ("[parameters]\na = [1, nan]", &["parameters.a", "finite"]),
    ] {
        density(at.path(), "-norm2(x)", more);
        refused(at.path(), &sample, said);
    }
    fs::write(at.path().join("f.toml"), "kind = 'formla'\n").unwrap();
    refused(at.path(), &sample, &["f.toml (kind)", "did you mean formula?"]);
    fs::write(at.path().join("f.toml"), "kind = 'formula'\ndimension = 0\nlog_density = 'x0'").unwrap();
    refused(at.path(), &sample, &["f.toml (dimension)", "from 1 to 10000, got 0"]);
    fs::write(at.path().join("f.toml"), "kind = 'formula'\ndimension = 2").unwrap();
    refused(at.path(), &sample, &["f.toml", "log_density"]);
}

#[test]
fn a_density_known_without_noise_alone_is_refused_where_noise_is_needed() {
    let at = folder();
    density(at.path(), "-norm2(x)", "");
    fs::write(at.path().join("p.csv"), "a,b\n1,2\n").unwrap();
    for sampler in ["heun", "annealed", "pf-ode", "predictor-corrector", "dpmpp-2m", "ddim", "euler-maruyama"] {
        refused(
            at.path(),
            &["sample", "density:f.toml", "--sampler", sampler, "-o", "x.npy"],
            &[sampler, "langevin", "noise levels"],
        );
    }
    refused(at.path(), &["sample", "density:f.toml", "--sigma", "1", "-o", "x.npy"], &["--sigma", "without noise"]);
    refused(at.path(), &["denoise", "density:f.toml", "p.csv", "--sigma", "1", "-o", "d.csv"], &["--sigma", "smoothing"]);
    refused(at.path(), &["score", "density:f.toml", "p.csv", "--sigma", "1", "-o", "d.csv"], &["--sigma", "smoothing"]);
    refused(
        at.path(),
        &["likelihood", "density:f.toml", "p.csv"],
        &["RUN", "density:f.toml", "lacks a constant", "normalised = true"],
    );
    refused(
        at.path(),
        &["likelihood", "density:funnel", "p.csv", "--probes", "3"],
        &["--probes", "density:funnel", "as it is written"],
    );
    refused(at.path(), &["encode", "density:f.toml", "p.csv", "-o", "z.npy"], &["RUN", "without noise alone"]);
    refused(at.path(), &["train", "density:f.toml", "--out", "run"], &["density:f.toml", "log p alone", "sample it into a file"]);
    let fisher = ["fisher", "density:f.toml", "p.csv", "--estimator", "denoising", "--sigma", "1"];
    refused(at.path(), &fisher, &["--sigma", "smoothing"]);
}
