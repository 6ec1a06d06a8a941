//! A set of samples that has been drawn: its file or picture, and what is said of it.

use scorefield::data::write::ArrayWriter;
use scorefield::error::{Error, Result};
use scorefield::plot::Cloud;
use scorefield::recipe::Target;
use scorefield::sample::{Ready, StepSizes, Totals};
use scorefield::words;

use super::Sample;
use crate::guide::{Field, Guide};
use crate::output::Answer;
use crate::record::{Record, by_reference};
use crate::session::Session;
use crate::sink::{Show, Sink};
use crate::statistics::{MANY, ModeWeights, Moments};

/// A set of samples, with how it was made.
pub(super) struct Set<'a> {
    pub(super) args: &'a Sample,
    pub(super) target: &'a Target,
    pub(super) field: &'a Field<'a>,
    pub(super) guide: Option<&'a Guide>,
    pub(super) sampler: &'static str,
    pub(super) ready: &'a Ready,
    pub(super) totals: Totals,
    pub(super) seconds: f64,
    /// The step that was asked for.
    pub(super) epsilon: Option<f64>,
}

impl Set<'_> {
    /// The picture of the points.
    pub(super) fn draw(&self, sink: &Sink, points: &[f32], session: &Session) -> Result<()> {
        let (args, target, sigma) = (self.args, self.target, self.totals.sigma);
        let density = self.field.exact(target, sigma);
        let record = self.record(session).done();
        let guidance = self.guide.map_or(String::new(), |guide| format!(", guidance {}", guide.weight));
        let title = format!("{} samples of {}, by {}{guidance}", words::count(self.totals.rows), args.target, self.sampler);
        sink.write(&Show {
            event: &target.event(),
            clouds: &[Cloud { name: "", points }],
            columns: target.columns(),
            exact: density.as_deref().map(|density| (density, sigma)),
            values: target.values(),
            title: &title,
            across: None,
            metadata: &by_reference(&record),
        })
    }

    /// Completes the file of numbers.
    pub(super) fn finish(&self, mut writer: ArrayWriter, session: &Session) -> Result<()> {
        if self.totals.rows < self.args.n as u64 {
            writer.cut()?;
        }
        writer.finish_recorded(&by_reference(&self.record(session).done()))
    }

    pub(super) fn interrupted(&self) -> Error {
        let (rows, n) = (self.totals.rows, self.args.n as u64);
        let (done, all) = (words::count(rows), words::count(n));
        let saved = match &self.args.out {
            Some(out) => format!(
                "{done} of {all} samples are in {}; the others: --from {} -n {} into another file",
                out.display(),
                self.args.from + rows,
                n - rows
            ),
            None => format!("{done} of {all} samples were drawn, and there was no file to write them to"),
        };
        Error::Interrupted { saved }
    }

    fn record(&self, session: &Session) -> Record {
        let args = self.args;
        let record = Record::new("sample", &args.target, self.target, "--out", session);
        let record = record.with("sampler", self.sampler).with("settings", &self.ready.settings).with("start", &args.start);
        let record = record.with("from", args.from).with("n", self.totals.rows).flag("--sampler", self.sampler);
        let record = match self.guide {
            Some(guide) => record.with("guide", guide.target.hash()).with("guidance", guide.weight),
            None => record,
        };
        // It may have come from the environment.
        let record = match self.epsilon {
            Some(epsilon) => record.flag("--epsilon", epsilon),
            None => record,
        };
        record.flag("--from", args.from).flag("--number", self.totals.rows)
    }

    /// Acceptance, step sizes and exchanges, where the sampler has them.
    fn moves(&self) -> String {
        let mut text = String::new();
        if let Some(acceptance) = self.totals.acceptance {
            text += &format!("acceptance {acceptance:.3}");
            if let Some(StepSizes { least, mean, greatest }) = self.totals.step_sizes {
                let [least, mean, greatest] = [least, mean, greatest].map(words::number);
                text += &format!(", ε {mean} ({least} to {greatest} among the chains)");
            }
            text.push('\n');
        }
        if !self.totals.exchange_rates.is_empty() {
            let rates: Vec<String> = self.totals.exchange_rates.iter().map(|r| format!("{r:.2}")).collect();
            text += &format!("exchanges between neighbouring levels: {}\n", rates.join(", "));
        }
        text
    }

    pub(super) fn answer(&self, moments: &Moments, modes: Option<ModeWeights>, diverged: u64, first_diverged: &[u64]) -> Answer {
        let (n, d) = (self.totals.rows, self.target.event().len());
        let rate = n as f64 / self.seconds;
        // A guide is asked wherever the model is; a density is no network.
        let guide_is_asked = matches!(self.field, Field::Guided(_));
        let two = guide_is_asked && self.guide.is_some_and(|guide| matches!(guide.target, Target::Trained(_)));
        let evaluations = self.totals.evaluations * if two { 2 } else { 1 };
        let mut text = format!(
            "{} samples by {} in {} ({}/s, {evaluations} network evaluations each)\n{}: {}\n",
            words::count(n),
            self.sampler,
            words::seconds(self.seconds),
            words::rate(rate),
            self.sampler,
            self.ready.settings
        );
        if let Some(guide) = self.guide {
            let how = if guide.weight > 1.0 { ": sharper than the model, and less varied" } else { "" };
            text += &format!("led away from the guide with weight {}{how}\n", guide.weight);
        }
        text += &self.moves();
        text += &moments.text(self.target);
        let mut answer = Answer::default()
            .with("target", &self.args.target)
            .with("model", self.target.hash())
            .with("n", n)
            .with("from", self.args.from)
            .with("shape", self.target.event().dims())
            .with("sampler", self.sampler)
            .with("settings", &self.ready.settings)
            .with("network_evaluations", evaluations)
            .with("samples_per_second", rate)
            .with("diverged", diverged)
            .with("diverged_rows", first_diverged)
            .with("out", &self.args.out);
        if let Some(guide) = self.guide {
            answer = answer.with("guide", guide.target.hash()).with("guidance", guide.weight);
        }
        if let Some(acceptance) = self.totals.acceptance {
            answer = answer.with("acceptance", acceptance).with("step_sizes", self.totals.step_sizes);
        }
        if !self.totals.exchange_rates.is_empty() {
            answer = answer.with("exchange_rates", &self.totals.exchange_rates);
        }
        if d <= MANY {
            answer = answer.with("mean", moments.mean()).with("std", moments.std());
        }
        if let Some(weights) = modes {
            text += &weights.text();
            answer = answer.with_all(&weights);
        }
        if let Some(out) = &self.args.out {
            text += &format!("written to {}\n", out.display());
        }
        Answer { text, ..answer }
    }
}
