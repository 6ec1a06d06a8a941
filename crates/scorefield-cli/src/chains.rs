//! What is said of the Markov chains that made a set: whether they have mixed, what they are worth, and pictures of them.

use std::path::{Path, PathBuf};

use scorefield::data::write::write_array;
use scorefield::density::Mixture;
use scorefield::diagnostic::chains::{Draws, MIXED, Share, Stein, Summary, mode_shares, ranks, summary};
use scorefield::error::{Error, Result};
use scorefield::plot::{Curve, Picture, Ranks, Series, Traces, curve, rank_plot, stack, traces};
use scorefield::words;
use serde_json::json;

use crate::output::Answer;
use crate::statistics::MANY;

/// What a coordinate's row says.
pub const COLUMNS: [&str; 8] = ["along the chains", "mean", "± MCSE", "sd", "± MCSE", "R̂", "ESS bulk", "tails"];
/// Coordinates that are drawn; with more, the ones that have mixed worst.
const PICTURES: usize = 4;
/// R̂ above which chains are far from having mixed.
const FAR: f64 = 1.05;
/// Lags of an autocorrelation plot at most.
const LAGS: usize = 100;

/// The chains of a set, as far as they were kept.
pub struct Chains {
    draws: Draws,
    /// Steps between two draws, and the step of the first.
    steps: (usize, usize),
    /// Chains in all.
    n: usize,
    /// How long they took, where that is known.
    seconds: Option<f64>,
    diverged: usize,
    summary: Summary,
    modes: Vec<Share>,
    /// How far the draws are from what has the target's score.
    stein: Option<Stein>,
}

impl Chains {
    /// Measures the draws that were kept of `n` chains, in data units; `mixture` is what they should follow, and σ its noise level.
    ///
    /// # Errors
    /// None of the chains is finite.
    pub fn new(
        draws: Draws,
        steps: (usize, usize),
        n: usize,
        seconds: Option<f64>,
        mixture: Option<(&Mixture, f64)>,
    ) -> Result<Self> {
        let (draws, diverged) = draws.finite()?;
        let modes = match mixture {
            Some((mixture, sigma)) if mixture.weights().len() > 1 => {
                let points: Vec<f32> = draws.values.iter().map(|v| *v as f32).collect();
                mode_shares(&mixture.assign(&points, sigma), draws.chains, draws.draws, mixture.weights().len())?
            }
            _ => Vec::new(),
        };
        let summary = summary(&draws);
        Ok(Self { draws, steps, n, seconds, diverged, summary, modes, stein: None })
    }

    /// With the draws' kernel Stein discrepancy, which is taken where the score is known.
    pub fn with_stein(self, stein: Option<Stein>) -> Self {
        Self { stein, ..self }
    }

    /// Effective draws that all chains together make in a second: those of the worst coordinate, and of the chains that were looked at so
    /// many times as there are chains.
    fn ess_per_second(&self) -> Option<f64> {
        let of_all = self.n as f64 / self.draws.chains as f64;
        self.summary.least_bulk().zip(self.seconds).map(|(ess, seconds)| ess * of_all / seconds)
    }

