//! Settings of training, and the learning rate they imply at each step.

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// It does not.
    Constant,
    /// Half a cosine, from the full rate to `lr_final` of it (Loshchilov & Hutter 2017).
    Cosine,
}

/// What is done about a step whose loss or gradient is not finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnNan {
    /// Training ends with an error.
    Stop,
    /// The step changes nothing and is counted; a hundred in a row end training all the same.
    Skip,
}

/// Checked settings of training.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    /// Steps in all.
    pub steps: u64,
    /// Rows in a batch.
    pub batch: usize,
    /// Highest learning rate.
    pub lr: f64,
    /// Steps over which the rate rises linearly from 0.
    pub warmup: u64,
    /// What follows the warm-up.
    pub decay: Decay,
    /// The last rate as a fraction of the highest.
    pub lr_final: f64,
    /// AdamW's decay of the first moment.
    pub beta1: f64,
    /// AdamW's decay of the second moment.
    pub beta2: f64,
    /// AdamW's ε.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Largest norm of the whole gradient; larger ones are scaled down to it. 0: no limit.
    pub clip: f64,
    /// Muon's decay of the momentum, if it moves the parameters that are matrices; AdamW moves the rest.
    pub muon: Option<f64>,
    /// Half-lives, in steps, of the exponential averages of the weights; the first is the one used by default.
    pub ema: Vec<f64>,
    /// The part of the steps after which the first average is kept as early weights; 0: they are not kept.
    pub early: f64,
    /// What is done about a step whose loss or gradient is not finite.
    pub on_nan: OnNan,
    /// Steps between logged losses.
    pub log_every: u64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Seed of every random number of the run.
    pub seed: u64,
}

impl TrainConfig {
    /// The step after which early weights are kept, if they are.
    pub fn early_step(&self) -> Option<u64> {
        let step = (self.early * self.steps as f64).round() as u64;
        // Before the last: the weights of the end are no worse than themselves.
        (self.early > 0.0).then(|| step.min(self.steps.saturating_sub(1)).max(1))
    }

    /// The learning rate of step `t`, counted from 1.
    pub fn rate(&self, t: u64) -> f64 {
        if t <= self.warmup {
            return self.lr * t as f64 / self.warmup as f64;
        }
        match self.decay {
            Decay::Constant => self.lr,
            Decay::Cosine => {
                let through = (t - self.warmup - 1) as f64 / self.steps.saturating_sub(self.warmup).max(1) as f64;
                let fall = 0.5 * (1.0 + (std::f64::consts::PI * through.min(1.0)).cos());
                self.lr * (self.lr_final + (1.0 - self.lr_final) * fall)
            }
        }
    }

    /// How much of an average of half-life `half_life` survives step `t`.
    ///
    /// Early on the half-life is held to 5% of the steps done (Karras et al. 2022, appendix F.2), so that an average never remembers
    /// the initial weights for long.
    pub fn survival(half_life: f64, t: u64) -> f64 {
        0.5f64.powf(1.0 / half_life.min(0.05 * t as f64).max(1e-9))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_to_its_height_and_falls_to_its_end() {
        let c = TrainConfig {
            steps: 100,
            batch: 1,
            lr: 2.0,
            warmup: 10,
            decay: Decay::Cosine,
            lr_final: 0.1,
            beta1: 0.9,
            beta2: 0.99,
            muon: None,
            eps: 1e-8,
            weight_decay: 0.0,
            clip: 1.0,
            ema: vec![10.0],
            early: 0.0,
            on_nan: OnNan::Stop,
            log_every: 1,
            checkpoint_every: 1,
            seed: 0,
        };
        assert!((c.rate(1) - 0.2).abs() < 1e-12 && (c.rate(10) - 2.0).abs() < 1e-12);
        // Step 11 is the first of the 90 that fall; the one after the last would have the final rate.
        assert!((c.rate(11) - 2.0).abs() < 1e-12 && (c.rate(56) - 2.0 * 0.55).abs() < 1e-12);
        assert!((c.rate(101) - 0.2).abs() < 1e-12 && c.rate(100) > 0.2);
    }

    #[test]
    fn an_average_halves_in_its_half_life() {
        let survived: f64 = (1_000_000..1_000_100).map(|t| TrainConfig::survival(100.0, t)).product();
        assert!((survived - 0.5).abs() < 1e-9);
    }
}
