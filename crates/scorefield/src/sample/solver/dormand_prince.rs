//! The adaptive pair of Dormand & Prince 1980 (RK5(4)7M), each row by its own clock.
//!
//! Seven slopes k₁ … k₇ give a step of order 5; k₇ is the first slope of the next. The difference from the embedded solution of order 4 is the
//! error e, measured as ‖e/(atol + rtol·max(|y|, |y'|))‖ in root mean square over a row; a step with error above 1 is made again with a
//! shorter h, and the next is 0.9·error^(−1/5) times as long, within 1/5 and 5 (Hairer, Nørsett & Wanner 1993, section II.4). Rows are
//! evaluated together but never share a step: what happens to a row depends on that row alone.

use crate::error::Result;

/// How exact an adaptive solution is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Of numbers near 0, in their own unit.
    pub absolute: f64,
    /// Relative to the number.
    pub relative: f64,
}

/// A slope dy/dt of some rows: their numbers `[k]`, their times `[k]` and values `[k, width]`, and where the slopes go.
pub type Slope<'f> = dyn FnMut(&[usize], &[f64], &[f64], &mut [f64]) + 'f;

/// What a solution came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Steps tried, at most: of the row that took most.
    pub steps: usize,
    /// Rows that came to no end: not finite, or too stiff. Their values are NaN.
    pub failed: usize,
}

