//! `tempering`: replica exchange (Swendsen & Wang 1986; Geyer 1991) over noise levels.
//!
//! R replicas of each point move side by side, replica r under p_σr for levels σ_1 > … > σ_R, where σ_R is the level that is sampled (0: the
//! data themselves). Under much noise modes have merged and a replica crosses between them freely; neighbours exchange places with
//! probability min(1, p_a(y)p_b(x)/p_a(x)p_b(y)), which leaves the law of all replicas together unchanged, so that what is found under noise
//! wanders down to σ_R. Pairs are tried in two alternating halves (Syed et al. 2022: replicas then travel, rather than diffuse, along the
//! ladder). Between exchanges each replica makes a step of `mala` of its own size, found in the warm-up.
//!
//! A target without noise levels (a network trained on clean data) is tempered by powers p^β instead, β from 0.05 to 1.

use super::chain::{Adjusted, Law, Place, metropolis};
use super::langevin::positive;
use super::mala::TARGET;
use super::{Kept, Method, Ready, Sampler, SamplerSettings, Walk};
use crate::error::{Error, Result};
use crate::registry::Entry;

/// One rung of the ladder: p_σ^β.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rung {
    /// The noise level.
    pub sigma: f64,
    /// The power.
    pub beta: f64,
    /// ε, where the warm-up begins.
    pub epsilon: f64,
}

/// See the head of this file.
#[derive(Clone, Debug)]
pub struct Tempering {
    /// The rungs, the one that is sampled last.
    pub rungs: Vec<Rung>,
    /// Steps after the warm-up, each followed by exchanges.
    pub steps: usize,
    /// Steps in which the step sizes adapt.
    pub warmup: usize,
}

/// A replica of each row.
struct Replica {
    now: Place,
    law: Law,
    chain: Adjusted,
    /// Where its neighbour is, seen from its own law.
    other: Place,
}

impl Replica {
    fn begin(walk: &Walk<'_, '_>, rung: &Rung, lowest: f64) -> Result<Self> {
        let mut now = Place::room(walk);
        // The block begins at the level that is sampled; the noise of the others is added.
        walk.noise(&mut now.score);
        let more = (rung.sigma * rung.sigma - lowest * lowest).max(0.0).sqrt();
        let start = now.x.iter_mut().zip(walk.x()).zip(&now.score);
        start.for_each(|((x, from), z)| *x = from + more * z);
        let law = Law::begin(walk, rung.sigma, rung.beta, &mut now);
        if !law.has_density() {
            let expected = "a density or an energy network: exchanges compare log p, which a network of the score does not give";
            return Err(Error::setting("--sampler tempering", expected, "a network of the score")
                .with_hint("train with --net energy-mlp, or sample with annealed"));
        }
        Ok(Self { law, chain: Adjusted::new(walk, rung.epsilon, TARGET), other: Place::room(walk), now })
    }
}

impl Sampler for Tempering {
    fn steps(&self) -> usize {
        self.warmup + self.steps
    }

    fn kept(&self) -> Option<Kept> {
        Some(Kept::after(self.warmup, self.steps))
    }

    fn levels(&self) -> Vec<f64> {
        let noisy = self.rungs.iter().any(|r| r.sigma > 0.0);
        self.rungs.iter().filter(|_| noisy).map(|r| r.sigma).collect()
    }

    fn run(&self, walk: &mut Walk<'_, '_>) -> Result<()> {
        let (rows, lowest) = (walk.rows(), self.lowest());
        let begin = |rung| Replica::begin(walk, rung, lowest);
        let mut replicas: Vec<Replica> = self.rungs.iter().map(begin).collect::<Result<_>>()?;
        let (mut ratio, mut u, mut exchanged) = (vec![0.0; rows], vec![0.0; rows], vec![false; rows]);
        let last = replicas.len() - 1;
        for step in 0..self.steps() {
            for (r, Replica { now, law, chain, .. }) in replicas.iter_mut().enumerate() {
                let accepted = chain.step(walk, law, now);
                if step >= self.warmup {
                    if r == last {
                        walk.accepted(accepted);
                    }
                    continue;
                }
                chain.adapt();
                if step + 1 == self.warmup {
                    chain.steps.freeze();
                }
            }
            for pair in (step % 2..last).step_by(2) {
                let (above, below) = replicas.split_at_mut(pair + 1);
                let (a, b) = (&mut above[pair], &mut below[0]);
                walk.uniform(&mut u);
                exchange(walk, a, b, &u, &mut ratio, &mut exchanged);
                if step >= self.warmup {
                    walk.exchanged(pair, &exchanged);
                }
            }
            walk.x_mut().copy_from_slice(&replicas[last].now.x);
            walk.moved(lowest)?;
        }
        walk.stepped(replicas[last].chain.steps.epsilon());
        Ok(())
    }
}

/// Lets neighbours change places where `u` says so.
fn exchange(walk: &Walk<'_, '_>, a: &mut Replica, b: &mut Replica, u: &[f64], ratio: &mut [f64], exchanged: &mut [bool]) {
    a.other.x.copy_from_slice(&b.now.x);
    b.other.x.copy_from_slice(&a.now.x);
    ratio.fill(0.0);
    for Replica { law, now, other, .. } in [&mut *a, &mut *b] {
        law.evaluate(walk, other);
        law.add_rise(walk, now, other, ratio);
    }
    metropolis(ratio, u, exchanged);
    for Replica { now, other, .. } in [a, b] {
        now.take(other, exchanged, walk.dim());
    }
}

impl Tempering {
    fn lowest(&self) -> f64 {
        self.rungs.last().map_or(0.0, |r| r.sigma)
    }
}