    /// The coordinate of the greatest R̂, and that.
    fn worst(&self) -> Option<(usize, f64)> {
        let known = self.summary.rhat.iter().copied().enumerate().filter(|(_, r)| !r.is_nan());
        known.max_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The coordinates whose R̂ is not defined although there are chains to compare: those that never move.
    pub fn still(&self) -> Vec<usize> {
        if self.draws.chains < 2 { Vec::new() } else { (0..self.draws.d).filter(|j| self.summary.rhat[*j].is_nan()).collect() }
    }

    /// Chains that are not finite, and were left out.
    pub fn diverged(&self) -> usize {
        self.diverged
    }

    /// Whether R̂ of every coordinate of all chains says so; unknown where it is not defined, or of a chain that is not finite.
    fn mixed(&self) -> Option<bool> {
        let worst = self.summary.worst_rhat()?;
        let all = self.still().is_empty() && self.diverged == 0;
        (worst > MIXED || all).then_some(worst <= MIXED)
    }

    /// In words, if the chains have not mixed; `far` and `near` say what helps where they are far from it, and where they nearly have.
    pub fn warning(&self, name: &dyn Fn(usize) -> String, [far, near]: [&str; 2]) -> Option<String> {
        let (j, rhat) = self.worst().filter(|(_, rhat)| *rhat > MIXED)?;
        let (rhat_said, j) = (rhat_text(rhat), name(j));
        Some(if rhat > FAR {
            format!(
                "the chains have not mixed: R̂ = {rhat_said} in {j} (above {MIXED}); they remember where they began, and what is counted \
                 from them is not what the density says. {far}"
            )
        } else {
            format!("the chains have not quite mixed: R̂ = {rhat_said} in {j} (above {MIXED}); {near}")
        })
    }

    /// A line for each coordinate, or one for all if they are many.
    fn table(&self, name: &dyn Fn(usize) -> String) -> String {
        let s = &self.summary;
        if self.draws.d > MANY {
            let share = s.mcse_mean.iter().zip(&s.sd).map(|(error, sd)| error / sd).filter(|v| v.is_finite()).fold(0.0, f64::max);
            return format!("means along the chains: within {} standard deviations (MCSE), at worst\n", words::number(share));
        }
        let head = COLUMNS.map(str::to_owned).to_vec();
        words::table(&std::iter::once(head).chain((0..self.draws.d).map(|j| self.row(j, name))).collect::<Vec<_>>())
    }

    /// What is said of coordinate j under [`COLUMNS`].
    pub fn row(&self, j: usize, name: &dyn Fn(usize) -> String) -> Vec<String> {
        let s = &self.summary;
        let [mean, error, sd, sd_error] = [s.mean[j], s.mcse_mean[j], s.sd[j], s.mcse_sd[j]].map(number_text);
        let [bulk, tail] = [s.ess_bulk[j], s.ess_tail[j]].map(number_text);
        vec![name(j), mean, error, sd, sd_error, rhat_text(s.rhat[j]), bulk, tail]
    }

    /// How many chains, and the worst of their figures.
    pub fn overview(&self) -> String {
        let Draws { chains, draws, .. } = self.draws;
        let number = |x: Option<f64>| x.map_or("not defined".to_owned(), words::number);
        let every = if self.steps.0 > 1 { format!(", every {}th step", self.steps.0) } else { String::new() };
        let mut text = format!("chains: {chains} looked at, {draws} draws each{every}\n");
        let undefined = if chains < 2 { "not defined for one chain" } else { "not defined: the draws do not move" };
        let rhat = self.worst().map_or(undefined.to_owned(), |(_, r)| rhat_text(r));
        let rate =
            self.seconds.map_or(String::new(), |_| format!(", {} a second from all chains", number(self.ess_per_second())));
        text += &format!(
            "worst R̂ {rhat}, effective draws {} (bulk), {} (tails){rate}\n",
            number(self.summary.least_bulk()),
            number(self.summary.least_tail())
        );
        if self.diverged > 0 {
            let are = if self.diverged == 1 { "chain is" } else { "chains are" };
            text += &format!("{} {are} not finite, and left out of these figures\n", self.diverged);
        }
        text
    }

    /// Lines for a reader.
    pub fn text(&self, name: &dyn Fn(usize) -> String) -> String {
        let mut text = self.overview() + &self.table(name);
        if let Some(Stein { ksd, of_independent, n, .. }) = self.stein {
            text += &format!(
                "kernel Stein discrepancy of {} of the draws {}; of as many independent draws about {}\n",
                words::count(n as u64),
                words::number(ksd),
                words::number(of_independent)
            );
        }
        for (k, share) in self.modes.iter().enumerate() {
            let (low, high) = share.interval;
            text += &format!("mode {k} along the chains: {:.3}, 95 % interval {low:.3} to {high:.3}\n", share.weight);
        }
        text
    }

    /// Fields for a program.
    pub fn fields(&self, answer: Answer) -> Answer {
        let Draws { chains, draws, d, .. } = self.draws;
        let answer = answer
            .with("rhat", self.summary.worst_rhat())
            .with("ess_bulk", self.summary.least_bulk())
            .with("ess_tail", self.summary.least_tail())
            .with("ess_per_second", self.ess_per_second())
            .with("mixed", self.mixed())
            .with("diverged_chains", self.diverged)
            .with("chains", json!({"looked_at": chains, "draws": draws, "every": self.steps.0, "first_step": self.steps.1}));
        let answer = if self.modes.is_empty() { answer } else { answer.with("mode_weights_of_chains", &self.modes) };
        let answer = if let Some(stein) = self.stein { answer.with("stein", stein) } else { answer };
        if d <= MANY { answer.with("coordinates", &self.summary) } else { answer }
    }

    /// Writes the draws, `[chains, draws, d]`.
    ///
    /// # Errors
    /// A disk that is full.
    pub fn write(&self, path: &Path) -> Result<()> {
        let Draws { values, chains, draws, d } = &self.draws;
        let single: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        write_array(path, &single, &[*chains, *draws, *d], None)
    }

    /// The statistics of every coordinate, the draws behind them, and their own shape.
    pub fn summary(&self) -> (&Summary, &Draws) {
        (&self.summary, &self.draws)
    }

    /// Draws traces, ranks and autocorrelations of a few coordinates into a folder, which is made if it is not there.
    ///
    /// # Errors
    /// A place that cannot be written.
    pub fn pictures(&self, folder: &Path, name: &dyn Fn(usize) -> String) -> Result<Vec<PathBuf>> {
        std::fs::create_dir_all(folder).map_err(|e| Error::write(folder, e))?;
        let mut written = Vec::new();
        for (file, picture) in self.drawn(name)? {
            let path = folder.join(file);
            picture.save(&path, &[("scorefield", env!("CARGO_PKG_VERSION"))])?;
            written.push(path);
        }
        Ok(written)
    }

    /// Traces, ranks and autocorrelations of a few coordinates, each with the name of its file.
    ///
    /// # Errors
    /// None that draws which were measured have.
    pub fn drawn(&self, name: &dyn Fn(usize) -> String) -> Result<Vec<(&'static str, Picture)>> {
        let mut order: Vec<usize> = (0..self.draws.d).collect();
        if order.len() > PICTURES {
            let rhat = |j: &usize| if self.summary.rhat[*j].is_nan() { 0.0 } else { self.summary.rhat[*j] };
            order.sort_by(|a, b| rhat(b).total_cmp(&rhat(a)));
            order.truncate(PICTURES);
        }
        let draws = self.draws.draws;
        let (mut lines, mut bars, mut curves) = (Vec::new(), Vec::new(), Vec::new());
        let mut correlations = Vec::new();
        for j in order {
            let v = self.draws.variable(j);
            let title =
                format!("{}: R̂ {}, ESS {}", name(j), rhat_text(self.summary.rhat[j]), words::number(self.summary.ess_bulk[j]));
            lines.push(traces(&Traces {
                title: &title,
                caption: "",
                values: v.values(),
                draws,
                steps: self.steps,
                y_label: &name(j),
            })?);
            let caption = "Share of each chain's draws by rank. Band: 95 % of independent draws.";
            bars.push(rank_plot(&Ranks { title: &title, caption, ranks: &ranks(&v), draws })?);
            let along = v.autocorrelation(LAGS.min(draws / 2));
            let at = |(t, r): (usize, f64)| ((t * self.steps.0) as f64, r);
            correlations.push((name(j), along.into_iter().enumerate().map(at).collect::<Vec<_>>()));
        }
        let series: Vec<Series<'_>> = correlations.iter().map(|(name, points)| Series { name, points }).collect();
        let caption = "Mean over the chains.";
        let plot = Curve { title: "Autocorrelation", caption, series: &series, x_label: "lag, steps", y_label: "correlation" };
        curves.push(curve(&plot)?);
        let files = [("trace.png", lines), ("ranks.png", bars), ("autocorrelation.png", curves)];
        files.into_iter().map(|(file, panels)| Ok((file, stack(&panels)?))).collect()
    }
}

fn number_text(x: f64) -> String {
    if x.is_nan() { "–".to_owned() } else { words::number(x) }
}

/// R̂ is looked at to the third decimal.
fn rhat_text(rhat: f64) -> String {
    match rhat {
        _ if rhat.is_nan() => "–".to_owned(),
        _ if rhat < 1e3 => format!("{rhat:.3}"),
        _ => words::number(rhat),
    }
}
