//! The flags that samplers read. Which sampler reads which is the library's to say: it refuses what a sampler has no use for.

use clap::Args;
use scorefield::error::{Error, Result};
use scorefield::registry::Entry;
use scorefield::sample::{Asked, Method, SPACINGS};

use crate::args::Offered;
use crate::session::variable;

/// See the head of this file.
#[derive(Args, Debug)]
#[command(next_help_heading = "Sampler")]
pub struct SamplerArgs {
    /// Steps: levels of a solver, length of a chain, steps a level of annealed
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    steps: Option<usize>,
    /// Step size of a chain (of annealed at its last level), or `auto`: found by short chains with a Metropolis test
    #[arg(long, value_name = "X|auto", allow_negative_numbers = true)]
    epsilon: Option<String>,
    /// Step size of langevin's last step: steps fall to it from --epsilon in equal ratios [default: all are equal]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    last_epsilon: Option<f64>,
    /// The one noise level of a chain
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    sigma: Option<f64>,
    /// The smallest noise level of a ladder
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    sigma_min: Option<f64>,
    /// The largest noise level of a ladder
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    sigma_max: Option<f64>,
    /// Noise levels of a ladder [default of annealed: as many as the rule of Song & Ermon 2020 asks for]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    levels: Option<usize>,
    /// Spacing of a solver's levels [default: the target's own, karras where it has none]
    #[arg(long, value_name = "NAME", value_parser = Offered::of(SPACINGS))]
    spacing: Option<String>,
    /// Exponent of the spacing: 7 for karras, 1 for polyexponential
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    rho: Option<f64>,
    /// The levels themselves, as they are, the largest first: end with 0 for samples without noise
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', allow_hyphen_values = true)]
    sigmas: Option<Vec<f64>>,
    /// Noise of ddim on the way, from 0 (none) to 1 (ancestral sampling)
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    eta: Option<f64>,
    /// S_churn: noise of heun on the way
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    s_churn: Option<f64>,
    /// S_tmin: the smallest level that is churned
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    s_tmin: Option<f64>,
    /// S_tmax: the largest level that is churned
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    s_tmax: Option<f64>,
    /// S_noise: how much larger the noise of churning is than it should be [default: 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    s_noise: Option<f64>,
    /// Relative tolerance of pf-ode [default: 1e-5]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    rtol: Option<f64>,
    /// Absolute tolerance of pf-ode, in data units [default: the relative one]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    atol: Option<f64>,
    /// Signal-to-noise ratio of a corrector move [default: 0.16]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    snr: Option<f64>,
    /// Corrector moves a level [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    corrector_steps: Option<usize>,
    /// Steps before those that count, in which mala, hmc and tempering find step sizes [default: half of --steps; 0 with --epsilon]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    warmup: Option<usize>,
    /// Leapfrog steps of a path of hmc [default: 10]
    #[arg(long, value_name = "L", allow_negative_numbers = true)]
    leapfrog: Option<usize>,
    /// Length of a path of hmc, instead of --leapfrog
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    path: Option<f64>,
    /// Friction of underdamped [default: 0.15/epsilon]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    friction: Option<f64>,
    /// Leave out the denoising step at the end of annealed
    #[arg(long)]
    no_denoise: bool,
}

impl SamplerArgs {
    /// What is asked of a sampler. `SCOREFIELD_EPSILON` is asked only of samplers that read a step size.
    ///
    /// # Errors
    /// A variable that is no number.
    pub fn asked(&self, sampler: &Entry<Method>) -> Result<Asked> {
        let usual = variable("SCOREFIELD_EPSILON").filter(|_| sampler.value.reads.contains(&"--epsilon"));
        let number = |what: &str, text: &str| match text.trim() {
            "auto" => Ok(None),
            text => text.parse().map(Some).map_err(|_| Error::setting(what, "a number, or auto", format!("{text:?}"))),
        };
        let epsilon = match (&self.epsilon, usual) {
            (Some(text), _) => number("--epsilon", text)?,
            (None, Some(text)) => number("SCOREFIELD_EPSILON", &text)?,
            (None, None) => None,
        };
        Ok(Asked {
            steps: self.steps,
            epsilon,
            last_epsilon: self.last_epsilon,
            sigma: self.sigma,
            range: (self.sigma_max, self.sigma_min),
            levels: self.levels,
            spacing: self.spacing.clone(),
            rho: self.rho,
            sigmas: self.sigmas.clone(),
            eta: self.eta,
            churn: self.s_churn,
            churn_range: (self.s_tmin, self.s_tmax),
            churn_noise: self.s_noise,
            rtol: self.rtol,
            atol: self.atol,
            snr: self.snr,
            corrections: self.corrector_steps,
            denoise: !self.no_denoise,
            warmup: self.warmup,
            leapfrog: self.leapfrog,
            path: self.path,
            friction: self.friction,
        })
    }

    /// Whether the step size is to be found.
    pub fn is_auto(&self) -> bool {
        self.epsilon.as_deref().is_some_and(|text| text.trim() == "auto")
    }
}
