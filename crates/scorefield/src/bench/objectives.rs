//! Every objective over the grid: what a step costs, and how noisy the gradient is that it buys.
//!
//! The weights stand still (the learning rate is 0), so that all repetitions look at the same network. Two kinds of noise are kept
//! apart: that of directions and added noise alone, at one batch of points, which is what a choice of objective or of M changes; and that of
//! whole batches, points included, which is what training sees.

use super::cell::{Cell, DEPTH, Extent, ROWS, WIDTH, cells};
use super::correlated::Correlated;
use super::slopes::Slopes;
use super::spread::{GradientSpread, of_losses, variance_given_point};
use super::subject::{Subject, steady};
use crate::error::{Error, Result};
use crate::key::{Key, Purpose};
use crate::levels::Regime;
use crate::model::{Conditioning, Precondition};
use crate::noise::{Gaussian, SCHEDULES, ScheduleSettings};
use crate::objective::{Batch, Law, OBJECTIVES, Objective, ObjectiveSettings, Projection, Variate};
use crate::observe::{Flow, Observer};
use crate::registry::lookup;
use crate::score::Score;
use crate::tensor::{Device, Tensor, repeated};
use crate::train::{Slope, TrainState};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What to measure, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How much of the grid.
    pub extent: Extent,
    /// Seconds a cell, about; what must be repeated a few times takes longer.
    pub seconds: f64,
    /// Of all random numbers.
    pub seed: u64,
}

/// One cell, measured or left out.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Row {
    /// The objective's name.
    pub objective: &'static str,
    /// Dimension.
    pub d: usize,
    /// M, where directions are drawn.
    pub projections: Option<usize>,
    /// Noise level; 0: none.
    pub sigma: f64,
    /// `on` or `off`, where there is one.
    pub control_variate: Option<&'static str>,
    /// Rows of a batch.
    pub batch: usize,
    /// Operations of a step's matrix products.
    pub flops: f64,
    /// Median seconds of a training step.
    pub seconds_per_step: Option<f64>,
    /// That over the n·d numbers of a batch.
    pub seconds_per_element: Option<f64>,
    /// Steps that were timed.
    pub steps: usize,
    /// Mean loss over batches.
    pub loss_mean: Option<f64>,
    /// Variance of a row's loss from directions and added noise alone, averaged over the rows.
    pub loss_variance_given_point: Option<f64>,
    /// Variance of a row's loss, points included.
    pub loss_variance: Option<f64>,
    /// tr Cov of the gradient over its squared mean, from directions and added noise alone, at one batch.
    pub gradient_noise: Option<f64>,
    /// The same from batch to batch, points included.
    pub gradient_noise_of_batches: Option<f64>,
    /// Batches from which that is known.
    pub repetitions: usize,
    /// Why it was left out.
    pub skipped: Option<String>,
}

/// The grid, measured.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Measured {
    /// Cell by cell.
    pub rows: Vec<Row>,
    /// What follows for large d.
    pub slopes: Slopes,
}

/// Repetitions of whole batches and of directions alone, at most and at least.
const REPETITIONS: usize = 32;
const REPETITIONS_LEAST: usize = 6;
/// Timed steps, at least.
const STEPS_LEAST: usize = 3;
/// A cell that would take longer than this many times its share is left out.
const PATIENCE: f64 = 40.0;
/// Before anything is known of an objective's speed: operations a second.
const GUESS: f64 = 1e10;
/// The half-life of the average that is kept, as training has it by default.
const AVERAGE: f64 = 500.0;
/// The finite difference's h, in standard deviations, as training has it by default.
const FD_STEP: f64 = 0.03;

/// Measures the grid.
///
/// # Errors
/// A loss that is not finite, or the observer's stop.
pub fn objectives(plan: &Plan, device: &Device, observer: &mut dyn Observer) -> Result<Measured> {
    let points: Vec<(usize, Correlated)> =
        plan.extent.dimensions().iter().map(|&d| Ok((d, Correlated::new(d, plan.seed)?))).collect::<Result<_>>()?;
    let cells = cells(plan.extent);
    let mut rows: Vec<Row> = Vec::with_capacity(cells.len());
    for (i, cell) in cells.iter().enumerate() {
        let expected = expected(cell, &rows);
        let total = expected * (1 + STEPS_LEAST + 2 + REPETITIONS_LEAST) as f64;
        let row = if total > PATIENCE * plan.seconds {
            let reason = format!("a step would take {expected:.1} s, all that is measured {total:.0} s");
            Row { skipped: Some(reason), ..Row::of(cell) }
        } else {
            let (_, points) = points.iter().find(|(d, _)| *d == cell.d).expect("points of every dimension");
            Bench::new(cell, points, plan, device)?.row()?
        };
        rows.push(row);
        if observer.measured(i + 1, cells.len()) == Flow::Stop && i + 1 < cells.len() {
            return Err(Error::Interrupted { saved: "nothing was to be saved".to_owned() });
        }
    }
    let slopes = Slopes::of(&rows);
    Ok(Measured { rows, slopes })
}

