//! Densities by name.

use super::{Component, Mixture};
use crate::registry::Entry;

/// Makes a named density.
pub type Build = fn() -> Mixture;

fn mixture() -> Mixture {
    let component = |weight, at| Component::isotropic(weight, vec![at, at], 1.0);
    Mixture::new(vec![component(0.8, 5.0), component(0.2, -5.0)]).expect("a valid mixture")
}

fn gaussian() -> Mixture {
    let cov = vec![vec![2.0, 0.6], vec![0.6, 1.0]];
    Mixture::new(vec![Component { weight: 1.0, mean: vec![1.0, -2.0], cov }]).expect("a valid mixture")
}

fn standard_normal() -> Mixture {
    Mixture::new(vec![Component::isotropic(1.0, vec![0.0, 0.0], 1.0)]).expect("a valid mixture")
}

fn mixture_1d() -> Mixture {
    let components = vec![Component::isotropic(0.7, vec![-1.0], 0.5), Component::isotropic(0.3, vec![1.5], 0.3)];
    Mixture::new(components).expect("a valid mixture")
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
];
