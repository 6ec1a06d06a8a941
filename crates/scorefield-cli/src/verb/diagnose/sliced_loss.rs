//! Sliced score matching with and without a little noise on the data, side by side (Song & Ermon 2019, figure 1).
//!
//! Data that lie on a surface, or on levels of grey, have no score: the loss has no minimum, and training wanders or falls without end. Noise
//! of N(0, 10⁻⁴) fills the space, and the same training settles.

use scorefield::error::{Error, Result};
use scorefield::plot::{Curve, Series, curve};
use scorefield::recipe::{Layers, LossCurve, Origin, loss_curve};
use serde_json::json;

use super::findings::Findings;
use crate::session::Session;
use scorefield::words;

/// σ² = 10⁻⁴.
const NOISE: f64 = 0.01;
/// Pairs of a curve.
const LOGGED: u64 = 200;

/// Trains twice for `steps` steps and shows both losses.
///
/// # Errors
/// Data that cannot be read; an interruption.
pub fn compare(data: &str, steps: u64, session: &Session, findings: &mut Findings) -> Result<()> {
    if steps < LOGGED / 10 {
        return Err(Error::setting("--sliced-loss", format!("at least {} steps", LOGGED / 10), steps));
    }
    let train = |sigma: f64| -> Result<LossCurve> {
        let every = (steps / LOGGED).max(1);
        let settings = [
            ("data.source", data.to_owned()),
            ("data.held_out", "0".to_owned()),
            ("data.dequantise", "none".to_owned()),
            ("data.standardise", "off".to_owned()),
            ("objective.name", "sliced".to_owned()),
            ("schedule.name", "single".to_owned()),
            ("schedule.sigma", sigma.to_string()),
            ("net.name", "mlp".to_owned()),
            ("train.steps", steps.to_string()),
            ("train.log_every", every.to_string()),
            ("train.decay", "constant".to_owned()),
            ("seed", session.seed().to_string()),
        ];
        let set =
            |layers: Layers, (key, value): &(&str, String)| layers.set(key, value, Origin::Flag("--sliced-loss".to_owned()));
        let mut layers = settings.iter().try_fold(Layers::new(), set)?;
        if let Some(folder) = &session.globals().data_dir {
            layers = set(layers, &("data.data_dir", folder.to_string_lossy().into_owned()))?;
        }
        let mut progress = session.progress();
        let found = loss_curve(layers.build()?, session.device(), &mut progress);
        progress.clear();
        found
    };
    let (clean, noisy) = (train(0.0)?, train(NOISE)?);
    let [of_clean, of_noisy] = [&clean, &noisy].map(unrest);
    findings.section("Sliced score matching with and without a little noise");
    let how = |found: &LossCurve, (mean, spread): (f64, f64)| {
        let end = found.diverged.as_ref().map_or(String::new(), |why| format!("; ended by {why}"));
        format!("mean {}, standard deviation {}{end}", words::number(mean), words::number(spread))
    };
    findings.say(&format!(
        "An mlp was trained by sliced score matching for {} steps on the data as they are, and on the data with noise N(0, {}). Over the \
         second half of training the logged loss had, without noise: {}; with noise: {}.",
        words::count(steps),
        NOISE * NOISE,
        how(&clean, of_clean),
        how(&noisy, of_noisy)
    ));
    findings.say(&if clean.diverged.is_some() || of_clean.1 / of_clean.0.abs().max(1e-12) > 2.0 * of_noisy.1 / of_noisy.0.abs().max(1e-12) {
        "Without noise the loss does not settle: the data have no density in the space they lie in. Train with noise: any schedule but \
         single at 0, or --objective denoising."
            .to_owned()
    } else {
        "Both settle about as well: by this measure the data need no noise.".to_owned()
    });
    let shown = |found: &LossCurve| found.points.iter().map(|(step, loss)| (*step as f64, *loss)).collect::<Vec<_>>();
    let (clean_points, noisy_points) = (shown(&clean), shown(&noisy));
    for (file, title, name, points) in [
        ("sliced-loss-clean.png", "Sliced score matching without noise", "without noise", &clean_points),
        ("sliced-loss-noisy.png", "Sliced score matching with noise N(0, 0.0001)", "with noise", &noisy_points),
    ] {
        if points.is_empty() {
            continue;
        }
        let series = [Series { name, points }];
        let caption = "The two pictures have scales of their own: what counts is whether the curve settles.";
        findings.picture(file, &curve(&Curve { title, caption, series: &series, x_label: "training step", y_label: "loss" })?)?;
    }
    let field = |found: &LossCurve, (mean, spread): (f64, f64)| json!({"points": found.points, "diverged": found.diverged, "last_half_mean": mean, "last_half_standard_deviation": spread});
    findings.field(
        "sliced_loss",
        json!({"steps": steps, "noise": NOISE, "without_noise": field(&clean, of_clean), "with_noise": field(&noisy, of_noisy)}),
    );
    Ok(())
}

/// Mean and standard deviation of the second half of a curve.
fn unrest(found: &LossCurve) -> (f64, f64) {
    let half: Vec<f64> = found.points[found.points.len() / 2..].iter().map(|p| p.1).collect();
    let n = half.len() as f64;
    let mean = half.iter().sum::<f64>() / n;
    let variance = half.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, variance.sqrt())
}
