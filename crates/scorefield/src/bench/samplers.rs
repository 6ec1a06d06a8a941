//! Samplers on the targets, with the settings and from the starts that peers have: time, and effective draws a second.
//!
//! The cases are those of `bench/peers/sampler_cases.py`: densities, and a score network of the size that `bench --only mlp` trains. Step sizes are fixed, as the peers' are, and every draw after the warm-up is kept.

use super::memory::peak_bytes;
use super::subject::Subject;
use crate::density;
use crate::diagnostic::chains::Variable;
use crate::error::{Error, Result};
use crate::levels::Regime;
use crate::model::{Conditioning, Precondition};
use crate::net::parameter_count;
use crate::observe::{Flow, Observer, SampleStep};
use crate::registry::unknown;
use crate::sample::{Draw, Hmc, Langevin, Mala, Path, Sampler, Start, draw};
use crate::score::Score;
use crate::tensor::{Device, Tensor};
use rayon::prelude::*;
use std::sync::Arc;
use std::time::Instant;

/// How a case moves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moves {
    Langevin,
    Mala,
    Hmc(usize),
}

/// What is sampled.
#[derive(Clone, Copy, Debug)]
enum On {
    /// A density of that name.
    Density(&'static str),
    /// A perceptron 2→128→128→128→2 beside the score of a standard normal law.
    Network,
}

/// A case.
#[derive(Clone, Copy, Debug)]
pub struct SamplerCase {
    /// As it is typed.
    pub name: &'static str,
    on: On,
    moves: Moves,
    chains: usize,
    steps: usize,
    warmup: usize,
    epsilon: f64,
}

/// The cases of `bench --only langevin`.
pub static LANGEVIN: &[SamplerCase] = &[
    SamplerCase {
        name: "langevin-mixture",
        on: On::Density("mixture"),
        moves: Moves::Langevin,
        chains: 100_000,
        steps: 100,
        warmup: 0,
        epsilon: 0.1,
    },
    SamplerCase {
        name: "langevin-network",
        on: On::Network,
        moves: Moves::Langevin,
        chains: 1280,
        steps: 1000,
        warmup: 0,
        epsilon: 0.1,
    },
];

/// The cases of `bench --only mcmc`.
pub static MCMC: &[SamplerCase] = &[
    SamplerCase {
        name: "mala-correlated",
        on: On::Density("correlated-normal-100"),
        moves: Moves::Mala,
        chains: 128,
        steps: 1000,
        warmup: 200,
        epsilon: 0.04,
    },
    SamplerCase {
        name: "hmc-correlated",
        on: On::Density("correlated-normal-100"),
        moves: Moves::Hmc(16),
        chains: 128,
        steps: 500,
        warmup: 100,
        epsilon: 0.22,
    },
    SamplerCase {
        name: "mala-funnel",
        on: On::Density("funnel"),
        moves: Moves::Mala,
        chains: 128,
        steps: 2000,
        warmup: 500,
        epsilon: 0.05,
    },
    SamplerCase {
        name: "hmc-funnel",
        on: On::Density("funnel"),
        moves: Moves::Hmc(16),
        chains: 128,
        steps: 1000,
        warmup: 200,
        epsilon: 0.15,
    },
];

/// The case of that name.
///
/// # Errors
/// There is none.
pub fn sampler_case(name: &str) -> Result<&'static SamplerCase> {
    let all = || LANGEVIN.iter().chain(MCMC);
    let names: Vec<&str> = all().map(|c| c.name).collect();
    all().find(|case| case.name == name).ok_or_else(|| unknown("--case", name, &names))
}

/// What a case cost.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SamplerPace {
    /// Seconds, the fastest of the runs.
    pub seconds: f64,
    /// Steps of a chain a second, of all chains.
    pub steps_per_second: f64,
    /// The least effective sample size of a mean, over the coordinates; of `mcmc`.
    pub effective: Option<f64>,
    /// That a second.
    pub effective_per_second: Option<f64>,
    /// The share of proposals that were accepted; of `mcmc`.
    pub acceptance: Option<f64>,
    /// The most memory that the process held.
    pub peak_rss_bytes: Option<u64>,
    /// Parameters of the network, or dimensions of the density.
    pub parameters: usize,
}

