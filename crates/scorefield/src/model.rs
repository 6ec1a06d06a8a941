//! A trained model: a network inside the preconditioning of Karras et al. 2022 (Table 1), as a [`Score`].
//!
//! With z = x − μ (μ the data's mean) and total variance σ² + σ_d², the paper's denoiser D = μ + c_skip·z + c_out·F(c_in·z, c_noise) gives,
//! by Tweedie's formula, s = (D − x)/σ², that is
//!
//! s(x, σ) = −z/(σ² + σ_d²) + σ_d/(σ·√(σ² + σ_d²))·F(z/√(σ² + σ_d²), ¼ ln(σ/σ_d)),
//!
//! written so that nothing cancels at small σ. The paper's c_noise is ¼ ln σ; dividing by σ_d makes a rescaled data set train the same
//! network.

use crate::data::EventShape;
use crate::jet::{Dual, Value};
use crate::net::Network;
use crate::score::Score;
use crate::tensor::{Device, Tensor, column, matrix};

/// What the preconditioning knows of the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Precondition {
    /// μ, `[d]`.
    pub mean: Vec<f32>,
    /// σ_d: root mean variance over dimensions.
    pub sigma_data: f32,
}

/// See the head of this file.
pub struct Model {
    net: Box<dyn Network>,
    mean: Tensor<2>,
    precondition: Precondition,
    event: EventShape,
    device: Device,
}

impl Clone for Model {
    fn clone(&self) -> Self {
        Self {
            net: self.net.boxed_clone(),
            mean: self.mean.clone(),
            precondition: self.precondition.clone(),
            event: self.event.clone(),
            device: self.device.clone(),
        }
    }
}

/// The preconditioning's factors for a batch of noise levels, each `[n, 1]`, and c_noise `[n]`.
struct Factors {
    c_in: Tensor<2>,
    c_noise: Tensor<1>,
    /// 1/(σ² + σ_d²).
    skip: Tensor<2>,
    /// σ_d/(σ·√(σ² + σ_d²)).
    out: Tensor<2>,
}

impl Model {
    /// Wraps a network.
    ///
    /// # Panics
    /// If the mean is not as long as the event.
    pub fn new(net: Box<dyn Network>, precondition: Precondition, event: EventShape, device: &Device) -> Self {
        assert_eq!(precondition.mean.len(), event.len(), "the mean has the data's dimension");
        let mean = matrix(precondition.mean.clone(), 1, event.len(), device);
        Self { net, mean, precondition, event, device: device.clone() }
    }

    /// The network inside.
    pub fn net(&self) -> &dyn Network {
        &*self.net
    }

    /// The network inside, to change its parameters.
    pub fn net_mut(&mut self) -> &mut dyn Network {
        &mut *self.net
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
        let data = self.precondition.sigma_data;
        let total = sigma.clone().powi_scalar(2) + data * data;
        let c_in = total.clone().sqrt().recip();
        Factors {
            c_noise: (sigma.clone() / data).log() * 0.25,
            skip: column(&total.recip()),
            out: column(&(c_in.clone() / sigma.clone() * data)),
            c_in: column(&c_in),
        }
    }

    /// The score and J·v in the direction `v` `[n, d]`, by one forward-mode pass.
    pub fn jvp(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let f = self.factors(sigma);
        let z = Dual { primal: x, tangent: v }.shift(self.mean.clone().neg());
        let network = self.net.dual(z.clone().scale_rows(f.c_in), &f.c_noise).scale_rows(f.out);
        let score = network.plus(z.scale_rows(f.skip.neg()));
        (score.primal, score.tangent)
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
        let z = x - self.mean.clone();
        self.net.value(z.clone() * f.c_in, &f.c_noise) * f.out - z * f.skip
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};
    use crate::net::{NETS, NetSettings, unflatten};
    use crate::tensor::{numbers, vector};

    fn model(perturb: f32) -> Model {
        let device = Device::flex();
        let settings = NetSettings { width: 16, depth: 1, embedding: 8 };
        let event = EventShape::Vector(2);
        let mut net = (NETS[0].value)(&settings, &event, Key::new(1, Purpose::Init), &device).unwrap();
        let key = Key::new(2, Purpose::Init);
        let mut row = 0;
        unflatten::<()>(&mut *net, &device, |_, shape| {
            row += 1;
            Ok(key.at(row).normal(0, 1, shape.iter().product()).iter().map(|z| perturb * z).collect())
        })
        .unwrap();
        Model::new(net, Precondition { mean: vec![1.0, -1.0], sigma_data: 0.7 }, event, &device)
    }

    #[test]
    fn an_untrained_model_is_the_gaussian_of_the_datas_mean_and_variance() {
        let (m, device) = (model(0.0), Device::flex());
        let s = numbers(m.score(matrix(vec![2.0, 0.5], 1, 2, &device), &vector(vec![0.3], &device)));
        let total = 0.49 + 0.09;
        assert!((s[0] + 1.0 / total).abs() < 1e-6 && (s[1] + 1.5 / total).abs() < 1e-6, "{s:?}");
    }

    #[test]
    fn denoise_is_the_papers_denoiser() {
        // D = μ + c_skip z + c_out F(c_in z, c_noise) with Table 1's factors.
        let (m, device) = (model(0.5), Device::flex());
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
    fn jvp_is_the_derivative_of_the_score() {
        let (m, device) = (model(0.5), Device::flex());
        let (x, v, sigma, h) = ([2.0f32, 0.5], [0.6f32, -0.8], vector(vec![0.5], &device), 1e-2f32);
        let at = |t: f32| numbers(m.score(matrix((0..2).map(|j| x[j] + t * v[j]).collect(), 1, 2, &device), &sigma));
        let (s, jv) = m.jvp(matrix(x.to_vec(), 1, 2, &device), &sigma, matrix(v.to_vec(), 1, 2, &device));
        let (s, jv, up, down) = (numbers(s), numbers(jv), at(h), at(-h));
        for j in 0..2 {
            assert!((s[j] - at(0.0)[j]).abs() < 1e-5);
            let slope = (up[j] - down[j]) / (2.0 * h);
            assert!((slope - jv[j]).abs() < 3e-3 * (1.0 + slope.abs()), "{slope} against {}", jv[j]);
        }
    }
}
