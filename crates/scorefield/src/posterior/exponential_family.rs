//! Data that noise of an exponential family has made already: the clean value from the score of the density of the noisy ones.
//!
//! With q(y|x) = h(y)·e^{ηy − A(η)}, η a function of x, and any prior of x, p(y) = ∫ q(y|x) p(x) dx has
//!
//! E[η given y] = ∂ log p(y) − ∂ log h(y)
//!
//! (Robbins 1956; Efron 2011, section 2): the score s = ∂ log p and nothing else of p. With independent noise in each coordinate it holds
//! for each, with its own partial derivative. x̂ is the x that has this mean for its η (Kim & Ye 2021, Noise2Score):
//!
//! - `gaussian`, y = x + σn: η = x/σ², h = e^{−y²/2σ²}; x̂ = y + σ²·s, which is E[x given y].
//! - `poisson`, y = ζ·Poisson(x/ζ): η = ln(x/ζ)/ζ, h = 1/Γ(y/ζ + 1); with Γ′/Γ(k + 1) ≈ ln(k + ½), x̂ = (y + ζ/2)·e^{ζs}, the geometric
//!   mean exp E[ln x given y].
//! - `gamma`, y = x·g with g ~ Gamma(shape α, mean 1): η = −α/x, h = y^{α−1}; x̂ = α·y/(α − 1 − y·s), the harmonic mean 1/E[1/x given y].
//!
//! By Jensen's inequality the last two lie below E[x given y], by about V/2x and V/x, V the posterior's variance; the mean itself is no
//! function of y and s(y). Counts have no density: for `poisson` p is a smooth one through their probabilities.

use crate::error::{Error, Result};
use crate::registry::Entry;

/// How the data came from clean values; each coordinate on its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Observation {
    /// y = x + σn.
    Gaussian {
        /// σ, in data units.
        sigma: f64,
    },
    /// y = ζ·Poisson(x/ζ).
    Poisson {
        /// ζ, what one count adds to y.
        gain: f64,
    },
    /// y = x·g, g ~ Gamma(α) of mean 1 and variance 1/α.
    Gamma {
        /// α.
        shape: f64,
    },
}

impl Observation {
    /// x̂ from y and s = ∂ log p(y); `None` where the score contradicts the noise: E[1/x] not positive (`gamma`), or no finite number.
    pub fn clean(&self, y: f64, s: f64) -> Option<f64> {
        let x = match *self {
            Self::Gaussian { sigma } => y + sigma * sigma * s,
            Self::Poisson { gain } => (y + 0.5 * gain) * (gain * s).exp(),
            Self::Gamma { shape } => {
                let inverse = shape - 1.0 - y * s;
                if inverse > 0.0 { shape * y / inverse } else { f64::NAN }
            }
        };
        x.is_finite().then_some(x)
    }

    /// The position of the first value that this noise cannot have made.
    pub fn first_impossible(&self, values: &[f32]) -> Option<usize> {
        match self {
            Self::Gaussian { .. } => None,
            Self::Poisson { .. } | Self::Gamma { .. } => values.iter().position(|y| *y < 0.0),
        }
    }

    /// Its name and its one number, for people.
    pub fn words(&self) -> String {
        match self {
            Self::Gaussian { sigma } => format!("gaussian noise, σ = {sigma}"),
            Self::Poisson { gain } => format!("poisson noise, ζ = {gain}"),
            Self::Gamma { shape } => format!("gamma noise, α = {shape}"),
        }
    }
}

/// The numbers that a user has given; each kind takes its own and refuses the others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Given {
    /// σ of `gaussian`.
    pub sigma: Option<f64>,
    /// ζ of `poisson`.
    pub gain: Option<f64>,
    /// α of `gamma`.
    pub shape: Option<f64>,
}

impl Given {
    /// The one number that a kind takes, which must be above `least`.
    fn only(&self, flag: &str, kind: &str, what: &str, least: f64) -> Result<f64> {
        let all = [("--sigma", self.sigma), ("--gain", self.gain), ("--shape", self.shape)];
        if let Some((other, value)) = all.iter().find_map(|(name, value)| Some((*name, (*value)?)).filter(|_| *name != flag)) {
            return Err(Error::setting(other, format!("{flag} alone: it is all that {kind} noise has"), value));
        }
        let value = all.iter().find(|(name, _)| *name == flag).and_then(|(_, value)| *value);
        match value {
            Some(value) if value.is_finite() && value > least => Ok(value),
            Some(value) => Err(Error::setting(flag, what, value)),
            None => Err(Error::setting(flag, what, "nothing")),
        }
    }
}

/// Makes an observation of what the user gave.
///
/// # Errors
/// Of a call: a number that is missing, out of range, or another kind's.
pub type MakeObservation = fn(&Given) -> Result<Observation>;

