//! log p along the flow, and what is said of it.

use std::f64::consts::LN_2;
use std::time::Instant;

use scorefield::data::Origin;
use scorefield::error::{Error, Result};
use scorefield::key::{Key, Purpose};
use scorefield::likelihood::{Divergence, Flow, Likelihood as Found};
use scorefield::objective::Law;
use scorefield::oracle::Estimate;
use scorefield::recipe::Target;
use scorefield::sample::tolerance;
use scorefield::words;

use super::{Likelihood, ready, write};
use crate::output::Answer;
use crate::points;
use crate::session::Session;

/// Above this dimension the exact divergence is not the default.
const EXACT_UP_TO: usize = 128;
/// The ODE's tolerance, if not said.
const USUAL_TOLERANCE: f64 = 1e-5;

/// Measures it.
pub(super) fn run(args: &Likelihood, target: &Target, session: &Session) -> Result<Answer> {
    let divergence = divergence(args, target.event().len())?;
    let tolerance = args.tolerance.unwrap_or(USUAL_TOLERANCE);
    let flow = target.flow(args.sigma_max, tolerance::both("--tolerance", tolerance)?)?;
    let (sink, data) = ready(args, target, session)?;
    let x = points::to_target(target, &data.values);

    let began = Instant::now();
    let mut progress = session.progress();
    let mut found = flow.log_prob(&x, divergence, Key::new(session.seed(), Purpose::Projection), &mut progress)?;
    progress.clear();
    let seconds = began.elapsed().as_secs_f64();
    if let Some(map) = target.standardise() {
        // z = (x − m)/s per column, so log p(x) = log p(z) − Σ ln s.
        let volume: f64 = map.std.iter().map(|s| f64::from(*s).ln()).sum();
        found.log_prob.iter_mut().for_each(|log| *log -= volume);
    }
    let good: Vec<f64> = found.log_prob.iter().copied().filter(|log| log.is_finite()).collect();
    if good.is_empty() {
        return Err(Error::failed("likelihood", format!("the ODE came to no end for any of {} rows", data.n)));
    }
    if good.len() < data.n {
        let k = data.n - good.len();
        session.warn(&format!("the ODE came to no end for {k} of {} rows, whose log p is not a number", data.n));
    }
    let half_width: Vec<f64> = (0..data.n).map(|i| found.half_width(i)).collect();
    if let Some(sink) = &sink {
        let bars = (divergence != Divergence::Exact).then_some(half_width.as_slice());
        write((args, target, session), sink, &data, &found.log_prob, bars)?;
    }
    let origin = data.origin;
    Ok(Report {
        args,
        target,
        flow: &flow,
        tolerance,
        divergence,
        found: &found,
        half_width: &half_width,
        good: &good,
        x: &x,
        origin,
    }
    .answer(seconds))
}

fn divergence(args: &Likelihood, d: usize) -> Result<Divergence> {
    let usual = if d <= EXACT_UP_TO { "exact" } else { "hutchinson" };
    let how = args.divergence.as_deref().unwrap_or(if args.probes.is_some() { "hutchinson" } else { usual });
    let law = match args.projection.as_deref() {
        None => Law::Rademacher,
        Some(word) => Law::from_word(word)
            .ok_or_else(|| Error::setting("--projection", format!("one of {}", Law::WORDS.join(", ")), word))?,
    };
    match how {
        "hutchinson" => match args.probes.unwrap_or(10) {
            m @ 2.. => Ok(Divergence::Hutchinson(m, law)),
            m => Err(Error::setting("--probes", "at least 2: an error bar needs them", m)),
        },
        "exact" => {
            let unread = [("--probes", args.probes.is_some()), ("--projection", args.projection.is_some())];
            match unread.iter().find(|(_, given)| *given) {
                Some((flag, _)) => Err(Error::setting(*flag, "--divergence hutchinson, which reads it", "--divergence exact")),
                None => Ok(Divergence::Exact),
            }
        }
        other => Err(Error::setting("--divergence", "exact or hutchinson", other)),
    }
}

struct Report<'a> {
    args: &'a Likelihood,
    target: &'a Target,
    flow: &'a Flow<'a>,
    tolerance: f64,
    divergence: Divergence,
    found: &'a Found,
    /// Half the width of each row's error bar.
    half_width: &'a [f64],
    /// log p of the rows that have one.
    good: &'a [f64],
    /// The rows in the target's units.
    x: &'a [f64],
    origin: Origin,
}

