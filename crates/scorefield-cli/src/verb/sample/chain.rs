//! What `sample` does for Markov chains beside drawing: their step size, their mixing, their course in a file and in pictures.

use scorefield::diagnostic::chains::{Draws, stein_of_chains};
use scorefield::error::{Error, Result};
use scorefield::recipe::Target;
use scorefield::sample::{Asked, Draw, Kept, Kind, Tuned, tune, tune_ladder};
use scorefield::score::ScoreJvp;

use super::Sample;
use crate::chains::Chains;
use crate::guide::Field;
use crate::output::Answer;
use crate::session::Session;
use crate::sink;

/// What `--epsilon auto` finds, for samplers that do not find their step themselves.
pub(super) fn tuned(
    args: &Sample,
    target: &Target,
    score: &dyn ScoreJvp,
    sampler: &str,
    asked: &Asked,
    request: &Draw,
) -> Result<Option<Tuned>> {
    if !args.asked.is_auto() || ADAPTING.contains(&sampler) {
        return Ok(None);
    }
    let Some(kind) = Kind::of(sampler) else {
        return Err(Error::setting(
            "--epsilon auto",
            "a chain: langevin, mala, underdamped, hmc, tempering or annealed",
            sampler,
        ));
    };
    if kind == Kind::Annealed {
        let levels = target.sampler(Some(sampler), asked)?.1.sampler.levels();
        return tune_ladder(score, &levels, request).map(Some);
    }
    tune(score, kind, asked.sigma.unwrap_or(target.sigma_range().0), request).map(Some)
}

/// What helps chains that are far from having mixed, and those that nearly have.
const HELP: [&str; 2] = [
    "More --steps help where they are slow; where modes are far apart, take --sampler tempering or annealed",
    "take more --steps",
];
/// Samplers that find their step size by themselves.
const ADAPTING: [&str; 3] = ["mala", "hmc", "tempering"];

/// The chains in data units, measured.
pub(super) fn look(
    mut draws: Draws,
    steps: (usize, usize),
    target: &Target,
    field: &Field<'_>,
    sigma: f64,
    n: usize,
    seconds: f64,
) -> Result<Chains> {
    // Undefined of chains that never moved, and of those that are not finite.
    let stein = draws.clone().finite().and_then(|(draws, _)| stein_of_chains(&draws, field.score(), sigma)).ok();
    if let Some(map) = target.standardise() {
        for row in draws.values.chunks_exact_mut(draws.d) {
            let columns = row.iter_mut().zip(&map.std).zip(&map.mean);
            columns.for_each(|((x, std), mean)| *x = f64::from(*mean) + f64::from(*std) * *x);
        }
    }
    let density = field.exact(target, sigma);
    let mixture = density.as_deref().and_then(|density| density.as_mixture()).map(|mixture| (mixture, sigma));
    Ok(Chains::new(draws, steps, n, Some(seconds), mixture)?.with_stein(stein))
}

impl Sample {
    /// Refuses what only chains have where there are none, and places that cannot be written, before the work.
    pub(super) fn check_chains(&self, sampler: &str, kept: Option<Kept>) -> Result<()> {
        let given = [("--trace", self.trace.is_some()), ("--chains-plot", self.chains_plot.is_some())];
        if let Some((flag, _)) = given.iter().find(|(_, given)| *given && kept.is_none_or(|k| k.steps < 4)) {
            return Err(Error::setting(*flag, "a Markov chain of at least 8 steps, as --sampler langevin", sampler));
        }
        if self.advise && !["tempering", "annealed"].contains(&sampler) {
            return Err(Error::setting("--advise", "a sampler with a ladder of levels: tempering or annealed", sampler));
        }
        if let Some(path) = &self.trace {
            if path.extension().is_none_or(|e| e != "npy") {
                return Err(Error::setting("--trace", "a name that ends in .npy", path.display()));
            }
            sink::check_place(path)?;
        }
        Ok(())
    }

    /// The answer with what is said of the chains, and their files.
    pub(super) fn with_chains(&self, mut answer: Answer, chains: Chains, target: &Target, session: &Session) -> Result<Answer> {
        let name = |j: usize| target.columns().and_then(|c| c.get(j).cloned()).unwrap_or_else(|| format!("x{j}"));
        if let Some(warning) = chains.warning(&name, HELP) {
            session.warn(&warning);
        }
        answer.text += &chains.text(&name);
        answer = chains.fields(answer);
        if let Some(path) = &self.trace {
            chains.write(path)?;
            answer.text += &format!("the chains' course is in {}\n", path.display());
        }
        if let Some(folder) = &self.chains_plot {
            let written: Vec<String> = chains.pictures(folder, &name)?.iter().map(|p| p.display().to_string()).collect();
            answer.text += &format!("pictures of the chains: {}\n", written.join(", "));
            answer = answer.with("chains_plot", written);
        }
        Ok(answer)
    }
}
