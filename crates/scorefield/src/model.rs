//! A trained model: a network inside the preconditioning of Karras et al. 2022 (Table 1), as a [`Score`].
//!
//! With z = x − μ (μ the data's mean) and total variance σ² + σ_d², the paper's denoiser D = μ + c_skip·z + c_out·F(c_in·z, c_noise) gives,
//! by Tweedie's formula, s = (D − x)/σ², that is
//!
//! s(x, σ) = −z/(σ² + σ_d²) + σ_d/(σ·√(σ² + σ_d²))·F(z/√(σ² + σ_d²), ¼ ln(σ/σ_d)),
//!
//! written so that nothing cancels at small σ. The paper's c_noise is ¼ ln σ; dividing by σ_d makes a rescaled data set train the same
//! network. A model without noise (σ = 0: plain score matching) is s(x) = −z/σ_d² + F(z/σ_d, 0)/σ_d.
//!
//! An energy network G stands for F = −∇G: E = ½‖z‖²/(σ² + σ_d²) + (σ_d/σ)·G, without noise E = ½‖z‖²/σ_d² + G, and s = −∇E. Then
//! vᵀs = −Ė and vᵀJv = −Ë along v, which a jet of second order has without the rest of the gradient.
//!
//! Models from elsewhere take their points and levels in other ways: see [`Conditioning`].

mod conditioning;
mod still;
mod timesteps;

pub use conditioning::Conditioning;
pub use timesteps::{BetaSchedule, Betas, Prediction, Timesteps};

use self::conditioning::Factors;
use self::still::Still;
use crate::data::EventShape;
use crate::jet::{Jet, Order, Value};
use crate::levels::Regime;
use crate::net::{Network, Output};
use crate::score::{Evaluation, Score, ScoreJvp, score_rows_in_tensors, trace_along};
use crate::tensor::{Device, Tensor, blend, by_point, is_cpu, matrix, numbers, repeated, row_dots, times_rows};

/// What the preconditioning knows of the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Precondition {
    /// μ, `[d]`.
    pub mean: Vec<f32>,
    /// σ_d: root mean variance over dimensions.
    pub sigma_data: f32,
    /// Whether the model is of noisy data, or of the data themselves.
    pub regime: Regime,
    /// How the network takes a point and its noise level.
    pub conditioning: Conditioning,
}

/// See the head of this file.
pub struct Model {
    net: Box<dyn Network>,
    mean: Tensor<2>,
    precondition: Precondition,
    event: EventShape,
    device: Device,
    still: Still,
}

impl Clone for Model {
    fn clone(&self) -> Self {
        Self {
            net: self.net.boxed_clone(),
            mean: self.mean.clone(),
            precondition: self.precondition.clone(),
            event: self.event.clone(),
            device: self.device.clone(),
            still: Still::default(),
        }
    }
}

impl Model {
    /// Wraps a network.
    ///
    /// # Panics
    /// If the mean is not as long as the event.
    pub fn new(net: Box<dyn Network>, precondition: Precondition, event: EventShape, device: &Device) -> Self {
        assert_eq!(precondition.mean.len(), event.len(), "the mean has the data's dimension");
        let mean = matrix(precondition.mean.clone(), 1, event.len(), device);
        Self { net, mean, precondition, event, device: device.clone(), still: Still::default() }
    }

    /// The network inside.
    pub fn net(&self) -> &dyn Network {
        &*self.net
    }

    /// The network inside, to change its parameters.
    pub fn net_mut(&mut self) -> &mut dyn Network {
        self.still = Still::default();
        &mut *self.net
    }

    /// The same model on the device without gradients; its parameters are left as they are, for the caller to replace.
    pub fn without_gradients(&self) -> Self {
        let device = self.device.clone().without_autodiff();
        let mean = matrix(self.precondition.mean.clone(), 1, self.event.len(), &device);
        Self { device, mean, ..self.clone() }
    }

    /// The shape of one sample.
    pub fn event(&self) -> &EventShape {
        &self.event
    }

