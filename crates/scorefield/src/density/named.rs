//! Densities by name.

use super::{Component, Exact, Funnel, Mixture, Unsmoothed};
use crate::registry::Entry;
use std::sync::Arc;

/// Makes a named density.
pub type Build = fn() -> Arc<dyn Exact>;

fn valid(components: Vec<Component>) -> Arc<dyn Exact> {
    Arc::new(Mixture::new(components).expect("a valid mixture"))
}

fn mixture() -> Arc<dyn Exact> {
    let component = |weight, at| Component::isotropic(weight, vec![at, at], 1.0);
    valid(vec![component(0.8, 5.0), component(0.2, -5.0)])
}

fn gaussian() -> Arc<dyn Exact> {
    let cov = vec![vec![2.0, 0.6], vec![0.6, 1.0]];
    valid(vec![Component { weight: 1.0, mean: vec![1.0, -2.0], cov }])
}

fn standard_normal() -> Arc<dyn Exact> {
    valid(vec![Component::isotropic(1.0, vec![0.0, 0.0], 1.0)])
}

fn mixture_1d() -> Arc<dyn Exact> {
    let components = vec![Component::isotropic(0.7, vec![-1.0], 0.5), Component::isotropic(0.3, vec![1.5], 0.3)];
    valid(components)
}

/// Σ_ij = 0.57^|i−j|.
fn gaussian_10() -> Arc<dyn Exact> {
    let cov = (0..10i32).map(|i| (0..10i32).map(|j| 0.57f64.powi((i - j).abs())).collect()).collect();
    valid(vec![Component { weight: 1.0, mean: vec![0.0; 10], cov }])
}

/// Σ_ij = 0.9^|i−j|.
fn correlated_normal_100() -> Arc<dyn Exact> {
    let cov = (0..100i32).map(|i| (0..100i32).map(|j| 0.9f64.powi((i - j).abs())).collect()).collect();
    valid(vec![Component { weight: 1.0, mean: vec![0.0; 100], cov }])
}

fn funnel() -> Arc<dyn Exact> {
    Arc::new(Unsmoothed(Funnel))
}

/// The densities a user may name.
pub static DENSITIES: &[Entry<Build>] = &[
    Entry {
        name: "mixture",
        aliases: &["two-modes"],
        summary: "the lecture's two separated modes",
        formula: "4/5 N((5, 5), I) + 1/5 N((−5, −5), I)",
        source: "Song & Ermon 2019, section 3.2.2",
        value: mixture,
    },
    Entry {
        name: "gaussian",
        aliases: &[],
        summary: "a correlated Gaussian off the origin: symmetric targets hide sign errors",
        formula: "N((1, −2), [[2, 0.6], [0.6, 1]])",
        source: "closed form",
        value: gaussian,
    },
    Entry {
        name: "gaussian-10",
        aliases: &["ar-10"],
        summary: "ten correlated dimensions, condition number 11.2: what a sliced loss has to see by few directions",
        formula: "N(0, Σ), Σ_ij = 0.57^|i−j|",
        source: "closed form (the stationary autoregressive process of order 1)",
        value: gaussian_10,
    },
    Entry {
        name: "standard-normal",
        aliases: &["normal"],
        summary: "the standard normal in two dimensions",
        formula: "N(0, I)",
        source: "closed form",
        value: standard_normal,
    },
    Entry {
        name: "mixture-1d",
        aliases: &[],
        summary: "two separated modes of unequal width on the line, where smoothing by any noise is known by quadrature",
        formula: "0.7 N(−1, 0.5²) + 0.3 N(1.5, 0.3²)",
        source: "closed form",
        value: mixture_1d,
    },
    Entry {
        name: "correlated-normal-100",
        aliases: &["ar-100"],
        summary: "a hundred correlated dimensions, condition number 357: a measure for Markov chains",
        formula: "N(0, Σ), Σ_ij = 0.9^|i−j|",
        source: "closed form (the stationary autoregressive process of order 1)",
        value: correlated_normal_100,
    },
    Entry {
        name: "funnel",
        aliases: &["neals-funnel"],
        summary: "ten dimensions whose width depends on the first: no one step size suits a chain; known without noise alone",
        formula: "v ~ N(0, 3²), x₁ … x₉ ~ N(0, eᵛ)",
        source: "Neal 2003, section 8",
        value: funnel,
    },
];
