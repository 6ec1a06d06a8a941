//! The noise level at which a score is wanted: given, or the only one there is.

use scorefield::error::{Error, Result};
use scorefield::recipe::Target;

use crate::session::Session;
use scorefield::words;

/// The level for evaluating a score: as given; else the model's smallest, nearest to the data, or 0 for a density known without noise.
///
/// # Errors
/// A level that is not positive (0 will do for an exact density).
pub fn of_score(asked: Option<f64>, target: &Target, session: &Session) -> Result<f64> {
    let exact = matches!(target, Target::Exact { .. });
    match asked {
        None | Some(0.0) if exact || target.is_clean() => Ok(0.0),
        None => of_noise(Some(target.sigma_range().0), target, session),
        _ => of_noise(asked, target, session),
    }
}

/// The level for measuring a loss: as given; else the middle one of those that a model was trained on.
///
/// # Errors
/// As [`of_noise`].
pub fn of_loss(asked: Option<f64>, target: &Target, session: &Session) -> Result<f64> {
    let middle = match target {
        Target::Trained(trained) => Some(trained.schedule.quantile(0.5)),
        Target::Exact { .. } => None,
    };
    of_noise(asked.or(middle), target, session)
}

/// The level for a loss that needs no noise: as given; else none where there is none, and the middle one of a model of noisy data.
///
/// # Errors
/// As [`of_noise`].
pub fn of_free_loss(asked: Option<f64>, target: &Target, session: &Session) -> Result<f64> {
    let without = target.is_clean() || matches!(target, Target::Exact { .. });
    match asked {
        None | Some(0.0) if without => Ok(0.0),
        _ => of_loss(asked, target, session),
    }
}

/// The level of noise that is to be removed.
///
/// # Errors
/// No level given where there are many, or one that is not positive.
pub fn of_noise(asked: Option<f64>, target: &Target, session: &Session) -> Result<f64> {
    if target.knows_no_noise() {
        let expected = "a target that is known under noise: of this density log p is known, not that of its smoothing";
        let given = asked.map_or("nothing".to_owned(), |sigma| sigma.to_string());
        return Err(Error::setting("--sigma", expected, given)
            .with_hint("mixtures are known at every level; train on samples of this density for a model that is"));
    }
    if target.is_clean() {
        return Err(Error::setting("--sigma", "a model of noisy data", "one trained without noise (sigma = 0)")
            .with_hint("train with --objective denoising, or with --sigma above 0"));
    }
    let (low, high) = target.sigma_range();
    let Some(sigma) = asked.or_else(|| target.only_sigma()) else {
        let expected = match target {
            Target::Trained(_) => format!("a noise level; this model knows {} to {}", words::number(low), words::number(high)),
            Target::Exact { .. } => "the standard deviation of the noise".to_owned(),
        };
        return Err(Error::setting("--sigma", expected, "nothing"));
    };
    if !(sigma.is_finite() && sigma > 0.0) {
        return Err(Error::setting("--sigma", "a positive number", sigma));
    }
    // The ends of the range come from the data and have a rounding of their own.
    let inside = (low * (1.0 - 1e-6)..=high * (1.0 + 1e-6)).contains(&sigma);
    if !inside && matches!(target, Target::Trained(_)) {
        let (low, high) = (words::number(low), words::number(high));
        session.warn(&format!("σ = {sigma} is outside the range that the model was trained on, {low} to {high}"));
    }
    Ok(sigma)
}
