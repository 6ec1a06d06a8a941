//! `hmc`: Hamiltonian Monte Carlo (Duane et al. 1987; Neal 2011).
//!
//! A momentum p ~ N(0, I) is drawn, x and p follow Hamilton's equations by leapfrog steps of size ε,
//!
//! p ← p + (ε/2)·s(x), x ← x + ε·p, p ← p + (ε/2)·s(x),
//!
//! and the end is accepted with probability min(1, exp(log p(x') − ½‖p'‖² − log p(x) + ½‖p‖²)). One leapfrog step is a step of `mala` with
//! ε_mala = ε². The path has L steps, or as many as make up a length T = Lε; each path's step is stretched or shrunk by up to a tenth at
//! random, so that no path comes back to where it began by resonance. Each chain finds its own ε in the warm-up, for an acceptance of
//! 0.8.

use super::chain::{DualAveraging, Law, Place, metropolis};
use super::langevin::positive;
use super::{Kept, Method, Ready, Sampler, SamplerSettings, Walk};
use crate::error::{Error, Result};
use crate::registry::Entry;
use scorefield_kernels::chain;

/// How long a path is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Path {
    /// L leapfrog steps.
    Steps(usize),
    /// T = Lε, in data units: each chain takes ⌈T/ε⌉ steps, at most `MOST_STEPS`.
    Length(f64),
}

/// See the head of this file.
#[derive(Clone, Copy, Debug)]
pub struct Hmc {
    /// Paths after the warm-up.
    pub steps: usize,
    /// Paths in which ε adapts; 0: it stays as it is.
    pub warmup: usize,
    /// ε, where the warm-up begins.
    pub epsilon: f64,
    /// How long a path is.
    pub path: Path,
    /// By how much of itself a path's ε is changed at most.
    pub jitter: f64,
    /// The acceptance that the warm-up looks for.
    pub target: f64,
    /// The noise level whose distribution is sampled.
    pub sigma: f64,
}

const TARGET: f64 = 0.8;
const JITTER: f64 = 0.1;
/// Leapfrog steps that a path has at most, however small ε is.
pub const MOST_STEPS: usize = 1000;

impl Hmc {
    fn lengths(&self, epsilon: &[f64], lengths: &mut [usize]) {
        match self.path {
            Path::Steps(l) => lengths.fill(l),
            Path::Length(t) => {
                lengths.iter_mut().zip(epsilon).for_each(|(l, e)| *l = ((t / e).ceil().max(1.0) as usize).min(MOST_STEPS));
            }
        }
    }
}

impl Sampler for Hmc {
    fn steps(&self) -> usize {
        self.warmup + self.steps
    }

