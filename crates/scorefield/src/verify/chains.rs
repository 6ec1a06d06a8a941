//! Every Markov chain on targets whose moments are known: stationary variances with the bias that theory gives each chain, and the weights
//! of the lecture's two modes by `tempering`, which plain chains miss and R̂ betrays.

use super::{Case, Section, Settings};
use crate::density::{self, Component, Mixture};
use crate::diagnostic::chains::{MIXED, Trace, summary};
use crate::error::Result;
use crate::levels::Levels;
use crate::oracle::{Check, Estimate};
use crate::registry::Entry;
use crate::registry::lookup;
use crate::sample::{
    Annealed, Asked, Draw, Hmc, Langevin, Mala, Path, SAMPLERS, Sampler, SamplerSettings, Start, Underdamped, build, draw,
};

/// The registry's row.
pub(super) const ENTRY: Entry<Section> = Entry {
    name: "chains",
    aliases: &["markov-chains"],
    summary: "stationary moments of every Markov chain, and the weights of modes",
    formula: "ULA on N(0, 1): variance 1/(1 − ε/4); with a Metropolis test, and BAOAB: 1",
    source: "Roberts & Tweedie 1996; Leimkuhler & Matthews 2013; Swendsen & Wang 1986",
    value: cases,
};

/// Step sizes of unadjusted dynamics.
const STEPS: [f64; 3] = [0.1, 0.4, 1.0];
/// A variance that is off by this share of itself must be noticed.
const NOTICED: f64 = 0.05;

/// Standard errors that a chain's moment may be off by.
const WIDTH: f64 = 4.0;

fn cases() -> Vec<Case> {
    let case = |about: &'static str, measure: fn(&Settings) -> Result<Vec<Check>>| Case {
        about: vec![about],
        measure: Box::new(move |settings| {
            let narrow = |check: Check| if check.standard_error > 0.0 { check.within(WIDTH) } else { check };
            Ok(measure(settings)?.into_iter().map(narrow).collect())
        }),
    };
    vec![
        case("langevin", langevin),
        case("mala", mala),
        case("hmc", hmc),
        case("underdamped", underdamped),
        case("tempering", tempering),
        case("langevin", mixing),
        case("annealed", annealed),
    ]
}

fn standard_normal() -> Mixture {
    Mixture::new(vec![Component::isotropic(1.0, vec![0.0], 1.0)]).expect("a valid mixture")
}

/// Points from chains that begin at N(0, 1).
fn points(chain: &dyn Sampler, p: &Mixture, settings: &Settings) -> Result<Vec<f64>> {
    let start = Start::Normal { mean: vec![0.0; p.means()[0].len()], sigma_data: 1.0 };
    let request = Draw { n: settings.points, from: 0, seed: settings.seed, start, start_sigma: 0.0 };
    Ok(draw(p, chain, &request, &mut ())?.points)
}

/// E x² of chains on N(0, 1).
fn second_moment(name: String, expected: f64, chain: &dyn Sampler, settings: &Settings) -> Result<Check> {
    let squares: Vec<f64> = points(chain, &standard_normal(), settings)?.iter().map(|x| x * x).collect();
    Ok(Check::statistical(name, expected, Estimate::mean(&squares), NOTICED * expected))
}

fn langevin(settings: &Settings) -> Result<Vec<Check>> {
    let check = |epsilon: f64| {
        // What is left of the start after t steps is (1 − ε/2)^{2t} of its distance: below 10⁻⁸.
        let steps = (10.0 / epsilon).ceil() as usize * 2;
        let chain = Langevin { steps, epsilon, sigma: 0.0 };
        let name = format!("langevin, ε = {epsilon}: variance on N(0, 1), 1/(1 − ε/4)");
        second_moment(name, 1.0 / (1.0 - epsilon / 4.0), &chain, settings)
    };
    STEPS.into_iter().map(check).collect()
}

/// A mixture that is neither symmetric nor Gaussian, whose modes are near each other: its first two moments, by chains that were long enough.
fn moments(name: &str, chain: &dyn Sampler, settings: &Settings) -> Result<Vec<Check>> {
    let parts = [(0.7, -1.0, 0.7), (0.3, 1.2, 0.5)];
    let p = Mixture::new(parts.map(|(w, m, s)| Component::isotropic(w, vec![m], s)).to_vec())?;
    let x = points(chain, &p, settings)?;
    let squares: Vec<f64> = x.iter().map(|x| x * x).collect();
    let sum = |f: &dyn Fn(f64, f64) -> f64| parts.iter().map(|(w, m, s)| w * f(*m, *s)).sum::<f64>();
    Ok(vec![
        Check::statistical(format!("{name}: mean of a skewed mixture"), sum(&|m, _| m), Estimate::mean(&x), NOTICED),
        Check::statistical(
            format!("{name}: mean square of a skewed mixture"),
            sum(&|m, s| m * m + s * s),
            Estimate::mean(&squares),
            2.0 * NOTICED,
        ),
    ])
}

