//! Everything that is registered, held against closed forms.
//!
//! A section makes cases out of the registries, so that what is added to one is verified without being named here; a case measures, and
//! answers with [`Check`]s. Nothing is timed, nothing is read or written, and a seed gives the same numbers on one machine.

mod calibration;
mod chains;
mod derivatives;
mod diagnostics;
mod exact_scores;
mod likelihoods;
mod noises;
mod objectives;
#[cfg(test)]
mod planted;
mod projections;
mod solvers;

use crate::error::{Error, Result};
use crate::observe::{Flow, Observer};
use crate::oracle::Check;
use crate::registry::{Entry, lookup, unknown};
use crate::tensor::Device;

/// How thoroughly, and with which random numbers.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Points that a mean is taken over, at least [`FEWEST_POINTS`].
    pub points: usize,
    /// Whether what takes many minutes is verified too, unasked by name.
    pub thorough: bool,
    /// Seed of everything random.
    pub seed: u64,
    /// Where tensors live.
    pub device: Device,
}

/// With fewer points, standard errors would be too wide to notice mistakes.
pub const FEWEST_POINTS: usize = 100_000;

impl Settings {
    /// The usual number of points.
    pub const USUAL: usize = 1 << 17;
    /// A number that leaves a third of the usual standard errors.
    pub const THOROUGH: usize = 1_000_000;
}

/// One thing to verify.
struct Case {
    /// The registered names that it is about.
    about: Vec<&'static str>,
    measure: Box<Measure>,
}

/// What a case does.
type Measure = dyn Fn(&Settings) -> Result<Vec<Check>>;

/// A kind of cases.
type Section = fn() -> Vec<Case>;

static SECTIONS: &[Entry<Section>] = &[
    objectives::ENTRY,
    projections::ENTRY,
    noises::ENTRY,
    exact_scores::ENTRY,
    derivatives::ENTRY,
    chains::ENTRY,
    solvers::ENTRY,
    likelihoods::ENTRY,
    diagnostics::ENTRY,
];

/// Sections of many minutes: verified where it is asked to be thorough, or by their names.
static LONG: &[Entry<Section>] = &[calibration::ENTRY];

/// The sections and the registered names that `only` may be.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = SECTIONS.iter().chain(LONG).map(|section| section.name).collect();
    for case in SECTIONS.iter().flat_map(|section| (section.value)()) {
        for name in case.about {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// Verifies everything, or what concerns one section or one registered name (or its alias).
///
/// # Errors
/// A name that is none of [`names`], too few points, or [`Error::Interrupted`] when the observer said stop.
pub fn verify(only: Option<&str>, settings: &Settings, observer: &mut dyn Observer) -> Result<Vec<Check>> {
    if settings.points < FEWEST_POINTS {
        return Err(Error::setting("-n", format!("at least {FEWEST_POINTS}"), settings.points)
            .with_hint("with fewer points, standard errors are too wide to notice mistakes"));
    }
    let cases = chosen(only, settings.thorough)?;
    let mut checks: Vec<Check> = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        checks.extend((case.measure)(settings)?);
        let (done, left) = (i + 1, cases.len() - i - 1);
        if observer.measured(done, cases.len()) == Flow::Stop && left > 0 {
            let failed = checks.iter().filter(|check| !check.pass).count();
            let saved = format!("{} checks were made, {failed} failed; {left} of {} cases were left", checks.len(), cases.len());
            return Err(Error::Interrupted { saved });
        }
    }
    Ok(checks)
}

fn chosen(only: Option<&str>, thorough: bool) -> Result<Vec<Case>> {
    let long = if thorough { LONG } else { &[] };
    let all = || SECTIONS.iter().chain(long).flat_map(|section| (section.value)());
    let Some(only) = only else { return Ok(all().collect()) };
    if let Ok(section) = lookup(SECTIONS, "--only", only).or_else(|_| lookup(LONG, "--only", only)) {
        return Ok((section.value)());
    }
    let name = by_alias(only);
    let cases: Vec<Case> = all().filter(|case| case.about.contains(&name)).collect();
    if !cases.is_empty() {
        return Ok(cases);
    }
    Err(unknown("--only", only, &names()))
}

/// The name that an alias stands for; what is no alias stays as it is.
fn by_alias(only: &str) -> &str {
    fn within<T>(entries: &[Entry<T>], only: &str) -> Option<&'static str> {
        entries.iter().find(|e| e.aliases.contains(&only)).map(|e| e.name)
    }
    let found = within(crate::objective::OBJECTIVES, only).or_else(|| within(crate::noise::NOISES, only));
    let found = found.or_else(|| within(crate::net::NETS, only)).or_else(|| within(crate::density::DENSITIES, only));
    found.or_else(|| within(crate::diagnostic::DIAGNOSTICS, only)).unwrap_or(only)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::NOISES;
    use crate::objective::{Law, OBJECTIVES};

    #[test]
    fn every_objective_law_and_noise_has_a_case() {
        let names = names();
        let registered = OBJECTIVES.iter().map(|e| e.name).chain(NOISES.iter().map(|e| e.name)).chain(Law::WORDS.iter().copied());
        // A chain at one level is no solver.
        let solvers = crate::sample::SAMPLERS.iter().map(|e| e.name).filter(|name| *name != "langevin");
        for name in registered.chain(solvers) {
            assert!(names.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_name_an_alias_and_a_section_choose_and_a_misspelling_is_corrected() {
        let count = |only| chosen(Some(only), false).unwrap().len();
        let all = chosen(None, false).unwrap().len();
        assert_eq!(count("sliced"), count("ssm"));
        assert!(count("noises") < count("gaussian") && count("objectives") < all && count("sliced") < all);
        // The long ones only where they are asked for.
        assert!(chosen(None, true).unwrap().len() > all && chosen(Some("heun"), true).unwrap().len() > count("heun"));
        assert_eq!(chosen(Some("slicd"), false).err().unwrap().hint(), Some("did you mean sliced?"));
    }

    #[test]
    fn names_of_checks_differ_and_a_seed_gives_the_same_numbers() {
        let settings = Settings { points: FEWEST_POINTS, thorough: false, seed: 3, device: Device::flex() };
        let checks = verify(Some("sliced-vr"), &settings, &mut ()).unwrap();
        for (i, check) in checks.iter().enumerate() {
            assert!(checks[..i].iter().all(|other| other.name != check.name), "{} twice", check.name);
        }
        assert_eq!(checks, verify(Some("sliced-vr"), &settings, &mut ()).unwrap());
    }

    #[test]
    fn whoever_watches_can_stop_it() {
        struct Second;
        impl Observer for Second {
            fn measured(&mut self, done: usize, _: usize) -> Flow {
                if done == 2 { Flow::Stop } else { Flow::Continue }
            }
        }
        let settings = Settings { points: FEWEST_POINTS, thorough: false, seed: 3, device: Device::flex() };
        assert!(matches!(verify(Some("objectives"), &settings, &mut Second), Err(Error::Interrupted { .. })));
    }
}
