//! Progress on stderr: a bar with rate, time left and loss on a terminal, a line every half minute elsewhere; and Ctrl-C.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use scorefield::observe::{Flow, Observer, SampleStep, TrainStep};

use crate::interrupt::{self, Interrupt};
use crate::output;
use scorefield::words;

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);
/// Redraws a second.
const HERTZ: u8 = 8;

/// Shows how far the work is, and stops it when the user asks.
pub struct Progress {
    quiet: bool,
    terminal: bool,
    interrupt: Interrupt,
    said: bool,
    recipe: Vec<String>,
    stage: Option<Stage>,
    loss: Option<f64>,
}

/// One piece of work: a training run, a set of samples.
struct Stage {
    unit: &'static str,
    total: u64,
    first: u64,
    begun: Instant,
    line: Instant,
    loss: Option<f64>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins to listen for Ctrl-C; shows nothing before the first step.
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            terminal: std::io::stderr().is_terminal(),
            interrupt: interrupt::watch(),
            said: false,
            recipe: Vec::new(),
            stage: None,
            loss: None,
        }
    }

    /// Says these lines about the settings with the first step: an error before it is then all that is said.
    pub fn recipe(&mut self, lines: Vec<String>) {
        self.recipe = lines;
    }

    /// Removes the bar.
    pub fn clear(&mut self) {
        if let Some(bar) = self.stage.take().and_then(|stage| stage.bar) {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self, unit: &'static str, done: u64, total: u64) -> Flow {
        if !self.quiet {
            std::mem::take(&mut self.recipe).iter().for_each(|line| output::recipe(line));
            if self.stage.as_ref().is_none_or(|s| s.unit != unit || s.total != total) {
                self.clear();
                self.stage = Some(Stage::new(unit, done, total, self.terminal));
            }
            if let Some(stage) = &mut self.stage {
                stage.at(done, self.loss);
            }
        }
        if !self.interrupt.asked() {
            return Flow::Continue;
        }
        self.clear();
        if !self.quiet && !std::mem::replace(&mut self.said, true) {
            let _ = writeln!(std::io::stderr(), "stopping; Ctrl-C again ends at once");
        }
        Flow::Stop
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Observer for Progress {
    fn trained(&mut self, step: &TrainStep) -> Flow {
        if step.loss.is_some() {
            self.loss = step.loss;
        }
        self.show("steps", step.step, step.steps)
    }

    fn measured(&mut self, done: usize, of: usize) -> Flow {
        self.loss = None;
        self.show("measurements", done as u64, of as u64)
    }

    fn sampled(&mut self, step: &SampleStep<'_>) -> Flow {
        self.loss = None;
        self.show("samples", step.done, step.n as u64)
    }
}

impl Stage {
    fn new(unit: &'static str, first: u64, total: u64, terminal: bool) -> Self {
        let bar = terminal.then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(HERTZ));
            let template = format!("{{wide_bar}} {{human_pos}}/{{human_len}} {unit}, {{rate}}/s, {{eta}} left{{msg}}");
            if let Ok(style) = ProgressStyle::with_template(&template) {
                let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    // It writes into a string, which cannot fail.
                    let _ = out.write_str(&words::rate(state.per_sec()));
                };
                bar.set_style(style.with_key("rate", rate).progress_chars("━╸─"));
            }
            bar.set_position(first);
            bar.reset_eta();
            bar
        });
        Self { unit, total, first, begun: Instant::now(), line: Instant::now(), loss: None, bar }
    }

    fn at(&mut self, done: u64, loss: Option<f64>) {
        let words = |loss: Option<f64>| loss.map_or(String::new(), |loss| format!(", loss {}", words::number(loss)));
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            if loss != self.loss {
                self.loss = loss;
                bar.set_message(words(loss));
            }
            return;
        }
        if self.line.elapsed() < LINE_EVERY {
            return;
        }
        self.line = Instant::now();
        let rate = (done - self.first.min(done)) as f64 / self.begun.elapsed().as_secs_f64();
        let left = if rate > 0.0 { words::seconds((self.total - done.min(self.total)) as f64 / rate) } else { "?".to_owned() };
        let (done, total, rate) = (words::count(done), words::count(self.total), words::rate(rate));
        let _ = writeln!(std::io::stderr(), "{done}/{total} {}, {rate}/s, {left} left{}", self.unit, words(loss));
    }
}
