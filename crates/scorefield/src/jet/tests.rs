//! Every layer's and every network's derivatives along lines, in f64 against five-point differences of the value.
//!
//! The differences err by h⁴ in truncation and by 10⁻¹⁶/h² in rounding: with h = 10⁻³ both are below 10⁻⁹ for values of order one.

use super::*;
use crate::data::EventShape;
use crate::key::{Key, Purpose};
use crate::net::{LevelCount, Linear, NETS, NetSettings, Network, Precision, Takes};
use crate::tensor::{DType, Device, Tensor, TensorData, matrix, numbers, unit_vectors, vector};

const H: f64 = 1e-3;
const TOLERANCE: f64 = 1e-6;

fn exact(values: &[f64], rows: usize) -> Tensor<2> {
    let data = TensorData::new(values.to_vec(), [rows, values.len() / rows]);
    Tensor::from_data(data, (&Device::flex(), DType::F64))
}

fn doubles(t: Tensor<2>) -> Vec<f64> {
    t.into_data().try_into_vec::<f64>().unwrap()
}

fn normals(step: u32, n: usize) -> Vec<f64> {
    Key::new(11, Purpose::Noise).at(step).normal(0, 1, n).into_iter().map(f64::from).collect()
}

/// Holds value, first and second derivatives along two directions a point against differences.
fn check(name: &str, n: usize, d: usize, value: impl Fn(Tensor<2>) -> Tensor<2>, jet: impl Fn(Jet) -> Jet) {
    let (x, v) = (normals(1, n * d), normals(2, 2 * n * d));
    let at = |m: usize, t: f64| {
        let moved: Vec<f64> = x.iter().zip(&v[m * n * d..]).map(|(x, v)| x + t * v).collect();
        doubles(value(exact(&moved, n)))
    };
    let near = |a: f64, b: f64, what: &str| {
        assert!((a - b).abs() <= TOLERANCE * (1.0 + b.abs()), "{name}, {what}: {a} against {b}");
    };
    for order in [Order::First, Order::Second] {
        let (primal, first, second) = jet(Jet::line(exact(&x, n), exact(&v, 2 * n), order)).into_parts();
        let (primal, first, second) = (doubles(primal), doubles(first), second.map(doubles));
        assert_eq!(second.is_some(), order == Order::Second, "{name}");
        for m in 0..2 {
            let [a, b, c, e, f] = [-2.0, -1.0, 0.0, 1.0, 2.0].map(|k| at(m, k * H));
            for i in 0..c.len() {
                near(primal[i], c[i], "value");
                near(first[m * c.len() + i], (a[i] - 8.0 * b[i] + 8.0 * e[i] - f[i]) / (12.0 * H), "first derivative");
                if let Some(second) = &second {
                    let bend = (-a[i] + 16.0 * b[i] - 30.0 * c[i] + 16.0 * e[i] - f[i]) / (12.0 * H * H);
                    near(second[m * c.len() + i], bend, "second derivative");
                }
            }
        }
    }
}

/// Checks an expression that is written once over any value.
macro_rules! layer {
    ($name:expr, $n:expr, $d:expr, |$x:ident| $body:expr) => {
        check($name, $n, $d, |$x: Tensor<2>| $body, |$x: Jet| $body)
    };
}

fn weights(step: u32, shape: [usize; 4]) -> Tensor<4> {
    exact(&normals(step, shape.iter().product()), 1).reshape(shape)
}

#[test]
fn functions_have_their_first_and_second_derivatives() {
    for f in Function::ALL {
        match f {
            // Positive arguments, by way of eˣ, whose own derivatives are checked beside them.
            Function::Sqrt | Function::Reciprocal => layer!(&format!("{f:?}"), 3, 4, |x| x.apply(Function::Exp).apply(f)),
            _ => layer!(&format!("{f:?}"), 3, 4, |x| x.apply(f)),
        }
    }
}