    fn kept(&self) -> Option<Kept> {
        Some(Kept::after(self.warmup, self.steps))
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        let (rows, d, sigma) = (walk.rows(), walk.dim(), self.sigma);
        let (mut now, mut next) = (Place::room(walk), Place::room(walk));
        now.x.copy_from_slice(walk.x());
        let mut law = Law::begin(walk, sigma, 1.0, &mut now);
        let mut adapting = DualAveraging::new(rows, self.epsilon, self.target);
        let (mut p, mut test, mut stretch) = (walk.room(), vec![0.0; rows], vec![0.0; rows]);
        let (mut energy, mut ratio, mut accepted) = (vec![0.0; rows], vec![0.0; rows], vec![false; rows]);
        let (mut sizes, mut lengths, mut h) = (vec![0.0; rows], vec![0; rows], walk.room());
        for step in 0..self.steps() {
            walk.noise(&mut p);
            walk.uniform(&mut test);
            walk.uniform(&mut stretch);
            let each = sizes.iter_mut().zip(adapting.epsilon()).zip(&stretch);
            each.for_each(|((h, epsilon), u)| *h = epsilon * (1.0 + self.jitter * (2.0 * u - 1.0)));
            self.lengths(&sizes, &mut lengths);
            h.chunks_exact_mut(d).zip(&sizes).for_each(|(h, size)| h.fill(*size));

            chain::kinetic(&p, d, &mut energy);
            next.x.copy_from_slice(&now.x);
            chain::kick(&mut p, &now.score, &h, 0.5);
            let longest = lengths.iter().copied().max().unwrap_or(0);
            for l in 1..=longest {
                chain::drift(&mut next.x, &p, &h);
                let ends = lengths.contains(&l);
                if l < longest {
                    law.score(walk, &next.x, &mut next.score);
                } else {
                    law.evaluate(walk, &mut next);
                }
                // Between two steps both half kicks in one; a row whose path is at its end gets the last half, and then stays.
                if !ends {
                    chain::kick(&mut p, &next.score, &h, 1.0);
                    continue;
                }
                chain::kick(&mut p, &next.score, &h, 0.5);
                h.chunks_exact_mut(d).zip(&lengths).filter(|(_, length)| **length == l).for_each(|(h, _)| h.fill(0.0));
                chain::kick(&mut p, &next.score, &h, 0.5);
            }
            chain::kinetic(&p, d, &mut ratio);
            ratio.iter_mut().zip(&energy).for_each(|(end, begin)| *end = begin - *end);
            law.add_rise(walk, &now, &next, &mut ratio);
            metropolis(&mut ratio, &test, &mut accepted);
            now.take(&next, &accepted, d);
            if step < self.warmup {
                adapting.adapt(&ratio);
                if step + 1 == self.warmup {
                    adapting.freeze();
                }
            } else {
                walk.accepted(&accepted);
            }
            walk.x_mut().copy_from_slice(&now.x);
            walk.moved(sigma)?;
        }
        walk.stepped(adapting.epsilon());
        Ok(())
    }
}

fn build(settings: &SamplerSettings<'_>) -> Result<Ready> {
    let (low, _) = settings.target_range;
    let asked = &settings.asked;
    let sigma = asked.sigma.unwrap_or(low);
    let steps = asked.steps.unwrap_or(500);
    let warmup = asked.warmup(steps);
    let epsilon = asked.epsilon.unwrap_or(if sigma > 0.0 { 0.5 * sigma } else { 0.5 });
    positive(epsilon, steps)?;
    let path = match (asked.leapfrog, asked.path) {
        (None, None) => Path::Steps(10),
        (Some(0), _) => return Err(Error::setting("--leapfrog", "at least 1", 0)),
        (Some(l), None) if l <= MOST_STEPS => Path::Steps(l),
        (Some(l), None) => return Err(Error::setting("--leapfrog", format!("at most {MOST_STEPS}"), l)),
        (None, Some(t)) if t.is_finite() && t > 0.0 => Path::Length(t),
        (None, Some(t)) => return Err(Error::setting("--path", "a positive number", t)),
        (Some(_), Some(t)) => return Err(Error::setting("--path", "no --leapfrog beside it: one of them decides", t)),
    };
    let said_path = match path {
        Path::Steps(l) => format!("{l} leapfrog steps"),
        Path::Length(t) => format!("length {t}"),
    };
    let said = if warmup > 0 {
        format!(
            "{steps} paths of {said_path} at σ = {sigma} after {warmup} that set each chain's ε for an acceptance of {TARGET}"
        )
    } else {
        format!("{steps} paths of {said_path}, ε = {epsilon}, at σ = {sigma}")
    };
    let sampler = Hmc { steps, warmup, epsilon, path, jitter: JITTER, target: TARGET, sigma };
    Ok(Ready { sampler: Box::new(sampler), start_sigma: sigma, settings: said })
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "hmc",
    aliases: &["hamiltonian", "hybrid-monte-carlo"],
    summary: "Hamiltonian Monte Carlo: long moves along the density, a Metropolis test at their end",
    formula: "p ← p + (ε/2)·s(x), x ← x + ε·p, p ← p + (ε/2)·s(x), L times; accepted with min(1, exp(−ΔH))",
    source: "Duane et al. 1987; Neal 2011; Hoffman & Gelman 2014 (adaptation)",
    value: Method { reads: &["--steps", "--epsilon", "--sigma", "--warmup", "--leapfrog", "--path"], build },
};
