//! Which guides fit a target.

use super::Target;
use crate::error::{Error, Result};
use crate::posterior::Guided;

/// The score of `main`, led away from that of `guide` with weight `w` ([`Guided`]).
///
/// # Errors
/// A weight that is not a number from 0 on; a guide of another shape, in other units, or that knows another kind of noise.
pub fn guided<'a>(main: &'a Target, guide: &'a Target, w: f64) -> Result<Guided<'a>> {
    if !(w.is_finite() && w >= 0.0) {
        return Err(Error::setting("--guidance", "a number from 0 on: 1 is the model itself, 2 goes as far again", w));
    }
    if guide.event() != main.event() {
        let (shape, other) = (main.event(), guide.event());
        return Err(Error::setting(
            "--guide",
            format!("a model or density of shape {shape}, as what it guides"),
            format!("one of shape {other}"),
        ));
    }
    if guide.standardise() != main.standardise() {
        let expected = "a model whose columns were standardised alike: trained on the same rows, with the same settings of data";
        return Err(Error::setting("--guide", expected, "one in other units"));
    }
    if guide.values() != main.values() {
        let ((black, white), other) = (main.values(), guide.values());
        let expected = format!("a model of images from {black} to {white}, as what it guides");
        return Err(Error::setting("--guide", expected, format!("one of images from {} to {}", other.0, other.1)));
    }
    let noise = |target: &Target| match target.is_clean() || target.knows_no_noise() {
        true => "no",
        false => target.noise().name(),
    };
    if noise(guide) != noise(main) {
        let expected = format!("a model or density that knows {} noise, as what it guides", noise(main));
        return Err(Error::setting("--guide", expected, format!("one that knows {} noise", noise(guide))));
    }
    if let (Target::Trained(_), Target::Trained(_)) = (main, guide) {
        let ((low, high), (guide_low, guide_high)) = (main.sigma_range(), guide.sigma_range());
        // The same schedule on nearly the same data.
        if guide_low > 1.1 * low || guide_high < 0.9 * high {
            let expected = format!("a model that knows noise from σ = {low} to {high}, as what it guides");
            return Err(Error::setting("--guide", expected, format!("one that knows it from {guide_low} to {guide_high}")));
        }
    }
    Ok(Guided { main: main.score(), guide: guide.score(), weight: w })
}