const C: [f64; 7] = [0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0];
const A: [&[f64]; 7] = [
    &[],
    &[0.2],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
/// The weights of order 5 less those of order 4.
const E: [f64; 7] = [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339_200.0, 22.0 / 525.0, -1.0 / 40.0];

/// Steps of one row, after which it counts as failed.
const MOST_STEPS: usize = 20_000;

/// The seven slopes of some rows, `[k, width]` each.
struct Stages {
    width: usize,
    k: [Vec<f64>; 7],
    at: Vec<f64>,
    times: Vec<f64>,
}

impl Stages {
    fn new(rows: usize, width: usize) -> Self {
        Self { width, k: std::array::from_fn(|_| vec![0.0; rows * width]), at: vec![0.0; rows * width], times: vec![0.0; rows] }
    }

    /// From k₁, the other slopes of a step; leaves the new values in `at`.
    fn step(&mut self, f: &mut Slope<'_>, under: &Under) {
        let w = self.width;
        for stage in 1..7 {
            self.times.clear();
            self.times.extend(under.t.iter().zip(&under.h).map(|(t, h)| t + C[stage] * h));
            for (row, h) in under.h.iter().enumerate() {
                for j in row * w..(row + 1) * w {
                    let sum: f64 = A[stage].iter().zip(&self.k).map(|(a, k)| a * k[j]).sum();
                    self.at[j] = under.y[j] + h * sum;
                }
            }
            f(&under.rows, &self.times, &self.at, &mut self.k[stage]);
        }
    }

    /// The error of one row's step.
    fn error(&self, row: usize, h: f64, y: &[f64], tolerance: Tolerance) -> f64 {
        let w = self.width;
        let square = |j: usize| {
            let e: f64 = h * E.iter().zip(&self.k).map(|(e, k)| e * k[j]).sum::<f64>();
            let scale = tolerance.absolute + tolerance.relative * y[j].abs().max(self.at[j].abs());
            (e / scale).powi(2)
        };
        ((row * w..(row + 1) * w).map(square).sum::<f64>() / w as f64).sqrt()
    }
}

/// Rows that are under way, without gaps.
struct Under {
    width: usize,
    /// Their numbers.
    rows: Vec<usize>,
    t: Vec<f64>,
    h: Vec<f64>,
    y: Vec<f64>,
    /// Whether the last try was rejected: the step after it must not grow.
    rejected: Vec<bool>,
}

impl Under {
    fn new(y: &[f64], width: usize, from: f64) -> Self {
        let n = y.len() / width;
        Self { width, rows: (0..n).collect(), t: vec![from; n], h: vec![0.0; n], y: y.to_vec(), rejected: vec![false; n] }
    }

    /// Takes the steps whose error allows it, and chooses the next lengths.
    fn judge(&mut self, stages: &mut Stages, to: f64, tolerance: Tolerance) {
        for row in 0..self.rows.len() {
            let range = row * self.width..(row + 1) * self.width;
            let error = stages.error(row, self.h[row], &self.y, tolerance);
            let taken = error <= 1.0;
            let most = if taken && !self.rejected[row] { 5.0 } else { 1.0 };
            let growth = if error.is_finite() { (0.9 * error.powf(-0.2)).clamp(0.2, most) } else { 0.2 };
            if taken {
                self.t[row] = if self.h[row] == to - self.t[row] { to } else { self.t[row] + self.h[row] };
                self.y[range.clone()].copy_from_slice(&stages.at[range.clone()]);
                let [first, .., last] = &mut stages.k;
                first[range.clone()].copy_from_slice(&last[range]);
            }
            self.h[row] *= growth;
            self.rejected[row] = !taken;
        }
    }

    /// Writes values into `y`, and closes the gaps that rows leave which are at `to` or fail.
    fn settle(&mut self, stages: &mut Stages, to: f64, out_of_steps: bool, y: &mut [f64]) -> usize {
        let (w, mut kept, mut failed) = (self.width, 0, 0);
        for row in 0..self.rows.len() {
            let (range, place) = (row * w..(row + 1) * w, self.rows[row] * w..(self.rows[row] + 1) * w);
            let done = self.t[row] == to;
            let next = self.t[row] + self.h[row];
            let stuck = !done && (out_of_steps || next == self.t[row] || next.is_nan());
            if stuck {
                y[place].fill(f64::NAN);
                failed += 1;
            } else {
                y[place].copy_from_slice(&self.y[range.clone()]);
            }
            if done || stuck {
                continue;
            }
            (self.rows[kept], self.t[kept], self.h[kept], self.rejected[kept]) =
                (self.rows[row], self.t[row], self.h[row], self.rejected[row]);
            self.y.copy_within(range.clone(), kept * w);
            stages.k[0].copy_within(range, kept * w);
            kept += 1;
        }
        self.rows.truncate(kept);
        self.t.truncate(kept);
        self.h.truncate(kept);
        self.rejected.truncate(kept);
        self.y.truncate(kept * w);
        stages.at.truncate(kept * w);
        stages.k.iter_mut().for_each(|k| k.truncate(kept * w));
        failed
    }
}

/// A first step that changes a row by a hundredth of its size, and is no longer than the span.
fn first_step(y: &[f64], slope: &[f64], span: f64) -> f64 {
    let size = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let h = 0.01 * size(y) / size(slope);
    let least = 1e-6 * span.abs();
    span.signum() * if h.is_finite() { h.clamp(least, span.abs()) } else { least }
}

/// Carries the rows `y` `[n, width]` from time `from` to time `to` along dy/dt = f. `tell` hears after each round of steps how far the rows are
/// on average, from 0 to 1, and the values as they are; it may end it all by an error.
///
/// # Errors
/// Those of `tell`.
pub fn dormand_prince(
    f: &mut Slope<'_>,
    y: &mut [f64],
    width: usize,
    (from, to): (f64, f64),
    tolerance: Tolerance,
    tell: &mut dyn FnMut(f64, &[f64]) -> Result<()>,
) -> Result<Spent> {
    let (n, mut spent) = (y.len() / width, Spent::default());
    if from == to {
        return Ok(spent);
    }
    let mut under = Under::new(y, width, from);
    let mut stages = Stages::new(n, width);
    f(&under.rows, &under.t, &under.y, &mut stages.k[0]);
    for row in 0..n {
        let range = row * width..(row + 1) * width;
        under.h[row] = first_step(&under.y[range.clone()], &stages.k[0][range], to - from);
    }
    while !under.rows.is_empty() {
        spent.steps += 1;
        for (h, t) in under.h.iter_mut().zip(&under.t) {
            // The last step ends where it should, not beside it.
            if *h / (to - t) > 1.0 - 1e-12 {
                *h = to - t;
            }
        }
        stages.step(f, &under);
        under.judge(&mut stages, to, tolerance);
        spent.failed += under.settle(&mut stages, to, spent.steps >= MOST_STEPS, y);
        let way: f64 = under.t.iter().map(|t| (t - from) / (to - from)).sum();
        tell(((n - under.rows.len()) as f64 + way) / n.max(1) as f64, y)?;
    }
    Ok(spent)
}

/// As [`dormand_prince`], by `steps` steps of equal length, whatever their error.
pub fn equal_steps(f: &mut Slope<'_>, y: &mut [f64], width: usize, (from, to): (f64, f64), steps: usize) {
    let mut under = Under::new(y, width, from);
    let mut stages = Stages::new(under.rows.len(), width);
    for step in 0..steps {
        under.t.fill(from + (to - from) * step as f64 / steps as f64);
        under.h.fill((to - from) / steps as f64);
        f(&under.rows, &under.t, &under.y, &mut stages.k[0]);
        stages.step(f, &under);
        under.y.copy_from_slice(&stages.at);
    }
    y.copy_from_slice(&under.y);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solve(f: &mut Slope<'_>, y: &mut [f64], width: usize, span: (f64, f64), tolerance: f64) -> Spent {
        let tolerance = Tolerance { absolute: tolerance, relative: tolerance };
        dormand_prince(f, y, width, span, tolerance, &mut |_, _| Ok(())).unwrap()
    }

    /// y' = −t·y: y = y₀·exp((a² − t²)/2).
    fn bell(_: &[usize], t: &[f64], y: &[f64], out: &mut [f64]) {
        for ((out, y), t) in out.iter_mut().zip(y).zip(t) {
            *out = -t * y;
        }
    }

    #[test]
    fn the_weights_are_those_of_an_order_5_pair() {
        // Of each stage Σa = c; of the weights Σb = 1, Σbc = 1/2, Σbc⁴ = 1/5, and the error's weights have sum 0 and see no power below 4.
        let sum = |w: &[f64], power: i32| w.iter().zip(C).map(|(w, c)| w * c.powi(power)).sum::<f64>();
        for stage in 0..7 {
            assert!((A[stage].iter().sum::<f64>() - C[stage]).abs() < 1e-14, "{stage}");
        }
        for power in 0..5 {
            assert!((sum(A[6], power) - 1.0 / f64::from(power + 1)).abs() < 1e-14, "{power}");
        }
        for power in 0..4 {
            assert!(sum(&E, power).abs() < 1e-15, "{power}: {}", sum(&E, power));
        }
        assert!(sum(&E, 4).abs() > 1e-5);
    }

    #[test]
    fn the_error_follows_the_tolerance_and_both_directions_work() {
        for (span, growth) in [((0.0, 3.0), (-4.5f64).exp()), ((3.0, 0.0), 4.5f64.exp())] {
            for tolerance in [1e-4, 1e-8, 1e-11] {
                let mut y = [2.0];
                solve(&mut bell, &mut y, 1, span, tolerance);
                let error = (y[0] / (2.0 * growth) - 1.0).abs();
                assert!(error < 100.0 * tolerance, "{span:?}, {tolerance}: {error}");
            }
        }
    }

    #[test]
    fn a_row_is_the_same_alone_and_beside_others() {
        // Rows of different stiffness: y' = −rate·y, the rate by the row's value of a second, constant coordinate.
        let mut f = |_: &[usize], _: &[f64], y: &[f64], out: &mut [f64]| {
            for (out, y) in out.chunks_mut(2).zip(y.chunks(2)) {
                (out[0], out[1]) = (-y[1] * y[0], 0.0);
            }
        };
        let start = [[1.0, 0.1], [2.0, 30.0], [0.5, 3.0]];
        let mut together = start.concat();
        solve(&mut f, &mut together, 2, (0.0, 1.0), 1e-9);
        for (i, row) in start.iter().enumerate() {
            let mut alone = *row;
            solve(&mut f, &mut alone, 2, (0.0, 1.0), 1e-9);
            assert_eq!(alone, together[2 * i..2 * i + 2]);
            assert!((alone[0] - row[0] * (-row[1]).exp()).abs() < 1e-7);
        }
    }

    #[test]
    fn a_row_that_runs_away_fails_alone() {
        // y' = y² from 1 is infinite at t = 1; from −1 it is −1/(1 + t).
        let mut f = |_: &[usize], _: &[f64], y: &[f64], out: &mut [f64]| {
            out.iter_mut().zip(y).for_each(|(out, y)| *out = y * y);
        };
        let mut y = [1.0, -1.0];
        let spent = solve(&mut f, &mut y, 1, (0.0, 2.0), 1e-8);
        assert!(spent.failed == 1 && y[0].is_nan() && (y[1] + 1.0 / 3.0).abs() < 1e-7, "{spent:?} {y:?}");
    }
}
