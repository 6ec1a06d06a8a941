//! Models to and from diffusers: the formulas of each scheduler, weights unchanged, and every kind of folder that will not do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use scorefield::diffusers::{export, import};
use scorefield::error::Result;
use scorefield::key::{Key, Purpose};
use scorefield::net::unet::UNetConfig;
use scorefield::net::{flatten, unflatten};
use scorefield::recipe::{Layers, Origin, Target, train_new, train_resumed};
use scorefield::run::{NamedTensor, read_tensors, write_tensors};
use scorefield::tensor::{Device, matrix, numbers, vector};
use serde_json::{Value, json};

const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";

fn small() -> Value {
    json!({
        "_class_name": "UNet2DModel", "sample_size": 4, "in_channels": 1, "out_channels": 1, "block_out_channels": [4, 8],
        "layers_per_block": 1, "norm_num_groups": 2, "attention_head_dim": 4,
        "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
    })
}

fn fourier() -> Value {
    let mut config = small();
    config["time_embedding_type"] = "fourier".into();
    config
}

/// The network of a configuration, with weights that are all at work.
fn network(config: &Value) -> impl scorefield::net::Network + use<> {
    let config = UNetConfig::parse(&config.to_string(), "test").unwrap();
    let mut net = config.init(4, 4, Key::new(1, Purpose::Init), &Device::flex()).unwrap();
    let mut row = 0;
    unflatten::<()>(&mut net, &Device::flex(), |_, shape| {
        row += 1;
        Ok(Key::new(2, Purpose::Init).normal(row, 1, shape.iter().product()).iter().map(|z| 0.3 * z).collect())
    })
    .unwrap();
    net
}

/// A model as diffusers saves it, its tensors passed through `change`.
fn folder(at: &Path, config: &Value, scheduler: &Value, change: impl FnOnce(&mut Vec<NamedTensor>)) -> PathBuf {
    let named = |(name, shape, values)| NamedTensor { name, shape, values };
    let mut tensors: Vec<NamedTensor> = flatten(&network(config)).into_iter().map(named).collect();
    change(&mut tensors);
    fs::create_dir_all(at).unwrap();
    fs::write(at.join(WEIGHTS), write_tensors(&tensors, &BTreeMap::from([("format".into(), "pt".into())])).unwrap()).unwrap();
    fs::write(at.join("config.json"), config.to_string()).unwrap();
    if !scheduler.is_null() {
        fs::write(at.join("scheduler_config.json"), scheduler.to_string()).unwrap();
    }
    at.to_path_buf()
}

fn ddpm() -> Value {
    json!({ "_class_name": "DDPMScheduler", "num_train_timesteps": 100, "beta_end": 0.1 })
}

fn score(run: &Path, x: &[f32], sigma: f32) -> Vec<f32> {
    score_of(&Target::open(run.to_str().unwrap(), &Device::flex()).unwrap(), x, sigma)
}

fn score_of(target: &Target, x: &[f32], sigma: f32) -> Vec<f32> {
    let device = Device::flex();
    let n = x.len() / target.score().dim();
    let (x, sigma) = (matrix(x.to_vec(), n, x.len() / n, &device), vector(vec![sigma; n], &device));
    numbers(target.score().score(x, &sigma))
}

fn points(n: usize, d: usize) -> Vec<f32> {
    Key::new(3, Purpose::Data).normal(0, n, d)
}

fn near(a: &[f32], b: &[f32], what: &str) {
    let norm = |v: &mut dyn Iterator<Item = f32>| v.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let distance = norm(&mut a.iter().zip(b).map(|(a, b)| a - b));
    assert!(distance < 1e-5 * norm(&mut b.iter().copied()), "{what}: {distance}");
}