/// The hottest power of a density without noise levels.
const HOTTEST: f64 = 0.05;
/// The highest level reaches over the data, where modes have merged; the lowest above 0 is near enough to it.
const HIGH: f64 = 2.0;
const LOW: f64 = 0.05;

fn build(settings: &SamplerSettings<'_>) -> Result<Ready> {
    let asked = &settings.asked;
    let (low, high) = settings.target_range;
    let spread = settings.spread;
    let count = asked.levels.unwrap_or(10);
    if count < 2 {
        return Err(Error::setting("--levels", "at least 2: replicas exchange places", count));
    }
    let steps = asked.steps.unwrap_or(500);
    let warmup = asked.warmup(steps);
    let along = |from: f64, to: f64, count: usize| {
        let last = count.saturating_sub(1).max(1) as f64;
        (0..count).map(move |r| from * (to / from).powf(r as f64 / last))
    };
    let scale = |sigma: f64| asked.epsilon.unwrap_or(sigma * sigma + (0.1 * spread).powi(2));
    positive(scale(0.0), steps)?;
    let (rungs, said): (Vec<Rung>, String) = if high > 0.0 {
        let lowest = asked.range.1.or(asked.sigma).unwrap_or(low);
        let highest = asked.range.0.unwrap_or((HIGH * spread).min(high).max(lowest * 1.5));
        if highest <= lowest {
            return Err(Error::setting("--sigma-max", format!("above the level that is sampled, {lowest}"), highest));
        }
        let levels: Vec<f64> = match lowest > 0.0 {
            true => along(highest, lowest, count).collect(),
            false => along(highest, (LOW * spread).min(0.5 * highest), count - 1).chain([0.0]).collect(),
        };
        let rung = |sigma: &f64| Rung { sigma: *sigma, beta: 1.0, epsilon: scale(*sigma) };
        (levels.iter().map(rung).collect(), format!("{count} replicas from σ = {highest} to {lowest}"))
    } else if let (Some(asked), _) | (None, Some(asked)) = asked.range {
        let flag = if settings.asked.range.0.is_some() { "--sigma-max" } else { "--sigma-min" };
        return Err(Error::setting(flag, "a target that is known at several noise levels", asked)
            .with_hint("without them replicas stand at powers of the density; --levels says how many"));
    } else {
        let rung = |beta: f64| Rung { sigma: 0.0, beta, epsilon: asked.epsilon.unwrap_or((0.1 * spread).powi(2)) / beta };
        (along(HOTTEST, 1.0, count).map(rung).collect(), format!("{count} replicas from power β = {HOTTEST} to 1"))
    };
    let said =
        format!("{said}, {steps} steps with exchanges after {warmup} that set each replica's ε for an acceptance of {TARGET}");
    let sampler = Tempering { rungs, steps, warmup };
    Ok(Ready { start_sigma: sampler.lowest(), sampler: Box::new(sampler), settings: said })
}

/// The registry's row.
pub(super) const ENTRY: Entry<Method> = Entry {
    name: "tempering",
    aliases: &["parallel-tempering", "replica-exchange"],
    summary: "replica exchange over noise levels: modes keep their weights",
    formula: "x ~ p_a and y ~ p_b exchange with min(1, p_a(y)·p_b(x)/p_a(x)·p_b(y))",
    source: "Swendsen & Wang 1986; Geyer 1991; Syed et al. 2022",
    value: Method { reads: &["--steps", "--epsilon", "--sigma", "--sigma-min", "--sigma-max", "--levels", "--warmup"], build },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::density;
    use crate::levels::Levels;
    use crate::sample::{Asked, Draw, Start, draw};

    fn ready(asked: Asked, range: (f64, f64)) -> Result<Ready> {
        build(&SamplerSettings { asked, ladder: &|n| Levels::geometric(10.0, 0.1, n), target_range: range, spread: 4.0, dim: 2 })
    }

    fn share(ready: &Ready, n: usize) -> f64 {
        let p = density::mixture("mixture").unwrap();
        let start = Start::Uniform { low: -8.0, high: 8.0 };
        let request = Draw { n, from: 0, seed: 1, start, start_sigma: ready.start_sigma };
        let drawn = draw(&p, &*ready.sampler, &request, &mut ()).unwrap();
        assert!(drawn.exchange_rates.iter().all(|r| *r > 0.1), "{:?}", drawn.exchange_rates);
        p.assign(&drawn.single(), 0.0).iter().filter(|k| **k == 0).count() as f64 / n as f64
    }

    #[test]
    fn replicas_find_the_modes_weights_from_a_start_that_has_others() {
        let asked = Asked { steps: Some(300), ..Default::default() };
        // By noise levels, and by powers of the density where no noise is known.
        for (range, levels) in [((0.0, 80.0), None), ((0.0, 0.0), Some(12))] {
            let share = share(&ready(Asked { levels, ..asked.clone() }, range).unwrap(), 1280);
            // 1,280 chains: standard error 0.011.
            assert!((share - 0.8).abs() < 0.03, "{range:?}: {share}");
        }
    }

    #[test]
    fn what_is_no_ladder_is_refused() {
        let one = Asked { levels: Some(1), ..Default::default() };
        let upside_down = Asked { range: (Some(0.5), Some(1.0)), ..Default::default() };
        let still = Asked { epsilon: Some(0.0), ..Default::default() };
        for asked in [one, upside_down.clone(), still] {
            assert!(ready(asked.clone(), (0.0, 80.0)).is_err(), "{asked:?}");
        }
        assert!(ready(upside_down, (0.0, 0.0)).err().unwrap().to_string().starts_with("--sigma-max"));
    }
}