impl Report<'_> {
    /// How many levels a value of the data has, where it has levels.
    fn levels(&self) -> Option<f64> {
        match self.origin {
            Origin::Digits => Some(17.0),
            Origin::Images => Some(256.0),
            _ => None,
        }
    }

    fn answer(&self, seconds: f64) -> Answer {
        let (args, d, n) = (self.args, self.target.event().len() as f64, self.found.log_prob.len());
        let Estimate { mean, standard_error } = Estimate::mean(self.good);
        let (black, white) = self.target.values();
        let levels = self.levels();
        // A level is (white − black)/L wide, and its probability that of its width: log₂ of it a dimension.
        let width = levels.map_or(0.0, |levels| (levels / f64::from(white - black)).log2());
        let bits = -mean / (d * LN_2) + width;
        let (low, high) = self.flow.span;
        let mut text = format!(
            "log p of {} points at σ = {}: mean {} ± {} nats\n",
            words::count(n as u64),
            words::number(low),
            words::number(mean),
            words::number(standard_error)
        );
        text += &match levels {
            Some(levels) => format!("{} bits/dim of {levels} levels, by uniform dequantisation\n", words::number(bits)),
            None => format!("{} bits/dim (of the density: it may be negative)\n", words::number(bits)),
        };
        let how = match self.divergence {
            Divergence::Exact => "exact divergence".to_owned(),
            Divergence::Hutchinson(m, law) => format!("Hutchinson's divergence along {m} {} directions a row", law.word()),
        };
        text += &format!(
            "probability flow from σ = {} to {}, tolerance {}, {how}, in {}\n",
            words::number(low),
            words::number(high),
            self.tolerance,
            words::seconds(seconds)
        );
        let squares: Vec<f64> = self.found.latents.iter().copied().filter(|z| z.is_finite()).map(|z| z * z).collect();
        let square = Estimate::mean(&squares).mean;
        text += &format!("latents have mean square {} (1 where the prior fits)\n", words::number(square));
        let mut answer = Answer::default()
            .with("target", &args.target)
            .with("model", self.target.hash())
            .with("data", &args.data)
            .with("n", n)
            .with("failed", n - self.good.len())
            .with("mean_log_prob", mean)
            .with("standard_error", standard_error)
            .with("bits_per_dim", bits)
            .with("levels", levels)
            .with("sigma_min", low)
            .with("sigma_max", high)
            .with("tolerance", self.tolerance)
            .with("divergence", if self.divergence == Divergence::Exact { "exact" } else { "hutchinson" })
            .with("latent_mean_square", square)
            .with("points_per_second", n as f64 / seconds)
            .with("out", &args.out);
        if let Divergence::Hutchinson(m, law) = self.divergence {
            let widths: Vec<f64> = self.half_width.iter().copied().filter(|w| w.is_finite()).collect();
            let bar = Estimate::mean(&widths).mean;
            text += &format!("a row's error bar of 95 % over directions is ± {} nats on average\n", words::number(bar));
            answer = answer.with("probes", m).with("projection", law.word()).with("mean_half_width", bar);
        }
        if let Some((exact, error, prior)) = self.truth() {
            text += &format!(
                "exactly {}; a row is off by {} nats on average (mean absolute error), of which the prior at σ = {} makes {}\n",
                words::number(exact),
                words::number(error),
                words::number(high),
                words::number(prior)
            );
            answer = answer.with("exact_mean_log_prob", exact).with("mean_absolute_error", error).with("prior_error", prior);
        }
        if let Some(out) = &args.out {
            text += &format!("written to {}\n", out.display());
        }
        Answer { text, ..answer }
    }

    /// Where the density is known at the flow's lower end: its mean log p, the mean absolute error, and that of the prior alone.
    fn truth(&self) -> Option<(f64, f64, f64)> {
        if self.target.standardise().is_some() {
            return None;
        }
        let density = self.target.exact(self.flow.span.0)?;
        let n = self.found.log_prob.len();
        let mut score = vec![0.0; self.x.len()];
        let (mut exact, mut far) = (vec![0.0; n], vec![0.0; n]);
        density.log_prob_rows(self.x, self.flow.span.0, &mut exact, &mut score);
        let mut ends = self.found.latents.clone();
        self.flow.prior.place(&mut ends);
        density.log_prob_rows(&ends, self.flow.span.1, &mut far, &mut score);
        let d = self.target.event().len();
        let prior: Vec<f64> =
            self.found.latents.chunks_exact(d).zip(&far).map(|(z, far)| (self.flow.prior.log_prob(z) - far).abs()).collect();
        let errors: Vec<f64> = self.found.log_prob.iter().zip(&exact).map(|(found, exact)| (found - exact).abs()).collect();
        let mean = |values: &[f64]| {
            let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
            Estimate::mean(&finite).mean
        };
        Some((mean(&exact), mean(&errors), mean(&prior)))
    }
}