#[test]
fn each_schedulers_score_is_its_papers_and_the_weights_come_back_unchanged() {
    let sigma = 0.7f32;
    let alpha = 1.0 / (1.0 + sigma * sigma);
    let with = |mut value: Value, key: &str, to: Value| {
        value[key] = to;
        value
    };
    // The score from x, and F from what it was given: each line as its paper has it.
    type Formula = fn(f32, f32, f32) -> f32;
    let epsilon: Formula = |_, f, sigma| -f / sigma;
    let sample: Formula = |x, f, sigma| (f - x) / (sigma * sigma);
    let velocity: Formula = |x, f, sigma| {
        let alpha = 1.0 / (1.0 + sigma * sigma);
        let clean = alpha.sqrt() * (alpha.sqrt() * x) - (1.0 - alpha).sqrt() * f;
        (clean - x) / (sigma * sigma)
    };
    let edm: Formula = |x, f, sigma| {
        let (data, total) = (0.25, sigma * sigma + 0.25);
        (data / total * x + sigma * 0.5 / total.sqrt() * f - x) / (sigma * sigma)
    };
    let ve: Formula = |_, f, _| f;
    // β alike at all steps: ᾱ_t = 0.9^(t+1), so t = ln ᾱ/ln 0.9 − 1 on the list, and linear in ln σ between its steps.
    let constant = json!({ "_class_name": "DDIMScheduler", "trained_betas": vec![0.1; 20] });
    let log = |t: f32| 0.5 * (0.9f32.powf(-(t + 1.0)) - 1.0).ln();
    let below = (alpha.ln() / 0.9f32.ln() - 1.0).floor();
    let step = below + (sigma.ln() - log(below)) / (log(below + 1.0) - log(below));
    let cases: [(Value, Value, f32, f32, Formula); 5] = [
        (small(), constant.clone(), alpha.sqrt(), step, epsilon),
        (small(), with(constant.clone(), "prediction_type", "sample".into()), alpha.sqrt(), step, sample),
        (small(), with(constant, "prediction_type", "v_prediction".into()), alpha.sqrt(), step, velocity),
        (small(), json!({ "_class_name": "EDMEulerScheduler" }), 1.0 / (sigma * sigma + 0.25).sqrt(), 0.25 * sigma.ln(), edm),
        (fourier(), Value::Null, 1.0, sigma, ve),
    ];
    for (config, scheduler, c_in, c, formula) in cases {
        let at = tempfile::tempdir().unwrap();
        let there = folder(&at.path().join("there"), &config, &scheduler, |_| ());
        let (run, back) = (at.path().join("run"), at.path().join("back"));
        import(&there, &run, &Device::flex()).unwrap();
        let x = points(2, 16);
        let given = matrix(x.iter().map(|x| c_in * x).collect(), 2, 16, &Device::flex());
        let f = numbers(scorefield::net::Network::value(&network(&config), given, &vector(vec![c; 2], &Device::flex())));
        let wanted: Vec<f32> = x.iter().zip(&f).map(|(x, f)| formula(*x, *f, sigma)).collect();
        near(&score(&run, &x, sigma), &wanted, &scheduler.to_string());
        export(&run, &back, &Device::flex()).unwrap();
        let read = |at: &Path| read_tensors("w", &fs::read(at.join(WEIGHTS)).unwrap()).unwrap().tensors;
        assert_eq!(read(&there), read(&back));
        assert_eq!(read(&there), read(&back.join("unet")));
        if !scheduler.is_null() {
            let written: Value = serde_json::from_str(&fs::read_to_string(back.join("scheduler_config.json")).unwrap()).unwrap();
            assert_eq!(written, scheduler);
        }
        let again = at.path().join("again");
        import(&back, &again, &Device::flex()).unwrap();
        near(&score(&again, &x, sigma), &wanted, "there and back again");
    }
}

fn layers(settings: &[(&str, &str)]) -> Layers {
    let set = |layers: Layers, (key, value): &(&str, &str)| layers.set(key, value, Origin::Flag(format!("--{key}"))).unwrap();
    settings.iter().fold(Layers::new(), set)
}

#[test]
fn a_trained_run_is_the_same_model_in_diffusers_units() {
    let at = tempfile::tempdir().unwrap();
    let (run, out, again) = (at.path().join("run"), at.path().join("out"), at.path().join("again"));
    let settings = [
        ("data.source", "digits"),
        ("net.name", "unet"),
        ("net.width", "8"),
        ("net.depth", "1"),
        ("train.steps", "3"),
        ("train.batch", "8"),
    ];
    let rest = [("train.lr", "0.05"), ("train.warmup", "0"), ("train.ema", "1"), ("train.decay", "constant")];
    let resolved = layers(&[&settings[..], &rest].concat()).build().unwrap();
    train_new(resolved, &run, &Device::flex(), &mut ()).unwrap();
    let done = export(&run, &out, &Device::flex()).unwrap();
    assert_eq!((done.pipeline, done.scheduler, done.warnings.len()), ("ConsistencyModelPipeline", "EDMEulerScheduler", 0));
    import(&out, &again, &Device::flex()).unwrap();
    let x: Vec<f32> = points(3, 64).iter().map(|z| 0.5 + 0.4 * z).collect();
    let there: Vec<f32> = x.iter().map(|x| 2.0 * x - 1.0).collect();
    for sigma in [0.01, 0.3, 4.0] {
        let wanted = score(&run, &x, sigma);
        let doubled: Vec<f32> = score(&again, &there, 2.0 * sigma).iter().map(|s| 2.0 * s).collect();
        near(&doubled, &wanted, &format!("σ = {sigma}"));
    }
    assert!(export(&run, &out, &Device::flex()).unwrap_err().to_string().contains("already"));
}