/// Median seconds of a training step of an objective, by its registry name, in `d` dimensions, with the grid's network, batch and points;
/// `seconds` is about what is spent on it.
///
/// # Errors
/// A name that is no objective's, or a loss that is not finite.
pub fn step_seconds(objective: &str, d: usize, seconds: f64, seed: u64, device: &Device) -> Result<f64> {
    let cell = Cell::usual(lookup(OBJECTIVES, "objective", objective)?, d);
    let (points, plan) = (Correlated::new(d, seed)?, Plan { extent: Extent::Quick, seconds: 2.0 * seconds, seed });
    let times = Bench::new(&cell, &points, &plan, device)?.times()?;
    Ok(times[times.len() / 2])
}

/// A step's seconds, by the operations of the same objective's largest cell so far.
fn expected(cell: &Cell, rows: &[Row]) -> f64 {
    let before = rows.iter().rfind(|r| r.objective == cell.entry.name && r.seconds_per_step.is_some());
    let rate = before.and_then(|r| Some(r.flops / r.seconds_per_step?)).unwrap_or(GUESS);
    cell.flops() / rate
}

impl Row {
    fn of(cell: &Cell) -> Self {
        Self {
            objective: cell.entry.name,
            d: cell.d,
            projections: cell.directions,
            sigma: cell.sigma,
            control_variate: cell.variate.map(|v| if v == Variate::On { "on" } else { "off" }),
            batch: ROWS,
            flops: cell.flops(),
            ..Self::default()
        }
    }
}

/// One cell, ready to be measured.
struct Bench<'a> {
    cell: &'a Cell,
    points: &'a Correlated,
    plan: &'a Plan,
    objective: Box<dyn Objective>,
    state: TrainState,
    weight: f32,
    device: Device,
}

impl<'a> Bench<'a> {
    fn new(cell: &'a Cell, points: &'a Correlated, plan: &'a Plan, device: &Device) -> Result<Self> {
        let (mean, variance) = points.density.moments();
        let sigma_data = variance.sqrt();
        let regime = if cell.sigma > 0.0 { Regime::Noisy } else { Regime::Clean };
        let mean = mean.iter().map(|m| *m as f32).collect();
        let precondition = Precondition { mean, sigma_data: sigma_data as f32, regime, conditioning: Conditioning::Relative };
        let subject = Subject { net: "plain-mlp", width: WIDTH, depth: DEPTH, precondition, seed: plan.seed };
        let settings = ObjectiveSettings {
            projection: Projection { law: Law::Rademacher, count: cell.directions.unwrap_or(1) },
            step: FD_STEP * sigma_data,
            variate: cell.variate.unwrap_or(Variate::Off),
            exact: Some(points.density.clone() as Arc<dyn Score>),
        };
        let mut single = ScheduleSettings { sigma: Some(cell.sigma), ..ScheduleSettings::default() };
        let schedule = (lookup(SCHEDULES, "schedule", "single")?.value)(&mut single, sigma_data)?;
        Ok(Self {
            cell,
            points,
            plan,
            objective: (cell.entry.value.build)(&settings)?,
            state: TrainState::new(subject.model(device)?, &[AVERAGE]),
            weight: schedule.weight(cell.sigma) as f32,
            device: device.clone().autodiff(),
        })
    }

    fn batch(&self, index: usize) -> Batch {
        let level = |value: f32| -> Tensor<1> { repeated(value, ROWS, &self.device) };
        Batch {
            clean: self.points.batch(index, &self.device),
            sigma: level(self.cell.sigma as f32),
            weight: level(self.weight),
            regime: if self.cell.sigma > 0.0 { Regime::Noisy } else { Regime::Clean },
            noise: Arc::new(Gaussian),
        }
    }

    fn key(&self, step: usize) -> Key {
        Key::new(self.plan.seed, Purpose::Noise).at(step as u32)
    }

    fn row(mut self) -> Result<Row> {
        let times = self.times()?;
        let median = times[times.len() / 2];
        let at_one_batch = self.repeat(|_| 0);
        let batches = self.repeat(|r| r);
        let (loss_mean, loss_variance) = of_losses(&batches);
        Ok(Row {
            seconds_per_step: Some(median),
            seconds_per_element: Some(median / (ROWS * self.cell.d) as f64),
            steps: times.len(),
            loss_mean: Some(loss_mean),
            loss_variance_given_point: Some(variance_given_point(&at_one_batch)),
            loss_variance: Some(loss_variance),
            gradient_noise: GradientSpread::of(&at_one_batch).noise(),
            gradient_noise_of_batches: GradientSpread::of(&batches).noise(),
            repetitions: batches.len(),
            ..Row::of(self.cell)
        })
    }