#[test]
fn arithmetic_goes_through_a_jet() {
    let c = exact(&normals(5, 12), 3);
    let row = exact(&normals(6, 4), 1);
    layer!("shift and scale", 3, 4, |x| x.shift(c.clone()).scale(c.clone()).scale(row.clone()).shift(row.clone()));
    layer!("plus of curved and straight", 3, 4, |x| x.clone().apply(Function::Tanh).plus(x));
    layer!("times", 3, 4, |x| x.clone().apply(Function::Tanh).times(x.clone().apply(Function::Softplus)).times(x));
    layer!("concat", 3, 4, |x| Value::concat(vec![x.clone(), x.clone().apply(Function::Gelu), x.clone().times(x)]));
    layer!("sum over features", 3, 4, |x| x.clone().times(x).linear_map(|t| t.sum_dim(1)));
}

#[test]
fn affine_layers_and_norms_go_through_a_jet() {
    let mut linear = Linear::new(6, 4, true, crate::net::Init::Scaled(1.0), Key::new(1, Purpose::Init), &Device::flex());
    linear.visit_mut("", &mut |_, p| p.update(|v| v.cast(DType::F64)));
    layer!("affine", 3, 6, |x| x.linear(&linear).apply(Function::Silu));
    let c = exact(&normals(5, 18), 3);
    layer!("add_silu", 3, 6, |x| x.add_silu(c.clone()));
    layer!("layer norm", 3, 6, |x| x.layer_norm());
    layer!("layer norm of something curved", 3, 6, |x| x.apply(Function::Softplus).layer_norm());
    layer!("group norm", 3, 6, |x| group_norm(x.apply(Function::Tanh), Groups { groups: 2, size: 3 }, 1e-5));
}

#[test]
fn softmax_and_attention_go_through_a_jet() {
    layer!("softmax", 3, 6, |x| softmax(x.apply(Function::Tanh), Groups { groups: 2, size: 3 }));
    layer!("attention", 2, 6, |x| attention(x.clone().apply(Function::Tanh), x.clone(), x.clone().times(x), 3, 2));
}

#[test]
fn layers_of_images_go_through_a_jet() {
    let image = Image { channels: 4, height: 4, width: 4 };
    let rows = |step: u32, n: usize, c: usize| Some(exact(&normals(step, n * c), n));
    for (n, stride, upsample) in [(1, 1, false), (2, 1, true), (2, 2, false)] {
        let kernel = weights(7, [3, 4, 3, 3]);
        let own = Weights { scale: rows(8, n, 4), offset: rows(9, n, 4), kernel, bias: rows(10, n, 3) };
        let window = Window { stride, before: 2 - stride, after: 1 };
        let norm = Some(Norm { groups: 2, eps: 1e-5 });
        let layer =
            Layer { image, norm, activation: Some(Function::Silu), upsample, window, factor: 0.7, precision: Precision::F32 };
        let out = layer.output(3, 3);
        let shortcut = exact(&normals(11, 64 * out.numbers()), 64);
        layer!("layer of images", 2, 64, |x| {
            let residual = x.clone().linear_map(|t| t.matmul(shortcut.clone()));
            x.apply(Function::Tanh).layer(&layer, &own, Some(residual))
        });
    }
    for how in [Resampling::Nearest, Resampling::Average, Resampling::FilteredDown, Resampling::FilteredUp] {
        layer!("resampling", 2, 64, |x| resample(x.apply(Function::Silu), image, how));
    }
    layer!("attention of two heads", 2, 64, |x| {
        x.clone().apply(Function::Tanh).attend(x.clone(), x.clone().times(x), 16, 2, 2)
    });
}

#[test]
fn resampling_moves_pixels_where_they_belong() {
    let image = Image { channels: 2, height: 2, width: 2 };
    let x = exact(&[1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0], 1);
    let up = resample(x.clone(), image, Resampling::Nearest);
    let first: Vec<f64> = doubles(up.clone()).into_iter().step_by(2).collect();
    assert_eq!(first, [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 3.0, 3.0, 4.0, 4.0]);
    assert_eq!(doubles(resample(up, image.doubled(), Resampling::Average)), doubles(x));
}

