//! The U-Net against diffusers' `UNet2DModel`: outputs and gradients of ten configurations, as `scripts/unet_fixtures.py` wrote them.

use scorefield::key::{Key, Purpose};
use scorefield::net::unet::UNetConfig;
use scorefield::net::{Forward, Parameter, Parameters};
use scorefield::tensor::{Device, matrix, numbers, vector};
use std::collections::BTreeMap;

#[derive(serde::Deserialize)]
struct Case {
    config: serde_json::Value,
    output: Vec<f32>,
    gradients: BTreeMap<String, [f64; 2]>,
}

fn wave(name: &str, count: usize, scale: f64) -> Vec<f32> {
    let phase = name.bytes().map(f64::from).sum::<f64>();
    let at = |i: f64| scale * 2f64.sqrt() * (phase + 1.7 * i + 0.01 * i * i).sin();
    (0..count).map(|i| at(i as f64) as f32).collect()
}

fn weight(name: &str, shape: &[usize]) -> Vec<f32> {
    let count = shape.iter().product::<usize>();
    if name == "time_proj.weight" {
        return wave(name, count, 0.5);
    }
    if shape.len() == 1 {
        let centre = if name.contains("norm") && name.ends_with("weight") { 1.0 } else { 0.0 };
        return wave(name, count, 0.1).into_iter().map(|w| w + centre).collect();
    }
    wave(name, count, 0.7 / ((count / shape[0]) as f64).sqrt())
}

/// What is accepted can be computed, whichever blocks have a pyramid; the rest is refused when the settings are read.
#[test]
fn every_mixture_of_blocks_is_computed_or_refused() {
    let device = Device::flex();
    let mut accepted = 0;
    for bits in 0..64u32 {
        let kinds = |from: u32, way: &str| -> Vec<String> {
            (from..from + 3).map(|k| format!("{}{way}Block2D", if bits >> k & 1 == 1 { "Skip" } else { "" })).collect()
        };
        let (down, up) = (kinds(0, "Down"), kinds(3, "Up"));
        let config = serde_json::json!({
            "sample_size": 8, "block_out_channels": [4, 4, 8], "layers_per_block": 1, "norm_num_groups": 2, "add_attention": false,
            "down_block_types": down, "up_block_types": up,
        });
        match UNetConfig::parse(&config.to_string(), "config.json") {
            Ok(config) => {
                let net = config.init(8, 8, Key::new(1, Purpose::Init), &device).unwrap();
                let y = net.value(matrix(wave("x", 192, 1.0), 1, 192, &device), &vector(vec![0.5], &device));
                assert_eq!(y.dims(), [1, 192]);
                accepted += 1;
            }
            Err(e) => assert!(e.to_string().contains("_block_types: a"), "{down:?}, {up:?}: {e}"),
        }
    }
    // Down: pyramids of the first, the second, or neither of the two blocks that halve, not of the second alone. Up: none, or from one on.
    assert_eq!(accepted, 6 * 4);
}

#[test]
fn outputs_and_gradients_are_those_of_diffusers() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("fixtures/unet.json")).unwrap();
    let device = Device::flex().autodiff();
    for (i, case) in cases.iter().enumerate() {
        let config = UNetConfig::parse(&case.config.to_string(), "config.json").unwrap();
        let (height, width) = config.size().unwrap();
        let mut net = config.init(height, width, Key::new(1, Purpose::Init), &device).unwrap();
        let has_classes = config.num_class_embeds.is_some() || config.class_embed_type.is_some();
        if has_classes {
            net.set_class(1);
        }
        net.visit_mut(&mut |name, p| {
            *p = Parameter::new(weight(name, p.shape()), p.shape(), &device);
            p.update(|v| v.require_grad());
        });
        let d = config.in_channels * height * width;
        let x = matrix(wave("x", 2 * d, 1.0), 2, d, &device);
        let y = net.value(x, &vector(vec![0.8, 3.5], &device));
        let along = matrix(wave("loss", 2 * d, 1.0), 2, d, &device);
        let mut grads = (y.clone() * along).sum().backward();
        let got = numbers(y);
        let size = (case.output.iter().map(|y| y * y).sum::<f32>() / got.len() as f32).sqrt();
        let error = got.iter().zip(&case.output).fold(0.0f32, |e, (a, b)| e.max((a - b).abs())) / size;
        assert!(error < 1e-4, "case {i}: the output differs by {error}");
        let mut seen = 0;
        net.visit(&mut |name, p| {
            let Some([norm, dot]) = case.gradients.get(name).copied() else {
                return assert_eq!(name, "time_proj.weight", "case {i}");
            };
            seen += 1;
            let g = numbers(p.flat().grad_remove(&mut grads).unwrap());
            let got = g.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            let along = g.iter().zip(wave("along", g.len(), 1.0)).map(|(g, a)| f64::from(*g) * f64::from(a)).sum::<f64>();
            // What cancels exactly, such as an offset in front of a normalisation, is rounding on either side.
            let tolerance = 1e-3 * norm + 1e-5;
            assert!(
                (got - norm).abs() < tolerance && (along - dot).abs() < 2.0 * tolerance,
                "case {i}, {name}: {got}, {along}; {norm}, {dot}"
            );
        });
        assert_eq!(seen, case.gradients.len(), "case {i}");
    }
}
