//! Autocovariance of one chain, γ_t = (1/n) Σ_i (x_i − x̄)(x_{i+t} − x̄), by the Fourier transform.

use super::Variable;
use super::draws::mean;
use rayon::prelude::*;
use realfft::RealFftPlanner;

/// γ_0 … γ_{n−1} of each of the chains `[chains, n]`; divided by n at every lag, as is usual.
pub fn autocovariance(variable: &Variable) -> Vec<Vec<f64>> {
    let n = variable.draws;
    // Twice as long, so that the end of a chain does not meet its beginning.
    let length = (2 * n).next_power_of_two();
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, inverse) = (planner.plan_fft_forward(length), planner.plan_fft_inverse(length));
    let one = |chain: &[f64]| {
        let centre = mean(chain);
        let mut time = forward.make_input_vec();
        time.iter_mut().zip(chain).for_each(|(t, x)| *t = x - centre);
        let mut frequency = forward.make_output_vec();
        forward.process(&mut time, &mut frequency).expect("vectors of the plan's lengths");
        frequency.iter_mut().for_each(|f| *f = (*f * f.conj()).re.into());
        inverse.process(&mut frequency, &mut time).expect("vectors of the plan's lengths");
        time.truncate(n);
        time.iter_mut().for_each(|t| *t /= length as f64 * n as f64);
        time
    };
    variable.values.par_chunks(n).map(one).collect()
}

impl Variable {
    /// ρ_t = γ_t/γ_0 averaged over the chains, for lags 0 … `lags` at most; chains that do not move are left out.
    pub fn autocorrelation(&self, lags: usize) -> Vec<f64> {
        let all = autocovariance(self);
        let moving: Vec<&Vec<f64>> = all.iter().filter(|c| c[0] > 0.0).collect();
        let one = |t: usize| moving.iter().map(|c| c[t] / c[0]).sum::<f64>() / moving.len() as f64;
        (0..=lags.min(self.draws.saturating_sub(1))).map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Key, Purpose};

    #[test]
    fn the_transform_gives_the_sums_of_the_definition() {
        for n in [4usize, 5, 17, 64] {
            let x: Vec<f64> = Key::new(1, Purpose::Metric).normal(0, n, 1).into_iter().map(f64::from).collect();
            let centre = mean(&x);
            let got = autocovariance(&Variable::new(x.clone(), 1, n).unwrap());
            for (t, got) in got[0].iter().enumerate() {
                let want = (0..n - t).map(|i| (x[i] - centre) * (x[i + t] - centre)).sum::<f64>() / n as f64;
                assert!((got - want).abs() < 1e-13, "n {n}, lag {t}: {got}, not {want}");
            }
        }
    }
}