#[test]
fn a_u_nets_jets_are_its_derivatives() {
    let json = r#"{"in_channels": 2, "out_channels": 2, "block_out_channels": [4, 8], "layers_per_block": 1, "norm_num_groups": 2,
        "down_block_types": ["AttnDownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "AttnUpBlock2D"],
        "attention_head_dim": 4, "downsample_type": "resnet", "upsample_type": "resnet"}"#;
    let config = crate::net::unet::UNetConfig::parse(json, "test").unwrap();
    let mut net: Box<dyn Network> = Box::new(config.init(4, 4, Key::new(5, Purpose::Init), &Device::flex()).unwrap());
    let mut row = 2000;
    net.visit_mut(&mut |_, p| {
        row += 1;
        let noise = Key::new(5, Purpose::Init).at(row).normal(0, 1, p.len());
        p.update(|v| (v + vector(noise.into_iter().map(|z| 0.2 * z).collect(), &Device::flex())).cast(DType::F64));
    });
    let c = exact(&levels(2), 1).reshape([2]);
    check("unet", 2, 32, |x| net.value(x, &c), |x| net.jet(x, &c));
}

/// In f32 the kernels convolve, derivatives as well; in f64 Burn does.
#[test]
fn a_u_nets_jets_and_their_gradients_by_kernels_are_the_composed_ones() {
    let json = r#"{"in_channels": 3, "out_channels": 3, "block_out_channels": [8, 16], "layers_per_block": 1, "norm_num_groups": 4,
        "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"]}"#;
    let config = crate::net::unet::UNetConfig::parse(json, "test").unwrap();
    let device = Device::flex().autodiff();
    let of = |dtype: DType| {
        let mut net: Box<dyn Network> = Box::new(config.init(8, 8, Key::new(5, Purpose::Init), &Device::flex()).unwrap());
        let mut row = 3000;
        net.visit_mut(&mut |_, p| {
            row += 1;
            let noise = Key::new(5, Purpose::Init).at(row).normal(0, 1, p.len());
            let moved = |v: Tensor<1>| v + vector(noise.into_iter().map(|z| 0.1 * z).collect(), &Device::flex());
            p.update(|v| Tensor::<1>::from_data(moved(v).into_data(), (&device, DType::F32)).cast(dtype).require_grad());
        });
        let given =
            |step: u32, rows: usize| Tensor::from_data(TensorData::new(normals(step, rows * 192), [rows, 192]), (&device, dtype));
        let c: Tensor<1> = Tensor::from_data(TensorData::new(levels(2), [2]), (&device, dtype));
        let (y, first, second) = net.jet(Jet::line(given(1, 2), given(2, 4), Order::Second), &c).into_parts();
        let loss = (y.powi_scalar(2).sum() + (first * 0.7).powi_scalar(2).sum() + second.unwrap().sin().sum()) * 0.01;
        let value = doubles(loss.clone().inner().cast(DType::F64).reshape([1, 1]))[0];
        let mut grads = loss.backward();
        let mut all = Vec::new();
        net.visit(&mut |name, p| {
            let g = p.flat().grad_remove(&mut grads).unwrap();
            let n = g.dims()[0];
            all.push((name.to_owned(), doubles(g.cast(DType::F64).reshape([1, n]))));
        });
        (value, all)
    };
    let ((got, gradients), (want, wanted)) = (of(DType::F32), of(DType::F64));
    assert!((got - want).abs() < 1e-4 * want.abs(), "{got}, not {want}");
    for ((name, got), (_, want)) in gradients.iter().zip(&wanted) {
        let size = want.iter().fold(1e-3, |size: f64, g| size.max(g.abs()));
        got.iter().zip(want).for_each(|(a, b)| assert!((a - b).abs() < 1e-3 * size, "{name}: {a}, not {b} of {size}"));
    }
}

/// A network with every parameter moved off its initial value, in f64 or f32.
fn network(name: &str, levels: LevelCount, dtype: DType) -> Box<dyn Network> {
    let device = Device::flex();
    let entry = NETS.iter().find(|e| e.name == name).unwrap();
    let settings = NetSettings { width: 12, depth: 2, embedding: 8, precision: Precision::F32, levels };
    let mut net = (entry.value.build)(&settings, &EventShape::Vector(3), Key::new(5, Purpose::Init), &device).unwrap();
    let mut row = 1000;
    net.visit_mut(&mut |_, p| {
        row += 1;
        let noise = Key::new(5, Purpose::Init).at(row).normal(0, 1, p.len());
        p.update(|v| (v + vector(noise.into_iter().map(|z| 0.3 * z).collect(), &device)).cast(dtype));
    });
    net
}