#[test]
fn a_relative_draws_from_the_same_model_and_goes_back_as_the_scheduler_of_its_levels() {
    let at = tempfile::tempdir().unwrap();
    let of = |name: &str, scheduler: Value| {
        let run = at.path().join(name).join("run");
        (import(&folder(&at.path().join(name).join("there"), &small(), &scheduler, |_| ()), &run, &Device::flex()).unwrap(), run)
    };
    // Its β have other ends than those of the others where nothing is said.
    let (heun, run) = of("heun", json!({ "_class_name": "HeunDiscreteScheduler", "use_karras_sigmas": true }));
    let (ddpm, _) = of("ddpm", json!({ "_class_name": "DDPMScheduler", "beta_start": 0.00085, "beta_end": 0.012 }));
    assert_eq!(heun.sigma, ddpm.sigma);
    let back = at.path().join("back");
    let done = export(&run, &back, &Device::flex()).unwrap();
    assert_eq!((done.pipeline, done.scheduler), ("DDPMPipeline", "DDPMScheduler"));
    let written: Value = serde_json::from_str(&fs::read_to_string(back.join("scheduler_config.json")).unwrap()).unwrap();
    assert_eq!((&written["beta_start"], &written["beta_end"]), (&json!(0.00085), &json!(0.012)));
}

#[test]
fn a_network_of_classes_gives_the_score_of_each() {
    let at = tempfile::tempdir().unwrap();
    let mut config = small();
    config["num_class_embeds"] = 3.into();
    let run = at.path().join("run");
    import(&folder(&at.path().join("there"), &config, &ddpm(), |_| ()), &run, &Device::flex()).unwrap();
    let open = || match Target::open(run.to_str().unwrap(), &Device::flex()).unwrap() {
        Target::Trained(trained) => trained,
        Target::Exact { .. } => unreachable!("a run folder"),
    };
    let scores = [0, 1, 2].map(|class| {
        let mut trained = open();
        trained.set_class(class).unwrap();
        score_of(&Target::Trained(trained), &points(1, 16), 0.5)
    });
    assert_eq!(scores[0], score(&run, &points(1, 16), 0.5));
    assert!(scores[0] != scores[1] && scores[1] != scores[2]);
    let error = open().set_class(3).unwrap_err().to_string();
    assert!(error.contains("--class") && error.contains("0 to 2"), "{error}");
    let plain = at.path().join("plain");
    import(&folder(&at.path().join("one"), &small(), &ddpm(), |_| ()), &plain, &Device::flex()).unwrap();
    let Target::Trained(mut trained) = Target::open(plain.to_str().unwrap(), &Device::flex()).unwrap() else { unreachable!() };
    assert!(trained.set_class(0).unwrap_err().to_string().contains("knows classes"));
    // Nothing tells a training here which point is of which class.
    let path = at.path().join("config.json");
    fs::write(&path, config.to_string()).unwrap();
    let settings =
        [("data.source", "digits"), ("net.name", "unet"), ("net.config", path.to_str().unwrap()), ("train.steps", "1")];
    let resolved = layers(&settings).build().unwrap();
    let error = train_new(resolved, &at.path().join("new"), &Device::flex(), &mut ()).unwrap_err().to_string();
    assert!(error.contains("num_class_embeds 3") && error.contains("labels"), "{error}");
}

#[test]
fn old_names_of_attention_are_understood() {
    let at = tempfile::tempdir().unwrap();
    let new = folder(&at.path().join("new"), &small(), &ddpm(), |_| ());
    let old = folder(&at.path().join("old"), &small(), &ddpm(), |tensors| {
        for t in tensors.iter_mut().filter(|t| t.name.contains("attentions")) {
            for (new, old) in [(".to_q.", ".query."), (".to_k.", ".key."), (".to_v.", ".value."), (".to_out.0.", ".proj_attn.")] {
                t.name = t.name.replace(new, old);
            }
        }
    });
    let runs = [new, old].map(|dir| {
        let run = dir.with_extension("run");
        import(&dir, &run, &Device::flex()).unwrap();
        score(&run, &points(1, 16), 0.5)
    });
    assert_eq!(runs[0], runs[1]);
}