    /// What the preconditioning knows of the data.
    pub fn precondition(&self) -> &Precondition {
        &self.precondition
    }

    fn factors(&self, sigma: &Tensor<1>) -> Factors {
        self.precondition.factors(sigma, &self.device)
    }

    fn centred(&self, x: Tensor<2>) -> Tensor<2> {
        x - self.mean.clone()
    }

    /// What the network's output is.
    pub fn output(&self) -> Output {
        self.net.output()
    }

    /// s and J·v `[M·n, d]` in the directions `v` `[M·n, d]`, by one forward-mode pass.
    fn jvp(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let f = self.factors(sigma);
        let z = Jet::line(self.centred(x), v, Order::First);
        let network = self.net.jet(z.clone().scale(f.c_in), &f.c_noise).scale(f.out);
        let (score, tangent, _) = network.plus(z.scale(f.skip.neg())).into_parts();
        (score, tangent)
    }

    /// −Ė and −Ë `[n, M]` of an energy along `v` `[M·n, d]`.
    fn slopes(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let n = x.dims()[0];
        let f = self.factors(sigma);
        let z = self.centred(x);
        let line = Jet::line(z.clone() * f.c_in.clone(), times_rows(v.clone(), f.c_in), Order::Second);
        let (_, first, second) = self.net.jet(line, &f.c_noise).into_parts();
        let second = second.expect("a jet of second order has a second derivative");
        let along = row_dots(v.clone(), z, n) * f.skip.clone() + by_point(first, n) * f.energy.clone();
        let squares = by_point(v.powi_scalar(2).sum_dim(1), n);
        (along.neg(), (squares * f.skip + by_point(second, n) * f.energy).neg())
    }
}

impl Score for Model {
    fn dim(&self) -> usize {
        self.event.len()
    }

    fn device(&self) -> Device {
        self.device.clone()
    }

    fn score(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<2> {
        let f = self.factors(sigma);
        let z = self.centred(x);
        let input = z.clone() * f.c_in;
        let field = match self.net.output() {
            Output::Score => self.net.value(input, &f.c_noise),
            Output::Energy => self.net.gradient(input, &f.c_noise).neg(),
        };
        blend(field, f.out, z, f.skip)
    }

    fn score_rows(&self, x: &[f64], sigma: f64, out: &mut [f64]) {
        if !self.still.score(&*self.net, &self.precondition, &self.device, x, sigma as f32, out) {
            score_rows_in_tensors(self, x, sigma, out);
        }
    }

    /// A perceptron on the CPU keeps one core busy with few rows; several cores have to wait for each other in each of its layers.
    fn evaluation(&self) -> Evaluation {
        let rows = !self.event.is_image() && self.net.output() == Output::Score;
        if rows && is_cpu(&self.device) { Evaluation::InBlocks } else { Evaluation::Together }
    }

    /// For an energy; its log density is not normalised.
    fn log_density_rows(&self, x: &[f64], sigma: f64, log_density: &mut [f64], score: &mut [f64]) -> Option<()> {
        let (d, n) = (self.dim(), x.len() / self.dim());
        let points = matrix(x.iter().map(|v| *v as f32).collect(), n, d, &self.device);
        let log = numbers(self.log_density(points, &repeated(sigma as f32, n, &self.device))?);
        log_density.iter_mut().zip(log).for_each(|(to, from)| *to = f64::from(from));
        self.score_rows(x, sigma, score);
        Some(())
    }
}

impl ScoreJvp for Model {
    fn curvature(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        match self.net.output() {
            Output::Score => {
                let (score, jv) = self.jvp(x, sigma, v.clone());
                let n = score.dims()[0];
                (score, row_dots(v, jv, n))
            }
            Output::Energy => (self.score(x.clone(), sigma), self.slopes(x, sigma, v).1),
        }
    }

    fn along(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        match self.net.output() {
            Output::Score => {
                let (score, jv) = self.jvp(x, sigma, v.clone());
                let n = score.dims()[0];
                (row_dots(v.clone(), score, n), row_dots(v, jv, n))
            }
            Output::Energy => self.slopes(x, sigma, v),
        }
    }