fn levels(n: usize) -> Vec<f64> {
    (0..n).map(|i| -1.0 + 0.6 * i as f64).collect()
}

#[test]
fn every_networks_jets_are_its_derivatives() {
    for entry in NETS.iter().filter(|e| e.value.takes == Takes::Rows) {
        for count in [LevelCount::One, LevelCount::Many] {
            let net = network(entry.name, count, DType::F64);
            let c = exact(&levels(4), 1).reshape([4]);
            check(entry.name, 4, 3, |x| net.value(x, &c), |x| net.jet(x, &c));
        }
    }
}

#[test]
fn an_energys_gradient_is_that_of_jets_along_unit_directions() {
    let net = network("energy-mlp", LevelCount::Many, DType::F64);
    let (x, c) = (exact(&normals(3, 12), 4), exact(&levels(4), 1).reshape([4]));
    let unit = unit_vectors(4, 3, 0, 3, &Device::flex()).cast(DType::F64);
    let (_, first, _) = net.jet(Jet::line(x.clone(), unit, Order::First), &c).into_parts();
    let (first, gradient) = (doubles(first), doubles(net.gradient(x, &c)));
    for (i, j) in (0..4).flat_map(|i| (0..3).map(move |j| (i, j))) {
        assert!((gradient[3 * i + j] - first[4 * j + i]).abs() < 1e-12);
    }
}

/// A loss that sees value, first and second derivative, and its gradient by every parameter.
fn loss_and_gradients(net: &mut Box<dyn Network>, composed: bool, n: usize) -> (f32, Vec<Vec<f32>>) {
    let device = Device::flex().autodiff();
    net.visit_mut(&mut |_, p| p.update(|v| Tensor::from_data(v.into_data(), &device).require_grad()));
    let single =
        |step: u32, rows: usize| matrix(normals(step, rows * 3).into_iter().map(|v| v as f32).collect(), rows, 3, &device);
    let c = vector(levels(n).into_iter().map(|c| c as f32).collect(), &device);
    let line = Jet::line(single(1, n), single(2, 2 * n), Order::Second);
    // A jet that is no longer a straight line takes the composed path: adding a curve of height 0 bends nothing.
    let line = if composed { line.clone().plus(line.clone().times(line).linear_map(|t| t * 0.0)) } else { line };
    let (y, first, second) = net.jet(line, &c).into_parts();
    let loss = (y.powi_scalar(2).sum() + (first * 0.7).powi_scalar(2).sum() + second.unwrap().sin().sum()) * (1.0 / n as f64);
    let value = numbers(loss.clone().inner())[0];
    let mut grads = loss.backward();
    let mut all = Vec::new();
    net.visit(&mut |_, p| all.push(numbers(p.flat().grad_remove(&mut grads).unwrap())));
    (value, all)
}

#[test]
fn the_fused_perceptron_and_its_gradients_equal_the_composed_ones() {
    for name in ["plain-mlp", "energy-mlp"] {
        for count in [LevelCount::One, LevelCount::Many] {
            let mut net = network(name, count, DType::F32);
            let (fused, fused_gradients) = loss_and_gradients(&mut net, false, 37);
            let (composed, composed_gradients) = loss_and_gradients(&mut net, true, 37);
            assert!((fused - composed).abs() < 1e-4 * composed.abs(), "{name}: {fused} against {composed}");
            for (a, b) in fused_gradients.iter().zip(&composed_gradients) {
                let size = b.iter().fold(0.0f32, |s, b| s.max(b.abs())).max(1e-3);
                a.iter().zip(b).for_each(|(a, b)| assert!((a - b).abs() < 2e-4 * size, "{name}: {a} against {b} of {size}"));
            }
        }
    }
}