#[test]
fn old_names_of_frequencies_are_understood() {
    let at = tempfile::tempdir().unwrap();
    let of = |name: &str, change: fn(&mut Vec<NamedTensor>)| {
        let dir = folder(&at.path().join(name), &fourier(), &Value::Null, change);
        let run = dir.with_extension("run");
        import(&dir, &run, &Device::flex()).unwrap();
        score(&run, &points(1, 16), 0.5)
    };
    let now = of("now", |_| ());
    let alone = of("alone", |tensors| {
        tensors.iter_mut().filter(|t| t.name == "time_proj.weight").for_each(|t| t.name = "time_proj.W".into());
    });
    let both = of("both", |tensors| {
        let first = tensors.iter().find(|t| t.name == "time_proj.weight").unwrap();
        tensors.push(NamedTensor { name: "time_proj.W".into(), ..first.clone() });
    });
    assert_eq!((&alone, &both), (&now, &now));
}

#[test]
fn an_imported_run_says_what_it_is_and_is_not_trained_further() {
    let at = tempfile::tempdir().unwrap();
    let run = at.path().join("run");
    import(&folder(&at.path().join("cat"), &small(), &ddpm(), |_| ()), &run, &Device::flex()).unwrap();
    let target = Target::open(run.to_str().unwrap(), &Device::flex()).unwrap();
    assert_eq!((target.values(), target.event().dims()), ((-1.0, 1.0), vec![1, 4, 4]));
    let recipe = fs::read_to_string(run.join("recipe.toml")).unwrap();
    assert!(recipe.contains("source = \"imported:cat\"") && recipe.contains("config = '''\n{\n"), "{recipe}");
    let card = fs::read_to_string(run.join("README.md")).unwrap();
    assert!(card.contains("imported:cat") && !card.contains("scorefield train"), "{card}");
    let error = train_resumed(Layers::new(), &run, &Device::flex(), &mut ()).unwrap_err();
    assert!(error.to_string().contains("the data of an imported model are not here"), "{error}");
    assert_eq!(error.exit_code(), 2);
    let error = import(&at.path().join("cat"), &run, &Device::flex()).unwrap_err();
    assert!(error.to_string().contains("a run is there already"), "{error}");
}

fn refusal(config: &Value, scheduler: &Value, change: impl FnOnce(&mut Vec<NamedTensor>), spoil: impl FnOnce(&Path)) -> String {
    let at = tempfile::tempdir().unwrap();
    // The weights are those of a network that can be built; the configuration is written over.
    let dir = folder(&at.path().join("dir"), &small(), scheduler, change);
    fs::write(dir.join("config.json"), config.to_string()).unwrap();
    spoil(&dir);
    let run = at.path().join("run");
    let result: Result<_> = import(&dir, &run, &Device::flex());
    let error = result.unwrap_err();
    assert_eq!(error.exit_code(), 2, "{error}");
    assert!(!run.exists(), "{error}");
    error.to_string()
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let of = |change: fn(&mut Vec<NamedTensor>)| refusal(&small(), &ddpm(), change, |_| ());
    let missing = of(|t| t.retain(|t| t.name != "conv_in.bias"));
    assert!(missing.contains("1 tensor missing: conv_in.bias [4]"), "{missing}");
    let extra = of(|t| t.push(NamedTensor { name: "more".into(), shape: vec![1], values: vec![0.0] }));
    assert!(extra.contains("does not have: more [1]"), "{extra}");
    let shape = of(|t| t.iter_mut().filter(|t| t.name == "conv_out.bias").for_each(|t| t.shape = vec![1, 1]));
    assert!(shape.contains("tensor conv_out.bias") && shape.contains("wants [1]"), "{shape}");
    let empty = of(|t| {
        t.iter_mut().filter(|t| t.name == "conv_out.bias").for_each(|t| (t.shape, t.values) = (vec![0], vec![]));
    });
    assert!(empty.contains("shape [0]"), "{empty}");
    let nan = of(|t| t.iter_mut().filter(|t| t.name == "conv_in.bias").for_each(|t| t.values[2] = f32::NAN));
    assert!(nan.contains("tensor conv_in.bias): weight 2 is NaN"), "{nan}");
    let cut = refusal(
        &small(),
        &ddpm(),
        |_| (),
        |dir| {
            let bytes = fs::read(dir.join(WEIGHTS)).unwrap();
            fs::write(dir.join(WEIGHTS), &bytes[..bytes.len() - 5]).unwrap();
        },
    );
    assert!(cut.contains("not in the file"), "{cut}");
}

