//! Step sizes that find a target acceptance by dual averaging (Nesterov 2009; Hoffman & Gelman 2014, section 3.2), one for each chain.
//!
//! With H̄_t the running mean of δ − α (target less acceptance probability), ln ε_t = μ − (√t/γ)·H̄_t, and the average ε̄ with weights t^−κ is
//! what remains after the warm-up. Each chain adapts by itself, so that it does not depend on the others.

/// γ, t₀, κ of Hoffman & Gelman.
const GAMMA: f64 = 0.05;
const T0: f64 = 10.0;
const KAPPA: f64 = 0.75;

/// Step sizes of several chains.
#[derive(Clone, Debug)]
pub struct DualAveraging {
    target: f64,
    /// μ = ln(10 ε₀): early steps are tried large.
    centre: f64,
    t: f64,
    /// H̄ and ln ε̄ of each chain.
    error: Vec<f64>,
    average: Vec<f64>,
    epsilon: Vec<f64>,
}

impl DualAveraging {
    /// Chains that begin with step size `epsilon` each.
    pub fn new(chains: usize, epsilon: f64, target: f64) -> Self {
        Self {
            target,
            centre: (10.0 * epsilon).ln(),
            t: 0.0,
            error: vec![0.0; chains],
            average: vec![0.0; chains],
            epsilon: vec![epsilon; chains],
        }
    }

    /// ε of each chain, `[chains]`.
    pub fn epsilon(&self) -> &[f64] {
        &self.epsilon
    }

    /// One step's acceptance probabilities, `[chains]`.
    pub fn adapt(&mut self, acceptance: &[f64]) {
        self.t += 1.0;
        let (weight, root) = (1.0 / (self.t + T0), self.t.sqrt() / GAMMA);
        let new = self.t.powf(-KAPPA);
        let state = self.error.iter_mut().zip(&mut self.average).zip(&mut self.epsilon);
        for (((error, average), epsilon), acceptance) in state.zip(acceptance) {
            *error += weight * (self.target - acceptance - *error);
            let log = (self.centre - root * *error).clamp(-60.0, 60.0);
            *average += new * (log - *average);
            *epsilon = log.exp();
        }
    }

    /// The warm-up is over: the averages remain.
    pub fn freeze(&mut self) {
        if self.t > 0.0 {
            self.epsilon.iter_mut().zip(&self.average).for_each(|(epsilon, average)| *epsilon = average.exp());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chain_finds_the_step_whose_acceptance_is_the_target_from_far_above_and_far_below() {
        // Acceptance exp(−ε/scale) is 0.574 at ε = 0.555 scale.
        for first in [1e-4, 1e3] {
            let scales = [0.01, 1.0, 30.0];
            let mut adapting = DualAveraging::new(3, first, 0.574);
            for _ in 0..2000 {
                let acceptance: Vec<f64> = adapting.epsilon().iter().zip(scales).map(|(e, s)| (-e / s).exp()).collect();
                adapting.adapt(&acceptance);
            }
            adapting.freeze();
            for (epsilon, scale) in adapting.epsilon().iter().zip(scales) {
                let expected = -0.574f64.ln() * scale;
                assert!((epsilon / expected - 1.0).abs() < 0.05, "from {first}: {epsilon}, not {expected}");
            }
        }
    }
}