impl On {
    /// The score, and how many parameters or dimensions it has.
    fn open(self, seed: u64) -> Result<(Arc<dyn Score>, usize)> {
        match self {
            Self::Density(name) => {
                let p = density::open(name)?;
                let d = p.dim();
                Ok((p, d))
            }
            Self::Network => {
                let mean = vec![0.0; 2];
                let regime = Regime::Clean;
                let precondition = Precondition { mean, sigma_data: 1.0, regime, conditioning: Conditioning::Relative };
                let subject = Subject { net: "plain-mlp", width: 128, depth: 3, precondition, seed };
                let mut model = subject.model(&Device::flex())?.without_gradients();
                model.net_mut().visit_mut(&mut |_, p| p.update(Tensor::inner));
                let parameters = parameter_count(model.net());
                Ok((Arc::new(model), parameters))
            }
        }
    }
}

/// Keeps every draw after the warm-up, `[step, chain, coordinate]`, in single precision as the peers do.
struct All {
    chains: usize,
    steps: usize,
    warmup: usize,
    values: Vec<f32>,
}

impl Observer for All {
    fn sampled(&mut self, seen: &SampleStep<'_>) -> Flow {
        let Some(t) = seen.step.checked_sub(self.warmup + 1) else { return Flow::Continue };
        let at = (t * self.chains + seen.first_row as usize) * seen.d;
        self.values[at..at + seen.x.len()].iter_mut().zip(seen.x).for_each(|(to, x)| *to = *x as f32);
        Flow::Continue
    }
}

/// Runs a case `runs` times after once that does not count.
///
/// # Errors
/// No run.
pub fn samplers(case: &SamplerCase, runs: usize, seed: u64) -> Result<SamplerPace> {
    if runs == 0 {
        return Err(Error::setting("runs", "at least 1", 0));
    }
    let (p, parameters) = case.on.open(seed)?;
    let (d, steps, warmup, epsilon, sigma) = (p.dim(), case.steps, case.warmup, case.epsilon, 0.0);
    // Step sizes stay as they are: the warm-up's steps are steps like the others, and are left out.
    let steps_in_all = warmup + steps;
    let sampler: Box<dyn Sampler> = match case.moves {
        Moves::Langevin => Box::new(Langevin { steps, epsilon, sigma }),
        Moves::Mala => Box::new(Mala { steps: steps_in_all, warmup: 0, epsilon, target: 0.574, sigma }),
        Moves::Hmc(l) => {
            Box::new(Hmc { steps: steps_in_all, warmup: 0, epsilon, path: Path::Steps(l), jitter: 0.0, target: 0.8, sigma })
        }
    };
    let start = match case.moves {
        Moves::Langevin => Start::Uniform { low: -8.0, high: 8.0 },
        _ => Start::Normal { mean: vec![0.0; d], sigma_data: 1.0 },
    };
    let kept = if case.moves == Moves::Langevin { 0 } else { steps * case.chains * d };
    let mut all = All { chains: case.chains, steps, warmup, values: vec![0.0; kept] };
    let mut fastest = f64::INFINITY;
    let mut acceptance = None;
    for run in 0..=runs {
        let request = Draw { n: case.chains, from: 0, seed: seed + run as u64, start: start.clone(), start_sigma: 0.0 };
        let begun = Instant::now();
        let drawn = match case.moves {
            Moves::Langevin => draw(&*p, &*sampler, &request, &mut ())?,
            _ => draw(&*p, &*sampler, &request, &mut all)?,
        };
        if run > 0 {
            fastest = fastest.min(begun.elapsed().as_secs_f64());
        }
        acceptance = drawn.acceptance;
    }
    let peak_rss_bytes = peak_bytes();
    let effective = (kept > 0).then(|| all.least(d));
    Ok(SamplerPace {
        seconds: fastest,
        steps_per_second: (case.chains * steps_in_all) as f64 / fastest,
        effective,
        effective_per_second: effective.map(|ess| ess / fastest),
        acceptance,
        peak_rss_bytes,
        parameters,
    })
}

impl All {
    /// The least ESS of the mean over d coordinates.
    fn least(&self, d: usize) -> f64 {
        let of = |j: usize| {
            let at = |chain: usize, t: usize| f64::from(self.values[(t * self.chains + chain) * d + j]);
            let values = (0..self.chains).flat_map(|chain| (0..self.steps).map(move |t| at(chain, t))).collect();
            Variable::new(values, self.chains, self.steps).map_or(f64::NAN, |v| v.ess_mean())
        };
        (0..d).into_par_iter().map(of).reduce(|| f64::INFINITY, f64::min)
    }
}