#[test]
fn what_is_not_supported_is_named() {
    let with = |mut value: Value, key: &str, to: Value| {
        value[key] = to;
        value
    };
    let of = |config: &Value, scheduler: &Value| refusal(config, scheduler, |_| (), |_| ());
    let cases = [
        (of(&with(small(), "_class_name", "UNet2DConditionModel".into()), &ddpm()), "UNet2DConditionModel"),
        (of(&with(small(), "down_block_types", json!(["DownBlock2D", "KDownBlock2D"])), &ddpm()), "down_block_types"),
        (of(&with(small(), "sample_size", Value::Null), &ddpm()), "sample_size"),
        (of(&with(small(), "sample_size", 5.into()), &ddpm()), "5 × 5"),
        (of(&small(), &Value::Null), "no scheduler_config.json"),
        (of(&small(), &json!({ "_class_name": "FlowMatchEulerDiscreteScheduler" })), "FlowMatchEulerDiscreteScheduler"),
        (of(&small(), &with(ddpm(), "beta_schedule", "laplace".into())), "beta_schedule): \"laplace\" is not supported"),
        (of(&small(), &with(ddpm(), "rescale_betas_zero_snr", true.into())), "rescale_betas_zero_snr"),
        (of(&small(), &with(ddpm(), "trained_betas", json!([0.1, 1.5]))), "beta of step 1"),
        (of(&small(), &with(ddpm(), "num_train_timesteps", json!(1u64 << 40))), "num_train_timesteps"),
        (of(&small(), &with(ddpm(), "beta_strat", json!(1e-4))), "beta_strat): not a setting"),
        (
            of(&small(), &json!({ "_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": true })),
            "use_flow_sigmas): true is not",
        ),
        (of(&with(small(), "num_class_embeds", json!(1u64 << 60)), &ddpm()), "num_class_embeds = 1152921504606846976"),
        (of(&with(small(), "num_class_embeds", 0.into()), &ddpm()), "num_class_embeds = 0"),
        // It would take gigabytes, and no file of a few hundred numbers is its weights.
        (
            of(&with(with(small(), "block_out_channels", json!([16384, 16384])), "time_embedding_dim", 16.into()), &ddpm()),
            "its network's settings want at least",
        ),
        (
            of(&with(with(small(), "layers_per_block", 16384.into()), "time_embedding_dim", 16384.into()), &ddpm()),
            "its network's settings want",
        ),
        (of(&with(small(), "norm_num_groups", Value::Null), &ddpm()), "norm_num_groups = null"),
        (of(&with(small(), "attention_head_dim", 16.into()), &ddpm()), "attention_head_dim = 16 for 8 channels"),
        (of(&small(), &json!({ "_class_name": "EDMEulerScheduler", "sigma_min": 3, "sigma_max": 1 })), "sigma_min < sigma_max"),
        (of(&small(), &json!({ "_class_name": "EDMEulerScheduler", "prediction_type": "v_prediction" })), "v_prediction"),
        (of(&fourier(), &ddpm()), "fourier"),
        (refusal(&small(), &ddpm(), |_| (), |dir| fs::write(dir.join("config.json"), "{").unwrap()), "not JSON"),
        (refusal(&small(), &ddpm(), |_| (), |dir| fs::remove_file(dir.join("config.json")).unwrap()), "no model of diffusers"),
        (
            refusal(
                &small(),
                &ddpm(),
                |_| (),
                |dir| {
                    fs::rename(dir.join(WEIGHTS), dir.join("diffusion_pytorch_model.bin")).unwrap();
                },
            ),
            "a pickle",
        ),
        (
            refusal(
                &small(),
                &ddpm(),
                |_| (),
                |dir| {
                    let index = json!({ "_class_name": "LDMPipeline", "vqvae": ["diffusers", "VQModel"], "unet": ["diffusers", "UNet2DModel"] });
                    fs::write(dir.join("model_index.json"), index.to_string()).unwrap();
                },
            ),
            "VQModel",
        ),
    ];
    for (message, part) in cases {
        assert!(message.contains(part), "{part} in: {message}");
    }
}

#[test]
fn runs_that_diffusers_has_no_form_for_are_refused() {
    let at = tempfile::tempdir().unwrap();
    let (run, out) = (at.path().join("run"), at.path().join("out"));
    let settings =
        [("data.source", "digits"), ("net.width", "8"), ("net.depth", "1"), ("train.steps", "1"), ("train.batch", "8")];
    train_new(layers(&settings).build().unwrap(), &run, &Device::flex(), &mut ()).unwrap();
    let error = export(&run, &out, &Device::flex()).unwrap_err();
    assert!(error.to_string().contains("mlp has no form in diffusers") && !out.exists(), "{error}");
    assert_eq!(error.exit_code(), 2);
}