fn mala(settings: &Settings) -> Result<Vec<Check>> {
    let chain = |epsilon| Mala { steps: 60, warmup: 0, epsilon, target: 0.574, sigma: 0.0 };
    let mut checks = Vec::new();
    for epsilon in [0.4, 1.0] {
        let name = format!("mala, ε = {epsilon}: variance on N(0, 1)");
        checks.push(second_moment(name, 1.0, &chain(epsilon), settings)?);
    }
    let adapting = Mala { steps: 80, warmup: 60, ..chain(1.0) };
    checks.extend(moments("mala, adapted", &adapting, settings)?);
    Ok(checks)
}

fn hmc(settings: &Settings) -> Result<Vec<Check>> {
    let chain = |epsilon, path| Hmc { steps: 20, warmup: 0, epsilon, path, jitter: 0.1, target: 0.8, sigma: 0.0 };
    let mut checks = Vec::new();
    for (epsilon, path) in [(1.2, Path::Steps(2)), (0.8, Path::Length(2.0))] {
        let name = format!("hmc, ε = {epsilon}, {path:?}: variance on N(0, 1)");
        checks.push(second_moment(name, 1.0, &chain(epsilon, path), settings)?);
    }
    let adapting = Hmc { steps: 30, warmup: 40, ..chain(0.5, Path::Steps(4)) };
    checks.extend(moments("hmc, adapted", &adapting, settings)?);
    Ok(checks)
}

fn underdamped(settings: &Settings) -> Result<Vec<Check>> {
    let check = |epsilon: f64| {
        let chain = Underdamped { steps: (30.0 / epsilon).ceil() as usize, epsilon, friction: 1.0, sigma: 0.0 };
        second_moment(format!("underdamped, ε = {epsilon}: variance on N(0, 1)"), 1.0, &chain, settings)
    };
    [0.3, 1.0].into_iter().map(check).collect()
}

/// Chains enough for the weights of modes: each is long.
const CHAINS: usize = 4096;

fn lecture(settings: &Settings) -> Draw {
    let start = Start::Uniform { low: -8.0, high: 8.0 };
    Draw { n: CHAINS, from: 0, seed: settings.seed, start, start_sigma: 0.0 }
}

fn weight(p: &Mixture, x: &[f64]) -> Estimate {
    let single: Vec<f32> = x.iter().map(|x| *x as f32).collect();
    let inside: Vec<f64> = p.assign(&single, 0.0).iter().map(|k| f64::from(u8::from(*k == 0))).collect();
    Estimate::mean(&inside)
}

fn tempering(settings: &Settings) -> Result<Vec<Check>> {
    let p = density::mixture("mixture")?;
    let asked = Asked { steps: Some(400), ..Default::default() };
    let made = SamplerSettings {
        asked,
        ladder: &|n| Levels::geometric(20.0, 0.1, n),
        target_range: (0.0, 80.0),
        spread: p.moments().1.sqrt(),
        dim: 2,
    };
    let ready = build(lookup(SAMPLERS, "--sampler", "tempering")?, &made)?;
    let drawn = draw(&p, &*ready.sampler, &lecture(settings), &mut ())?;
    Ok(vec![Check::statistical("tempering: weight of the lecture's first mode", 0.8, weight(&p, &drawn.points), 0.1)])
}

fn annealed(settings: &Settings) -> Result<Vec<Check>> {
    let p = density::mixture("mixture")?;
    let chain = Annealed { levels: Levels::geometric(20.0, 0.5, 15)?, steps_per_level: 100, epsilon: 0.05, denoise: false };
    let drawn = draw(&p, &chain, &Draw { start_sigma: 20.0, ..lecture(settings) }, &mut ())?;
    Ok(vec![Check::statistical("annealed: weight of the lecture's first mode", 0.8, weight(&p, &drawn.points), 0.1)])
}

/// Plain Langevin dynamics keeps the proportions of its start, one half each, and R̂ says so.
fn mixing(settings: &Settings) -> Result<Vec<Check>> {
    let p = density::mixture("mixture")?;
    let chain = Langevin { steps: 1000, epsilon: 0.1, sigma: 0.0 };
    let request = lecture(settings);
    let mut nobody = ();
    let kept = chain.kept().expect("a chain");
    let mut trace = Trace::new(kept, 0, request.n, 2, &mut nobody);
    let drawn = draw(&p, &chain, &request, &mut trace)?;
    let rhat = summary(&trace.draws()?).worst_rhat().unwrap_or(f64::NAN);
    let share = weight(&p, &drawn.points);
    Ok(vec![
        Check::statistical("langevin: weight of the first mode stays that of the start", 0.5, share, 0.1),
        // Chains about ±5 of width 1: R̂ is far above what mixed chains have, by rank-normalised theory about 1.8.
        Check::exact(
            format!("langevin: R̂ above {MIXED} where chains do not mix, as a truth value"),
            1.0,
            f64::from(u8::from(rhat > 1.3)),
            0.0,
        ),
    ])
}
