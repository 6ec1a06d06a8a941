//! How many levels annealed Langevin dynamics needs, and how long its steps are (Song & Ermon 2020, techniques 2 and 4).
//!
//! Of neighbouring levels σ' = σ/γ the noises' radii, N(√d·σ, σ²/2), are to overlap: with probability ½ a radius of the larger lies within three
//! deviations of the smaller's, Φ(√(2d)·(γ − 1) + 3γ) − Φ(√(2d)·(γ − 1) − 3γ) = ½. T steps at a level then bring the variance from γ² to, in
//! units of σ'², (1 − e)^(2T)·(γ² − v) + v, v = 1/(1 − e/2), with e = ε/(2σ'²) in this library's convention; the best e brings it nearest to 1.

use statrs::function::erf::erf;

/// The largest ratio that is taken: in few dimensions the rule would allow any.
const MOST: f64 = 1.5;

fn normal_cdf(x: f64) -> f64 {
    0.5 * (1.0 + erf(x / std::f64::consts::SQRT_2))
}

/// γ for points of `d` numbers.
pub(super) fn ratio(d: usize) -> f64 {
    let root = (2.0 * d as f64).sqrt();
    let overlap = |gamma: f64| normal_cdf(root * (gamma - 1.0) + 3.0 * gamma) - normal_cdf(root * (gamma - 1.0) - 3.0 * gamma);
    if overlap(MOST) >= 0.5 {
        return MOST;
    }
    let (mut low, mut high) = (1.0, MOST);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if overlap(middle) >= 0.5 { low = middle } else { high = middle }
    }
    low
}

/// Levels from `high` to `low` whose ratio is at most that of [`ratio`].
pub(super) fn levels(high: f64, low: f64, d: usize) -> usize {
    ((high / low).ln() / ratio(d).ln()).ceil() as usize + 1
}

/// The variance, in units of the level's own, after `steps` steps that began with γ².
fn variance(e: f64, steps: usize, gamma: f64) -> f64 {
    let stationary = 1.0 / (1.0 - 0.5 * e);
    (2.0 * steps as f64 * (-e).ln_1p()).exp() * (gamma * gamma - stationary) + stationary
}

/// ε/σ² of the steps that come nearest to a level's own variance.
pub(super) fn step(steps: usize, gamma: f64) -> f64 {
    let grid = (0..2000).map(|i| 1e-6f64.powf(1.0 - f64::from(i) / 2000.0));
    let best = grid.min_by(|a, b| variance(*a, steps, gamma).total_cmp(&variance(*b, steps, gamma)));
    2.0 * best.expect("the grid has points")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cifar10_gets_nearly_the_papers_levels() {
        // With d = 3,072 and σ from 50 to 0.01 they take L = 232, where the overlap is 0.56 and not quite 0.5: the rule itself says 220.
        let found = levels(50.0, 0.01, 3072);
        assert!((215..=232).contains(&found), "{found}");
    }

    #[test]
    fn cifar10_gets_nearly_the_papers_step() {
        // They take T = 5, ε = 6.2e-6 at σ = 0.01, in the convention x + ε·s + √(2ε)·z.
        let gamma = (50f64 / 0.01).powf(1.0 / 231.0);
        let theirs = 0.5 * step(5, gamma) * 0.01f64.powi(2);
        assert!((theirs / 6.2e-6 - 1.0).abs() < 0.05, "{theirs}");
    }

    #[test]
    fn the_variance_is_that_of_the_chain_on_a_gaussian() {
        // x ← (1 − e)·x + √(2e)·z on N(0, 1): v ← (1 − e)²·v + 2e.
        let (e, gamma) = (0.1, 1.3f64);
        let mut v = gamma * gamma;
        for _ in 0..7 {
            v = (1.0 - e) * (1.0 - e) * v + 2.0 * e;
        }
        assert!((v - variance(e, 7, gamma)).abs() < 1e-12);
    }
}
