//! log p of a density that is known without noise alone, as it is written: there is no flow to follow, and nothing to estimate.

use std::f64::consts::LN_2;

use scorefield::density::Constant;
use scorefield::error::{Error, Result};
use scorefield::oracle::Estimate;
use scorefield::recipe::Target;
use scorefield::words;

use super::{Likelihood, ready, write};
use crate::output::Answer;
use crate::points;
use crate::session::Session;

/// Measures it.
pub(super) fn run(args: &Likelihood, target: &Target, session: &Session) -> Result<Answer> {
    let of_the_flow = [
        ("--divergence", args.divergence.is_some()),
        ("--probes", args.probes.is_some()),
        ("--projection", args.projection.is_some()),
        ("--tolerance", args.tolerance.is_some()),
        ("--sigma-max", args.sigma_max.is_some()),
    ];
    if let Some((flag, _)) = of_the_flow.iter().find(|(_, given)| *given) {
        let got = format!("{}, whose log p is known as it is written", args.target);
        return Err(Error::setting(*flag, "a target whose log p the probability flow finds", got));
    }
    let Some(density) = target.exact(0.0).filter(|_| target.constant() == Constant::Known) else {
        let expected = "a density that integrates to 1: this one's log p lacks a constant that nobody knows";
        return Err(Error::setting("RUN", expected, &args.target).with_hint(
            "if its file gives all of log p, let it say normalised = true; score --energy gives log p up to the constant",
        ));
    };
    let (sink, data) = ready(args, target, session)?;
    let x = points::to_target(target, &data.values);
    let (mut log_prob, mut score) = (vec![0.0; data.n], vec![0.0; x.len()]);
    density.log_prob_rows(&x, 0.0, &mut log_prob, &mut score);
    if let Some(sink) = &sink {
        write((args, target, session), sink, &data, &log_prob, None)?;
    }
    let good: Vec<f64> = log_prob.iter().copied().filter(|log| log.is_finite()).collect();
    let outside = data.n - good.len();
    if good.is_empty() {
        let problem = format!("log p is finite at none of {} rows: the density is 0 or not defined there", data.n);
        return Err(Error::failed("likelihood", problem));
    }
    if outside > 0 {
        let of = data.n;
        session.warn(&format!("log p is not finite at {outside} of {of} rows: the density is 0 or not defined there"));
    }
    let Estimate { mean, standard_error } = Estimate::mean(&good);
    let bits = -mean / (target.event().len() as f64 * LN_2);
    let mut text = format!(
        "log p of {} points, as it is written: mean {} ± {} nats\n{} bits/dim (of the density: it may be negative)\n",
        words::count(data.n as u64),
        words::number(mean),
        words::number(standard_error),
        words::number(bits)
    );
    if let Some(out) = &args.out {
        text += &format!("written to {}\n", out.display());
    }
    Ok(Answer::new(text)
        .with("target", &args.target)
        .with("model", target.hash())
        .with("data", &args.data)
        .with("n", data.n)
        .with("failed", outside)
        .with("mean_log_prob", mean)
        .with("standard_error", standard_error)
        .with("bits_per_dim", bits)
        .with("divergence", "none")
        .with("out", &args.out))
}
