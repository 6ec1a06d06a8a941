//! `--guide` and `--guidance`: a worse model of the same data, to be led away from.

use std::sync::Arc;

use clap::Args;
use scorefield::density::Exact;
use scorefield::error::Result;
use scorefield::posterior::Guided;
use scorefield::recipe::{Pick, Target, guided};
use scorefield::score::ScoreJvp;

use crate::session::Session;

/// See the head of this file.
#[derive(Args, Debug)]
#[command(next_help_heading = "Guidance")]
pub struct GuideArgs {
    /// Lead samples away from a worse model of the same data: another run, smaller or trained for less, or a density [default: with --guidance, the
    /// run's own early weights]
    #[arg(long, value_name = "RUN|density:…")]
    guide: Option<String>,
    /// How far: 1 is the model itself, 2 goes as far again as it is from the guide: sharper, less varied [default: with --guide, 2]
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    guidance: Option<f64>,
}

/// How far where nothing is said.
const USUAL: f64 = 2.0;

impl GuideArgs {
    /// Opens the guide of the target that `spec` stands for; of `class`, if it knows classes.
    ///
    /// # Errors
    /// A guide that cannot be opened, a run without early weights.
    pub fn open(&self, spec: &str, class: Option<u32>, session: &Session) -> Result<Option<Guide>> {
        if self.guide.is_none() && self.guidance.is_none() {
            return Ok(None);
        }
        let mut target = Guide::target(self.guide.as_deref(), spec, session)?;
        // A guide without classes is one too: away from what is drawn of all of them (Ho & Salimans 2021).
        if let (Some(class), Target::Trained(trained)) = (class, &mut target)
            && trained.model.net().classes().is_some()
        {
            trained.set_class(class)?;
        }
        Ok(Some(Guide { target, weight: self.guidance.unwrap_or(USUAL) }))
    }
}

/// A guide, and how far samples are led away from it.
pub struct Guide {
    pub target: Target,
    pub weight: f64,
}

impl Guide {
    /// What `named` stands for, or else the early weights of the run that was opened as `spec`.
    ///
    /// # Errors
    /// A guide that cannot be opened.
    pub fn target(named: Option<&str>, spec: &str, session: &Session) -> Result<Target> {
        match named {
            // It is worse on purpose, and the run itself has been complained of.
            Some(named) => Target::open(named, session.device()),
            None => Target::open_picked(spec, Pick::Early, session.device()),
        }
    }
}

/// What is sampled.
pub enum Field<'a> {
    Alone(&'a dyn ScoreJvp),
    Guided(Guided<'a>),
}

impl<'a> Field<'a> {
    /// The score of `target`, led away from that of `guide`.
    ///
    /// # Errors
    /// A guide that does not fit.
    pub fn new(target: &'a Target, guide: Option<&'a Guide>) -> Result<Self> {
        let Some(guide) = guide else { return Ok(Self::Alone(target.score())) };
        let guided = guided(target, &guide.target, guide.weight)?;
        // The model itself, at half the price.
        Ok(if guide.weight == 1.0 { Self::Alone(target.score()) } else { Self::Guided(guided) })
    }

    /// The exact density of what is sampled at σ, where there is one: of the product that guidance samples there is none.
    pub fn exact(&self, target: &Target, sigma: f64) -> Option<Arc<dyn Exact>> {
        match self {
            Self::Alone(_) => target.exact(sigma),
            Self::Guided(_) => None,
        }
    }

    pub fn score(&self) -> &dyn ScoreJvp {
        match self {
            Self::Alone(score) => *score,
            Self::Guided(guided) => guided,
        }
    }
}