    /// Seconds of single steps, ascending.
    fn times(&mut self) -> Result<Vec<f64>> {
        let (batch, config) = (self.batch(0), steady(0.0, 1.0, &[AVERAGE]));
        let share = Duration::from_secs_f64(self.plan.seconds / 2.0);
        let (mut times, mut begun) = (Vec::new(), Instant::now());
        // The first step pays for what later ones find made.
        for i in 0.. {
            if i == 1 {
                begun = Instant::now();
            }
            if i > STEPS_LEAST && begun.elapsed() > share {
                break;
            }
            let (key, start) = (self.key(i), Instant::now());
            let step = self.state.step(&*self.objective, &batch, key, &config);
            if !step.grad_norm.is_finite() {
                let what = format!("{} in {} dimensions", self.cell.entry.name, self.cell.d);
                return Err(Error::failed(what, "the loss is not finite"));
            }
            if i > 0 {
                times.push(start.elapsed().as_secs_f64());
            }
        }
        times.sort_by(f64::total_cmp);
        Ok(times)
    }

    /// Loss and gradient again and again, each with other random numbers, on the batches that `index` names. Where nothing is random, one is all.
    fn repeat(&self, index: impl Fn(usize) -> usize) -> Vec<Slope> {
        let (share, begun) = (Duration::from_secs_f64(self.plan.seconds / 4.0), Instant::now());
        let mut slopes: Vec<Slope> = Vec::new();
        for r in 0..REPETITIONS {
            if r >= REPETITIONS_LEAST && begun.elapsed() > share {
                break;
            }
            let slope = self.state.slope(&*self.objective, &self.batch(index(r)), self.key(1 << 20 | r));
            if r == 1 && slope.losses == slopes[0].losses {
                break;
            }
            slopes.push(slope);
        }
        slopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(objective: &'static str, d: usize, seconds: f64) -> Row {
        Row {
            objective,
            d,
            projections: (objective != "implicit").then_some(1),
            flops: 1e9,
            seconds_per_step: Some(seconds),
            seconds_per_element: Some(seconds / (ROWS * d) as f64),
            ..Row::default()
        }
    }

    #[test]
    fn what_is_expected_follows_the_objectives_own_speed() {
        let cells = cells(Extent::Whole);
        let cell = cells.iter().find(|c| c.entry.name == "implicit" && c.d == 512).unwrap();
        assert_eq!(expected(cell, &[]), cell.flops() / GUESS);
        assert!((expected(cell, &[row("implicit", 128, 2.0), row("sliced", 512, 9.0)]) - cell.flops() / 5e8).abs() < 1e-6);
    }

    #[test]
    fn a_cell_that_would_take_too_long_is_left_out_with_a_reason() {
        let plan = Plan { extent: Extent::Quick, seconds: 1e-9, seed: 0 };
        let measured = objectives(&plan, &Device::flex(), &mut ()).unwrap();
        assert!(
            measured
                .rows
                .iter()
                .all(|r| r.skipped.as_ref().unwrap().contains("a step would take") && r.seconds_per_step.is_none())
        );
    }

    #[test]
    fn unbiased_objectives_agree_and_only_the_random_ones_vary_at_one_batch() {
        let device = Device::flex();
        let points = Correlated::new(2, 1).unwrap();
        let plan = Plan { extent: Extent::Quick, seconds: 1e-3, seed: 1 };
        let mut means = Vec::new();
        for entry in OBJECTIVES.iter().filter(|e| e.name != "denoising" && e.name != "explicit") {
            let directions = (entry.name != "implicit").then_some(1);
            let cell = Cell { entry, d: 2, directions, sigma: 0.0, variate: None };
            let bench = Bench::new(&cell, &points, &plan, &device).unwrap();
            let one: Vec<Slope> = (0..32).map(|r| bench.state.slope(&*bench.objective, &bench.batch(0), bench.key(r))).collect();
            let (mean, noise) = (of_losses(&one).0, GradientSpread::of(&one).noise().unwrap());
            assert_eq!(noise < 1e-9, entry.name == "implicit", "{}: {noise}", entry.name);
            let error = (variance_given_point(&one) / (32 * ROWS) as f64).sqrt();
            means.push((entry.name, mean, error));
        }
        let exact = means.iter().find(|m| m.0 == "implicit").unwrap().1;
        for (name, mean, error) in &means {
            assert!((mean - exact).abs() < 4.0 * error + 1e-3, "{name}: {mean} ± {error} against {exact}");
        }
    }

    #[test]
    fn a_measured_row_has_everything() {
        let points = Correlated::new(2, 0).unwrap();
        let plan = Plan { extent: Extent::Quick, seconds: 1e-3, seed: 0 };
        let all = cells(Extent::Quick);
        let cell = all.iter().find(|c| c.entry.name == "denoising").unwrap();
        let row = Bench::new(cell, &points, &plan, &Device::flex()).unwrap().row().unwrap();
        assert!(row.seconds_per_step.is_some() && row.gradient_noise.is_some() && row.gradient_noise_of_batches.is_some());
        assert!(row.steps >= STEPS_LEAST && row.repetitions >= REPETITIONS_LEAST && row.skipped.is_none());
        assert_eq!((row.sigma, row.control_variate, row.projections), (0.05, Some("off"), None));
    }
}