/// The kinds of noise that data may have already.
pub static OBSERVATIONS: &[Entry<MakeObservation>] = &[
    Entry {
        name: "gaussian",
        aliases: &["normal"],
        summary: "normal noise of standard deviation --sigma: the posterior mean, by Tweedie's formula",
        formula: "y = x + σn: x̂ = y + σ²·s(y)",
        source: "Robbins 1956; Efron 2011",
        value: |given| {
            given
                .only("--sigma", "gaussian", "the standard deviation of the noise, a positive number", 0.0)
                .map(|sigma| Observation::Gaussian { sigma })
        },
    },
    Entry {
        name: "poisson",
        aliases: &[],
        summary: "counts, each worth --gain: the posterior's geometric mean",
        formula: "y = ζ·Poisson(x/ζ): x̂ = (y + ζ/2)·exp(ζ·s(y))",
        source: "Efron 2011; Kim & Ye 2021",
        value: |given| {
            given
                .only("--gain", "poisson", "what one count adds to a value, a positive number", 0.0)
                .map(|gain| Observation::Poisson { gain })
        },
    },
    Entry {
        name: "gamma",
        aliases: &["speckle"],
        summary: "a gamma factor of shape --shape and mean 1: the posterior's harmonic mean",
        formula: "y = x·Gamma(α)/α: x̂ = α·y/(α − 1 − y·s(y))",
        source: "Efron 2011; Kim & Ye 2021",
        value: |given| {
            given
                .only("--shape", "gamma", "the shape of the gamma factor, a number above 1", 1.0)
                .map(|shape| Observation::Gamma { shape })
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::function::gamma::digamma;

    /// Prior N(m, v) under N(0, σ²): p = N(m, v + σ²), posterior mean m + v/(v + σ²)·(y − m).
    #[test]
    fn gaussian_noise_on_a_gaussian_prior_leaves_the_posterior_mean() {
        let (m, v, sigma) = (1.5, 2.0, 0.7f64);
        for y in [-3.0, 0.2, 5.0] {
            let s = -(y - m) / (v + sigma * sigma);
            let found = Observation::Gaussian { sigma }.clean(y, s).unwrap();
            assert!((found - (m + v / (v + sigma * sigma) * (y - m))).abs() < 1e-12);
        }
    }

    /// Prior x/ζ ~ Gamma(a, rate b): counts k = y/ζ are negative binomial, p ∝ Γ(a + k)/Γ(k + 1)·(1 + b)^{−k}, and the posterior is
    /// Gamma(a + k, rate b + 1).
    #[test]
    fn poisson_noise_on_a_gamma_prior_leaves_the_posteriors_geometric_mean() {
        let (a, b) = (4.2, 0.3f64);
        for gain in [0.05, 1.0, 3.0] {
            for k in [0.0, 1.0, 2.0, 7.0, 40.0, 400.0f64] {
                let s = (digamma(a + k) - digamma(k + 1.0) - b.ln_1p()) / gain;
                let found = Observation::Poisson { gain }.clean(gain * k, s).unwrap() / gain;
                // exp E ln of Gamma(shape, rate) is e^{digamma(shape)}/rate.
                let geometric = digamma(a + k).exp() / (1.0 + b);
                // ln(k + ½) − digamma(k + 1) lies between −1/(24(k + ½)²) and 0.
                let off = (found / geometric).ln();
                assert!(off < 1e-9 && off > -1.0 / (24.0 * (k + 0.5).powi(2)) - 1e-9, "ζ = {gain}, k = {k}: {off}");
                // The mean (a + k)/(1 + b) is above it by half the variance over the mean: ½/(1 + b), less what is below 1/(a + k).
                let (mean, share) = ((a + k) / (1.0 + b), 1.0 / (1.0 + b));
                let below = mean - geometric;
                assert!((below - 0.5 * share).abs() < 0.1 * share / (a + k), "k = {k}: {below}");
            }
        }
    }

    /// Prior 1/x ~ Gamma(a, rate b): p ∝ y^{α−1}/(b + αy)^{a+α}, a compound gamma law, and the posterior of 1/x is Gamma(a + α, rate b + αy).
    #[test]
    fn gamma_noise_on_an_inverse_gamma_prior_leaves_the_posteriors_harmonic_mean() {
        let (a, b) = (3.0, 2.5);
        for shape in [1.5, 4.0, 50.0] {
            for y in [0.01, 0.4, 1.0, 3.0, 60.0] {
                let s = (shape - 1.0) / y - shape * (a + shape) / (b + shape * y);
                let found = Observation::Gamma { shape }.clean(y, s).unwrap();
                let harmonic = (b + shape * y) / (a + shape);
                assert!((found - harmonic).abs() < 1e-9 * harmonic, "α = {shape}, y = {y}: {found} against {harmonic}");
                assert!(harmonic < (b + shape * y) / (a + shape - 1.0), "the mean is above it");
            }
        }
        assert_eq!(Observation::Gamma { shape: 2.0 }.clean(1.0, 1.5), None, "no 1/x has a negative mean");
    }

    #[test]
    fn each_kind_takes_its_own_number_and_refuses_the_others() {
        let make = |name: &str, given: Given| (crate::registry::lookup(OBSERVATIONS, "--noise", name).unwrap().value)(&given);
        let said = |name: &str, given: Given| make(name, given).unwrap_err().to_string();
        assert_eq!(make("poisson", Given { gain: Some(0.1), ..Given::default() }).unwrap(), Observation::Poisson { gain: 0.1 });
        for gain in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(said("poisson", Given { gain: Some(gain), ..Given::default() }).contains("--gain"));
        }
        assert!(said("gamma", Given { shape: Some(1.0), ..Given::default() }).contains("above 1"));
        assert!(said("gamma", Given::default()).contains("--shape"));
        assert!(said("gamma", Given { shape: Some(3.0), gain: Some(1.0), ..Given::default() }).contains("--gain"));
        assert!(said("poisson", Given { sigma: Some(1.0), gain: Some(1.0), ..Given::default() }).contains("--sigma"));
    }

    #[test]
    fn what_a_noise_cannot_have_made_is_found() {
        let values = [0.0f32, 2.0, -0.5, -3.0];
        assert_eq!(Observation::Poisson { gain: 1.0 }.first_impossible(&values), Some(2));
        assert_eq!(Observation::Gaussian { sigma: 1.0 }.first_impossible(&values), None);
    }
}
