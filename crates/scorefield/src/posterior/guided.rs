//! A score led away from a worse one: autoguidance (Karras et al. 2024, "Guiding a Diffusion Model with a Bad Version of Itself").
//!
//! s(x, σ) = s_guide(x, σ) + w·(s_main(x, σ) − s_guide(x, σ)),
//!
//! the score of p_main·(p_main/p_guide)^{w−1} at every level, up to its constant. Two models of the same data err in the same places, the worse
//! one more: with w > 1 samples leave the places where both err. w = 1 is the main model itself, w = 0 the guide. With a guide that knows less about the
//! sample (its class, say) it is classifier-free guidance (Ho & Salimans 2022). These products are not the noisy versions of one density, so
//! what is sampled is sharper than the data, and less varied the larger w is.

use crate::score::{Evaluation, Score, ScoreJvp};
use crate::tensor::{Device, Tensor};

/// See the head of this file.
#[derive(Clone, Copy)]
pub struct Guided<'a> {
    /// s_main.
    pub main: &'a dyn ScoreJvp,
    /// s_guide: the same dimension, units and kind of noise.
    pub guide: &'a dyn ScoreJvp,
    /// w.
    pub weight: f64,
}

impl Guided<'_> {
    fn mix<const D: usize>(&self, main: Tensor<D>, guide: Tensor<D>) -> Tensor<D> {
        let w = self.weight as f32;
        main * w + guide * (1.0 - w)
    }

    /// `main` becomes the mixture.
    fn mix_rows(&self, main: &mut [f64], guide: &[f64]) {
        main.iter_mut().zip(guide).for_each(|(main, guide)| *main = guide + self.weight * (*main - guide));
    }
}

impl Score for Guided<'_> {
    fn dim(&self) -> usize {
        self.main.dim()
    }

    fn device(&self) -> Device {
        self.main.device()
    }

    fn score(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Tensor<2> {
        self.mix(self.main.score(x.clone(), sigma), self.guide.score(x, sigma))
    }

    fn score_rows(&self, x: &[f64], sigma: f64, out: &mut [f64]) {
        let mut guide = vec![0.0; out.len()];
        self.main.score_rows(x, sigma, out);
        self.guide.score_rows(x, sigma, &mut guide);
        self.mix_rows(out, &guide);
    }

    fn score_rows_at(&self, x: &[f64], sigma: &[f64], out: &mut [f64]) {
        let mut guide = vec![0.0; out.len()];
        self.main.score_rows_at(x, sigma, out);
        self.guide.score_rows_at(x, sigma, &mut guide);
        self.mix_rows(out, &guide);
    }

    fn log_density_rows(&self, x: &[f64], sigma: f64, log_density: &mut [f64], score: &mut [f64]) -> Option<()> {
        let (mut log_guide, mut guide) = (vec![0.0; log_density.len()], vec![0.0; score.len()]);
        self.guide.log_density_rows(x, sigma, &mut log_guide, &mut guide)?;
        self.main.log_density_rows(x, sigma, log_density, score)?;
        self.mix_rows(log_density, &log_guide);
        self.mix_rows(score, &guide);
        Some(())
    }

    /// As the more demanding of the two.
    fn evaluation(&self) -> Evaluation {
        match (self.main.evaluation(), self.guide.evaluation()) {
            (Evaluation::Together, _) | (_, Evaluation::Together) => Evaluation::Together,
            (Evaluation::InBlocks, _) | (_, Evaluation::InBlocks) => Evaluation::InBlocks,
            (Evaluation::Apart, Evaluation::Apart) => Evaluation::Apart,
        }
    }
}

/// Every derivative is linear in the score, so each is the same mixture.
impl ScoreJvp for Guided<'_> {
    fn curvature(&self, x: Tensor<2>, sigma: &Tensor<1>, v: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let (main, of_main) = self.main.curvature(x.clone(), sigma, v.clone());
        let (guide, of_guide) = self.guide.curvature(x, sigma, v);
        (self.mix(main, guide), self.mix(of_main, of_guide))
    }

    fn trace(&self, x: Tensor<2>, sigma: &Tensor<1>) -> (Tensor<2>, Tensor<1>) {
        let (main, of_main) = self.main.trace(x.clone(), sigma);
        let (guide, of_guide) = self.guide.trace(x, sigma);
        (self.mix(main, guide), self.mix(of_main, of_guide))
    }

    fn log_density(&self, x: Tensor<2>, sigma: &Tensor<1>) -> Option<Tensor<1>> {
        Some(self.mix(self.main.log_density(x.clone(), sigma)?, self.guide.log_density(x, sigma)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;
    use crate::key::{Key, Purpose};
    use crate::tensor::{matrix, numbers, repeated};

    /// N(1, 1) and N(0, 4) in two dimensions, as densities of files.
    fn two() -> [std::sync::Arc<dyn density::Exact>; 2] {
        let of = |mean: f64, variance: f64| {
            let std = variance.sqrt();
            let text = format!("kind = \"mixture\"\n[[component]]\nweight = 1.0\nmean = [{mean:?}, {mean:?}]\nstd = {std:?}\n");
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("one.toml");
            std::fs::write(&path, text).unwrap();
            density::open(path.to_str().unwrap()).unwrap()
        };
        [of(1.0, 1.0), of(0.0, 4.0)]
    }

    #[test]
    fn two_gaussians_mix_to_the_gaussian_that_the_formula_says() {
        // s = w·(1 − x)/(1 + σ²) − (1 − w)·x/(4 + σ²), and its trace.
        let [main, guide] = two();
        let guided = |weight: f64| Guided { main: &*main, guide: &*guide, weight };
        let (n, sigma, device) = (5, 0.5f64, Device::flex());
        let x = Key::new(1, Purpose::Data).normal(0, n, 2);
        let wide: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        for w in [0.0, 1.0, 2.0, 3.5] {
            let (a, b) = (w / (1.0 + sigma * sigma), (1.0 - w) / (4.0 + sigma * sigma));
            let mut rows = vec![0.0; 2 * n];
            guided(w).score_rows(&wide, sigma, &mut rows);
            let tensors = guided(w).trace(matrix(x.clone(), n, 2, &device), &repeated(sigma as f32, n, &device));
            for (k, (x, s)) in wide.iter().zip(&rows).enumerate() {
                let want = a * (1.0 - x) - b * x;
                assert!((s - want).abs() < 1e-12, "w = {w}: {s}, not {want}");
                let single = f64::from(numbers(tensors.0.clone())[k]);
                assert!((single - want).abs() < 1e-5, "w = {w}: {single}, not {want}");
            }
            for trace in numbers(tensors.1) {
                assert!((f64::from(trace) + 2.0 * (a + b)).abs() < 1e-5, "w = {w}: {trace}");
            }
            let (mut log, mut score) = (vec![0.0; n], vec![0.0; 2 * n]);
            guided(w).log_density_rows(&wide, sigma, &mut log, &mut score).unwrap();
            assert!(score.iter().zip(&rows).all(|(a, b)| (a - b).abs() < 1e-12));
            let along = |i: usize| {
                let square = |c: f64| (wide[2 * i] - c).powi(2) + (wide[2 * i + 1] - c).powi(2);
                -0.5 * (a * square(1.0) + b * square(0.0))
            };
            (1..n).for_each(|i| assert!((log[i] - log[0] - along(i) + along(0)).abs() < 1e-10, "w = {w}"));
        }
    }
}
