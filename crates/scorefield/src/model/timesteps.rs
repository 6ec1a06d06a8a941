//! The noise levels of a model of numbered time steps (Ho et al. 2020), and the real-valued step of any level.
//!
//! β_t, t = 0 … T − 1, gives ᾱ_t = Π_{s ≤ t} (1 − β_s) and σ_t = √((1 − ᾱ_t)/ᾱ_t), which increases. Between two steps t is linear in ln σ;
//! beyond the first and the last it stays there. The settings are those of diffusers' schedulers.

use serde::{Deserialize, Serialize};
use std::f64::consts::FRAC_PI_2;

/// What the network was trained to predict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prediction {
    /// The noise ε.
    #[serde(rename = "epsilon")]
    Epsilon,
    /// The clean point x₀.
    #[serde(rename = "sample")]
    Sample,
    /// √ᾱ·ε − √(1 − ᾱ)·x₀.
    #[serde(rename = "v_prediction")]
    Velocity,
}

/// How β_t is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BetaSchedule {
    /// Linear in t.
    #[serde(rename = "linear")]
    Linear,
    /// √β linear in t.
    #[serde(rename = "scaled_linear")]
    ScaledLinear,
    /// ᾱ a squared cosine (Nichol & Dhariwal 2021).
    #[serde(rename = "squaredcos_cap_v2")]
    SquaredCosine,
    /// A logistic curve from −6 to 6 (Xu et al. 2022).
    #[serde(rename = "sigmoid")]
    Sigmoid,
}

/// The settings of diffusers' schedulers that say what the levels are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Betas {
    /// T.
    pub num_train_timesteps: usize,
    /// β₀.
    pub beta_start: f64,
    /// β_{T−1}.
    pub beta_end: f64,
    /// The curve between them.
    pub beta_schedule: BetaSchedule,
    /// All β, in place of the curve.
    pub trained_betas: Option<Vec<f64>>,
    /// What the network predicts.
    pub prediction_type: Prediction,
}

impl Default for Betas {
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_start: 1e-4,
            beta_end: 0.02,
            beta_schedule: BetaSchedule::Linear,
            trained_betas: None,
            prediction_type: Prediction::Epsilon,
        }
    }
}

/// The most time steps that are read.
const MOST: usize = 100_000;

impl Betas {
    fn values(&self) -> Vec<f64> {
        if let Some(betas) = &self.trained_betas {
            return betas.clone();
        }
        let n = self.num_train_timesteps;
        let line = |a: f64, b: f64| (0..n).map(move |t| a + (b - a) * t as f64 / (n - 1).max(1) as f64);
        match self.beta_schedule {
            BetaSchedule::Linear => line(self.beta_start, self.beta_end).collect(),
            BetaSchedule::ScaledLinear => line(self.beta_start.sqrt(), self.beta_end.sqrt()).map(|b| b * b).collect(),
            BetaSchedule::SquaredCosine => {
                let product = |t: usize| ((t as f64 / n as f64 + 0.008) / 1.008 * FRAC_PI_2).cos().powi(2);
                (0..n).map(|t| (1.0 - product(t + 1) / product(t)).min(0.999)).collect()
            }
            BetaSchedule::Sigmoid => {
                line(-6.0, 6.0).map(|u| (self.beta_end - self.beta_start) / (1.0 + (-u).exp()) + self.beta_start).collect()
            }
        }
    }
}

/// See the head of this file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Betas", into = "Betas")]
pub struct Timesteps {
    betas: Betas,
    /// ln σ_t.
    logs: Vec<f64>,
}

impl TryFrom<Betas> for Timesteps {
    type Error = String;

    fn try_from(betas: Betas) -> Result<Self, String> {
        let n = betas.trained_betas.as_ref().map_or(betas.num_train_timesteps, Vec::len);
        if !(2..=MOST).contains(&n) {
            return Err(format!("num_train_timesteps: expected 2 to {MOST}, got {n}"));
        }
        let mut product = 0.0;
        let mut logs = Vec::with_capacity(n);
        for (t, beta) in betas.values().into_iter().enumerate() {
            if !(beta > 0.0 && beta < 1.0) {
                return Err(format!("beta of step {t}: expected a number between 0 and 1, got {beta}"));
            }
            product += (-beta).ln_1p();
            // σ² = 1/ᾱ − 1, without loss where ᾱ is near 1.
            logs.push(0.5 * (-product).exp_m1().ln());
        }
        if !logs[n - 1].is_finite() {
            return Err("betas: the last level is beyond what numbers hold".to_owned());
        }
        Ok(Self { betas, logs })
    }
}

impl From<Timesteps> for Betas {
    fn from(timesteps: Timesteps) -> Self {
        timesteps.betas
    }
}

impl Timesteps {
    /// The settings.
    pub fn betas(&self) -> &Betas {
        &self.betas
    }

    /// What the network predicts.
    pub fn prediction(&self) -> Prediction {
        self.betas.prediction_type
    }

    /// The smallest and the largest σ.
    pub fn range(&self) -> (f64, f64) {
        (self.logs[0].exp(), self.logs[self.logs.len() - 1].exp())
    }

    /// The step of a level, a real number from 0 to T − 1.
    pub fn at(&self, sigma: f64) -> f64 {
        let log = sigma.ln();
        let above = self.logs.partition_point(|l| *l < log);
        match above {
            0 => 0.0,
            k if k == self.logs.len() => (k - 1) as f64,
            k => (k - 1) as f64 + (log - self.logs[k - 1]) / (self.logs[k] - self.logs[k - 1]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_betas_have_their_known_levels_and_every_level_its_step() {
        let steps = Timesteps::try_from(Betas::default()).unwrap();
        // σ₀² = β₀/(1 − β₀); the last product of the linear schedule is 4.0358e-5 (Ho et al. 2020).
        let (low, high) = steps.range();
        assert!((low.powi(2) - 1e-4 / 0.9999).abs() < 1e-12, "{low}");
        assert!((1.0 / (1.0 + high.powi(2)) - 4.0358e-5).abs() < 1e-8, "{high}");
        for t in [0usize, 1, 500, 999] {
            assert!((steps.at(steps.logs[t].exp()) - t as f64).abs() < 1e-9);
        }
        let between = (0.5 * (steps.logs[7] + steps.logs[8])).exp();
        assert!((steps.at(between) - 7.5).abs() < 1e-9);
        assert_eq!((steps.at(1e-6), steps.at(1e6)), (0.0, 999.0));
    }

    #[test]
    fn a_list_of_betas_is_taken_as_it_is_and_an_impossible_one_is_named() {
        let of = |betas: Vec<f64>| Timesteps::try_from(Betas { trained_betas: Some(betas), ..Betas::default() });
        let steps = of(vec![0.5, 0.5]).unwrap();
        assert!((steps.range().0 - 1.0).abs() < 1e-12 && (steps.range().1 - 3f64.sqrt()).abs() < 1e-12);
        assert!(of(vec![0.5, 1.0]).unwrap_err().starts_with("beta of step 1"));
        assert!(of(vec![0.5]).unwrap_err().contains("2 to"));
        assert!(of(vec![0.1, f64::NAN]).is_err());
    }
}