    fn trace(&self, x: Tensor<2>, sigma: &Tensor<1>) -> (Tensor<2>, Tensor<1>) {
        let f = self.factors(sigma);
        let z = self.centred(x.clone());
        let [n, d] = z.dims();
        let parts = match self.net.output() {
            Output::Score => self.net.diagonal(z.clone() * f.c_in.clone(), &f.c_noise),
            Output::Energy => None,
        };
        let Some((field, diagonal)) = parts else { return trace_along(self, x, sigma) };
        // ∂s_j/∂x_j = c_out·c_in·∂F_j/∂(c_in·z)_j − c_skip, with the factors of this file's head.
        let trace = diagonal.sum_dim(1) * f.c_in * f.out.clone() - f.skip.clone() * d as f32;
        (blend(field, f.out, z, f.skip), trace.reshape([n]))
    }

    fn log_density(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Option<Tensor<1>> {
        if self.net.output() == Output::Score {
            return None;
        }
        let n = x.dims()[0];
        let f = self.factors(sigma);
        let z = self.centred(x);
        let value = self.net.value(z.clone() * f.c_in, &f.c_noise);
        let energy = z.powi_scalar(2).sum_dim(1) * f.skip * 0.5 + value * f.energy;
        Some(energy.neg().reshape([n]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};
    use crate::net::{LevelCount, NETS, NetSettings, Precision, Takes, unflatten};
    use crate::tensor::{numbers, vector};

    fn model(net: &str, regime: Regime, perturb: f32) -> Model {
        let device = Device::flex();
        let settings = NetSettings { width: 16, depth: 1, embedding: 8, precision: Precision::F32, levels: LevelCount::Many };
        let event = EventShape::Vector(2);
        let entry = NETS.iter().find(|e| e.name == net).unwrap();
        let mut net = (entry.value.build)(&settings, &event, Key::new(1, Purpose::Init), &device).unwrap();
        let key = Key::new(2, Purpose::Init);
        let mut row = 0;
        unflatten::<()>(&mut *net, &device, |_, shape| {
            row += 1;
            Ok(key.at(row).normal(0, 1, shape.iter().product()).iter().map(|z| perturb * z).collect())
        })
        .unwrap();
        Model::new(
            net,
            Precondition { mean: vec![1.0, -1.0], sigma_data: 0.7, regime, conditioning: Conditioning::Relative },
            event,
            &device,
        )
    }

    #[test]
    fn an_untrained_model_is_the_gaussian_of_the_datas_mean_and_variance() {
        let (m, device) = (model("mlp", Regime::Noisy, 0.0), Device::flex());
        let s = numbers(m.score(matrix(vec![2.0, 0.5], 1, 2, &device), &vector(vec![0.3], &device)));
        let total = 0.49 + 0.09;
        assert!((s[0] + 1.0 / total).abs() < 1e-6 && (s[1] + 1.5 / total).abs() < 1e-6, "{s:?}");
    }

    #[test]
    fn denoise_is_the_papers_denoiser() {
        // D = μ + c_skip z + c_out F(c_in z, c_noise) with Table 1's factors.
        let (m, device) = (model("mlp", Regime::Noisy, 0.5), Device::flex());
        let (x, sigma, data) = ([2.0f32, 0.5], 0.3f32, 0.7f32);
        let total = sigma * sigma + data * data;
        let z = [x[0] - 1.0, x[1] + 1.0];
        let scaled = matrix(z.iter().map(|z| z / total.sqrt()).collect(), 1, 2, &device);
        let f = numbers(m.net().value(scaled, &vector(vec![0.25 * (sigma / data).ln()], &device)));
        let d = numbers(m.denoise(matrix(x.to_vec(), 1, 2, &device), &vector(vec![sigma], &device)));
        for j in 0..2 {
            let expected = [1.0, -1.0][j] + data * data / total * z[j] + sigma * data / total.sqrt() * f[j];
            assert!((d[j] - expected).abs() < 1e-5, "{} against {expected}", d[j]);
        }
    }

    #[test]
    fn rows_are_those_of_tensors_also_after_a_change_of_the_parameters() {
        for (net, regime, sigmas) in
            [("plain-mlp", Regime::Noisy, [0.1, 3.0]), ("plain-mlp", Regime::Clean, [0.0; 2]), ("mlp", Regime::Noisy, [0.1, 3.0])]
        {
            let mut m = model(net, regime, 0.5);
            let x: Vec<f64> = Key::new(3, Purpose::Data).normal(0, 7, 2).into_iter().map(f64::from).collect();
            for scale in [1.0, 0.5] {
                m.net_mut().visit_mut(&mut |_, p| p.update(|w| w * scale));
                for sigma in sigmas {
                    let [mut got, mut want] = [[0.0; 14]; 2];
                    m.score_rows(&x, sigma, &mut got);
                    score_rows_in_tensors(&m, &x, sigma, &mut want);
                    assert!(want.iter().any(|s| s.abs() > 0.1));
                    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 2e-6 * (1.0 + b.abs() + 1.0 / sigma.max(0.1));
                    assert!(got.iter().zip(&want).all(near), "{net} at {sigma}: {got:?}, not {want:?}");
                }
            }
        }
    }

    #[test]
    fn curvature_along_and_trace_are_derivatives_of_the_score_whatever_the_network_and_the_noise() {
        let device = Device::flex();
        let (n, h) = (3, 1e-2f32);
        let x = Key::new(3, Purpose::Data).normal(0, n, 2);
        let v = Key::new(4, Purpose::Projection).normal(0, 2 * n, 2);
        for entry in NETS.iter().filter(|e| e.value.takes == Takes::Rows) {
            for (regime, sigma) in [(Regime::Noisy, vec![0.5f32, 0.2, 2.0]), (Regime::Clean, vec![0.0; 3])] {
                let m = model(entry.name, regime, 0.5);
                let level = vector(sigma, &device);
                let at = |shift: &dyn Fn(usize, usize) -> f32| {
                    let moved = (0..2 * n).map(|k| x[k] + shift(k / 2, k % 2)).collect();
                    numbers(m.score(matrix(moved, n, 2, &device), &level))
                };
                let (point, directions) = (matrix(x.clone(), n, 2, &device), matrix(v.clone(), 2 * n, 2, &device));
                let (s, curvature) = m.curvature(point.clone(), &level, directions.clone());
                let (along, again) = m.along(point.clone(), &level, directions);
                let (whole, trace) = m.trace(point, &level);
                let s0 = at(&|_, _| 0.0);
                let near = |a: f32, b: f32, what: &str| {
                    assert!((a - b).abs() < 4e-3 * (1.0 + b.abs()), "{} {regime:?} {what}: {a} against {b}", entry.name);
                };
                numbers(s).iter().zip(&s0).for_each(|(a, b)| near(*a, *b, "s by curvature"));
                numbers(whole).iter().zip(&s0).for_each(|(a, b)| near(*a, *b, "s by trace"));
                let (curvature, along, again, trace) = (numbers(curvature), numbers(along), numbers(again), numbers(trace));
                for k in 0..2 {
                    let dir = |i: usize, j: usize| v[(k * n + i) * 2 + j];
                    let (up, down) = (at(&|i, j| h * dir(i, j)), at(&|i, j| -h * dir(i, j)));
                    for i in 0..n {
                        let slope: f32 = (0..2).map(|j| dir(i, j) * (up[2 * i + j] - down[2 * i + j]) / (2.0 * h)).sum();
                        near(curvature[i * 2 + k], slope, "vᵀJv");
                        near(again[i * 2 + k], slope, "vᵀJv by along");
                        near(along[i * 2 + k], (0..2).map(|j| dir(i, j) * s0[2 * i + j]).sum(), "vᵀs");
                    }
                }
                for (i, trace) in trace.iter().enumerate() {
                    let part = |j: usize| {
                        let unit = |sign: f32| at(&move |_, k| if j == k { sign * h } else { 0.0 })[2 * i + j];
                        (unit(1.0) - unit(-1.0)) / (2.0 * h)
                    };
                    near(*trace, part(0) + part(1), "tr J");
                }
            }
        }
    }

    #[test]
    fn the_short_way_to_the_trace_and_its_gradients_equal_those_along_unit_directions() {
        let device = Device::flex().autodiff();
        for (d, n, depth, regime) in [(3, 5, 1, Regime::Noisy), (20, 9, 3, Regime::Clean), (150, 4, 2, Regime::Noisy)] {
            let levels = if regime == Regime::Noisy { LevelCount::Many } else { LevelCount::One };
            let settings = NetSettings { width: 24, depth, embedding: 8, precision: Precision::F32, levels };
            let event = EventShape::Vector(d);
            let entry = NETS.iter().find(|e| e.name == "plain-mlp").unwrap();
            let mut net = (entry.value.build)(&settings, &event, Key::new(1, Purpose::Init), &device).unwrap();
            let mut row = 0;
            net.visit_mut(&mut |_, p| {
                row += 1;
                let size = if p.shape().len() > 1 { (p.shape()[0] as f32).powf(-0.5) } else { 0.5 };
                let values = Key::new(2, Purpose::Init).normal(row, 1, p.len()).into_iter().map(|z| size * z).collect();
                p.update(|_| vector(values, &device).require_grad());
            });
            let m = Model::new(
                net,
                Precondition { mean: vec![0.3; d], sigma_data: 0.7, regime, conditioning: Conditioning::Relative },
                event,
                &device,
            );
            let sigma = vector((0..n).map(|i| 0.2 + 0.3 * i as f32).collect(), &device);
            let x = matrix(Key::new(3, Purpose::Data).normal(0, n, d), n, d, &device);
            assert!(m.net().diagonal(x.clone(), &sigma).is_some());
            let run = |(s, trace): (Tensor<2>, Tensor<1>)| {
                let loss = s.clone().powi_scalar(2).mean() + (trace.clone() * 0.1).sin().mean();
                [numbers(s.inner()), numbers(trace.inner()), crate::train::gradient(m.net(), loss)]
            };
            let (short, long) = (run(m.trace(x.clone(), &sigma)), run(trace_along(&m, x, &sigma)));
            for (what, (a, b)) in ["s", "tr J", "gradients"].iter().zip(short.iter().zip(&long)) {
                let size = b.iter().fold(0.0f32, |size, b| size.max(b.abs()));
                assert!(a.len() == b.len() && size > 1e-2, "{what}, d = {d}: {size}");
                a.iter()
                    .zip(b)
                    .for_each(|(a, b)| assert!((a - b).abs() < 2e-5 * size, "{what}, d = {d}: {a} against {b} of {size}"));
            }
        }
    }

    #[test]
    fn an_energys_score_is_the_gradient_of_its_log_density() {
        let (device, h) = (Device::flex(), 1e-2f32);
        for (regime, sigma) in [(Regime::Noisy, 0.4f32), (Regime::Clean, 0.0)] {
            let m = model("energy-mlp", regime, 0.5);
            let level = vector(vec![sigma], &device);
            let log = |x: [f32; 2]| numbers(m.log_density(matrix(x.to_vec(), 1, 2, &device), &level).unwrap())[0];
            let s = numbers(m.score(matrix(vec![1.5, -0.5], 1, 2, &device), &level));
            for (j, s) in s.iter().enumerate() {
                let moved = |sign: f32| [1.5 + if j == 0 { sign * h } else { 0.0 }, -0.5 + if j == 1 { sign * h } else { 0.0 }];
                let slope = (log(moved(1.0)) - log(moved(-1.0))) / (2.0 * h);
                assert!((slope - s).abs() < 5e-3 * (1.0 + slope.abs()), "{regime:?}: {slope} against {s}");
            }
        }
        assert!(
            model("mlp", Regime::Clean, 0.5)
                .log_density(matrix(vec![0.0; 2], 1, 2, &device), &vector(vec![0.0], &device))
                .is_none()
        );
    }
}
